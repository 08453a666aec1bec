//! From a backup's file to a folder from which a daemon starts.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use toml_edit::{Array, DocumentMut, value};
use vekha_plugin::files::make_private;

use super::archive::{self, Archive};
use crate::store::copy::{self, Copied};

/// What was restored.
#[derive(Debug)]
pub struct Restored {
    /// The settings with which the daemon is to be started.
    pub settings: PathBuf,
    /// What the database holds; none if the backup was one of a PostgreSQL deployment.
    pub database: Option<Copied>,
    /// Files and folders that the settings name and that do not lie in the folder, by their keys: the
    /// deployment that was backed up may be at work with them.
    pub elsewhere: Vec<(String, String)>,
}

/// Unpacks a backup into a new or empty folder and proves what it holds. The settings then name what
/// lies beside them.
///
/// # Errors
/// When the folder has something in it, the backup is damaged, or the folder cannot be written.
pub async fn restore(file: &Path, folder: &Path) -> anyhow::Result<Restored> {
    let mut found = std::fs::read_dir(folder).into_iter().flatten();
    if found.next().is_some() {
        bail!("папка {} не пуста: назовите новую", folder.display());
    }
    let mut archive = Archive::open(file)?;
    make_private(folder).with_context(|| folder.display().to_string())?;
    archive.unpack(folder)?;
    let settings = folder.join(archive::SETTINGS);
    let text =
        std::fs::read_to_string(&settings).with_context(|| settings.display().to_string())?;
    let here = at_home(&text, &archive).with_context(|| settings.display().to_string())?;
    std::fs::write(&settings, &here).with_context(|| settings.display().to_string())?;
    let elsewhere = elsewhere(&here, folder).with_context(|| settings.display().to_string())?;
    let database = match archive.list.journal {
        None => None,
        Some(last) => {
            let copied = copy::prove(&folder.join(archive::DATABASE)).await?;
            if copied.last != last {
                bail!("в копии записей журнала {}, а должно быть {last}", copied.last);
            }
            Some(copied)
        }
    };
    Ok(Restored { settings, database, elsewhere })
}

/// The absolute places that settings name outside a folder, by their keys. Programs may be shared.
fn elsewhere(text: &str, folder: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let settings: toml::Value = toml::from_str(text)?;
    let home = folder.canonicalize().with_context(|| folder.display().to_string())?;
    let mut found = Vec::new();
    places(&settings, "", &mut |key, path| {
        if !Path::new(path).starts_with(&home) {
            found.push((key.to_owned(), path.to_owned()));
        }
    });
    Ok(found)
}

fn places(value: &toml::Value, key: &str, tell: &mut impl FnMut(&str, &str)) {
    match value {
        toml::Value::String(text) => {
            let path = text.strip_prefix("sqlite:").unwrap_or(text);
            if Path::new(path).is_absolute() {
                tell(key, path);
            }
        }
        toml::Value::Array(list) => list.iter().for_each(|one| places(one, key, tell)),
        toml::Value::Table(table) => {
            for (name, value) in table.iter().filter(|(name, _)| *name != "command") {
                let key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                places(value, &key, tell);
            }
        }
        _ => {}
    }
}

/// The settings with the places at which the backup's files lie now.
fn at_home(text: &str, archive: &Archive) -> anyhow::Result<String> {
    let beside = |path: &str| match path.strip_prefix("config/") {
        Some(path) => path.to_owned(),
        None => format!("../{path}"),
    };
    let mut settings: DocumentMut = text.parse()?;
    if archive.list.journal.is_some() {
        settings["database"] = value(format!("sqlite:{}", beside(archive::DATABASE)));
    }
    settings["secret-file"] = value(beside(archive::SECRET));
    let road_maps = (0..archive.list.road_maps).map(|n| beside(&archive::road_map(n)));
    settings["road-maps"] = value(road_maps.collect::<Array>());
    Ok(settings.to_string())
}

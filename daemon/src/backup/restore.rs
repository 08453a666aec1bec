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
    std::fs::write(&settings, here).with_context(|| settings.display().to_string())?;
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
    Ok(Restored { settings, database })
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

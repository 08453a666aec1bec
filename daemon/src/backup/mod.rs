//! A deployment in one file: its database as it is at one moment, its secret, its settings and its
//! road maps. Made beside a daemon at work, proved before it is called done, and unpacked into a
//! folder from which a daemon starts.
//!
//! A copy of the database's file alone is none: what was committed last lies in the log beside it, and
//! the links that were mailed are derived from the secret.

mod archive;
pub mod kept;
mod restore;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::files;
use crate::secret::Secret;
use crate::settings::Settings;
use crate::store::copy::{self, Copied};
use crate::store::witness;

use archive::{Archive, Content};
pub use restore::{Restored, restore};

/// What was put into a backup.
#[derive(Debug)]
pub struct Taken {
    /// What its database holds; none if that is PostgreSQL's own business.
    pub database: Option<Copied>,
    /// Its size in bytes.
    pub bytes: u64,
}

/// What a backup is made of.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// The file of its settings.
    settings: PathBuf,
    /// `sqlite:path` or `postgres://…`
    database: String,
    /// The file with its secret.
    secret_file: PathBuf,
    /// Folders with its road maps.
    road_maps: Vec<PathBuf>,
}

impl Deployment {
    /// That of settings that a file says.
    pub fn of(file: &Path, settings: &Settings) -> Self {
        Deployment {
            settings: file.to_owned(),
            database: settings.database.clone(),
            secret_file: settings.secret_file.clone(),
            road_maps: settings.road_maps.clone(),
        }
    }

    /// The file of its database; none if that is PostgreSQL's business.
    fn database(&self) -> Option<&Path> {
        sqlite_file(&self.database)
    }
}

/// The file of an SQLite database, by its address.
fn sqlite_file(address: &str) -> Option<&Path> {
    address.strip_prefix("sqlite:").map(|path| Path::new(path.trim_start_matches("//")))
}

/// Puts a deployment into a new file.
///
/// # Errors
/// When something of it cannot be read, the file exists or cannot be written, or the copy does not
/// hold what had been acknowledged; then there is no file.
pub async fn take(deployment: &Deployment, file: &Path) -> anyhow::Result<Taken> {
    if file.exists() {
        bail!("{}: такой файл уже есть", file.display());
    }
    let secret_file = &deployment.secret_file;
    let secret = Secret::load(secret_file)
        .with_context(|| format!("секрет {}", secret_file.display()))?
        .with_context(|| format!("секрета {} нет", secret_file.display()))?;
    let folder = tempfile_beside(file)?;
    let taken = pack(deployment, &secret, &folder, file).await;
    std::fs::remove_dir_all(&folder).ok();
    taken
}

async fn pack(
    deployment: &Deployment,
    secret: &Secret,
    folder: &Path,
    file: &Path,
) -> anyhow::Result<Taken> {
    let mut contents: BTreeMap<String, Content> = BTreeMap::new();
    let mut database = None;
    if let Some(path) = deployment.database() {
        // What is acknowledged by now must be in the copy; what comes later may be.
        let acknowledged = witness::known(path).unwrap_or(0);
        let to = folder.join("vekha.db");
        copy::copy(path, &to).await.with_context(|| format!("база {}", path.display()))?;
        let copied = copy::prove(&to).await.context("копия базы")?;
        if copied.last < acknowledged {
            bail!(
                "в копии базы нет подтверждённого: записей {}, а было {acknowledged}",
                copied.last
            );
        }
        contents.insert(archive::DATABASE.into(), Content::File(to));
        database = Some(copied);
    }
    contents.insert(archive::SECRET.into(), Content::Text(secret.to_line()));
    let config = &deployment.settings;
    let text = std::fs::read_to_string(config).with_context(|| config.display().to_string())?;
    contents.insert(archive::SETTINGS.into(), Content::Text(text));
    for (number, road_map) in deployment.road_maps.iter().enumerate() {
        let files = files::load(road_map)
            .with_context(|| format!("дорожная карта {}", road_map.display()))?;
        for (path, text) in files.0 {
            contents.insert(format!("{}/{path}", archive::road_map(number)), Content::Text(text));
        }
    }
    let (part, count) = (folder.join("archive"), deployment.road_maps.len());
    let written = part.clone();
    // Off the threads that serve: a daemon may be at work around it.
    let packing = tokio::task::spawn_blocking(move || {
        Archive::write(&written, &contents, database, count)?;
        // What was written is read once more before it is called a backup.
        Archive::open(&written)?.check()
    });
    packing.await.context("упаковка прервана")??;
    std::fs::rename(&part, file).with_context(|| file.display().to_string())?;
    Ok(Taken { database, bytes: std::fs::metadata(file)?.len() })
}

/// A new folder on the file's own disk, for what is made on the way; its owner's alone.
fn tempfile_beside(file: &Path) -> anyhow::Result<PathBuf> {
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".part-{}", std::process::id()));
    let folder = PathBuf::from(name);
    let mut builder = std::fs::DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(&folder).with_context(|| folder.display().to_string())?;
    Ok(folder)
}

//! Backups that the daemon makes when it is asked and keeps beside its database. Each is a file, and a
//! line beside it that tells of it; the file takes its name last, so there is no backup before it is
//! whole and told of. What a daemon left that was killed meanwhile goes with the next start.
//!
//! One is made at a time. What is being made, and what failed, this daemon alone knows: with its end
//! both are forgotten.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use vekha_plugin::files::{make_private, write_private};

use super::{Deployment, sqlite_file, take};
use crate::settings::Settings;
use crate::store::copy::Copied;

/// How many are kept if the settings do not say.
const KEEP: u64 = 7;

/// Failures that are remembered.
const REMEMBERED: usize = 10;

/// How the file of a backup ends, and that of what is told of it.
const FILE: &str = "zip";
const LINE: &str = "json";

/// How the file ends that is not a backup yet: as nobody else's does.
const NEW: &str = "zip.vekha-new";

/// How it ends while it is being removed.
const GONE: &str = "zip.vekha-gone";

/// A backup.
#[derive(Debug, Clone, Serialize)]
pub struct Backup {
    /// Lower-case Latin letters, digits and hyphens, up to 40.
    pub id: String,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// How it stands.
    pub state: State,
}

/// How a backup stands.
#[derive(Debug, Clone, Serialize)]
pub enum State {
    /// It is being made.
    Creating,
    /// It is kept, and was read once more to its end.
    Ready(Proof),
    /// It was not made; why, for people.
    Failed(String),
}

/// What is known of a backup that is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Proof {
    /// When it was done.
    pub finished_at: Timestamp,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its file, lower-case hex.
    pub sha256: String,
    /// Runs in its database.
    pub runs: usize,
    /// Entries of its journal, which is whole.
    pub entries: usize,
    /// Cursor of the last of them.
    pub last: i64,
}

/// The line beside a backup.
#[derive(Serialize, Deserialize)]
struct Line {
    created_at: Timestamp,
    created_by: String,
    #[serde(flatten)]
    proof: Proof,
}

/// Why none is begun.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotBegun {
    /// The database is PostgreSQL's.
    #[error(
        "база этого демона — PostgreSQL: её сохраняет pg_dump (pg_dump --format=custom) и возвращает \
         pg_restore; секрет, настройки и карты сложит в файл vekha backup ФАЙЛ на машине демона"
    )]
    Elsewhere,
    /// The settings are from no file, so that nobody could start from the backup.
    #[error("настройки этого демона не из файла: развернуть копию было бы не с чем")]
    NoSettings,
    /// Another one is being made.
    #[error("уже делается другая копия, {0}: дождитесь её")]
    Busy(String),
    /// There is one of this id.
    #[error("копия {0} уже есть")]
    Exists(String),
    /// A file of somebody else's is called so.
    #[error("в папке копий уже есть {0}, и это не копия Вехи: назовите копию иначе")]
    Taken(String),
    /// The folder cannot be read.
    #[error("папка копий: {0}")]
    Folder(String),
}

/// The backups of a daemon.
#[derive(Debug)]
pub struct Backups {
    deployment: Result<Deployment, NotBegun>,
    folder: PathBuf,
    keep: usize,
    known: Mutex<Known>,
}

/// What this daemon alone knows.
#[derive(Debug, Default)]
struct Known {
    making: Option<Backup>,
    failed: Vec<Backup>,
}

/// Whether a backup may be called so.
pub fn is_backup(id: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=40).contains(&id.len()) && id.chars().all(fits)
}

impl Backups {
    /// Those of a daemon with these settings. What a killed one left unfinished is removed.
    pub fn of(settings: &Settings) -> Self {
        let database = sqlite_file(&settings.database);
        let beside = database.and_then(Path::parent).unwrap_or(Path::new("")).join("backups");
        let deployment = match (database, &settings.file) {
            (None, _) => Err(NotBegun::Elsewhere),
            (Some(_), None) => Err(NotBegun::NoSettings),
            (Some(_), Some(file)) => Ok(Deployment::of(file, settings)),
        };
        let backups = Backups {
            deployment,
            folder: settings.backups.folder.clone().unwrap_or(beside),
            keep: usize::try_from(settings.backups.keep.unwrap_or(KEEP)).unwrap_or(usize::MAX),
            known: Mutex::default(),
        };
        if backups.deployment.is_ok()
            && let Err(e) = backups.sweep()
        {
            tracing::warn!("what a backup left unfinished was not removed: {e}");
        }
        backups
    }

    /// All of them, by id.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn all(&self) -> io::Result<Vec<Backup>> {
        let mut all: Vec<Backup> = {
            let known = self.known();
            known.making.iter().chain(&known.failed).cloned().collect()
        };
        all.extend(self.kept()?);
        all.sort_by(|one, next| one.id.cmp(&next.id));
        all.dedup_by(|next, one| next.id == one.id);
        Ok(all)
    }

    /// One of them.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn get(&self, id: &str) -> io::Result<Option<Backup>> {
        Ok(self.all()?.into_iter().find(|one| one.id == id))
    }

    /// The file of one that is kept.
    pub fn file(&self, id: &str) -> PathBuf {
        self.folder.join(id).with_extension(FILE)
    }

    /// Whether one could be begun, and how it would stand then.
    ///
    /// # Errors
    /// Why not.
    pub fn would_begin(&self, id: &str, by: &str, now: Timestamp) -> Result<Backup, NotBegun> {
        self.deployment.as_ref().map_err(Clone::clone)?;
        self.may_begin(&self.known(), id)?;
        Ok(begun(id, by, now))
    }

    /// Begins one; [`Backups::make`] makes it.
    ///
    /// # Errors
    /// Why not.
    pub fn begin(&self, id: &str, by: &str, now: Timestamp) -> Result<Backup, NotBegun> {
        self.deployment.as_ref().map_err(Clone::clone)?;
        let mut known = self.known();
        self.may_begin(&known, id)?;
        let backup = begun(id, by, now);
        known.failed.retain(|one| one.id != id);
        known.making = Some(backup.clone());
        Ok(backup)
    }

    /// Makes the one that was begun: it is shown as being made until [`Backups::end`] says what came of
    /// it.
    ///
    /// # Errors
    /// Why it was not made; then nothing of it is left.
    pub async fn make(
        &self,
        backup: &Backup,
        now: impl Fn() -> Timestamp,
    ) -> anyhow::Result<Proof> {
        let made = self.made(backup, now).await;
        if made.is_err() {
            fs::remove_file(self.folder.join(&backup.id).with_extension(NEW)).ok();
            self.remove(&backup.id).ok();
        }
        made
    }

    /// One that was begun is made, or it is said, for people, why it was not; that is remembered.
    pub fn end(&self, backup: &Backup, made: Result<(), String>) {
        let mut known = self.known();
        known.making = None;
        if let Err(why) = made {
            tracing::error!(backup = backup.id, "a backup was not made: {why}");
            known.failed.push(Backup { state: State::Failed(why), ..backup.clone() });
            let surplus = known.failed.len().saturating_sub(REMEMBERED);
            known.failed.drain(..surplus);
        }
    }

    /// The oldest of more than are to be kept.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn surplus(&self) -> io::Result<Vec<Backup>> {
        let mut kept = self.kept()?;
        kept.sort_by(|one, next| (one.created_at, &one.id).cmp(&(next.created_at, &next.id)));
        kept.truncate(kept.len().saturating_sub(self.keep));
        Ok(kept)
    }

    /// Puts one that is kept out of the way, so that it can be told that it is removed: whether the folder
    /// takes changes shows now, and takes no room on the disk. Until [`Backups::remove`] it can be put
    /// back, and a daemon that is killed in between puts it back with its next start.
    ///
    /// # Errors
    /// When the folder takes no changes.
    pub fn set_aside(&self, id: &str) -> io::Result<()> {
        self.renamed(id, FILE, GONE)
    }

    /// Puts one back that was put out of the way.
    ///
    /// # Errors
    /// When the folder takes no changes.
    pub fn put_back(&self, id: &str) -> io::Result<()> {
        self.renamed(id, GONE, FILE)
    }

    /// What failed has no file.
    fn renamed(&self, id: &str, from: &str, to: &str) -> io::Result<()> {
        let place = self.folder.join(id);
        match fs::rename(place.with_extension(from), place.with_extension(to)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        }
    }

    /// Removes one that is kept, or forgets one that failed.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(&self, id: &str) -> io::Result<()> {
        self.known().failed.retain(|one| one.id != id);
        // The file first: a line without one is swept.
        for ending in [FILE, GONE, LINE] {
            match fs::remove_file(self.folder.join(id).with_extension(ending)) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether the file of a backup is there, under its name or on its way out.
    fn is_there(&self, id: &str) -> bool {
        [FILE, GONE].iter().any(|ending| self.folder.join(id).with_extension(ending).exists())
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn may_begin(&self, known: &Known, id: &str) -> Result<(), NotBegun> {
        if let Some(making) = &known.making {
            return Err(NotBegun::Busy(making.id.clone()));
        }
        let kept = self.kept().map_err(|e| NotBegun::Folder(e.to_string()))?;
        if kept.iter().any(|one| one.id == id) {
            return Err(NotBegun::Exists(id.to_owned()));
        }
        let others = [FILE, LINE].map(|ending| self.folder.join(id).with_extension(ending));
        match others.iter().find(|path| path.exists()) {
            Some(path) => Err(NotBegun::Taken(path.display().to_string())),
            None => Ok(()),
        }
    }

    async fn made(&self, backup: &Backup, now: impl Fn() -> Timestamp) -> anyhow::Result<Proof> {
        let deployment = self.deployment.as_ref().map_err(Clone::clone)?;
        let folder = &self.folder;
        make_private(folder).with_context(|| format!("папка {}", folder.display()))?;
        let (file, new) = (self.file(&backup.id), self.folder.join(&backup.id).with_extension(NEW));
        let taken = take(deployment, &new).await?;
        let hashed = new.clone();
        let sha256 = tokio::task::spawn_blocking(move || hash(&hashed)).await??;
        let Copied { runs, entries, last } = taken.database.context("базы в копии нет")?;
        let proof = Proof { finished_at: now(), bytes: taken.bytes, sha256, runs, entries, last };
        let kept = self.write_line(backup, &proof).and_then(|()| fs::rename(&new, &file));
        // The names are to be there after a power cut.
        let kept = kept.and_then(|()| File::open(folder)?.sync_all());
        kept.with_context(|| file.display().to_string())?;
        Ok(proof)
    }

    fn write_line(&self, backup: &Backup, proof: &Proof) -> io::Result<()> {
        let line = Line {
            created_at: backup.created_at,
            created_by: backup.created_by.clone(),
            proof: proof.clone(),
        };
        let place = self.folder.join(&backup.id).with_extension(LINE);
        write_private(&place, serde_json::to_string(&line)?.as_bytes())
    }

    /// Those that are kept.
    fn kept(&self) -> io::Result<Vec<Backup>> {
        let found = match fs::read_dir(&self.folder) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
            found => found?,
        };
        let mut kept = Vec::new();
        for entry in found {
            let path = entry?.path();
            let id = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            let is_line = path.extension().is_some_and(|ending| ending == LINE);
            if !is_line || !is_backup(id) || !self.file(id).exists() {
                continue;
            }
            let Some(Line { created_at, created_by, proof }) = line_of_ours(&path) else {
                continue;
            };
            let state = State::Ready(proof);
            kept.push(Backup { id: id.to_owned(), created_at, created_by, state });
        }
        Ok(kept)
    }

    /// Removes what a killed daemon left, and nothing that somebody else put here.
    fn sweep(&self) -> io::Result<()> {
        let found = match fs::read_dir(&self.folder) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            found => found?,
        };
        for entry in found {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let (id, ending) = name.split_once('.').unwrap_or((name, ""));
            if !is_backup(id) {
                continue;
            }
            let stands_alone =
                || ending == LINE && !self.is_there(id) && line_of_ours(&path).is_some();
            if path.is_dir() && ending.starts_with(&format!("{NEW}.part-")) {
                fs::remove_dir_all(&path)?;
            } else if ending == GONE {
                self.put_back(id)?;
            } else if ending == NEW || stands_alone() {
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }
}

/// What a file tells of a backup; none if it is somebody else's, or cannot be read.
fn line_of_ours(path: &Path) -> Option<Line> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

fn begun(id: &str, by: &str, now: Timestamp) -> Backup {
    Backup { id: id.to_owned(), created_at: now, created_by: by.to_owned(), state: State::Creating }
}

/// SHA-256 of a file, lower-case hex.
fn hash(file: &Path) -> io::Result<String> {
    let mut hasher = Sha256::new();
    io::copy(&mut File::open(file)?, &mut hasher)?;
    Ok(hex::encode(hasher.finalize()))
}

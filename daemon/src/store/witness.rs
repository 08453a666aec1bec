//! The witness beside an SQLite file: `vekha.db-witness`. The daemon holds it locked for as long as it
//! lives, so that a second one on the same file is refused, and writes into it, commit by commit, how
//! far the journal reaches that it has acknowledged.
//!
//! What SQLite has committed and not yet copied into the database lies in a log beside it. A database
//! that was copied without its log, or whose log was deleted or cut, opens without a word and lacks
//! what was promised: the witness knows. It is not forced to the disk with every commit, so after a
//! power cut it may know of less than was promised; never of more.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::OpenError;
use crate::private;

/// The file's only line is of this length, the line's end included, so that it is overwritten in place:
/// that needs no room on a full disk.
const LINE: usize = 21;

/// The witness of an open database.
#[derive(Debug, Clone)]
pub struct Witness {
    held: Arc<Mutex<Held>>,
}

#[derive(Debug)]
struct Held {
    /// None once it is let go.
    file: Option<File>,
    /// Whether its last writing failed: said once.
    mute: bool,
}

impl Witness {
    /// Where the witness of a database lies.
    pub fn path(database: &Path) -> PathBuf {
        let mut name = database.as_os_str().to_owned();
        name.push("-witness");
        name.into()
    }

    /// Locks the witness of a database and reads what it knows: how far the acknowledged journal
    /// reaches, none if nobody has written it yet.
    ///
    /// # Errors
    /// When another daemon holds it, or it cannot be opened.
    pub fn hold(database: &Path) -> Result<(Self, Option<i64>), OpenError> {
        let path = Witness::path(database);
        let unusable = |e: std::io::Error| OpenError::Folder(format!("{}: {e}", path.display()));
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(unusable)?;
        private::close(&path, private::OTHERS);
        file.try_lock().map_err(|e| match e {
            TryLockError::WouldBlock => OpenError::Held(database.display().to_string()),
            TryLockError::Error(e) => unusable(e),
        })?;
        let known = read(&file).map_err(unusable)?;
        let held = Held { file: Some(file), mute: false };
        Ok((Witness { held: Arc::new(Mutex::new(held)) }, known))
    }

    /// Notes that the journal is acknowledged up to this cursor.
    pub fn note(&self, cursor: i64) {
        let mut held = self.held();
        let Some(file) = &held.file else { return };
        match file.write_all_at(line(cursor).as_bytes(), 0) {
            Ok(()) => held.mute = false,
            Err(e) if !held.mute => {
                tracing::warn!("the witness of the database cannot be written: {e}");
                held.mute = true;
            }
            Err(_) => {}
        }
    }

    /// Lets the database go; another daemon may take it.
    pub fn release(&self) {
        if let Some(file) = self.held().file.take() {
            file.sync_all().ok();
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the witness of a database knows that nobody holds.
pub fn known(database: &Path) -> Option<i64> {
    read(&File::open(Witness::path(database)).ok()?).ok().flatten()
}

fn line(cursor: i64) -> String {
    format!("{cursor:020}\n")
}

fn read(file: &File) -> std::io::Result<Option<i64>> {
    let mut text = vec![0; LINE];
    let length = file.read_at(&mut text, 0)?;
    let text = String::from_utf8_lossy(&text[..length]);
    Ok(text.trim().parse().ok())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_is_known_to_the_next_and_one_at_a_time_holds_it() {
        let folder = std::env::temp_dir().join(format!("vekha-witness-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let database = folder.join("vekha.db");
        let (first, known) = Witness::hold(&database).unwrap();
        assert_eq!(known, None);
        first.note(12_345);
        first.note(7);
        assert!(matches!(Witness::hold(&database), Err(OpenError::Held(_))));
        first.release();
        let (second, known) = Witness::hold(&database).unwrap();
        assert_eq!(known, Some(7));
        second.release();
        std::fs::remove_dir_all(folder).unwrap();
    }
}

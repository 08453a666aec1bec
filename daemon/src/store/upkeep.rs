//! What an SQLite file needs from time to time: that its log is copied into it and gives back the disk.
//!
//! A reader that holds on to an old state of the database, ours or a foreign program's, keeps the log
//! from being used again: it grows with every commit. Nothing can be taken from such a reader; but it
//! can be said, and once it lets go the disk is given back.

use std::path::Path;

use sqlx::Row as _;

use super::connections::LOG_KEEPS;
use super::{Store, StoreError, away};

/// From this size on a log is too long: four times what it keeps.
const TOO_LONG: u64 = 4 * LOG_KEEPS;

/// How SQLite's log stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log {
    /// Its size in bytes.
    pub bytes: u64,
    /// Somebody still reads what is older: it could not be emptied.
    pub held: bool,
}

impl Log {
    /// Whether it grows because somebody does not let go.
    pub fn is_too_long(self) -> bool {
        self.held && self.bytes > TOO_LONG
    }
}

impl Store {
    /// Has a log that has grown give back the disk; to be called once in a while. None where there is
    /// no such log.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn keep_up(&self) -> Result<Option<Log>, StoreError> {
        let Some(file) = &self.file else { return Ok(None) };
        let bytes = size_of_log(file);
        if bytes <= LOG_KEEPS {
            return Ok(Some(Log { bytes, held: false }));
        }
        let held = !self.empty_log().await?;
        let log = Log { bytes: size_of_log(file), held };
        if log.is_too_long() {
            tracing::warn!(
                megabytes = log.bytes / 1024 / 1024,
                "the database's log grows: some program holds an old state of {} open",
                file.display()
            );
        }
        Ok(Some(log))
    }

    /// How the log stands by its size; what holds it is known only to who tries to empty it. None where
    /// there is no such log.
    pub fn log(&self) -> Option<Log> {
        let bytes = size_of_log(self.file.as_ref()?);
        Some(Log { bytes, held: bytes > LOG_KEEPS })
    }

    /// Copies SQLite's log into the database and cuts it to nothing, without waiting for readers.
    /// Returns whether it is empty.
    ///
    /// # Errors
    /// When the database cannot be reached or written.
    pub(super) async fn empty_log(&self) -> Result<bool, StoreError> {
        let mut connection =
            self.writer.get_sqlite_connection_pool().acquire().await.map_err(away)?;
        let patience: i64 = sqlx::query("PRAGMA busy_timeout")
            .fetch_one(&mut *connection)
            .await
            .and_then(|row| row.try_get(0))
            .map_err(away)?;
        let set =
            |wait: i64| sqlx::raw_sql(sqlx::AssertSqlSafe(format!("PRAGMA busy_timeout = {wait}")));
        set(0).execute(&mut *connection).await.map_err(away)?;
        let done = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut *connection).await;
        set(patience).execute(&mut *connection).await.map_err(away)?;
        let busy: i64 = done.and_then(|row| row.try_get(0)).map_err(away)?;
        Ok(busy == 0)
    }
}

fn size_of_log(file: &Path) -> u64 {
    let mut name = file.as_os_str().to_owned();
    name.push("-wal");
    std::fs::metadata(name).map_or(0, |metadata| metadata.len())
}

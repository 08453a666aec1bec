//! Rows that cannot be read: a release that no longer knows what an older one wrote, a hand that
//! changed a database, a disk that lied. Such a row stops nothing but what is about it; it is never
//! deleted, and it is named, once in the log and for as long as it stands to who looks at the daemon.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sea_orm::DbErr;

use super::Store;

/// Most rows that are named at a time: where more are unreadable, the first tell enough.
const MOST: usize = 200;

/// The unreadable rows that were met, and why each is unreadable.
#[derive(Debug, Clone, Default)]
pub(super) struct Aside(Arc<Mutex<BTreeMap<String, String>>>);

impl Aside {
    fn rows(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is said of a row that cannot be read.
pub(crate) fn unreadable(row: &str, why: impl std::fmt::Display) -> DbErr {
    DbErr::Json(format!("«{row}» не читается: {why}"))
}

/// Whether an error is about a row that cannot be read; else it is the database's.
pub(crate) fn is_unreadable(e: &DbErr) -> bool {
    matches!(e, DbErr::Json(_))
}

/// What such an error says, for people.
pub(crate) fn words(e: &DbErr) -> String {
    match e {
        DbErr::Json(words) => words.clone(),
        e => e.to_string(),
    }
}

impl Store {
    /// A row's value; none if the row cannot be read, which is then noted.
    ///
    /// # Errors
    /// When it is the database that failed.
    pub(crate) fn readable<T>(
        &self,
        row: &str,
        read: Result<T, DbErr>,
    ) -> Result<Option<T>, DbErr> {
        match read {
            Ok(value) => {
                self.read_again(row);
                Ok(Some(value))
            }
            Err(e) if is_unreadable(&e) => {
                self.put_aside(row, &words(&e));
                Ok(None)
            }
            Err(e) => Err(e),
        }
    }

    /// Notes a row that cannot be read.
    pub(crate) fn put_aside(&self, row: &str, why: &str) {
        let mut rows = self.aside.rows();
        if rows.len() < MOST && rows.insert(row.to_owned(), why.to_owned()).is_none() {
            tracing::error!(row, "unreadable, put aside: {why}");
        }
    }

    /// A row that could not be read can be read: somebody has mended it.
    pub(crate) fn read_again(&self, row: &str) {
        let mut rows = self.aside.rows();
        if !rows.is_empty() && rows.remove(row).is_some() {
            tracing::info!(row, "readable again");
        }
    }

    /// The rows that were found unreadable, and why.
    pub fn unreadable_rows(&self) -> BTreeMap<String, String> {
        self.aside.rows().clone()
    }
}

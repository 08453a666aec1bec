//! Rows that cannot be read: a release that no longer knows what an older one wrote, a hand that
//! changed a database, a disk that lied. Such a row stops nothing but what is about it; it is never
//! deleted, and it is named, once in the log and for as long as it stands to who looks at the daemon.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::StoreError;
use super::entities::{job, outbox};
use super::{Store, micros};

/// Most rows that are named at a time: where more are unreadable, the first tell enough.
const MOST: usize = 200;

/// What is not met again for so long stands no more: what is put off is looked at each hour.
const MET_AGAIN: Duration = Duration::from_secs(70 * 60);

/// What is said of a row that cannot be read, wherever that is said.
const NOT_READ: &str = "не читается";

/// The unreadable rows that were met: why each is unreadable, and when it was met last.
#[derive(Debug, Clone, Default)]
pub(super) struct Aside(Arc<Mutex<BTreeMap<String, (String, Instant)>>>);

impl Aside {
    fn rows(&self) -> MutexGuard<'_, BTreeMap<String, (String, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is said of a row that cannot be read.
pub(crate) fn unreadable(row: &str, why: impl std::fmt::Display) -> StoreError {
    StoreError::Unreadable(format!("«{row}» {NOT_READ}: {why}"))
}

impl Store {
    /// A row's value; none if the row cannot be read, which is then noted.
    ///
    /// # Errors
    /// When it is the database that failed.
    pub(crate) fn readable<T>(
        &self,
        row: &str,
        read: Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        match read {
            Ok(value) => {
                self.read_again(row);
                Ok(Some(value))
            }
            Err(StoreError::Unreadable(why)) => {
                self.put_aside(row, &why);
                Ok(None)
            }
            Err(e) => Err(e),
        }
    }

    /// Notes a row that cannot be read.
    pub(crate) fn put_aside(&self, row: &str, why: &str) {
        let mut rows = self.aside.rows();
        let known = rows.contains_key(row);
        if known || rows.len() < MOST {
            rows.insert(row.to_owned(), (why.to_owned(), Instant::now()));
        }
        if !known {
            tracing::error!(row, "unreadable, put aside: {why}");
        }
    }

    /// Notes the row of which this was said, as [`unreadable`] says it.
    pub(crate) fn put_aside_by(&self, words: &str) {
        if let Some((row, why)) = words.strip_prefix('«').and_then(|words| words.split_once("» "))
        {
            self.put_aside(row, why);
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
        let mut rows = self.aside.rows();
        rows.retain(|_, (_, met)| met.elapsed() < MET_AGAIN);
        rows.iter().map(|(row, (why, _))| (row.clone(), why.clone())).collect()
    }

    /// Has what was put off because something could not be read looked at again: this release may be
    /// able to, or somebody has mended it.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn look_again(&self, now: Timestamp) -> Result<(), StoreError> {
        job::Entity::update_many()
            .col_expr(job::Column::DueAt, Expr::value(micros(now)))
            .filter(job::Column::Error.contains(NOT_READ))
            .filter(job::Column::DueAt.gt(micros(now)))
            .exec(self.writer())
            .await?;
        outbox::Entity::update_many()
            .col_expr(outbox::Column::NextAttemptAt, Expr::value(micros(now)))
            .filter(outbox::Column::State.eq("pending"))
            .filter(outbox::Column::Error.contains(NOT_READ))
            .filter(outbox::Column::NextAttemptAt.gt(micros(now)))
            .exec(self.writer())
            .await?;
        Ok(())
    }
}

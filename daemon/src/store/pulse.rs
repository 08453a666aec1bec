//! Whether the database answers and takes what is written. A commit that failed is suspicious; whether
//! the database is ill is found out by asking it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use sea_orm::ConnectionTrait;
use tokio::time::timeout;

use super::proof::UNSOUND;
use super::{Store, StoreError};

/// How long the database may take to answer the simplest of questions.
const PATIENCE: Duration = Duration::from_secs(3);

/// How many commits have failed.
#[derive(Debug, Clone, Default)]
pub(super) struct Failures(Arc<AtomicU64>);

/// What is wrong with the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ill {
    /// It does not even answer readers.
    pub reads: bool,
    /// What it says, for people.
    pub reason: String,
}

impl Store {
    /// Notes that a commit failed.
    pub(super) fn failed(&self) {
        self.failures.0.fetch_add(1, Ordering::Relaxed);
    }

    /// How many commits have failed so far.
    pub fn failures(&self) -> u64 {
        self.failures.0.load(Ordering::Relaxed)
    }

    /// Asks the database whether it answers and, if it is suspected not to, whether it takes what is
    /// written. Never takes longer than some seconds.
    pub async fn feel_pulse(&self, suspected: bool, now: Timestamp) -> Option<Ill> {
        let ill = |reads: bool, e: StoreError| Ill { reads, reason: e.to_string() };
        if !self.is_sound() {
            return Some(Ill { reads: false, reason: UNSOUND.to_owned() });
        }
        if let Err(e) =
            bounded(async { Ok(self.reader().execute_unprepared("SELECT 1").await?) }).await
        {
            return Some(ill(true, e));
        }
        if suspected && let Err(e) = bounded(self.note_touched(now)).await {
            return Some(ill(false, e));
        }
        None
    }
}

async fn bounded<T>(work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    let waited = timeout(PATIENCE, work).await;
    waited.unwrap_or_else(|_| {
        let text = format!("база не ответила за {} с", PATIENCE.as_secs());
        Err(StoreError::no_connection(text))
    })
}

//! What a database knows of time: whether it is lived in or rehearsed with, and how far time has come.

use jiff::{SignedDuration, Timestamp};

use super::{OpenError, Store, StoreError, instant, micros};

/// A mark: whose time it is, `life` or `rehearsal`.
const TIME: &str = "time";

/// A mark: the last moment that is known to have been, in microseconds.
const REACHED: &str = "reached";

/// A mark that says nothing: it is written to see whether the database takes it.
const TOUCHED: &str = "touched";

/// How much is written then, in bytes: what little room is left must not look like enough.
const TOUCH: usize = 64 * 1024;

/// How much later than now the journal may be for a database that is lived in.
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Whose time a database has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    /// People's.
    Life,
    /// That of a rehearsal, which runs ahead: people are not meant.
    Rehearsal,
}

impl Time {
    fn as_str(self) -> &'static str {
        match self {
            Time::Life => "life",
            Time::Rehearsal => "rehearsal",
        }
    }
}

impl Store {
    /// Gives a new database its time, or finds out whether it has this one: what was rehearsed would
    /// stand among what happened, and schedules would have been done with for years.
    ///
    /// # Errors
    /// When it has the other one, or the database fails.
    pub async fn claim_time(
        &self,
        time: Time,
        now: Timestamp,
        database: &str,
    ) -> Result<(), OpenError> {
        let held = match self.mark(TIME).await? {
            Some(held) => held,
            None => {
                // A database of a release that kept no such mark: what lies ahead was rehearsed.
                let newest = self.newest_entry().await?;
                let ahead = newest.is_some_and(|e| instant(e.at).duration_since(now) > DAY);
                let own = if ahead { Time::Rehearsal } else { time };
                self.claim_mark(TIME, own.as_str()).await?
            }
        };
        match (time, held == time.as_str()) {
            (_, true) => Ok(()),
            (Time::Life, _) => Err(OpenError::Rehearsed(database.to_owned())),
            (Time::Rehearsal, _) => Err(OpenError::Lived(database.to_owned())),
        }
    }

    /// The last moment that is known to have been; none if nothing is known.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn reached(&self) -> Result<Option<Timestamp>, StoreError> {
        let mark = self.mark(REACHED).await?;
        Ok(mark.and_then(|micros| micros.parse().ok()).map(instant))
    }

    /// Writes as much as a commit does, to see whether that is possible, and takes it back.
    ///
    /// # Errors
    /// When it is not.
    pub(super) async fn note_touched(&self, now: Timestamp) -> Result<(), StoreError> {
        let now = micros(now).to_string();
        self.set_mark(TOUCHED, &".".repeat(TOUCH)).await?;
        self.set_mark(TOUCHED, &now).await
    }

    /// Notes how far time has come.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn note_reached(&self, now: Timestamp) -> Result<(), StoreError> {
        self.set_mark(REACHED, &micros(now).to_string()).await
    }
}

//! Whether the mail server is away. That is no fault of a letter: while it lasts letters are held, no
//! try is counted, and one letter at a time is sent to see whether the server is back.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::Clock;

/// How long after a try in vain the server is tried again.
const PAUSE: Duration = Duration::from_secs(5);

/// What is known of the mail server.
#[derive(Debug, Default)]
pub struct Outage {
    now: Mutex<Option<Away>>,
}

/// The server is away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Away {
    /// Since when.
    pub since: Timestamp,
    /// What is wrong, for people.
    pub reason: String,
    /// When it is tried again.
    pub again: Timestamp,
}

impl Outage {
    /// What is wrong with the server; none as long as nothing is.
    pub fn now(&self) -> Option<Away> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A try failed for the server's own reasons.
    pub(crate) fn met(&self, reason: &str, clock: &Clock) {
        let now = clock.now();
        let again = now.saturating_add(clock.span(PAUSE)).unwrap_or(Timestamp::MAX);
        let mut away = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if away.is_none() {
            tracing::warn!("letters are held: {reason}");
        }
        let since = away.as_ref().map_or(now, |away| away.since);
        *away = Some(Away { since, reason: reason.to_owned(), again });
    }

    /// The server took or refused a letter: it is there.
    pub(crate) fn over(&self) {
        let away = self.now.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Away { since, .. }) = away {
            tracing::info!(%since, "the mail server is back: letters go on");
        }
    }
}

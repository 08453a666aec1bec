//! The log says which bound was met: at once, and then at most once a minute with how often since.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How often a bound is told.
const MINUTE: Duration = Duration::from_secs(60);

/// What may be met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bound {
    /// Connections at a time: somebody had to wait or an idle one had to go.
    Connections,
    /// Connections of one address.
    Share,
    /// The system gives no more.
    Descriptors,
    /// The time for a connection's first headers.
    Headers,
    /// Bytes being received.
    Receiving,
    /// The time that a body may take.
    Slow,
    /// Rows and fields of a form.
    Rows,
    /// Keys that were wrong.
    Guesses,
    /// Names by which nobody here calls us.
    Names,
    /// Open pages that are told of changes.
    Watchers,
}

impl Bound {
    /// What it bounds, for the log.
    fn words(self) -> &'static str {
        match self {
            Bound::Connections => "connections at a time",
            Bound::Share => "connections of one address",
            Bound::Descriptors => "open files of the process",
            Bound::Headers => "time for a request's headers",
            Bound::Receiving => "bytes being received",
            Bound::Slow => "time for a request's body",
            Bound::Rows => "rows and fields of a form",
            Bound::Guesses => "access by the right token",
            Bound::Names => "calls by this machine's own names",
            Bound::Watchers => "open pages that are told of changes",
        }
    }
}

/// Bounds whose minute is running, each with how often it was met since it was told.
static RUNNING: Mutex<BTreeMap<Bound, u64>> = Mutex::new(BTreeMap::new());

/// Tells that a bound was met. `by` says by whom or how, of the first within the minute.
pub fn met(bound: Bound, by: &dyn Display) {
    let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(more) = running.get_mut(&bound) {
        *more += 1;
        return;
    }
    tracing::warn!(bound = bound.words(), %by, "a bound of the port is met");
    let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
    running.insert(bound, 0);
    runtime.spawn(tell_the_rest(Minute(bound)));
}

/// A minute that is running. It ends with whoever counts it, also if the runtime does.
struct Minute(Bound);

impl Minute {
    /// How often the bound was met since it was told.
    fn count(&self) -> u64 {
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        running.get_mut(&self.0).map(std::mem::take).unwrap_or_default()
    }
}

impl Drop for Minute {
    fn drop(&mut self) {
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

async fn tell_the_rest(minute: Minute) {
    loop {
        tokio::time::sleep(MINUTE).await;
        match minute.count() {
            0 => break,
            count => {
                let bound = minute.0.words();
                tracing::warn!(bound, count, "a bound of the port was met within the last minute");
            }
        }
    }
}

//! Listeners are told what happens: another system's register, a feed, a dashboard.

use async_trait::async_trait;
use serde_json::{Map, Value};

use crate::Plugin;

/// Is told what happens.
#[async_trait]
pub trait Listener: Plugin {
    /// Takes events, in their order. Returns how many of them it has taken, from the first on: those are
    /// not told again, and the first of the others begins the next call. Events that were told before may
    /// come again, each under the id that it had.
    ///
    /// # Errors
    ///
    /// [`ListenError`], which tells the caller whether it is the fault of the first event; then none of
    /// them is taken.
    async fn hear(&self, events: &[Event]) -> Result<usize, ListenError>;
}

/// Something that happened: an entry of the journal.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Event {
    /// Its own for ever: whoever meets it twice was told twice.
    pub id: String,
    /// Its place among all; grows, gaps are possible.
    pub cursor: i64,
    /// Name of the run that it is of; empty if it is of none.
    pub run: String,
    /// Name of the activity; empty if it is of none.
    pub activity: String,
    /// Its place within the run, or the activity, from 1 on without gaps.
    pub sequence: i64,
    /// When it happened, in milliseconds since the Unix epoch.
    pub at: i64,
    /// Who did it.
    pub actor: String,
    /// What it was: `submitted`.
    pub kind: String,
    /// Its facts.
    pub data: Map<String, Value>,
}

/// Nothing was taken. The sentences are in Russian.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListenError {
    /// The first event is not taken as it is; after some tries it is given up, and the next one comes.
    #[error("{0}")]
    Refused(String),
    /// Nothing can be taken now: all are told later.
    #[error("{0}")]
    Failed(String),
}

//! What went wrong beneath a request: the database, or one row of it.

use crate::store::StoreError;

/// A failure that a listener passes on to whoever asked.
pub trait Fault: std::fmt::Display {
    /// If it is a row that cannot be read, what is said of it: waiting is of no use then. Else it is
    /// the database that does not answer.
    fn unreadable(&self) -> Option<String> {
        None
    }
}

impl Fault for StoreError {
    fn unreadable(&self) -> Option<String> {
        self.is_unreadable().then(|| self.to_string())
    }
}

impl Fault for String {}

/// Work beside the threads that serve broke off.
impl Fault for tokio::task::JoinError {}

//! What was read for earlier requests, so that a file that has not changed is not read again.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use vekha_plugin::{FetchRequest, Fetched};

use super::newest::Look;

/// Most outcomes that are kept; the oldest goes first.
const MOST: usize = 64;

/// Records, or all that is wrong with the file.
pub(crate) type Outcome = Result<Fetched, String>;

/// What a file came to.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub look: Look,
    /// SHA-256 of the content.
    pub hash: [u8; 32],
    pub outcome: Outcome,
}

/// The last outcomes by request.
#[derive(Debug, Default)]
pub(crate) struct Memory(Mutex<VecDeque<(FetchRequest, Known)>>);

impl Memory {
    /// What was read for the same request: for the same organisations, too.
    pub(crate) fn recall(&self, request: &FetchRequest) -> Option<Known> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|(earlier, _)| earlier == request).map(|(_, known)| known.clone())
    }

    /// Keeps an outcome instead of the earlier one.
    pub(crate) fn keep(&self, request: &FetchRequest, outcome: Known) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(earlier, _)| earlier.key != request.key);
        if known.len() >= MOST {
            known.pop_front();
        }
        known.push_back((request.clone(), outcome));
    }
}

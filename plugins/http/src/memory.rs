//! What was answered to earlier requests, so that the other system need not send again what has not
//! changed. It lasts as long as the process.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use vekha_plugin::{FetchRequest, Record};

use crate::client::Version;

/// Most answers that are kept; the oldest goes first.
const MOST: usize = 64;

/// An answer, and which version of the other system's data it was.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub version: Version,
    pub records: Vec<Record>,
}

/// The last answers by request.
#[derive(Default)]
pub(crate) struct Memory(Mutex<VecDeque<(FetchRequest, Known)>>);

impl Memory {
    /// What was answered to the same request. The key should be enough to know it by; but records
    /// of other fields or organisations would be wrong ones.
    pub(crate) fn recall(&self, request: &FetchRequest) -> Option<Known> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|(earlier, _)| earlier == request).map(|(_, known)| known.clone())
    }

    /// Keeps an answer instead of the earlier one.
    pub(crate) fn keep(&self, request: &FetchRequest, answer: Known) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(earlier, _)| earlier.key != request.key);
        if known.len() >= MOST {
            known.pop_front();
        }
        known.push_back((request.clone(), answer));
    }
}

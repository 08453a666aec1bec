//! The hash chain of a run's journal: each entry's hash covers the one before, so that nothing can
//! be altered, dropped or slipped in without breaking every later hash.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::entry::{Entry, Happened};

/// Where a run's journal stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Number of entries.
    pub sequence: u64,
    /// Hash of the last entry in lower-case hex; of the run's name before the first.
    pub hash: String,
}

impl Head {
    /// The head of an empty journal: bound to the run, so that entries cannot change runs.
    pub fn of(run: &str) -> Self {
        Head { sequence: 0, hash: hex::encode(Sha256::digest(run.as_bytes())) }
    }

    /// Appends what happened and returns the entry to be stored.
    pub fn append(&mut self, at: jiff::Timestamp, actor: &str, happened: &Happened) -> Entry {
        let sequence = self.sequence + 1;
        let (kind, data) = (happened.name(), happened.facts());
        let hash = link(&self.hash, sequence, &at.to_string(), actor, kind, &data);
        *self = Head { sequence, hash: hash.clone() };
        Entry { sequence, at, actor: actor.to_owned(), kind: kind.to_owned(), data, hash }
    }

    /// Follows the chain over a stored entry; `false` if it does not continue it.
    pub fn verify(&mut self, entry: &Entry) -> bool {
        let hash = link(
            &self.hash,
            entry.sequence,
            &entry.at.to_string(),
            &entry.actor,
            &entry.kind,
            &entry.data,
        );
        let whole = entry.sequence == self.sequence + 1 && hash == entry.hash;
        *self = Head { sequence: entry.sequence, hash: entry.hash.clone() };
        whole
    }
}

/// Lengths stand before the texts, so that no two different entries are hashed alike.
fn link(previous: &str, sequence: u64, at: &str, actor: &str, kind: &str, data: &str) -> String {
    let mut hasher = Sha256::new();
    hasher.update(previous.as_bytes());
    hasher.update(sequence.to_be_bytes());
    for text in [at, actor, kind, data] {
        hasher.update((text.len() as u64).to_be_bytes());
        hasher.update(text.as_bytes());
    }
    hex::encode(hasher.finalize())
}

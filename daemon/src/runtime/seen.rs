//! What a caller saw of the thing that it wants changed. It is compared within the step, where
//! nobody can come in between: of those who saw the same only one changes it.

use serde::Serialize;
use sha2::{Digest, Sha256};
use vekha_engine::AssignmentKey;
use vekha_engine::run::Run;

use crate::store::json;

/// A thing as its caller saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Which thing.
    pub what: Thing,
    /// Its etag then.
    pub etag: String,
}

/// What of a run may have an etag of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Thing {
    /// The run itself: its revision.
    Run,
    /// An assignment.
    Assignment(AssignmentKey),
    /// The answers to an assignment: the number of the newest, whatever else became of it.
    Answers(AssignmentKey),
    /// A recommendation.
    Recommendation(AssignmentKey),
    /// The measure of this number, from 1.
    Measure(usize),
}

impl Seen {
    /// Whether it is so still. What is not there is left to the step to refuse.
    pub(super) fn holds(&self, run: &Run, revision: i64) -> bool {
        let now = match &self.what {
            Thing::Run => Some(revision.to_string()),
            Thing::Assignment(key) => run.assignments.get(key).map(etag),
            Thing::Answers(key) => run.assignments.get(key).map(|a| a.version.to_string()),
            Thing::Recommendation(key) => run.recommendations.get(key).map(etag),
            Thing::Measure(number) => {
                number.checked_sub(1).and_then(|place| run.measures.get(place)).map(etag)
            }
        };
        now.is_none_or(|now| now == self.etag)
    }
}

/// The etag of something: changes with its content.
pub fn etag(thing: &impl Serialize) -> String {
    of_text(&json(thing))
}

/// The etag of a text.
pub fn of_text(content: &str) -> String {
    hex::encode(&Sha256::digest(content.as_bytes())[..8])
}

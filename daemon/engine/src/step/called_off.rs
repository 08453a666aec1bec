//! Who was told is told again: what was asked is asked no more.
//!
//! The engine writes to everybody who may know of an assignment. Whether its first letter has left
//! is known only when this one is to leave, and is judged then.

use std::collections::BTreeSet;

use serde_json::json;

use super::{Transition, due_words};
use crate::key::AssignmentKey;
use crate::outcome::LetterKind;
use crate::run::{AssignmentKind, AssignmentState};

impl Transition<'_> {
    /// Nothing more is to be done about an assignment; `whole` if its run is called off.
    pub(super) fn write_called_off(&mut self, key: &AssignmentKey, why: &str, whole: bool) {
        let Some(assignment) = self.run.assignments.get(key) else { return };
        let (kind, due) = (assignment.kind, assignment.due);
        let answered = assignment.state == AssignmentState::Answered;
        let facts = json!({
            "form": self.what(key, kind),
            "due": due_words(due),
            "was_due": due,
            "reason": why,
            "whole": whole,
            "answered": answered,
        });
        let suffix = format!("called-off/{}", self.run.journal.sequence);
        self.letter_to_participant(LetterKind::CalledOff, key, &suffix, facts);
    }

    /// Whom it concerns that the run ends before its time: all of whom something is still asked,
    /// and those who have answered already, each organisation of these once.
    pub(super) fn concerned(&self) -> Vec<AssignmentKey> {
        let all = || self.run.assignments.iter();
        let mut concerned: Vec<AssignmentKey> =
            all().filter(|(_, a)| a.state.is_awaited()).map(|(key, _)| key.clone()).collect();
        let mut known: BTreeSet<String> =
            concerned.iter().map(|key| key.organisation.clone()).collect();
        for (key, assignment) in all() {
            let answered = assignment.state == AssignmentState::Answered
                && assignment.kind == AssignmentKind::Collect;
            if answered && known.insert(key.organisation.clone()) {
                concerned.push(key.clone());
            }
        }
        concerned
    }
}

//! The link of one participant: sent once more, or replaced.

use serde_json::json;

use super::{Transition, due_words, reason};
use crate::entry::Happened;
use crate::key::AssignmentKey;
use crate::outcome::LetterKind;
use crate::refusal::Refusal;

impl Transition<'_> {
    pub(super) fn send_link(
        &mut self,
        key: AssignmentKey,
        renew: bool,
        why: String,
    ) -> Result<(), Refusal> {
        let assignment = self.run.assignment(&key)?;
        let (kind, due) = (assignment.kind, assignment.due);
        let awaited = assignment.state.is_awaited() && !self.run.state.called_off();
        if renew || !why.trim().is_empty() {
            reason("reason", &why)?;
        }
        if renew {
            self.touch(&key, |assignment| assignment.link += 1);
            self.out.links.insert(key.clone());
        }
        let (assignment, reason) = (key.clone(), why);
        self.record(match renew {
            true => Happened::LinkReplaced { assignment, reason },
            false => Happened::LinkSent { assignment, reason },
        });
        let facts = json!({
            "form": self.what(&key, kind),
            "due": if awaited { due_words(due) } else { String::new() },
            "renewed": renew,
        });
        let suffix = format!("link/{}", self.run.journal.sequence);
        self.letter_to_participant(LetterKind::Link, &key, &suffix, facts);
        Ok(())
    }
}

//! More time for one participant, and none asked of it any more.

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::json;
use vekha_roadmap::answers::FieldError;

use super::{Transition, due_words, reason};
use crate::entry::Happened;
use crate::key::AssignmentKey;
use crate::limits;
use crate::outcome::LetterKind;
use crate::refusal::Refusal;
use crate::run::{Assignment, AssignmentKind, AssignmentState, ExtensionReply, ExtensionRequest};

impl Transition<'_> {
    pub(super) fn waive(&mut self, key: AssignmentKey, why: String) -> Result<(), Refusal> {
        reason("reason", &why)?;
        self.expect_no_more(&key, &why);
        self.write_called_off(&key, &why, false);
        if let Some(position) = self.run.stages.iter().position(|s| s.id == key.stage) {
            self.close_if_released(position);
        }
        Ok(())
    }

    /// No answer is expected any more; the caller has found the assignment.
    pub(super) fn expect_no_more(&mut self, key: &AssignmentKey, why: &str) {
        self.touch(key, |assignment| {
            assignment.state = AssignmentState::Waived;
            assignment.reason = why.to_owned();
            assignment.request = None;
        });
        self.record(Happened::Waived { assignment: key.clone(), reason: why.to_owned() });
    }

    pub(super) fn extend(
        &mut self,
        key: AssignmentKey,
        due: Date,
        why: String,
    ) -> Result<(), Refusal> {
        let assignment = self.run.assignment(&key)?;
        let kind = assignment.kind;
        self.check_term(assignment, due, &why)?;
        if let AssignmentKind::Measure(number) = kind {
            let measure = &mut self.run.measures[number - 1];
            measure.move_due(due);
            measure.extensions += 1;
            self.out.measures.insert(number - 1);
        }
        let now = self.now;
        self.touch(&key, |assignment| {
            assignment.due = due;
            assignment.reason.clone_from(&why);
            reply(assignment, true, &why, now);
        });
        let (assignment, reason) = (key.clone(), why.clone());
        self.record(Happened::Extended { assignment, due, reason });
        self.write_extension(&key, kind, true, due, &why);
        Ok(())
    }

    pub(super) fn request_extension(
        &mut self,
        key: AssignmentKey,
        due: Date,
        why: String,
    ) -> Result<(), Refusal> {
        let assignment = self.run.assignment(&key)?;
        let (kind, standing) = (assignment.kind, assignment.due);
        self.check_term(assignment, due, &why)?;
        let now = self.now;
        let wish = ExtensionRequest { due, reason: why.clone(), at: now };
        self.touch(&key, |assignment| {
            assignment.request = Some(wish);
            assignment.replied = None;
        });
        let (assignment, reason) = (key.clone(), why.clone());
        self.record(Happened::ExtensionRequested { assignment, due, reason });
        let facts = json!({
            "from": self.name_of(&key.organisation),
            "form": self.what(&key, kind),
            "due": due_words(standing),
            "wanted": due_words(due),
            "reason": why,
        });
        let suffix = format!("{key}/extension-request/{}", self.run.journal.sequence);
        self.letter_to_department(LetterKind::ExtensionRequest, &suffix, Some(standing), facts);
        Ok(())
    }

    pub(super) fn decline_extension(
        &mut self,
        key: AssignmentKey,
        why: String,
    ) -> Result<(), Refusal> {
        reason("reason", &why)?;
        let assignment = self.run.assignment(&key)?;
        let (kind, due) = (assignment.kind, assignment.due);
        let now = self.now;
        self.touch(&key, |assignment| reply(assignment, false, &why, now));
        let (assignment, reason) = (key.clone(), why.clone());
        self.record(Happened::ExtensionDeclined { assignment, reason });
        self.write_extension(&key, kind, false, due, &why);
        Ok(())
    }

    /// Tells the participant what became of its term.
    fn write_extension(
        &mut self,
        key: &AssignmentKey,
        kind: AssignmentKind,
        granted: bool,
        due: Date,
        why: &str,
    ) {
        let form = self.what(key, kind);
        let facts =
            json!({ "form": form, "granted": granted, "due": due_words(due), "reason": why });
        let suffix = format!("extension/{}", self.run.journal.sequence);
        self.letter_to_participant(LetterKind::Extension, key, &suffix, facts);
    }

    /// A later due date, with a reason.
    fn check_term(&self, assignment: &Assignment, due: Date, why: &str) -> Result<(), Refusal> {
        let mut errors: Vec<FieldError> = limits::reason("reason", why).into_iter().collect();
        let mut wrong = |message: &str| {
            errors.push(FieldError { field: "due".into(), message: message.to_owned() });
        };
        if due <= assignment.due || due < self.today() {
            wrong("новый срок должен быть позже прежнего и не в прошлом");
        } else if !self.road_map.calendar.is_working(due) {
            wrong("это нерабочий день");
        }
        if errors.is_empty() { Ok(()) } else { Err(Refusal::Invalid(errors)) }
    }
}

/// The wish for more time, if there was one, is answered; its author finds the answer where it asked.
fn reply(assignment: &mut Assignment, granted: bool, why: &str, at: Timestamp) {
    let due = assignment.due;
    assignment.replied = assignment.request.take().map(|wish| ExtensionReply {
        wanted: wish.due,
        granted,
        due,
        reason: why.to_owned(),
        at,
    });
}

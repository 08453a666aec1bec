//! Looking at answers before the collection closes: the department accepts them or sends one back.

use jiff::civil::Date;
use serde_json::json;
use vekha_roadmap::answers::FieldError;
use vekha_roadmap::model::{Due, Span};
use vekha_roadmap::schedule::due_date;

use super::{Transition, due_words};
use crate::entry::Happened;
use crate::key::AssignmentKey;
use crate::limits;
use crate::outcome::LetterKind;
use crate::refusal::Refusal;
use crate::run::{AssignmentKind, AssignmentState};

/// How long a correction takes at least, unless the department says otherwise.
const CORRECTION: Due = Due::After(Span::WorkingDays(3));

impl Transition<'_> {
    /// How long the department may look at a stage's answers; none if it does not, or if nobody was
    /// asked.
    pub(super) fn review_span(&self, stage: &str) -> Option<Span> {
        let asked = self.run.assignments.of_stage(stage).next().is_some();
        self.activity.collect(stage)?.review.filter(|_| asked)
    }

    /// The department is told that all have answered, unless it looks at the answers already.
    pub(super) fn begin_review(&mut self, position: usize, span: Span) {
        let stage = &self.run.stages[position];
        if stage.review.is_some() {
            return;
        }
        let id = stage.id.clone();
        let answered = self.run.assignments.answered_in(&id);
        // A review ends early only by a return, so their number tells one review from the next;
        // that of the answers does not: a returned one may be waived.
        let returns = self.run.assignments.returns_in(&id);
        let until = due_date(&self.road_map.calendar, self.today(), Due::After(span));
        self.stage_mut(position).review = Some(until);
        self.record(Happened::ReviewBegun { stage: id.clone(), until });
        let form = self.what(&AssignmentKey::new(&id, ""), AssignmentKind::Collect);
        let facts = json!({ "form": form, "answered": answered, "until": due_words(until) });
        let suffix = format!("{id}/review/{returns}");
        self.letter_to_department(LetterKind::Review, &suffix, Some(until), facts);
    }

    /// The review has ended by itself.
    pub(super) fn end_review(&mut self, position: usize) {
        let id = self.run.stages[position].id.clone();
        self.record(Happened::ReviewEnded { stage: id });
        self.complete_stage(position);
    }

    pub(super) fn accept_answers(&mut self, stage: &str) -> Result<(), Refusal> {
        let position = self.run.at_work(stage)?;
        self.record(Happened::AnswersAccepted { stage: stage.to_owned() });
        self.complete_stage(position);
        Ok(())
    }

    pub(super) fn return_answer(
        &mut self,
        key: AssignmentKey,
        comment: String,
        due: Option<Date>,
    ) -> Result<(), Refusal> {
        let assignment = self.run.assignment(&key)?;
        let (standing, version) = (assignment.due, assignment.version);
        let position = self.run.at_work(&key.stage)?;
        let due = self.correction_due(&comment, standing, due)?;
        let now = self.now;
        self.touch(&key, |assignment| {
            assignment.state = AssignmentState::Returned;
            assignment.due = due;
            assignment.returns += 1;
            assignment.comment.clone_from(&comment);
            assignment.reminded_through = Some(now);
        });
        self.stage_mut(position).review = None;
        self.record(Happened::AnswerReturned {
            assignment: key.clone(),
            version,
            comment: comment.clone(),
            due,
        });
        let form = self.what(&key, AssignmentKind::Collect);
        let facts = json!({ "form": form, "comment": comment, "due": due_words(due) });
        let suffix = format!("returned/{version}");
        self.letter_to_participant(LetterKind::Returned, &key, &suffix, facts);
        Ok(())
    }

    /// By when what is returned with this comment must be corrected: the day that the department
    /// names, or else the one that stands, if that leaves time enough.
    pub(super) fn correction_due(
        &self,
        comment: &str,
        standing: Date,
        named: Option<Date>,
    ) -> Result<Date, Refusal> {
        let calendar = &self.road_map.calendar;
        let wrong_day = match named {
            Some(due) if due < self.today() => Some("новый срок уже прошёл"),
            Some(due) if !calendar.is_working(due) => Some("это нерабочий день"),
            _ => None,
        };
        let wrong_day = wrong_day
            .map(|message| FieldError { field: "due".into(), message: message.to_owned() });
        let errors: Vec<FieldError> =
            limits::reason("comment", comment).into_iter().chain(wrong_day).collect();
        if !errors.is_empty() {
            return Err(Refusal::Invalid(errors));
        }
        let soonest = || due_date(calendar, self.letters_leave_on(), CORRECTION);
        Ok(named.unwrap_or_else(|| standing.max(soonest())))
    }
}

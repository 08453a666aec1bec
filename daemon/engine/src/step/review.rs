//! Looking at answers before the collection closes: the department accepts them or sends one back.

use jiff::civil::Date;
use serde_json::json;
use vekha_roadmap::answers::FieldError;
use vekha_roadmap::model::{Due, Span, Work};
use vekha_roadmap::schedule::due_date;

use super::{Transition, due_words, reason};
use crate::key::AssignmentKey;
use crate::outcome::LetterKind;
use crate::refusal::Refusal;
use crate::run::{AssignmentKind, AssignmentState};

/// How long a correction takes at least, unless the department says otherwise.
const CORRECTION: Due = Due::After(Span::WorkingDays(3));

impl Transition<'_> {
    /// Whether the stage waits for the department to look at the answers. The first time that all
    /// have answered, the department is told.
    pub(super) fn goes_under_review(&mut self, position: usize) -> bool {
        let Work::Collect(collect) = &self.activity.stages[position].work else { return false };
        let Some(span) = collect.review else { return false };
        let id = self.run.stages[position].id.clone();
        let own = || self.run.assignments.iter().filter(|(key, _)| key.stage == id);
        let answered = own().filter(|(_, a)| a.state == AssignmentState::Answered).count();
        if own().next().is_none() {
            return false;
        }
        if self.run.stages[position].review.is_some() {
            return true;
        }
        let versions: u32 = own().map(|(_, a)| a.version).sum();
        let until = due_date(&self.road_map.calendar, self.today(), Due::After(span));
        self.stage_mut(position).review = Some(until);
        self.record("review-begun", json!({ "stage": id, "until": until }));
        let form = self.what(&AssignmentKey::new(&id, ""), AssignmentKind::Collect);
        let facts = json!({ "form": form, "answered": answered, "until": due_words(until) });
        let suffix = format!("{id}/review/{versions}");
        self.letter_to_department(LetterKind::Review, &suffix, Some(until), facts);
        true
    }

    /// The review has ended by itself.
    pub(super) fn end_review(&mut self, position: usize) {
        let id = self.run.stages[position].id.clone();
        self.record("review-ended", json!({ "stage": id }));
        self.complete_stage(position);
    }

    pub(super) fn accept_answers(&mut self, stage: &str) -> Result<(), Refusal> {
        let position = self.active_stage(stage)?;
        if self.run.stages[position].review.is_none() {
            return Err(Refusal::State(format!("в этапе «{stage}» ещё ждут ответов")));
        }
        self.record("answers-accepted", json!({ "stage": stage }));
        self.complete_stage(position);
        Ok(())
    }

    pub(super) fn return_answer(
        &mut self,
        key: AssignmentKey,
        comment: String,
        due: Option<Date>,
    ) -> Result<(), Refusal> {
        let assignment = self.assignment(&key)?;
        if assignment.kind != AssignmentKind::Collect {
            return Err(Refusal::State("вернуть можно только ответ на запрос сведений".into()));
        }
        if assignment.state != AssignmentState::Answered {
            return Err(Refusal::State("ответа, который можно вернуть, нет".into()));
        }
        let (standing, version) = (assignment.due, assignment.version);
        let position = self.active_stage(&key.stage)?;
        let mut errors = Vec::new();
        if let Err(Refusal::Invalid(wrong)) = reason("comment", &comment) {
            errors.extend(wrong);
        }
        let today = self.today();
        let mut wrong = |message: &str| {
            errors.push(FieldError { field: "due".into(), message: message.to_owned() });
        };
        match due {
            Some(due) if due < today => wrong("новый срок уже прошёл"),
            Some(due) if !self.road_map.calendar.is_working(due) => wrong("это нерабочий день"),
            _ => {}
        }
        if !errors.is_empty() {
            return Err(Refusal::Invalid(errors));
        }
        let due = due.unwrap_or_else(|| {
            standing.max(due_date(&self.road_map.calendar, self.letters_leave_on(), CORRECTION))
        });
        let now = self.now;
        let assignment = self.run.assignments.get_mut(&key).expect("just found");
        assignment.state = AssignmentState::Returned;
        assignment.due = due;
        assignment.returns += 1;
        assignment.comment.clone_from(&comment);
        assignment.reminded_through = Some(now);
        self.out.assignments.insert(key.clone());
        self.stage_mut(position).review = None;
        self.record(
            "answer-returned",
            json!({ "assignment": key, "version": version, "comment": comment, "due": due }),
        );
        let form = self.what(&key, AssignmentKind::Collect);
        let facts = json!({ "form": form, "comment": comment, "due": due_words(due) });
        let suffix = format!("returned/{version}");
        self.letter_to_participant(LetterKind::Returned, &key, &suffix, facts);
        Ok(())
    }
}

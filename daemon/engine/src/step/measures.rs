//! Measures under control: ordered, reported, returned, accepted.

use jiff::civil::Date;
use serde_json::{Value, json};
use vekha_analysis::Values;
use vekha_roadmap::answers::{FieldError, named_file};
use vekha_roadmap::model::FileRule;

use super::{Transition, due_words};
use crate::command::Origin;
use crate::entry::Happened;
use crate::key::AssignmentKey;
use crate::limits;
use crate::outcome::LetterKind;
use crate::refusal::Refusal;
use crate::run::{AssignmentKind, AssignmentState, Measure, MeasureState, Proof, measure_stage};

impl Transition<'_> {
    /// One measure, one assignment and one letter for each organisation.
    pub(super) fn order(&mut self, text: &str, organisations: Vec<String>, due: Date) {
        let due = self.road_map.calendar.on_or_after(due);
        for organisation in organisations {
            self.run.measures.push(Measure {
                decision: self.run.decisions.len(),
                text: text.to_owned(),
                organisation: organisation.clone(),
                due,
                state: MeasureState::Ordered,
                report: String::new(),
                document: None,
                comment: String::new(),
                first_due: None,
                extensions: 0,
                returns: 0,
                accepted_at: None,
                accepted_by: String::new(),
            });
            let number = self.run.measures.len();
            self.out.measures.insert(number - 1);
            let key = AssignmentKey::new(&measure_stage(number), &organisation);
            self.assign(key.clone(), AssignmentKind::Measure(number), due);
            self.record(Happened::MeasureOrdered {
                measure: number,
                text: text.to_owned(),
                organisation: organisation.clone(),
                due,
            });
            self.write_measure(&key, number, "asked");
        }
    }

    fn write_measure(&mut self, key: &AssignmentKey, number: usize, suffix: &str) {
        let measure = &self.run.measures[number - 1];
        let facts = json!({
            "decision": self.decision_facts(measure.decision),
            "measure": measure.text,
            "comment": measure.comment,
            "due": due_words(measure.due),
        });
        self.letter_to_participant(LetterKind::Measure, key, suffix, facts);
    }

    /// To whoever need not carry out a measure any more: the newest decision says so.
    pub(super) fn write_withdrawal(&mut self, key: &AssignmentKey, number: usize) {
        let measure = &self.run.measures[number - 1];
        let facts = json!({
            "decision": self.decision_facts(self.run.decisions.len()),
            "measure": measure.text,
            "due": due_words(measure.due),
            "was_due": measure.due,
        });
        self.letter_to_participant(LetterKind::MeasureWithdrawn, key, "withdrawn", facts);
    }

    /// A decision as letters tell of it.
    fn decision_facts(&self, number: usize) -> Value {
        let document = &self.run.decisions[number - 1].document;
        json!({
            "number": document.number,
            "date": vekha_roadmap::russian::date_words(document.date),
            "title": document.title,
        })
    }

    pub(super) fn report_measure(
        &mut self,
        key: AssignmentKey,
        number: usize,
        answers: Values,
        origin: Origin,
    ) -> Result<(), Refusal> {
        let report = answers.get("report").and_then(Value::as_str).unwrap_or_default().trim();
        let mut errors: Vec<FieldError> =
            limits::text("report", report, true).into_iter().collect();
        let mut wrong = |field: &str, message: String| {
            errors.push(FieldError { field: field.to_owned(), message });
        };
        if report.is_empty() || report.chars().count() > limits::REPORT {
            wrong("report", format!("опишите, что сделано: от 1 до {} знаков", limits::REPORT));
        }
        let document = proof(answers.get("document")).unwrap_or_else(|message| {
            wrong("document", message);
            None
        });
        if !errors.is_empty() {
            return Err(Refusal::Invalid(errors));
        }
        let mut kept = Values::new();
        kept.insert("report".into(), Value::String(report.to_owned()));
        if let Some(document) = &document {
            kept.insert("document".into(), json!(document));
        }
        let measure = &mut self.run.measures[number - 1];
        measure.state = MeasureState::Reported;
        measure.report = report.to_owned();
        measure.document = document;
        measure.comment.clear();
        self.out.measures.insert(number - 1);
        self.answered(&key, kept, origin);
        Ok(())
    }

    pub(super) fn accept_measure(&mut self, number: usize) -> Result<(), Refusal> {
        self.run.measure(number)?;
        let measure = &mut self.run.measures[number - 1];
        measure.state = MeasureState::Done;
        measure.accepted_at = Some(self.now);
        self.actor.clone_into(&mut measure.accepted_by);
        self.out.measures.insert(number - 1);
        self.record(Happened::MeasureAccepted { measure: number });
        Ok(())
    }

    pub(super) fn return_measure(
        &mut self,
        number: usize,
        comment: String,
        due: Option<Date>,
    ) -> Result<(), Refusal> {
        let measure = self.run.measure(number)?;
        let key = AssignmentKey::new(&measure_stage(number), &measure.organisation);
        let due = self.correction_due(&comment, measure.due, due)?;
        let now = self.now;
        let measure = &mut self.run.measures[number - 1];
        measure.state = MeasureState::Ordered;
        measure.comment.clone_from(&comment);
        measure.move_due(due);
        measure.returns += 1;
        self.out.measures.insert(number - 1);
        let version = self.touch(&key, |assignment| {
            assignment.state = AssignmentState::Open;
            assignment.due = due;
            // What passed while the department looked at the report is nobody's fault.
            assignment.reminded_through = Some(now);
            assignment.version
        });
        self.record(Happened::MeasureReturned { measure: number, comment: comment.clone(), due });
        self.write_measure(&key, number, &format!("returned/{version}"));
        Ok(())
    }
}

/// The file that an answer names as the proof of its report, or what is wrong with it.
fn proof(answer: Option<&Value>) -> Result<Option<Proof>, String> {
    let Some(answer) = answer.filter(|answer| !answer.is_null()) else { return Ok(None) };
    let file = named_file(answer, &FileRule::default())?;
    serde_json::from_value(file).map(Some).map_err(|e| e.to_string())
}

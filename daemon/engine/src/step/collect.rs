//! Asking participants, taking their answers, closing the collection.

use jiff::civil::Date;
use serde_json::json;
use vekha_analysis::Values;
use vekha_roadmap::answers::{self, Beside};
use vekha_roadmap::model::{Collect, FieldKind, Form};
use vekha_roadmap::schedule::due_date;

use super::{Transition, due_words};
use crate::command::Origin;
use crate::entry::Happened;
use crate::key::AssignmentKey;
use crate::outcome::{Job, LetterKind, Submission};
use crate::refusal::Refusal;
use crate::run::{Assignment, AssignmentKind, AssignmentState};

/// Why nothing more is expected of who was asked once more and said nothing.
const STANDS: &str = "новых сведений нет: остался прежний ответ";

impl<'a> Transition<'a> {
    /// One assignment and one letter for each participant.
    pub(super) fn ask(&mut self, position: usize, collect: &Collect) {
        let participants = self.participants(&collect.participants);
        let due = due_date(&self.road_map.calendar, self.today(), collect.due);
        self.stage_mut(position).due = Some(due);
        let stage = self.run.stages[position].id.clone();
        self.record(Happened::Asked {
            stage: stage.clone(),
            organisations: participants.clone(),
            due,
        });
        let title = self.form(collect).title.clone();
        for organisation in &participants {
            let key = AssignmentKey::new(&stage, organisation);
            self.assign(key.clone(), AssignmentKind::Collect, due);
            let mut facts = json!({ "form": title, "due": due_words(due) });
            self.tell_wave(position, organisation, &mut facts);
            self.letter_to_participant(LetterKind::Assignment, &key, "asked", facts);
        }
        if participants.is_empty() {
            self.complete_stage(position);
        } else if collect.is_filled_beforehand() {
            self.out.jobs.push(Job::Fetch { run: self.run.key.clone(), stage });
        }
    }

    /// Adds to a letter's facts which wave it is, where the same is asked once more, and whether an answer
    /// stands from before.
    pub(super) fn tell_wave(
        &self,
        position: usize,
        organisation: &str,
        facts: &mut serde_json::Value,
    ) {
        if self.run.stages[position].again.is_some() {
            facts["wave"] = self.activity.stages[position].title.clone().into();
        }
        if self.has_answered_before(position, organisation) {
            facts["again"] = true.into();
            let stage = &self.activity.stages[position].id;
            if self.activity.follows_department(stage) {
                facts["follows"] = true.into();
            }
        }
    }

    /// Whether an organisation's answer stands that the stage asks to confirm or to correct.
    fn has_answered_before(&self, position: usize, organisation: &str) -> bool {
        let first = self.run.stages[position].again.as_deref();
        let before = std::iter::successors(first, |id| self.activity.repeats(id));
        let mut before = before.take(self.run.stages.len());
        before.any(|stage| {
            let answer = self.run.assignments.get(&AssignmentKey::new(stage, organisation));
            answer.is_some_and(|a| a.state == AssignmentState::Answered)
        })
    }

    /// Notes whose forms a source has filled.
    pub(super) fn prefilled(
        &mut self,
        stage: &str,
        source: &str,
        organisations: &[String],
    ) -> Result<(), Refusal> {
        self.run.at_work(stage)?;
        self.record(Happened::Prefilled {
            stage: stage.to_owned(),
            source: source.to_owned(),
            organisations: organisations.to_vec(),
        });
        Ok(())
    }

    /// It stands in the journal, where the department sees it beside what the source brought.
    pub(super) fn source_noted(
        &mut self,
        stage: &str,
        source: &str,
        notes: &[String],
    ) -> Result<(), Refusal> {
        self.run.at_work(stage)?;
        self.record(Happened::SourceNoted {
            stage: stage.to_owned(),
            source: source.to_owned(),
            notes: notes.to_vec(),
        });
        Ok(())
    }

    /// The department learns that people must type what a source should have brought.
    pub(super) fn source_failed(
        &mut self,
        stage: &str,
        source: &str,
        reason: &str,
    ) -> Result<(), Refusal> {
        self.run.at_work(stage)?;
        self.record(Happened::SourceFailed {
            stage: stage.to_owned(),
            source: source.to_owned(),
            reason: reason.to_owned(),
        });
        let facts =
            json!({ "what": format!("Источник «{source}» не дал сведений"), "reason": reason });
        let suffix = format!("{stage}/source/{}", self.run.journal.sequence);
        self.letter_to_department(LetterKind::Failure, &suffix, None, facts);
        Ok(())
    }

    pub(super) fn assign(&mut self, key: AssignmentKey, kind: AssignmentKind, due: Date) {
        // Asked anew, it is asked at the link that it has.
        let link = self.run.assignments.get(&key).map_or(0, |a| a.link);
        self.run.assignments.put(
            key,
            Assignment {
                kind,
                state: AssignmentState::Open,
                due,
                asked_at: self.now,
                answered_at: None,
                version: 0,
                reminded_through: None,
                reason: String::new(),
                late: false,
                returns: 0,
                comment: String::new(),
                request: None,
                link,
                replied: None,
            },
            &mut self.out.assignments,
        );
    }

    fn form(&self, collect: &Collect) -> &'a Form {
        self.road_map.forms.get(&collect.form).expect("check proves that forms exist")
    }

    pub(super) fn submit(
        &mut self,
        key: AssignmentKey,
        answers: Values,
        origin: Origin,
    ) -> Result<(), Refusal> {
        match self.run.assignment(&key)?.kind {
            AssignmentKind::Acknowledge => self.acknowledge(key, answers, origin),
            AssignmentKind::Collect => self.submit_form(key, answers, origin),
            AssignmentKind::Measure(number) => self.report_measure(key, number, answers, origin),
        }
    }

    fn submit_form(
        &mut self,
        key: AssignmentKey,
        answers: Values,
        origin: Origin,
    ) -> Result<(), Refusal> {
        let position = self.run.at_work(&key.stage)?;
        let Some(collect) = self.activity.collect(&key.stage) else {
            return Err(Refusal::NotFound(format!("этап сбора «{}»", key.stage)));
        };
        let form = self.form(collect);
        let beside = Beside {
            earlier: self.earlier.get(&key),
            department: self.department.get(&key),
            period: Some(self.run.key.period),
        };
        let answers = answers::validate(form, &answers, beside).map_err(Refusal::Invalid)?;
        let version = self.answered(&key, answers.clone(), origin);
        let facts = json!({
            "form": form.title,
            "version": version,
            "answers": readable(form, &answers),
        });
        self.letter_to_participant(LetterKind::Receipt, &key, &format!("receipt/{version}"), facts);
        self.close_if_answered(position);
        Ok(())
    }

    /// Marks the assignment answered and keeps the answer; returns the answer's number.
    pub(super) fn answered(&mut self, key: &AssignmentKey, answers: Values, origin: Origin) -> u32 {
        let closing = {
            let due = self.run.assignments[key].due;
            self.road_map.municipality.closing(due)
        };
        let late = self.now > closing;
        let now = self.now;
        let version = self.touch(key, |assignment| {
            // Whoever was in time stays so, however often the answer is corrected afterwards.
            assignment.late |= late && assignment.state.is_awaited();
            assignment.state = AssignmentState::Answered;
            assignment.answered_at = Some(now);
            assignment.version += 1;
            assignment.comment.clear();
            assignment.request = None;
            assignment.version
        });
        self.record(Happened::Submitted {
            assignment: key.clone(),
            version,
            late,
            origin,
            answers: answers.clone(),
        });
        self.out.submissions.push(Submission {
            assignment: key.clone(),
            version,
            at: self.now,
            actor: self.actor.to_owned(),
            origin,
            answers,
        });
        version
    }

    /// Completes a stage of assignments once none of them is open and nobody looks at the answers.
    pub(super) fn close_if_answered(&mut self, position: usize) {
        let id = self.run.stages[position].id.clone();
        if self.run.at_work(&id).is_err() || self.run.assignments.someone_awaited(&id).is_some() {
            return;
        }
        match self.review_span(&id) {
            Some(span) => self.begin_review(position, span),
            None => self.complete_stage(position),
        }
    }

    /// The collection ends without those who are still silent.
    pub(super) fn close_without_the_silent(&mut self, position: usize, what: &str) {
        let stage = self.run.stages[position].id.clone();
        let silent: Vec<AssignmentKey> =
            self.run.assignments.awaited_in(&stage).into_iter().cloned().collect();
        // Who has nothing to correct needs not say so: nothing is missing of it.
        let (standing, missing): (Vec<_>, Vec<_>) = silent
            .into_iter()
            .partition(|key| self.has_answered_before(position, &key.organisation));
        for key in &missing {
            self.touch(key, |assignment| {
                assignment.state = AssignmentState::Missing;
                assignment.request = None;
            });
        }
        for key in &standing {
            self.touch(key, |assignment| {
                assignment.state = AssignmentState::Waived;
                assignment.reason = STANDS.to_owned();
                assignment.request = None;
            });
        }
        let codes = |keys: &[AssignmentKey]| -> Vec<String> {
            keys.iter().map(|key| key.organisation.clone()).collect()
        };
        let (missing, standing) = (codes(&missing), codes(&standing));
        let names: Vec<_> =
            missing.iter().map(|code| json!({ "name": self.name_of(code) })).collect();
        self.record(Happened::Closed { stage: stage.clone(), missing, standing });
        if !names.is_empty() {
            let answered = self.run.assignments.answered_in(&stage);
            let facts = json!({ "form": what, "answered": answered, "missing": names });
            self.letter_to_department(LetterKind::Closed, &format!("{stage}/closed"), None, facts);
        }
        self.complete_stage(position);
    }
}

/// So many rows of a table and so many explanations are told in a receipt, the rest is counted: the whole
/// answer stands behind the link.
const MOST_TOLD: usize = 40;

/// Answers as pairs of label and value, tables row by row: what a receipt shows.
fn readable(form: &Form, answers: &Values) -> Vec<serde_json::Value> {
    let mut pairs = Vec::new();
    for field in &form.fields {
        let Some(value) = answers.get(&field.id) else { continue };
        match (&field.kind, value) {
            (FieldKind::Table(table), serde_json::Value::Array(rows)) => {
                for (number, row) in rows.iter().enumerate().take(MOST_TOLD) {
                    let heading = row.get("row").and_then(|r| r.as_str()).map_or_else(
                        || format!("{}, строка {}", field.label, number + 1),
                        |row| format!("{}, {row}", field.label),
                    );
                    let cells: Vec<String> = table
                        .columns
                        .iter()
                        .filter_map(|c| {
                            row.get(&c.id)
                                .map(|v| format!("{}: {}", c.label, answers::display(c, v)))
                        })
                        .collect();
                    pairs.push(json!({ "label": heading, "value": cells.join("; ") }));
                }
                if rows.len() > MOST_TOLD {
                    pairs.push(more(&field.label, "строк", rows.len() - MOST_TOLD));
                }
            }
            _ => {
                pairs.push(json!({ "label": field.label, "value": answers::display(field, value) }))
            }
        }
    }
    let explained = answers::explained(form, answers);
    for (label, text) in explained.iter().take(MOST_TOLD) {
        pairs.push(json!({ "label": format!("{label}: пояснение"), "value": text }));
    }
    if explained.len() > MOST_TOLD {
        pairs.push(more("Пояснения", "пояснений", explained.len() - MOST_TOLD));
    }
    pairs
}

/// How much more there is than a receipt tells.
fn more(label: &str, what: &str, count: usize) -> serde_json::Value {
    json!({ "label": label, "value": format!("и ещё {what}: {count} — все видны по ссылке") })
}

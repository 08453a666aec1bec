//! What time brings: reminders, escalation, closing. All moments are computed from due dates and
//! the definition; those that passed while nobody looked are acted on once, together.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::json;
use vekha_roadmap::model::{Offset, Span, Work};
use vekha_roadmap::schedule::{letters_leave, offset_date};

use super::{Transition, days_left, due_words};
use crate::assignments::Group;
use crate::entry::Happened;
use crate::key::AssignmentKey;
use crate::outcome::LetterKind;
use crate::run::{AssignmentKind, StageState};

/// When the department learns that a measure is overdue.
const MEASURE_ESCALATION: Offset = Offset::After(Span::WorkingDays(5));

/// When the holder of a measure is reminded; the road map's language leaves that to us.
const MEASURE_REMINDERS: [Offset; 4] = [
    Offset::Before(Span::WorkingDays(3)),
    Offset::OnTheDay,
    Offset::After(Span::WorkingDays(2)),
    MEASURE_ESCALATION,
];

/// How long after its term a missing acknowledgement is told to the department.
const ACKNOWLEDGEMENT_ESCALATION: Span = Span::WorkingDays(2);

/// How long after its term an acknowledgement is still awaited before the run goes on.
const ACKNOWLEDGEMENT_GRACE: Span = Span::WorkingDays(5);

/// When a stage of assignments looks beyond the single assignment.
struct StageTerms {
    escalate_at: Option<Timestamp>,
    close_at: Option<Timestamp>,
}

impl Transition<'_> {
    /// Acts on every moment that has come.
    pub(super) fn wake(&mut self) {
        self.begin_what_waited();
        // Stages come first: whom one closes without is not reminded of it in the same breath.
        for position in 0..self.run.stages.len() {
            if !self.at_work(position) {
                continue;
            }
            match &self.activity.stages[position].work {
                Work::Collect(_) | Work::Recommend(_) => self.press_stage(position),
                Work::Decide(decide) => {
                    let due = self.run.stages[position].due;
                    let since = self.run.stages[position].started_at;
                    let through = self.run.stages[position].reminded_through.or(since);
                    if self.passed(due, &decide.remind, through) {
                        self.remind_of_decisions(position, decide);
                        let now = self.now;
                        self.stage_mut(position).reminded_through = Some(now);
                    }
                }
                Work::Analyze(_) | Work::Publish(_) => {}
            }
        }
        self.remind_participants();
    }

    /// The next moment at which [`Transition::wake`] will have something to do.
    pub(super) fn next_wake(&self) -> Option<Timestamp> {
        let mut moments = Vec::new();
        for (group, due, awaited) in self.run.assignments.terms() {
            // Whoever was reminded before the others is the first to be reminded again.
            let from = awaited.first().map(|(from, _)| *from);
            moments.extend(from.and_then(|from| self.next_of(due, self.reminders(group), from)));
        }
        for (position, stage) in self.run.stages.iter().enumerate() {
            if self.awaits_its_day(position) {
                moments.extend(self.begins_at(position));
            }
            if !self.at_work(position) {
                continue;
            }
            match &self.activity.stages[position].work {
                Work::Collect(_) | Work::Recommend(_) => {
                    let terms = self.terms(position);
                    moments.extend(terms.escalate_at.filter(|_| !stage.escalated));
                    moments.extend(terms.close_at);
                    moments.extend(stage.review.map(|day| self.road_map.municipality.closing(day)));
                }
                Work::Decide(decide) => {
                    let from = stage.reminded_through.or(stage.started_at);
                    if let (Some(due), Some(from)) = (stage.due, from) {
                        moments.extend(self.next_of(due, &decide.remind, from));
                    }
                }
                Work::Analyze(_) | Work::Publish(_) => {}
            }
        }
        moments.into_iter().min()
    }

    /// Stages whose day has come begin.
    fn begin_what_waited(&mut self) {
        if (0..self.run.stages.len()).any(|position| self.awaits_its_day(position)) {
            self.advance();
        }
    }

    /// Whether a stage waits for its day; one of a run that was called off waits for nothing.
    fn awaits_its_day(&self, position: usize) -> bool {
        self.run.stages[position].state == StageState::Waiting && !self.run.state.ended()
    }

    /// Whether time matters to a stage: those of a run that was called off stay where they stood.
    fn at_work(&self, position: usize) -> bool {
        self.run.stages[position].state == StageState::Active && !self.run.state.ended()
    }

    /// Reminders fall at the start of the working day.
    fn moment(&self, due: Date, offset: Offset) -> Timestamp {
        self.road_map.municipality.opening(offset_date(&self.road_map.calendar, due, offset))
    }

    /// The first reminder after what was written at `from` has left: nobody gets a letter and its
    /// reminder on the same morning.
    fn next_of(&self, due: Date, offsets: &[Offset], from: Timestamp) -> Option<Timestamp> {
        let from = letters_leave(self.road_map, from);
        offsets.iter().map(|o| self.moment(due, *o)).filter(|at| *at > from).min()
    }

    /// Whether a reminder has come since `through`.
    fn passed(&self, due: Option<Date>, offsets: &[Offset], through: Option<Timestamp>) -> bool {
        let (Some(due), Some(through)) = (due, through) else { return false };
        self.next_of(due, offsets, through).is_some_and(|at| at <= self.now)
    }

    /// When those who are reminded alike are reminded.
    fn reminders(&self, group: &Group) -> &[Offset] {
        match group {
            Group::Measures => &MEASURE_REMINDERS,
            Group::Stage(id) => match self.activity.stage(id).map(|(_, s)| &s.work) {
                Some(Work::Collect(collect)) => &collect.remind,
                Some(Work::Recommend(recommend)) => &recommend.remind,
                _ => &[],
            },
        }
    }

    /// Whose reminder has come, by stage and organisation.
    fn to_be_reminded(&self) -> Vec<AssignmentKey> {
        let mut keys = Vec::new();
        for (group, due, awaited) in self.run.assignments.terms() {
            let offsets = self.reminders(group);
            // Nothing is due yet to those who were reminded later than one to whom nothing is.
            let passed =
                awaited.iter().take_while(|(from, _)| self.passed(Some(due), offsets, Some(*from)));
            keys.extend(passed.map(|(_, key)| key.clone()));
        }
        keys.sort();
        keys
    }

    fn remind_participants(&mut self) {
        let due = self.to_be_reminded();
        let today = self.today();
        let leaves = self.letters_leave_on();
        let now = self.now;
        let closing = self.closing_before_letters_leave(&due);
        for key in due {
            let (kind, due, through) = self.touch(&key, |assignment| {
                let through = assignment.reminded_from();
                assignment.reminded_through = Some(now);
                (assignment.kind, assignment.due, through)
            });
            let what = self.what(&key, kind);
            // The journal tells of a reminder only where one is to leave.
            if self.is_at_work_today(&key.organisation) && !closing.contains(&key.stage) {
                let mut facts = json!({
                    "form": what, "due": due_words(due), "days_left": days_left(leaves, due),
                });
                let position = self.run.stages.iter().position(|stage| stage.id == key.stage);
                if let Some(position) = position {
                    self.tell_wave(position, &key.organisation, &mut facts);
                }
                self.record(Happened::Reminded { assignment: key.clone() });
                self.letter_to_participant(
                    LetterKind::Reminder,
                    &key,
                    &format!("reminder/{today}"),
                    facts,
                );
            }
            if matches!(kind, AssignmentKind::Measure(_))
                && self.passed(Some(due), &[MEASURE_ESCALATION], Some(through))
            {
                // More than once, if the measure is extended or returned.
                let suffix = format!("{key}/escalation/{today}");
                self.escalate(&suffix, &what, due, vec![key.organisation]);
            }
        }
    }

    /// Stages of these assignments that close before what is written now leaves.
    fn closing_before_letters_leave(&self, due: &[AssignmentKey]) -> BTreeSet<String> {
        let leave = letters_leave(self.road_map, self.now);
        let stages: BTreeSet<&str> = due.iter().map(|key| key.stage.as_str()).collect();
        let closes = |id: &&str| {
            let position = self.run.stages.iter().position(|s| s.id == **id);
            position.and_then(|p| self.terms(p).close_at).is_some_and(|at| at <= leave)
        };
        stages.into_iter().filter(closes).map(str::to_owned).collect()
    }

    /// Whether an organisation has not been closed.
    fn is_at_work_today(&self, code: &str) -> bool {
        let today = self.today();
        self.road_map.organisation(code).is_none_or(|o| o.active_on(today))
    }

    /// What an assignment asks, in words.
    pub(super) fn what(&self, key: &AssignmentKey, kind: AssignmentKind) -> String {
        match kind {
            AssignmentKind::Measure(number) => self.run.measures[number - 1].text.clone(),
            AssignmentKind::Acknowledge => "Адресные рекомендации: ознакомление".into(),
            AssignmentKind::Collect => {
                let form = self.road_map.form_of(&self.activity.id, &key.stage);
                form.map_or_else(String::new, |form| form.title.clone())
            }
        }
    }

    fn terms(&self, position: usize) -> StageTerms {
        let stage = &self.run.stages[position];
        let (escalate, close) = match &self.activity.stages[position].work {
            Work::Collect(collect) => (collect.escalate, collect.close),
            // While drafts wait for the department, the stage cannot close over the schools' heads.
            Work::Recommend(r) if r.acknowledge.is_some() && !self.has_drafts(&stage.id) => {
                (Some(ACKNOWLEDGEMENT_ESCALATION), Some(ACKNOWLEDGEMENT_GRACE))
            }
            _ => (None, None),
        };
        let Some(due) = stage.due else {
            return StageTerms { escalate_at: None, close_at: None };
        };
        // Whoever got more time keeps the stage open until then, with the days of grace that all have.
        let last = self.run.assignments.last_due(&stage.id);
        let calendar = &self.road_map.calendar;
        let municipality = &self.road_map.municipality;
        StageTerms {
            escalate_at: escalate
                .filter(|_| last.is_some())
                // Nobody is late before the term has passed, however soon that is to be told.
                .map(|span| self.moment(due, Offset::After(span)).max(municipality.closing(due))),
            close_at: close.zip(last).map(|(span, last)| {
                municipality.closing(offset_date(calendar, due.max(last), Offset::After(span)))
            }),
        }
    }

    fn press_stage(&mut self, position: usize) {
        let terms = self.terms(position);
        let stage = self.run.stages[position].clone();
        if let Some(day) = stage.review {
            if self.road_map.municipality.closing(day) <= self.now {
                self.end_review(position);
            }
            return;
        }
        let kind = self.run.assignments.someone_awaited(&stage.id).map(|a| a.kind);
        let Some(kind) = kind else { return };
        let what = self.what(&AssignmentKey::new(&stage.id, ""), kind);
        if terms.close_at.is_some_and(|at| at <= self.now) {
            self.close_without_the_silent(position, &what);
        } else if !stage.escalated && terms.escalate_at.is_some_and(|at| at <= self.now) {
            self.stage_mut(position).escalated = true;
            let late = |due| self.road_map.municipality.closing(due) <= self.now;
            let awaited = self.run.assignments.awaited_in(&stage.id).into_iter();
            let silent: Vec<String> = awaited
                .filter(|key| late(self.run.assignments[*key].due))
                .map(|key| key.organisation.clone())
                .collect();
            if let (Some(due), false) = (stage.due, silent.is_empty()) {
                self.escalate(&format!("{}/escalation", stage.id), &what, due, silent);
            }
        }
    }

    fn escalate(&mut self, suffix: &str, what: &str, due: Date, silent: Vec<String>) {
        self.record(Happened::Escalated { about: suffix.to_owned(), silent: silent.clone() });
        let list: Vec<_> = silent
            .iter()
            .map(|code| {
                let organisation = self.road_map.organisation(code);
                json!({
                    "name": self.name_of(code),
                    "email": organisation.map_or("", |o| o.email.as_str()),
                    "phone": organisation.and_then(|o| o.contact()).map_or("", |c| c.phone.as_str()),
                })
            })
            .collect();
        let facts = json!({ "form": what, "due": due_words(due), "silent": list });
        self.letter_to_department(LetterKind::Escalation, suffix, Some(due), facts);
    }
}

//! A run from its opening to its end: waiting, starting stages, completing, failing, ending.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::json;
use vekha_analysis::{Outcome as AnalysisOutcome, recommendations};
use vekha_roadmap::answers::FieldError;
use vekha_roadmap::model::{self, Activity, Every, Overlap, Participants, Work};
use vekha_roadmap::schedule::stage_begins;

use super::{Context, PERIODS_BACK, Transition, before, reason};
use crate::command::Why;
use crate::entry::Happened;
use crate::journal::Head;
use crate::key::{RunKey, is_part};
use crate::outcome::{Job, LetterKind, Outcome};
use crate::refusal::Refusal;
use crate::run::{AssignmentState, Run, RunState, Stage, StageState};

/// Why a stage has published nothing.
const NOTHING: &str = "ответов нет, публиковать нечего: отчёт выйдет со следующей публикацией";

/// Brings a run into being. It starts at once unless it must wait for others.
///
/// # Errors
/// [`Refusal::NotFound`] for an unknown activity, [`Refusal::Invalid`] with all wrong fields,
/// [`Refusal::State`] when it is opened by upstream runs of which there is none. That the run does not exist yet is for the caller to know: its name is its key.
pub fn open(
    context: &Context<'_>,
    key: RunKey,
    named: Vec<String>,
    why: Why,
    actor: &str,
    now: Timestamp,
) -> Result<(Run, Outcome), Refusal> {
    let activity = context
        .road_map
        .activity(&key.activity)
        .ok_or_else(|| Refusal::NotFound(format!("мероприятие «{}»", key.activity)))?;
    let mut run = Run {
        keeper: String::new(),
        journal: Head::of(&key.to_string()),
        key,
        road_map: context.version,
        state: RunState::Waiting,
        opened_at: now,
        ended_at: None,
        named,
        waits_for: Vec::new(),
        stages: Vec::new(),
        found: Default::default(),
        assignments: Default::default(),
        recommendations: Default::default(),
        decisions: Vec::new(),
        measures: Vec::new(),
    };
    run.stages = activity.stages.iter().map(|s| planned(context, activity, &run.key, s)).collect();
    let mut t = Transition::new(context, &mut run, actor, now)?;
    t.check_opening()?;
    // The end of an earlier run is told to the next one, which may have nothing to wait for yet.
    let after = &activity.schedule.after;
    if why == Why::Upstream
        && !after.iter().any(|u| context.others.contains_key(&t.run.key.upstream(u)))
    {
        return Err(Refusal::State("выполнений, после которых оно начинается, ещё нет".into()));
    }
    let named = t.run.named.clone();
    t.record(Happened::RunOpened { why, road_map: context.version, named });
    t.signal(|every| matches!(every, Every::AfterOnly));
    t.wait_or_start();
    let outcome = t.finish();
    Ok((run, outcome))
}

/// A stage as its run begins.
fn planned(
    context: &Context<'_>,
    activity: &Activity,
    run: &RunKey,
    definition: &model::Stage,
) -> Stage {
    let begins = |day| stage_begins(context.road_map, activity, run.period, day);
    let again = activity.repeats(&definition.id).map(str::to_owned);
    Stage { not_before: definition.not_before.map(begins), again, ..Stage::pending(&definition.id) }
}

impl Transition<'_> {
    fn check_opening(&self) -> Result<(), Refusal> {
        let mut errors = Vec::new();
        let mut wrong = |field: &str, message: String| {
            errors.push(FieldError { field: field.to_owned(), message });
        };
        let key = &self.run.key;
        let schedule = &self.activity.schedule;
        if key.period.kind() != schedule.period {
            wrong(
                "period",
                format!("период «{}» другого рода: нужен {}", key.period, schedule.period),
            );
        }
        let today = self.today();
        let unknown =
            |code: &str| !self.road_map.organisation(code).is_some_and(|o| o.active_on(today));
        for code in self.run.named.iter().filter(|code| unknown(code)) {
            wrong("organisations", format!("нет действующей организации «{code}»"));
        }
        let uses = |wanted: Participants| {
            self.activity
                .stages
                .iter()
                .any(|s| matches!(&s.work, Work::Collect(c) if c.participants == wanted))
        };
        if uses(Participants::Named) && self.run.named.is_empty() {
            wrong("organisations", "назовите организации, которые участвуют".into());
        }
        match (&schedule.every, &key.part) {
            (Every::Rotation { .. }, None) => {
                wrong("part", "укажите организацию, чья очередь".into());
            }
            (Every::Rotation { .. }, Some(code)) if unknown(code) => {
                wrong("part", format!("нет действующей организации «{code}»"));
            }
            (_, Some(label)) if !is_part(label) => {
                wrong("part", "латиница, цифры и дефис, не длиннее 64 знаков".into());
            }
            _ => {}
        }
        if errors.is_empty() { Ok(()) } else { Err(Refusal::Invalid(errors)) }
    }

    /// Tells runs that wait for this one that something changed.
    fn signal(&mut self, which: impl Fn(&Every) -> bool) {
        let key = self.run.key.clone();
        let mut waiting: Vec<RunKey> = self
            .road_map
            .downstream(&key.activity)
            .filter(|(activity, _)| which(&activity.schedule.every))
            .map(|(activity, upstream)| key.downstream(&activity.id, upstream))
            .collect();
        if self.activity.schedule.overlap == Overlap::Wait && self.run.state.ended() {
            let next = |key: &RunKey| Some(RunKey { period: key.period.next(), ..key.clone() });
            let later = std::iter::successors(next(&key), next).take(PERIODS_BACK);
            waiting.extend(later);
        }
        self.tell(waiting);
    }

    /// Has runs look at what they wait for, each once.
    fn tell(&mut self, waiting: Vec<RunKey>) {
        for run in waiting {
            let job = Job::Upstream { run };
            if !self.out.jobs.contains(&job) {
                self.out.jobs.push(job);
            }
        }
    }

    /// Tells runs that wait for a stage of this one that it is done.
    fn signal_stage(&mut self, stage: &str) {
        let key = self.run.key.clone();
        let waiting = self
            .road_map
            .downstream(&key.activity)
            .filter(|(_, upstream)| upstream.stage.as_deref() == Some(stage));
        let waiting = waiting.map(|(activity, upstream)| key.downstream(&activity.id, upstream));
        let waiting = waiting.collect();
        self.tell(waiting);
    }

    fn wait_or_start(&mut self) {
        let key = self.run.key.clone();
        if self.activity.schedule.overlap == Overlap::Skip && self.overlapped().is_some() {
            self.finish_run(RunState::Skipped, "прежнее выполнение не окончено");
            return;
        }
        self.run.waits_for = self.activity.schedule.after.iter().map(|u| key.upstream(u)).collect();
        self.look_upstream();
    }

    /// The nearest earlier run of the activity that is not finished, where runs must not overlap.
    fn overlapped(&self) -> Option<RunKey> {
        let is_unfinished = |key: &RunKey| self.others.get(key).is_some_and(|s| !s.state.ended());
        before(self.activity, &self.run.key).into_iter().find(is_unfinished)
    }

    /// Takes a fresh look at what the run waits for, and acts on it.
    pub(super) fn upstream_changed(&mut self) {
        if matches!(self.run.state, RunState::Waiting | RunState::Question) {
            self.look_upstream();
        }
    }

    fn look_upstream(&mut self) {
        let state = |key: &RunKey| self.others.get(key).map(|s| s.state);
        // What it waits for is done, though the run may go on, or be called off later.
        let met = |key: &RunKey| {
            let Some(other) = self.others.get(key) else { return false };
            let wanted = |stage: &Option<String>| match stage {
                Some(stage) => other.done.contains(stage),
                None => false,
            };
            let mut after = self.activity.schedule.after.iter();
            other.state == RunState::Completed
                || after.any(|u| self.run.key.upstream(u) == *key && wanted(&u.stage))
        };
        let own = before(self.activity, &self.run.key);
        let upstream: Vec<RunKey> =
            self.activity.schedule.after.iter().map(|u| self.run.key.upstream(u)).collect();
        let mut waits: Vec<RunKey> = self
            .run
            .waits_for
            .iter()
            .filter(|key| upstream.contains(key) || !own.contains(key))
            .filter(|key| !met(key))
            .cloned()
            .collect();
        // Which of its own it waits for may change: one between may be called off.
        waits.extend(self.overlapped().filter(|key| !waits.contains(key)));
        let dropped: Vec<RunKey> =
            waits.iter().filter(|key| state(key).is_some_and(RunState::ended)).cloned().collect();
        let first_look = self.run.journal.sequence == 1;
        let changed = waits != self.run.waits_for;
        self.run.waits_for = waits;
        if self.run.waits_for.is_empty() {
            self.start();
        } else if !dropped.is_empty() && self.run.state != RunState::Question {
            self.run.state = RunState::Question;
            self.record(Happened::Question { upstream: dropped.clone() });
            let upstream = dropped
                .iter()
                .map(|key| {
                    self.road_map
                        .activity(&key.activity)
                        .map_or_else(|| key.to_string(), |a| format!("{}. {}", a.number, a.short))
                })
                .collect::<Vec<_>>()
                .join(", ");
            self.letter_to_department(
                LetterKind::Question,
                "question",
                None,
                json!({ "upstream": upstream }),
            );
        } else if changed || first_look {
            self.record(Happened::Waiting { r#for: self.run.waits_for.clone() });
        }
    }

    /// The run's stages set to work.
    pub(super) fn start(&mut self) {
        self.run.waits_for.clear();
        self.run.state = RunState::Active;
        self.record(Happened::RunStarted {});
        self.advance();
    }

    /// Starts every stage whose needs are met and whose day has come; completes the run when all are
    /// done.
    pub(super) fn advance(&mut self) {
        while let Some(position) = self.next_ready() {
            match self.run.stages[position].not_before.filter(|_| !self.has_come(position)) {
                Some(until) => self.await_day(position, until),
                None => self.start_stage(position),
            }
        }
        let all_done = self.run.stages.iter().all(|s| s.state == StageState::Completed);
        if all_done && self.run.state == RunState::Active {
            self.finish_run(RunState::Completed, "");
        }
    }

    fn next_ready(&self) -> Option<usize> {
        let done = |id: &String| {
            self.run.stages.iter().any(|s| s.id == *id && s.state == StageState::Completed)
        };
        self.activity.stages.iter().enumerate().position(|(position, definition)| {
            match self.run.stages[position].state {
                StageState::Pending => definition.needs.iter().all(done),
                StageState::Waiting => self.has_come(position),
                _ => false,
            }
        })
    }

    /// When a stage may begin, if it has a day of its own: the morning of that day.
    pub(super) fn begins_at(&self, position: usize) -> Option<Timestamp> {
        let day = self.run.stages[position].not_before?;
        Some(self.road_map.municipality.opening(day))
    }

    fn has_come(&self, position: usize) -> bool {
        self.begins_at(position).is_none_or(|at| at <= self.now)
    }

    fn await_day(&mut self, position: usize, until: Date) {
        let stage = self.stage_mut(position);
        stage.state = StageState::Waiting;
        let stage = stage.id.clone();
        self.record(Happened::StageWaits { stage, until });
    }

    fn start_stage(&mut self, position: usize) {
        let activity = self.activity;
        let definition = &activity.stages[position];
        let now = self.now;
        let stage = self.stage_mut(position);
        stage.state = StageState::Active;
        stage.started_at = Some(now);
        let (stage, kind) = (definition.id.clone(), definition.work.kind().to_owned());
        self.record(Happened::StageStarted { stage, kind });
        match &definition.work {
            Work::Collect(collect) => self.ask(position, collect),
            Work::Decide(decide) => self.await_decisions(position, decide),
            Work::Recommend(recommend) => match self.findings_at_hand(recommend) {
                Some(outcome) => {
                    let drafts = recommendations(outcome);
                    self.take_drafts(position, recommend, drafts);
                }
                None => self.emit_work(position),
            },
            Work::Analyze(_) | Work::Publish(_) => self.emit_work(position),
        }
    }

    /// Asks the runtime for the work of a stage that needs no people to begin.
    fn emit_work(&mut self, position: usize) {
        let run = self.run.key.clone();
        let stage = self.run.stages[position].id.clone();
        match &self.activity.stages[position].work {
            Work::Analyze(analyze) if analyze.plugin.is_some() => {
                self.out.jobs.push(Job::Consult { run, stage });
            }
            Work::Analyze(_) => self.out.jobs.push(Job::Analyze { run, stage }),
            Work::Recommend(_) => self.out.jobs.push(Job::Draft { run, stage }),
            Work::Publish(_) => self.out.jobs.push(Job::Publish { run, stage }),
            Work::Collect(_) | Work::Decide(_) => {}
        }
    }

    pub(super) fn complete_stage(&mut self, position: usize) {
        let now = self.now;
        let stage = self.stage_mut(position);
        stage.state = StageState::Completed;
        stage.completed_at = Some(now);
        let id = stage.id.clone();
        self.record(Happened::StageCompleted { stage: id.clone() });
        self.signal_stage(&id);
        self.advance();
    }

    pub(super) fn analyzed(
        &mut self,
        stage: String,
        outcome: AnalysisOutcome,
    ) -> Result<(), Refusal> {
        let position = self.run.at_work(&stage)?;
        let activity = self.activity;
        let Work::Analyze(analyze) = &activity.stages[position].work else {
            return Err(Refusal::NotFound(format!("этап анализа «{stage}»")));
        };
        // Why it had to wait does not matter any more.
        self.stage_mut(position).reason.clear();
        if self.run.stages[position].again.is_some() {
            self.forget_found(&analyze.analysis);
        }
        self.note_found(&outcome);
        if !outcome.unwritten.is_empty() {
            let each = outcome.unwritten.iter().map(|(rule, why)| format!("{rule} ({why})"));
            let reason =
                format!("не составлены тексты правил: {}", each.collect::<Vec<_>>().join(", "));
            self.record(Happened::Unwritten { stage: stage.clone(), reason: reason.clone() });
            self.stage_mut(position).reason = reason;
        }
        // Of the other analyses their own entries tell.
        let mut found = (*self.run.found).clone();
        found.retain(|rule, _| outcome.findings.iter().any(|finding| finding.rule == *rule));
        let indicators = outcome.indicators.len();
        self.record(Happened::Analyzed { stage: stage.clone(), indicators, found });
        self.out.analyses.push((stage, outcome));
        self.complete_stage(position);
        Ok(())
    }

    /// An analysis is made anew: whom it found before does not count any more.
    fn forget_found(&mut self, analysis: &str) {
        let definition = self.road_map.analyses.get(analysis);
        let found = Arc::make_mut(&mut self.run.found);
        for rule in definition.into_iter().flat_map(|definition| &definition.rules) {
            found.remove(&rule.id);
        }
    }

    /// Whom an analysis found, each once by each rule, in the order of the findings.
    fn note_found(&mut self, outcome: &AnalysisOutcome) {
        let found = Arc::make_mut(&mut self.run.found);
        let mut known: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for finding in &outcome.findings {
            let codes = found.entry(finding.rule.clone()).or_default();
            let known =
                known.entry(&finding.rule).or_insert_with(|| codes.iter().cloned().collect());
            if known.insert(finding.organisation.clone()) {
                codes.push(finding.organisation.clone());
            }
        }
    }

    pub(super) fn published(&mut self, stage: String, location: String) -> Result<(), Refusal> {
        let position = self.run.at_work(&stage)?;
        let Work::Publish(_) = &self.activity.stages[position].work else {
            return Err(Refusal::NotFound(format!("этап публикации «{stage}»")));
        };
        self.record(Happened::Published { stage, location: location.clone() });
        let published = self.stage_mut(position);
        // Why it was put off before matters no more; why nothing is there does.
        published.reason = if location.is_empty() { NOTHING.to_owned() } else { String::new() };
        published.location = location;
        self.complete_stage(position);
        Ok(())
    }

    /// The stage goes on being at work; whoever looks at it sees what it waits for. The same said again
    /// is no news.
    pub(super) fn stage_put_off(&mut self, stage: String, reason: String) -> Result<(), Refusal> {
        let position = self.run.at_work(&stage)?;
        if self.run.stages[position].reason != reason {
            self.stage_mut(position).reason.clone_from(&reason);
            self.record(Happened::StagePutOff { stage, reason });
        }
        Ok(())
    }

    pub(super) fn stage_failed(&mut self, stage: String, reason: String) -> Result<(), Refusal> {
        let position = self.run.at_work(&stage)?;
        let failed = self.stage_mut(position);
        failed.state = StageState::Failed;
        failed.reason.clone_from(&reason);
        self.run.state = RunState::Failed;
        self.record(Happened::StageFailed { stage: stage.clone(), reason: reason.clone() });
        let what = format!("этап «{}»", self.activity.stages[position].title);
        let suffix = format!("{stage}/failure/{}", self.run.journal.sequence);
        let facts = json!({ "what": what, "reason": reason });
        self.letter_to_department(LetterKind::Failure, &suffix, None, facts);
        Ok(())
    }

    pub(super) fn retry(&mut self) -> Result<(), Refusal> {
        self.run.state = RunState::Active;
        for position in 0..self.run.stages.len() {
            if self.run.stages[position].state == StageState::Failed {
                let stage = self.stage_mut(position);
                stage.state = StageState::Active;
                stage.reason.clear();
                let id = stage.id.clone();
                self.record(Happened::StageRetried { stage: id });
                self.emit_work(position);
            }
        }
        Ok(())
    }

    pub(super) fn letter_refused(&mut self, letter: String, organisation: String, reason: String) {
        self.record(Happened::LetterRefused {
            letter: letter.clone(),
            organisation: organisation.clone(),
            reason: reason.clone(),
        });
        // The department's own address being wrong cannot be told by a letter to it.
        if organisation != self.road_map.department().code {
            let what = format!("письмо для «{}»", self.name_of(&organisation));
            let suffix = format!("failure/{}", self.run.journal.sequence);
            let facts = json!({ "what": what, "reason": reason });
            self.letter_to_department(LetterKind::Failure, &suffix, None, facts);
        }
    }

    /// A person ends the run before its time.
    pub(super) fn end(&mut self, state: RunState, why: String) -> Result<(), Refusal> {
        reason("reason", &why)?;
        self.finish_run(state, &why);
        Ok(())
    }

    fn finish_run(&mut self, state: RunState, why: &str) {
        self.run.state = state;
        self.run.ended_at = Some(self.now);
        self.run.waits_for.clear();
        let reason = why.to_owned();
        self.record(match state {
            RunState::Completed => Happened::RunCompleted {},
            RunState::Skipped => Happened::RunSkipped { reason },
            _ => Happened::RunCancelled { reason },
        });
        if state != RunState::Completed {
            let concerned = self.concerned();
            let open: Vec<_> = self.run.assignments.awaited().into_iter().cloned().collect();
            for key in open {
                self.touch(&key, |assignment| {
                    assignment.state = AssignmentState::Waived;
                    assignment.reason = why.to_owned();
                    assignment.request = None;
                });
            }
            for key in concerned {
                self.write_called_off(&key, why, true);
            }
        }
        self.signal(|_| true);
    }
}

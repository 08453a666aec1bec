//! One step of a run. Every command is checked whole before anything is touched, so a refused
//! command leaves the run as it was (a property test holds that).

mod attach;
mod called_off;
mod collect;
mod decide;
mod keeping;
mod lifecycle;
mod links;
mod measures;
mod recommend;
mod review;
mod terms;
mod wake;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;
use vekha_analysis::Values;
use vekha_roadmap::RoadMap;
use vekha_roadmap::model::{Activity, Overlap, Participants, Work};
use vekha_roadmap::russian;
use vekha_roadmap::schedule::letters_leave;

use crate::command::{Answer, Command};
use crate::entry::Happened;
use crate::key::{AssignmentKey, RunKey};
use crate::limits;
use crate::offers::Offer;
use crate::outcome::{Letter, LetterKind, Outcome};
use crate::refusal::Refusal;
use crate::run::{Assignment, Found, Recommendation, Run, RunState, Stage, StageState};

pub use lifecycle::open;

/// What a step may look at besides the run.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The version of the road map that the run keeps.
    pub road_map: &'a RoadMap,
    /// That version's number.
    pub version: u32,
    /// Other runs that the run refers to ([`references`]), as far as they exist.
    pub others: &'a BTreeMap<RunKey, Summary>,
    /// What those who answer now answered in the period before ([`crate::data::earlier`]), as far as
    /// they did: large jumps must be explained.
    pub earlier: &'a BTreeMap<AssignmentKey, Values>,
    /// What the department has answered before in this run ([`crate::data::of_department`]), by the
    /// assignments that are answered now and whose forms look at it.
    pub department: &'a BTreeMap<AssignmentKey, Values>,
}

/// No answers, and no other runs.
static NO_ANSWERS: BTreeMap<AssignmentKey, Values> = BTreeMap::new();
static NO_RUNS: BTreeMap<RunKey, Summary> = BTreeMap::new();

impl<'a> Context<'a> {
    /// A version of a road map, and nothing that a step would look at besides.
    pub fn new(road_map: &'a RoadMap, version: u32) -> Self {
        Context {
            road_map,
            version,
            others: &NO_RUNS,
            earlier: &NO_ANSWERS,
            department: &NO_ANSWERS,
        }
    }
}

/// What a run must know of another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Where it stands.
    pub state: RunState,
    /// Whom its analyses found.
    pub found: Arc<Found>,
    /// Ids of its stages that are done.
    pub done: Vec<String>,
}

impl From<&Run> for Summary {
    fn from(run: &Run) -> Self {
        Summary { state: run.state, found: Arc::clone(&run.found), done: done_stages(&run.stages) }
    }
}

/// Ids of the stages that are done.
pub fn done_stages(stages: &[Stage]) -> Vec<String> {
    let done = stages.iter().filter(|s| s.state == StageState::Completed);
    done.map(|stage| stage.id.clone()).collect()
}

/// The other runs that steps of `key` may look at: upstreams, sources of participants, and the
/// activity's earlier run where runs must not overlap.
pub fn references(activity: &Activity, key: &RunKey) -> Vec<RunKey> {
    let mut keys: Vec<RunKey> = activity.schedule.after.iter().map(|u| key.upstream(u)).collect();
    for stage in &activity.stages {
        let selections: Vec<&Participants> = match &stage.work {
            Work::Collect(collect) => vec![&collect.participants],
            Work::Decide(decide) => decide.measures.iter().map(|m| &m.by).collect(),
            _ => vec![],
        };
        for selection in selections {
            if let Participants::FoundBy { activity, .. } = selection {
                keys.push(RunKey { activity: activity.clone(), part: None, ..key.clone() });
            }
        }
    }
    keys.extend(before(activity, key));
    keys.retain(|k| k != key);
    keys.sort();
    keys.dedup();
    keys
}

/// How far back an unfinished run is looked for where runs must not overlap: a quarterly activity's
/// runs of three years.
const PERIODS_BACK: usize = 12;

/// The activity's earlier runs, which the run must not overlap, nearest first; none where it may.
/// Those between may have been skipped or called off, so it is not enough to look at the one before.
fn before(activity: &Activity, key: &RunKey) -> Vec<RunKey> {
    let periods = match activity.schedule.overlap {
        Overlap::Allow => 0,
        Overlap::Wait | Overlap::Skip => PERIODS_BACK,
    };
    std::iter::successors(Some(key.earlier()), |key| Some(key.earlier())).take(periods).collect()
}

/// Carries out `command` on `run` at `now`.
///
/// # Errors
/// A [`Refusal`] when the run's state or the command's own content does not allow it; the run is
/// then unchanged.
pub fn step(
    context: &Context<'_>,
    run: &mut Run,
    command: Command,
    actor: &str,
    now: Timestamp,
) -> Result<Outcome, Refusal> {
    let mut t = Transition::new(context, run, actor, now)?;
    for offer in Offer::taken_up(&command) {
        offer.stands(t.activity, t.run)?;
    }
    match command {
        Command::Wake => t.wake(),
        Command::UpstreamChanged => t.upstream_changed(),
        Command::AnswerQuestion(answer) => t.answer_question(answer)?,
        Command::Submit { assignment, answers, origin } => {
            t.submit(assignment, answers, origin)?;
        }
        Command::Waive { assignment, reason } => t.waive(assignment, reason)?,
        Command::Extend { assignment, due, reason } => t.extend(assignment, due, reason)?,
        Command::RequestExtension { assignment, due, reason } => {
            t.request_extension(assignment, due, reason)?;
        }
        Command::DeclineExtension { assignment, reason } => {
            t.decline_extension(assignment, reason)?;
        }
        Command::SendLink { assignment, renew, reason } => {
            t.send_link(assignment, renew, reason)?
        }
        Command::ReturnAnswer { assignment, comment, due } => {
            t.return_answer(assignment, comment, due)?;
        }
        Command::AcceptAnswers { stage } => t.accept_answers(&stage)?,
        Command::Prefilled { stage, source, organisations } => {
            t.prefilled(&stage, &source, &organisations)?;
        }
        Command::SourceNoted { stage, source, notes } => {
            t.source_noted(&stage, &source, &notes)?;
        }
        Command::SourceFailed { stage, source, reason } => {
            t.source_failed(&stage, &source, &reason)?;
        }
        Command::Analyzed { stage, outcome } => t.analyzed(stage, outcome)?,
        Command::Drafted { stage, recommendations } => t.drafted(stage, recommendations)?,
        Command::Revise { recommendation, texts } => t.revise(recommendation, texts)?,
        Command::Approve { stage, organisations, outgoing } => {
            t.approve(stage, organisations, &outgoing)?;
        }
        Command::Discard { recommendation, reason } => t.discard(recommendation, reason)?,
        Command::RecordDecision { stage, document, measures } => {
            t.record_decision(stage, document, measures)?;
        }
        Command::CorrectDecision { decision, document, measures, withdraw } => {
            t.correct_decision(decision, document, measures, withdraw)?;
        }
        Command::AttachToDecision { decision, files } => t.attach_to_decision(decision, files)?,
        Command::AcceptMeasure { measure } => t.accept_measure(measure)?,
        Command::ReturnMeasure { measure, comment, due } => {
            t.return_measure(measure, comment, due)?;
        }
        Command::Published { stage, location } => t.published(stage, location)?,
        Command::StagePutOff { stage, reason } => t.stage_put_off(stage, reason)?,
        Command::StageFailed { stage, reason } => t.stage_failed(stage, reason)?,
        Command::LetterRefused { letter, organisation, reason } => {
            t.letter_refused(letter, organisation, reason);
        }
        Command::Retry => t.retry()?,
        Command::Entrust { to } => t.entrust(to)?,
        Command::Remark { text } => t.remark(text)?,
        Command::Cancel { reason } => t.end(RunState::Cancelled, reason)?,
        Command::Skip { reason } => t.end(RunState::Skipped, reason)?,
    }
    Ok(t.finish())
}

/// Carries out several commands on `run`, one upon the other, all or none.
///
/// # Errors
/// What is refused of them, each with its place among the commands: those after it were tried as if it
/// had not been asked. The run is then unchanged.
pub fn steps(
    context: &Context<'_>,
    run: &mut Run,
    commands: Vec<Command>,
    actor: &str,
    now: Timestamp,
) -> Result<Outcome, Vec<(usize, Refusal)>> {
    let mut tried = run.clone();
    let mut all = Outcome::default();
    let mut refused = Vec::new();
    for (place, command) in commands.into_iter().enumerate() {
        match step(context, &mut tried, command, actor, now) {
            Ok(outcome) => all.absorb(outcome),
            Err(refusal) => refused.push((place, refusal)),
        }
    }
    if !refused.is_empty() {
        return Err(refused);
    }
    *run = tried;
    Ok(all)
}

/// A step under way: the run, what it may look at, and the outcome so far.
struct Transition<'a> {
    road_map: &'a RoadMap,
    others: &'a BTreeMap<RunKey, Summary>,
    earlier: &'a BTreeMap<AssignmentKey, Values>,
    department: &'a BTreeMap<AssignmentKey, Values>,
    activity: &'a Activity,
    run: &'a mut Run,
    actor: &'a str,
    now: Timestamp,
    out: Outcome,
}

impl<'a> Transition<'a> {
    fn new(
        context: &Context<'a>,
        run: &'a mut Run,
        actor: &'a str,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let activity = context
            .road_map
            .activity(&run.key.activity)
            .ok_or_else(|| Refusal::NotFound(format!("мероприятие «{}»", run.key.activity)))?;
        Ok(Transition {
            road_map: context.road_map,
            others: context.others,
            earlier: context.earlier,
            department: context.department,
            activity,
            run,
            actor,
            now,
            out: Outcome::default(),
        })
    }

    /// Closes the step: what remains is to say when the run must be woken.
    fn finish(mut self) -> Outcome {
        self.out.wake_at = self.next_wake();
        self.out
    }

    fn record(&mut self, happened: Happened) {
        let entry = self.run.journal.append(self.now, self.actor, &happened);
        self.out.entries.push(entry);
    }

    fn today(&self) -> Date {
        self.road_map.municipality.today(self.now)
    }

    /// The day on which letters of this step are read: terms are counted from it.
    fn letters_leave_on(&self) -> Date {
        self.road_map.municipality.today(letters_leave(self.road_map, self.now))
    }

    /// Changes an assignment that the caller has found; it is then written with the step.
    fn touch<R>(&mut self, key: &AssignmentKey, change: impl FnOnce(&mut Assignment) -> R) -> R {
        let touched = self.run.assignments.touch(key, &mut self.out.assignments, change);
        touched.expect("the caller found it")
    }

    /// Changes what an organisation is recommended, if it is recommended anything; it is then
    /// written with the step.
    fn touch_recommendation<R>(
        &mut self,
        key: &AssignmentKey,
        change: impl FnOnce(&mut Recommendation) -> R,
    ) -> Option<R> {
        self.run.recommendations.touch(key, &mut self.out.recommendations, change)
    }

    fn stage_mut(&mut self, position: usize) -> &mut Stage {
        &mut self.run.stages[position]
    }

    /// A letter about an assignment, to the organisation that holds it.
    fn letter_to_participant(
        &mut self,
        kind: LetterKind,
        assignment: &AssignmentKey,
        suffix: &str,
        facts: Value,
    ) {
        let base = format!("{}/{assignment}", self.run.key);
        let asking = matches!(
            kind,
            LetterKind::Assignment | LetterKind::Recommendation | LetterKind::Measure
        );
        self.out.letters.push(Letter {
            key: format!("{base}/{suffix}"),
            kind,
            to: assignment.organisation.clone(),
            run: self.run.key.clone(),
            assignment: Some(assignment.clone()),
            link: self.run.assignments.get(assignment).map_or(0, |a| a.link),
            revision: self.run.journal.sequence,
            thread: (!asking).then(|| format!("{base}/asked")),
            // What is withdrawn or called off is due no more.
            due: (!matches!(kind, LetterKind::MeasureWithdrawn | LetterKind::CalledOff))
                .then(|| self.run.assignments.get(assignment).map(|a| a.due))
                .flatten(),
            // These answer a person who is at work right now; all else keeps office hours.
            not_before: if matches!(kind, LetterKind::Receipt | LetterKind::Link) {
                self.now
            } else {
                letters_leave(self.road_map, self.now)
            },
            facts: object(facts),
        });
    }

    /// A letter to the department.
    fn letter_to_department(
        &mut self,
        kind: LetterKind,
        suffix: &str,
        due: Option<Date>,
        facts: Value,
    ) {
        self.out.letters.push(Letter {
            key: format!("{}/{suffix}", self.run.key),
            kind,
            to: self.road_map.department().code.clone(),
            run: self.run.key.clone(),
            assignment: None,
            link: 0,
            revision: self.run.journal.sequence,
            thread: None,
            due,
            not_before: letters_leave(self.road_map, self.now),
            facts: object(facts),
        });
    }

    fn name_of(&self, organisation: &str) -> String {
        self.road_map
            .organisation(organisation)
            .map_or_else(|| organisation.to_owned(), |o| o.name.clone())
    }

    /// Codes of the organisations that a selection means today.
    fn participants(&self, selection: &Participants) -> Vec<String> {
        let today = self.today();
        let active =
            |code: &String| self.road_map.organisation(code).is_some_and(|o| o.active_on(today));
        let mut codes: Vec<String> = match selection {
            Participants::Named => self.run.named.clone(),
            Participants::FoundBy { activity, rules } => {
                let key = RunKey { activity: activity.clone(), part: None, ..self.run.key.clone() };
                let found = if key == self.run.key {
                    Some(&*self.run.found)
                } else {
                    self.others.get(&key).map(|s| &*s.found)
                };
                found
                    .into_iter()
                    .flatten()
                    .filter(|(rule, _)| rules.is_empty() || rules.contains(rule))
                    .flat_map(|(_, codes)| codes.iter().cloned())
                    .collect()
            }
            known => {
                let codes = self.road_map.selected(known, self.run.key.part.as_deref());
                codes.into_iter().map(str::to_owned).collect()
            }
        };
        codes.retain(active);
        codes.sort();
        codes.dedup();
        codes
    }

    fn answer_question(&mut self, answer: Answer) -> Result<(), Refusal> {
        match answer {
            Answer::Proceed => {
                self.record(Happened::Proceeded { without: self.run.waits_for.clone() });
                self.start();
                Ok(())
            }
            Answer::Skip => self.end(RunState::Skipped, "решение администратора".into()),
        }
    }
}

/// «пятница, 1 октября 2027 года»
fn due_words(due: Date) -> String {
    russian::date_words_with_weekday(due)
}

/// Days from `today` to `due`, negative once it has passed.
fn days_left(today: Date, due: Date) -> i64 {
    due.duration_since(today).as_hours() / 24
}

fn object(value: Value) -> Values {
    match value {
        Value::Object(map) => map,
        _ => Values::new(),
    }
}

/// A reason that a person must give.
fn reason(field: &str, text: &str) -> Result<(), Refusal> {
    limits::reason(field, text).map_or(Ok(()), |wrong| Err(Refusal::Invalid(vec![wrong])))
}

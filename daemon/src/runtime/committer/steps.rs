//! Requests carried out in memory.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use vekha_engine::run::Run;
use vekha_engine::{
    AssignmentKey, Command, Context, Outcome, Refusal, RunKey, Summary, Why, data, open,
    references, step, steps,
};
use vekha_roadmap::RoadMap;
use vekha_roadmap::answers::Values;
use vekha_roadmap::model::{Activity, Every, Form};

use super::{Answered, Ask, AskError, Done, Reply, Task, WouldBe};
use crate::clock::Clock;
use crate::runtime::road_maps::{RoadMaps, Version};
use crate::store::entities::request;
use crate::store::{Batch, Store, StoreError, micros, unreadable};

/// What steps look at besides their runs, as the database has it.
struct Known {
    /// The runs that they refer to, but for those that the batch holds.
    runs: BTreeMap<RunKey, Summary>,
    /// What those who answer answered in the period before, by the assignment's id then; or why that
    /// cannot be read.
    answers: HashMap<String, Result<Values, String>>,
}

impl Known {
    /// The runs that a step refers to, the batch's own as they are by now.
    fn others(
        &self,
        batch: &Batch,
        referred: Vec<RunKey>,
    ) -> Result<BTreeMap<RunKey, Summary>, AskError> {
        if let Some(why) = referred.iter().find_map(|key| batch.broken(key)) {
            return Err(AskError::Unreadable(why.to_owned()));
        }
        let summary = |key: &RunKey| match batch.run(key) {
            Some(run) => Some(Summary::from(run)),
            None => self.runs.get(key).cloned(),
        };
        let known = referred.into_iter().filter_map(|key| Some((summary(&key)?, key)));
        Ok(known.map(|(summary, key)| (key, summary)).collect())
    }

    /// What those who answer now answered in the period of the run `before`.
    fn earlier(
        &self,
        task: &Task,
        before: &RunKey,
    ) -> Result<BTreeMap<AssignmentKey, Values>, AskError> {
        self.by_who_answers(task, |own| self.answers.get(&format!("{before}/{own}")))
    }

    /// What the department has answered in the same run, for those whose forms look at it.
    fn department(
        &self,
        task: &Task,
        road_map: &RoadMap,
        activity: &Activity,
    ) -> Result<BTreeMap<AssignmentKey, Values>, AskError> {
        self.by_who_answers(task, |own| {
            let theirs = data::of_department(road_map, activity, &own.stage);
            theirs.iter().find_map(|theirs| self.answers.get(&format!("{}/{theirs}", task.run)))
        })
    }

    /// What is found for each assignment that is answered now.
    fn by_who_answers<'k>(
        &'k self,
        task: &Task,
        find: impl Fn(&AssignmentKey) -> Option<&'k Result<Values, String>>,
    ) -> Result<BTreeMap<AssignmentKey, Values>, AskError> {
        if self.answers.is_empty() {
            return Ok(BTreeMap::new());
        }
        answered(&task.ask)
            .filter_map(|own| Some((own, find(own)?)))
            .map(|(own, answers)| match answers {
                Ok(answers) => Ok((own.clone(), answers.clone())),
                Err(why) => Err(AskError::Unreadable(why.clone())),
            })
            .collect()
    }
}

/// The assignments that are answered.
fn answered(ask: &Ask) -> impl Iterator<Item = &AssignmentKey> {
    let commands = match ask {
        Ask::Step(command) => std::slice::from_ref(command),
        Ask::Steps(commands) => commands,
        Ask::Open { .. } | Ask::Upstream => &[],
    };
    commands.iter().filter_map(|command| match command {
        Command::Submit { assignment, .. } => Some(assignment),
        _ => None,
    })
}

/// What steps are made with.
pub(super) struct Steps {
    pub store: Store,
    pub road_maps: Arc<RoadMaps>,
    pub clock: Clock,
}

impl Steps {
    /// Carries out requests in memory; the answers hold once the batch is committed.
    ///
    /// # Errors
    /// When the database cannot be read, or a step breaks off; the batch is then good for nothing.
    pub async fn take_in(
        &self,
        batch: &mut Batch,
        tasks: &[Task],
    ) -> Result<Vec<Reply>, StoreError> {
        let now = self.clock.now();
        batch.load(tasks.iter().map(|t| t.run.clone())).await?;
        let mut held = None;
        if self.store.is_shared() {
            if tasks.iter().any(|task| self.version_for(batch, &task.run).is_none()) {
                self.road_maps.refresh(&self.store).await?;
            }
            let jobs = tasks.iter().filter_map(|t| t.job.as_deref()).collect();
            held = Some(batch.hold_jobs(&jobs, now).await?);
        }
        let ids: Vec<&str> =
            tasks.iter().filter_map(|t| Some(t.by.request.as_ref()?.id.as_str())).collect();
        let mut requests = batch.requests(&ids).await?;
        let known = self.know(batch, tasks).await?;
        let mut answers = Vec::with_capacity(tasks.len());
        for task in tasks {
            if let (Some(held), Some(job)) = (&held, &task.job)
                && !held.contains(job)
            {
                // Another daemon has done it.
                answers.push(Ok(Answered {
                    done: Done::Before,
                    made: String::new(),
                    would_be: None,
                }));
                continue;
            }
            // Asked before what the caller saw: its own first call has changed that.
            if let Some(request) = &task.by.request
                && let Some(before) = requests.get(&request.id)
            {
                let same = request.digest == before.digest;
                let made = before.made.clone();
                let before = || Answered { done: Done::Before, made, would_be: None };
                answers.push(same.then(before).ok_or(AskError::RequestReused));
                continue;
            }
            // A step that breaks off leaves its run half changed: the batch is thrown away, and what
            // was asked beside it is carried out by itself.
            let carried_out = AssertUnwindSafe(|| self.carry_out(batch, task, &known, now));
            let answer = catch_unwind(carried_out)
                .map_err(|_| unreadable(&task.run.to_string(), "внутренняя ошибка, см. журнал"))?;
            // What could not even be read is still to be done, and what rests on what has changed.
            let undone = matches!(answer, Err(AskError::Unreadable(_) | AskError::Stale));
            if let Some(job) = task.job.as_ref().filter(|_| !undone) {
                batch.done(job);
            }
            if let (Ok(Answered { made, .. }), Some(asked), false) =
                (&answer, &task.by.request, task.by.validate_only)
            {
                let row = request::Model {
                    id: asked.id.clone(),
                    digest: asked.digest.clone(),
                    at: micros(now),
                    made: made.clone(),
                };
                requests.insert(row.id.clone(), row.clone());
                batch.remember(row);
            }
            answers.push(answer);
        }
        Ok(answers)
    }

    /// Reads what the steps look at besides their runs.
    async fn know(&self, batch: &mut Batch, tasks: &[Task]) -> Result<Known, StoreError> {
        let mut runs: BTreeSet<RunKey> = BTreeSet::new();
        let mut said: BTreeMap<String, RunKey> = BTreeMap::new();
        for task in tasks {
            let Some(version) = self.version_for(batch, &task.run) else { continue };
            let Some(activity) = version.road_map.activity(&task.run.activity) else { continue };
            runs.extend(references(activity, &task.run));
            for key in answered(&task.ask) {
                let form = version.road_map.form_of(&activity.id, &key.stage);
                if form.is_some_and(Form::compares) {
                    let run = data::earlier(activity, &task.run);
                    said.insert(format!("{run}/{key}"), run);
                }
                for own in data::of_department(&version.road_map, activity, &key.stage) {
                    said.insert(format!("{}/{own}", task.run), task.run.clone());
                }
            }
        }
        Ok(Known {
            runs: batch.summaries(&runs).await?,
            answers: batch.newest_answers(&said).await?,
        })
    }

    fn version_for(&self, batch: &Batch, key: &RunKey) -> Option<Arc<Version>> {
        match batch.run(key) {
            Some(run) => self.road_maps.current(&key.municipality, run.road_map),
            None => self.road_maps.newest(&key.municipality),
        }
    }

    fn carry_out(
        &self,
        batch: &mut Batch,
        task: &Task,
        known: &Known,
        now: jiff::Timestamp,
    ) -> Reply {
        let key = &task.run;
        if let Some(why) = batch.broken(key) {
            return Err(AskError::Unreadable(why.to_owned()));
        }
        let version = self.version_for(batch, key).ok_or_else(|| match batch.run(key) {
            Some(run) => AskError::Unreadable(self.road_maps.why_not(key, run.road_map)),
            None => {
                let what = format!("дорожная карта муниципалитета «{}»", key.municipality);
                Refusal::NotFound(what).into()
            }
        })?;
        let activity = version
            .road_map
            .activity(&key.activity)
            .ok_or_else(|| Refusal::NotFound(format!("мероприятие «{}»", key.activity)))?;
        let context = Context {
            road_map: &version.road_map,
            version: version.number,
            others: &known.others(batch, references(activity, key))?,
            earlier: &known.earlier(task, &data::earlier(activity, key))?,
            department: &known.department(task, &version.road_map, activity)?,
        };
        let actor = &task.by.actor;
        let exists = batch.run(key).is_some();
        match &task.ask {
            Ask::Open { .. } if exists => Err(AskError::Exists(key.clone())),
            Ask::Open { named, why, without_waiting } => {
                let (mut run, mut outcome) =
                    open(&context, key.clone(), named.clone(), *why, actor, now)?;
                if *without_waiting && !run.waits_for.is_empty() {
                    let proceed = Command::AnswerQuestion(vekha_engine::Answer::Proceed);
                    outcome.absorb(step(&context, &mut run, proceed, actor, now)?);
                }
                let made = key.to_string();
                if task.by.validate_only {
                    return Ok(tried(made, run, outcome));
                }
                batch.insert(run);
                batch.record(key, outcome, now);
                Ok(done(made))
            }
            Ask::Upstream if !exists => {
                if activity.schedule.every == Every::AfterOnly {
                    let (run, outcome) =
                        open(&context, key.clone(), vec![], Why::Upstream, actor, now)?;
                    batch.insert(run);
                    batch.record(key, outcome, now);
                }
                Ok(done(String::new()))
            }
            Ask::Upstream => {
                let by =
                    |run: &mut Run| Ok(step(&context, run, Command::UpstreamChanged, actor, now)?);
                self.step(batch, task, by, now)
            }
            Ask::Step(command) => {
                let by = |run: &mut Run| Ok(step(&context, run, command.clone(), actor, now)?);
                self.step(batch, task, by, now)
            }
            Ask::Steps(commands) => {
                let by = |run: &mut Run| {
                    let done = steps(&context, run, commands.clone(), actor, now);
                    done.map_err(AskError::SomeRefused)
                };
                self.step(batch, task, by, now)
            }
        }
    }

    fn step(
        &self,
        batch: &mut Batch,
        task: &Task,
        by: impl FnOnce(&mut Run) -> Result<Outcome, AskError>,
        now: jiff::Timestamp,
    ) -> Reply {
        let key = &task.run;
        let revision = batch.revision(key).unwrap_or_default();
        let run =
            batch.run_mut(key).ok_or_else(|| Refusal::NotFound(format!("выполнение {key}")))?;
        if task.by.seen.as_ref().is_some_and(|seen| !seen.holds(run, revision)) {
            return Err(AskError::Stale);
        }
        if task.by.validate_only {
            let mut run = run.clone();
            let outcome = by(&mut run)?;
            return Ok(tried(made(&outcome), run, outcome));
        }
        let outcome = by(run)?;
        let made = made(&outcome);
        batch.record(key, outcome, now);
        Ok(done(made))
    }
}

fn done(made: String) -> Answered {
    Answered { done: Done::Now, made, would_be: None }
}

fn tried(made: String, run: Run, outcome: Outcome) -> Answered {
    let would_be = Some(Box::new(WouldBe { run, outcome }));
    Answered { done: Done::Now, made, would_be }
}

/// The name of what a step made.
fn made(outcome: &Outcome) -> String {
    match (outcome.submissions.last(), outcome.decisions.last()) {
        (Some(submission), _) => submission.version.to_string(),
        (None, Some(position)) => (position + 1).to_string(),
        (None, None) => {
            let names: Vec<String> =
                outcome.recommendations.iter().map(|k| k.to_string()).collect();
            names.join("\n")
        }
    }
}

//! Requests carried out in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sea_orm::DbErr;
use sha2::{Digest, Sha256};
use vekha_engine::journal::hex;
use vekha_engine::{Command, Context, Refusal, RunKey, Summary, Why, open, references, step};
use vekha_roadmap::model::Every;

use super::{Ask, AskError, Done, Reply, Task};
use crate::clock::Clock;
use crate::runtime::road_maps::{RoadMaps, Version};
use crate::store::{Batch, Store};

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
    /// When the database cannot be read; the batch is then good for nothing.
    pub async fn take_in(&self, batch: &mut Batch, tasks: &[Task]) -> Result<Vec<Reply>, DbErr> {
        let now = self.clock.now();
        batch.load(tasks.iter().map(|t| t.run.clone())).await?;
        let mut held = None;
        if self.store.is_shared() {
            self.road_maps.refresh(&self.store).await?;
            let jobs = tasks.iter().filter_map(|t| t.job.as_deref()).collect();
            held = Some(batch.hold_jobs(&jobs, now).await?);
        }
        let ids: Vec<&str> = tasks.iter().filter_map(|t| t.request.as_deref()).collect();
        let mut requests = batch.requests(&ids).await?;
        let mut wanted: BTreeSet<RunKey> = BTreeSet::new();
        for task in tasks {
            if let Some(version) = self.version_for(batch, &task.run)
                && let Some(activity) = version.road_map.activity(&task.run.activity)
            {
                wanted.extend(references(activity, &task.run));
            }
        }
        let known = batch.summaries(&wanted).await?;
        let mut answers = Vec::with_capacity(tasks.len());
        for task in tasks {
            if let (Some(held), Some(job)) = (&held, &task.job)
                && !held.contains(job)
            {
                // Another daemon has done it.
                answers.push(Ok(Done::Before));
                continue;
            }
            let digest = task.request.as_ref().map(|_| digest(task));
            if let (Some(id), Some(digest)) = (&task.request, &digest)
                && let Some(before) = requests.get(id)
            {
                let same = before == digest;
                answers.push(if same { Ok(Done::Before) } else { Err(AskError::RequestReused) });
                continue;
            }
            let answer = self.carry_out(batch, task, &known, now);
            if let Some(job) = &task.job {
                batch.done(job);
            }
            if let (Ok(()), Some(id), Some(digest), false) =
                (&answer, &task.request, digest, task.validate_only)
            {
                batch.remember(id, digest.clone(), now);
                requests.insert(id.clone(), digest);
            }
            answers.push(answer.map(|()| Done::Now));
        }
        Ok(answers)
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
        known: &BTreeMap<RunKey, Summary>,
        now: jiff::Timestamp,
    ) -> Result<(), AskError> {
        let key = &task.run;
        let version = self.version_for(batch, key).ok_or_else(|| {
            Refusal::NotFound(format!("дорожная карта муниципалитета «{}»", key.municipality))
        })?;
        let activity = version
            .road_map
            .activity(&key.activity)
            .ok_or_else(|| Refusal::NotFound(format!("мероприятие «{}»", key.activity)))?;
        let others: BTreeMap<RunKey, Summary> = references(activity, key)
            .into_iter()
            .filter_map(|k| {
                let summary = match batch.run(&k) {
                    Some(run) => Summary::from(run),
                    None => known.get(&k)?.clone(),
                };
                Some((k, summary))
            })
            .collect();
        let context =
            Context { road_map: &version.road_map, version: version.number, others: &others };
        let exists = batch.run(key).is_some();
        match &task.ask {
            Ask::Open { .. } if exists => Err(AskError::Exists(key.clone())),
            Ask::Open { named, why, without_waiting } => {
                let (run, mut outcome) =
                    open(&context, key.clone(), named.clone(), *why, &task.actor, now)?;
                let mut run = run;
                let waits = !run.waits_for.is_empty();
                if *without_waiting && waits {
                    let proceed = Command::AnswerQuestion(vekha_engine::Answer::Proceed);
                    let more = step(&context, &mut run, proceed, &task.actor, now)?;
                    outcome.absorb(more);
                }
                if !task.validate_only {
                    batch.insert(run);
                    batch.record(key, outcome, now);
                }
                Ok(())
            }
            Ask::Upstream if !exists => {
                if activity.schedule.every == Every::AfterOnly {
                    let (run, outcome) =
                        open(&context, key.clone(), vec![], Why::Upstream, &task.actor, now)?;
                    batch.insert(run);
                    batch.record(key, outcome, now);
                }
                Ok(())
            }
            Ask::Upstream => self.step(batch, task, &context, Command::UpstreamChanged, now),
            Ask::Step(command) => self.step(batch, task, &context, command.clone(), now),
        }
    }

    fn step(
        &self,
        batch: &mut Batch,
        task: &Task,
        context: &Context<'_>,
        command: Command,
        now: jiff::Timestamp,
    ) -> Result<(), AskError> {
        let key = &task.run;
        if task.revision.is_some_and(|seen| batch.revision(key) != Some(seen)) {
            return Err(AskError::Stale);
        }
        let run =
            batch.run_mut(key).ok_or_else(|| Refusal::NotFound(format!("выполнение {key}")))?;
        if task.validate_only {
            step(context, &mut run.clone(), command, &task.actor, now)?;
            return Ok(());
        }
        let outcome = step(context, run, command, &task.actor, now)?;
        batch.record(key, outcome, now);
        Ok(())
    }
}

/// What a request asks, as a hash: the same id must not ask for something else.
fn digest(task: &Task) -> String {
    hex(&Sha256::digest(format!("{} {:?}", task.run, task.ask).as_bytes()))
}

//! The one loop that changes runs. It takes what has gathered since the last commit, carries it
//! out step by step in memory, commits everything at once, and only then answers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sea_orm::DbErr;
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, oneshot, watch};
use vekha_engine::journal::hex;
use vekha_engine::{Command, Context, Refusal, RunKey, Summary, Why, open, references, step};
use vekha_roadmap::model::Every;

use super::road_maps::{RoadMaps, Version};
use crate::clock::Clock;
use crate::store::{Batch, Store};

/// Most steps of one commit.
const MOST_STEPS: usize = 1024;

/// What is to be done to a run.
#[derive(Debug, Clone)]
pub enum Ask {
    /// Bring it into being.
    Open {
        /// Organisations that take part, where the activity wants them named.
        named: Vec<String>,
        /// Why.
        why: Why,
        /// Start at once instead of waiting for other runs.
        without_waiting: bool,
    },
    /// Carry out a command.
    Step(Command),
    /// A run that it waits for came to be or ended; it may yet have to be opened.
    Upstream,
}

/// A request to the committer.
#[derive(Debug, Clone)]
pub struct Task {
    /// Which run.
    pub run: RunKey,
    /// What.
    pub ask: Ask,
    /// Who asks.
    pub actor: String,
    /// The caller's id of the request: asked again, it changes nothing.
    pub request: Option<String>,
    /// The job that is done with it.
    pub job: Option<String>,
    /// Only say whether it would be carried out.
    pub validate_only: bool,
    /// The run's revision that the caller has seen.
    pub revision: Option<i64>,
}

impl Task {
    /// A plain request.
    pub fn new(run: RunKey, ask: Ask, actor: &str) -> Self {
        Task {
            run,
            ask,
            actor: actor.to_owned(),
            request: None,
            job: None,
            validate_only: false,
            revision: None,
        }
    }

    /// That also settles a job.
    #[must_use]
    pub fn settling(mut self, job: &str) -> Self {
        self.job = Some(job.to_owned());
        self
    }
}

/// Why a request was not carried out.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AskError {
    /// The engine refused it.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// The run exists.
    #[error("выполнение {0} уже есть")]
    Exists(RunKey),
    /// The run has changed since the caller saw it.
    #[error("выполнение изменилось: прочтите его заново")]
    Stale,
    /// The request id was used for something else.
    #[error("этот request_id уже служил другому запросу")]
    RequestReused,
    /// The database did not take it; nothing was changed.
    #[error("база данных: {0}")]
    Store(String),
}

impl From<DbErr> for AskError {
    fn from(e: DbErr) -> Self {
        AskError::Store(e.to_string())
    }
}

/// A request that was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// Now.
    Now,
    /// Before, under the same request id.
    Before,
}

type Reply = Result<Done, AskError>;

/// The way to the committer.
#[derive(Debug, Clone)]
pub struct Committer {
    queue: mpsc::Sender<(Task, oneshot::Sender<Reply>)>,
}

impl Committer {
    /// Starts the loop; it ends when the last handle is dropped and the queue is empty, so that
    /// what was accepted is still committed. `changed` counts commits.
    pub fn start(
        store: Store,
        road_maps: Arc<RoadMaps>,
        clock: Clock,
        changed: watch::Sender<u64>,
    ) -> (Self, tokio::task::JoinHandle<()>) {
        let (queue, mut tasks) = mpsc::channel(4 * MOST_STEPS);
        let worker = Worker { store, road_maps, clock };
        let handle = tokio::spawn(async move {
            let mut gathered = Vec::with_capacity(MOST_STEPS);
            while tasks.recv_many(&mut gathered, MOST_STEPS).await > 0 {
                worker.commit(&mut gathered).await;
                changed.send_modify(|commits| *commits += 1);
            }
        });
        (Committer { queue }, handle)
    }

    /// Carries out a request; returns once it is committed.
    ///
    /// # Errors
    /// Why it was not carried out.
    pub async fn ask(&self, task: Task) -> Reply {
        let (reply, answer) = oneshot::channel();
        let ended = || AskError::Store("демон завершает работу".into());
        self.queue.send((task, reply)).await.map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }
}

struct Worker {
    store: Store,
    road_maps: Arc<RoadMaps>,
    clock: Clock,
}

impl Worker {
    /// Commits what has gathered. When the database does not take it as a whole (another daemon
    /// may have been faster with one of the runs), each request is tried by itself.
    async fn commit(&self, gathered: &mut Vec<(Task, oneshot::Sender<Reply>)>) {
        let (tasks, replies): (Vec<Task>, Vec<_>) = gathered.drain(..).unzip();
        let answers = match self.batch(&tasks).await {
            Ok(answers) => answers,
            // There is no database to try again with.
            Err(e @ (DbErr::Conn(_) | DbErr::ConnectionAcquire(_))) => {
                let error = AskError::from(e);
                tasks.iter().map(|_| Err(error.clone())).collect()
            }
            Err(_) => {
                let mut answers = Vec::with_capacity(tasks.len());
                for task in &tasks {
                    answers.push(self.alone(task).await);
                }
                answers
            }
        };
        for (reply, answer) in replies.into_iter().zip(answers) {
            // Whoever asked may have gone; the commit stands.
            reply.send(answer).ok();
        }
    }

    async fn alone(&self, task: &Task) -> Reply {
        // Who lost a race against another daemon sees on the next try what the winner wrote.
        let mut tries = if self.store.is_shared() { 3 } else { 1 };
        loop {
            tries -= 1;
            match self.batch(std::slice::from_ref(task)).await {
                Ok(mut one) => return one.remove(0),
                Err(_) if tries > 0 => {}
                Err(e) => return Err(e.into()),
            }
        }
    }

    async fn batch(&self, tasks: &[Task]) -> Result<Vec<Reply>, DbErr> {
        let now = self.clock.now();
        let mut batch = self.store.begin().await?;
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
            if let Some(version) = self.version_for(&batch, &task.run)
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
            let answer = self.carry_out(&mut batch, task, &known, now);
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
        batch.commit().await?;
        Ok(answers)
    }

    fn version_for(&self, batch: &Batch, key: &RunKey) -> Option<Arc<Version>> {
        match batch.run(key) {
            Some(run) => self.road_maps.version(&key.municipality, run.road_map),
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

//! What changes runs, and how one asks for it. Requests are carried out step by step in memory
//! ([`steps`]), committed many at once, and answered only then ([`pipeline`]).

mod pipeline;
mod steps;
mod turns;

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};
use vekha_engine::run::Run;
use vekha_engine::{Command, Outcome, Refusal, RunKey, Why};

use super::request::Request;
use super::road_maps::RoadMaps;
use super::seen::{Seen, Thing};
use crate::clock::Clock;
use crate::store::Store;
use crate::store::StoreError;
use pipeline::{MOST_STEPS, Pipeline};
use steps::Steps;

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
    /// Carry out several commands, all or none.
    Steps(Vec<Command>),
    /// A run that it waits for came to be or ended; it may yet have to be opened.
    Upstream,
}

/// Who asks, and on what terms.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    /// Who, as the journal names it.
    pub actor: String,
    /// The caller's request: asked again, it changes nothing.
    pub request: Option<Request>,
    /// Only say what would come of it.
    pub validate_only: bool,
    /// What the caller has seen of what it wants changed: if that is no longer so, it is refused.
    pub seen: Option<Seen>,
}

impl Caller {
    /// Who asks once, on no terms.
    pub fn new(actor: impl Into<String>) -> Self {
        Caller { actor: actor.into(), ..Caller::default() }
    }

    /// Who only wants to know what would come of it.
    #[must_use]
    pub fn on_trial(&self) -> Self {
        Caller { validate_only: true, ..self.clone() }
    }
}

/// A request to the committer.
#[derive(Debug, Clone)]
pub struct Task {
    /// Which run.
    pub run: RunKey,
    /// What.
    pub ask: Ask,
    /// Who asks.
    pub by: Caller,
    /// The job that is done with it.
    pub job: Option<String>,
}

impl Task {
    /// A plain request.
    pub fn new(run: RunKey, ask: Ask, actor: &str) -> Self {
        Task { run, ask, by: Caller::new(actor), job: None }
    }

    /// That is carried out only if the run is still at this revision.
    #[must_use]
    pub fn upon(mut self, revision: i64) -> Self {
        self.by.seen = Some(Seen { what: Thing::Run, etag: revision.to_string() });
        self
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
    /// The engine refused some of several commands, each by its place among them: none was carried
    /// out.
    #[error("{}", .0.iter().map(|(_, refusal)| refusal.to_string()).collect::<Vec<_>>().join("; "))]
    SomeRefused(Vec<(usize, Refusal)>),
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
    /// A row on which it rests cannot be read: it can be carried out as soon as that is mended.
    #[error("{0}")]
    Unreadable(String),
}

impl From<StoreError> for AskError {
    fn from(e: StoreError) -> Self {
        match e {
            StoreError::Unreadable(e) => AskError::Unreadable(e),
            StoreError::Away(e) | StoreError::Taken(e) => AskError::Store(e.to_string()),
        }
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

/// What came of a request.
#[derive(Debug, Clone)]
pub struct Answered {
    /// When it was carried out.
    pub done: Done,
    /// What it made: the number of the answer or of the decision, the id of the run, the names of
    /// the recommendations, each on a line; empty if nothing that has a name.
    pub made: String,
    /// What would be, if it was only tried.
    pub would_be: Option<Box<WouldBe>>,
}

/// A run as a request that was only tried would leave it.
#[derive(Debug, Clone)]
pub struct WouldBe {
    /// The run.
    pub run: Run,
    /// What would follow.
    pub outcome: Outcome,
}

type Reply = Result<Answered, AskError>;

/// A request, and where its answer goes.
type Asked = (Task, oneshot::Sender<Reply>);

/// The way to the committer.
#[derive(Debug, Clone)]
pub struct Committer {
    queue: mpsc::Sender<Asked>,
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
        let (queue, asked) = mpsc::channel(4 * MOST_STEPS);
        let pipeline = Pipeline::new(Steps { store, road_maps, clock }, changed);
        (Committer { queue }, tokio::spawn(pipeline.run(asked)))
    }

    /// Carries out a request; returns once it is committed.
    ///
    /// # Errors
    /// Why it was not carried out.
    pub async fn ask(&self, task: Task) -> Result<Done, AskError> {
        self.carry_out(task).await.map(|answered| answered.done)
    }

    /// The same, and says what it made.
    ///
    /// # Errors
    /// Why it was not carried out.
    pub async fn carry_out(&self, task: Task) -> Reply {
        let (reply, answer) = oneshot::channel();
        let ended = || AskError::Store("демон завершает работу".into());
        self.queue.send((task, reply)).await.map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }
}

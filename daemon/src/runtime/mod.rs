//! What gives the engine time and effects.
//!
//! A [`Runtime::turn`] opens what is due, does the jobs that are due, sends the letters that are
//! due. The daemon's loop turns when something changed, when the next moment comes, and at least
//! once a minute by tokio-cron-scheduler; tests turn by hand ([`Runtime::settle`]). It ends by
//! finishing the turn under way: what was not done stands in the database.

pub mod attention;
pub mod committer;
pub mod letters;
pub mod outbox;
pub mod overview;
pub mod planner;
pub mod reports;
pub mod road_maps;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Mutex, Notify, watch};
use tokio_cron_scheduler::{Job as CronJob, JobScheduler};
use vekha_engine::RunKey;
use vekha_plugin::{Notifier, Publisher};
use vekha_roadmap::read::Files;

use crate::clock::Clock;
use crate::store::{Store, instant};
use committer::{Committer, Done, Task};
use road_maps::{ApplyError, RoadMaps, Version};

pub use committer::{Ask, AskError};

/// What the runtime could not do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database failed.
    #[error("база данных: {0}")]
    Store(String),
}

impl From<sea_orm::DbErr> for Error {
    fn from(e: sea_orm::DbErr) -> Self {
        Error::Store(e.to_string())
    }
}

/// What the runtime is made of.
pub struct Parts {
    /// The database.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    /// Who delivers letters.
    pub notifier: Arc<dyn Notifier>,
    /// Who publishes reports.
    pub publisher: Arc<dyn Publisher>,
    /// Where people reach the daemon: `https://vekha.example.org`, without a slash at the end.
    pub public_url: String,
}

/// The running daemon, apart from its listeners.
pub struct Runtime {
    store: Store,
    clock: Clock,
    road_maps: Arc<RoadMaps>,
    committer: Committer,
    notifier: Arc<dyn Notifier>,
    publisher: Arc<dyn Publisher>,
    public_url: String,
    changed: watch::Receiver<u64>,
    wake: Notify,
    /// One turn at a time: what one has begun another must not begin again.
    turning: Mutex<()>,
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime").field("clock", &self.clock).finish_non_exhaustive()
    }
}

impl Runtime {
    /// Takes up where the last daemon ended.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn start(parts: Parts) -> Result<Arc<Self>, Error> {
        let Parts { store, clock, notifier, publisher, public_url } = parts;
        if !store.is_shared() {
            let uncertain = store.release_claims(clock.now()).await?;
            if uncertain > 0 {
                tracing::warn!(uncertain, "letters whose delivery was interrupted are sent again");
            }
        }
        let road_maps = Arc::new(RoadMaps::load(&store).await?);
        let (counter, changed) = watch::channel(0);
        let (committer, _) =
            Committer::start(store.clone(), road_maps.clone(), clock.clone(), counter);
        let runtime = Arc::new(Runtime {
            store,
            clock,
            road_maps,
            committer,
            notifier,
            publisher,
            public_url,
            changed,
            wake: Notify::new(),
            turning: Mutex::new(()),
        });
        runtime.reschedule().await?;
        Ok(runtime)
    }

    /// The database.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The time.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The definitions.
    pub fn road_maps(&self) -> &RoadMaps {
        &self.road_maps
    }

    /// Where people reach the daemon.
    pub fn public_url(&self) -> &str {
        &self.public_url
    }

    /// Counts commits: whoever watches it sees that something changed.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.clone()
    }

    /// Changes a run.
    ///
    /// # Errors
    /// Why it was not changed.
    pub async fn ask(&self, task: Task) -> Result<Done, AskError> {
        self.committer.ask(task).await
    }

    /// Applies a road map; new runs follow it, those under way keep theirs.
    ///
    /// # Errors
    /// When it has mistakes or the database fails.
    pub async fn apply(&self, files: Files, actor: &str) -> Result<Arc<Version>, ApplyError> {
        let version = self.road_maps.apply(&self.store, files, actor, self.clock.now()).await?;
        self.reschedule().await.map_err(|Error::Store(e)| sea_orm::DbErr::Custom(e))?;
        self.nudge();
        Ok(version)
    }

    /// The version that a run keeps; the newest for a run that does not exist.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn version_of(&self, key: &RunKey) -> Result<Option<Arc<Version>>, Error> {
        let run = self.store.run(key).await?;
        Ok(match run {
            Some(loaded) => self.road_maps.version(&key.municipality, loaded.run.road_map),
            None => self.road_maps.newest(&key.municipality),
        })
    }

    /// Has the loop look again soon.
    pub fn nudge(&self) {
        self.wake.notify_one();
    }

    /// Does all that is due now, once. Returns how much there was.
    ///
    /// # Errors
    /// When the database fails; what was not done is still due.
    pub async fn turn(&self) -> Result<usize, Error> {
        let _one_at_a_time = self.turning.lock().await;
        let now = self.clock.now();
        let opened = self.open_due(now).await?;
        let worked = self.work(now).await?;
        let sent = self.send(now).await?;
        Ok(opened + worked + sent)
    }

    /// Turns until nothing is due any more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn settle(&self) -> Result<(), Error> {
        while self.turn().await? > 0 {}
        Ok(())
    }

    /// The next moment at which something is due.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn next_due(&self) -> Result<Option<Timestamp>, Error> {
        let (job, message) = tokio::join!(self.store.next_due_at(), self.store.next_message_at());
        Ok(job?.into_iter().chain(message?).min().map(instant))
    }

    /// Turns whenever there is something to do, until `stop` says otherwise.
    ///
    /// # Errors
    /// When the scheduler cannot be started.
    pub async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) -> anyhow::Result<()> {
        let mut scheduler = JobScheduler::new().await?;
        // The database says what is due; this only makes sure that somebody looks, even if a
        // machine slept through its timers.
        let nudged = Arc::downgrade(&self);
        let minutely = CronJob::new("0 * * * * *", move |_, _| {
            if let Some(runtime) = nudged.upgrade() {
                runtime.nudge();
            }
        })?;
        scheduler.add(minutely).await?;
        scheduler.start().await?;
        let mut changed = self.changes();
        while !*stop.borrow() {
            let pause = match self.turn().await {
                Ok(0) => self.idle().await,
                Ok(_) => Duration::ZERO,
                Err(e) => {
                    tracing::error!("{e}");
                    Duration::from_secs(5)
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.wake.notified() => {}
                _ = changed.changed() => {}
                _ = stop.changed() => {}
            }
        }
        scheduler.shutdown().await?;
        Ok(())
    }

    /// How long nothing is due.
    async fn idle(&self) -> Duration {
        const LONGEST: Duration = Duration::from_secs(60);
        match self.next_due().await {
            Ok(Some(at)) => self.clock.until(at).min(LONGEST),
            _ => LONGEST,
        }
    }
}

//! What gives the engine time and effects.
//!
//! Six loops: one opens what is due and does the jobs that are due, one sends the letters that are
//! due, one asks other systems, one has analyzers compute, one tells listeners, one tells people on a
//! morning what waits, so that a server or a plugin that hangs holds up nothing but its own. (What came
//! back is read beside them, at the pace that its mailbox has.) Each turns when something changed, when
//! its next moment comes, and at least once a minute by tokio-cron-scheduler; tests turn all by hand
//! ([`Runtime::settle`]). They end by finishing the
//! turn under way: what was not done stands in the database.

pub mod acts;
pub mod committer;
pub mod configured;
pub mod consultation;
pub mod documents;
pub mod fault;
pub mod integrations;
pub mod letters;
pub mod listeners;
pub mod loops;
mod registry;
pub mod request;
pub mod road_maps;
pub mod seen;
mod under_way;
pub mod views;

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::FutureExt as _;
use jiff::Timestamp;
use tokio::sync::{Mutex, Notify, watch};
use tokio_cron_scheduler::{Job as CronJob, JobScheduler};
use vekha_engine::RunKey;
use vekha_plugin_host::{Host, Hosted};

use crate::backup::kept::Backups;
use crate::clock::Clock;
use crate::port::tls::Tls;
use crate::store::write::jobs::Jobs;
use crate::store::{Store, StoreError, instant, micros};
use acts::exports::Looks;
use committer::{Committer, Done, Task};
use configured::Configured;
use integrations::Integrations;
use letters::outage::{Away, Outage};
use letters::returns::Unheard;
use loops::wellbeing::Wellbeing;
use road_maps::{RoadMaps, Version};

pub use committer::{Ask, AskError};

/// What the runtime is made of.
pub struct Parts {
    /// The database.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    /// By whom it reaches people and other systems.
    pub integrations: Integrations,
    /// Where people reach the daemon: `https://vekha.example.org`, without a slash at the end.
    pub public_url: String,
}

/// The running daemon, apart from its listeners.
pub struct Runtime {
    store: Store,
    clock: Clock,
    road_maps: Arc<RoadMaps>,
    committer: Committer,
    integrations: Integrations,
    /// Plugins in processes of their own, which may be in trouble.
    plugins: OnceLock<Arc<Host>>,
    /// Where backups are kept.
    backups: OnceLock<Arc<Backups>>,
    /// The port's certificate, which may end.
    certificate: OnceLock<Arc<Tls>>,
    /// What it runs with, for the administrator's eyes.
    settings: OnceLock<Vec<Configured>>,
    public_url: String,
    outage: Outage,
    wellbeing: watch::Sender<Wellbeing>,
    /// Whether schedule rows agree with the road maps and the clock.
    agreed: AtomicBool,
    /// Whether the loops have begun: what comes from then on was not there at the start.
    lives: AtomicBool,
    changed: watch::Receiver<u64>,
    wake: Notify,
    ending: watch::Sender<bool>,
    /// One turn of a loop at a time: what one has begun another must not begin again.
    turning: Mutex<()>,
    sending: Mutex<()>,
    fetching: Mutex<()>,
    consulting: Mutex<()>,
    telling: Mutex<()>,
    summarizing: Mutex<()>,
    /// What was understood of exports, until the word to take it.
    looks: Looks,
    /// What keeps what came back from being read.
    unheard: std::sync::Mutex<Option<Unheard>>,
    /// Folders that were not applied, by municipality: each with the digest of its files.
    apart: std::sync::Mutex<BTreeMap<String, (String, String)>>,
}

/// How long after something went wrong a loop tries again.
const AGAIN: Duration = Duration::from_secs(5);

/// How often a doubtful clock is looked at.
const DOUBTFUL: Duration = Duration::from_secs(2);

/// What a loop does.
#[derive(Debug, Clone, Copy)]
enum Loop {
    /// Opens runs and does jobs.
    Turns,
    /// Sends letters.
    Sends,
    /// Asks sources.
    Fetches,
    /// Asks analyzers.
    Consults,
    /// Tells listeners.
    Tells,
    /// Tells people on a morning what waits.
    Mornings,
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
    pub async fn start(parts: Parts) -> Result<Arc<Self>, StoreError> {
        let Parts { store, clock, integrations, public_url } = parts;
        let uncertain = store.release_claims(clock.now()).await?;
        if uncertain > 0 {
            tracing::warn!(uncertain, "letters whose delivery was interrupted are sent again");
        }
        store.release_listeners().await?;
        store.look_again(clock.now()).await?;
        let road_maps = Arc::new(RoadMaps::load(&store).await?);
        let (counter, changed) = watch::channel(0);
        let (committer, _) =
            Committer::start(store.clone(), road_maps.clone(), clock.clone(), counter);
        let runtime = Arc::new(Runtime {
            store,
            clock,
            road_maps,
            committer,
            integrations,
            plugins: OnceLock::new(),
            backups: OnceLock::new(),
            certificate: OnceLock::new(),
            settings: OnceLock::new(),
            public_url,
            outage: Outage::default(),
            wellbeing: watch::Sender::default(),
            agreed: AtomicBool::new(false),
            lives: AtomicBool::new(false),
            changed,
            wake: Notify::new(),
            ending: watch::Sender::new(false),
            turning: Mutex::new(()),
            sending: Mutex::new(()),
            fetching: Mutex::new(()),
            consulting: Mutex::new(()),
            telling: Mutex::new(()),
            summarizing: Mutex::new(()),
            looks: Looks::default(),
            unheard: std::sync::Mutex::default(),
            apart: std::sync::Mutex::default(),
        });
        runtime.reschedule().await?;
        Ok(runtime)
    }

    /// Has the troubles of plugins in processes of their own told as the daemon's.
    pub fn watch_over_plugins(&self, host: Arc<Host>) {
        self.plugins.set(host).ok();
    }

    /// Tells of the port's certificate when it ends or cannot be read anew.
    pub fn watch_over_certificate(&self, tls: Arc<Tls>) {
        self.certificate.set(tls).ok();
    }

    /// Says what the daemon runs with.
    pub fn runs_with(&self, settings: Vec<Configured>) {
        self.settings.set(settings).ok();
    }

    /// What the daemon runs with, but for secrets.
    pub fn settings(&self) -> &[Configured] {
        self.settings.get().map_or(&[], Vec::as_slice)
    }

    /// Plugins in processes of their own, by their names.
    pub fn plugins(&self) -> Vec<Arc<Hosted>> {
        let host = self.plugins.get();
        host.map(|host| host.names().filter_map(|name| host.get(name)).collect())
            .unwrap_or_default()
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

    /// What is wrong with the mail server; none as long as nothing is.
    pub fn mail_is_away(&self) -> Option<Away> {
        self.outage.now()
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

    /// Learns of road maps that another daemon applied. To be called after reading what may refer
    /// to them.
    async fn keep_up(&self) -> Result<(), StoreError> {
        if self.store.is_shared() {
            self.road_maps.refresh(&self.store).await?;
        }
        Ok(())
    }

    /// The version that a run keeps, with the registry of today; the newest for a run that does not exist.
    ///
    /// # Errors
    /// When the database fails, or the run or its version cannot be read.
    pub async fn version_of(&self, key: &RunKey) -> Result<Option<Arc<Version>>, StoreError> {
        let run = self.store.bare_run(key).await?;
        self.keep_up().await?;
        match run {
            Some(run) => match self.road_maps.current(&key.municipality, run.road_map) {
                None => Err(StoreError::Unreadable(self.road_maps.why_not(key, run.road_map))),
                version => Ok(version),
            },
            None => Ok(self.road_maps.newest(&key.municipality)),
        }
    }

    /// Has the loops look again soon.
    pub fn nudge(&self) {
        self.wake.notify_waiters();
    }

    /// Does all that is due now for a loop, once. Returns how much there was. While the clock is in
    /// doubt nothing is due.
    async fn turn(&self, which: Loop) -> Result<usize, StoreError> {
        self.clock.now();
        if self.clock.doubt().is_some() {
            return Ok(0);
        }
        match which {
            Loop::Turns => {
                let _one_at_a_time = self.turning.lock().await;
                let now = self.clock.now();
                let opened = self.open_due(now).await?;
                let worked = self.work(now).await?;
                Ok(opened + worked)
            }
            Loop::Sends => {
                let _one_at_a_time = self.sending.lock().await;
                self.send().await
            }
            Loop::Fetches => {
                let _one_at_a_time = self.fetching.lock().await;
                self.fetch(self.clock.now()).await
            }
            Loop::Consults => {
                let _one_at_a_time = self.consulting.lock().await;
                self.consult().await
            }
            Loop::Tells => {
                let _one_at_a_time = self.telling.lock().await;
                self.tell_listeners().await
            }
            Loop::Mornings => {
                let _one_at_a_time = self.summarizing.lock().await;
                self.summarize().await
            }
        }
    }

    /// Turns until nothing is due any more.
    ///
    /// # Errors
    /// When the database fails; what was not done is still due.
    pub async fn settle(&self) -> Result<(), StoreError> {
        // A turn may have had to wait for one of the daemon's own loops, which may have brought more:
        // only a second round that finds nothing says that there is nothing.
        let mut quiet = 0;
        while quiet < 2 {
            let done = self.turn(Loop::Turns).await?
                + self.turn(Loop::Fetches).await?
                + self.turn(Loop::Consults).await?
                + self.turn(Loop::Sends).await?
                + self.turn(Loop::Tells).await?
                + self.turn(Loop::Mornings).await?;
            quiet = if done > 0 { 0 } else { quiet + 1 };
        }
        Ok(())
    }

    /// Turns until runs have nothing to do any more; letters stay in the outbox.
    ///
    /// # Errors
    /// When the database fails; what was not done is still due.
    pub async fn settle_runs(&self) -> Result<(), StoreError> {
        while self.turn(Loop::Turns).await? > 0 {}
        Ok(())
    }

    /// The next moment at which something is due.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let (work, message, fetch, consult, telling, morning) = tokio::join!(
            self.next(Loop::Turns),
            self.next(Loop::Sends),
            self.next(Loop::Fetches),
            self.next(Loop::Consults),
            self.next(Loop::Tells),
            self.next(Loop::Mornings)
        );
        let all = [work?, message?, fetch?, consult?, telling?, morning?];
        Ok(all.into_iter().flatten().min())
    }

    async fn next(&self, which: Loop) -> Result<Option<Timestamp>, StoreError> {
        let at = match which {
            Loop::Turns => self.store.next_due_at().await?,
            Loop::Sends => {
                let at = self.store.next_message_at().await?;
                let again = self.outage.now().map(|away| micros(away.again));
                at.map(|at| again.map_or(at, |again| at.max(again)))
            }
            Loop::Fetches => self.store.next_job_at(Jobs::Fetches).await?,
            Loop::Consults => self.store.next_job_at(Jobs::Consults).await?,
            Loop::Tells => return self.next_telling().await,
            Loop::Mornings => self.store.next_summary_at().await?,
        };
        Ok(at.map(instant))
    }

    /// Has everything that goes on by itself end: the loops, and streams to watchers.
    pub fn end(&self) {
        self.ending.send_replace(true);
    }

    /// Becomes true once the daemon is to end.
    pub fn ending(&self) -> watch::Receiver<bool> {
        self.ending.subscribe()
    }

    /// Does whatever comes due, until the daemon is to end.
    ///
    /// # Errors
    /// When the scheduler cannot be started.
    pub async fn run(self: Arc<Self>) -> anyhow::Result<()> {
        self.lives.store(true, Ordering::Release);
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
        tokio::join!(
            self.whatever_happens("turns", || self.go_round(Loop::Turns)),
            self.whatever_happens("sends", || self.go_round(Loop::Sends)),
            self.whatever_happens("fetches", || self.go_round(Loop::Fetches)),
            self.whatever_happens("consults", || self.go_round(Loop::Consults)),
            self.whatever_happens("tells", || self.go_round(Loop::Tells)),
            self.whatever_happens("mornings", || self.go_round(Loop::Mornings)),
            self.whatever_happens("returns", || self.listen_for_returns()),
            self.whatever_happens("upkeep", || self.look_after_store()),
            self.whatever_happens("pulse", || self.watch_over_store())
        );
        scheduler.shutdown().await?;
        Ok(())
    }

    /// Has a loop go on: one that panics takes neither the others along nor itself for good.
    async fn whatever_happens<F: Future<Output = ()>>(&self, name: &str, run: impl Fn() -> F) {
        let mut ending = self.ending();
        while AssertUnwindSafe(run()).catch_unwind().await.is_err() {
            tracing::error!("the loop «{name}» broke off and is begun anew");
            if tokio::time::timeout(AGAIN, ending.wait_for(|ending| *ending)).await.is_ok() {
                break;
            }
        }
    }

    /// Has the database given what it needs once a minute, and told how far time has come.
    async fn look_after_store(&self) {
        const PERIOD: Duration = Duration::from_secs(60);
        let mut ending = self.ending();
        let mut ends = false;
        let mut minutes = 0_u64..;
        while !ends {
            self.note_time().await;
            let hour = minutes.next().is_some_and(|minute| minute.is_multiple_of(60));
            if hour && let Err(e) = self.remove_stray_files().await {
                tracing::warn!("stray files could not be removed: {e}");
            }
            if hour && let Err(e) = self.forget_expired().await {
                tracing::warn!("ended sessions could not be forgotten: {e}");
            }
            ends = tokio::time::timeout(PERIOD, ending.wait_for(|ending| *ending)).await.is_ok();
            if let Err(e) = self.store.keep_up().await {
                tracing::warn!("the database's log could not be looked after: {e}");
            }
        }
        self.note_time().await;
    }

    /// Notes how far time has come, as long as the clock can be believed: the next start holds its
    /// clock against it.
    pub async fn note_time(&self) {
        let now = self.clock.now();
        if self.clock.doubt().is_none()
            && let Err(e) = self.store.note_reached(now).await
        {
            tracing::warn!("how far time has come could not be noted: {e}");
        }
    }

    /// A person says that the machine's clock is right. Returns what it shows.
    ///
    /// # Errors
    /// When the database fails; the clock is believed all the same.
    pub async fn confirm_clock(&self) -> Result<Timestamp, StoreError> {
        let now = self.clock.confirm();
        self.store.note_reached(now).await?;
        self.reschedule().await?;
        self.nudge();
        Ok(now)
    }

    async fn go_round(&self, which: Loop) {
        let (mut changed, mut ending) = (self.changes(), self.ending());
        while !*ending.borrow() {
            // Asked for before looking: what comes in the meantime is not missed.
            let mut nudged = std::pin::pin!(self.wake.notified());
            nudged.as_mut().enable();
            let pause = match self.turn(which).await {
                Ok(0) => self.idle(which).await,
                Ok(_) => Duration::ZERO,
                Err(e) => {
                    tracing::error!("{e}");
                    AGAIN
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = nudged => {}
                _ = changed.changed() => {}
                _ = ending.changed() => {}
            }
        }
    }

    /// How long nothing is due.
    async fn idle(&self, which: Loop) -> Duration {
        if self.clock.doubt().is_some() {
            return DOUBTFUL;
        }
        // What another daemon leaves behind, nobody tells of.
        let longest = Duration::from_secs(if self.store.is_shared() { 2 } else { 60 });
        match self.next(which).await {
            Ok(Some(at)) => self.clock.until(at).min(longest),
            _ => longest,
        }
    }
}

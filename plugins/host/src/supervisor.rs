//! Keeps one plugin running: starts it, asks whether it is alive, starts it anew after a pause that
//! grows with every failure in a row, so that a plugin that cannot work costs next to nothing.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use vekha_plugin::{Health, Problem, wire};
use vekha_proto::plugin::v1;
use vekha_proto::plugin::v1::plugin_client::PluginClient;

use crate::output::Log;
use crate::process::{NotStarted, Process, Started, check};
use crate::words::plain;
use crate::{Manner, PluginConfig, Sockets};

/// How a plugin is.
#[derive(Debug, Clone)]
pub(crate) enum State {
    /// It is being started.
    Starting,
    /// It takes calls.
    Ready(Arc<Started>),
    /// It does not run, and is started again later.
    Down(Down),
    /// It was ended for good.
    Ended,
}

/// Why a plugin does not run.
#[derive(Debug, Clone)]
pub(crate) struct Down {
    /// For people, to be read after the plugin's name.
    pub why: String,
    /// Mistakes of its configuration, if that is why.
    pub problems: Vec<Problem>,
    /// When it is started again.
    pub again: Instant,
}

/// A plugin that has not worked for a while.
#[derive(Debug, Clone)]
pub(crate) struct Failing {
    /// Since when.
    pub since: Instant,
    /// Why it ended last.
    pub why: String,
}

/// What is wrong with a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Its name in the settings.
    pub plugin: String,
    /// What is wrong and what to do, for people.
    pub words: String,
    /// How long it has been so.
    pub lasts: Duration,
    /// What it wrote last, oldest first.
    pub lines: Vec<String>,
}

/// The calls under way, and the last one that came to nothing for want of time.
#[derive(Debug, Default)]
pub(crate) struct Calls(Mutex<UnderWay>);

#[derive(Debug, Default)]
struct UnderWay {
    next: u64,
    /// When each began, and after how long it is told.
    begun: BTreeMap<u64, (Instant, Duration)>,
    late: Option<(String, Instant)>,
}

impl Calls {
    fn lock(&self) -> MutexGuard<'_, UnderWay> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call as under way until what is returned is dropped; it is told if it takes so long.
    pub fn begin(&self, long: Duration) -> Call<'_> {
        let mut all = self.lock();
        all.next += 1;
        let number = all.next;
        all.begun.insert(number, (Instant::now(), long));
        Call { calls: self, number }
    }

    /// A call was answered, however.
    pub fn answered(&self) {
        self.lock().late = None;
    }

    /// A call was not answered in time.
    pub fn late(&self, words: &str) {
        let mut all = self.lock();
        let since = all.late.as_ref().map_or_else(Instant::now, |(_, since)| *since);
        all.late = Some((words.to_owned(), since));
    }

    /// How many calls are under way.
    pub fn count(&self) -> usize {
        self.lock().begun.len()
    }

    /// Since when the oldest call is under way that takes too long.
    pub fn long(&self) -> Option<Instant> {
        let all = self.lock();
        let long = all.begun.values().filter(|(since, long)| since.elapsed() >= *long);
        long.map(|(since, _)| *since).min()
    }

    /// The last one that was not answered in time, unless one was answered after it.
    pub fn was_late(&self) -> Option<(String, Instant)> {
        self.lock().late.clone()
    }
}

/// A call under way.
pub(crate) struct Call<'c> {
    calls: &'c Calls,
    number: u64,
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.calls.lock().begun.remove(&self.number);
    }
}

/// What supervisor and callers share.
pub(crate) struct Shared {
    pub name: String,
    pub config: PluginConfig,
    pub state: watch::Sender<State>,
    /// What the plugin says keeps it from working, though it runs.
    pub unwell: watch::Sender<Option<(String, Instant)>>,
    /// Since when it has not worked, and why.
    pub failing: watch::Sender<Option<Failing>>,
    /// How often in a row it has failed; forgotten once it has worked for a while.
    pub failures: AtomicU32,
    /// What it wrote last.
    pub log: Log,
    /// Calls under way, each since when; and what was said of the last one that was not answered in
    /// time, until one is.
    pub calls: Calls,
    /// A call was not answered in time: is it alive?
    pub doubted: Notify,
    pub ending: watch::Sender<bool>,
}

/// Supervises a plugin until it is to end.
pub(crate) async fn supervise(shared: Arc<Shared>, manner: Manner, sockets: Arc<Sockets>) {
    let mut ending = shared.ending.subscribe();
    let mut failures = 0_usize;
    while !*ending.borrow() {
        let begun = Instant::now();
        let end = live(&shared, &manner, &sockets).await;
        let Some((why, problems)) = end else { break };
        if begun.elapsed() >= manner.steady {
            failures = 0;
        }
        let wait = manner.waits.get(failures).or(manner.waits.last()).copied().unwrap_or_default();
        failures += 1;
        shared.failures.store(u32::try_from(failures).unwrap_or(u32::MAX), Ordering::Relaxed);
        tracing::warn!(plugin = shared.name, ?wait, "plugin does not run: {why}");
        shared.failing.send_modify(|failing| {
            let since = failing.as_ref().map_or(begun, |failing| failing.since);
            *failing = Some(Failing { since, why: why.clone() });
        });
        let again = Instant::now() + wait;
        shared.unwell.send_replace(None);
        shared.state.send_replace(State::Down(Down { why, problems, again }));
        tokio::select! {
            () = sleep_until(again) => {}
            _ = ending.wait_for(|ending| *ending) => {}
        }
    }
    shared.state.send_replace(State::Ended);
}

/// One life of a process. Returns why it ended; none if it was to end.
async fn live(
    shared: &Shared,
    manner: &Manner,
    sockets: &Sockets,
) -> Option<(String, Vec<Problem>)> {
    let Shared { name, config, .. } = shared;
    let mut ending = shared.ending.subscribe();
    shared.state.send_replace(State::Starting);
    let started =
        Process::start(name, config, manner, sockets, &shared.log, ended(&mut ending)).await;
    let (mut process, started) = match started {
        Ok(started) => started,
        Err(why) => return why.map(|why| (why, vec![])),
    };
    let adopted = tokio::select! {
        adopted = check(name, config, &started, true) => Some(adopted),
        why = process.ended() => Some(Err(NotStarted::Failed(why))),
        () = ended(&mut ending) => None,
    };
    let Some(adopted) = adopted else {
        process.end().await;
        return None;
    };
    if let Err(why) = adopted {
        process.end().await;
        return Some(match why {
            NotStarted::Failed(why) => (why, vec![]),
            NotStarted::Problems(problems) => {
                let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
                (format!("не принимает своих настроек: {}", told.join("; ")), problems)
            }
        });
    }
    let plugin = &started.description;
    tracing::info!(plugin = name, is = plugin.name, version = plugin.version, "plugin works");
    let started = Arc::new(started);
    shared.state.send_replace(State::Ready(started.clone()));
    shared.failing.send_replace(None);
    let why = tokio::select! {
        why = process.ended() => Some(why),
        why = watch_over(shared, manner, &started) => Some(why),
        () = ended(&mut ending) => None,
    };
    process.end().await;
    why.map(|why| (why, vec![]))
}

/// Waits until the plugin is to end.
async fn ended(ending: &mut watch::Receiver<bool>) {
    ending.wait_for(|ending| *ending).await.ok();
}

/// Asks a plugin how it is, now and then and when there is doubt, until it does not answer. Returns
/// that, for people.
async fn watch_over(shared: &Shared, manner: &Manner, started: &Started) -> String {
    let [every, patience] = manner.health;
    let begun = Instant::now();
    let mut client = PluginClient::new(started.channel.clone()).max_decoding_message_size(1 << 20);
    loop {
        if begun.elapsed() >= manner.steady {
            shared.failures.store(0, Ordering::Relaxed);
        }
        let health = timeout(patience, client.health(v1::HealthRequest {})).await;
        let reason = match health {
            Err(_) => {
                let seconds = patience.as_secs();
                return format!("завис: не отвечает даже, как у него дела, за {seconds} с");
            }
            Ok(Ok(answer)) => match wire::health_of(answer.into_inner()) {
                Health::Healthy => None,
                Health::Unhealthy { reason } => Some(plain(&reason)),
            },
            Ok(Err(status)) => Some(crate::words::unanswered(&shared.name, &status, 1 << 20)),
        };
        shared.unwell.send_if_modified(|known| {
            let changed = known.as_ref().map(|(reason, _)| reason) != reason.as_ref();
            if changed {
                *known = reason.map(|reason| (reason, Instant::now()));
            }
            changed
        });
        tokio::select! {
            () = sleep(every) => {}
            () = shared.doubted.notified() => {}
        }
    }
}

//! A plugin in a process of its own, as the daemon calls it: through the same traits as one in its own.
//! Every call has a deadline from the moment when it is asked for, waiting included; a place among those
//! under way; and bounds for what goes out and comes in.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream;
use prost::Message as _;
use tokio::sync::{Notify, Semaphore, SemaphorePermit, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};
use tonic::{Code, Status};
use vekha_plugin::{
    AnalyzeError, AnalyzeRequest, Analyzed, Analyzer, Capability, DeliveryError, Description,
    Document, Event, FetchRequest, Fetched, Health, Judging, ListenError, Listener, Message,
    Notifier, Plugin, Problem, PublishError, Published, Publisher, Receipt, Returned, Settled,
    Source, SourceError, wire,
};
use vekha_proto::plugin::v1;
use vekha_proto::plugin::v1::analyzer_client::AnalyzerClient;
use vekha_proto::plugin::v1::listener_client::ListenerClient;
use vekha_proto::plugin::v1::notifier_client::NotifierClient;
use vekha_proto::plugin::v1::plugin_client::PluginClient;
use vekha_proto::plugin::v1::publisher_client::PublisherClient;
use vekha_proto::plugin::v1::source_client::SourceClient;

use crate::output::{Line, Log};
use crate::process::{NotStarted, Started, check};
use crate::supervisor::{Calls, Shared, State, Trouble, supervise};
use crate::words::{self, by, plain, plain_all};
use crate::{Manner, PluginConfig, Sockets};

/// Lines that a trouble shows.
const SHOWN: usize = 5;

/// Parts of a dataset that are made before the plugin asks for them.
const AHEAD: usize = 2;

/// Reports of what came back that are taken of one answer.
const MOST_REPORTS: usize = 100;

/// When a plugin that is away is asked again what came back.
const LATER: Duration = Duration::from_secs(60);

/// A call that is under way for so long, or for half of what it may, is told.
const LONG: Duration = Duration::from_secs(30);

/// The plugin. Dropped, it lets its process end; [`Hosted::stop`] waits for that.
pub struct Hosted {
    shared: Arc<Shared>,
    places: Semaphore,
    grace: Duration,
    supervisor: JoinHandle<()>,
}

impl fmt::Debug for Hosted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hosted").field("name", &self.shared.name).finish_non_exhaustive()
    }
}

/// How long a call may take.
#[derive(Debug, Clone, Copy)]
struct Patience {
    /// In all.
    call: Duration,
    /// Until it is told that it takes long.
    long: Duration,
}

/// A plugin that can be called, and a place for the call.
struct Turn<'h> {
    started: Arc<Started>,
    until: Instant,
    patience: Patience,
    _place: SemaphorePermit<'h>,
}

impl Hosted {
    pub(crate) fn start(
        name: &str,
        config: PluginConfig,
        manner: Manner,
        sockets: Arc<Sockets>,
    ) -> Self {
        let (places, grace) = (Semaphore::new(config.places()), manner.grace);
        let shared = Arc::new(Shared {
            name: name.to_owned(),
            config,
            state: watch::Sender::new(State::Starting),
            unwell: watch::Sender::new(None),
            failing: watch::Sender::new(None),
            failures: AtomicU32::new(0),
            log: Log::default(),
            calls: Calls::default(),
            doubted: Notify::new(),
            ending: watch::Sender::new(false),
        });
        let supervisor = tokio::spawn(supervise(shared.clone(), manner, sockets));
        Hosted { shared, places, grace, supervisor }
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Its name in the settings.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Waits until it works or has failed. Returns what is wrong with its configuration.
    pub async fn settled(&self) -> Vec<Problem> {
        let mut state = self.shared.state.subscribe();
        match state.wait_for(|state| !matches!(state, State::Starting)).await.as_deref() {
            Ok(State::Down(down)) => down.problems.clone(),
            _ => vec![],
        }
    }

    /// Waits until it takes calls, however often it has to be started for that.
    pub async fn works(&self) {
        let mut state = self.shared.state.subscribe();
        state.wait_for(|state| matches!(state, State::Ready(_))).await.ok();
    }

    /// Waits until it says that it cannot work.
    pub async fn is_unwell(&self) {
        self.shared.unwell.subscribe().wait_for(Option::is_some).await.ok();
    }

    /// What it is; none while it does not run.
    pub fn description(&self) -> Option<Description> {
        match &*self.shared.state.borrow() {
            State::Ready(started) => Some(started.description.clone()),
            _ => None,
        }
    }

    /// Why it does not run, to be read after its name.
    pub fn why_down(&self) -> Option<String> {
        match &*self.shared.state.borrow() {
            State::Down(down) => Some(down.why.clone()),
            _ => None,
        }
    }

    /// What is wrong with it.
    pub fn trouble(&self) -> Option<Trouble> {
        let Shared { name, .. } = &*self.shared;
        let told = |what: String, since: Option<Instant>| Trouble {
            plugin: name.clone(),
            words: what,
            lasts: since.map(|since| since.elapsed()).unwrap_or_default(),
            lines: self.log(SHOWN).into_iter().map(|line| line.text).collect(),
        };
        match &*self.shared.state.borrow() {
            State::Down(down) => {
                let wait = down.again.saturating_duration_since(Instant::now()).as_secs() + 1;
                let what = format!(
                    "Плагин «{name}» не работает: {}. Запустится снова не позже чем через {wait} с; \
                     проверить его — vekha plugin check {name}",
                    down.why
                );
                Some(told(what, self.shared.failing.borrow().as_ref().map(|failing| failing.since)))
            }
            State::Ready(_) => {
                let unwell = self.shared.unwell.borrow().as_ref().map(|(reason, since)| {
                    let what =
                        format!("Плагин «{name}» сообщает, что сейчас не может работать: {reason}");
                    told(what, Some(*since))
                });
                unwell.or_else(|| self.hanging().map(|(what, since)| told(what, Some(since))))
            }
            State::Starting => self.shared.failing.borrow().as_ref().map(|failing| {
                let why = &failing.why;
                let what = format!("Плагин «{name}» запускается снова. До этого: {why}");
                told(what, Some(failing.since))
            }),
            State::Ended => None,
        }
    }

    /// A call that takes long, or the last one if it took too long.
    fn hanging(&self) -> Option<(String, Instant)> {
        let name = self.name();
        if let Some(since) = self.shared.calls.long() {
            let what = format!(
                "Плагин «{name}» не отвечает: вызов идёт уже {} с. Что он пишет — vekha plugin logs \
                 {name}",
                since.elapsed().as_secs()
            );
            return Some((what, since));
        }
        let (words, since) = self.shared.calls.was_late()?;
        let what = format!(
            "Плагин «{name}» не отвечает на вызовы: {words}. Что он пишет — vekha plugin logs {name}"
        );
        Some((what, since))
    }

    /// Up to so many of the lines that it wrote last, oldest first, over all its processes.
    pub fn log(&self, most: usize) -> Vec<Line> {
        self.shared.log.last(most)
    }

    /// How it is, asked just now.
    pub async fn ask_health(&self) -> Health {
        let state = self.shared.state.borrow().clone();
        let State::Ready(started) = state else { return self.health().await };
        let mut client = PluginClient::new(started.channel.clone());
        let until = Instant::now() + self.shared.config.call();
        match self.within(until, client.health(v1::HealthRequest {})).await {
            Ok(answer) => match wire::health_of(answer.into_inner()) {
                Health::Unhealthy { reason } => Health::unhealthy(by(self.name(), &reason)),
                healthy => healthy,
            },
            Err(failure) => Health::unhealthy(failure.words),
        }
    }

    /// Ends it, once what is under way is done or has had its moment.
    pub async fn stop(&self) {
        let all = u32::try_from(self.shared.config.places()).unwrap_or(1);
        timeout(self.grace, self.places.acquire_many(all)).await.ok();
        self.shared.ending.send_replace(true);
        let mut state = self.shared.state.subscribe();
        state.wait_for(|state| matches!(state, State::Ended)).await.ok();
    }

    /// How long a call may take that has no deadline of its own.
    fn patience(&self) -> Patience {
        let call = self.shared.config.call();
        Patience { call, long: LONG.min(call / 2) }
    }

    /// A turn of a call, or why there is none.
    async fn turn(&self, wanted: Capability) -> Result<Turn<'_>, String> {
        self.turn_within(wanted, self.patience()).await
    }

    async fn turn_within(
        &self,
        wanted: Capability,
        patience: Patience,
    ) -> Result<Turn<'_>, String> {
        let name = self.name();
        let until = Instant::now() + patience.call;
        let place = timeout_at(until, self.places.acquire()).await;
        let place = place.map_err(|_| words::busy(name))?.map_err(|_| words::busy(name))?;
        let mut state = self.shared.state.subscribe();
        let settled = state.wait_for(|state| !matches!(state, State::Starting));
        let state = match timeout_at(until, settled).await {
            Ok(Ok(state)) => state.clone(),
            _ => return Err(format!("плагин «{name}» ещё запускается")),
        };
        match state {
            State::Ready(started) if started.description.capabilities.contains(&wanted) => {
                Ok(Turn { started, until, patience, _place: place })
            }
            State::Ready(_) => Err(format!(
                "плагин «{name}» {}: в настройках нужен другой",
                match wanted {
                    Capability::Notifier => "не доставляет писем",
                    Capability::Source => "не источник данных",
                    Capability::Publisher => "ничего не публикует",
                    Capability::Listener => "не слушает событий",
                    Capability::Analyzer => "не считает показателей",
                }
            )),
            State::Down(down) => Err(format!("плагин «{name}» не работает: {}", down.why)),
            State::Starting | State::Ended => Err(format!("плагин «{name}» завершён")),
        }
    }

    /// A call that must be answered in time. Whoever does not answer is asked whether it is alive.
    async fn within<T>(
        &self,
        until: Instant,
        call: impl Future<Output = Result<T, Status>>,
    ) -> Result<T, Failure> {
        self.within_own(until, self.patience(), call).await
    }

    async fn within_own<T>(
        &self,
        until: Instant,
        patience: Patience,
        call: impl Future<Output = Result<T, Status>>,
    ) -> Result<T, Failure> {
        let under_way = self.shared.calls.begin(patience.long);
        let answer = timeout_at(until, call).await;
        drop(under_way);
        let Ok(answer) = answer else {
            self.shared.doubted.notify_one();
            let words = words::late(self.name(), patience.call);
            self.shared.calls.late(&words);
            return Err(Failure::final_not(words));
        };
        self.shared.calls.answered();
        answer.map_err(|status| Failure {
            code: Some(status.code()),
            words: words::unanswered(self.name(), &status, self.largest()),
        })
    }

    fn largest(&self) -> usize {
        self.shared.config.largest()
    }
}

impl Drop for Hosted {
    fn drop(&mut self) {
        // Whoever did not wait for the end leaves it to the guard.
        self.shared.ending.send_replace(true);
        if !matches!(*self.shared.state.borrow(), State::Ended) {
            self.supervisor.abort();
        }
    }
}

/// A call without an answer.
struct Failure {
    code: Option<Code>,
    words: String,
}

impl Failure {
    fn final_not(words: String) -> Self {
        Failure { code: None, words }
    }

    /// Whether the same call would fail again, by the words of the contract.
    fn is_final(&self) -> bool {
        let codes = [Code::InvalidArgument, Code::FailedPrecondition, Code::PermissionDenied];
        self.code.is_some_and(|code| codes.contains(&code))
    }
}

#[async_trait]
impl Plugin for Hosted {
    fn describe(&self) -> Description {
        self.description().unwrap_or_else(|| Description {
            name: self.name().to_owned(),
            version: String::new(),
            summary: String::new(),
            capabilities: vec![],
            settings: vec![],
        })
    }

    async fn check(&self) -> Result<(), Vec<Problem>> {
        let state = self.shared.state.borrow().clone();
        match state {
            State::Down(down) => Err(down.problems).or_else(|problems| match problems.is_empty() {
                true => Ok(()),
                false => Err(problems),
            }),
            State::Ready(started) => {
                match check(self.name(), &self.shared.config, &started, false).await {
                    Err(NotStarted::Problems(problems)) => Err(problems),
                    // It does not answer: that is told where it hurts, and no mistake of the settings.
                    Ok(()) | Err(NotStarted::Failed(_)) => Ok(()),
                }
            }
            State::Starting | State::Ended => Ok(()),
        }
    }

    async fn health(&self) -> Health {
        match self.trouble() {
            Some(trouble) => Health::unhealthy(trouble.words),
            None => Health::Healthy,
        }
    }
}

#[async_trait]
impl Notifier for Hosted {
    async fn deliver(&self, message: &Message) -> Result<Receipt, DeliveryError> {
        let request = v1::DeliverRequest { message: Some(wire::message(message)) };
        if request.encoded_len() > self.largest() {
            let words = words::too_large(self.name(), "письмо", self.largest());
            return Err(DeliveryError::permanent(words));
        }
        let turn = self.turn(Capability::Notifier).await.map_err(DeliveryError::unavailable)?;
        let mut client = NotifierClient::new(turn.started.channel.clone())
            .max_decoding_message_size(self.largest());
        let answer = self.within(turn.until, client.deliver(timed(request, turn.until))).await;
        match answer.map(tonic::Response::into_inner).map(wire::delivery_of) {
            Ok(Ok(Receipt { detail, refused })) => {
                Ok(Receipt { detail: plain(&detail), refused: plain_all(refused) })
            }
            Ok(Err(error)) => {
                Err(DeliveryError { message: by(self.name(), &error.message), ..error })
            }
            // Nobody has taken it.
            Err(Failure { code: Some(Code::Unimplemented), words }) => {
                Err(DeliveryError::unavailable(words))
            }
            Err(failure) => Err(DeliveryError::unknown(failure.words)),
        }
    }

    async fn returned(&self) -> Result<Returned, String> {
        // While it is away it hears of nothing, and that it is away is told elsewhere.
        let Ok(turn) = self.turn(Capability::Notifier).await else {
            return Ok(Returned { again: Some(LATER), ..Returned::default() });
        };
        let mut client = NotifierClient::new(turn.started.channel.clone())
            .max_decoding_message_size(self.largest());
        let request = timed(v1::ReturnedRequest {}, turn.until);
        match self.within(turn.until, client.returned(request)).await {
            Ok(answer) => {
                let mut returned = wire::returned_of(answer.into_inner());
                returned.reports.truncate(MOST_REPORTS);
                for report in &mut returned.reports {
                    for failure in &mut report.failures {
                        failure.detail = plain(&failure.detail);
                    }
                }
                Ok(returned)
            }
            Err(Failure { code: Some(Code::Unimplemented), .. }) => Ok(Returned::default()),
            Err(failure) => Err(failure.words),
        }
    }

    async fn settle_returned(&self, settled: &Settled) -> Result<(), String> {
        let turn = self.turn(Capability::Notifier).await?;
        let mut client = NotifierClient::new(turn.started.channel.clone());
        let Settled { taken, left } = settled.clone();
        let request = timed(v1::SettleReturnedRequest { taken, left }, turn.until);
        let answer = self.within(turn.until, client.settle_returned(request)).await;
        answer.map(|_| ()).map_err(|failure| failure.words)
    }
}

#[async_trait]
impl Source for Hosted {
    async fn fetch(&self, request: &FetchRequest) -> Result<Fetched, SourceError> {
        let turn = self.turn(Capability::Source).await.map_err(SourceError::Failed)?;
        let mut client = SourceClient::new(turn.started.channel.clone())
            .max_decoding_message_size(self.largest());
        let request = timed(wire::fetch(request), turn.until);
        let fetched = self.within(turn.until, async {
            let mut parts = client.fetch(request).await?.into_inner();
            let (mut fetched, mut bytes) = (Fetched::default(), 0);
            while let Some(part) = parts.message().await? {
                bytes += part.encoded_len();
                if bytes > self.largest() {
                    return Ok(None);
                }
                fetched.records.extend(part.records.into_iter().map(wire::record_of));
                fetched.notes.extend(part.notes);
            }
            Ok(Some(fetched))
        });
        match fetched.await {
            Ok(Some(Fetched { records, notes })) => {
                Ok(Fetched { records, notes: plain_all(notes) })
            }
            Ok(None) => {
                let words = words::too_much(self.name(), "записей", self.largest());
                Err(SourceError::Refused(words))
            }
            Err(failure) if failure.is_final() => Err(SourceError::Refused(failure.words)),
            Err(failure) => Err(SourceError::Failed(failure.words)),
        }
    }
}

#[async_trait]
impl Publisher for Hosted {
    async fn publish(&self, document: &Document) -> Result<Published, PublishError> {
        let request = v1::PublishRequest { document: Some(wire::document(document)) };
        if request.encoded_len() > self.largest() {
            let words = words::too_large(self.name(), "документ", self.largest());
            return Err(PublishError::Refused(words));
        }
        let turn = self.turn(Capability::Publisher).await.map_err(PublishError::Failed)?;
        let mut client = PublisherClient::new(turn.started.channel.clone())
            .max_decoding_message_size(self.largest());
        let answer = self.within(turn.until, client.publish(timed(request, turn.until))).await;
        match answer.map(tonic::Response::into_inner) {
            Ok(v1::PublishResponse { location }) => Ok(Published { location: plain(&location) }),
            Err(failure) if failure.is_final() => Err(PublishError::Refused(failure.words)),
            Err(failure) => Err(PublishError::Failed(failure.words)),
        }
    }
}

#[async_trait]
impl Listener for Hosted {
    async fn hear(&self, events: &[Event]) -> Result<usize, ListenError> {
        // Of a batch that is too large a part goes; of one event there is none.
        let mut told = Vec::with_capacity(events.len());
        let mut bytes = 0;
        for event in events {
            let event = wire::event(event);
            bytes += event.encoded_len() + 16;
            if bytes > self.largest() && told.is_empty() {
                let words = words::too_large(self.name(), "событие", self.largest());
                return Err(ListenError::Refused(words));
            }
            if bytes > self.largest() {
                break;
            }
            told.push(event);
        }
        let count = told.len();
        let turn = self.turn(Capability::Listener).await.map_err(ListenError::Failed)?;
        let mut client = ListenerClient::new(turn.started.channel.clone())
            .max_decoding_message_size(self.largest());
        let request = timed(v1::HearRequest { events: told }, turn.until);
        match self.within(turn.until, client.hear(request)).await {
            Ok(answer) => {
                let taken = answer.into_inner().taken;
                match usize::try_from(taken) {
                    Ok(0) => {
                        let why = "не взял ни одного события и не говорит почему";
                        Err(ListenError::Failed(by(self.name(), why)))
                    }
                    Ok(taken) if taken <= count => Ok(taken),
                    _ => {
                        let why = format!("взял событий {taken} из {count}: так не бывает");
                        Err(ListenError::Failed(by(self.name(), &why)))
                    }
                }
            }
            Err(failure) if failure.is_final() => Err(ListenError::Refused(failure.words)),
            Err(failure) => Err(ListenError::Failed(failure.words)),
        }
    }
}

#[async_trait]
impl Analyzer for Hosted {
    async fn analyze(&self, request: &AnalyzeRequest<'_>) -> Result<Analyzed, AnalyzeError> {
        self.analyze_within(request, self.patience()).await
    }
}

/// An analyzer with a deadline of its own: what computes over a whole region takes longer than what
/// else the same plugin is asked, and no longer than it takes is to be told as trouble.
#[derive(Debug)]
pub struct Deadlined {
    /// Who computes.
    pub plugin: Arc<Hosted>,
    /// How long each of its answers may take, waiting for its turn included.
    pub deadline: Duration,
}

#[async_trait]
impl Plugin for Deadlined {
    fn describe(&self) -> Description {
        self.plugin.describe()
    }

    async fn check(&self) -> Result<(), Vec<Problem>> {
        self.plugin.check().await
    }

    async fn health(&self) -> Health {
        self.plugin.health().await
    }
}

#[async_trait]
impl Analyzer for Deadlined {
    async fn analyze(&self, request: &AnalyzeRequest<'_>) -> Result<Analyzed, AnalyzeError> {
        let patience = Patience { call: self.deadline, long: self.deadline / 2 };
        self.plugin.analyze_within(request, patience).await
    }
}

impl Hosted {
    /// The dataset goes part by part, each made when the plugin has taken those before it; the answer is
    /// judged as it comes.
    async fn analyze_within(
        &self,
        request: &AnalyzeRequest<'_>,
        patience: Patience,
    ) -> Result<Analyzed, AnalyzeError> {
        let turn = self.turn_within(Capability::Analyzer, patience).await;
        let turn = turn.map_err(AnalyzeError::Failed)?;
        let mut client = AnalyzerClient::new(turn.started.channel.clone())
            .max_decoding_message_size(self.largest());
        let (ahead, mut made) = mpsc::channel(AHEAD);
        let parts = timed(stream::poll_fn(move |context| made.poll_recv(context)), turn.until);
        let feeding = async move {
            for part in wire::parts(request) {
                if part.encoded_len() > self.largest() {
                    return Err(words::too_large(self.name(), "строка данных", self.largest()));
                }
                // Whoever takes no more has answered already, or will not.
                if ahead.send(part).await.is_err() {
                    break;
                }
            }
            Ok(())
        };
        let answering = self.within_own(turn.until, turn.patience, async {
            let mut parts = client.analyze(parts).await?.into_inner();
            let (mut judging, mut bytes) = (Judging::new(request), 0);
            while let Some(part) = parts.message().await? {
                bytes += part.encoded_len();
                if bytes > self.largest() {
                    return Ok(Err(words::too_much(self.name(), "ответа", self.largest())));
                }
                if let Err(why) = judging.take(plain_answer(wire::answer_of(part))) {
                    return Ok(Err(words::nonsense(self.name(), &why)));
                }
            }
            Ok(Ok(judging.whole()))
        });
        let (mut feeding, mut answering) = (pin!(feeding), pin!(answering));
        let mut fed = false;
        let answer = loop {
            tokio::select! {
                done = &mut feeding, if !fed => {
                    // A dataset that breaks off is not to be answered.
                    done.map_err(AnalyzeError::Refused)?;
                    fed = true;
                }
                answer = &mut answering => break answer,
            }
        };
        match answer {
            Ok(judged) => judged.map_err(AnalyzeError::Refused),
            Err(failure) if failure.is_final() => Err(AnalyzeError::Refused(failure.words)),
            Err(failure) => Err(AnalyzeError::Failed(failure.words)),
        }
    }
}

/// An answer whose texts are fit to be shown.
fn plain_answer(mut answer: Analyzed) -> Analyzed {
    for figure in &mut answer.figures {
        if let Err(why) = &mut figure.outcome {
            *why = plain(why);
        }
    }
    for shown in answer.findings.iter_mut().flat_map(|finding| &mut finding.figures) {
        (shown.title, shown.unit) = (plain(&shown.title), plain(&shown.unit));
    }
    answer
}

/// A request that tells the plugin how long its answer is awaited.
fn timed<T>(message: T, until: Instant) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    // A little more than we wait ourselves: our own words tell of it.
    let left = until.saturating_duration_since(Instant::now()) + Duration::from_millis(100);
    request.set_timeout(left);
    request
}

//! A plugin as a process of its own: what its `main` calls.
//!
//! ```ignore
//! process::serve(describe(), |written| {
//!     Ok(Configured::source(Mine::new(configuration(written)?)?))
//! })
//! .await
//! ```
//!
//! It listens where the daemon says, writes the handshake line and serves until the daemon closes its
//! standard input or asks it to end; calls under way are finished before.

use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use prost::Message as _;
use serde_json::{Map, Value};
use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio_stream::wrappers::UnixListenerStream;
use tonic::codegen::tokio_stream::Stream;
use tonic::{Request, Response, Status, Streaming};
use vekha_proto::plugin::v1;
use vekha_proto::plugin::v1::analyzer_server::{Analyzer as AnalyzerService, AnalyzerServer};
use vekha_proto::plugin::v1::listener_server::{Listener as ListenerService, ListenerServer};
use vekha_proto::plugin::v1::notifier_server::{Notifier as NotifierService, NotifierServer};
use vekha_proto::plugin::v1::plugin_server::{Plugin as PluginService, PluginServer};
use vekha_proto::plugin::v1::publisher_server::{Publisher as PublisherService, PublisherServer};
use vekha_proto::plugin::v1::source_server::{Source as SourceService, SourceServer};

use crate::{
    AnalyzeError, Analyzer, Description, Fetched, Health, ListenError, Listener, Notifier, Plugin,
    Problem, PublishError, Publisher, Record, Settled, Source, SourceError, judged, wire,
};

/// Names the socket on which a plugin is to listen.
pub const SOCKET: &str = "VEKHA_PLUGIN_SOCKET";

/// The contract's version, which the handshake line names.
pub const PROTOCOL: &str = "1";

/// The largest message that is taken; the host has a limit of its own, and none higher.
pub const LARGEST: usize = 256 << 20;

/// Bytes under way in a call, and in all of them: letters with files come at the pace of a pipe.
const WINDOWS: [u32; 2] = [4 << 20, 16 << 20];

/// Bytes that are written at a time.
const FRAME: u32 = 256 << 10;

/// Bytes of records that go together: enough to be quick, few enough to be no burden.
const PART: usize = 256 << 10;

/// A plugin with its configuration, by what it can do.
#[derive(Clone, Default)]
pub struct Configured {
    /// Delivers messages.
    pub notifier: Option<Arc<dyn Notifier>>,
    /// Fetches records.
    pub source: Option<Arc<dyn Source>>,
    /// Publishes documents.
    pub publisher: Option<Arc<dyn Publisher>>,
    /// Is told what happens.
    pub listener: Option<Arc<dyn Listener>>,
    /// Computes indicators and finds by them.
    pub analyzer: Option<Arc<dyn Analyzer>>,
}

impl Configured {
    /// One that delivers messages.
    pub fn notifier(plugin: impl Notifier + 'static) -> Self {
        Configured { notifier: Some(Arc::new(plugin)), ..Configured::default() }
    }

    /// One that fetches records.
    pub fn source(plugin: impl Source + 'static) -> Self {
        Configured { source: Some(Arc::new(plugin)), ..Configured::default() }
    }

    /// One that publishes documents.
    pub fn publisher(plugin: impl Publisher + 'static) -> Self {
        Configured { publisher: Some(Arc::new(plugin)), ..Configured::default() }
    }

    /// One that is told what happens.
    pub fn listener(plugin: impl Listener + 'static) -> Self {
        Configured { listener: Some(Arc::new(plugin)), ..Configured::default() }
    }

    /// One that computes indicators and finds by them.
    pub fn analyzer(plugin: impl Analyzer + 'static) -> Self {
        Configured { analyzer: Some(Arc::new(plugin)), ..Configured::default() }
    }

    fn plugin(&self) -> Option<Arc<dyn Plugin>> {
        let notifier = self.notifier.clone().map(|plugin| plugin as Arc<dyn Plugin>);
        let source = self.source.clone().map(|plugin| plugin as Arc<dyn Plugin>);
        let publisher = self.publisher.clone().map(|plugin| plugin as Arc<dyn Plugin>);
        let listener = self.listener.clone().map(|plugin| plugin as Arc<dyn Plugin>);
        let analyzer = self.analyzer.clone().map(|plugin| plugin as Arc<dyn Plugin>);
        notifier.or(source).or(publisher).or(listener).or(analyzer)
    }
}

/// Makes a plugin of its configuration, or tells all that is wrong with that.
type Make = dyn Fn(Map<String, Value>) -> Result<Configured, Vec<Problem>> + Send + Sync;

/// Serves a plugin until the daemon wants it to end.
///
/// # Errors
/// When the process was not started by a daemon, or its socket cannot be had.
pub async fn serve(
    description: Description,
    make: impl Fn(Map<String, Value>) -> Result<Configured, Vec<Problem>> + Send + Sync + 'static,
) -> io::Result<()> {
    let path = std::env::var_os(SOCKET).map(PathBuf::from).ok_or_else(|| {
        io::Error::other(format!(
            "это плагин Вехи: его запускает демон, а проверяет vekha plugin test (нет переменной {SOCKET})"
        ))
    })?;
    let listener = UnixListener::bind(&path)?;
    let ended = ending()?;
    {
        let mut out = io::stdout().lock();
        writeln!(out, "vekha-plugin|{PROTOCOL}|unix|{}", path.display())?;
        out.flush()?;
    }
    let served = Arc::new(Served { description, make: Box::new(make), current: RwLock::default() });
    let [stream, all] = WINDOWS;
    tonic::transport::Server::builder()
        .initial_stream_window_size(stream)
        .initial_connection_window_size(all)
        .max_frame_size(FRAME)
        .add_service(PluginServer::from_arc(served.clone()).max_decoding_message_size(LARGEST))
        .add_service(NotifierServer::from_arc(served.clone()).max_decoding_message_size(LARGEST))
        .add_service(SourceServer::from_arc(served.clone()).max_decoding_message_size(LARGEST))
        .add_service(AnalyzerServer::from_arc(served.clone()).max_decoding_message_size(LARGEST))
        .add_service(ListenerServer::from_arc(served.clone()).max_decoding_message_size(LARGEST))
        .add_service(PublisherServer::from_arc(served).max_decoding_message_size(LARGEST))
        .serve_with_incoming_shutdown(UnixListenerStream::new(listener), ended)
        .await
        .map_err(io::Error::other)
}

/// Ends when standard input does, or the process is asked to end.
fn ending() -> io::Result<impl Future<Output = ()>> {
    let (closed, input) = oneshot::channel();
    // A thread of its own: a blocking read would keep the runtime from ending.
    std::thread::spawn(move || {
        let mut ignored = [0; 64];
        while io::stdin().lock().read(&mut ignored).is_ok_and(|count| count > 0) {}
        closed.send(()).ok();
    });
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = input => {}
            _ = terminate.recv() => {}
        }
    })
}

struct Served {
    description: Description,
    make: Box<Make>,
    current: RwLock<Option<Configured>>,
}

impl Served {
    fn current(&self) -> Result<Configured, Status> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner).clone();
        current.ok_or_else(|| Status::failed_precondition("плагин ещё не настроен"))
    }
}

fn unable(what: &str) -> Status {
    Status::unimplemented(format!("плагин не умеет {what}"))
}

fn missing(what: &str) -> Status {
    Status::invalid_argument(format!("в вызове нет поля {what}"))
}

#[tonic::async_trait]
impl PluginService for Served {
    async fn describe(
        &self,
        _: Request<v1::DescribeRequest>,
    ) -> Result<Response<v1::Description>, Status> {
        Ok(Response::new(wire::description(&self.description)))
    }

    async fn check(
        &self,
        request: Request<v1::CheckRequest>,
    ) -> Result<Response<v1::CheckResponse>, Status> {
        let v1::CheckRequest { configuration, adopt } = request.into_inner();
        let written = configuration.map(wire::object).unwrap_or_default();
        let made = judged(&self.description.settings, written).and_then(|fit| (self.make)(fit));
        let checked = match made {
            Err(problems) => Err(problems),
            Ok(configured) => match configured.plugin() {
                None => return Err(Status::internal("плагин ничего не умеет")),
                Some(plugin) => plugin.check().await.map(|()| configured),
            },
        };
        let problems = match checked {
            Err(problems) => problems,
            Ok(configured) => {
                if adopt {
                    let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
                    *current = Some(configured);
                }
                vec![]
            }
        };
        Ok(Response::new(v1::CheckResponse { problems: wire::problems(problems) }))
    }

    async fn health(
        &self,
        _: Request<v1::HealthRequest>,
    ) -> Result<Response<v1::HealthResponse>, Status> {
        let plugin = self.current().ok().and_then(|configured| configured.plugin());
        let health = match plugin {
            Some(plugin) => plugin.health().await,
            None => Health::unhealthy("плагин ещё не настроен"),
        };
        Ok(Response::new(wire::health(health)))
    }
}

#[tonic::async_trait]
impl NotifierService for Served {
    async fn deliver(
        &self,
        request: Request<v1::DeliverRequest>,
    ) -> Result<Response<v1::DeliverResponse>, Status> {
        let notifier = self.current()?.notifier.ok_or_else(|| unable("доставлять письма"))?;
        let message = request.into_inner().message.ok_or_else(|| missing("message"))?;
        let became = notifier.deliver(&wire::message_of(message)).await;
        Ok(Response::new(wire::delivery(became)))
    }

    async fn returned(
        &self,
        _: Request<v1::ReturnedRequest>,
    ) -> Result<Response<v1::ReturnedResponse>, Status> {
        let notifier = self.current()?.notifier.ok_or_else(|| unable("доставлять письма"))?;
        match notifier.returned().await {
            Ok(returned) => Ok(Response::new(wire::returned(returned))),
            Err(why) => Err(Status::unavailable(why)),
        }
    }

    async fn settle_returned(
        &self,
        request: Request<v1::SettleReturnedRequest>,
    ) -> Result<Response<v1::SettleReturnedResponse>, Status> {
        let notifier = self.current()?.notifier.ok_or_else(|| unable("доставлять письма"))?;
        let v1::SettleReturnedRequest { taken, left } = request.into_inner();
        match notifier.settle_returned(&Settled { taken, left }).await {
            Ok(()) => Ok(Response::new(v1::SettleReturnedResponse {})),
            Err(why) => Err(Status::unavailable(why)),
        }
    }
}

#[tonic::async_trait]
impl PublisherService for Served {
    async fn publish(
        &self,
        request: Request<v1::PublishRequest>,
    ) -> Result<Response<v1::PublishResponse>, Status> {
        let publisher = self.current()?.publisher.ok_or_else(|| unable("публиковать"))?;
        let document = request.into_inner().document.ok_or_else(|| missing("document"))?;
        match publisher.publish(&wire::document_of(document)).await {
            Ok(published) => {
                Ok(Response::new(v1::PublishResponse { location: published.location }))
            }
            Err(PublishError::Refused(why)) => Err(Status::failed_precondition(why)),
            Err(PublishError::Failed(why)) => Err(Status::unavailable(why)),
        }
    }
}

#[tonic::async_trait]
impl ListenerService for Served {
    async fn hear(
        &self,
        request: Request<v1::HearRequest>,
    ) -> Result<Response<v1::HearResponse>, Status> {
        let listener = self.current()?.listener.ok_or_else(|| unable("слушать события"))?;
        let events: Vec<_> = request.into_inner().events.into_iter().map(wire::event_of).collect();
        match listener.hear(&events).await {
            Ok(taken) => {
                let taken = i32::try_from(taken.min(events.len())).unwrap_or(i32::MAX);
                Ok(Response::new(v1::HearResponse { taken }))
            }
            Err(ListenError::Refused(why)) => Err(Status::failed_precondition(why)),
            Err(ListenError::Failed(why)) => Err(Status::unavailable(why)),
        }
    }
}

#[tonic::async_trait]
impl SourceService for Served {
    type FetchStream =
        std::pin::Pin<Box<dyn Stream<Item = Result<v1::FetchResponse, Status>> + Send>>;

    async fn fetch(
        &self,
        request: Request<v1::FetchRequest>,
    ) -> Result<Response<Self::FetchStream>, Status> {
        let source = self.current()?.source.ok_or_else(|| unable("забирать данные"))?;
        match source.fetch(&wire::fetch_of(request.into_inner())).await {
            Ok(Fetched { records, notes }) => {
                let parts = Parts { records: records.into_iter(), notes };
                Ok(Response::new(Box::pin(tokio_stream::iter(parts.map(Ok)))))
            }
            Err(SourceError::Refused(why)) => Err(Status::failed_precondition(why)),
            Err(SourceError::Failed(why)) => Err(Status::unavailable(why)),
        }
    }
}

#[tonic::async_trait]
impl AnalyzerService for Served {
    type AnalyzeStream =
        std::pin::Pin<Box<dyn Stream<Item = Result<v1::AnalyzeResponse, Status>> + Send>>;

    async fn analyze(
        &self,
        request: Request<Streaming<v1::AnalyzeRequest>>,
    ) -> Result<Response<Self::AnalyzeStream>, Status> {
        let analyzer = self.current()?.analyzer.ok_or_else(|| unable("считать показатели"))?;
        let (mut parts, mut arriving) = (request.into_inner(), wire::Arriving::default());
        while let Some(part) = parts.message().await? {
            arriving.take(part).map_err(Status::invalid_argument)?;
        }
        let asked = arriving.whole().map_err(Status::invalid_argument)?;
        match analyzer.analyze(&asked).await {
            Ok(answer) => {
                let parts = wire::answer(answer).map(Ok);
                Ok(Response::new(Box::pin(tokio_stream::iter(parts))))
            }
            Err(AnalyzeError::Refused(why)) => Err(Status::failed_precondition(why)),
            Err(AnalyzeError::Failed(why)) => Err(Status::unavailable(why)),
        }
    }
}

/// What was fetched, in parts that are made when they are wanted; the notes go first.
struct Parts {
    records: std::vec::IntoIter<Record>,
    notes: Vec<String>,
}

impl Iterator for Parts {
    type Item = v1::FetchResponse;

    fn next(&mut self) -> Option<v1::FetchResponse> {
        let notes = std::mem::take(&mut self.notes);
        let mut part = v1::FetchResponse { records: vec![], notes };
        let mut bytes = 0;
        while bytes < PART
            && let Some(record) = self.records.next()
        {
            let record = wire::record(record);
            bytes += record.encoded_len();
            part.records.push(record);
        }
        (!part.records.is_empty() || !part.notes.is_empty()).then_some(part)
    }
}

//! The daemon put together: database, plugins, loop and the one port.
//!
//! It ends in this order: no new connections, what is under way gets a moment to finish, the loop
//! finishes its turn, the database is closed. What was not done stands in the database.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state, map_response_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Router, body::Body};
use tokio::net::TcpSocket;
use tokio::task::JoinHandle;
use tower::ServiceExt as _;
use tower::util::option_layer;
use vekha_plugin::Problem;
use vekha_plugin_host::Host;
use vekha_roadmap::diagnostic;

use crate::access::ALL;
use crate::access::gate::{Found, Gate, Ways};
use crate::access::passkeys::Passkeys;
use crate::access::provider::Provider;
use crate::api::reason::Reason;
use crate::api::{self, Api};
use crate::backup::kept::Backups;
use crate::clock::Clock;
use crate::port::bodies::{Bodies, Unreceived, bounded};
use crate::port::origins::Origins;
use crate::port::tls::{Certified, Tls};
use crate::port::told::{self, Bound};
use crate::port::{self, Limits, guesses, hosts};
use crate::runtime::acts::apply::Folder;
use crate::runtime::loops::wellbeing::Wellbeing;
use crate::runtime::road_maps::ApplyError;
use crate::runtime::{Parts, Runtime};
use crate::settings::{Rehearsal, Settings};
use crate::store::time::Time;
use crate::store::{Opening, SecretFrom, Store, instant, without_password};
use crate::timekeeper::{ThisMachine, Timekeeper};
use crate::{assembly, console, files, unread};

/// How long connections may finish what they do once the daemon is to end.
const GRACE: Duration = Duration::from_secs(3);

/// How long the loops may take to finish their turns after that, and the database to be closed.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many connections may wait to be let in.
const BACKLOG: u32 = 1024;

/// What anybody may ask: whether the daemon is well, and what it offers.
const OPEN_SERVICES: [&str; 2] = ["/grpc.health.v1.Health/", "/grpc.reflection."];

/// Bytes that calls of open services may hold at a time, and one of them as a whole: a reflection's
/// questions are names.
const STRANGERS_ROOM: usize = 8 << 20;
const STRANGERS_LONGEST: usize = 256 << 10;

/// A daemon at work.
#[derive(Debug)]
pub struct Daemon {
    /// Where it listens.
    pub address: SocketAddr,
    /// What it does.
    pub runtime: Arc<Runtime>,
    /// Its plugins in processes of their own.
    host: Arc<Host>,
    listening: JoinHandle<()>,
    turning: JoinHandle<anyhow::Result<()>>,
}

impl Daemon {
    /// Starts a daemon and returns once it serves.
    ///
    /// # Errors
    /// When the settings, a road map, the database or the port do not allow it.
    pub async fn start(settings: Settings) -> anyhow::Result<Self> {
        Daemon::start_at(settings, None).await
    }

    /// The same with a clock of the caller's choice.
    ///
    /// # Errors
    /// As [`Daemon::start`].
    pub async fn start_at(settings: Settings, clock: Option<Clock>) -> anyhow::Result<Self> {
        // One TLS provider for the whole process; a second daemon in it finds it installed.
        rustls::crypto::ring::default_provider().install_default().ok();
        let database = without_password(&settings.database);
        let opening = Opening {
            url: &settings.database,
            secret: SecretFrom::File(settings.secret_file.clone()),
            accept_loss: false,
        };
        let store =
            Store::open_as(opening).await.with_context(|| format!("база данных {database}"))?;
        let clock = match clock {
            Some(clock) => clock,
            None => clock_of(&store, &database, settings.rehearsal.clone()).await?,
        };
        let tls = settings.tls.is_on().then(|| Tls::new(settings.tls.clone(), clock.clone()));
        let tls = tls.transpose().map_err(|problems| settings_are_wrong(&problems))?.map(Arc::new);
        let made = assembly::integrations(settings.clone()).await;
        let (host, integrations) = made.map_err(|problems| settings_are_wrong(&problems))?;
        let host = Arc::new(host);
        // The port is ours from now on, but nobody is let in before the daemon can answer.
        let (socket, address) = bound(settings.listen)?;
        // Port 0 means any: links must carry the one that was found.
        let public_url = settings.public_url();
        let public_url =
            public_url.replace(&format!("//{}", settings.listen), &format!("//{address}"));
        // The same after a restart, and nobody else's: an address has one daemon.
        let machine = rustix::system::uname();
        let store = store.named(&format!("{}/{address}", machine.nodename().to_string_lossy()));
        // Nothing is asked of it yet: it may be away.
        let provider = settings.sign_in.oidc.as_ref();
        let provider = provider.map(|oidc| Provider::new(oidc, &public_url, store.secret()));
        let provider = provider.transpose().map_err(|problems| settings_are_wrong(&problems))?;
        let passkeys = Passkeys::of(&public_url, store.secret());
        let runtime = Runtime::start(Parts { store, clock, integrations, public_url }).await?;
        runtime.watch_over_plugins(host.clone());
        runtime.keeps(Backups::of(&settings));
        if let Some(tls) = &tls {
            runtime.watch_over_certificate(tls.clone());
        }
        runtime.runs_with(settings.told.clone());
        let named = settings.listener.iter().map(|(id, is)| (id.clone(), is.plugin.clone()));
        runtime.name_listeners(&named.collect::<Vec<_>>()).await?;
        for folder in &settings.road_maps {
            apply(&runtime, folder).await?;
        }
        let gate = Gate::new(
            runtime.store().clone(),
            runtime.clock().clone(),
            &settings.access.token,
            settings.is_heard_here_only(),
            settings.public_url().starts_with("https://"),
            Ways { provider, password: settings.sign_in.password, passkeys },
        );
        if let Some(provider) = gate.provider() {
            tell_of_unknown(&runtime, provider);
        }
        greet(&runtime, &gate).await?;
        let origins = Origins::new(&settings.access.origins);
        let app = app(&runtime, gate, &settings.limits, origins).await?;
        let listener = socket.listen(BACKLOG).with_context(|| is_taken(address))?;
        let mut ending = runtime.ending();
        let ended = async move {
            ending.wait_for(|ending| *ending).await.ok();
        };
        let listening = tokio::spawn(port::serve(listener, app, settings.limits, tls, ended));
        let turning = tokio::spawn(runtime.clone().run());
        Ok(Daemon { address, runtime, host, listening, turning })
    }

    /// Ends the daemon; what it was doing is finished or stands in the database.
    ///
    /// # Errors
    /// When its loop or its listener had failed.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.runtime.end();
        let mut listening = self.listening;
        match tokio::time::timeout(GRACE, &mut listening).await {
            Ok(ended) => ended.context("listener")?,
            Err(_) => listening.abort(),
        }
        let mut turning = self.turning;
        match tokio::time::timeout(PATIENCE, &mut turning).await {
            Ok(ended) => ended.context("loop")??,
            Err(_) => {
                // What it was doing stands in the database, or was never done.
                tracing::error!("the loops do not end: the database does not answer");
                turning.abort();
            }
        }
        // Nobody calls them any more. What they have begun stands in the database or was never begun.
        self.host.stop().await;
        let closed = self.runtime.store().clone().close();
        match tokio::time::timeout(PATIENCE, closed).await {
            Ok(closed) => Ok(closed?),
            Err(_) => anyhow::bail!("база данных не ответила при закрытии"),
        }
    }
}

/// The daemon's address, taken but not listened at, and which it is where any port would do.
fn bound(listen: SocketAddr) -> anyhow::Result<(TcpSocket, SocketAddr)> {
    let socket = if listen.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(listen).with_context(|| is_taken(listen))?;
    let address = socket.local_addr()?;
    Ok((socket, address))
}

fn is_taken(address: SocketAddr) -> String {
    format!("адрес {address} занят или недоступен")
}

/// All that is wrong with the settings, a line each.
fn settings_are_wrong(problems: &[Problem]) -> anyhow::Error {
    let lines = problems.iter().map(|problem| format!("\n  {problem}"));
    anyhow::anyhow!("настройки:{}", lines.collect::<String>())
}

/// The time that a database has: people's by the machine's clock, or that of a rehearsal, which goes
/// on from where it came to before.
async fn clock_of(
    store: &Store,
    database: &str,
    rehearsal: Option<Rehearsal>,
) -> anyhow::Result<Clock> {
    let time = if rehearsal.is_some() { Time::Rehearsal } else { Time::Life };
    store.claim_time(time, jiff::Timestamp::now(), database).await?;
    let reached = store.reached().await?;
    Ok(match rehearsal {
        Some(Rehearsal { from, speed, .. }) => {
            let newest = store.newest_entry().await?.map(|entry| instant(entry.at));
            Clock::rehearsal(from.max(reached.max(newest).unwrap_or(from)), speed)
        }
        None => Clock::Kept(Arc::new(Timekeeper::new(ThisMachine, reached))),
    })
}

/// Tells whoever starts the daemon how people come in, as long as none can.
async fn greet(runtime: &Runtime, gate: &Gate) -> anyhow::Result<()> {
    if gate.has_key() {
        tracing::warn!(
            "[access] token opens everything to everybody who knows it: give people and systems \
             access of their own (pages «Сотрудники» and «Ключи», or vekha people and vekha token)"
        );
    }
    gate.has_people().await?;
    if let Some(link) = runtime.first_link().await? {
        tracing::info!("nobody can sign in yet; first administrator: {link}");
    }
    Ok(())
}

/// Says in which municipalities a provider gives roles that are not there: they may come later.
fn tell_of_unknown(runtime: &Runtime, provider: &Provider) {
    let mut unknown: Vec<&str> = provider
        .municipalities()
        .filter(|id| *id != ALL && runtime.road_maps().newest(id).is_none())
        .collect();
    unknown.sort_unstable();
    unknown.dedup();
    for municipality in unknown {
        tracing::warn!(municipality, "[sign-in.oidc.roles] gives roles where there is no road map");
    }
}

async fn apply(runtime: &Runtime, folder: &Path) -> anyhow::Result<()> {
    let files =
        files::load(folder).with_context(|| format!("дорожная карта {}", folder.display()))?;
    match runtime.apply_folder(files.clone(), "vekha serve").await {
        Ok(Folder::InForce(version)) => {
            let municipality = &version.road_map.municipality.id;
            tracing::info!(municipality, version = version.number, "road map in force");
            Ok(())
        }
        Ok(Folder::Behind { newest, is }) => {
            let municipality = &newest.road_map.municipality.id;
            let version = newest.number;
            tracing::info!(
                municipality,
                version,
                folder_is = is,
                "road map in force was changed on pages; the folder is older and left alone"
            );
            Ok(())
        }
        Ok(Folder::Apart { newest, digest }) => {
            let municipality = &newest.road_map.municipality.id;
            tracing::warn!(
                municipality,
                version = newest.number,
                folder = %folder.display(),
                "not applied: the folder has changed, and so has the road map on pages"
            );
            runtime.keep_apart(municipality, folder, &digest);
            Ok(())
        }
        Err(ApplyError::Mistakes(mistakes)) => Err(anyhow::anyhow!(
            "дорожная карта {}: ошибок {}\n{}",
            folder.display(),
            mistakes.len(),
            diagnostic::render(&mistakes, &files)
        )),
        Err(e) => Err(e.into()),
    }
}

/// One port for all: gRPC and gRPC-web by their content type, everything else is a page. Nobody's
/// body is read before it is known who sends it.
async fn app(
    runtime: &Arc<Runtime>,
    gate: Arc<Gate>,
    limits: &Limits,
    origins: Origins,
) -> anyhow::Result<Router> {
    let of_pages = Bodies::new(limits, console::unreceived);
    let of_calls = of_pages.refused_by(unreceived);
    let of_strangers = of_calls.of_strangers(STRANGERS_ROOM, STRANGERS_LONGEST);
    let ending = runtime.ending();
    let grpc = Api::new(runtime.clone())
        .routes()
        .await?
        .into_axum_router()
        .layer(map_response_with_state(runtime.clone(), unread::note))
        .layer(from_fn(api::permits::permits))
        .layer(from_fn(move |request: Request, next| {
            let open = is_open(request.uri().path());
            let bodies = if open { of_strangers.clone() } else { of_calls.clone() };
            bounded(State(bodies), request, next)
        }))
        .layer(from_fn({
            let gate = gate.clone();
            move |request, next| authenticate(gate.clone(), request, next)
        }))
        .layer(from_fn({
            let gate = gate.clone();
            move |request, next| api::lasting::bounded(ending.clone(), gate.clone(), request, next)
        }))
        .layer(tonic_web::GrpcWebLayer::new())
        .layer(option_layer(origins.layer()));
    let pages =
        console::router(runtime.clone(), gate.clone()).layer(from_fn_with_state(of_pages, bounded));
    let wellbeing = runtime.wellbeing();
    let one_port = tower::service_fn(move |request: Request| {
        let (grpc, pages, gate) = (grpc.clone(), pages.clone(), gate.clone());
        let mut wellbeing = wellbeing.clone();
        let is_named = origins.hold(&request);
        let is_asked_for = origins.are_asked_for(&request);
        async move {
            let kind = request.headers().get(http::header::CONTENT_TYPE);
            let is_grpc = kind.is_some_and(|k| k.as_bytes().starts_with(b"application/grpc"));
            let is_grpc = is_grpc || is_asked_for;
            let needs_no_database = needs_no_database(request.uri().path());
            let answered = async {
                // Where nobody is asked for anything, only this machine's own names and pages are
                // answered to: a browser is led here by others.
                if gate.may_be_open() && gate.is_open().await.unwrap_or(true) {
                    if !hosts::is_called_so(request.headers(), request.uri()) {
                        told::met(Bound::Names, &port::peer(request.extensions()));
                        return Ok(misdirected(is_grpc));
                    }
                    if is_grpc && !is_named && !console::is_own(request.headers(), request.uri()) {
                        return Ok(foreign_page());
                    }
                }
                let router = if is_grpc { grpc } else { pages };
                router.oneshot(request).await
            };
            if needs_no_database {
                return answered.await;
            }
            tokio::select! {
                biased;
                answer = answered => answer,
                // Whoever waits for a database that does not answer is told so.
                _ = wellbeing.wait_for(is_silent) => Ok(unanswered(is_grpc)),
            }
        }
    });
    Ok(Router::new().fallback_service(one_port))
}

/// Whether the database does not even answer readers.
fn is_silent(wellbeing: &Wellbeing) -> bool {
    wellbeing.as_ref().is_some_and(|illness| illness.ill.reads)
}

/// What is said while the database does not answer.
fn unanswered(is_grpc: bool) -> Response {
    let reason = "the database does not answer".to_owned();
    match is_grpc {
        true => api::status::unavailable(reason).into_http::<Body>().into_response(),
        false => console::unavailable(&reason),
    }
}

/// What is said to a page of another site where nobody is asked for a key.
fn foreign_page() -> Response {
    let message = "без ключа доступа страницы других сайтов ничего не вызывают";
    let told = api::status::told(Reason::ForeignPage, message);
    told.into_http::<Body>().into_response()
}

/// What is said to whoever calls us by a foreign name where nobody is asked for a key.
fn misdirected(is_grpc: bool) -> Response {
    let message = "без ключа доступа демон отвечает только по адресам этой машины";
    match is_grpc {
        true => {
            let told = api::status::told(Reason::ForeignName, message);
            told.into_http::<Body>().into_response()
        }
        false => console::misdirected(),
    }
}

/// What must answer whatever the database does: who asks this asks how the daemon is.
fn needs_no_database(path: &str) -> bool {
    const OWN: [&str; 3] = ["/healthz", "/assets/", "/vekha.v1.StatusService/"];
    is_open(path) || OWN.iter().any(|own| path.starts_with(own))
}

fn is_open(path: &str) -> bool {
    OPEN_SERVICES.iter().any(|service| path.starts_with(service))
}

/// The answer to a call that was not received.
fn unreceived(why: Unreceived) -> Response {
    let (reason, message) = match why {
        Unreceived::Full => (Reason::Busy, "сервер занят, повторите позже"),
        Unreceived::Slow => {
            let message = "вызов не получен целиком за отведённое время";
            (Reason::NotReceived, message)
        }
    };
    api::status::told(reason, message).into_http::<Body>().into_response()
}

/// Finds out who makes a call; a stranger gets no further.
async fn authenticate(gate: Arc<Gate>, mut request: Request, next: Next) -> Response {
    if is_open(request.uri().path()) {
        return next.run(request).await;
    }
    let certified = request.extensions().get::<Certified>().cloned();
    let brings_key = request.headers().contains_key(http::header::AUTHORIZATION);
    match gate.of_call(request.headers(), certified.as_ref()).await {
        Ok(Found::Somebody(identity)) => {
            request.extensions_mut().insert(Arc::new(*identity));
            return next.run(request).await;
        }
        Ok(Found::Nobody) => {}
        Ok(Found::Wrong) => guesses::wrong(&port::peer(request.extensions())).await,
        Err(e) => return api::status::unavailable(e).into_http::<Body>().into_response(),
    }
    let where_from = "его выдаёт страница «Ключи» или vekha token create; команде его называют \
                      --token или VEKHA_TOKEN";
    let (reason, message) = match certified {
        _ if brings_key => {
            let why = "этот ключ здесь не действует: он отозван, истёк, переписан с ошибкой или выдан \
                       другим демоном";
            (Reason::KeyUnknown, format!("{why}. Нужен другой: {where_from}"))
        }
        None => (Reason::KeyNeeded, format!("нужен ключ: authorization: Bearer … ({where_from})")),
        Some(Certified(names)) => {
            let names = names.join("», «");
            let message = format!(
                "действующего ключа с именем сертификата нет: «{names}»; его создаёт vekha token create"
            );
            (Reason::CertificateUnknown, message)
        }
    };
    let told = api::status::told(reason, &message);
    told.into_http::<Body>().into_response()
}

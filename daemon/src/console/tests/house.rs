//! A small municipality in a temporary database, with a clock that stands still.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::request::Builder;
use axum::http::{HeaderMap, Request, StatusCode};
use tower::ServiceExt;
use vekha_engine::{Command, RunKey, Why};
use vekha_plugin::{
    Capability, DeliveryError, Description, Document, Health, Message, Notifier, Plugin, Problem,
    PublishError, Published, Publisher, Receipt,
};
use vekha_roadmap::read::{Files, LETTERS};

use crate::access::gate::{Gate, Ways};
use crate::access::passkeys::Passkeys;
use crate::clock::Clock;
use crate::runtime::committer::Task;
use crate::runtime::integrations::Integrations;
use crate::runtime::listeners::Listeners;
use crate::runtime::{Ask, Parts, Runtime};
use crate::secret::Secret;
use crate::store::Store;

/// The run that tests look at.
pub const RUN: &str = "zarechny/results/2027";

/// The administrator's token.
pub const TOKEN: &str = "correct horse battery staple";

struct Nobody;

#[async_trait]
impl Plugin for Nobody {
    fn describe(&self) -> Description {
        Description {
            name: "nobody".into(),
            version: "1".into(),
            summary: String::new(),
            capabilities: vec![Capability::Notifier, Capability::Publisher],
            settings: vec![],
        }
    }
    async fn check(&self) -> Result<(), Vec<Problem>> {
        Ok(())
    }
    async fn health(&self) -> Health {
        Health::Healthy
    }
}

#[async_trait]
impl Notifier for Nobody {
    async fn deliver(&self, message: &Message) -> Result<Receipt, DeliveryError> {
        match message.to[0].email.starts_with("nowhere") {
            true => Err(DeliveryError::permanent("такого ящика нет")),
            false => Ok(Receipt { detail: "ok".into(), refused: vec![] }),
        }
    }
}

#[async_trait]
impl Publisher for Nobody {
    async fn publish(&self, document: &Document) -> Result<Published, PublishError> {
        Ok(Published { location: format!("https://example.org/{}", document.path) })
    }
}

/// A page that was fetched.
pub struct Fetched {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

pub struct House {
    pub runtime: Arc<Runtime>,
    pub router: Router,
    folder: PathBuf,
}

impl Drop for House {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

impl House {
    /// On 1 September 2027, with the run of the year opened and the schools asked.
    pub async fn new() -> Self {
        House::opened(files()).await
    }

    /// The same over another road map with that activity.
    pub async fn opened(files: Files) -> Self {
        let house = House::with(files).await;
        house.ask(Ask::Open { named: vec![], why: Why::Request, without_waiting: false }).await;
        house
    }

    /// On 1 September 2027, over any road map.
    pub async fn with(files: Files) -> Self {
        House::on(Clock::manual("2027-09-01T09:00:00+05:00".parse().unwrap()), files).await
    }

    /// By this clock, over any road map.
    pub async fn on(clock: Clock, files: Files) -> Self {
        let folder = std::env::temp_dir().join(format!("vekha-{}", uuid::Uuid::now_v7()));
        let url = format!("sqlite:{}", folder.join("vekha.db").display());
        let store = Store::open(&url, Secret::from_bytes([7; 32])).await.unwrap();
        let runtime = Runtime::start(Parts {
            store,
            clock,
            integrations: Integrations::new(
                Arc::new(Nobody),
                Arc::new(Nobody),
                Listeners::new(&Default::default(), Default::default()).unwrap(),
            ),
            public_url: "https://vekha.example.org".into(),
        })
        .await
        .unwrap();
        runtime.apply(files, "test").await.unwrap();
        let passkeys = Passkeys::of("https://vekha.example.org", runtime.store().secret());
        let gate = Gate::new(
            runtime.store().clone(),
            runtime.clock().clone(),
            TOKEN,
            true,
            true,
            Ways { provider: None, password: true, passkeys },
        );
        let router = super::super::router(runtime.clone(), gate);
        House { runtime, router, folder }
    }

    pub fn run(&self) -> RunKey {
        RUN.parse().unwrap()
    }

    async fn ask(&self, ask: Ask) {
        self.runtime.ask(Task::new(self.run(), ask, "test")).await.unwrap();
        self.runtime.settle().await.unwrap();
    }

    pub async fn step(&self, command: Command) {
        self.ask(Ask::Step(command)).await;
    }

    pub async fn at(&self, moment: &str) {
        self.runtime.clock().set(moment.parse().unwrap());
        self.runtime.settle().await.unwrap();
    }

    /// The address of an assignment's page.
    pub fn link(&self, assignment: &str) -> String {
        format!("/a/{}", self.runtime.store().secret().token(&format!("{RUN}/{assignment}"), 0))
    }

    pub async fn fetch(&self, request: Request<Body>) -> Fetched {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 16 << 20).await.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        can_be_walked_through(&text);
        Fetched { status: parts.status, headers: parts.headers, text }
    }

    pub async fn get(&self, path: &str) -> Fetched {
        self.fetch(Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// As the administrator.
    pub async fn look(&self, path: &str) -> Fetched {
        let request = Request::get(path).header("authorization", anna());
        self.fetch(request.body(Body::empty()).unwrap()).await
    }

    /// A file that the administrator takes.
    pub async fn look_at_file(&self, path: &str) -> Vec<u8> {
        let request = Request::get(path).header("authorization", anna());
        let response = self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await;
        let response = response.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        to_bytes(response.into_body(), 16 << 20).await.unwrap().to_vec()
    }

    pub async fn post(&self, path: &str, pairs: &[(&str, &str)]) -> Fetched {
        self.fetch(Request::post(path).body_of(pairs)).await
    }

    /// As the administrator, with what else a browser says.
    pub async fn act(
        &self,
        path: &str,
        pairs: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Fetched {
        let mut request = Request::post(path).header("authorization", anna());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.fetch(request.body_of(pairs)).await
    }

    /// The same with files.
    pub async fn act_with_files(
        &self,
        path: &str,
        pairs: &[(&str, &str)],
        files: &[(&str, &str, &[u8])],
    ) -> Fetched {
        let request = Request::post(path).header("authorization", anna());
        self.fetch(with_files(request, pairs, files)).await
    }

    /// What school-1 answers when all is right.
    pub async fn answer(&self, school: &str, low: &str, comment: &str) -> Fetched {
        self.post(&self.link(&format!("collect.{school}")), &answer(low, comment)).await
    }
}

/// As a browser sends a form with files.
pub fn with_files(
    request: Builder,
    pairs: &[(&str, &str)],
    files: &[(&str, &str, &[u8])],
) -> Request<Body> {
    let mut body = Vec::new();
    for (name, value) in pairs {
        let part =
            format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend_from_slice(part.as_bytes());
    }
    for (name, file, content) in files {
        let part = format!(
            "--x\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{file}\"\r\n\r\n"
        );
        body.extend_from_slice(part.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--x--\r\n");
    let kind = "multipart/form-data; boundary=x";
    request.header("content-type", kind).body(Body::from(body)).unwrap()
}

/// The administrator's password under a name.
pub fn anna() -> String {
    use base64::Engine as _;
    let credentials = format!("anna:{TOKEN}");
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(credentials))
}

trait Posting {
    /// As a browser sends a form.
    fn body_of(self, pairs: &[(&str, &str)]) -> Request<Body>;
}

impl Posting for Builder {
    fn body_of(self, pairs: &[(&str, &str)]) -> Request<Body> {
        let mut body = String::new();
        for (name, value) in pairs {
            for (text, end) in [(name, '='), (value, '&')] {
                body.extend(text.bytes().map(|b| format!("%{b:02X}")));
                body.push(end);
            }
        }
        self.header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(body.trim_end_matches('&').to_owned()))
            .unwrap()
    }
}

/// A right answer.
pub fn answer<'a>(low: &'a str, comment: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("pupils", "1 250"),
        ("share", "98,5"),
        ("held_on", "2027-04-15"),
        ("video", "yes"),
        ("way", "part"),
        ("means", "paper"),
        ("means", "online"),
        ("comment", comment),
        ("marks[0].low", low),
        ("marks[0].total", "40"),
        ("marks[1].low", "3"),
        ("marks[1].total", "42"),
        ("steps[0].what", ""),
        ("steps[0].done", ""),
        ("steps[1].what", "Семинар"),
        ("steps[1].done", "2"),
    ]
}

/// The road map's files.
pub fn files() -> Files {
    let mut files = Files::default();
    let mut put = |path: &str, text: &str| {
        files.0.insert(path.to_owned(), text.to_owned());
    };
    put("municipality.toml", include_str!("road-map/municipality.toml"));
    put("organisations.toml", include_str!("road-map/organisations.toml"));
    put("calendar.toml", include_str!("road-map/calendar.toml"));
    put("activities/1-results.toml", include_str!("road-map/results.toml"));
    put("activities/2-annual-report.toml", include_str!("road-map/annual-report.toml"));
    put("forms/marks.toml", include_str!("road-map/marks.toml"));
    put("analyses/low.toml", include_str!("road-map/low.toml"));
    put("reports/annual.html", "<p>{{ period }}</p>");
    put("decisions/order.txt", include_str!("road-map/order.txt"));
    for (kind, _) in LETTERS {
        for part in ["subject.txt", "body.txt", "body.html"] {
            put(&format!("letters/{kind}/{part}"), "{{ activity.short }}");
        }
    }
    files
}

/// Whoever has no mouse reaches every table that is wider than the screen, and whoever hears a page
/// finds its headings in order. Looked at on every page that any test opens.
fn can_be_walked_through(page: &str) {
    if !page.starts_with("<!doctype html>") {
        return;
    }
    for table in page.split("<div class=\"scroll\"").skip(1) {
        let (tag, inside) = table.split_once('>').unwrap_or_default();
        // A table to be filled is walked through by its fields.
        if inside.trim_start().starts_with("<table class=\"grid\"") {
            continue;
        }
        // A group and no region: a page with thirty tables would have as many landmarks, some of one name.
        for needed in ["tabindex=\"0\"", "role=\"group\"", "aria-label=\""] {
            assert!(tag.contains(needed), "{needed}: {tag}\n{page}");
        }
        assert!(!tag.contains("aria-label=\"\""), "{page}");
    }
    let mut before = 0;
    for rest in page.split("<h").skip(1) {
        let mut first = rest.chars();
        let Some(level) = first.next().and_then(|c| c.to_digit(10)) else { continue };
        assert!(level <= before + 1, "h{level} after h{before}:\n{page}");
        before = level;
    }
}

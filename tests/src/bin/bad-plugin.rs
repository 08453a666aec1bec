//! A plugin that does wrong, each way by its name: `bad-plugin WAY`. The ways of its calls are chosen by
//! `way` in its configuration. As long as it lives it holds a connection to the test (`WITNESS`), and so
//! does whatever it leaves behind.

#![allow(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used)]

use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixListener;
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use serde_json::{Map, Value, json};
use tokio::signal::unix::{SignalKind, signal};
use vekha_plugin::process::{Configured, SOCKET, serve};
use vekha_plugin::{
    AnalyzeError, AnalyzeRequest, Analyzed, Analyzer, Capability, DeliveryError, Description,
    Document, Event, FetchRequest, Fetched, GivenFigure, GivenFinding, Health, ListenError,
    Listener, Message, Notifier, Plugin, Problem, PublishError, Published, Publisher, Receipt,
    Record, Setting, SettingKind, Source, SourceError,
};

fn main() -> ExitCode {
    if let Some(code) = vekha_plugin_host::guard::entered() {
        return code;
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let way = arguments.first().map(String::as_str).unwrap_or_default();
    let _witnessed = witnessed(way);
    // One thread: what blocks in a call blocks all.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        match way {
            "noise" => {
                println!("Loading…\nvekha: not this line\n{}\n\0\x1b[31m", "x".repeat(100_000));
                eprintln!("DeprecationWarning: so what");
                well().await
            }
            "silent" => std::future::pending().await,
            "deaf" => {
                let _deaf = deaf();
                serve_past_the_end().await
            }
            "dies" => {
                eprintln!("нет файла ключа");
                ExitCode::from(3)
            }
            // Only the first time.
            "stumbles" => match std::fs::File::create_new(&arguments[1]) {
                Ok(_) => ExitCode::FAILURE,
                Err(_) => well().await,
            },
            "other-version" => says("vekha-plugin|9|unix|/tmp/x").await,
            "other-socket" => says("vekha-plugin|1|unix|/tmp/other.sock").await,
            "garbage" => garbage(),
            "leaves-children" => {
                leave("child");
                leave("daemon");
                well().await
            }
            "child" => {
                let _deaf = deaf();
                std::future::pending().await
            }
            // A daemon of its own: another session, its parent gone.
            "daemon" => {
                rustix::process::setsid().ok();
                leave("child");
                ExitCode::SUCCESS
            }
            _ => well().await,
        }
    })
}

/// Lives as long as this process.
fn witnessed(way: &str) -> Option<TcpStream> {
    let address = std::env::var("WITNESS").ok()?;
    let mut stream = TcpStream::connect(address).unwrap();
    let parent = rustix::process::getppid().map_or(0, |pid| pid.as_raw_pid());
    writeln!(stream, "{way} {parent}").unwrap();
    Some(stream)
}

/// Whatever it is told, it goes on.
fn deaf() -> Vec<tokio::signal::unix::Signal> {
    let kinds = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()];
    kinds.into_iter().map(|kind| signal(kind).unwrap()).collect()
}

#[allow(clippy::zombie_processes)] // that it is left is the point
fn leave(way: &str) {
    let own = std::env::current_exe().unwrap();
    let mut command = Command::new(own);
    // It holds the daemon's pipes, too.
    command.arg(way).stdin(Stdio::null()).spawn().unwrap();
}

async fn says(line: &str) -> ExitCode {
    println!("{line}");
    std::future::pending().await
}

async fn serve_past_the_end() -> ExitCode {
    well().await;
    std::future::pending().await
}

fn garbage() -> ExitCode {
    let path = std::env::var_os(SOCKET).unwrap();
    let listener = UnixListener::bind(&path).unwrap();
    println!("vekha-plugin|1|unix|{}", path.display());
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        stream.read_exact(&mut [0; 24]).ok();
        stream.write_all(&[b'?'; 4096]).ok();
    }
    ExitCode::SUCCESS
}

async fn well() -> ExitCode {
    let served = serve(describe(), |written| {
        let bad = Bad::new(written)?;
        Ok(Configured {
            notifier: Some(bad.clone()),
            source: Some(bad.clone()),
            publisher: Some(bad.clone()),
            listener: Some(bad.clone()),
            analyzer: Some(bad),
        })
    });
    served.await.unwrap();
    ExitCode::SUCCESS
}

fn describe() -> Description {
    use Capability::{Analyzer, Listener, Notifier, Publisher, Source};
    Description {
        name: "bad".into(),
        version: "1.0".into(),
        summary: "Делает всё неправильно.".into(),
        capabilities: vec![Notifier, Source, Publisher, Listener, Analyzer],
        settings: vec![
            Setting::optional("way", SettingKind::Text, "Как именно."),
            Setting::optional("name", SettingKind::Text, "Как его зовут."),
        ],
    }
}

struct Bad {
    way: String,
    name: String,
    calls: AtomicUsize,
}

impl Bad {
    fn new(written: Map<String, Value>) -> Result<std::sync::Arc<Self>, Vec<Problem>> {
        let text = |key: &str| written.get(key).and_then(Value::as_str).unwrap_or_default();
        if text("way") == "refuses" {
            return Err(vec![Problem::new("way", "так нельзя")]);
        }
        let (way, name) = (text("way").to_owned(), text("name").to_owned());
        Ok(std::sync::Arc::new(Bad { way, name, calls: AtomicUsize::new(0) }))
    }

    /// Does wrong, once unless it is meant to be so always.
    async fn misbehave(&self) -> Vec<u8> {
        let first = self.calls.fetch_add(1, Ordering::Relaxed) == 0;
        match self.way.as_str() {
            "hangs" if first => std::future::pending().await,
            "slow" if first => {
                tokio::time::sleep(std::time::Duration::from_secs(2)).await;
                vec![]
            }
            "freezes" if first => loop {
                std::thread::park();
            },
            "dies" => std::process::exit(7),
            "huge" if first => vec![b'x'; 3 << 20],
            "floods" => {
                let line = format!("{}\n", "flood ".repeat(20_000));
                for _ in 0..20 {
                    print!("{line}");
                    eprint!("{line}");
                }
                for _ in 0..100_000 {
                    eprintln!("short");
                }
                vec![]
            }
            _ => vec![],
        }
    }
}

#[async_trait]
impl Plugin for Bad {
    fn describe(&self) -> Description {
        describe()
    }

    async fn check(&self) -> Result<(), Vec<Problem>> {
        Ok(())
    }

    async fn health(&self) -> Health {
        match self.way.as_str() {
            "unwell" => Health::unhealthy("сервер на обслуживании"),
            _ => Health::Healthy,
        }
    }
}

#[async_trait]
impl Notifier for Bad {
    async fn deliver(&self, message: &Message) -> Result<Receipt, DeliveryError> {
        let much = self.misbehave().await;
        match self.way.as_str() {
            "permanent" => Err(DeliveryError::permanent("нет такого адреса").with_code(550)),
            "transient" => Err(DeliveryError::transient("позже")),
            "unavailable" => Err(DeliveryError::unavailable("сервер выключен")),
            _ => {
                let mut detail = format!("{} {} {}", self.name, message.key, message.uncertain);
                detail.push_str(&String::from_utf8(much).unwrap());
                Ok(Receipt { detail, refused: vec![] })
            }
        }
    }
}

#[async_trait]
impl Source for Bad {
    async fn fetch(&self, request: &FetchRequest) -> Result<Fetched, SourceError> {
        self.misbehave().await;
        if self.way == "refused" {
            return Err(SourceError::Refused("такой формы нет".into()));
        }
        let text = if self.way == "much" { "x".repeat(100_000) } else { self.name.clone() };
        let record = |organisation: &String| Record {
            organisation: organisation.clone(),
            answers: json!({ "text": text, "count": 5, "share": 0.5 }).as_object().unwrap().clone(),
        };
        let notes = vec!["одна строка пропущена".to_owned()];
        Ok(Fetched { records: request.organisations.iter().map(record).collect(), notes })
    }
}

#[async_trait]
impl Publisher for Bad {
    async fn publish(&self, document: &Document) -> Result<Published, PublishError> {
        self.misbehave().await;
        Ok(Published { location: format!("https://example.org/{}", document.path) })
    }
}

#[async_trait]
impl Listener for Bad {
    async fn hear(&self, events: &[Event]) -> Result<usize, ListenError> {
        self.misbehave().await;
        match self.way.as_str() {
            "refused" => return Err(ListenError::Refused("такого не беру".into())),
            "away" => return Err(ListenError::Failed("реестр закрыт".into())),
            "none" => return Ok(0),
            _ => {}
        }
        // Of several a part is taken: the others come again.
        let taken = events.len().div_ceil(2);
        if self.name.is_empty() {
            return Ok(taken);
        }
        let mut heard = OpenOptions::new().create(true).append(true).open(&self.name).unwrap();
        for event in &events[..taken] {
            writeln!(heard, "{} {} {}", event.cursor, event.id, event.kind).unwrap();
        }
        Ok(taken)
    }
}

#[async_trait]
impl Analyzer for Bad {
    /// For each organisation how many numbers it answered, and the first of them all; who has none is
    /// found.
    async fn analyze(&self, request: &AnalyzeRequest<'_>) -> Result<Analyzed, AnalyzeError> {
        self.misbehave().await;
        match self.way.as_str() {
            "refused" => return Err(AnalyzeError::Refused("такого определения не знаю".into())),
            "away" => return Err(AnalyzeError::Failed("сервер расчётов выключен".into())),
            _ => {}
        }
        let mut answer = Analyzed::default();
        let (organisations, mut all) = (&request.organisations, 0.0);
        for code in organisations.keys() {
            let known = request.datasets.values().filter_map(|dataset| dataset.get(code));
            let numbers = known.flat_map(|known| known.values()).filter_map(|value| value.as_f64());
            let sum: f64 = numbers.sum();
            all += sum;
            let outcome = match self.way.as_str() {
                "nan" => Ok(f64::NAN),
                _ => Ok(sum),
            };
            for indicator in &request.indicators {
                let indicator = match self.way.as_str() {
                    "unknown-indicator" => "somebody".to_owned(),
                    _ => indicator.id.clone(),
                };
                let organisation = Some(match self.way.as_str() {
                    "unknown-organisation" => format!("{code}-x"),
                    _ => code.clone(),
                });
                let figure = GivenFigure { indicator, organisation, outcome: outcome.clone() };
                let times = if self.way == "twice" { 2 } else { 1 };
                answer.figures.extend(std::iter::repeat_n(figure, times));
            }
            if self.way == "unknown-rule" {
                let (rule, organisation) = ("none".into(), code.clone());
                answer.findings.push(GivenFinding { rule, organisation, figures: vec![] });
            }
        }
        for indicator in request.indicators.iter().filter(|_| self.way != "nan") {
            let (indicator, outcome) = (indicator.id.clone(), Ok(all));
            answer.figures.push(GivenFigure { indicator, organisation: None, outcome });
        }
        Ok(answer)
    }
}

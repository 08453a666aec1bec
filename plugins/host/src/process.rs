//! A plugin's process: its start, step by step within one deadline, and its orderly end.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};
use tonic::transport::{Channel, Endpoint};
use vekha_plugin::process::{PROTOCOL, SOCKET};
use vekha_plugin::{Description, Problem, judged, wire};
use vekha_proto::plugin::v1;
use vekha_proto::plugin::v1::plugin_client::PluginClient;

use crate::guard::{GUARD, NOT_STARTED};
use crate::output::{self, Last, Log};
use crate::words::{plain, unanswered};
use crate::{Manner, PluginConfig, Sockets};

/// What a plugin has of the daemon's environment.
const KEPT: [&str; 6] = ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"];

/// Bytes under way in a stream, and in all of them: a plugin's records come at the pace of a pipe.
const WINDOWS: [u32; 2] = [4 << 20, 16 << 20];

/// Each start has a socket of its own.
static STARTS: AtomicU64 = AtomicU64::new(0);

/// A process that has begun.
#[derive(Debug)]
pub struct Process {
    guard: Child,
    /// Closed, it asks the plugin to end; nothing is ever written to it.
    input: Option<ChildStdin>,
    readers: Vec<JoinHandle<()>>,
    socket: PathBuf,
    last: Last,
    grace: Duration,
}

/// A plugin that listens and has said what it is.
#[derive(Debug, Clone)]
pub struct Started {
    /// Where it is called.
    pub channel: Channel,
    /// What it is.
    pub description: Description,
}

/// Why a plugin did not begin.
#[derive(Debug, Clone)]
pub(crate) enum NotStarted {
    /// Its configuration is wrong.
    Problems(Vec<Problem>),
    /// Something else, for people; to be read after the plugin's name.
    Failed(String),
}

impl Process {
    /// Starts a process and waits until it listens and says what it is.
    ///
    /// # Errors
    /// Why it does not, for people, or nothing if it was `cancelled`; nothing is left running then.
    pub async fn start(
        name: &str,
        config: &PluginConfig,
        manner: &Manner,
        sockets: &Sockets,
        log: &Log,
        cancelled: impl Future<Output = ()>,
    ) -> Result<(Self, Started), Option<String>> {
        let deadline = Instant::now() + config.start();
        let number = STARTS.fetch_add(1, Ordering::Relaxed);
        let socket = sockets.folder().join(format!("{number}.sock"));
        let (mut process, found) = Process::spawn(name, config, manner, socket, log)
            .map_err(|e| Some(format!("процесс не запускается: {e}")))?;
        let begun = tokio::select! {
            begun = timeout_at(deadline, process.begin(name, config, found)) => Some(begun),
            () = cancelled => None,
        };
        let why = match begun {
            Some(Ok(Ok(started))) => return Ok((process, started)),
            Some(Ok(Err(why))) => Some(why),
            Some(Err(_)) => Some(format!(
                "не начал работать за {} с (предел — start-seconds в [plugin.{name}]){}",
                config.start().as_secs(),
                last_words(&process.last)
            )),
            None => None,
        };
        process.end().await;
        Err(why)
    }

    fn spawn(
        name: &str,
        config: &PluginConfig,
        manner: &Manner,
        socket: PathBuf,
        log: &Log,
    ) -> io::Result<(Self, oneshot::Receiver<String>)> {
        let mut command = Command::new(&manner.guard);
        // As lists of processes show it.
        command.arg0("vekha");
        command.arg(GUARD).arg(manner.grace.as_millis().to_string()).args(&config.command);
        command.env_clear();
        command.envs(KEPT.iter().filter_map(|key| std::env::var_os(key).map(|value| (key, value))));
        command.envs(&config.environment);
        command.env(SOCKET, &socket).env("VEKHA_PLUGIN_NAME", name);
        if !config.folder.as_os_str().is_empty() {
            command.current_dir(&config.folder);
        }
        // Not killed when it is dropped: the guard, whose input is closed then, ends all in order.
        command.process_group(0).kill_on_drop(false);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut guard = command.spawn()?;
        let (name, last) = (Arc::<str>::from(name), Last::of(log));
        let (sender, found) = oneshot::channel();
        let mut readers = Vec::new();
        if let Some(stdout) = guard.stdout.take() {
            let read = output::read(name.clone(), stdout, last.clone(), Some(sender));
            readers.push(tokio::spawn(read));
        }
        if let Some(stderr) = guard.stderr.take() {
            readers.push(tokio::spawn(output::read(name, stderr, last.clone(), None)));
        }
        let input = guard.stdin.take();
        let grace = manner.grace;
        Ok((Process { guard, input, readers, socket, last, grace }, found))
    }

    async fn begin(
        &mut self,
        name: &str,
        config: &PluginConfig,
        found: oneshot::Receiver<String>,
    ) -> Result<Started, String> {
        let line = tokio::select! {
            biased;
            Ok(line) = found => line,
            why = self.ended() => return Err(format!("до строки приветствия {why}")),
        };
        self.understand(&line)?;
        let begun = async {
            let channel = connect(&self.socket).await.map_err(|e| {
                let listens = "назвал сокет, но не слушает его";
                format!("{listens}: {e}")
            })?;
            let largest = config.largest();
            let mut client = PluginClient::new(channel.clone()).max_decoding_message_size(largest);
            let said = client.describe(v1::DescribeRequest {}).await;
            let said = said.map_err(|status| {
                format!("не говорит, что он такое: {}", unanswered(name, &status, largest))
            })?;
            let description = wire::description_of(said.into_inner());
            Ok(Started { channel, description })
        };
        tokio::pin!(begun);
        tokio::select! {
            biased;
            begun = &mut begun => begun,
            why = ended(&mut self.guard, &mut self.readers, &self.last) => Err(why),
        }
    }

    fn understand(&self, line: &str) -> Result<(), String> {
        let wanted = format!("{}{PROTOCOL}|unix|{}", output::HANDSHAKE, self.socket.display());
        let parts: Vec<&str> = line.trim_end().splitn(4, '|').collect();
        match parts.as_slice() {
            [_, version, ..] if *version != PROTOCOL => Err(format!(
                "говорит по протоколу версии «{}», а нужна {PROTOCOL}: обновите его или Веху",
                plain(version)
            )),
            [_, _, "unix", path] if Path::new(path) == self.socket => Ok(()),
            _ => Err(format!(
                "в строке приветствия стоит «{}», а нужно «{wanted}»: сокет — из переменной {SOCKET}",
                plain(line)
            )),
        }
    }

    /// Waits until the process has ended by itself. Returns how, for people.
    pub(crate) async fn ended(&mut self) -> String {
        ended(&mut self.guard, &mut self.readers, &self.last).await
    }

    /// Ends it: its input is closed, then it is asked by a signal, then killed with all that it has
    /// started. An end that we asked for is none of its failures. Returns whether closing its input was
    /// enough.
    pub async fn end(mut self) -> bool {
        let begun = Instant::now();
        self.input.take();
        // The guard takes two times the grace at most; what it does after that cannot be waited for.
        let patience = self.grace * 2 + Duration::from_secs(2);
        if timeout(patience, self.guard.wait()).await.is_err() {
            tracing::error!("the guard of a plugin does not end and is killed");
            self.guard.start_kill().ok();
            self.guard.wait().await.ok();
        }
        let by_itself = begun.elapsed() < self.grace;
        read_out(&mut self.readers).await;
        self.readers.iter().for_each(JoinHandle::abort);
        by_itself
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        std::fs::remove_file(&self.socket).ok();
    }
}

async fn ended(guard: &mut Child, readers: &mut [JoinHandle<()>], last: &Last) -> String {
    let said = match guard.wait().await {
        Ok(status) => match status.code() {
            Some(code) if code == i32::from(NOT_STARTED) => "не запустился".to_owned(),
            Some(0) => "завершился сам".to_owned(),
            Some(code) if code > 128 => format!("убит сигналом {}", code - 128),
            Some(code) => format!("завершился с кодом {code}"),
            None => "убит вместе со своим сторожем".to_owned(),
        },
        Err(e) => format!("потерян: {e}"),
    };
    read_out(readers).await;
    format!("{said}{}", last_words(last))
}

/// Waits until all that an ended process wrote has been read. A pipe that somebody else still holds, or
/// that holds much, is not waited for.
async fn read_out(readers: &mut [JoinHandle<()>]) {
    for reader in readers.iter_mut().filter(|reader| !reader.is_finished()) {
        timeout(Duration::from_millis(500), reader).await.ok();
    }
}

fn last_words(last: &Last) -> String {
    match last.line() {
        Some(line) => format!("; последнее, что он написал: {}", plain(&line)),
        None => String::new(),
    }
}

async fn connect(socket: &Path) -> Result<Channel, tonic::transport::Error> {
    let socket = socket.to_owned();
    let [stream, all] = WINDOWS;
    Endpoint::from_static("http://plugin")
        .initial_stream_window_size(stream)
        .initial_connection_window_size(all)
        .connect_with_connector(tower::service_fn(move |_| {
            let socket = socket.clone();
            async move { UnixStream::connect(socket).await.map(TokioIo::new) }
        }))
        .await
}

/// Has a plugin take a configuration, or only look at it.
pub(crate) async fn check(
    name: &str,
    config: &PluginConfig,
    started: &Started,
    adopt: bool,
) -> Result<(), NotStarted> {
    let settings = &started.description.settings;
    let fit = judged(settings, config.anchored(settings)).map_err(NotStarted::Problems)?;
    let mut client =
        PluginClient::new(started.channel.clone()).max_decoding_message_size(config.largest());
    let request = v1::CheckRequest { configuration: Some(wire::structure(fit)), adopt };
    let checked = timeout(config.call(), client.check(request)).await;
    let checked = checked.map_err(|_| {
        NotStarted::Failed(format!("не проверил свои настройки за {} с", config.call().as_secs()))
    })?;
    let checked = checked.map_err(|status| {
        let why = unanswered(name, &status, config.largest());
        NotStarted::Failed(format!("не проверяет своих настроек: {why}"))
    })?;
    let mut problems = wire::problems_of(checked.into_inner().problems);
    for problem in &mut problems {
        problem.field = plain(&problem.field);
        problem.message = plain(&problem.message);
    }
    if problems.is_empty() { Ok(()) } else { Err(NotStarted::Problems(problems)) }
}

//! The daemon as a process of its own, to be killed, stopped and starved.

use std::fs::OpenOptions;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait as _, Database};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use vekha::store::{Opening, SecretFrom, Store};

use crate::process::{binary, free_port};
use crate::town::shipped_road_map;

/// How long anything may take that must happen.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A daemon on the shipped road map, whose working morning lasts as long as the test.
pub struct Victim {
    folder: TempDir,
    /// Where it listens.
    pub port: u16,
}

impl Victim {
    /// Settings for a daemon on an empty SQLite database, with letters to a local mail server.
    ///
    /// # Panics
    /// When there is no port or no folder.
    pub fn new(smtp: u16) -> Self {
        let folder = TempDir::new().expect("a folder");
        let port = free_port();
        let settings = format!(
            r#"
            listen = "127.0.0.1:{port}"
            database = "sqlite:vekha.db"
            secret-file = "secret"
            road-maps = ["{}"]
            mail = {{ transport = "smtp", host = "127.0.0.1", port = {smtp}, tls = "none", from = {{ email = "vekha@example.org" }} }}
            site = {{ folder = "site" }}
            rehearsal = {{ from = "2026-10-06T09:30:00+05:00", speed = 1 }}
            "#,
            shipped_road_map().display()
        );
        std::fs::write(folder.path().join("vekha.toml"), settings).expect("to write settings");
        Victim { folder, port }
    }

    /// Its database's file.
    pub fn database(&self) -> PathBuf {
        self.folder.path().join("vekha.db")
    }

    /// Its database becomes one that an older release made: what later migrations bring is gone.
    ///
    /// # Panics
    /// When it cannot be made.
    pub async fn step_back(&self) {
        let url = format!("sqlite:{}", self.database().display());
        let secret = SecretFrom::File(self.folder.path().join("secret"));
        let opening = Opening { url: &url, secret, accept_loss: false };
        let store = Store::open_as(opening).await.expect("a database");
        store.close().await.expect("to close");
        std::fs::remove_file(self.folder.path().join("vekha.db-witness")).expect("a witness");
        let beside = Database::connect(&url).await.expect("a connection");
        for statement in [
            "DELETE FROM seaql_migrations WHERE version > 'm0003'",
            "DROP TABLE deployment",
            "DROP TABLE file",
            "DROP INDEX submission_by_run",
        ] {
            beside.execute_unprepared(statement).await.expect(statement);
        }
        beside.close().await.expect("to close");
    }

    /// Starts it.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(&self) -> Child {
        let mut command = self.command(binary().into());
        self.configured(&mut command).spawn().expect("the daemon starts")
    }

    /// Starts it so that a limit on the size of its files is an error of the write and does not end it.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_starvable(&self) -> Child {
        let mut command = self.command("sh".into());
        command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(binary());
        self.configured(&mut command).spawn().expect("the daemon starts")
    }

    fn command(&self, program: PathBuf) -> Command {
        let mut command = Command::new(program);
        let said = OpenOptions::new().create(true).append(true).open(self.said());
        let said = said.expect("a file for what it says");
        command.env_clear().env("VEKHA_LOG", "error").stdin(Stdio::null()).stderr(said);
        command.kill_on_drop(true);
        command
    }

    /// Where it is kept what all its lives have said of errors.
    fn said(&self) -> PathBuf {
        self.folder.path().join("said")
    }

    fn configured<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command.arg("--config").arg(self.folder.path().join("vekha.toml"))
    }

    /// Waits until it serves.
    ///
    /// # Panics
    /// When it does not.
    pub async fn serves(&self) {
        let begun = Instant::now();
        while tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
            if begun.elapsed() >= PATIENCE {
                let said = std::fs::read_to_string(self.said()).unwrap_or_default();
                panic!("the daemon does not serve; it has said: {said}");
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

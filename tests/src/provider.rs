//! An organisation's provider: `oidc-provider`, in a process of its own on loopback, which tests tell whom
//! it knows and how its tokens go wrong.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::javascript;

/// By what the provider knows the daemon.
pub const SECRET: &str = "a secret of the daemon and its provider";

/// The provider; it ends when it is dropped.
pub struct Provider {
    /// Its address.
    pub issuer: String,
    home: String,
    process: Child,
}

impl Provider {
    /// One that sends browsers back to a daemon at this address.
    ///
    /// # Panics
    /// When it does not start: `tests/run` installs Node.js.
    pub async fn start(home: &str) -> Self {
        Provider::start_on(home, 0).await
    }

    async fn start_on(home: &str, port: u16) -> Self {
        // Where no daemon runs in this process, nobody has.
        rustls::crypto::ring::default_provider().install_default().ok();
        let mut process = Command::new("node")
            .arg(javascript::provider())
            .env("HOME_URL", home)
            .env("CLIENT_SECRET", SECRET)
            .env("PORT", port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("node: tests/run installs it");
        let mut lines = BufReader::new(process.stdout.take().expect("its output")).lines();
        let mut issuer = None;
        while let Some(line) = lines.next_line().await.expect("its output") {
            if line.starts_with("http://") {
                issuer = Some(line);
                break;
            }
        }
        let issuer = issuer.expect("the provider starts");
        // What it says later nobody wants, but it must not wait for a reader.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Provider { issuer, home: home.to_owned(), process }
    }

    /// Tells it who there is: ids with what is said of each.
    ///
    /// # Panics
    /// When it has gone.
    pub async fn knows(&self, people: Value) {
        self.control(json!({ "people": people })).await;
    }

    /// Tells it how tokens go wrong from now on; not at all if that is empty.
    ///
    /// # Panics
    /// When it has gone.
    pub async fn twists(&self, twist: &str) {
        self.control(json!({ "twist": twist })).await;
    }

    /// How often it was asked for a token.
    ///
    /// # Panics
    /// When it has gone.
    pub async fn exchanged(&self) -> u64 {
        self.control(json!({})).await["exchanged"].as_u64().expect("a number")
    }

    /// How often it was asked what it is.
    ///
    /// # Panics
    /// When it has gone.
    pub async fn described(&self) -> u64 {
        self.control(json!({})).await["described"].as_u64().expect("a number")
    }

    async fn control(&self, said: Value) -> Value {
        let address = format!("{}/-/control", self.issuer);
        let answer = reqwest::Client::new().post(address).json(&said).send().await;
        answer.expect("the provider").json().await.expect("its answer")
    }

    /// It is away.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn stop(&mut self) {
        self.process.kill().await.expect("to end it");
    }

    /// It is there again, at the same address, and remembers nobody.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn restart(&mut self) {
        let port = self.issuer.rsplit(':').next().and_then(|port| port.parse().ok());
        *self = Provider::start_on(&self.home, port.expect("a port")).await;
    }
}

//! A real browser, driven over WebDriver: Chromium without a window.

use std::io::{Read as _, Write as _};
use std::process::Stdio;
use std::time::{Duration, Instant};

use fantoccini::{Client, ClientBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::process::free_port;

/// How long the driver may take to start.
const PATIENCE: Duration = Duration::from_secs(30);

/// Which colours a reader prefers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

/// A browser; it ends with its driver when it is dropped, also by a test that fails.
pub struct Browser {
    /// What drives it.
    pub client: Client,
    /// Where commands go that only this browser knows.
    commands: String,
    /// The driver's port, and the session that it would leave running when it is killed.
    session: (u16, String),
    _driver: Child,
    _profile: TempDir,
}

impl Drop for Browser {
    fn drop(&mut self) {
        let (port, session) = &self.session;
        // Nobody can be waited for here but by the plainest means; a session that was closed is none.
        if let Ok(mut driver) = std::net::TcpStream::connect(("127.0.0.1", *port)) {
            driver.set_read_timeout(Some(Duration::from_secs(5))).ok();
            let text = format!("DELETE /session/{session} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
            driver.write_all(text.as_bytes()).ok();
            driver.read_exact(&mut [0]).ok();
        }
    }
}

impl Browser {
    /// Starts a browser whose window has this size, in CSS pixels.
    ///
    /// # Panics
    /// When there is no Chromium with its driver: `tests/run` installs them.
    pub async fn start(width: u32, height: u32) -> Self {
        let port = free_port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("chromedriver: tests/run installs it");
        let profile = TempDir::new().expect("a folder");
        // Nothing but our own pages is to be asked for.
        let arguments = [
            "--headless=new".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-quic".to_owned(),
            "--no-first-run".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--disable-sync".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--hide-scrollbars".to_owned(),
            format!("--user-data-dir={}", profile.path().display()),
        ];
        let options = json!({ "args": arguments });
        let mut capabilities = serde_json::Map::new();
        capabilities.insert("goog:chromeOptions".into(), options);
        let begun = Instant::now();
        let client = loop {
            let mut builder =
                ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new());
            builder.capabilities(capabilities.clone());
            match builder.connect(&format!("http://127.0.0.1:{port}")).await {
                Ok(client) => break client,
                Err(e) => assert!(begun.elapsed() < PATIENCE, "no browser: {e}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        let session = client.session_id().await.expect("a session").expect("its id");
        let commands = format!("http://127.0.0.1:{port}/session/{session}/goog/cdp/execute");
        let session = (port, session);
        let browser = Browser { client, commands, session, _driver: driver, _profile: profile };
        browser.resize(width, height).await;
        browser
    }

    /// Gives the window another size. It is emulated, since windows cannot be as narrow as phones.
    ///
    /// # Panics
    /// When the browser has gone.
    pub async fn resize(&self, width: u32, height: u32) {
        let size =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.command("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Shows pages to somebody who prefers these colours.
    ///
    /// # Panics
    /// When the browser has gone.
    pub async fn prefer(&self, scheme: Scheme) {
        let value = match scheme {
            Scheme::Light => "light",
            Scheme::Dark => "dark",
        };
        let feature = json!({ "name": "prefers-color-scheme", "value": value });
        self.command("Emulation.setEmulatedMedia", json!({ "features": [feature] })).await;
    }

    /// Takes a script into every page that is opened from now on, before the page's own.
    ///
    /// # Panics
    /// When the browser has gone.
    pub async fn take_in(&self, script: &str) {
        let source = json!({ "source": script });
        self.command("Page.addScriptToEvaluateOnNewDocument", source).await;
    }

    /// Gives the browser a device that holds passkeys, and whose person is there and always seen by it.
    ///
    /// # Panics
    /// When the browser has gone.
    pub async fn hold_passkeys(&self) {
        self.command("WebAuthn.enable", json!({})).await;
        let device = json!({
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": true,
            "hasUserVerification": true,
            "isUserVerified": true,
            "automaticPresenceSimulation": true,
        });
        self.command("WebAuthn.addVirtualAuthenticator", json!({ "options": device })).await;
    }

    /// Has the browser do what WebDriver has no words for.
    async fn command(&self, name: &str, parameters: Value) {
        let sent = reqwest::Client::new()
            .post(&self.commands)
            .json(&json!({ "cmd": name, "params": parameters }))
            .send()
            .await;
        sent.and_then(reqwest::Response::error_for_status).expect(name);
    }

    /// The page's text.
    ///
    /// # Panics
    /// When the browser has gone.
    pub async fn text(&self) -> String {
        let body = self.client.find(fantoccini::Locator::Css("body")).await.expect("a page");
        body.text().await.expect("its text")
    }

    /// Types into the field of this name, in place of what stands there.
    ///
    /// # Panics
    /// When there is no such field.
    pub async fn fill(&self, name: &str, text: &str) {
        let css = format!("[name=\"{name}\"]");
        let field = self.client.find(fantoccini::Locator::Css(&css)).await;
        let field = field.unwrap_or_else(|e| panic!("{name}: {e}"));
        if field.tag_name().await.expect("a field has a tag") == "select" {
            let chosen = field.select_by_value(text).await;
            return chosen.unwrap_or_else(|e| panic!("{name} has no {text}: {e}"));
        }
        field.clear().await.expect("a field that can be cleared");
        field.send_keys(text).await.expect("a field that takes keys");
    }

    /// Sets what the field of this selector holds, as a date picker does.
    ///
    /// # Panics
    /// When there is no such field.
    pub async fn set(&self, css: &str, value: &str) {
        let script = "const field = document.querySelector(arguments[0]);
            field.value = arguments[1];
            field.dispatchEvent(new Event('input', { bubbles: true }));";
        let arguments = vec![json!(css), json!(value)];
        self.client.execute(script, arguments).await.unwrap_or_else(|e| panic!("{css}: {e}"));
    }

    /// What the field of this name holds.
    ///
    /// # Panics
    /// When there is no such field.
    pub async fn value(&self, name: &str) -> String {
        let css = format!("[name=\"{name}\"]");
        let field = self.client.find(fantoccini::Locator::Css(&css)).await;
        let value = field.unwrap_or_else(|e| panic!("{name}: {e}")).prop("value").await;
        value.expect("a page").unwrap_or_default()
    }

    /// Presses what this selector finds.
    ///
    /// # Panics
    /// When there is nothing to press.
    pub async fn press(&self, css: &str) {
        let button = self.client.find(fantoccini::Locator::Css(css)).await;
        button.unwrap_or_else(|e| panic!("{css}: {e}")).click().await.expect("to press it");
    }

    /// Opens a page.
    ///
    /// # Panics
    /// When it does not open in time.
    pub async fn open(&self, url: &str) {
        match tokio::time::timeout(PATIENCE, self.client.goto(url)).await {
            Ok(opened) => opened.expect("to open a page"),
            Err(_) => panic!("{url} does not open"),
        }
    }

    /// Goes back to the page before.
    ///
    /// # Panics
    /// When it does not open in time.
    pub async fn back(&self) {
        match tokio::time::timeout(PATIENCE, self.client.back()).await {
            Ok(opened) => opened.expect("to go back"),
            Err(_) => panic!("the page before does not open"),
        }
    }

    /// Waits until the page has what this selector finds.
    ///
    /// # Panics
    /// When it does not come in time.
    pub async fn wait_for(&self, css: &str) {
        let wait = self.client.wait().at_most(PATIENCE);
        if let Err(e) = wait.for_element(fantoccini::Locator::Css(css)).await {
            panic!("{css}: {e}\n{}", self.text().await);
        }
    }

    /// What stands out of the window to the right and cannot be scrolled in a box of its own; empty if
    /// nothing does.
    ///
    /// # Panics
    /// When the browser does not answer.
    pub async fn overflowing(&self) -> String {
        let script = "
            const wide = document.documentElement.scrollWidth - window.innerWidth;
            if (wide <= 0) return '';
            const out = [...document.querySelectorAll('body *')].filter((e) =>
                e.getBoundingClientRect().right > window.innerWidth && !e.closest('.scroll'));
            return `by ${wide} of ${window.innerWidth}: ` + out.map((e) =>
                e.tagName + '.' + e.className + ' ' + e.textContent.slice(0, 30)).join('; ');";
        let found = self.client.execute(script, vec![]).await.expect("the browser answers");
        found.as_str().unwrap_or_default().to_owned()
    }

    /// Ends the session.
    ///
    /// # Panics
    /// When the browser has gone.
    pub async fn close(self) {
        self.client.clone().close().await.expect("to close");
    }
}

//! What every plugin answers, whatever it can do: what it is, whether its configuration is right,
//! whether it can work just now.

use std::fmt;

use async_trait::async_trait;
use serde::Serialize;

/// A configured integration.
#[async_trait]
pub trait Plugin: Send + Sync {
    /// What the plugin is and which settings it has. Cheap and always the same.
    fn describe(&self) -> Description;

    /// Checks what the configuration refers to: files that must be readable, folders that must be
    /// writable. It does not ask the network; [`Plugin::health`] does.
    ///
    /// # Errors
    ///
    /// Every problem at once, in Russian, each with the key that it concerns.
    async fn check(&self) -> Result<(), Vec<Problem>>;

    /// Whether the plugin can work just now. May talk to the other side, within the plugin's own
    /// timeout; it changes nothing there.
    async fn health(&self) -> Health;
}

/// What a plugin is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Description {
    /// Latin name: `mail`. It is also the name of its table in the configuration.
    pub name: String,
    /// Its own version: `1.4.0`.
    pub version: String,
    /// What it does, in one Russian sentence.
    pub summary: String,
    /// What it can do; at least one.
    pub capabilities: Vec<Capability>,
    /// The keys of its configuration, in the order in which an administrator meets them.
    pub settings: Vec<Setting>,
}

/// What a plugin can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Capability {
    /// Delivers messages: [`Notifier`](crate::Notifier).
    Notifier,
    /// Puts documents where people find them: [`Publisher`](crate::Publisher).
    Publisher,
    /// Fetches records for a dataset: [`Source`](crate::Source).
    Source,
    /// Is told what happens: [`Listener`](crate::Listener).
    Listener,
    /// Computes indicators and finds by them: [`Analyzer`](crate::Analyzer).
    Analyzer,
}

/// One key of a plugin's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// The key, with the keys of the tables above it: `dkim.key-file`.
    pub name: String,
    /// What its value may be.
    pub kind: SettingKind,
    /// Whether the plugin cannot do without it.
    pub required: bool,
    /// What it is for, in Russian, with its unit and default.
    pub help: String,
}

impl Setting {
    /// A setting that must be given.
    pub fn required(name: &str, kind: SettingKind, help: &str) -> Self {
        Setting { name: name.to_owned(), kind, required: true, help: help.to_owned() }
    }

    /// A setting with a default, or one that only some configurations need.
    pub fn optional(name: &str, kind: SettingKind, help: &str) -> Self {
        Setting { required: false, ..Setting::required(name, kind, help) }
    }
}

/// What the value of a setting may be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SettingKind {
    /// Any text.
    Text,
    /// Text that is never shown again.
    Secret,
    /// A whole number.
    Integer,
    /// Yes or no.
    Flag,
    /// An e-mail address with a name: `{ name = "...", email = "..." }`.
    Address,
    /// Path of a file or a folder.
    Path,
    /// Names with a text for each.
    Table,
    /// One of these words.
    Choice(Vec<String>),
}

/// A mistake in a plugin's configuration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// The key that is wrong: `dkim.key-file`.
    pub field: String,
    /// What is wrong and what to do, in Russian.
    pub message: String,
}

impl Problem {
    /// A mistake in `field`.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Problem { field: field.into(), message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// Whether a plugin can work just now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum Health {
    /// It can.
    Healthy,
    /// It cannot: the server that it talks to is away, for one.
    Unhealthy {
        /// Why, in Russian.
        reason: String,
    },
}

impl Health {
    /// Not healthy, for this reason.
    pub fn unhealthy(reason: impl Into<String>) -> Self {
        Health::Unhealthy { reason: reason.into() }
    }

    /// Whether the plugin can work.
    pub fn is_healthy(&self) -> bool {
        matches!(self, Health::Healthy)
    }
}

//! Other systems are told of the journal's entries: at least once, one after the other in the order of
//! the cursor, each listener at its own pace. The journal is the queue: a listener's row says how far it
//! has been told, and what it did not take for days stands in a list of its own.
//!
//! `telling` goes on for all of them at a time; `stint` tells one for a moment; `event` is what is told;
//! `webhook` and [`Receiver`] are how; `pace` is when again; `standing` is what keeps one from being told.

pub(crate) mod event;
mod pace;
pub mod standing;
mod stint;
mod telling;
pub(crate) mod webhook;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::Deserialize;
use vekha_plugin::{ListenError, Listener, Problem, Problems};
use vekha_plugin_http::Poster;

use event::Told;
use standing::Standing;
use webhook::Webhook;

/// `[webhooks]`: how other systems are told by HTTP.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct WebhookSettings {
    /// Whether they may be in our own network.
    pub allow_private: bool,
    /// How long an answer may take, 1 to 60 seconds; 10 by default.
    pub timeout_seconds: Option<u64>,
    /// For how many hours an entry is tried before it is given up, 1 to 720; 72 by default.
    pub give_up_hours: Option<u64>,
}

impl WebhookSettings {
    /// All that is wrong.
    pub fn wrong(&self) -> Vec<Problem> {
        let mut problems = Problems::default();
        problems.within("timeout-seconds", self.timeout_seconds.unwrap_or(10), 1, 60, "секунд");
        problems.within("give-up-hours", self.give_up_hours.unwrap_or(72), 1, 720, "часов");
        problems.unless_any(Some(())).err().unwrap_or_default()
    }
}

/// By what listeners are told, and what is known of them.
#[derive(Debug)]
pub struct Listeners {
    poster: Poster,
    allow_private: bool,
    give_up: Duration,
    plugins: Plugins,
    known: Mutex<Vec<Standing>>,
}

/// Listeners that are told through plugins, by their names.
#[derive(Default)]
pub struct Plugins(pub BTreeMap<String, Arc<dyn Listener>>);

impl std::fmt::Debug for Plugins {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Listeners {
    /// Opens no connection yet.
    ///
    /// # Errors
    /// TLS cannot be prepared.
    pub fn new(settings: &WebhookSettings, plugins: Plugins) -> Result<Self, String> {
        let timeout = Duration::from_secs(settings.timeout_seconds.unwrap_or(10));
        Ok(Listeners {
            poster: Poster::new(settings.allow_private, timeout)?,
            allow_private: settings.allow_private,
            give_up: Duration::from_secs(settings.give_up_hours.unwrap_or(72) * 3600),
            plugins,
            known: Mutex::default(),
        })
    }

    /// Judges where a webhook's requests are to go.
    pub(crate) fn poster(&self) -> &Poster {
        &self.poster
    }

    /// Whether they may go into our own network.
    pub(crate) fn allows_private(&self) -> bool {
        self.allow_private
    }

    /// Whether the settings name a listener.
    pub(crate) fn is_named(&self, id: &str) -> bool {
        self.plugins.0.contains_key(id)
    }
}

/// Why an entry was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Nothing is taken at present; how long the other side asks to wait.
    Away(String, Option<Duration>),
    /// This entry is refused.
    Refused(String),
    /// The other side wants no more.
    Gone(String),
}

/// How a listener is told.
pub(super) enum Receiver<'a> {
    /// By requests.
    Webhook(Webhook<'a>),
    /// By a plugin.
    Plugin(&'a Arc<dyn Listener>),
}

impl Receiver<'_> {
    /// Tells some entries in their order; `taken` counts those that were taken, also if this is dropped
    /// under way. Returns once all are taken, or the time is over.
    ///
    /// # Errors
    /// Why the next one was not taken.
    pub async fn tell(
        &self,
        entries: &[Told],
        is_over: impl Fn() -> bool,
        taken: &mut usize,
    ) -> Result<(), Failure> {
        while *taken < entries.len() && !is_over() {
            match self {
                Receiver::Webhook(webhook) => {
                    webhook.post(&entries[*taken]).await?;
                    *taken += 1;
                }
                Receiver::Plugin(plugin) => {
                    let events: Vec<_> = entries[*taken..].iter().map(Told::event).collect();
                    *taken += plugin.hear(&events).await.map_err(|error| match error {
                        ListenError::Refused(why) => Failure::Refused(why),
                        ListenError::Failed(why) => Failure::Away(why, None),
                    })?;
                }
            }
        }
        Ok(())
    }
}

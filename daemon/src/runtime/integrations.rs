//! By whom the daemon reaches people and other systems, and how each of them is, as whoever looks after
//! the daemon sees it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use vekha_plugin::{Analyzer, Description, Health, Notifier, Plugin, Problem, Publisher, Source};
use vekha_plugin_host::{Hosted, Phase, Standing};

use super::Runtime;
use super::letters::ways::Ways;
use super::listeners::Listeners;

/// Who acts for the daemon outside of it, in its own process or in others.
pub struct Integrations {
    /// Who delivers letters.
    pub notifier: Arc<dyn Notifier>,
    /// Who delivers some of them instead.
    pub ways: Ways,
    /// Who publishes reports.
    pub publisher: Arc<dyn Publisher>,
    /// Systems that know answers, by the id under which road maps name them.
    pub sources: BTreeMap<String, Arc<dyn Source>>,
    /// By what other systems are told what happens.
    pub listeners: Listeners,
    /// Who gives figures that road maps have no formulas for, by the id under which they name them.
    pub analyzers: BTreeMap<String, Arc<dyn Analyzer>>,
    /// All of them, by the sections of the settings that make them.
    pub all: Vec<Integrated>,
}

impl Integrations {
    /// One who delivers all letters, one who publishes, and those who are told.
    pub fn new(
        notifier: Arc<dyn Notifier>,
        publisher: Arc<dyn Publisher>,
        listeners: Listeners,
    ) -> Self {
        Integrations {
            notifier,
            ways: Ways::default(),
            publisher,
            sources: BTreeMap::new(),
            listeners,
            analyzers: BTreeMap::new(),
            all: Vec::new(),
        }
    }
}

/// One of them: a plugin in the daemon's process or in a process of its own.
#[derive(Clone)]
pub struct Integrated {
    /// The section of the settings that makes it: `plugin.messenger`, `mail`, `source.register`.
    pub section: String,
    /// The sections that name it; its own for one in the daemon's process.
    pub used_by: Vec<String>,
    /// Where it works.
    pub works: Works,
}

/// Where a plugin works.
#[derive(Clone)]
pub enum Works {
    /// In the daemon's process.
    Here(Arc<dyn Plugin>),
    /// In a process of its own.
    Apart(Arc<Hosted>),
}

/// How an integration is, without asking it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// What it is; none as long as it does not run.
    pub description: Option<Description>,
    /// How its process stands; none for one in the daemon's.
    pub standing: Option<Standing>,
    /// The program that is run; empty for one in the daemon's process.
    pub program: String,
    /// What is wrong with it, and since when.
    pub trouble: Option<(String, Timestamp)>,
    /// When it is started again.
    pub restarts_at: Option<Timestamp>,
}

/// What came of asking one.
#[derive(Debug, Clone)]
pub struct Tried {
    /// What is wrong with its settings.
    pub problems: Vec<Problem>,
    /// Whether it can work.
    pub health: Health,
    /// How long it took to answer.
    pub took: Duration,
}

impl std::fmt::Debug for Integrated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Integrated").field("section", &self.section).finish_non_exhaustive()
    }
}

/// Asks a plugin in a process of its own how it is.
pub async fn tried(plugin: &Hosted) -> Health {
    match plugin.why_down() {
        Some(why) => Health::unhealthy(format!("Не запущен: {why}")),
        None => plugin.ask_health().await,
    }
}

impl Integrated {
    /// Asks it just now.
    pub async fn ask(&self) -> Tried {
        let begun = Instant::now();
        let (problems, health) = match &self.works {
            Works::Here(plugin) => (plugin.check().await.err(), plugin.health().await),
            Works::Apart(plugin) => (plugin.check().await.err(), tried(plugin).await),
        };
        Tried { problems: problems.unwrap_or_default(), health, took: begun.elapsed() }
    }
}

impl Runtime {
    /// What the daemon works with, by section.
    pub fn integrated(&self) -> &[Integrated] {
        &self.integrations.all
    }

    /// How an integration is, as far as is known without asking it.
    pub fn seen(&self, one: &Integrated) -> Seen {
        let now = self.clock.now();
        match &one.works {
            Works::Here(plugin) => Seen {
                description: Some(plugin.describe()),
                standing: None,
                program: String::new(),
                // Of letters it is known whether they leave.
                trouble: (one.section == "mail")
                    .then(|| self.mail_is_away())
                    .flatten()
                    .map(|away| (away.reason, away.since)),
                restarts_at: None,
            },
            Works::Apart(plugin) => {
                let standing = plugin.standing();
                let trouble = plugin.trouble().map(|trouble| {
                    let since = now.saturating_sub(self.clock.span(trouble.lasts)).unwrap_or(now);
                    (trouble.words, since)
                });
                let restarts_at = match standing.phase {
                    Phase::Down(wait) => now.saturating_add(self.clock.span(wait)).ok(),
                    _ => None,
                };
                Seen {
                    description: plugin.description(),
                    standing: Some(standing),
                    program: plugin.program().to_owned(),
                    trouble,
                    restarts_at,
                }
            }
        }
    }
}

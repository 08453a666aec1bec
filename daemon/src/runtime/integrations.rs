//! By whom the daemon reaches people and other systems.

use std::collections::BTreeMap;
use std::sync::Arc;

use vekha_plugin::{Analyzer, Notifier, Publisher, Source};

use super::integrated::Integrated;
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

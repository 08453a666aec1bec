//! Whether the database is well: looked at every few seconds, so that health tells the truth, requests
//! do not wait for an answer that does not come, and recovery is noticed without anybody asking.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use crate::runtime::Runtime;
use crate::store::pulse::Ill;

/// How often the database is looked at.
const PERIOD: Duration = Duration::from_secs(2);

/// The database is ill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Illness {
    /// Since when.
    pub since: Timestamp,
    /// What is wrong.
    pub ill: Ill,
}

/// What is wrong with the database at the moment.
pub type Wellbeing = Option<Illness>;

impl Runtime {
    /// What is wrong with the database; whoever watches it sees it come and go.
    pub fn wellbeing(&self) -> watch::Receiver<Wellbeing> {
        self.wellbeing.subscribe()
    }

    /// Looks after the database's pulse until the daemon is to end.
    pub(crate) async fn watch_over_store(&self) {
        let mut ending = self.ending();
        let mut failures = self.store.failures();
        while tokio::time::timeout(PERIOD, ending.wait_for(|ending| *ending)).await.is_err() {
            let newest = self.store.failures();
            self.feel_pulse(newest != failures).await;
            if self.wellbeing.borrow().is_none() {
                failures = newest;
            }
        }
    }

    /// Asks the database whether it is well, and whether it takes what is written if that is suspected
    /// not to be so. Takes no longer than some seconds.
    pub async fn feel_pulse(&self, suspected: bool) {
        let before = self.wellbeing.borrow().clone();
        let now = self.clock.now();
        let ill = self.store.feel_pulse(suspected || before.is_some(), now).await;
        self.learn_pulse(before, ill, now);
    }

    fn learn_pulse(&self, before: Wellbeing, ill: Option<Ill>, now: Timestamp) {
        match (&before, &ill) {
            (None, Some(ill)) => tracing::error!("the database is ill: {}", ill.reason),
            (Some(_), None) => tracing::info!("the database is well again"),
            _ => {}
        }
        let since = before.as_ref().map_or(now, |before| before.since);
        let after = ill.map(|ill| Illness { since, ill });
        if after != before {
            self.wellbeing.send_replace(after);
        }
    }
}

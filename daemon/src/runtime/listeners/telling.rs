//! All listeners are told at the same time, each in a place of its own: one that hangs holds up nothing
//! but itself.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep_until};

use crate::runtime::Runtime;
use crate::runtime::under_way::UnderWay;
use crate::store::entities::listener::Model;
use crate::store::write::outbox::LEASE;
use crate::store::{StoreError, instant, micros};

/// How often claims are renewed: several times within their lease.
const HEARTBEAT: Duration = Duration::from_secs(1);

impl Runtime {
    /// Tells listeners until there is nothing that any of them could be told. Returns how many entries
    /// were taken.
    ///
    /// # Errors
    /// When the database fails; what is under way comes to its end before.
    pub(crate) async fn tell_listeners(&self) -> Result<usize, StoreError> {
        let (mut changed, mut ending) = (self.changes(), self.ending());
        let mut under_way = UnderWay::default();
        // Whom we are telling, and under which claim.
        let mut claims: BTreeMap<String, String> = BTreeMap::new();
        let mut heartbeat = Instant::now() + HEARTBEAT;
        let (mut idle, mut count, mut failure) = (false, 0, None);
        loop {
            let ends = *ending.borrow_and_update();
            if !ends && !idle && failure.is_none() {
                match under_way.beside(self.claim_due(&claims)).await {
                    Ok(rows) => {
                        idle = true;
                        for row in rows {
                            claims.insert(row.id.clone(), row.claim.clone().unwrap_or_default());
                            under_way.begin(self.stint(row));
                        }
                    }
                    Err(e) => failure = Some(e),
                }
            }
            if under_way.is_empty() {
                return failure.map_or(Ok(count), Err);
            }
            tokio::select! {
                ended = under_way.ended() => for one in ended {
                    claims.remove(&one.listener);
                    count += one.taken;
                    failure = failure.or(one.failed);
                    idle = false;
                },
                _ = changed.changed(), if !ends => idle = false,
                () = self.wake.notified(), if !ends => idle = false,
                () = sleep_until(heartbeat) => {
                    under_way.beside(self.renew_claims(&claims)).await;
                    heartbeat = Instant::now() + HEARTBEAT;
                    idle = false;
                }
                _ = ending.changed(), if !ends => {}
            }
        }
    }

    /// Claims those who may be told something now and whom we are not telling already.
    async fn claim_due(&self, claims: &BTreeMap<String, String>) -> Result<Vec<Model>, StoreError> {
        let rows = self.store.listeners().await?;
        if rows.is_empty() {
            self.integrations.listeners.learn(&[], &BTreeMap::new());
            return Ok(vec![]);
        }
        self.integrations.listeners.learn(&rows, &self.store.count_undelivered().await?);
        let newest = self.store.newest_entry().await?.map_or(0, |entry| entry.cursor);
        let wanted = self.store.wanted_by().await?;
        let now = self.clock.now();
        let mut claimed = Vec::new();
        for row in rows {
            let is_behind = row.cursor < newest || wanted.contains(&row.id);
            // Whoever is alone has nobody who could be telling.
            let is_free =
                !self.store.is_shared() || row.claim.is_none() || row.claimed_until <= micros(now);
            let is_ours = row.plugin.is_empty()
                || self.integrations.listeners.plugins.0.contains_key(&row.id);
            let is_due = !row.disabled && is_behind && row.next_attempt_at <= micros(now);
            if is_due && is_free && is_ours && !claims.contains_key(&row.id) {
                let lease = self.clock.span(LEASE);
                claimed.extend(self.store.claim_listener(&row.id, lease, now).await?);
            }
        }
        // It may have been put off between the look and the claim.
        claimed.retain(|row| row.next_attempt_at <= micros(now));
        Ok(claimed)
    }

    /// Says that those whom we are telling are still being told.
    async fn renew_claims(&self, claims: &BTreeMap<String, String>) {
        if !self.store.is_shared() || claims.is_empty() {
            return;
        }
        let claims: Vec<String> = claims.values().cloned().collect();
        let (lease, now) = (self.clock.span(LEASE), self.clock.now());
        if let Err(e) = self.store.renew_listeners(&claims, lease, now).await {
            tracing::warn!("claims of listeners could not be renewed: {e}");
        }
    }

    /// When a listener that failed is tried again.
    pub(crate) async fn next_telling(&self) -> Result<Option<Timestamp>, StoreError> {
        let rows = self.store.listeners().await?;
        let now = micros(self.clock.now());
        let waits = |row: &&Model| !row.disabled && row.next_attempt_at > now;
        Ok(rows.iter().filter(waits).map(|row| row.next_attempt_at).min().map(instant))
    }
}

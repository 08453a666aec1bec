//! Hands messages to the notifier, at least once and visibly: claimed before, settled after.
//!
//! A few are under way at the same time, each in a place of its own: one that hangs holds up nothing
//! but itself. What became of a message is known only here until it is settled; so that is tried until
//! it succeeds, whatever the database does, and nothing else happens to that message before. When the
//! daemon is to end, what is under way gets a moment; what is not done then is in doubt and is settled
//! so.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use crate::runtime::Runtime;
use crate::runtime::letters::parcels;
use crate::runtime::under_way::UnderWay;
use crate::store::StoreError;
use crate::store::entities::outbox::Model;
use crate::store::write::outbox::{Delivery, LEASE, Parcel};

/// Parcels under way at the same time: no more are claimed, so that a crash leaves few in doubt.
const AT_ONCE: usize = 4;

/// Messages that are looked at to choose from; they are sent before the next look.
const CHOICE: u64 = 1000;

/// How often claims are renewed: several times within their lease.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// How long deliveries under way may take once the daemon is to end.
const GRACE: Duration = Duration::from_secs(3);

/// How long the database is given at first before a settlement is tried again, and at most.
const WAITS: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(2)];

/// What has been chosen and what is being sent.
#[derive(Default)]
struct Sending {
    /// Chosen and not claimed yet, the longest due first.
    ready: VecDeque<Parcel>,
    /// Nothing more was due at the last look.
    idle: bool,
    /// Messages under way, by key.
    rows: BTreeMap<String, Model>,
}

impl Runtime {
    /// Sends messages until none is due and none is under way. Returns how many there were.
    ///
    /// # Errors
    /// When the database fails; what is under way is settled before.
    pub(crate) async fn send(&self) -> Result<usize, StoreError> {
        let mut sending = Sending::default();
        let mut under_way = UnderWay::default();
        let (mut changed, mut ending) = (self.changes(), self.ending());
        let mut heartbeat = Instant::now() + HEARTBEAT;
        let mut count = 0;
        let mut failure = None;
        let mut last_moment: Option<Instant> = None;
        loop {
            let ends = *ending.borrow_and_update();
            if ends {
                last_moment.get_or_insert_with(|| Instant::now() + GRACE);
            }
            if !ends && failure.is_none() {
                let busy = under_way.places();
                match under_way.beside(self.fill(&mut sending, busy)).await {
                    Ok(parcels) => {
                        for rows in parcels {
                            under_way.begin(self.deliver(rows));
                        }
                    }
                    Err(e) => failure = Some(e),
                }
            }
            if under_way.is_empty() {
                return failure.map_or(Ok(count), Err);
            }
            tokio::select! {
                results = under_way.ended() => {
                    count += results.len();
                    under_way.beside(self.settle_surely(&results)).await;
                    for (row, _) in &results {
                        sending.rows.remove(&row.key);
                    }
                }
                _ = changed.changed(), if !ends => sending.idle = false,
                () = self.wake.notified(), if !ends => sending.idle = false,
                () = sleep_until(heartbeat) => {
                    under_way.beside(self.renew(&sending)).await;
                    heartbeat = Instant::now() + HEARTBEAT;
                    sending.idle = false;
                }
                _ = ending.changed(), if !ends => {}
                () = sleep_until(last_moment.unwrap_or(heartbeat)), if ends => {
                    let (at, error) = (self.clock.now(), "доставка прервана остановкой демона");
                    let doubt =
                        Delivery::Retry { at, uncertain: true, error: error.to_owned() };
                    let rows = std::mem::take(&mut sending.rows).into_values();
                    let left: Vec<_> = rows.map(|row| (row, doubt.clone())).collect();
                    tracing::warn!(letters = left.len(), "left in doubt: the daemon ends");
                    self.settle_surely(&left).await;
                    return Ok(count);
                }
            }
        }
    }

    /// Claims parcels for the places that are free.
    async fn fill(
        &self,
        sending: &mut Sending,
        busy: usize,
    ) -> Result<Vec<Vec<Model>>, StoreError> {
        let now = self.clock.now();
        let away = self.outage.now();
        let by_mail =
            |row: &Model| self.integrations.ways.of(&row.kind, &row.organisation).is_none();
        // One letter sees whether the mail server is back; others leave by what is named for them.
        let mut probes = away.as_ref().is_some_and(|away| away.again <= now)
            && !sending.rows.values().any(by_mail);
        let free = AT_ONCE.saturating_sub(busy);
        if away.is_some() {
            sending.ready.clear();
            if !probes && self.integrations.ways.0.is_empty() {
                return Ok(vec![]);
            }
        }
        if free == 0 {
            return Ok(vec![]);
        }
        if sending.ready.is_empty() && !sending.idle {
            let due = self.store.due_messages(now, CHOICE).await?;
            let due = due.into_iter().filter(|due| !sending.rows.contains_key(&due.key));
            let due: Vec<_> = due.collect();
            let mailed: BTreeSet<String> = match away {
                Some(_) => due
                    .iter()
                    .filter(|due| self.integrations.ways.of_due(due).is_none())
                    .map(|due| due.key.clone())
                    .collect(),
                None => BTreeSet::new(),
            };
            let mut ready = parcels::choose(due, now, usize::MAX, &self.integrations.ways);
            ready.retain(|parcel| {
                let leaves = !parcel.keys.iter().any(|key| mailed.contains(key));
                leaves || std::mem::take(&mut probes)
            });
            sending.ready = ready.into();
            sending.idle = sending.ready.is_empty();
        }
        let chosen: Vec<Parcel> = sending.ready.drain(..free.min(sending.ready.len())).collect();
        let mut claimed = self.store.claim(&chosen, self.clock.span(LEASE), now).await?;
        claimed.retain(|rows| !rows.is_empty());
        if !claimed.is_empty() {
            self.keep_up().await?;
        }
        for row in claimed.iter().flatten() {
            sending.rows.insert(row.key.clone(), row.clone());
        }
        Ok(claimed)
    }

    /// Says that what is under way is still being sent.
    async fn renew(&self, sending: &Sending) {
        if !self.store.is_shared() {
            return;
        }
        let claimed: Vec<_> =
            sending.rows.values().map(|row| (row.key.clone(), row.claim.clone())).collect();
        let renewed = self.store.renew(&claimed, self.clock.span(LEASE), self.clock.now()).await;
        if let Err(e) = renewed {
            tracing::warn!("claims of letters could not be renewed: {e}");
        }
    }

    /// Settles what is known, however often that has to be tried.
    async fn settle_surely(&self, results: &[(Model, Delivery)]) {
        let [mut wait, longest] = WAITS;
        let mut ending = self.ending();
        let mut told = false;
        loop {
            match self.store.settle_messages(results, self.clock.now()).await {
                Ok(lost) => {
                    if !lost.is_empty() {
                        tracing::warn!(?lost, "another daemon has taken these letters over");
                    }
                    break;
                }
                Err(e) if !told => {
                    told = true;
                    let letters = results.len();
                    tracing::error!(letters, "sent, and not settled yet; tried again: {e}");
                }
                Err(_) => {}
            }
            if *ending.borrow_and_update() {
                let keys: Vec<&str> = results.iter().map(|(row, _)| row.key.as_str()).collect();
                // One more try within the grace.
                let last = async {
                    while self.store.settle_messages(results, self.clock.now()).await.is_err() {
                        sleep(WAITS[0]).await;
                    }
                };
                if tokio::time::timeout(GRACE, last).await.is_err() {
                    tracing::error!(?keys, "the daemon ends before their results were written");
                }
                break;
            }
            tokio::select! {
                () = sleep(wait) => wait = (wait * 2).min(longest),
                _ = ending.changed() => {}
            }
        }
        for (row, delivery) in results {
            if let Delivery::Failed { error } = delivery {
                tracing::warn!(message = row.key, "refused for good: {error}");
            }
        }
    }
}

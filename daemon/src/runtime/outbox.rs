//! Hands messages to the notifier, at least once and visibly: claimed before, settled after.

use futures::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use vekha_engine::{Command, LetterKind, RunKey};
use vekha_plugin::{DeliveryError, DeliveryErrorKind};

use super::committer::{Ask, Task};
use super::{Error, Runtime, departure, digest, letters, parcels};
use crate::store;
use crate::store::entities::outbox;
use crate::store::outbox::Delivery;

/// Parcels under way at the same time: no more are claimed, so that a crash leaves few in doubt.
const AT_ONCE: usize = 4;

/// How long to wait after the n-th failed try; after the last one the message has failed.
const BACKOFF: [SignedDuration; 7] = [
    SignedDuration::from_mins(1),
    SignedDuration::from_mins(5),
    SignedDuration::from_mins(15),
    SignedDuration::from_hours(1),
    SignedDuration::from_hours(4),
    SignedDuration::from_hours(12),
    SignedDuration::from_hours(24),
];

/// Messages that are looked at to choose from.
const CHOICE: u64 = 1000;

impl Runtime {
    /// Sends messages that are due, a handful at a time. Returns how many there were.
    ///
    /// # Errors
    /// When the database fails; what was claimed is tried again after its lease.
    pub(super) async fn send(&self, now: Timestamp) -> Result<usize, Error> {
        let due = self.store.due_messages(now, CHOICE).await?;
        if due.is_empty() {
            return Ok(0);
        }
        let parcels = parcels::choose(due, now, AT_ONCE);
        let claimed = self.store.claim(&parcels, now).await?;
        let count = claimed.iter().map(Vec::len).sum();
        if count > 0 {
            self.keep_up().await?;
        }
        let deliveries = claimed.into_iter().filter(|rows| !rows.is_empty()).map(|rows| async {
            let results = self.deliver(&rows, now).await;
            (rows, results)
        });
        // Each is settled as soon as it is known; what comes together is settled together.
        let mut settled =
            futures::stream::iter(deliveries).buffer_unordered(AT_ONCE).ready_chunks(AT_ONCE);
        while let Some(chunk) = settled.next().await {
            let results: Vec<(String, Delivery)> =
                chunk.iter().flat_map(|(_, results)| results.clone()).collect();
            self.store.settle_messages(&results, self.clock.now()).await?;
            for (row, delivery) in chunk.into_iter().flat_map(|(rows, _)| rows).zip(results) {
                if let (_, Delivery::Failed { error }) = delivery {
                    tracing::warn!(message = row.key, "refused for good: {error}");
                    self.tell_of_refusal(row, error).await;
                }
            }
        }
        Ok(count)
    }

    /// Delivers a parcel. Returns what became of each of its messages, in their order.
    async fn deliver(&self, rows: &[outbox::Model], now: Timestamp) -> Vec<(String, Delivery)> {
        let mut results: Vec<Option<Delivery>> = Vec::with_capacity(rows.len());
        let mut letters = Vec::with_capacity(rows.len());
        for row in rows {
            let result = match store::outbox::letter(row) {
                Err(e) => Some(Delivery::Failed { error: e.to_string() }),
                Ok(letter) => match departure::judge(self, letter, rows, now).await {
                    Ok(None) => Some(Delivery::Obsolete),
                    Err(e) => Some(again(row, now, false, e.to_string())),
                    Ok(Some(letter)) => {
                        letters.push((row, letter));
                        None
                    }
                },
            };
            results.push(result);
        }
        let message = match letters.as_slice() {
            [] => None,
            [(row, letter)] => Some(letters::message(self, row, letter)),
            several => Some(digest::message(self, several)),
        };
        let sent = match message {
            None => Ok(()),
            Some(Err(e)) => Err(DeliveryError::permanent(e)),
            Some(Ok(message)) => self.notifier.deliver(&message).await.map(|_| ()),
        };
        let delivery = |row: &outbox::Model| match &sent {
            Ok(()) => Delivery::Sent,
            Err(e) => match e.kind {
                DeliveryErrorKind::Permanent => Delivery::Failed { error: e.message.clone() },
                DeliveryErrorKind::Transient => again(row, now, false, e.message.clone()),
                DeliveryErrorKind::Unknown => again(row, now, true, e.message.clone()),
            },
        };
        let all = rows.iter().zip(results);
        all.map(|(row, known)| (row.key.clone(), known.unwrap_or_else(|| delivery(row)))).collect()
    }

    /// The administrator learns of it, unless it is such a notice itself that failed.
    async fn tell_of_refusal(&self, row: outbox::Model, reason: String) {
        let run: Option<RunKey> = row.run.parse().ok();
        if let Some(run) = run.filter(|_| row.kind != LetterKind::Failure.as_str()) {
            let organisation = row.organisation.clone();
            let command = Command::LetterRefused { letter: row.key, organisation, reason };
            if let Err(e) = self.committer.ask(Task::new(run, Ask::Step(command), "vekha")).await {
                tracing::warn!("a refusal was not noted: {e}");
            }
        }
    }
}

fn again(row: &outbox::Model, now: Timestamp, uncertain: bool, error: String) -> Delivery {
    let tries = usize::try_from(row.attempts).unwrap_or(1).max(1);
    match BACKOFF.get(tries - 1) {
        Some(wait) => Delivery::Retry { at: now + *wait, uncertain, error },
        None => Delivery::Failed { error: format!("после {tries} попыток: {error}") },
    }
}

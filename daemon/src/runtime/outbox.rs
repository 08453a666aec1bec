//! Hands messages to the notifier, at least once and visibly: claimed before, settled after.

use futures::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use vekha_engine::{Command, Letter, LetterKind, RunKey};
use vekha_plugin::DeliveryErrorKind;

use super::committer::{Ask, Task};
use super::{Error, Runtime, letters};
use crate::store::document;
use crate::store::entities::outbox;
use crate::store::outbox::Delivery;

/// Messages under way at the same time: no more are claimed, so that a crash leaves few in doubt.
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

impl Runtime {
    /// Sends messages that are due, a handful at a time. Returns how many there were.
    ///
    /// # Errors
    /// When the database fails; what was claimed is tried again after its lease.
    pub(super) async fn send(&self, now: Timestamp) -> Result<usize, Error> {
        let claimed = self.store.claim_messages(now, AT_ONCE as u64).await?;
        let count = claimed.len();
        if count > 0 {
            self.keep_up().await?;
        }
        let deliveries = claimed.into_iter().map(|row| async move {
            let delivery = self.deliver(&row, now).await;
            (row, delivery)
        });
        // Each is settled as soon as it is known; what comes together is settled together.
        let mut settled =
            futures::stream::iter(deliveries).buffer_unordered(AT_ONCE).ready_chunks(AT_ONCE);
        while let Some(chunk) = settled.next().await {
            let results: Vec<(String, Delivery)> =
                chunk.iter().map(|(row, delivery)| (row.key.clone(), delivery.clone())).collect();
            self.store.settle_messages(&results, self.clock.now()).await?;
            for (row, delivery) in chunk {
                if let Delivery::Failed { error } = delivery {
                    tracing::warn!(message = row.key, "refused for good: {error}");
                    self.tell_of_refusal(row, error).await;
                }
            }
        }
        Ok(count)
    }

    async fn deliver(&self, row: &outbox::Model, now: Timestamp) -> Delivery {
        let failed = |error: String| Delivery::Failed { error };
        let letter: Letter = match document(&row.key, &row.body) {
            Ok(letter) => letter,
            Err(e) => return failed(e.to_string()),
        };
        match self.is_obsolete(&letter).await {
            Ok(true) => return Delivery::Obsolete,
            Ok(false) => {}
            Err(e) => return again(row, now, false, e.to_string()),
        }
        let message = match letters::message(self, row, &letter) {
            Ok(message) => message,
            Err(e) => return failed(e),
        };
        match self.notifier.deliver(&message).await {
            Ok(_) => Delivery::Sent,
            Err(e) => match e.kind {
                DeliveryErrorKind::Permanent => failed(e.message),
                DeliveryErrorKind::Transient => again(row, now, false, e.message),
                DeliveryErrorKind::Unknown => again(row, now, true, e.message),
            },
        }
    }

    /// Whether what the letter asks for has been done in the meantime.
    async fn is_obsolete(&self, letter: &Letter) -> Result<bool, Error> {
        let (true, Some(assignment)) = (letter.while_open, &letter.assignment) else {
            return Ok(false);
        };
        let run = self.store.run(&letter.run).await?;
        let state = run.and_then(|l| l.run.assignments.get(assignment).map(|a| a.state));
        Ok(!state.is_some_and(vekha_engine::run::AssignmentState::is_awaited))
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

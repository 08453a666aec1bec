//! Tells people on the mornings of working days what waits, if they want to be told. A summary that was
//! missed is not made up for: the next one tells what waits then.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use vekha_plugin::{DeliveryError, DeliveryErrorKind};
use vekha_roadmap::RoadMap;

use crate::access::Roles;
use crate::runtime::Runtime;
use crate::runtime::letters::summary::roles;
use crate::store::entities::{person, summary};
use crate::store::read::access::Holder;
use crate::store::{StoreError, micros};

/// How long the delivery of one may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// After so long somebody else may try a summary that is being sent.
const LEASE: Duration = Duration::from_secs(180);

/// When one that was not taken is tried again: times the number of tries.
const AGAIN: Duration = Duration::from_secs(300);

/// So often one is tried; then the morning is over.
const MOST_TRIES: i32 = 6;

/// When nobody knows of a working day to come, or somebody works nowhere: it is looked at again.
const LATER: SignedDuration = SignedDuration::from_hours(24);

/// The next morning of a working day.
fn morning(map: &RoadMap, now: Timestamp) -> Timestamp {
    let municipality = &map.municipality;
    let day = map.calendar.on_or_after(municipality.today(now));
    let first = municipality.opening(day);
    match first > now {
        true => first,
        false => {
            let next = day.tomorrow().map(|day| map.calendar.on_or_after(day));
            next.map_or(Timestamp::MAX, |day| municipality.opening(day))
        }
    }
}

impl Runtime {
    /// When somebody with these roles is told next: where they work at the earliest.
    pub(crate) fn next_morning(&self, roles: &Roles, now: Timestamp) -> Timestamp {
        let maps = self.road_maps_of(roles);
        let mornings = maps.iter().map(|version| morning(&version.road_map, now));
        mornings.min().unwrap_or_else(|| now.saturating_add(LATER).unwrap_or(Timestamp::MAX))
    }

    /// Sends the summaries that are due. Returns how many there were.
    ///
    /// # Errors
    /// When the database fails; what was not sent is tried again.
    pub(crate) async fn summarize(&self) -> Result<usize, StoreError> {
        let due = self.store.claim_summaries(self.clock.span(LEASE), self.clock.now()).await?;
        if due.is_empty() {
            return Ok(0);
        }
        self.keep_up().await?;
        for row in &due {
            let settled = match self.store.person(&row.person).await? {
                Some(person) => self.tell_person(&person, row).await?,
                None => {
                    self.store.end_summaries(&row.person).await?;
                    continue;
                }
            };
            self.store.settle_summary(&settled).await?;
        }
        Ok(due.len())
    }

    /// Tells one person; how their row stands then.
    async fn tell_person(
        &self,
        person: &Holder<person::Model>,
        row: &summary::Model,
    ) -> Result<summary::Model, StoreError> {
        let now = self.clock.now();
        let roles = roles(person, now);
        let next_at = micros(self.next_morning(&roles, now));
        let done = summary::Model {
            person: row.person.clone(),
            next_at,
            attempts: 0,
            error: String::new(),
        };
        // A holiday that came to be since, or a road map that is no more: another morning.
        let works = |map: &RoadMap| map.calendar.is_working(map.municipality.today(now));
        let is_working = self.road_maps_of(&roles).iter().any(|version| works(&version.road_map));
        if person.row.disabled || !is_working {
            return Ok(done);
        }
        let Some(mut message) = self.summary(person, now).await? else { return Ok(done) };
        message.uncertain = row.attempts > 0;
        let late = || DeliveryError::transient("почта не ответила за минуту");
        let sent = tokio::time::timeout(PATIENCE, self.notifier.deliver(&message)).await;
        let error = match sent.map_err(|_| late()).flatten() {
            Ok(_) => return Ok(done),
            Err(error) => error,
        };
        let tries = row.attempts + 1;
        tracing::warn!(to = person.row.email, tries, "a summary was not sent: {error}");
        let is_over = error.kind == DeliveryErrorKind::Permanent || tries >= MOST_TRIES;
        let error = error.to_string();
        if is_over {
            return Ok(summary::Model { error, ..done });
        }
        let pause = self.clock.span(AGAIN * tries.unsigned_abs());
        let again = now.saturating_add(pause).unwrap_or(Timestamp::MAX);
        Ok(summary::Model { next_at: micros(again), attempts: tries, error, ..done })
    }
}

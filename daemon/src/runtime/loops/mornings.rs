//! Tells people on the mornings of working days what waits, if they want to be told. A summary that was
//! missed is not made up for: the next one tells what waits then.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use vekha_plugin::{DeliveryError, DeliveryErrorKind, Message};
use vekha_roadmap::RoadMap;

use crate::access::Roles;
use crate::runtime::Runtime;
use crate::runtime::letters::summary::Morning;
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
        let mut morning = Morning::default();
        let mut told = 0;
        // One after the other: a server that is slow makes no claim end before its letter is sent.
        while let Some(row) =
            self.store.claim_summary(self.clock.span(LEASE), self.clock.now()).await?
        {
            if told == 0 {
                self.keep_up().await?;
            }
            told += 1;
            match self.store.person(&row.person).await? {
                Some(person) => {
                    let settled = self.tell_person(&person, &row, &mut morning).await?;
                    self.store.settle_summary(&settled).await?;
                }
                None => self.store.end_summaries(&row.person).await?,
            }
        }
        Ok(told)
    }

    /// Tells one person; how their row stands then.
    async fn tell_person(
        &self,
        person: &Holder<person::Model>,
        row: &summary::Model,
        morning: &mut Morning,
    ) -> Result<summary::Model, StoreError> {
        let now = self.clock.now();
        let roles = person.lasting_roles(now);
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
        let error = match self.summary(person, now, morning).await {
            Ok(None) => return Ok(done),
            Ok(Some(message)) => {
                let message = Message { uncertain: row.attempts > 0, ..message };
                let late = || DeliveryError::transient("почта не ответила за минуту");
                let sent =
                    tokio::time::timeout(PATIENCE, self.integrations.notifier.deliver(&message))
                        .await;
                match sent.map_err(|_| late()).flatten() {
                    Ok(_) => return Ok(done),
                    Err(error) => error,
                }
            }
            // It holds up the summaries of those whom it concerns, and nobody else's.
            Err(StoreError::Unreadable(why)) => DeliveryError::transient(why),
            Err(e) => return Err(e),
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

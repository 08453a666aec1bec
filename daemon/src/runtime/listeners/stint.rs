//! A listener is told for a moment: first what was given up and is wanted once more, then what follows.
//! What came of it is written down at its end; a crash before that has the same told again.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use vekha_engine::Happened;

use super::event::{Ear, Told};
use super::webhook::Webhook;
use super::{Failure, Receiver, pace};
use crate::runtime::Runtime;
use crate::store::entities::listener::Model;
use crate::store::entities::undelivered;
use crate::store::read::Page;
use crate::store::read::listeners::Outline;
use crate::store::write::access::{Change, Terms};
use crate::store::write::activities;
use crate::store::write::listeners::{Failed, Heard};
use crate::store::{StoreError, instant, micros};

/// How long a stint lasts; a request under way at its end is awaited.
const SPAN: Duration = Duration::from_secs(1);

/// Entries that are looked at for a stint.
const LOOKED: u64 = 500;

/// Entries that are told together, and characters of their facts: no more of them are held in memory.
/// A single entry may be larger.
const TOGETHER: usize = 100;
const CHARACTERS: i64 = 1 << 20;

/// A stint that has come to its end.
pub(super) struct Ended {
    /// Whose.
    pub listener: String,
    /// How many entries were taken.
    pub taken: usize,
    /// Whether the database failed.
    pub failed: Option<StoreError>,
}

/// A stint under way.
struct Stint<'a> {
    row: &'a Model,
    now: Timestamp,
    heard: Heard,
    taken: usize,
    /// Failed tries in a row before the next one.
    failures: i32,
    /// The other side wants no more.
    gone: Option<String>,
}

impl Runtime {
    /// Tells a claimed listener for a moment.
    pub(super) async fn stint(&self, row: Model) -> Vec<Ended> {
        let mut stint = Stint {
            row: &row,
            now: self.clock.now(),
            heard: Heard { cursor: row.cursor, ..Heard::default() },
            taken: 0,
            failures: row.attempts,
            gone: None,
        };
        let told = match self.receiver(&row) {
            Ok(receiver) => self.tell_for_a_while(&receiver, &mut stint).await,
            Err(why) => {
                stint.fails(self, why, None);
                Ok(())
            }
        };
        let Stint { heard, taken, gone, .. } = stint;
        // What was taken is written down even if more could not be read.
        let settled = match self.store.settle_listener(&row, &heard, self.clock.now()).await {
            Ok(true) => match gone {
                Some(why) => self.disable_listener(&row, &why).await,
                None => Ok(()),
            },
            Ok(false) => {
                tracing::warn!(listener = row.id, "another daemon has taken this listener over");
                Ok(())
            }
            Err(e) => Err(e),
        };
        vec![Ended { listener: row.id.clone(), taken, failed: told.and(settled).err() }]
    }

    /// How a listener is told.
    fn receiver(&self, row: &Model) -> Result<Receiver<'_>, String> {
        if row.plugin.is_empty() {
            let secret = self.store.secret();
            return Webhook::of(row, &self.integrations.listeners.poster, secret, &self.clock)
                .map(Receiver::Webhook);
        }
        let plugin = self.integrations.listeners.plugins.0.get(&row.id).map(Receiver::Plugin);
        plugin.ok_or_else(|| format!("в настройках нет раздела [listener.{}]", row.id))
    }

    async fn tell_for_a_while(
        &self,
        receiver: &Receiver<'_>,
        stint: &mut Stint<'_>,
    ) -> Result<(), StoreError> {
        let until = Instant::now() + SPAN;
        let goes_on = |stint: &Stint<'_>| {
            let stopped = stint.heard.failed.is_some() || stint.gone.is_some();
            !stopped && Instant::now() < until && !*self.ending.borrow()
        };
        let page = Page::first(TOGETHER as u64);
        for wanted in self.store.undelivered(&stint.row.id, true, &page).await? {
            if !goes_on(stint) {
                return Ok(());
            }
            self.tell_once_more(receiver, stint, wanted).await?;
        }
        let outlines = self.store.outlines(stint.row.cursor, LOOKED).await?;
        let Some(end) = outlines.last().map(|outline| outline.cursor) else { return Ok(()) };
        let ear = Ear::of(stint.row);
        let mut left: Vec<&Outline> = outlines.iter().filter(|o| ear.hears(o)).collect();
        while goes_on(stint) && !left.is_empty() {
            let together = together(&left);
            let cursors: Vec<i64> = left[..together].iter().map(|o| o.cursor).collect();
            let entries = self.store.entries_at(&cursors).await?;
            let entries: Vec<Told> = entries.into_iter().map(Told).collect();
            let (taken, failed) = self.told(receiver, &entries, until).await;
            if let Some(last) = entries[..taken].last() {
                stint.heard.cursor = last.0.cursor;
                stint.takes(taken);
            }
            left.drain(..taken);
            let overdue = |o: &Outline| self.is_overdue(o, stint.row, stint.now);
            match failed {
                None => {}
                Some(Failure::Gone(why)) => stint.gone = Some(why),
                Some(Failure::Refused(why)) => {
                    if stint.failures + 1 >= pace::REFUSALS || overdue(left[0]) {
                        stint.gives_up(&left[..1], &why);
                        // The next one has had no try yet.
                        stint.failures = 0;
                        left.remove(0);
                    } else {
                        stint.fails(self, why, None);
                    }
                }
                Some(Failure::Away(why, wait)) => {
                    let late = left.iter().take_while(|o| overdue(o)).count();
                    stint.gives_up(&left[..late], &why);
                    left.drain(..late);
                    stint.fails(self, why, wait);
                    if left.is_empty() && late > 0 {
                        // There may be more that is as late.
                        stint.heard.failed.as_mut().expect("it failed").again = 0;
                    }
                }
            }
        }
        if left.is_empty() {
            stint.heard.cursor = end;
        }
        Ok(())
    }

    /// Tells some entries. Returns how many were taken, and why the next one was not. Whoever waits
    /// does so no longer than the daemon goes on.
    async fn told(
        &self,
        receiver: &Receiver<'_>,
        entries: &[Told],
        until: Instant,
    ) -> (usize, Option<Failure>) {
        let (mut taken, mut ending) = (0, self.ending());
        let over = self.ending();
        let is_over = || Instant::now() >= until || *over.borrow();
        let failed = tokio::select! {
            told = receiver.tell(entries, is_over, &mut taken) => told.err(),
            _ = ending.wait_for(|ending| *ending) => None,
        };
        (taken, failed)
    }

    /// Tries an entry that was given up, once.
    async fn tell_once_more(
        &self,
        receiver: &Receiver<'_>,
        stint: &mut Stint<'_>,
        wanted: undelivered::Model,
    ) -> Result<(), StoreError> {
        let entries = self.store.entries_at(&[wanted.cursor]).await?;
        let entries: Vec<Told> = entries.into_iter().map(Told).collect();
        let (taken, failed) = self.told(receiver, &entries, Instant::now() + SPAN).await;
        if taken == entries.len() {
            stint.takes(taken);
            stint.heard.made_up.push(wanted.cursor);
            return Ok(());
        }
        let Some(failure) = failed else { return Ok(()) };
        let (Failure::Away(why, _) | Failure::Refused(why) | Failure::Gone(why)) = &failure;
        stint.heard.given_up.push(undelivered::Model {
            attempts: wanted.attempts + 1,
            error: why.clone(),
            given_up_at: micros(stint.now),
            wanted: false,
            ..wanted
        });
        match failure {
            Failure::Refused(_) => {}
            Failure::Away(why, wait) => stint.fails(self, why, wait),
            Failure::Gone(why) => stint.gone = Some(why),
        }
        Ok(())
    }

    /// Whether an entry has been waiting for as long as entries are tried.
    fn is_overdue(&self, outline: &Outline, row: &Model, now: Timestamp) -> bool {
        let since = instant(outline.at.max(row.since));
        now.duration_since(since) >= self.clock.span(self.integrations.listeners.give_up)
    }

    /// A listener wants no more: it is told nothing until somebody enables it, and that is written down.
    async fn disable_listener(&self, row: &Model, why: &str) -> Result<(), StoreError> {
        tracing::warn!(listener = row.id, "disabled by itself: {why}");
        let change = Change::Listener(Box::new(Model {
            disabled: true,
            reason: why.to_owned(),
            ..row.clone()
        }));
        let what = Happened::ListenerDisabled { listener: row.id.clone(), reason: why.to_owned() };
        let happened =
            activities::Happened { at: self.clock.now(), actor: "vekha", what, road_map: 0 };
        // Whoever has changed it meanwhile means another address, or has disabled it.
        let terms = Terms { listener: Some(row), ..Terms::default() };
        self.store.change_access(&[change], terms, Some(happened)).await.map(drop)
    }
}

impl Stint<'_> {
    fn takes(&mut self, entries: usize) {
        if entries > 0 {
            self.heard.took = true;
            self.taken += entries;
            self.failures = 0;
        }
    }

    fn fails(&mut self, runtime: &Runtime, error: String, wait: Option<Duration>) {
        let attempts = self.failures + 1;
        let pause = runtime.clock.span(pace::after(attempts, wait, &self.row.id));
        let again = self.now.saturating_add(pause).unwrap_or(Timestamp::MAX);
        let since = self.row.failing_since.filter(|_| self.failures > 0);
        tracing::debug!(listener = self.row.id, attempts, "not told: {error}");
        self.heard.failed = Some(Failed {
            attempts,
            error,
            since: since.unwrap_or(micros(self.now)),
            again: micros(again),
        });
    }

    fn gives_up(&mut self, outlines: &[&Outline], error: &str) {
        let Some(last) = outlines.last() else { return };
        tracing::warn!(listener = self.row.id, entries = outlines.len(), "given up: {error}");
        let attempts = self.failures + 1;
        self.heard.given_up.extend(outlines.iter().map(|outline| undelivered::Model {
            listener: self.row.id.clone(),
            cursor: outline.cursor,
            attempts,
            error: error.to_owned(),
            given_up_at: micros(self.now),
            wanted: false,
        }));
        self.heard.cursor = last.cursor;
    }
}

/// How many of these entries go together.
fn together(left: &[&Outline]) -> usize {
    let mut characters = 0;
    let fits = |outline: &&&Outline| {
        characters += outline.size;
        characters <= CHARACTERS
    };
    left.iter().take(TOGETHER).take_while(fits).count().max(1)
}

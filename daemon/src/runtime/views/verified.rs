//! Whether the journal is whole: each chain followed over its entries to the head that is held elsewhere.

use vekha_engine::Entry;
use vekha_engine::journal::Head;

use crate::store::entities::journal;
use crate::store::read::chain::{ActivityChain, Chain};
use crate::store::read::{Filter, Page};
use crate::store::write::activities;
use crate::store::{Store, StoreError, instant};

/// Runs that are listed at once.
const AT_ONCE: u64 = 500;

/// What was followed, and where that broke off.
#[derive(Debug, Clone, Default)]
pub struct Verified {
    /// Runs whose journal was followed.
    pub runs: i64,
    /// Entries that were compared.
    pub entries: i64,
    /// What is not whole; none if all of it is.
    pub broken: Option<Broken>,
}

/// Where a chain breaks off.
#[derive(Debug, Clone)]
pub struct Broken {
    /// The first entry that does not go on from the one before it; none if one is missing.
    pub entry: Option<journal::Model>,
    /// What is wrong.
    pub reason: String,
}

/// Follows the journals of runs, and of what was done to activities and letters.
///
/// # Errors
/// When the database cannot be read.
pub async fn verify(store: &Store, filter: &Filter) -> Result<Verified, StoreError> {
    let mut verified = Verified::default();
    let gone = |reason| Some(Broken { entry: None, reason });
    let mut page = Page::first(AT_ONCE);
    loop {
        let runs = store.list_runs(filter, &page).await?;
        for run in &runs {
            let Some(Chain { run, entries }) = store.chain(&run.id).await? else {
                verified.broken = gone(format!("{}: выполнение пропало", run.id));
                return Ok(verified);
            };
            verified.runs += 1;
            let held =
                Head { sequence: run.journal_sequence as u64, hash: run.journal_hash.clone() };
            verified.follow(&run.id, &held, &entries);
            if verified.broken.is_some() {
                return Ok(verified);
            }
        }
        match runs.last() {
            Some(last) if runs.len() as u64 == AT_ONCE => page.after = Some(last.id.clone()),
            _ => break,
        }
    }
    // What was done to activities themselves has chains of its own.
    if filter.run.is_none() {
        for id in store.list_activities(filter).await? {
            let Some(ActivityChain { activity, entries }) = store.activity_chain(&id).await? else {
                verified.broken = gone(format!("{id}: мероприятие пропало"));
                return Ok(verified);
            };
            verified.follow(&id, &activities::head(&activity), &entries);
            if verified.broken.is_some() {
                return Ok(verified);
            }
        }
    }
    Ok(verified)
}

impl Verified {
    /// Follows one chain.
    fn follow(&mut self, id: &str, held: &Head, entries: &[journal::Model]) {
        let mut head = Head::of(id);
        for row in entries {
            self.entries += 1;
            let stored = Entry {
                sequence: row.sequence as u64,
                at: instant(row.at),
                actor: row.actor.clone(),
                kind: row.kind.clone(),
                data: row.data.clone(),
                hash: row.hash.clone(),
            };
            if !head.verify(&stored) {
                let reason = "запись не продолжает цепочку".to_owned();
                self.broken = Some(Broken { entry: Some(row.clone()), reason });
                return;
            }
        }
        if head != *held {
            let reason =
                format!("{id}: записей {}, а должно быть {}", head.sequence, held.sequence);
            self.broken = Some(Broken { entry: None, reason });
        }
    }
}

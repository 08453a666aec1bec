//! What a batch holds until its commit, and what it reads meanwhile.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use sea_orm::{ColumnTrait, DatabaseExecutor, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use vekha_engine::{RunKey, Summary};
use vekha_roadmap::answers::Values;

use super::{Batch, ROWS};
use crate::store::entities::{job, request, run, submission};
use crate::store::read::runs::{self, Load};
use crate::store::{StoreError, document, micros, unreadable};

impl Batch {
    fn db(&self) -> DatabaseExecutor<'_> {
        match &self.transaction {
            Some(transaction) => transaction.into(),
            None => self.store.reader().into(),
        }
    }

    /// Holds runs until the commit, as far as they exist; other daemons may make it wait. Runs are
    /// held in one order, once for a batch, or two daemons would wait for each other. A batch that is
    /// made ahead holds nothing.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn hold(&mut self, keys: impl IntoIterator<Item = RunKey>) -> Result<(), StoreError> {
        if self.transaction.is_none() {
            return Ok(());
        }
        let keys: BTreeSet<String> = keys.into_iter().map(|key| key.to_string()).collect();
        let keys: Vec<String> = keys.into_iter().filter(|id| !self.held.contains_key(id)).collect();
        let rows = runs::hold(&self.db(), &keys).await?;
        self.held.extend(keys.into_iter().map(|id| (id, None)));
        self.held.extend(rows.into_iter().map(|row| (row.id.clone(), Some(row))));
        Ok(())
    }

    /// Holds so many of further runs that nobody else holds, and waits for none. Returns how many of
    /// them were found to be held by others: none of those that did not have to be looked at.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn hold_free(
        &mut self,
        keys: &BTreeSet<RunKey>,
        most: usize,
    ) -> Result<usize, StoreError> {
        if self.transaction.is_none() {
            return Ok(0);
        }
        let keys: BTreeSet<String> = keys.iter().map(RunKey::to_string).collect();
        let keys: Vec<String> = keys.into_iter().collect();
        let rows = runs::hold_free(&self.db(), &keys, most).await?;
        let enough = rows.len() == most;
        self.held.extend(rows.into_iter().map(|row| (row.id.clone(), Some(row))));
        let missing: Vec<String> =
            keys.into_iter().filter(|id| !self.held.contains_key(id)).collect();
        if enough || missing.is_empty() {
            return Ok(0);
        }
        // One that does not exist is nobody's.
        let existing = runs::existing(&self.db(), &missing).await?;
        let absent = missing.into_iter().filter(|id| !existing.contains(id));
        self.held.extend(absent.map(|id| (id, None)));
        Ok(existing.len())
    }

    /// Whether a run is held, or was asked for and does not exist.
    pub fn holds(&self, key: &RunKey) -> bool {
        self.held.contains_key(&key.to_string())
    }

    /// Loads runs that are not loaded yet; a batch that is not made ahead holds them until the
    /// commit.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn load(&mut self, keys: impl IntoIterator<Item = RunKey>) -> Result<(), StoreError> {
        let missing: BTreeSet<RunKey> =
            keys.into_iter().filter(|key| !self.runs.contains_key(key)).collect();
        let found = if self.transaction.is_some() {
            self.hold(missing.iter().cloned()).await?;
            let held = missing.iter().filter_map(|key| self.held.get_mut(&key.to_string())?.take());
            let mut rows: Vec<run::Model> = held.collect();
            rows.retain(|row| !self.recall(row));
            let mut known = std::mem::take(&mut self.remembered.0);
            let found = runs::complete(&self.db(), rows, Load::Whole, &mut known).await?;
            self.remembered.0 = known;
            found
        } else {
            let missing: Vec<String> = missing.iter().map(RunKey::to_string).collect();
            runs::load(&self.db(), &missing, Load::Whole).await?
        };
        for key in found.runs.keys() {
            self.store.read_again(&key.to_string());
        }
        self.runs.extend(found.runs);
        for (id, e) in found.broken {
            self.is_broken(id, &e);
        }
        Ok(())
    }

    /// Takes a run as it is remembered, if its row is still of that revision. Returns whether it is.
    fn recall(&mut self, row: &run::Model) -> bool {
        let Ok(key) = row.id.parse::<RunKey>() else { return false };
        let remembered = &mut self.remembered.0;
        if remembered.get(&key).is_none_or(|loaded| loaded.revision != row.revision) {
            return false;
        }
        self.runs.extend(remembered.remove_entry(&key));
        true
    }

    fn is_broken(&mut self, id: String, e: &StoreError) {
        self.store.put_aside(&id, &e.to_string());
        self.broken.insert(id, e.to_string());
    }

    /// Why a run that was asked for cannot be read; none if it can, or does not exist.
    pub fn broken(&self, key: &RunKey) -> Option<&str> {
        if self.broken.is_empty() {
            return None;
        }
        self.broken.get(&key.to_string()).map(String::as_str)
    }

    /// What is known of other runs that are not loaded, as far as they exist.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn summaries(
        &mut self,
        keys: &BTreeSet<RunKey>,
    ) -> Result<BTreeMap<RunKey, Summary>, StoreError> {
        let mut found = BTreeMap::new();
        let ids: Vec<String> =
            keys.iter().filter(|key| !self.runs.contains_key(key)).map(RunKey::to_string).collect();
        for chunk in ids.chunks(ROWS) {
            let rows = run::Entity::find()
                .filter(run::Column::Id.is_in(chunk.iter().map(String::as_str)))
                .all(&self.db())
                .await?;
            for row in rows {
                match (row.id.parse(), row.summary()) {
                    (Ok(key), Ok(summary)) => {
                        found.insert(key, summary);
                    }
                    (_, Err(e)) => self.is_broken(row.id, &e),
                    (Err(e), _) => self.is_broken(row.id.clone(), &unreadable(&row.id, e)),
                }
            }
        }
        Ok(found)
    }

    /// The newest answers to these assignments, by their ids, as the database has them; of those that
    /// cannot be read, why.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn newest_answers(
        &self,
        assignments: &BTreeMap<String, RunKey>,
    ) -> Result<HashMap<String, Result<Values, String>>, StoreError> {
        let mut found = HashMap::new();
        for chunk in assignments.iter().collect::<Vec<_>>().chunks(ROWS) {
            let runs: BTreeSet<String> = chunk.iter().map(|(_, run)| run.to_string()).collect();
            let rows = submission::Entity::find()
                .filter(submission::Column::Run.is_in(runs))
                .filter(submission::Column::Assignment.is_in(chunk.iter().map(|(id, _)| *id)))
                .order_by_asc(submission::Column::Version)
                .all(&self.db())
                .await?;
            for row in rows {
                let answers = document(&row.id, &row.answers).map_err(|e| e.to_string());
                found.insert(row.assignment, answers);
            }
        }
        Ok(found)
    }

    /// Those of the requests that were carried out before.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn requests(
        &self,
        ids: &[&str],
    ) -> Result<HashMap<String, request::Model>, StoreError> {
        let known = |id: &&str| Some(((*id).to_owned(), self.requests.get(*id)?.clone()));
        let mut found: HashMap<_, _> = ids.iter().filter_map(known).collect();
        for chunk in ids.chunks(ROWS) {
            let rows = request::Entity::find()
                .filter(request::Column::Id.is_in(chunk.iter().copied()))
                .all(&self.db())
                .await?;
            found.extend(rows.into_iter().map(|row| (row.id.clone(), row)));
        }
        Ok(found)
    }

    /// Holds those of the jobs that are still to be done until the commit. With several daemons a
    /// job may have been done by another, or be asked for again just now: then that wish is written
    /// after this commit and not lost with the job that is done.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn hold_jobs(
        &self,
        keys: &BTreeSet<&str>,
        now: Timestamp,
    ) -> Result<BTreeSet<String>, StoreError> {
        let mut held = BTreeSet::new();
        for chunk in keys.iter().collect::<Vec<_>>().chunks(ROWS) {
            let keys: Vec<String> = job::Entity::find()
                .select_only()
                .column(job::Column::Key)
                .filter(job::Column::Key.is_in(chunk.iter().map(|key| **key)))
                .filter(job::Column::DueAt.lte(micros(now)))
                .order_by_asc(job::Column::Key)
                .lock_exclusive()
                .into_tuple()
                .all(&self.db())
                .await?;
            held.extend(keys);
        }
        Ok(held)
    }
}

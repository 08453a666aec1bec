//! Many steps in one commit. A batch collects what steps changed and writes it, table by table, in
//! few statements; throughput is then bound by the disk's commit and not by one commit per step.

mod held;
mod rows;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use sea_orm::{ConnectionTrait, DatabaseTransaction, TransactionTrait};
use vekha_engine::run::Run;
use vekha_engine::{Outcome, RunKey};

use self::rows::Rows;
use super::statements::execute;
use crate::store::entities::{request, run};
use crate::store::read::runs::Loaded;
use crate::store::{Store, StoreError};

/// Most keys of one statement: far below SQLite's 32,766 and PostgreSQL's 65,535 parameters.
const ROWS: usize = 1000;

/// Most rows' worth of runs that pass from batch to batch in memory: some tens of megabytes.
const REMEMBERED: usize = 50_000;

/// Steps of many runs that are committed together.
#[derive(Debug)]
pub struct Batch {
    store: Store,
    /// None as long as it is made ahead of its turn.
    transaction: Option<DatabaseTransaction>,
    /// Rows of runs that are held and not loaded yet, by id; none of one that does not exist.
    held: BTreeMap<String, Option<run::Model>>,
    runs: HashMap<RunKey, Loaded>,
    /// Runs as earlier batches left them: only what others have changed since need be loaded.
    remembered: Remembered,
    /// Runs that cannot be read, by id, and why.
    broken: BTreeMap<String, String>,
    /// Changed runs that are no rows yet.
    changed: BTreeSet<RunKey>,
    /// Requests that the database need not know yet.
    requests: HashMap<String, request::Model>,
    rows: Rows,
}

/// Runs as a batch left them, for the one that follows it.
#[derive(Debug, Default)]
pub struct Remembered(HashMap<RunKey, Loaded>);

impl Remembered {
    /// Nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Store {
    /// Opens a write transaction. On SQLite there is one writer: another batch waits here.
    ///
    /// # Errors
    /// When the database cannot begin.
    pub async fn begin(&self) -> Result<Batch, StoreError> {
        let transaction = self.writer().begin().await?;
        Ok(Batch { transaction: Some(transaction), ..self.ahead() })
    }

    /// A batch that writes nothing and waits for nobody before its commit. For the one who alone
    /// changes runs: what it has read must still hold then.
    pub fn ahead(&self) -> Batch {
        Batch {
            store: self.clone(),
            transaction: None,
            held: BTreeMap::new(),
            runs: HashMap::new(),
            remembered: Remembered::default(),
            broken: BTreeMap::new(),
            changed: BTreeSet::new(),
            requests: HashMap::new(),
            rows: Rows::default(),
        }
    }
}

impl Batch {
    /// Nothing is to be written.
    fn is_empty(&self) -> bool {
        let Rows { runs, requests, done_jobs, .. } = &self.rows;
        self.changed.is_empty() && runs.is_empty() && requests.is_empty() && done_jobs.is_empty()
    }

    /// The batch to be made ahead while this one is committed: it has in memory what this one has
    /// loaded and changed. If the commit fails, it was made from what never was.
    pub fn successor(&mut self) -> Batch {
        let mut next = self.store.ahead();
        next.requests.extend(self.rows.requests.iter().map(|r| (r.id.clone(), r.clone())));
        next.runs = self.leave().0;
        next
    }

    /// Hands over what it has loaded and changed, which holds once it is committed.
    pub fn leave(&mut self) -> Remembered {
        self.write_down(usize::MAX);
        let mut runs = std::mem::take(&mut self.runs);
        let rows = |runs: &HashMap<_, _>| runs.values().map(Loaded::rows).sum::<usize>();
        let room = REMEMBERED.checked_sub(rows(&runs));
        let before = std::mem::take(&mut self.remembered.0);
        match room {
            Some(room) if rows(&before) <= room => runs.extend(before),
            Some(_) => {}
            None => runs.retain(|key, _| self.rows.runs.contains_key(key)),
        }
        Remembered(runs)
    }

    /// Takes what the batch before it has left.
    #[must_use]
    pub fn remembering(self, remembered: Remembered) -> Self {
        Batch { remembered, ..self }
    }

    /// Makes rows of so many of the runs that have changed; false if nothing is left to be done. What
    /// is written down before the commit's turn need not be then.
    pub fn write_down(&mut self, most: usize) -> bool {
        for _ in 0..most {
            let Some(key) = self.changed.pop_first() else { return false };
            let Some(loaded) = self.runs.get_mut(&key) else { continue };
            loaded.revision += i64::from(!self.rows.runs.contains_key(&key));
            loaded.told_since.get_or_insert(loaded.revision);
            let Loaded { run, revision, told_since } = loaded;
            self.rows.runs.insert(key, run::Model::of(run, *revision, *told_since));
        }
        !self.changed.is_empty()
    }

    /// A loaded run.
    pub fn run(&self, key: &RunKey) -> Option<&Run> {
        self.runs.get(key).map(|loaded| &loaded.run)
    }

    /// A loaded run, to be changed by a step; [`Batch::record`] must follow a step that succeeds.
    pub fn run_mut(&mut self, key: &RunKey) -> Option<&mut Run> {
        self.runs.get_mut(key).map(|loaded| &mut loaded.run)
    }

    /// The revision of a loaded run that its next reader will see.
    pub fn revision(&self, key: &RunKey) -> Option<i64> {
        let first_change = self.changed.contains(key) && !self.rows.runs.contains_key(key);
        self.runs.get(key).map(|loaded| loaded.revision + i64::from(first_change))
    }

    /// Takes in a run that came to be.
    pub fn insert(&mut self, run: Run) {
        self.runs.insert(run.key.clone(), Loaded::new(run));
    }

    /// Takes in what a step of a loaded run changed.
    ///
    /// # Panics
    /// When the run is not loaded: a step without its run is a programming error.
    pub fn record(&mut self, key: &RunKey, outcome: Outcome, now: Timestamp) {
        let loaded = self.runs.get(key).expect("a step is of a loaded run");
        self.rows.take_in(loaded, outcome, self.store.secret(), now);
        self.changed.insert(key.clone());
    }

    /// Notes that a request was carried out.
    pub fn remember(&mut self, request: request::Model) {
        self.requests.insert(request.id.clone(), request.clone());
        self.rows.requests.push(request);
    }

    /// Notes that a job is done with.
    pub fn done(&mut self, job: &str) {
        // A step may have asked for the same job again in the meantime; that one stays.
        if !self.rows.jobs.contains_key(job) {
            self.rows.done_jobs.insert(job.to_owned());
        }
    }

    /// Writes everything and commits, or nothing.
    ///
    /// # Errors
    /// When the database refuses; then nothing was changed. When the connection is lost at the very
    /// commit, nobody can tell; a request's id then tells on the next try.
    pub async fn commit(self) -> Result<(), StoreError> {
        let store = self.store.clone();
        let committed = self.write().await;
        if committed.is_err() {
            store.failed();
        }
        committed
    }

    async fn write(mut self) -> Result<(), StoreError> {
        self.write_down(usize::MAX);
        let nothing = self.is_empty();
        let Batch { store, transaction, rows, .. } = self;
        store.sound()?;
        let evidence = rows.evidence();
        match transaction {
            None if nothing => return Ok(()),
            transaction => {
                let transaction = match transaction {
                    Some(transaction) => transaction,
                    None => store.writer().begin().await?,
                };
                let statements = rows.statements(transaction.get_database_backend());
                execute(&transaction, statements).await?;
                transaction.commit().await?;
            }
        }
        match evidence {
            Some(evidence) => store.prove(&evidence).await,
            None => Ok(()),
        }
    }

    /// Forgets everything.
    ///
    /// # Errors
    /// When the connection is lost; nothing was changed then either.
    pub async fn rollback(self) -> Result<(), StoreError> {
        match self.transaction {
            Some(transaction) => Ok(transaction.rollback().await?),
            None => Ok(()),
        }
    }
}

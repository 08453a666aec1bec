//! Many steps in one commit. A batch collects what steps changed and writes it, table by table, in
//! few statements; throughput is then bound by the disk's commit and not by one commit per step.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseBackend, DatabaseConnection, DatabaseExecutor,
    DatabaseTransaction, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    RuntimeErr, Set, Statement, TransactionTrait,
};
use vekha_engine::run::Run;
use vekha_engine::{Outcome, RunKey, Summary};
use vekha_roadmap::answers::Values;

use super::entities::{
    analysis, assignment, decision, job, journal, measure, recommendation, request, run, submission,
};
use super::proof::Evidence;
use super::rows::Existing::{Change, Keep, Refuse};
use super::rows::{execute, execute_on_sqlite, insert};
use super::runs::{self, Load, Loaded};
use super::{Lock, Store, StoreError, document, entities, json, micros, outbox, unreadable};
use crate::secret::Secret;

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

/// What is to be written.
#[derive(Debug, Default)]
struct Rows {
    runs: BTreeMap<RunKey, run::Model>,
    assignments: BTreeMap<String, assignment::Model>,
    /// Hashes of the links that take the place of others, by assignment.
    links: BTreeMap<String, String>,
    submissions: Vec<submission::Model>,
    recommendations: BTreeMap<String, recommendation::Model>,
    decisions: BTreeMap<String, decision::Model>,
    measures: BTreeMap<String, measure::Model>,
    analyses: Vec<analysis::Model>,
    jobs: BTreeMap<String, job::Model>,
    done_jobs: BTreeSet<String>,
    outbox: Vec<entities::outbox::ActiveModel>,
    journal: Vec<journal::ActiveModel>,
    requests: Vec<request::Model>,
}

impl Rows {
    /// The last entry of the journal that is to be written.
    fn evidence(&self) -> Option<Evidence> {
        let entry = self.journal.last()?;
        Some(Evidence {
            run: entry.run.try_as_ref()?.clone(),
            sequence: *entry.sequence.try_as_ref()?,
            hash: entry.hash.try_as_ref()?.clone(),
        })
    }

    /// What writes them, in order.
    fn statements(self, backend: DatabaseBackend) -> impl Iterator<Item = Statement> {
        let done_jobs: Vec<String> = self.done_jobs.into_iter().collect();
        let done_jobs = (0..done_jobs.len()).step_by(ROWS).map(move |from| {
            let keys = &done_jobs[from..done_jobs.len().min(from + ROWS)];
            let key = job::Column::Key.is_in(keys.iter().map(String::as_str));
            job::Entity::delete_many().filter(key).build(backend)
        });
        // Apart from the rows that change: those would touch the links' index with every answer.
        let links = self.links.into_iter().map(move |(assignment, hash)| {
            assignment::Entity::update_many()
                .col_expr(assignment::Column::TokenHash, Expr::value(hash))
                .filter(assignment::Column::Id.eq(assignment))
                .build(backend)
        });
        // Cursors are drawn in the order of the commits, so that who reads from a cursor on never
        // meets a smaller one that came later.
        let writes_journal = !self.journal.is_empty() && backend == DatabaseBackend::Postgres;
        let alone = writes_journal.then(|| Lock::Journal.statement());
        insert(backend, values(self.runs), Change(run::CHANGING))
            .chain(insert(backend, values(self.assignments), Change(assignment::CHANGING)))
            .chain(links)
            .chain(insert(backend, self.submissions, Refuse))
            .chain(insert(backend, values(self.recommendations), Change(recommendation::CHANGING)))
            .chain(insert(backend, values(self.decisions), Change(decision::CHANGING)))
            .chain(insert(backend, values(self.measures), Change(measure::CHANGING)))
            .chain(insert(backend, self.analyses, Change(analysis::CHANGING)))
            // Not replaced: another daemon may just have carried out a request of the same id.
            .chain(insert(backend, self.requests, Refuse))
            .chain(done_jobs)
            .chain(insert(backend, values(self.jobs), Change(job::CHANGING)))
            // A letter has one key for ever: asked for twice, it is the first that goes.
            .chain(insert(backend, self.outbox, Keep))
            .chain(alone)
            .chain(insert(backend, self.journal, Refuse))
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
            self.rows.runs.insert(key, runs::row(loaded));
        }
        !self.changed.is_empty()
    }

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
        let rows = runs::hold(&self.db(), &keys, runs::Held::Await).await?;
        self.held.extend(keys.into_iter().map(|id| (id, None)));
        self.held.extend(rows.into_iter().map(|row| (row.id.clone(), Some(row))));
        Ok(())
    }

    /// Holds those of further runs that nobody else holds, and waits for none.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn hold_free(
        &mut self,
        keys: impl IntoIterator<Item = RunKey>,
    ) -> Result<(), StoreError> {
        let keys: BTreeSet<String> = keys.into_iter().map(|key| key.to_string()).collect();
        let keys: Vec<String> = keys.into_iter().collect();
        let rows = runs::hold(&self.db(), &keys, runs::Held::Skip).await?;
        self.held.extend(rows.into_iter().map(|row| (row.id.clone(), Some(row))));
        Ok(())
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
                match (row.id.parse(), runs::summary(&row)) {
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
        let run = &loaded.run;
        let rows = &mut self.rows;
        // That of the run's row when all this is written.
        let revision = loaded.revision + i64::from(!rows.runs.contains_key(key));
        let id = key.to_string();
        for entry in outcome.entries {
            rows.journal.push(journal::ActiveModel {
                cursor: sea_orm::NotSet,
                run: Set(id.clone()),
                sequence: Set(entry.sequence as i64),
                at: Set(micros(entry.at)),
                actor: Set(entry.actor),
                kind: Set(entry.kind),
                data: Set(entry.data),
                road_map: Set(run.road_map as i32),
                hash: Set(entry.hash),
            });
        }
        for name in outcome.assignments {
            let value = &run.assignments[&name];
            let replaced = outcome.links.contains(&name);
            let assignment = format!("{id}/{name}");
            let row = assignment::Model {
                run: id.clone(),
                municipality: key.municipality.clone(),
                activity: key.activity.clone(),
                stage: name.stage,
                organisation: name.organisation,
                state: value.state.as_str().into(),
                due: value.due.to_string(),
                token_hash: Secret::hash(&self.store.secret().token(&assignment, value.link)),
                body: json(value),
                revision,
                id: assignment.clone(),
            };
            if replaced {
                rows.links.insert(assignment.clone(), row.token_hash.clone());
            }
            rows.assignments.insert(assignment, row);
        }
        for name in outcome.recommendations {
            let value = &run.recommendations[&name];
            let recommendation = format!("{id}/{name}");
            let row = recommendation::Model {
                run: id.clone(),
                municipality: key.municipality.clone(),
                activity: key.activity.clone(),
                stage: name.stage,
                organisation: name.organisation,
                state: value.state.as_str().into(),
                body: json(value),
                revision,
                id: recommendation.clone(),
            };
            rows.recommendations.insert(recommendation, row);
        }
        for position in outcome.decisions {
            let value = &run.decisions[position];
            let decision = format!("{id}/{}", position + 1);
            let row = decision::Model {
                run: id.clone(),
                municipality: key.municipality.clone(),
                activity: key.activity.clone(),
                ordinal: position as i32 + 1,
                date: value.date.to_string(),
                body: json(value),
                revision,
                id: decision.clone(),
            };
            rows.decisions.insert(decision, row);
        }
        for position in outcome.measures {
            let value = &run.measures[position];
            let measure = format!("{id}/{}", position + 1);
            let row = measure::Model {
                run: id.clone(),
                municipality: key.municipality.clone(),
                activity: key.activity.clone(),
                ordinal: position as i32 + 1,
                organisation: value.organisation.clone(),
                state: value.state.as_str().into(),
                due: value.due.to_string(),
                body: json(value),
                revision,
                id: measure.clone(),
            };
            rows.measures.insert(measure, row);
        }
        for submission in outcome.submissions {
            let assignment = format!("{id}/{}", submission.assignment);
            rows.submissions.push(submission::Model {
                id: format!("{assignment}/{}", submission.version),
                assignment,
                run: id.clone(),
                version: submission.version as i32,
                at: micros(submission.at),
                actor: submission.actor,
                origin: <&str>::from(submission.origin).to_owned(),
                answers: json(&submission.answers),
            });
        }
        for (stage, analysis) in outcome.analyses {
            rows.analyses.push(analysis::Model {
                id: format!("{id}/{stage}"),
                run: id.clone(),
                stage,
                at: micros(now),
                body: json(&analysis),
            });
        }
        for letter in outcome.letters {
            rows.outbox.push(outbox::row(letter, run.road_map, now));
        }
        for work in outcome.jobs {
            let key = work.key();
            let row = job_row(key.clone(), work.kind(), work.run(), now, json(&work));
            rows.done_jobs.remove(&key);
            rows.jobs.insert(key, row);
        }
        let wake = format!("wake/{id}");
        match outcome.wake_at {
            Some(at) => {
                rows.done_jobs.remove(&wake);
                rows.jobs.insert(wake.clone(), job_row(wake, "wake", key, at, String::new()));
            }
            // A wish that was never written need not be withdrawn.
            None => {
                rows.jobs.remove(&wake);
                if !run.assignments.is_empty() || !run.decisions.is_empty() {
                    rows.done_jobs.insert(wake);
                }
            }
        }
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
            None if !store.is_shared() => {
                let written = write_to_sqlite(store.writer(), rows).await;
                written.map_err(|e| DbErr::Exec(RuntimeErr::SqlxError(Arc::new(e))))?;
            }
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

async fn write_to_sqlite(writer: &DatabaseConnection, rows: Rows) -> Result<(), sqlx::Error> {
    let mut transaction = writer.get_sqlite_connection_pool().begin().await?;
    execute_on_sqlite(&mut transaction, rows.statements(DatabaseBackend::Sqlite)).await?;
    transaction.commit().await
}

pub(super) fn job_row(
    key: String,
    kind: &str,
    run: &RunKey,
    due: Timestamp,
    body: String,
) -> job::Model {
    job::Model {
        key,
        kind: kind.to_owned(),
        run: run.to_string(),
        due_at: micros(due),
        attempts: 0,
        error: String::new(),
        body,
    }
}

fn values<K, V>(rows: BTreeMap<K, V>) -> Vec<V> {
    rows.into_values().collect()
}

//! Many steps in one commit. A batch collects what steps changed and writes it, table by table, in
//! few statements; throughput is then bound by the disk's commit and not by one commit per step.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseBackend, DatabaseTransaction, DbErr,
    EntityTrait, IntoActiveModel, Iterable, PrimaryKeyToColumn, QueryFilter, QueryOrder,
    QuerySelect, Set, TransactionTrait,
};
use vekha_engine::run::Run;
use vekha_engine::{Outcome, RunKey, Summary};

use super::entities::{
    analysis, assignment, decision, job, journal, measure, outbox, recommendation, request, run,
    submission,
};
use super::runs::{self, Load, Loaded};
use super::{Lock, Store, json, lock, micros};
use crate::message_id;
use crate::secret::Secret;

/// Most rows of one statement: far below SQLite's 32,766 and PostgreSQL's 65,535 parameters.
const ROWS: usize = 1000;

/// A write transaction over many runs.
#[derive(Debug)]
pub struct Batch {
    transaction: DatabaseTransaction,
    secret: Secret,
    runs: BTreeMap<RunKey, Loaded>,
    changed: BTreeSet<RunKey>,
    rows: Rows,
}

/// What is to be written.
#[derive(Debug, Default)]
struct Rows {
    assignments: BTreeMap<String, assignment::ActiveModel>,
    submissions: Vec<submission::ActiveModel>,
    recommendations: BTreeMap<String, recommendation::ActiveModel>,
    decisions: BTreeMap<String, decision::ActiveModel>,
    measures: BTreeMap<String, measure::ActiveModel>,
    analyses: Vec<analysis::ActiveModel>,
    jobs: BTreeMap<String, job::ActiveModel>,
    done_jobs: BTreeSet<String>,
    outbox: Vec<outbox::ActiveModel>,
    journal: Vec<journal::ActiveModel>,
    requests: Vec<request::ActiveModel>,
}

impl Store {
    /// Opens a write transaction. There is one writer: another batch waits here.
    ///
    /// # Errors
    /// When the database cannot begin.
    pub async fn begin(&self) -> Result<Batch, DbErr> {
        Ok(Batch {
            transaction: self.writer().begin().await?,
            secret: self.secret().clone(),
            runs: BTreeMap::new(),
            changed: BTreeSet::new(),
            rows: Rows::default(),
        })
    }
}

impl Batch {
    /// Loads runs that are not loaded yet and holds them until the commit.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn load(&mut self, keys: impl IntoIterator<Item = RunKey>) -> Result<(), DbErr> {
        let missing: BTreeSet<String> = keys
            .into_iter()
            .filter(|key| !self.runs.contains_key(key))
            .map(|key| key.to_string())
            .collect();
        let missing: Vec<String> = missing.into_iter().collect();
        self.runs.extend(runs::load(&self.transaction, &missing, Load::Held).await?);
        Ok(())
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
        let changed = i64::from(self.changed.contains(key));
        self.runs.get(key).map(|loaded| loaded.revision + changed)
    }

    /// What is known of other runs, as far as they exist, this batch's changes included.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn summaries(
        &self,
        keys: &BTreeSet<RunKey>,
    ) -> Result<BTreeMap<RunKey, Summary>, DbErr> {
        let mut found = BTreeMap::new();
        let ids: Vec<String> =
            keys.iter().filter(|key| !self.runs.contains_key(key)).map(RunKey::to_string).collect();
        for chunk in ids.chunks(ROWS) {
            let rows = run::Entity::find()
                .filter(run::Column::Id.is_in(chunk.iter().map(String::as_str)))
                .all(&self.transaction)
                .await?;
            for row in rows {
                found.insert(row.id.parse().map_err(DbErr::Custom)?, runs::summary(&row)?);
            }
        }
        Ok(found)
    }

    /// The digests of those requests that were carried out before.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn requests(&self, ids: &[&str]) -> Result<HashMap<String, String>, DbErr> {
        let mut found = HashMap::new();
        for chunk in ids.chunks(ROWS) {
            let rows = request::Entity::find()
                .filter(request::Column::Id.is_in(chunk.iter().copied()))
                .all(&self.transaction)
                .await?;
            found.extend(rows.into_iter().map(|row| (row.id, row.digest)));
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
    ) -> Result<BTreeSet<String>, DbErr> {
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
                .all(&self.transaction)
                .await?;
            held.extend(keys);
        }
        Ok(held)
    }

    /// Takes in a run that came to be.
    pub fn insert(&mut self, run: Run) {
        self.runs.insert(run.key.clone(), Loaded { run, revision: 0 });
    }

    /// Takes in what a step of a loaded run changed.
    ///
    /// # Panics
    /// When the run is not loaded: a step without its run is a programming error.
    pub fn record(&mut self, key: &RunKey, outcome: Outcome, now: Timestamp) {
        let run = &self.runs.get(key).expect("a step is of a loaded run").run;
        let rows = &mut self.rows;
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
            let assignment = format!("{id}/{name}");
            let row = assignment::Model {
                run: id.clone(),
                municipality: key.municipality.clone(),
                activity: key.activity.clone(),
                stage: name.stage,
                organisation: name.organisation,
                state: value.state.as_str().into(),
                due: value.due.to_string(),
                token_hash: Secret::hash(&self.secret.token(&assignment)),
                body: json(value),
                id: assignment.clone(),
            };
            rows.assignments.insert(assignment, full(row));
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
                id: recommendation.clone(),
            };
            rows.recommendations.insert(recommendation, full(row));
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
                id: decision.clone(),
            };
            rows.decisions.insert(decision, full(row));
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
                id: measure.clone(),
            };
            rows.measures.insert(measure, full(row));
        }
        if let Some(submission) = outcome.submission {
            let assignment = format!("{id}/{}", submission.assignment);
            rows.submissions.push(full(submission::Model {
                id: format!("{assignment}/{}", submission.version),
                assignment,
                run: id.clone(),
                version: submission.version as i32,
                at: micros(submission.at),
                actor: submission.actor,
                origin: json(&submission.origin).trim_matches('"').to_owned(),
                answers: json(&submission.answers),
            }));
        }
        if let Some((stage, analysis)) = outcome.analysis {
            rows.analyses.push(full(analysis::Model {
                id: format!("{id}/{stage}"),
                run: id.clone(),
                stage,
                at: micros(now),
                body: json(&analysis),
            }));
        }
        for letter in outcome.letters {
            rows.outbox.push(full(outbox::Model {
                key: letter.key.clone(),
                municipality: key.municipality.clone(),
                run: id.clone(),
                road_map: run.road_map as i32,
                kind: letter.kind.as_str().into(),
                organisation: letter.to.clone(),
                state: "pending".into(),
                created_at: micros(now),
                next_attempt_at: micros(letter.not_before),
                attempts: 0,
                uncertain: false,
                sent_at: None,
                error: String::new(),
                message_id: message_id::of(&letter.key, &key.municipality),
                body: json(&letter),
                digest: None,
            }));
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
    pub fn remember(&mut self, request: &str, digest: String, now: Timestamp) {
        self.rows.requests.push(full(request::Model {
            id: request.to_owned(),
            digest,
            at: micros(now),
        }));
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
    /// When the database refuses; then nothing was changed.
    pub async fn commit(self) -> Result<(), DbErr> {
        let Batch { transaction, runs, changed, rows, .. } = self;
        let db = &transaction;
        let changed_runs = changed.iter().map(|key| {
            let loaded = &runs[key];
            full(runs::row(&loaded.run, loaded.revision + 1))
        });
        upsert::<run::Entity, _>(db, changed_runs.collect()).await?;
        upsert::<assignment::Entity, _>(db, rows.assignments.into_values().collect()).await?;
        upsert::<submission::Entity, _>(db, rows.submissions).await?;
        upsert::<recommendation::Entity, _>(db, rows.recommendations.into_values().collect())
            .await?;
        upsert::<decision::Entity, _>(db, rows.decisions.into_values().collect()).await?;
        upsert::<measure::Entity, _>(db, rows.measures.into_values().collect()).await?;
        upsert::<analysis::Entity, _>(db, rows.analyses).await?;
        // Not replaced: another daemon may just have carried out a request of the same id.
        for chunk in chunks(rows.requests) {
            request::Entity::insert_many(chunk).exec_without_returning(db).await?;
        }
        for chunk in rows.done_jobs.into_iter().collect::<Vec<_>>().chunks(ROWS) {
            job::Entity::delete_many()
                .filter(job::Column::Key.is_in(chunk.iter().map(String::as_str)))
                .exec(db)
                .await?;
        }
        upsert::<job::Entity, _>(db, rows.jobs.into_values().collect()).await?;
        // A letter has one key for ever: asked for twice, it is the first that goes.
        for chunk in chunks(rows.outbox) {
            outbox::Entity::insert_many(chunk)
                .on_conflict(OnConflict::column(outbox::Column::Key).do_nothing().to_owned())
                .exec_without_returning(db)
                .await?;
        }
        // Cursors are drawn in the order of the commits, so that who reads from a cursor on never
        // meets a smaller one that came later.
        if !rows.journal.is_empty() && db.get_database_backend() == DatabaseBackend::Postgres {
            lock(db, Lock::Journal).await?;
        }
        for chunk in chunks(rows.journal) {
            journal::Entity::insert_many(chunk).exec_without_returning(db).await?;
        }
        transaction.commit().await
    }

    /// Forgets everything.
    ///
    /// # Errors
    /// When the connection is lost; nothing was changed then either.
    pub async fn rollback(self) -> Result<(), DbErr> {
        self.transaction.rollback().await
    }
}

pub(super) fn job_row(
    key: String,
    kind: &str,
    run: &RunKey,
    due: Timestamp,
    body: String,
) -> job::ActiveModel {
    full(job::Model {
        key,
        kind: kind.to_owned(),
        run: run.to_string(),
        due_at: micros(due),
        attempts: 0,
        error: String::new(),
        body,
    })
}

/// A row with every column set.
fn full<M: IntoActiveModel<A>, A: ActiveModelTrait>(model: M) -> A {
    model.into_active_model().reset_all()
}

fn chunks<T>(rows: Vec<T>) -> impl Iterator<Item = Vec<T>> {
    let mut rows = rows.into_iter();
    std::iter::from_fn(move || {
        let chunk: Vec<T> = rows.by_ref().take(ROWS).collect();
        (!chunk.is_empty()).then_some(chunk)
    })
}

/// Inserts rows, or replaces those that exist.
async fn upsert<E, A>(db: &impl ConnectionTrait, rows: Vec<A>) -> Result<(), DbErr>
where
    E: EntityTrait,
    A: ActiveModelTrait<Entity = E>,
{
    let keys = E::PrimaryKey::iter().map(PrimaryKeyToColumn::into_column);
    let conflict = OnConflict::columns(keys).update_columns(E::Column::iter()).to_owned();
    for chunk in chunks(rows) {
        E::insert_many(chunk).on_conflict(conflict.clone()).exec_without_returning(db).await?;
    }
    Ok(())
}

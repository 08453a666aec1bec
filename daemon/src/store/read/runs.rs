//! Runs between the engine's form and the tables' form.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sea_orm::sea_query::{LockBehavior, LockType};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    QuerySelect, Select,
};
use serde::de::DeserializeOwned;
use vekha_engine::run::{Run, RunState};
use vekha_engine::{AssignmentKey, RunKey};

use crate::store::entities::{assignment, decision, measure, recommendation, run};
use crate::store::{Store, StoreError, document};

/// A loaded run and the revision of its row.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The run.
    pub run: Run,
    /// The row's revision.
    pub revision: i64,
    /// As [`run::Body::told_since`].
    pub told_since: Option<i64>,
}

impl Loaded {
    /// One that came to be and is no row yet.
    pub fn new(run: Run) -> Self {
        Loaded { run, revision: 0, told_since: Some(0) }
    }

    /// How many rows it is in the tables.
    pub fn rows(&self) -> usize {
        1 + run::sizes(&self.run).iter().sum::<usize>()
    }
}

/// A run in the columns that lists of all runs need.
#[derive(Debug, Clone, PartialEq, Eq, FromQueryResult)]
pub struct Brief {
    /// Its id.
    pub id: String,
    /// Activity id.
    pub activity: String,
    /// Where it stands.
    pub state: String,
    /// Microseconds since the epoch.
    pub opened_at: i64,
    /// Microseconds since the epoch.
    pub ended_at: Option<i64>,
}

impl Brief {
    /// Where it stands; none if the row says what no run is.
    pub fn state(&self) -> Option<RunState> {
        serde_json::from_value(self.state.as_str().into()).ok()
    }
}

/// Runs of one statement.
pub(super) const AT_ONCE: usize = 500;

/// Runs of one statement that asks for what was written since a revision of each.
const SINCE_AT_ONCE: usize = 100;

/// Of which runs the rows of a table are wanted.
struct Wanted {
    whole: Vec<String>,
    /// With the revision after which, and the one up to which.
    since: Vec<(String, i64, i64)>,
}

impl Wanted {
    const fn new() -> Self {
        Wanted { whole: Vec::new(), since: Vec::new() }
    }

    fn add(&mut self, run: &run::Model, since: Option<i64>) {
        match since {
            Some(since) => self.since.push((run.id.clone(), since, run.revision)),
            None => self.whole.push(run.id.clone()),
        }
    }

    /// The rows, for as many statements as it takes.
    fn of(
        &self,
        run: impl ColumnTrait,
        revision: impl ColumnTrait,
    ) -> impl Iterator<Item = Condition> {
        let ids = move |ids: &[String]| run.is_in(ids.iter().map(String::as_str));
        let whole = self.whole.chunks(AT_ONCE).map(move |chunk| Condition::all().add(ids(chunk)));
        let since = self.since.chunks(SINCE_AT_ONCE).map(move |chunk| {
            // None is of a later revision; but from a range PostgreSQL expects few rows, whatever the
            // numbers are, and takes the index.
            let later = |(id, since, now): &(String, i64, i64)| {
                let range = revision.between(since + 1, *now);
                Condition::all().add(run.eq(id.as_str())).add(range)
            };
            chunk.iter().map(later).fold(Condition::any(), Condition::add)
        });
        whole.chain(since)
    }
}

/// What is loaded of runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// All that belongs to them.
    Whole,
    /// Assignments, but nothing of what follows from the answers.
    Assignments,
    /// Nothing but their own rows.
    Bare,
}

/// Runs as they were found.
#[derive(Debug, Default)]
pub struct Found {
    /// Those that can be read, as far as they exist.
    pub runs: BTreeMap<RunKey, Loaded>,
    /// Those that cannot, by id, and what is said of the row that is to blame.
    pub broken: BTreeMap<String, StoreError>,
}

impl Found {
    /// All of them, for whom none may be missing.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub fn whole(self) -> Result<BTreeMap<RunKey, Loaded>, StoreError> {
        match self.broken.into_values().next() {
            Some(e) => Err(e),
            None => Ok(self.runs),
        }
    }

    /// Has a row that belongs to a run taken in, or the run is broken by it.
    fn take<T: DeserializeOwned>(
        &mut self,
        (id, run, body): (&str, &str, &str),
        take: impl FnOnce(&mut Run, T),
    ) {
        let Ok(key) = run.parse::<RunKey>() else { return };
        // A run that is broken already is not there any more.
        let Some(loaded) = self.runs.get_mut(&key) else { return };
        match document(id, body) {
            Ok(value) => take(&mut loaded.run, value),
            Err(e) => {
                self.runs.remove(&key);
                self.broken.insert(run.to_owned(), e);
            }
        }
    }
}

/// Holds the rows of runs until the transaction ends (PostgreSQL; SQLite has one writer anyway), and
/// returns those that exist. Keys must come sorted, so that two daemons cannot deadlock.
///
/// # Errors
/// When the database cannot be read.
pub(in crate::store) async fn hold(
    db: &impl ConnectionTrait,
    keys: &[String],
) -> Result<Vec<run::Model>, StoreError> {
    let mut rows = Vec::new();
    for chunk in keys.chunks(AT_ONCE) {
        rows.extend(named(chunk).lock_exclusive().all(db).await?);
    }
    Ok(rows)
}

/// As [`hold`], but waits for nobody: runs that others hold are left out, and those beyond so many.
///
/// # Errors
/// When the database cannot be read.
pub(in crate::store) async fn hold_free(
    db: &impl ConnectionTrait,
    keys: &[String],
    most: usize,
) -> Result<Vec<run::Model>, StoreError> {
    let mut rows = Vec::new();
    for chunk in keys.chunks(AT_ONCE) {
        let room = most - rows.len();
        if room == 0 {
            break;
        }
        let free = named(chunk).lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
        rows.extend(free.limit(room as u64).all(db).await?);
    }
    Ok(rows)
}

/// Those of the runs that exist, whoever holds them.
///
/// # Errors
/// When the database cannot be read.
pub(in crate::store) async fn existing(
    db: &impl ConnectionTrait,
    keys: &[String],
) -> Result<BTreeSet<String>, StoreError> {
    let mut found = BTreeSet::new();
    for chunk in keys.chunks(AT_ONCE) {
        let ids = named(chunk).select_only().column(run::Column::Id);
        let ids: Vec<String> = ids.into_tuple().all(db).await?;
        found.extend(ids);
    }
    Ok(found)
}

fn named(keys: &[String]) -> Select<run::Entity> {
    run::Entity::find()
        .filter(run::Column::Id.is_in(keys.iter().map(String::as_str)))
        .order_by_asc(run::Column::Id)
}

/// Loads runs, as far as they exist.
///
/// # Errors
/// When the database cannot be read. A row that cannot be breaks the run that it belongs to and no
/// other.
pub async fn load(
    db: &impl ConnectionTrait,
    keys: &[String],
    what: Load,
) -> Result<Found, StoreError> {
    let mut rows = Vec::new();
    for chunk in keys.chunks(AT_ONCE) {
        rows.extend(named(chunk).all(db).await?);
    }
    complete(db, rows, what, &mut HashMap::new()).await
}

/// Loads what belongs to runs whose rows are at hand. Of those that are known as they were, only what
/// was written since is read.
///
/// # Errors
/// As [`load`].
pub(in crate::store) async fn complete(
    db: &impl ConnectionTrait,
    rows: Vec<run::Model>,
    what: Load,
    known: &mut HashMap<RunKey, Loaded>,
) -> Result<Found, StoreError> {
    let mut found = Found::default();
    let mut wanted = [const { Wanted::new() }; 4];
    for row in rows {
        let (mut run, body) = match row.bare() {
            Ok(bare) => bare,
            Err(e) => {
                found.broken.insert(row.id, e);
                continue;
            }
        };
        let told = |loaded: &Loaded| body.told_since.is_some_and(|told| told <= loaded.revision);
        let before = known.remove(&run.key).filter(told);
        let since = before.as_ref().map(|before| before.revision);
        if let Some(Loaded { run: before, .. }) = before {
            run.assignments = before.assignments;
            run.recommendations = before.recommendations;
            run.decisions = before.decisions;
            run.measures = before.measures;
        }
        for (wanted, size) in wanted.iter_mut().zip(body.sizes) {
            if size > 0 {
                wanted.add(&row, since);
            }
        }
        let run::Body { told_since, .. } = body;
        found.runs.insert(run.key.clone(), Loaded { run, revision: row.revision, told_since });
    }
    let [assigned, recommended, decided, ordered] = wanted;
    if what == Load::Bare {
        return Ok(found);
    }
    for those in assigned.of(assignment::Column::Run, assignment::Column::Revision) {
        for row in assignment::Entity::find().filter(those).all(db).await? {
            let key = AssignmentKey::new(&row.stage, &row.organisation);
            found.take((&row.id, &row.run, &row.body), |run, value| {
                run.assignments.extend([(key, value)]);
            });
        }
    }
    if what == Load::Assignments {
        return Ok(found);
    }
    for those in recommended.of(recommendation::Column::Run, recommendation::Column::Revision) {
        for row in recommendation::Entity::find().filter(those).all(db).await? {
            let key = AssignmentKey::new(&row.stage, &row.organisation);
            found.take((&row.id, &row.run, &row.body), |run, value| {
                run.recommendations.extend([(key, value)]);
            });
        }
    }
    for those in decided.of(decision::Column::Run, decision::Column::Revision) {
        let rows = decision::Entity::find().filter(those).order_by_asc(decision::Column::Ordinal);
        for row in rows.all(db).await? {
            found.take((&row.called(), &row.run, &row.body), |run, value| {
                put(&mut run.decisions, row.ordinal, value);
            });
        }
    }
    for those in ordered.of(measure::Column::Run, measure::Column::Revision) {
        let rows = measure::Entity::find().filter(those).order_by_asc(measure::Column::Ordinal);
        for row in rows.all(db).await? {
            found.take((&row.called(), &row.run, &row.body), |run, value| {
                put(&mut run.measures, row.ordinal, value);
            });
        }
    }
    Ok(found)
}

/// Adds what has a number, from 1, or puts it in the place of what it was; numbers come in order.
fn put<T>(all: &mut Vec<T>, ordinal: i32, value: T) {
    match all.get_mut((ordinal - 1) as usize) {
        Some(before) => *before = value,
        None => all.push(value),
    }
}

impl Store {
    /// The keys of all runs of a municipality, in the order of their ids.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn run_keys(&self, municipality: &str) -> Result<Vec<RunKey>, StoreError> {
        let ids: Vec<String> = run::Entity::find()
            .select_only()
            .column(run::Column::Id)
            .filter(run::Column::Municipality.eq(municipality))
            .order_by_asc(run::Column::Id)
            .into_tuple()
            .all(self.reader())
            .await?;
        // One that cannot be read is told of where it is looked at.
        Ok(ids.iter().filter_map(|id| id.parse().ok()).collect())
    }

    /// The keys of all runs of an activity, in the order of their ids.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn keys_of_activity(
        &self,
        municipality: &str,
        activity: &str,
    ) -> Result<Vec<RunKey>, StoreError> {
        let ids: Vec<String> = run::Entity::find()
            .select_only()
            .column(run::Column::Id)
            .filter(run::Column::Municipality.eq(municipality))
            .filter(run::Column::Activity.eq(activity))
            .order_by_asc(run::Column::Id)
            .into_tuple()
            .all(self.reader())
            .await?;
        Ok(ids.iter().filter_map(|id| id.parse().ok()).collect())
    }

    /// All runs of a municipality in a few words, in the order of their ids.
    ///
    /// # Errors
    /// When the database cannot be read; so for those that follow.
    pub async fn brief_runs(&self, municipality: &str) -> Result<Vec<Brief>, StoreError> {
        Ok(run::Entity::find()
            .select_only()
            .columns([
                run::Column::Id,
                run::Column::Activity,
                run::Column::State,
                run::Column::OpenedAt,
                run::Column::EndedAt,
            ])
            .filter(run::Column::Municipality.eq(municipality))
            .order_by_asc(run::Column::Id)
            .into_model()
            .all(self.reader())
            .await?)
    }

    /// The rows of these runs, by id, as far as they exist.
    pub async fn rows_of_runs(&self, ids: &[String]) -> Result<Vec<run::Model>, StoreError> {
        let mut rows = Vec::new();
        for chunk in ids.chunks(AT_ONCE) {
            rows.extend(named(chunk).all(self.reader()).await?);
        }
        Ok(rows)
    }

    /// One run with all that belongs to it.
    pub async fn run(&self, key: &RunKey) -> Result<Option<Loaded>, StoreError> {
        let found = load(self.reader(), &[key.to_string()], Load::Whole).await?;
        Ok(found.whole()?.remove(key))
    }

    /// A run by itself, without what belongs to it: enough for who looks at one of its assignments.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn bare_run(&self, key: &RunKey) -> Result<Option<Run>, StoreError> {
        let row = run::Entity::find_by_id(key.to_string()).one(self.reader()).await?;
        row.map(|row| row.bare().map(|(run, _)| run)).transpose()
    }

    /// Runs with all that belongs to them, as far as they exist and can be read.
    pub async fn runs(&self, keys: &[RunKey]) -> Result<BTreeMap<RunKey, Loaded>, StoreError> {
        let ids: Vec<String> = keys.iter().map(RunKey::to_string).collect();
        let found = load(self.reader(), &ids, Load::Whole).await?;
        for (id, e) in found.broken {
            self.readable::<()>(&id, Err(e))?;
        }
        Ok(found.runs)
    }

    /// The versions of the road map that runs keep, by run, as far as they exist.
    pub async fn versions_of_runs(
        &self,
        ids: &[String],
    ) -> Result<BTreeMap<String, u32>, StoreError> {
        let mut versions = BTreeMap::new();
        for chunk in ids.chunks(AT_ONCE) {
            let rows: Vec<(String, i32)> = run::Entity::find()
                .select_only()
                .columns([run::Column::Id, run::Column::RoadMap])
                .filter(run::Column::Id.is_in(chunk.iter().map(String::as_str)))
                .into_tuple()
                .all(self.reader())
                .await?;
            versions.extend(rows.into_iter().map(|(id, number)| (id, number as u32)));
        }
        Ok(versions)
    }
}

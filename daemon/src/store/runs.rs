//! Runs between the engine's form and the tables' form.

use std::collections::{BTreeMap, HashMap};

use sea_orm::sea_query::{LockBehavior, LockType};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    Select,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use vekha_engine::assignments::Assignments;
use vekha_engine::journal::Head;
use vekha_engine::recommendations::Recommendations;
use vekha_engine::run::{Run, RunState, Stage};
use vekha_engine::{AssignmentKey, RunKey, Summary};

use super::entities::{assignment, decision, measure, recommendation, run};
use super::{Store, StoreError, document, instant, json, micros, unreadable};

/// What the `body` column of a run holds.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Body {
    /// Organisations named at the start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub named: Vec<String>,
    /// Runs that it waits for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waits_for: Vec<RunKey>,
    /// Stages in order.
    pub stages: Vec<Stage>,
    /// Findings: rule id -> organisation codes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub found: BTreeMap<String, Vec<String>>,
    /// How many rows belong to it: assignments, recommendations, decisions, measures. Tables in
    /// which it has none need not be asked.
    pub sizes: [usize; 4],
    /// The revision of the run since which these rows say at which they were written. A release that
    /// did not know this leaves it out, and with it all who remember an earlier revision read anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_since: Option<i64>,
}

/// A loaded run and the revision of its row.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The run.
    pub run: Run,
    /// The row's revision.
    pub revision: i64,
    /// As [`Body::told_since`].
    pub told_since: Option<i64>,
}

impl Loaded {
    /// One that came to be and is no row yet.
    pub fn new(run: Run) -> Self {
        Loaded { run, revision: 0, told_since: Some(0) }
    }

    /// How many rows it is in the tables.
    pub fn rows(&self) -> usize {
        1 + sizes(&self.run).iter().sum::<usize>()
    }
}

/// How many rows belong to a run, as [`Body::sizes`] has them.
fn sizes(run: &Run) -> [usize; 4] {
    [run.assignments.len(), run.recommendations.len(), run.decisions.len(), run.measures.len()]
}

/// The run as a row.
pub(super) fn row(Loaded { run, revision, told_since }: &Loaded) -> run::Model {
    let body = Body {
        named: run.named.clone(),
        waits_for: run.waits_for.clone(),
        stages: run.stages.clone(),
        found: BTreeMap::clone(&run.found),
        sizes: sizes(run),
        told_since: *told_since,
    };
    run::Model {
        id: run.key.to_string(),
        municipality: run.key.municipality.clone(),
        activity: run.key.activity.clone(),
        period: run.key.period.to_string(),
        part: run.key.part.clone(),
        road_map: run.road_map as i32,
        state: run.state.as_str().to_owned(),
        opened_at: micros(run.opened_at),
        ended_at: run.ended_at.map(micros),
        body: json(&body),
        journal_sequence: run.journal.sequence as i64,
        journal_hash: run.journal.hash.clone(),
        revision: *revision,
    }
}

/// The state that a column holds.
pub fn state(text: &str) -> Result<RunState, StoreError> {
    serde_json::from_value(text.into()).map_err(|_| unreadable(text, "нет такого состояния"))
}

/// What other runs must know of a run, from its row.
pub fn summary(row: &run::Model) -> Result<Summary, StoreError> {
    let body: Body = document(&row.id, &row.body)?;
    Ok(Summary { state: state(&row.state)?, found: body.found.into() })
}

/// A run without its assignments and the like, from its row.
pub fn bare(row: &run::Model) -> Result<(Run, Body), StoreError> {
    let body: Body = document(&row.id, &row.body)?;
    let run = Run {
        key: row.id.parse().map_err(|e| unreadable(&row.id, e))?,
        road_map: row.road_map as u32,
        state: state(&row.state)?,
        opened_at: instant(row.opened_at),
        ended_at: row.ended_at.map(instant),
        named: body.named.clone(),
        waits_for: body.waits_for.clone(),
        stages: body.stages.clone(),
        found: body.found.clone().into(),
        assignments: Assignments::default(),
        recommendations: Recommendations::default(),
        decisions: Vec::new(),
        measures: Vec::new(),
        journal: Head { sequence: row.journal_sequence as u64, hash: row.journal_hash.clone() },
    };
    Ok((run, body))
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

/// What is done about a run that another daemon holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    /// It is waited for.
    Await,
    /// It is left out.
    Skip,
}

/// Holds the rows of runs until the transaction ends (PostgreSQL; SQLite has one writer anyway), and
/// returns those that exist. Keys must come sorted, so that two daemons cannot deadlock.
///
/// # Errors
/// When the database cannot be read.
pub(super) async fn hold(
    db: &impl ConnectionTrait,
    keys: &[String],
    by_others: Held,
) -> Result<Vec<run::Model>, StoreError> {
    let mut rows = Vec::new();
    for chunk in keys.chunks(AT_ONCE) {
        let held = match by_others {
            Held::Await => named(chunk).lock_exclusive(),
            Held::Skip => {
                named(chunk).lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
            }
        };
        rows.extend(held.all(db).await?);
    }
    Ok(rows)
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
pub(super) async fn complete(
    db: &impl ConnectionTrait,
    rows: Vec<run::Model>,
    what: Load,
    known: &mut HashMap<RunKey, Loaded>,
) -> Result<Found, StoreError> {
    let mut found = Found::default();
    let mut wanted = [const { Wanted::new() }; 4];
    for row in rows {
        let (mut run, body) = match bare(&row) {
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
        let Body { told_since, .. } = body;
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
            found.take((&row.id, &row.run, &row.body), |run, value| {
                put(&mut run.decisions, row.ordinal, value);
            });
        }
    }
    for those in ordered.of(measure::Column::Run, measure::Column::Revision) {
        let rows = measure::Entity::find().filter(those).order_by_asc(measure::Column::Ordinal);
        for row in rows.all(db).await? {
            found.take((&row.id, &row.run, &row.body), |run, value| {
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
}

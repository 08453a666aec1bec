//! Runs between the engine's form and the tables' form.

use std::collections::BTreeMap;

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use vekha_engine::assignments::Assignments;
use vekha_engine::journal::Head;
use vekha_engine::recommendations::Recommendations;
use vekha_engine::run::{Run, RunState, Stage};
use vekha_engine::{AssignmentKey, RunKey, Summary};

use super::entities::{assignment, decision, measure, recommendation, run};
use super::{Store, document, instant, json, micros, unreadable};

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
}

/// A loaded run and the revision of its row.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The run.
    pub run: Run,
    /// The row's revision.
    pub revision: i64,
}

impl Loaded {
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
pub(super) fn row(run: &Run, revision: i64) -> run::Model {
    let body = Body {
        named: run.named.clone(),
        waits_for: run.waits_for.clone(),
        stages: run.stages.clone(),
        found: BTreeMap::clone(&run.found),
        sizes: sizes(run),
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
        revision,
    }
}

/// The state that a column holds.
pub fn state(text: &str) -> Result<RunState, DbErr> {
    serde_json::from_value(text.into()).map_err(|_| unreadable(text, "нет такого состояния"))
}

/// What other runs must know of a run, from its row.
pub fn summary(row: &run::Model) -> Result<Summary, DbErr> {
    let body: Body = document(&row.id, &row.body)?;
    Ok(Summary { state: state(&row.state)?, found: body.found.into() })
}

/// A run without its assignments and the like, from its row.
pub fn bare(row: &run::Model) -> Result<(Run, Body), DbErr> {
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
    pub broken: BTreeMap<String, DbErr>,
}

impl Found {
    /// All of them, for whom none may be missing.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub fn whole(self) -> Result<BTreeMap<RunKey, Loaded>, DbErr> {
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

/// Holds the rows of runs until the transaction ends (PostgreSQL; SQLite has one writer anyway). Keys
/// must come sorted, so that two daemons cannot deadlock. Returns the revision of each that exists.
///
/// # Errors
/// When the database cannot be read.
pub(super) async fn hold(
    db: &impl ConnectionTrait,
    keys: &[String],
) -> Result<BTreeMap<String, i64>, DbErr> {
    let mut revisions = BTreeMap::new();
    for chunk in keys.chunks(AT_ONCE) {
        let held: Vec<(String, i64)> = run::Entity::find()
            .select_only()
            .columns([run::Column::Id, run::Column::Revision])
            .filter(run::Column::Id.is_in(chunk.iter().map(String::as_str)))
            .order_by_asc(run::Column::Id)
            .lock_exclusive()
            .into_tuple()
            .all(db)
            .await?;
        revisions.extend(held);
    }
    Ok(revisions)
}

/// Loads runs, as far as they exist.
///
/// # Errors
/// When the database cannot be read. A row that cannot be breaks the run that it belongs to and no
/// other.
pub async fn load(db: &impl ConnectionTrait, keys: &[String], what: Load) -> Result<Found, DbErr> {
    let mut found = Found::default();
    let mut with = [const { Vec::<String>::new() }; 4];
    for chunk in keys.chunks(AT_ONCE) {
        let query = run::Entity::find()
            .filter(run::Column::Id.is_in(chunk.iter().map(String::as_str)))
            .order_by_asc(run::Column::Id);
        for row in query.all(db).await? {
            let (run, body) = match bare(&row) {
                Ok(bare) => bare,
                Err(e) => {
                    found.broken.insert(row.id, e);
                    continue;
                }
            };
            for (ids, size) in with.iter_mut().zip(body.sizes) {
                if size > 0 {
                    ids.push(row.id.clone());
                }
            }
            found.runs.insert(run.key.clone(), Loaded { run, revision: row.revision });
        }
    }
    let [mut assigned, mut recommended, mut decided, mut ordered] = with;
    if what == Load::Bare {
        assigned.clear();
    }
    if matches!(what, Load::Assignments | Load::Bare) {
        for ids in [&mut recommended, &mut decided, &mut ordered] {
            ids.clear();
        }
    }
    for chunk in assigned.chunks(AT_ONCE) {
        let rows = assignment::Entity::find()
            .filter(assignment::Column::Run.is_in(chunk.iter().map(String::as_str)))
            .all(db)
            .await?;
        for row in rows {
            let key = AssignmentKey::new(&row.stage, &row.organisation);
            found.take((&row.id, &row.run, &row.body), |run, value| {
                run.assignments.extend([(key, value)]);
            });
        }
    }
    for chunk in recommended.chunks(AT_ONCE) {
        let rows = recommendation::Entity::find()
            .filter(recommendation::Column::Run.is_in(chunk.iter().map(String::as_str)))
            .all(db)
            .await?;
        for row in rows {
            let key = AssignmentKey::new(&row.stage, &row.organisation);
            found.take((&row.id, &row.run, &row.body), |run, value| {
                run.recommendations.extend([(key, value)]);
            });
        }
    }
    for chunk in decided.chunks(AT_ONCE) {
        let rows = decision::Entity::find()
            .filter(decision::Column::Run.is_in(chunk.iter().map(String::as_str)))
            .order_by_asc(decision::Column::Run)
            .order_by_asc(decision::Column::Ordinal)
            .all(db)
            .await?;
        for row in rows {
            found.take((&row.id, &row.run, &row.body), |run, value| run.decisions.push(value));
        }
    }
    for chunk in ordered.chunks(AT_ONCE) {
        let rows = measure::Entity::find()
            .filter(measure::Column::Run.is_in(chunk.iter().map(String::as_str)))
            .order_by_asc(measure::Column::Run)
            .order_by_asc(measure::Column::Ordinal)
            .all(db)
            .await?;
        for row in rows {
            found.take((&row.id, &row.run, &row.body), |run, value| run.measures.push(value));
        }
    }
    Ok(found)
}

impl Store {
    /// The keys of all runs of a municipality, in the order of their ids.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn run_keys(&self, municipality: &str) -> Result<Vec<RunKey>, DbErr> {
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

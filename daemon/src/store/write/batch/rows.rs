//! What a batch writes, table by table.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, DatabaseBackend, EntityTrait, QueryFilter, QueryTrait, Statement};
use vekha_engine::{Outcome, RunKey};

use super::ROWS;
use crate::secret::Secret;
use crate::store::Lock;
use crate::store::entities::{
    analysis, assignment, decision, job, journal, measure, outbox, recommendation, request, run,
    submission,
};
use crate::store::proof::Evidence;
use crate::store::read::runs::Loaded;
use crate::store::write::statements::Existing::{Change, Keep, Refuse};
use crate::store::write::statements::{array, insert, insert_after};
use crate::store::write::together::{TURN, together};

/// What is to be written.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub runs: BTreeMap<RunKey, run::Model>,
    pub assignments: BTreeMap<String, assignment::Model>,
    /// Hashes of the links that take the place of others, by assignment.
    pub links: BTreeMap<String, String>,
    pub submissions: Vec<submission::Model>,
    pub recommendations: BTreeMap<String, recommendation::Model>,
    pub decisions: BTreeMap<String, decision::Model>,
    pub measures: BTreeMap<String, measure::Model>,
    pub analyses: Vec<analysis::Model>,
    pub jobs: BTreeMap<String, job::Model>,
    pub done_jobs: BTreeSet<String>,
    pub outbox: Vec<outbox::ActiveModel>,
    pub journal: Vec<journal::ActiveModel>,
    pub requests: Vec<request::Model>,
}

impl Rows {
    /// The last entry of the journal that is to be written.
    pub fn evidence(&self) -> Option<Evidence> {
        self.journal.last()?.evidence()
    }

    /// Takes in what a step of a run changed.
    pub fn take_in(&mut self, loaded: &Loaded, outcome: Outcome, secret: &Secret, now: Timestamp) {
        let run = &loaded.run;
        let key = &run.key;
        // That of the run's row when all this is written.
        let revision = loaded.revision + i64::from(!self.runs.contains_key(key));
        let id = key.to_string();
        let entries = outcome.entries.into_iter();
        self.journal.extend(entries.map(|e| journal::ActiveModel::of(&id, e, run.road_map)));
        for name in outcome.assignments {
            let value = &run.assignments[&name];
            let replaced = outcome.links.contains(&name);
            let token = secret.token(&format!("{id}/{name}"), value.link);
            let row = assignment::Model::of(key, name, value, Secret::hash(&token), revision);
            if replaced {
                self.links.insert(row.id.clone(), row.token_hash.clone());
            }
            self.assignments.insert(row.id.clone(), row);
        }
        for name in outcome.recommendations {
            let value = &run.recommendations[&name];
            let row = recommendation::Model::of(key, name, value, revision);
            self.recommendations.insert(row.id.clone(), row);
        }
        for place in outcome.decisions {
            let row = decision::Model::of(key, place + 1, &run.decisions[place], revision);
            self.decisions.insert(row.id.clone(), row);
        }
        for place in outcome.measures {
            let row = measure::Model::of(key, place + 1, &run.measures[place], revision);
            self.measures.insert(row.id.clone(), row);
        }
        let submissions = outcome.submissions.into_iter();
        self.submissions.extend(submissions.map(|answer| submission::Model::of(key, answer)));
        let analyses = outcome.analyses.into_iter();
        self.analyses.extend(
            analyses.map(|(stage, analysis)| analysis::Model::of(key, stage, &analysis, now)),
        );
        let letters = outcome.letters.into_iter();
        self.outbox.extend(letters.map(|l| outbox::ActiveModel::of(l, run.road_map, now)));
        for job in &outcome.jobs {
            self.wish(job::Model::of(job, now));
        }
        match outcome.wake_at {
            Some(at) => self.wish(job::Model::wake(key, at)),
            // A wish that was never written need not be withdrawn.
            None => {
                let wake = job::Model::wake_key(key);
                self.jobs.remove(&wake);
                if !run.assignments.is_empty() || !run.decisions.is_empty() {
                    self.done_jobs.insert(wake);
                }
            }
        }
    }

    fn wish(&mut self, job: job::Model) {
        self.done_jobs.remove(&job.key);
        self.jobs.insert(job.key.clone(), job);
    }

    /// What writes them, in order.
    pub fn statements(
        self,
        backend: DatabaseBackend,
    ) -> Box<dyn Iterator<Item = Statement> + Send> {
        // Apart from the rows that change: those would touch the links' index with every answer. An
        // assignment that is no row yet comes to be with its newest link.
        let links = self.links.into_iter().map(move |(assignment, hash)| {
            assignment::Entity::update_many()
                .col_expr(assignment::Column::TokenHash, Expr::value(hash))
                .filter(assignment::Column::Id.eq(assignment))
                .build(backend)
        });
        let rows = insert(backend, values(self.runs), Change(run::CHANGING))
            .chain(insert(backend, values(self.assignments), Change(assignment::CHANGING)))
            .chain(insert(backend, self.submissions, Refuse))
            .chain(insert(backend, values(self.recommendations), Change(recommendation::CHANGING)))
            .chain(insert(backend, values(self.decisions), Change(decision::CHANGING)))
            .chain(insert(backend, values(self.measures), Change(measure::CHANGING)))
            .chain(insert(backend, self.analyses, Change(analysis::CHANGING)))
            // Not replaced: another daemon may just have carried out a request of the same id.
            .chain(insert(backend, self.requests, Refuse))
            .chain(delete_jobs(backend, self.done_jobs))
            .chain(insert(backend, values(self.jobs), Change(job::CHANGING)))
            // A letter has one key for ever: asked for twice, it is the first that goes.
            .chain(insert(backend, self.outbox, Keep));
        let journal = insert_after(backend, Some(TURN), self.journal, Refuse);
        match backend {
            // Cursors are drawn in the order of the commits, so that who reads from a cursor on never
            // meets a smaller one that came later.
            DatabaseBackend::Postgres => {
                Box::new(links.chain(together(rows, journal, Lock::Journal.call())))
            }
            _ => Box::new(links.chain(rows).chain(journal)),
        }
    }
}

/// What deletes jobs that are done with.
fn delete_jobs(
    backend: DatabaseBackend,
    done: BTreeSet<String>,
) -> impl Iterator<Item = Statement> {
    let mut done = done.into_iter().peekable();
    std::iter::from_fn(move || {
        done.peek()?;
        let keys: Vec<String> = done.by_ref().take(ROWS).collect();
        let delete = job::Entity::delete_many();
        let delete = match backend {
            // One parameter, however many they are: the statement has been prepared.
            DatabaseBackend::Postgres => {
                delete.filter(Expr::cust_with_values("\"key\" = ANY($1::text[])", [array(keys)]))
            }
            _ => delete.filter(job::Column::Key.is_in(keys)),
        };
        Some(delete.build(backend))
    })
}

fn values<K, V>(rows: BTreeMap<K, V>) -> Vec<V> {
    rows.into_values().collect()
}

//! A run: what its stages, waiting and findings are stands in `body`.

#![allow(missing_docs)] // the derive generates undocumented items

use std::collections::BTreeMap;

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};
use vekha_engine::assignments::Assignments;
use vekha_engine::journal::Head;
use vekha_engine::recommendations::Recommendations;
use vekha_engine::run::{Run, RunState, Stage};
use vekha_engine::{RunKey, Summary};

use crate::store::{StoreError, document, instant, json, micros, unreadable};

/// A run: what its stages, waiting and findings are stands in `body`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "run")]
pub struct Model {
    /// Key: municipality/activity/period[.part].
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// Municipality id.
    pub municipality: String,
    /// Activity id.
    pub activity: String,
    /// Period, as in the key.
    pub period: String,
    /// Organisation or label that tells runs of one period apart.
    pub part: Option<String>,
    /// Version of the road map that it keeps.
    pub road_map: i32,
    /// Where it stands.
    pub state: String,
    /// Microseconds since the epoch.
    pub opened_at: i64,
    /// Microseconds since the epoch.
    pub ended_at: Option<i64>,
    /// JSON of [`Body`].
    pub body: String,
    /// Number of journal entries.
    pub journal_sequence: i64,
    /// Hash of the last of them.
    pub journal_hash: String,
    /// Grows with each step: the etag.
    pub revision: i64,
}

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
    /// Who of the department sees to it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub keeper: String,
    /// The revision of the run since which these rows say at which they were written. A release that
    /// did not know this leaves it out, and with it all who remember an earlier revision read anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_since: Option<i64>,
}

/// How many rows belong to a run, as [`Body::sizes`] has them.
pub(in crate::store) fn sizes(run: &Run) -> [usize; 4] {
    [run.assignments.len(), run.recommendations.len(), run.decisions.len(), run.measures.len()]
}

impl Model {
    /// A run at this revision.
    pub(in crate::store) fn of(run: &Run, revision: i64, told_since: Option<i64>) -> Self {
        let body = Body {
            named: run.named.clone(),
            waits_for: run.waits_for.clone(),
            stages: run.stages.clone(),
            found: BTreeMap::clone(&run.found),
            sizes: sizes(run),
            keeper: run.keeper.clone(),
            told_since,
        };
        Model {
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

    /// What other runs must know of it.
    ///
    /// # Errors
    /// When it is no such row as Vekha writes; so for those that follow.
    pub fn summary(&self) -> Result<Summary, StoreError> {
        let body: Body = document(&self.id, &self.body)?;
        let done = vekha_engine::done_stages(&body.stages);
        Ok(Summary { state: self.run_state()?, found: body.found.into(), done })
    }

    /// The run without its assignments and the like.
    pub fn bare(&self) -> Result<(Run, Body), StoreError> {
        let body: Body = document(&self.id, &self.body)?;
        let run = Run {
            key: self.id.parse().map_err(|e| unreadable(&self.id, e))?,
            road_map: self.road_map as u32,
            state: self.run_state()?,
            opened_at: instant(self.opened_at),
            ended_at: self.ended_at.map(instant),
            named: body.named.clone(),
            keeper: body.keeper.clone(),
            waits_for: body.waits_for.clone(),
            stages: body.stages.clone(),
            found: body.found.clone().into(),
            assignments: Assignments::default(),
            recommendations: Recommendations::default(),
            decisions: Vec::new(),
            measures: Vec::new(),
            journal: Head {
                sequence: self.journal_sequence as u64,
                hash: self.journal_hash.clone(),
            },
        };
        Ok((run, body))
    }

    /// Where it stands.
    pub fn run_state(&self) -> Result<RunState, StoreError> {
        let state = serde_json::from_value(self.state.as_str().into());
        state.map_err(|_| unreadable(&self.state, "нет такого состояния"))
    }
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What later steps change of a row.
pub const CHANGING: &[Column] = &[
    Column::State,
    Column::EndedAt,
    Column::Body,
    Column::JournalSequence,
    Column::JournalHash,
    Column::Revision,
];

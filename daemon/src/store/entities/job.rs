//! Work to be done, and when. A run's wake-up is a job, too.

#![allow(missing_docs)] // the derive generates undocumented items

use jiff::Timestamp;
use sea_orm::entity::prelude::*;
use vekha_engine::{Job, RunKey};

use crate::store::{json, micros};

/// Work to be done, and when. A run's wake-up is a job, too.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "job")]
pub struct Model {
    /// Unique name: the same job asked for twice is one job.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: String,
    /// wake, or the engine's job kinds.
    pub kind: String,
    /// Run id.
    pub run: String,
    /// Microseconds since the epoch.
    pub due_at: i64,
    /// Failed tries so far.
    pub attempts: i32,
    /// What the last try said.
    pub error: String,
    /// JSON of [`vekha_engine::Job`]; empty for a wake-up.
    pub body: String,
}

impl Model {
    /// Work that is to be done now.
    pub(in crate::store) fn of(job: &Job, now: Timestamp) -> Self {
        Self::due(job.key(), job.kind(), job.run(), now, json(job))
    }

    /// A run's wish to be woken.
    pub(in crate::store) fn wake(run: &RunKey, at: Timestamp) -> Self {
        Self::due(Self::wake_key(run), "wake", run, at, String::new())
    }

    /// What the job is called that wakes a run.
    pub(in crate::store) fn wake_key(run: &RunKey) -> String {
        format!("wake/{run}")
    }

    fn due(key: String, kind: &str, run: &RunKey, at: Timestamp, body: String) -> Self {
        Model {
            key,
            kind: kind.to_owned(),
            run: run.to_string(),
            due_at: micros(at),
            attempts: 0,
            error: String::new(),
            body,
        }
    }
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What later steps change of a row.
pub const CHANGING: &[Column] = &[Column::DueAt, Column::Attempts, Column::Error, Column::Body];

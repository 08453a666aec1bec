//! Work to be done, and when. A run's wake-up is a job, too.

#![allow(missing_docs)] // the derive generates undocumented items

use sea_orm::entity::prelude::*;

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

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What later steps change of a row.
pub const CHANGING: &[Column] = &[Column::DueAt, Column::Attempts, Column::Error, Column::Body];

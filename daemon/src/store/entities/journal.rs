//! What happened, append-only.

#![allow(missing_docs)] // the derive generates undocumented items

use sea_orm::entity::prelude::*;

/// What happened, append-only.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "journal")]
pub struct Model {
    /// Position over all runs, for watching.
    #[sea_orm(primary_key)]
    pub cursor: i64,
    /// Run id.
    pub run: String,
    /// Position within the run, from 1.
    pub sequence: i64,
    /// Microseconds since the epoch.
    pub at: i64,
    /// Who did it.
    pub actor: String,
    /// What it was.
    pub kind: String,
    /// Its facts: the very JSON text that was hashed.
    pub data: String,
    /// Version of the road map in force for the run.
    pub road_map: i32,
    /// Chain hash, hex.
    pub hash: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

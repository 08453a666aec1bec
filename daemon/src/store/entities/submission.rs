//! One version of an answer.

#![allow(missing_docs)] // the derive generates undocumented items

use sea_orm::entity::prelude::*;

/// One version of an answer.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "submission")]
pub struct Model {
    /// Assignment id, slash, version.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// Assignment id.
    pub assignment: String,
    /// Run id.
    pub run: String,
    /// From 1.
    pub version: i32,
    /// Microseconds since the epoch.
    pub at: i64,
    /// Who sent it.
    pub actor: String,
    /// page or api.
    pub origin: String,
    /// JSON object by field id.
    pub answers: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

//! A call that was carried out: repeating it changes nothing.

#![allow(missing_docs)] // the derive generates undocumented items

use sea_orm::entity::prelude::*;

/// A call that was carried out: repeating it changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "request")]
pub struct Model {
    /// The caller's request id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// What was asked, as a hash.
    pub digest: String,
    /// Microseconds since the epoch.
    pub at: i64,
    /// What it made, as who asked names it: the number of an answer or a decision, a run's id.
    pub made: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

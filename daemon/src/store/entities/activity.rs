//! Where an activity's schedule stands.

#![allow(missing_docs)] // the derive generates undocumented items

use sea_orm::entity::prelude::*;

/// Where an activity's schedule stands.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "activity")]
pub struct Model {
    /// Municipality, slash, activity.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// Municipality id.
    pub municipality: String,
    /// Activity id.
    pub activity: String,
    /// Openings up to this moment are done with.
    pub opened_through: i64,
    /// The next due one; none without a schedule.
    pub next_opening: Option<i64>,
    /// Whether it is paused.
    pub paused: bool,
    /// Why.
    pub reason: String,
    /// Who paused it.
    pub actor: String,
    /// Number of entries in its own journal.
    pub journal_sequence: i64,
    /// Hash of the last one; empty before the first.
    pub journal_hash: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

//! A person who is sent a summary in the morning.

#![allow(missing_docs)] // the derive generates undocumented items

use sea_orm::entity::prelude::*;

/// A person who is sent a summary in the morning.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "summary")]
pub struct Model {
    /// Whose it is.
    #[sea_orm(primary_key, auto_increment = false)]
    pub person: String,
    /// When the next one is due, or is tried again.
    pub next_at: i64,
    /// Tries of the next one that were begun.
    pub attempts: i32,
    /// Why the last one did not arrive; empty if it did.
    pub error: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

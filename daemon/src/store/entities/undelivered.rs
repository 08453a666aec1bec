//! An entry of the journal that a listener did not take and that was given up.

#![allow(missing_docs)] // the derive generates undocumented items

use sea_orm::entity::prelude::*;

/// An entry that was given up.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "undelivered")]
pub struct Model {
    /// Whom it did not reach.
    #[sea_orm(primary_key, auto_increment = false)]
    pub listener: String,
    /// Its cursor in the journal.
    #[sea_orm(primary_key, auto_increment = false)]
    pub cursor: i64,
    /// How many tries there were.
    pub attempts: i32,
    /// What went wrong at the last.
    pub error: String,
    /// When it was given up.
    pub given_up_at: i64,
    /// Somebody wants it tried once more.
    pub wanted: bool,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

//! A challenge that was answered.

#![allow(missing_docs)] // the derive generates undocumented items

use sea_orm::entity::prelude::*;

/// A challenge that was answered, until nobody would take it any more: it serves once, whichever daemon is
/// answered.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "used_challenge")]
pub struct Model {
    /// The challenge.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// Until when it is remembered.
    pub expires_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

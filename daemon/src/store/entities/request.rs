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
    /// SHA-256 of what was asked, hex.
    pub digest: String,
    /// Microseconds since the epoch.
    pub at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

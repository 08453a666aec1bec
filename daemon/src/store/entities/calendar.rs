//! A calendar that somebody has subscribed to.

#![allow(missing_docs)] // the derive generates undocumented items

use sea_orm::entity::prelude::*;

/// A calendar that somebody has subscribed to.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "calendar")]
pub struct Model {
    /// Its name, which says nothing by itself.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// SHA-256 of what its address ends with, hex: that itself is not stored.
    pub hash: String,
    /// Municipality id.
    pub municipality: String,
    /// Whose terms it shows; empty for the terms of all runs.
    pub organisation: String,
    /// Who of the department reads it; empty if an organisation does.
    pub person: String,
    /// Who asked for it.
    pub created_by: String,
    /// Microseconds since the epoch.
    pub created_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

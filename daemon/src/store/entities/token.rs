//! A system that may call.

#![allow(missing_docs)] // the derive generates undocumented items

use sea_orm::entity::prelude::*;

/// A system that may call.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "access_token")]
pub struct Model {
    /// Drawn.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// What it is called; nobody else's.
    pub name: String,
    /// Hash of the token.
    pub hash: String,
    /// Hash of the one before, as long as that is taken, too; empty otherwise.
    pub hash_before: String,
    /// Until when the one before is taken.
    pub before_until: i64,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: i64,
    /// Until when it is taken; none for ever.
    pub expires_at: Option<i64>,
    /// When it was last used, to the minute; 0 if never.
    pub used_at: i64,
    /// Which services of the contract it is for, with blanks between them; empty for all.
    pub services: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

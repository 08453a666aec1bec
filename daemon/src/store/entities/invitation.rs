//! A link by which a person chooses a password, once.

#![allow(missing_docs)] // the derive generates undocumented items

use sea_orm::entity::prelude::*;

/// A link by which a person chooses a password, once.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "invitation")]
pub struct Model {
    /// Hash of the secret in the link.
    #[sea_orm(primary_key, auto_increment = false)]
    pub hash: String,
    /// Whose; empty for the link by which the first administrator comes to be.
    pub person: String,
    /// Until when it opens.
    pub expires_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

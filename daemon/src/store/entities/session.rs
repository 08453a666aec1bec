//! A browser in which a person has signed in.

#![allow(missing_docs)] // the derive generates undocumented items

use sea_orm::entity::prelude::*;

/// A browser in which a person has signed in.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "session")]
pub struct Model {
    /// Hash of the secret that the browser keeps.
    #[sea_orm(primary_key, auto_increment = false)]
    pub hash: String,
    /// Whose.
    pub person: String,
    /// Since when.
    pub created_at: i64,
    /// When it was last used, to the minute.
    pub seen_at: i64,
    /// From where it was begun.
    pub address: String,
    /// What the browser calls itself.
    pub agent: String,
    /// The provider through which it was begun; empty if it was begun by a password.
    pub issuer: String,
    /// What the provider gave to end its own session by, sealed; empty if it gave nothing.
    pub hint: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

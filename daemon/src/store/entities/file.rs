//! A file of an answer, or of one that is being typed.

#![allow(missing_docs)] // the derive generates undocumented items

use sea_orm::entity::prelude::*;

/// A file of an answer, or of one that is being typed.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "file")]
pub struct Model {
    /// `{assignment}/{sha256}`
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The assignment's id; of what is attached to a run's decisions `{run}/decisions`.
    pub assignment: String,
    /// SHA-256 of the content, lower-case hex.
    pub sha256: String,
    /// When it came, microseconds since the epoch.
    pub at: i64,
    /// The content.
    pub content: Vec<u8>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

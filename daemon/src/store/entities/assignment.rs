//! What one participant owes.

#![allow(missing_docs)] // the derive generates undocumented items

use sea_orm::entity::prelude::*;

/// What one participant owes.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "assignment")]
pub struct Model {
    /// Run, slash, stage.organisation.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// Run id.
    pub run: String,
    /// Municipality id.
    pub municipality: String,
    /// Activity id.
    pub activity: String,
    /// Stage id, or measure-N.
    pub stage: String,
    /// Organisation code.
    pub organisation: String,
    /// open, answered, missing, waived.
    pub state: String,
    /// Civil date.
    pub due: String,
    /// SHA-256 of the link's token, hex: the token itself is not stored.
    pub token_hash: String,
    /// JSON of [`vekha_engine::run::Assignment`].
    pub body: String,
    /// The revision of the run at which it was written.
    pub revision: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What later steps change of a row.
pub const CHANGING: &[Column] = &[Column::State, Column::Due, Column::Body, Column::Revision];

//! Figures and findings of a stage.

#![allow(missing_docs)] // the derive generates undocumented items

use sea_orm::entity::prelude::*;

/// Figures and findings of a stage.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "analysis")]
pub struct Model {
    /// Run, slash, stage.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// Run id.
    pub run: String,
    /// Stage id.
    pub stage: String,
    /// Microseconds since the epoch.
    pub at: i64,
    /// JSON of [`vekha_analysis::Outcome`].
    pub body: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What later steps change of a row.
pub const CHANGING: &[Column] = &[Column::At, Column::Body];

//! Figures and findings of a stage.

#![allow(missing_docs)] // the derive generates undocumented items

use jiff::Timestamp;
use sea_orm::entity::prelude::*;
use vekha_analysis::Outcome;
use vekha_engine::RunKey;

use crate::store::{json, micros};

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

impl Model {
    /// What the analysis of a stage computed.
    pub(in crate::store) fn of(
        run: &RunKey,
        stage: String,
        outcome: &Outcome,
        at: Timestamp,
    ) -> Self {
        Model {
            id: format!("{run}/{stage}"),
            run: run.to_string(),
            stage,
            at: micros(at),
            body: json(outcome),
        }
    }
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What later steps change of a row.
pub const CHANGING: &[Column] = &[Column::At, Column::Body];

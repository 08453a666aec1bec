//! Recommendations to one organisation.

#![allow(missing_docs)] // the derive generates undocumented items

use sea_orm::entity::prelude::*;
use vekha_engine::run::Recommendation;
use vekha_engine::{AssignmentKey, RunKey};

use crate::store::json;

/// Recommendations to one organisation.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "recommendation")]
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
    /// Stage id.
    pub stage: String,
    /// Organisation code.
    pub organisation: String,
    /// draft, issued, acknowledged, discarded.
    pub state: String,
    /// JSON of [`vekha_engine::run::Recommendation`].
    pub body: String,
    /// The revision of the run at which it was written.
    pub revision: i64,
}

impl Model {
    /// What an organisation is recommended in a run of this revision.
    pub(in crate::store) fn of(
        run: &RunKey,
        key: AssignmentKey,
        recommendation: &Recommendation,
        revision: i64,
    ) -> Self {
        Model {
            id: format!("{run}/{key}"),
            run: run.to_string(),
            municipality: run.municipality.clone(),
            activity: run.activity.clone(),
            stage: key.stage,
            organisation: key.organisation,
            state: recommendation.state.as_str().into(),
            body: json(recommendation),
            revision,
        }
    }
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What later steps change of a row.
pub const CHANGING: &[Column] = &[Column::State, Column::Body, Column::Revision];

//! What one participant owes.

#![allow(missing_docs)] // the derive generates undocumented items

use sea_orm::entity::prelude::*;
use vekha_engine::run::Assignment;
use vekha_engine::{AssignmentKey, RunKey};

use crate::store::json;

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

impl Model {
    /// What a participant owes in a run of this revision; its link has this token's hash.
    pub(in crate::store) fn of(
        run: &RunKey,
        key: AssignmentKey,
        assignment: &Assignment,
        token_hash: String,
        revision: i64,
    ) -> Self {
        Model {
            id: format!("{run}/{key}"),
            run: run.to_string(),
            municipality: run.municipality.clone(),
            activity: run.activity.clone(),
            stage: key.stage,
            organisation: key.organisation,
            state: assignment.state.as_str().into(),
            due: assignment.due.to_string(),
            token_hash,
            body: json(assignment),
            revision,
        }
    }
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What later steps change of a row.
pub const CHANGING: &[Column] = &[Column::State, Column::Due, Column::Body, Column::Revision];

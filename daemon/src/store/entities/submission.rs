//! One version of an answer.

#![allow(missing_docs)] // the derive generates undocumented items

use sea_orm::entity::prelude::*;
use vekha_engine::{RunKey, Submission};

use crate::store::{json, micros};

/// One version of an answer.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "submission")]
pub struct Model {
    /// Assignment id, slash, version.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// Assignment id.
    pub assignment: String,
    /// Run id.
    pub run: String,
    /// From 1.
    pub version: i32,
    /// Microseconds since the epoch.
    pub at: i64,
    /// Who sent it.
    pub actor: String,
    /// page or api.
    pub origin: String,
    /// JSON object by field id.
    pub answers: String,
}

impl Model {
    /// What was answered in a run.
    pub(in crate::store) fn of(run: &RunKey, submission: Submission) -> Self {
        let assignment = format!("{run}/{}", submission.assignment);
        Model {
            id: format!("{assignment}/{}", submission.version),
            assignment,
            run: run.to_string(),
            version: submission.version as i32,
            at: micros(submission.at),
            actor: submission.actor,
            origin: <&str>::from(submission.origin).to_owned(),
            answers: json(&submission.answers),
        }
    }
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

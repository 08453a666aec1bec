//! What the authority decided.

#![allow(missing_docs)] // the derive generates undocumented items

use sea_orm::entity::prelude::*;
use vekha_engine::RunKey;
use vekha_engine::run::Decision;

use crate::store::json;

/// What the authority decided.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "decision")]
pub struct Model {
    /// Run, slash, number from 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// Run id.
    pub run: String,
    /// Municipality id.
    pub municipality: String,
    /// Activity id.
    pub activity: String,
    /// Number within the run, from 1.
    pub ordinal: i32,
    /// The document's civil date.
    pub date: String,
    /// JSON of [`vekha_engine::run::Decision`].
    pub body: String,
    /// The revision of the run at which it was written.
    pub revision: i64,
}

impl Model {
    /// What it is called where it cannot be read: its id is also that of something else.
    pub(crate) fn called(&self) -> String {
        format!("решение {}", self.id)
    }

    /// The decision of this number, from 1, in a run of this revision.
    pub(in crate::store) fn of(
        run: &RunKey,
        number: usize,
        decision: &Decision,
        revision: i64,
    ) -> Self {
        Model {
            id: format!("{run}/{number}"),
            run: run.to_string(),
            municipality: run.municipality.clone(),
            activity: run.activity.clone(),
            ordinal: number as i32,
            date: decision.document.date.to_string(),
            body: json(decision),
            revision,
        }
    }
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What later steps change of a row: attachments join the body.
pub const CHANGING: &[Column] = &[Column::Body, Column::Revision];

//! One thing that a decision orders one organisation to do.

#![allow(missing_docs)] // the derive generates undocumented items

use sea_orm::entity::prelude::*;
use vekha_engine::RunKey;
use vekha_engine::run::Measure;

use crate::store::json;

/// One thing that a decision orders one organisation to do.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "measure")]
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
    /// Organisation code.
    pub organisation: String,
    /// ordered, reported, done.
    pub state: String,
    /// Civil date.
    pub due: String,
    /// JSON of [`vekha_engine::run::Measure`].
    pub body: String,
    /// The revision of the run at which it was written.
    pub revision: i64,
}

impl Model {
    /// What it is called where it cannot be read: its id is also that of something else.
    pub(crate) fn called(&self) -> String {
        format!("мера {}", self.id)
    }

    /// The measure of this number, from 1, in a run of this revision.
    pub(in crate::store) fn of(
        run: &RunKey,
        number: usize,
        measure: &Measure,
        revision: i64,
    ) -> Self {
        Model {
            id: format!("{run}/{number}"),
            run: run.to_string(),
            municipality: run.municipality.clone(),
            activity: run.activity.clone(),
            ordinal: number as i32,
            organisation: measure.organisation.clone(),
            state: measure.state.as_str().into(),
            due: measure.due.to_string(),
            body: json(measure),
            revision,
        }
    }
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What later steps change of a row.
pub const CHANGING: &[Column] = &[Column::State, Column::Due, Column::Body, Column::Revision];

//! What a school has typed and not yet sent: nobody but its own page shows it.

#![allow(missing_docs)] // the derive generates undocumented items

use sea_orm::entity::prelude::*;

/// What a school has typed and not yet sent.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "draft")]
pub struct Model {
    /// The assignment's id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub assignment: String,
    /// When it was saved, microseconds since the epoch.
    pub at: i64,
    /// JSON of the raw answers.
    pub answers: String,
    /// The source that filled it; empty if a person did.
    pub source: String,
    /// Counts how often it was written.
    pub revision: i64,
    /// The mark of the page that wrote it last; empty if none did.
    pub page: String,
}

impl Model {
    /// What it is called where it cannot be read: its id is also that of something else.
    pub(crate) fn called(&self) -> String {
        format!("черновик {}", self.assignment)
    }
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

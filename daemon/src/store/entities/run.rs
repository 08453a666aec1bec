//! A run: what its stages, waiting and findings are stands in `body`.

#![allow(missing_docs)] // the derive generates undocumented items

use sea_orm::entity::prelude::*;

/// A run: what its stages, waiting and findings are stands in `body`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "run")]
pub struct Model {
    /// Key: municipality/activity/period[.part].
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// Municipality id.
    pub municipality: String,
    /// Activity id.
    pub activity: String,
    /// Period, as in the key.
    pub period: String,
    /// Organisation or label that tells runs of one period apart.
    pub part: Option<String>,
    /// Version of the road map that it keeps.
    pub road_map: i32,
    /// Where it stands.
    pub state: String,
    /// Microseconds since the epoch.
    pub opened_at: i64,
    /// Microseconds since the epoch.
    pub ended_at: Option<i64>,
    /// JSON of [`crate::store::runs::Body`].
    pub body: String,
    /// Number of journal entries.
    pub journal_sequence: i64,
    /// Hash of the last of them.
    pub journal_hash: String,
    /// Grows with each step: the etag.
    pub revision: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What later steps change of a row.
pub const CHANGING: &[Column] = &[
    Column::State,
    Column::EndedAt,
    Column::Body,
    Column::JournalSequence,
    Column::JournalHash,
    Column::Revision,
];

//! What happened, append-only.

#![allow(missing_docs)] // the derive generates undocumented items

use sea_orm::Set;
use sea_orm::entity::prelude::*;
use vekha_engine::Entry;

use crate::store::micros;
use crate::store::proof::Evidence;

/// What happened, append-only.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "journal")]
pub struct Model {
    /// Position over all runs, for watching.
    #[sea_orm(primary_key)]
    pub cursor: i64,
    /// Run id.
    pub run: String,
    /// Position within the run, from 1.
    pub sequence: i64,
    /// Microseconds since the epoch.
    pub at: i64,
    /// Who did it.
    pub actor: String,
    /// What it was.
    pub kind: String,
    /// Its facts: the very JSON text that was hashed.
    pub data: String,
    /// Version of the road map in force for the run.
    pub road_map: i32,
    /// Chain hash, hex.
    pub hash: String,
}

impl ActiveModel {
    /// An entry in the journal of a run or an activity, under a version of the road map. The database
    /// draws its cursor.
    pub(in crate::store) fn of(id: &str, entry: Entry, road_map: u32) -> Self {
        ActiveModel {
            cursor: sea_orm::NotSet,
            run: Set(id.to_owned()),
            sequence: Set(entry.sequence as i64),
            at: Set(micros(entry.at)),
            actor: Set(entry.actor),
            kind: Set(entry.kind),
            data: Set(entry.data),
            road_map: Set(road_map as i32),
            hash: Set(entry.hash),
        }
    }

    /// By what its commit is proved.
    pub(in crate::store) fn evidence(&self) -> Option<Evidence> {
        Some(Evidence {
            run: self.run.try_as_ref()?.clone(),
            sequence: *self.sequence.try_as_ref()?,
            hash: self.hash.try_as_ref()?.clone(),
        })
    }
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

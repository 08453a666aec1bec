//! A version of a municipality's road map, whole.

#![allow(missing_docs)] // the derive generates undocumented items

use sea_orm::entity::prelude::*;

/// A version of a municipality's road map, whole.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "road_map")]
pub struct Model {
    /// Municipality, slash, version.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// Municipality id.
    pub municipality: String,
    /// From 1.
    pub version: i32,
    /// SHA-256 over the files, hex.
    pub digest: String,
    /// Microseconds since the epoch.
    pub applied_at: i64,
    /// Who applied it.
    pub actor: String,
    /// JSON object: path -> text.
    pub files: String,
    /// How it came: see [`Means`](crate::runtime::road_maps::Means).
    pub means: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

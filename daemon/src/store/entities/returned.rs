//! A letter that an address sent back.

#![allow(missing_docs)] // the derive generates undocumented items

use sea_orm::entity::prelude::*;

/// A letter that an address sent back.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "returned")]
pub struct Model {
    /// The report's own name and the address: the same report about the same address is one row.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// Municipality id.
    pub municipality: String,
    /// Whose address it is.
    pub organisation: String,
    /// The address, as addresses are compared.
    pub address: String,
    /// The Message-ID under which the letter left, without brackets.
    pub message_id: String,
    /// no-such-address, full, refused, other.
    pub cause: String,
    /// What was said.
    pub detail: String,
    /// When it was taken, in microseconds since the epoch.
    pub at: i64,
    /// When somebody said that the address works all the same.
    pub confirmed_at: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

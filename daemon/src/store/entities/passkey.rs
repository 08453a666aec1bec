//! A passkey by which a person signs in.

#![allow(missing_docs)] // the derive generates undocumented items

use sea_orm::entity::prelude::*;

/// A passkey by which a person signs in. The key itself is in the person's device; what is kept here opens
/// nothing.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "passkey")]
pub struct Model {
    /// SHA-256 of the id that the device has given it, lower-case hex: nobody else's.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// Whose it is.
    pub person: String,
    /// What the person calls it.
    pub called: String,
    /// The id that the device has given it, base64url.
    pub credential: String,
    /// Whose it is, as the device knows it: drawn, base64url.
    pub user_handle: String,
    /// Its public key, with what the device said of it for good; base64url.
    pub public_key: String,
    /// What each use may change, its counter above all; base64url.
    pub state: String,
    /// How the device is reached, a set of bits.
    pub transports: i32,
    /// Since when.
    pub added_at: i64,
    /// When the person last signed in by it; 0 if never.
    pub used_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

//! Who works at the console.

#![allow(missing_docs)] // the derive generates undocumented items

use sea_orm::entity::prelude::*;

/// Who works at the console.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "person")]
pub struct Model {
    /// Drawn.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// By which the person signs in; lower case, nobody else's.
    pub email: String,
    /// What the person is called.
    pub name: String,
    /// What the person is.
    pub post: String,
    /// The password as it is kept; empty until one is chosen.
    pub password: String,
    /// Whether the person is let in no more.
    pub disabled: bool,
    /// Wrong passwords in a row.
    pub failures: i32,
    /// Until when no password is looked at.
    pub locked_until: i64,
    /// When the person was added.
    pub created_at: i64,
    /// When the person last signed in; 0 if never.
    pub signed_in_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

//! By which account with an organisation's provider a person signs in.

#![allow(missing_docs)] // the derive generates undocumented items

use sea_orm::entity::prelude::*;

/// By which account with an organisation's provider a person signs in.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "provider_account")]
pub struct Model {
    /// The provider's address.
    #[sea_orm(primary_key, auto_increment = false)]
    pub issuer: String,
    /// Who it is there: never anybody else, whatever becomes of their name and address.
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject: String,
    /// Who it is here.
    pub person: String,
    /// Since when.
    pub linked_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

//! What a person may do in a municipality because the provider said so when they last signed in there.

#![allow(missing_docs)] // the derive generates undocumented items

use sea_orm::entity::prelude::*;

/// What a person may do in a municipality because the provider says so.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "provided_role")]
pub struct Model {
    /// Id of the person.
    #[sea_orm(primary_key, auto_increment = false)]
    pub holder: String,
    /// Municipality id; `*` stands for all.
    #[sea_orm(primary_key, auto_increment = false)]
    pub municipality: String,
    /// The role.
    pub role: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

//! What a person or a token may do in a municipality.

#![allow(missing_docs)] // the derive generates undocumented items

use sea_orm::entity::prelude::*;

/// What a person or a token may do in a municipality.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "access_role")]
pub struct Model {
    /// Id of the person or of the token.
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

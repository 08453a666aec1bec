//! A filter of a list that a person comes back to.

#![allow(missing_docs)] // the derive generates undocumented items

use sea_orm::entity::prelude::*;

/// A filter of a list that a person comes back to.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "saved_filter")]
pub struct Model {
    /// Made of the person and the path.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// Whose it is.
    pub person: String,
    /// What the person calls it.
    pub title: String,
    /// The page with what was asked of it: `/m/zarechny?state=late`.
    pub path: String,
    /// When it was saved.
    pub created_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

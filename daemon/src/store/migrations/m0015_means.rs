//! A version of a road map says how it came: only what came from a folder gives way to a folder.

use sea_orm_migration::prelude::*;

use super::{ATOMIC, add_column};

/// A column of `road_map`.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        ATOMIC
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Until now there was no other way than files.
        let mut means = ColumnDef::new("means");
        means.string().not_null().default("files");
        add_column(manager, "road_map", means.to_owned()).await
    }
}

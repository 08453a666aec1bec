//! Files of answers.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, string, text};

use super::ATOMIC;

/// Files of answers.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        ATOMIC
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("file")
            .if_not_exists()
            .col(string("id").primary_key())
            .col(text("assignment"))
            .col(text("sha256"))
            .col(big_integer("at"))
            .col(ColumnDef::new("content").blob().not_null())
            .to_owned();
        manager.create_table(table).await
    }
}

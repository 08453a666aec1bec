//! Who is sent a summary in the morning.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, integer, string, text};

use super::ATOMIC;

/// One table.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        ATOMIC
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let summary = Table::create()
            .table("summary")
            .if_not_exists()
            .col(string("person").primary_key())
            .col(big_integer("next_at"))
            .col(integer("attempts"))
            .col(text("error"))
            .to_owned();
        manager.create_table(summary).await
    }
}

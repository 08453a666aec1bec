//! Calendars to subscribe to: by which address, and what each shows.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, string};

use super::ATOMIC;

/// A table.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        ATOMIC
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("calendar")
            .if_not_exists()
            .col(string("id").primary_key())
            .col(string("hash").unique_key())
            .col(string("municipality"))
            .col(string("organisation"))
            .col(string("person"))
            .col(string("created_by"))
            .col(big_integer("created_at"))
            .to_owned();
        manager.create_table(table).await?;
        let whose = Index::create()
            .name("calendar_whose")
            .table("calendar")
            .col("municipality")
            .col("organisation")
            .col("person")
            .if_not_exists()
            .to_owned();
        manager.create_index(whose).await
    }
}

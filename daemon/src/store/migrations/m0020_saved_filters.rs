//! Filters of lists that people come back to.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, string, text};

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
        let saved = Table::create()
            .table("saved_filter")
            .if_not_exists()
            .col(string("id").primary_key())
            .col(string("person"))
            .col(text("title"))
            .col(text("path"))
            .col(big_integer("created_at"))
            .to_owned();
        manager.create_table(saved).await?;
        let own = Index::create()
            .name("saved_filter_person")
            .table("saved_filter")
            .col("person")
            .if_not_exists()
            .to_owned();
        manager.create_index(own).await
    }
}

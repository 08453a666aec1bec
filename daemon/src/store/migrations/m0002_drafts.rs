//! What schools have typed and not yet sent.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, string, text};

use super::ATOMIC;

/// What schools have typed and not yet sent.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        ATOMIC
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("draft")
            .if_not_exists()
            .col(string("assignment").primary_key())
            .col(big_integer("at"))
            .col(text("answers"))
            .to_owned();
        manager.create_table(table).await
    }
}

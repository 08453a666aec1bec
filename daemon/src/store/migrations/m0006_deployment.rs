//! What holds for the database as a whole: marks by their names.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{string, text};

use super::ATOMIC;

/// Marks of the deployment.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        ATOMIC
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("deployment")
            .if_not_exists()
            .col(string("mark").primary_key())
            .col(text("value"))
            .to_owned();
        manager.create_table(table).await
    }
}

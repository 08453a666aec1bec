//! Letters that go to one address together are remembered as one digest, and drafts remember the
//! source that filled them.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{text, text_null};

/// Letters that go to one address together are remembered as one digest.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::alter().table("outbox").add_column(text_null("digest")).to_owned();
        manager.alter_table(table).await?;
        let source = text("source").default("").to_owned();
        let table = Table::alter().table("draft").add_column(source).to_owned();
        manager.alter_table(table).await
    }
}

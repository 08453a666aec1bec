//! Letters that go to one address together are remembered as one digest, and drafts remember the
//! source that filled them.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{text, text_null};

use super::{ATOMIC, add_column};

/// Letters that go to one address together are remembered as one digest.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        ATOMIC
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        add_column(manager, "outbox", text_null("digest")).await?;
        Ok(add_column(manager, "draft", text("source").default("").to_owned()).await?)
    }
}

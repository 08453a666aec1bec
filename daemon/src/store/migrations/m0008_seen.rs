//! What a request made, so that its repetition is answered with that; which state of a draft a page
//! shows, and which page wrote it.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, string, text};

use super::{ATOMIC, add_column};

/// What requests made; drafts' revisions.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        ATOMIC
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        add_column(manager, "request", text("made").default("").take()).await?;
        // A draft of before is the first state of itself.
        add_column(manager, "draft", big_integer("revision").default(1).take()).await?;
        Ok(add_column(manager, "draft", string("page").default("").take()).await?)
    }
}

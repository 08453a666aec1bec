//! Whoever sends a letter has a claim of its own: what it says of a claim that is not its any more does
//! not count.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::text_null;

use super::{ATOMIC, add_column};

/// Claims of letters.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        ATOMIC
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        Ok(add_column(manager, "outbox", text_null("claim")).await?)
    }
}

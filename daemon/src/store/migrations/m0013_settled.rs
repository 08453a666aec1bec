//! The newest letter of an organisation that has ended is found without reading those before it.

use sea_orm_migration::prelude::*;

use super::ATOMIC;

/// An index of letters that have ended, by when that was.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        ATOMIC
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // `store/read/addresses.rs` asks in these very words: an index of an expression serves no others.
        let index = "CREATE INDEX IF NOT EXISTS outbox_settled
            ON outbox (municipality, organisation, (COALESCE(sent_at, next_attempt_at)), key)
            WHERE state IN ('sent', 'failed')";
        manager.get_connection().execute_unprepared(index).await?;
        Ok(())
    }
}

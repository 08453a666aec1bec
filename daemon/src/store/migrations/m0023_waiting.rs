//! What waits for people is found without reading what they have done: of thousands of rows a few.

use sea_orm_migration::prelude::*;

use super::ATOMIC;

/// Indexes of drafts, of reports on measures and of letters that failed.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        ATOMIC
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // `store/read/waiting.rs` asks in these very words. An index of all states would not be used: of
        // most of them there are too many rows.
        for (name, table, state) in [
            ("recommendation_draft", "recommendation", "draft"),
            ("measure_reported", "measure", "reported"),
            ("outbox_failed", "outbox", "failed"),
        ] {
            let index = format!(
                "CREATE INDEX IF NOT EXISTS {name} ON {table} (municipality, run)
                 WHERE state = '{state}'"
            );
            manager.get_connection().execute_unprepared(&index).await?;
        }
        Ok(())
    }
}

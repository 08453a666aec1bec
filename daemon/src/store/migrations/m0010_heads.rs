//! An activity's row holds the head of the activity's own journal, as a run's does: what is cut off at
//! its end is missed.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, text};

use super::{ATOMIC, add_column};

/// Heads of the journals of activities.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        ATOMIC
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sequence = big_integer("journal_sequence").default(0).take();
        add_column(manager, "activity", sequence).await?;
        add_column(manager, "activity", text("journal_hash").default("").take()).await?;
        // What stands there at the upgrade is what is held from now on.
        let heads = "UPDATE activity SET
                journal_sequence = (
                    SELECT sequence FROM journal WHERE run = activity.id
                    ORDER BY sequence DESC LIMIT 1),
                journal_hash = (
                    SELECT hash FROM journal WHERE run = activity.id
                    ORDER BY sequence DESC LIMIT 1)
            WHERE journal_sequence = 0
                AND EXISTS (SELECT 1 FROM journal WHERE run = activity.id)";
        manager.get_connection().execute_unprepared(heads).await?;
        Ok(())
    }
}

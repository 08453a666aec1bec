//! What belongs to one organisation, over all runs and years: the page of an organisation.

use sea_orm_migration::prelude::*;

use super::ATOMIC;

/// Indexes by organisation.
#[derive(DeriveMigrationName)]
pub struct Migration;

/// (table, index, the column by which it is in order within an organisation)
const INDEXES: [(&str, &str, &str); 4] = [
    ("assignment", "assignment_by_organisation", "due"),
    ("recommendation", "recommendation_by_organisation", "state"),
    ("measure", "measure_by_organisation", "due"),
    ("outbox", "outbox_by_organisation", "created_at"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        ATOMIC
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, name, last) in INDEXES {
            let mut index = Index::create();
            index.name(name).table(table).if_not_exists();
            index.col("municipality").col("organisation").col(last);
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

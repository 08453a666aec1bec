//! Answers are found by their run, for its analyses, and then by what they answer.

use sea_orm_migration::prelude::*;

use super::ATOMIC;

/// Answers are found by their run, for its analyses, and then by what they answer.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        ATOMIC
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.has_index("submission", "submission_by_assignment").await? {
            let by_assignment =
                Index::drop().name("submission_by_assignment").table("submission").to_owned();
            manager.drop_index(by_assignment).await?;
        }
        let by_run = Index::create()
            .name("submission_by_run")
            .if_not_exists()
            .table("submission")
            .col("run")
            .col("assignment")
            .col("version")
            .unique()
            .to_owned();
        manager.create_index(by_run).await
    }
}

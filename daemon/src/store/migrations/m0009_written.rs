//! What belongs to a run says at which of its revisions it was written: who remembers the run as it was
//! reads only what others have written since.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::big_integer;
use sea_orm_migration::sea_orm::DatabaseBackend;

use super::{ATOMIC, add_column};

/// Revisions of what belongs to runs.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        ATOMIC
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["assignment", "recommendation", "decision", "measure"] {
            add_column(manager, table, big_integer("revision").default(0).take()).await?;
        }
        // One SQLite file is changed by one daemon, which never asks for what others have written.
        if manager.get_database_backend() != DatabaseBackend::Postgres {
            return Ok(());
        }
        let before = Index::drop().name("assignment_by_run").if_exists().to_owned();
        manager.drop_index(before).await?;
        let by_revision = Index::create()
            .name("assignment_by_revision")
            .if_not_exists()
            .table("assignment")
            .col("run")
            .col("revision")
            .to_owned();
        manager.create_index(by_revision).await
    }
}

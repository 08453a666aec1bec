//! The schema's history, applied on start.
//!
//! Each migration is one transaction on both databases: whoever is killed in it has the schema of
//! before. Older releases made SQLite's without one and could leave a half of it; so every statement
//! here also takes a schema in which its work is done already.

mod m0001_first;
mod m0002_drafts;
mod m0003_digests;
mod m0004_files;
mod m0005_submissions;
mod m0006_deployment;
mod m0007_claims;
mod m0008_seen;
mod m0009_written;
mod m0010_heads;
mod m0011_organisations;
mod m0012_access;
mod m0013_settled;
mod m0014_listeners;
mod m0015_means;
mod m0016_provider;
mod m0017_returned;
mod m0018_calendars;
mod m0019_summaries;
mod m0020_saved_filters;
mod m0021_token_services;
mod m0022_passkeys;
mod m0023_waiting;

use sea_orm_migration::prelude::*;

/// All migrations in order.
pub struct Migrator;

/// What [`MigrationTrait::use_transaction`] says: sea-orm's own default leaves SQLite without.
const ATOMIC: Option<bool> = Some(true);

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_first::Migration),
            Box::new(m0002_drafts::Migration),
            Box::new(m0003_digests::Migration),
            Box::new(m0004_files::Migration),
            Box::new(m0005_submissions::Migration),
            Box::new(m0006_deployment::Migration),
            Box::new(m0007_claims::Migration),
            Box::new(m0008_seen::Migration),
            Box::new(m0009_written::Migration),
            Box::new(m0010_heads::Migration),
            Box::new(m0011_organisations::Migration),
            Box::new(m0012_access::Migration),
            Box::new(m0013_settled::Migration),
            Box::new(m0014_listeners::Migration),
            Box::new(m0015_means::Migration),
            Box::new(m0016_provider::Migration),
            Box::new(m0017_returned::Migration),
            Box::new(m0018_calendars::Migration),
            Box::new(m0019_summaries::Migration),
            Box::new(m0020_saved_filters::Migration),
            Box::new(m0021_token_services::Migration),
            Box::new(m0022_passkeys::Migration),
            Box::new(m0023_waiting::Migration),
        ]
    }
}

/// Adds a column unless the table has it.
async fn add_column(
    manager: &SchemaManager<'_>,
    table: &'static str,
    column: ColumnDef,
) -> Result<(), DbErr> {
    let name = column.get_column_name();
    if manager.has_column(table, name).await? {
        return Ok(());
    }
    manager.alter_table(Table::alter().table(table).add_column(column).to_owned()).await
}

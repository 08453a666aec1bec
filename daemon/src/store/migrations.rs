//! The schema's history, applied on start.

mod m0001_first;
mod m0002_drafts;
mod m0003_digests;
mod m0004_files;
mod m0005_submissions;

use sea_orm_migration::prelude::*;

/// All migrations in order.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_first::Migration),
            Box::new(m0002_drafts::Migration),
            Box::new(m0003_digests::Migration),
            Box::new(m0004_files::Migration),
            Box::new(m0005_submissions::Migration),
        ]
    }
}

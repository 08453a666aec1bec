//! A run's chain as it stood at one moment: its head and the entries up to it. Read one after the
//! other, an answer that comes in between would look like a forgery.

use sea_orm::{
    AccessMode, ColumnTrait, DbErr, EntityTrait, IsolationLevel, QueryFilter, QueryOrder,
    TransactionTrait,
};

use super::Store;
use super::entities::{journal, run};

/// A run's row and its journal, of the same moment.
#[derive(Debug)]
pub struct Chain {
    /// The run, which holds the chain's head.
    pub run: run::Model,
    /// Its entries, oldest first.
    pub entries: Vec<journal::Model>,
}

impl Store {
    /// A run's chain; none if there is no such run.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn chain(&self, run: &str) -> Result<Option<Chain>, DbErr> {
        // A transaction of SQLite's sees one moment anyway.
        let (isolation, access) = match self.is_shared() {
            true => (Some(IsolationLevel::RepeatableRead), Some(AccessMode::ReadOnly)),
            false => (None, None),
        };
        let snapshot = self.reader().begin_with_config(isolation, access).await?;
        let head = run::Entity::find_by_id(run).one(&snapshot).await?;
        let entries = journal::Entity::find()
            .filter(journal::Column::Run.eq(run))
            .order_by_asc(journal::Column::Sequence)
            .all(&snapshot)
            .await?;
        snapshot.commit().await?;
        Ok(head.map(|run| Chain { run, entries }))
    }
}

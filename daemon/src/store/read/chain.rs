//! A chain, a run's or an activity's own, as it stood at one moment: its head and the entries up to
//! it. Read one after the other, an answer that comes in between would look like a forgery.

use crate::store::StoreError;
use sea_orm::{
    AccessMode, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, IsolationLevel,
    QueryFilter, QueryOrder, TransactionTrait,
};

use crate::store::Store;
use crate::store::entities::{activity, journal, run};

/// A run's row and its journal, of the same moment.
#[derive(Debug)]
pub struct Chain {
    /// The run, which holds the chain's head.
    pub run: run::Model,
    /// Its entries, oldest first.
    pub entries: Vec<journal::Model>,
}

/// An activity's row and its own journal, of the same moment.
#[derive(Debug)]
pub struct ActivityChain {
    /// The activity's row, which holds the chain's head.
    pub activity: activity::Model,
    /// Its entries, oldest first.
    pub entries: Vec<journal::Model>,
}

impl Store {
    /// A run's chain; none if there is no such run.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn chain(&self, run: &str) -> Result<Option<Chain>, StoreError> {
        let snapshot = self.moment().await?;
        let head = run::Entity::find_by_id(run).one(&snapshot).await?;
        let entries = entries(&snapshot, run).await?;
        snapshot.commit().await?;
        Ok(head.map(|run| Chain { run, entries }))
    }

    /// The chain of what was done to an activity itself; none if there is no such activity.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn activity_chain(&self, id: &str) -> Result<Option<ActivityChain>, StoreError> {
        let snapshot = self.moment().await?;
        let head = activity::Entity::find_by_id(id).one(&snapshot).await?;
        let entries = entries(&snapshot, id).await?;
        snapshot.commit().await?;
        Ok(head.map(|activity| ActivityChain { activity, entries }))
    }

    /// A transaction that sees one moment.
    async fn moment(&self) -> Result<DatabaseTransaction, StoreError> {
        // One of SQLite's does so anyway.
        let (isolation, access) = match self.is_shared() {
            true => (Some(IsolationLevel::RepeatableRead), Some(AccessMode::ReadOnly)),
            false => (None, None),
        };
        Ok(self.reader().begin_with_config(isolation, access).await?)
    }
}

async fn entries(db: &impl ConnectionTrait, of: &str) -> Result<Vec<journal::Model>, StoreError> {
    Ok(journal::Entity::find()
        .filter(journal::Column::Run.eq(of))
        .order_by_asc(journal::Column::Sequence)
        .all(db)
        .await?)
}

//! Marks: what holds for the database as a whole and must hold at the next start, too.

use crate::store::StoreError;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ConnectionTrait, EntityTrait, IntoActiveModel};

use super::Store;
use super::entities::deployment::{ActiveModel, Column, Entity, Model};

impl Store {
    /// What a mark says; none as long as it was never set.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn mark(&self, mark: &str) -> Result<Option<String>, StoreError> {
        Ok(Entity::find_by_id(mark).one(self.reader()).await?.map(|row| row.value))
    }

    /// Sets a mark.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn set_mark(&self, mark: &str, value: &str) -> Result<(), StoreError> {
        set(self.writer(), mark, value).await
    }

    /// Sets a mark unless somebody else has. Returns what it says from now on.
    ///
    /// # Errors
    /// When the database cannot be written or read.
    pub async fn claim_mark(&self, mark: &str, value: &str) -> Result<String, StoreError> {
        let first = OnConflict::column(Column::Mark).do_nothing().to_owned();
        Entity::insert(row(mark, value))
            .on_conflict(first)
            .exec_without_returning(self.writer())
            .await?;
        let held = Entity::find_by_id(mark).one(self.writer()).await?;
        Ok(held.map_or_else(|| value.to_owned(), |row| row.value))
    }
}

/// Sets a mark, wherever.
///
/// # Errors
/// When the database cannot be written.
pub(super) async fn set(
    db: &impl ConnectionTrait,
    mark: &str,
    value: &str,
) -> Result<(), StoreError> {
    let newest = OnConflict::column(Column::Mark).update_column(Column::Value).to_owned();
    Entity::insert(row(mark, value)).on_conflict(newest).exec_without_returning(db).await?;
    Ok(())
}

fn row(mark: &str, value: &str) -> ActiveModel {
    Model { mark: mark.to_owned(), value: value.to_owned() }.into_active_model()
}

//! Versions of road maps.

use sea_orm::{
    ActiveModelTrait as _, ColumnTrait, EntityTrait, IntoActiveModel as _, QueryFilter,
    QuerySelect, TransactionTrait as _,
};

use super::requests;
use crate::store::entities::{request, road_map};
use crate::store::{Store, StoreError};

impl Store {
    /// Ids of all versions of all road maps.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn road_map_ids(&self) -> Result<Vec<String>, StoreError> {
        Ok(road_map::Entity::find()
            .select_only()
            .column(road_map::Column::Id)
            .into_tuple()
            .all(self.reader())
            .await?)
    }

    /// Versions of road maps by id.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn road_maps(&self, ids: &[String]) -> Result<Vec<road_map::Model>, StoreError> {
        Ok(road_map::Entity::find()
            .filter(road_map::Column::Id.is_in(ids.iter().map(String::as_str)))
            .all(self.reader())
            .await?)
    }

    /// Keeps a new version, together with the request that asks for it. Returns false, and keeps
    /// nothing, if that request has been carried out.
    ///
    /// # Errors
    /// When the database cannot be written, or the version exists.
    pub async fn add_road_map(
        &self,
        row: road_map::Model,
        request: Option<request::Model>,
    ) -> Result<bool, StoreError> {
        let transaction = self.writer().begin().await?;
        if let Some(request) = request
            && !requests::keep(&transaction, request).await?
        {
            transaction.rollback().await?;
            return Ok(false);
        }
        let row = row.into_active_model().reset_all();
        let added = road_map::Entity::insert(row).exec_without_returning(&transaction).await;
        match added {
            Ok(_) => Ok(transaction.commit().await.map(|()| true)?),
            Err(e) => {
                // The connection is to be clear of what failed, whatever becomes of that.
                transaction.rollback().await.ok();
                Err(e.into())
            }
        }
    }
}

//! Requests that are no single step of a run, by their ids.

use crate::store::StoreError;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ConnectionTrait, EntityTrait, IntoActiveModel};

use crate::store::Store;
use crate::store::entities::request::{ActiveModel, Column, Entity, Model};

impl Store {
    /// A request that was carried out.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn request(&self, id: &str) -> Result<Option<Model>, StoreError> {
        Ok(Entity::find_by_id(id).one(self.reader()).await?)
    }

    /// Notes that a request was carried out, unless it is noted already.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn remember_request(&self, request: Model) -> Result<(), StoreError> {
        keep(self.writer(), request).await.map(drop)
    }
}

/// Notes a request within a transaction; false if there is one of its id, which then stands
/// committed: who comes second waits for who came first.
pub(super) async fn keep(db: &impl ConnectionTrait, request: Model) -> Result<bool, StoreError> {
    let row: ActiveModel = request.into_active_model();
    let known = OnConflict::column(Column::Id).do_nothing().to_owned();
    Ok(Entity::insert(row).on_conflict(known).exec_without_returning(db).await? > 0)
}

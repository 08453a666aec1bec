//! Filters of lists that people come back to.

use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelTrait as _, ColumnTrait as _, EntityTrait as _, IntoActiveModel as _,
    PaginatorTrait as _, QueryFilter as _, QueryOrder as _,
};

use crate::store::entities::saved_filter::{Column, Entity, Model};
use crate::store::{Store, StoreError};

impl Store {
    /// A person's filters, in the order in which they were saved.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn saved_filters(&self, person: &str) -> Result<Vec<Model>, StoreError> {
        let own = Entity::find().filter(Column::Person.eq(person));
        Ok(own.order_by_asc(Column::CreatedAt).all(self.reader()).await?)
    }

    /// Saves a filter. The same page with the same filter is called anew. False, and nothing is done, if
    /// the person has so many already.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn save_filter(&self, row: Model, most: u64) -> Result<bool, StoreError> {
        self.sound()?;
        let own = Entity::find().filter(Column::Person.eq(row.person.as_str()));
        let others = own.filter(Column::Id.ne(row.id.as_str())).count(self.writer()).await?;
        if others >= most {
            return Ok(false);
        }
        let known = OnConflict::column(Column::Id).update_column(Column::Title).to_owned();
        Entity::insert(row.into_active_model().reset_all())
            .on_conflict(known)
            .exec_without_returning(self.writer())
            .await?;
        Ok(true)
    }

    /// Forgets one of a person's filters.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn forget_filter(&self, person: &str, id: &str) -> Result<(), StoreError> {
        self.sound()?;
        Entity::delete_many()
            .filter(Column::Id.eq(id))
            .filter(Column::Person.eq(person))
            .exec(self.writer())
            .await?;
        Ok(())
    }
}

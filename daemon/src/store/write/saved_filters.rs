//! Filters of lists that people come back to.

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
        let own = || Entity::find().filter(Column::Person.eq(row.person.as_str()));
        let same = own().filter(Column::Path.eq(row.path.as_str())).one(self.writer()).await?;
        if let Some(same) = same {
            let renamed = Model { title: row.title, ..same };
            renamed.into_active_model().reset_all().update(self.writer()).await?;
            return Ok(true);
        }
        if own().count(self.writer()).await? >= most {
            return Ok(false);
        }
        row.into_active_model().reset_all().insert(self.writer()).await?;
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

//! Passkeys by which people sign in.

use std::collections::BTreeMap;

use sea_orm::{
    ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
};

use crate::store::entities::passkey::{Column, Entity, Model};
use crate::store::{Store, StoreError};

impl Store {
    /// A passkey by its id.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn passkey(&self, id: &str) -> Result<Option<Model>, StoreError> {
        Ok(Entity::find_by_id(id).one(self.reader()).await?)
    }

    /// A person's passkeys, in the order in which they were added.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn passkeys_of(&self, person: &str) -> Result<Vec<Model>, StoreError> {
        let own = Entity::find().filter(Column::Person.eq(person));
        let own = own.order_by_asc(Column::AddedAt).order_by_asc(Column::Id);
        Ok(own.all(self.reader()).await?)
    }

    /// Who signs in by passkeys, with how many.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn who_has_passkeys(&self) -> Result<BTreeMap<String, usize>, StoreError> {
        let each = Entity::find().select_only().column(Column::Person);
        let each: Vec<String> = each.into_tuple().all(self.reader()).await?;
        let mut counted = BTreeMap::new();
        for person in each {
            *counted.entry(person).or_default() += 1;
        }
        Ok(counted)
    }
}

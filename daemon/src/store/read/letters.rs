//! A municipality's letters, state by state.

use sea_orm::{
    ColumnTrait as _, Condition, EntityTrait as _, Order, PaginatorTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _,
};

use super::filter::stands;
use crate::store::entities::outbox::{Column, Entity, Model};
use crate::store::{Store, StoreError};

/// What is wanted of a municipality's letters.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Municipality id.
    pub municipality: &'a str,
    /// In these states.
    pub states: &'a [&'a str],
    /// To this organisation; to any if empty.
    pub organisation: &'a str,
    /// Of this kind; of any if empty.
    pub kind: &'a str,
}

impl Wanted<'_> {
    fn condition(&self) -> Condition {
        let named = |column: Column, value: &str| (!value.is_empty()).then(|| column.eq(value));
        let states = match self.states {
            [state] => stands(Column::State, state),
            several => Column::State.is_in(several.iter().copied()),
        };
        Condition::all()
            .add(states)
            .add(Column::Municipality.eq(self.municipality))
            .add_option(named(Column::Organisation, self.organisation))
            .add_option(named(Column::Kind, self.kind))
    }
}

impl Store {
    /// Letters by when something was last done with them or is to be done next, in this order: so
    /// many after so many.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn letters(
        &self,
        wanted: Wanted<'_>,
        order: Order,
        skip: u64,
        limit: u64,
    ) -> Result<Vec<Model>, StoreError> {
        Ok(Entity::find()
            .filter(wanted.condition())
            .order_by(Column::NextAttemptAt, order)
            .offset(skip)
            .limit(limit)
            .all(self.reader())
            .await?)
    }

    /// How many there are: meant for states in which few letters stand.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn count_letters(&self, wanted: Wanted<'_>) -> Result<u64, StoreError> {
        Ok(Entity::find().filter(wanted.condition()).count(self.reader()).await?)
    }
}

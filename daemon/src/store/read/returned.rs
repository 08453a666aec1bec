//! Addresses that do not exist, as letters that came back have told.

use std::collections::BTreeMap;

use sea_orm::{ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _, QueryOrder as _};

use crate::store::entities::returned::{Column, Entity, Model};
use crate::store::write::returned::NO_SUCH_ADDRESS;
use crate::store::{Store, StoreError};

/// Organisations that are asked about in one statement: databases bound how many values it may have.
const AT_ONCE: usize = 1_000;

impl Store {
    /// Addresses of these organisations that do not exist, each as it was told last, by organisation and
    /// address. Those that somebody has vouched for since are not among them.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn dead_addresses(
        &self,
        municipality: &str,
        organisations: &[&str],
    ) -> Result<BTreeMap<(String, String), Model>, StoreError> {
        let mut dead = BTreeMap::new();
        for codes in organisations.chunks(AT_ONCE) {
            let told = Entity::find()
                .filter(is_dead(municipality))
                .filter(Column::Organisation.is_in(codes.iter().copied()))
                .order_by_asc(Column::At)
                .all(self.reader())
                .await?;
            let keyed = told.into_iter().map(|row| {
                let key = (row.organisation.clone(), row.address.clone());
                (key, row)
            });
            dead.extend(keyed);
        }
        Ok(dead)
    }
}

/// Rows of a municipality by which there is no such address.
pub(in crate::store) fn is_dead(municipality: &str) -> Condition {
    Condition::all()
        .add(Column::Municipality.eq(municipality))
        .add(Column::Cause.eq(NO_SUCH_ADDRESS))
        .add(Column::ConfirmedAt.is_null())
}

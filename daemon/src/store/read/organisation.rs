//! What belongs to one organisation, over all runs and years.

use sea_orm::{
    ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select,
};

use crate::store::entities::{analysis, assignment, measure, outbox, recommendation};
use crate::store::{Store, StoreError};

/// An organisation of a municipality.
#[derive(Debug, Clone, Copy)]
pub struct Whose<'a> {
    /// Municipality id.
    pub municipality: &'a str,
    /// Organisation code.
    pub code: &'a str,
}

impl Store {
    /// What it was asked for, the latest due first.
    ///
    /// # Errors
    /// When the database cannot be read; so for all that follow.
    pub async fn duties(&self, whose: Whose<'_>) -> Result<Vec<assignment::Model>, StoreError> {
        Ok(assignment::Entity::find()
            .filter(assignment::Column::Municipality.eq(whose.municipality))
            .filter(assignment::Column::Organisation.eq(whose.code))
            .order_by_desc(assignment::Column::Due)
            .all(self.reader())
            .await?)
    }

    /// What it was recommended, in no order.
    pub async fn recommended_to(
        &self,
        whose: Whose<'_>,
    ) -> Result<Vec<recommendation::Model>, StoreError> {
        Ok(recommendation::Entity::find()
            .filter(recommendation::Column::Municipality.eq(whose.municipality))
            .filter(recommendation::Column::Organisation.eq(whose.code))
            .all(self.reader())
            .await?)
    }

    /// What decisions ordered it to do, the latest due first.
    pub async fn ordered_from(&self, whose: Whose<'_>) -> Result<Vec<measure::Model>, StoreError> {
        Ok(measure::Entity::find()
            .filter(measure::Column::Municipality.eq(whose.municipality))
            .filter(measure::Column::Organisation.eq(whose.code))
            .order_by_desc(measure::Column::Due)
            .all(self.reader())
            .await?)
    }

    fn letters_of(whose: Whose<'_>) -> Select<outbox::Entity> {
        outbox::Entity::find()
            .filter(outbox::Column::Municipality.eq(whose.municipality))
            .filter(outbox::Column::Organisation.eq(whose.code))
    }

    /// Part of its letters, the newest first.
    pub async fn letters_to(
        &self,
        whose: Whose<'_>,
        skip: u64,
        limit: u64,
    ) -> Result<Vec<outbox::Model>, StoreError> {
        Ok(Self::letters_of(whose)
            .order_by_desc(outbox::Column::CreatedAt)
            .offset(skip)
            .limit(limit)
            .all(self.reader())
            .await?)
    }

    /// How many letters it has been written.
    pub async fn letters_count(&self, whose: Whose<'_>) -> Result<u64, StoreError> {
        Ok(Self::letters_of(whose).count(self.reader()).await?)
    }

    /// Runs whose analysis in a stage is done, of those that are named: which of them have figures.
    pub async fn analysed(&self, runs: &[String], stage: &str) -> Result<Vec<String>, StoreError> {
        let ids = runs.iter().map(|run| format!("{run}/{stage}"));
        Ok(analysis::Entity::find()
            .select_only()
            .column(analysis::Column::Run)
            .filter(analysis::Column::Id.is_in(ids))
            .into_tuple()
            .all(self.reader())
            .await?)
    }
}

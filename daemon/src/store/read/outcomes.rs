//! What analyses computed.

use std::collections::BTreeMap;

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use vekha_analysis::Outcome;

use super::runs::AT_ONCE;
use crate::store::entities::analysis;
use crate::store::{Store, StoreError, document};

impl Store {
    /// Finished analyses of a run.
    pub async fn analyses(&self, run: &str) -> Result<Vec<analysis::Model>, StoreError> {
        Ok(analysis::Entity::find()
            .filter(analysis::Column::Run.eq(run))
            .order_by_asc(analysis::Column::Id)
            .all(self.reader())
            .await?)
    }

    /// The outcomes of finished analyses, by `run/stage`, as far as they exist.
    pub async fn outcomes(&self, ids: &[String]) -> Result<BTreeMap<String, Outcome>, StoreError> {
        let mut outcomes = BTreeMap::new();
        for chunk in ids.chunks(AT_ONCE) {
            let rows = analysis::Entity::find()
                .filter(analysis::Column::Id.is_in(chunk.iter().map(String::as_str)))
                .all(self.reader())
                .await?;
            for row in rows {
                if let Some(outcome) = self.readable(&row.id, document(&row.id, &row.body))? {
                    outcomes.insert(row.id, outcome);
                }
            }
        }
        Ok(outcomes)
    }

    /// A finished analysis by its id, if there is one.
    ///
    /// # Errors
    /// When the database or the analysis cannot be read.
    pub async fn outcome(&self, id: &str) -> Result<Option<Outcome>, StoreError> {
        let row = analysis::Entity::find_by_id(id).one(self.reader()).await?;
        row.map(|row| document(&row.id, &row.body)).transpose()
    }
}

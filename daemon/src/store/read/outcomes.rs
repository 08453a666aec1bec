//! What analyses computed.

use std::collections::BTreeMap;

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use vekha_analysis::{Finding, IndicatorFigures, Outcome};

use super::runs::AT_ONCE;
use crate::store::entities::analysis;
use crate::store::{Store, StoreError, document};

/// The indicators of an outcome; its findings are passed over.
#[derive(Debug, Deserialize)]
pub struct Indicators {
    /// In the definition's order.
    pub indicators: Vec<IndicatorFigures>,
}

/// The findings of an outcome; its indicators are passed over.
#[derive(Debug, Deserialize)]
pub struct Findings {
    /// By organisation code, then in the definition's order of rules.
    pub findings: Vec<Finding>,
}

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
        self.part_of_outcome(id).await
    }

    /// As much of a finished analysis as is looked at: [`Indicators`] or [`Findings`] alone.
    ///
    /// # Errors
    /// As [`Store::outcome`].
    pub async fn part_of_outcome<T: DeserializeOwned>(
        &self,
        id: &str,
    ) -> Result<Option<T>, StoreError> {
        let row = analysis::Entity::find_by_id(id).one(self.reader()).await?;
        row.map(|row| document(&row.id, &row.body)).transpose()
    }
}

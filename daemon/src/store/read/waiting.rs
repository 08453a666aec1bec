//! What waits for a person of a municipality, whatever became of its run: drafts, reports, letters that
//! did not arrive.

use std::collections::BTreeMap;

use sea_orm::sea_query::{Expr, SimpleExpr};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QuerySelect as _};
use vekha_engine::run::{MeasureState, RecommendationState};

use crate::store::entities::{measure, outbox, recommendation};
use crate::store::{Store, StoreError};

/// What waits, by run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Waiting {
    /// How many drafts of recommendations.
    pub drafts: BTreeMap<String, usize>,
    /// How many reports on measures.
    pub reports: BTreeMap<String, usize>,
    /// Letters that did not arrive: to which organisation, and when they were written, in microseconds
    /// since the epoch.
    pub failed: BTreeMap<String, Vec<(String, i64)>>,
}

/// A state in the words of its index (migration m0023): a value that is bound finds no part of a table.
fn is(state: &str) -> SimpleExpr {
    Expr::cust(format!("state = '{state}'"))
}

impl Store {
    /// What waits in a municipality.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn waiting(&self, municipality: &str) -> Result<Waiting, StoreError> {
        let mut waiting = Waiting::default();
        let drafts: Vec<String> = recommendation::Entity::find()
            .select_only()
            .column(recommendation::Column::Run)
            .filter(recommendation::Column::Municipality.eq(municipality))
            .filter(is(RecommendationState::Draft.as_str()))
            .into_tuple()
            .all(self.reader())
            .await?;
        for run in drafts {
            *waiting.drafts.entry(run).or_default() += 1;
        }
        let reports: Vec<String> = measure::Entity::find()
            .select_only()
            .column(measure::Column::Run)
            .filter(measure::Column::Municipality.eq(municipality))
            .filter(is(MeasureState::Reported.as_str()))
            .into_tuple()
            .all(self.reader())
            .await?;
        for run in reports {
            *waiting.reports.entry(run).or_default() += 1;
        }
        let failed: Vec<(String, String, i64)> = outbox::Entity::find()
            .select_only()
            .columns([outbox::Column::Run, outbox::Column::Organisation, outbox::Column::CreatedAt])
            .filter(outbox::Column::Municipality.eq(municipality))
            .filter(is("failed"))
            .into_tuple()
            .all(self.reader())
            .await?;
        for (run, organisation, at) in failed {
            waiting.failed.entry(run).or_default().push((organisation, at));
        }
        Ok(waiting)
    }
}

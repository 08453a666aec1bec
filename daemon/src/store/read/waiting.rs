//! What waits for a person of a municipality, whatever became of its run: drafts, reports, letters that
//! did not arrive.

use std::collections::BTreeMap;

use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QuerySelect as _, Select};
use vekha_engine::run::{MeasureState, RecommendationState};

use super::filter::stands;
use crate::store::entities::{measure, outbox, recommendation};
use crate::store::{Store, StoreError};

/// What waits, by run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Waiting {
    /// How many drafts of recommendations.
    pub drafts: BTreeMap<String, usize>,
    /// How many reports on measures.
    pub reports: BTreeMap<String, usize>,
    /// To which organisations letters did not arrive, one for each letter.
    pub failed: BTreeMap<String, Vec<String>>,
}

impl Store {
    /// What waits in a municipality; of letters those that were written since, in microseconds since the
    /// epoch.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn waiting(&self, municipality: &str, since: i64) -> Result<Waiting, StoreError> {
        let mut waiting = Waiting::default();
        let drafts: Vec<String> = drafts(municipality).into_tuple().all(self.reader()).await?;
        for run in drafts {
            *waiting.drafts.entry(run).or_default() += 1;
        }
        let reports: Vec<String> = reports(municipality).into_tuple().all(self.reader()).await?;
        for run in reports {
            *waiting.reports.entry(run).or_default() += 1;
        }
        let failed: Vec<(String, String)> =
            failed(municipality, since).into_tuple().all(self.reader()).await?;
        for (run, organisation) in failed {
            waiting.failed.entry(run).or_default().push(organisation);
        }
        Ok(waiting)
    }
}

fn drafts(municipality: &str) -> Select<recommendation::Entity> {
    use recommendation::{Column, Entity};
    let draft = stands(Column::State, RecommendationState::Draft.as_str());
    let own = Column::Municipality.eq(municipality);
    Entity::find().select_only().column(Column::Run).filter(own).filter(draft)
}

fn reports(municipality: &str) -> Select<measure::Entity> {
    use measure::{Column, Entity};
    let reported = stands(Column::State, MeasureState::Reported.as_str());
    let own = Column::Municipality.eq(municipality);
    Entity::find().select_only().column(Column::Run).filter(own).filter(reported)
}

fn failed(municipality: &str, since: i64) -> Select<outbox::Entity> {
    use outbox::{Column, Entity};
    let own = Column::Municipality.eq(municipality);
    Entity::find()
        .select_only()
        .columns([Column::Run, Column::Organisation])
        .filter(own)
        .filter(stands(Column::State, "failed"))
        .filter(Column::CreatedAt.gte(since))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use sea_orm::{ConnectionTrait as _, DatabaseBackend, QueryTrait as _};

    use super::*;
    use crate::secret::Secret;

    /// Else every look at what waits reads all that people have ever done.
    #[tokio::test]
    async fn what_waits_is_found_by_indexes_of_just_that() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("vekha.db").display());
        let store = Store::open(&url, Secret::from_bytes([7; 32])).await.unwrap();
        for (mut statement, index) in [
            (drafts("m").build(DatabaseBackend::Sqlite), "recommendation_draft"),
            (reports("m").build(DatabaseBackend::Sqlite), "measure_reported"),
            (failed("m", 0).build(DatabaseBackend::Sqlite), "outbox_failed"),
        ] {
            statement.sql = format!("EXPLAIN QUERY PLAN {}", statement.sql);
            let plan = store.reader().query_all_raw(statement).await.unwrap();
            let steps = plan.iter().map(|step| step.try_get("", "detail").unwrap());
            let steps = steps.collect::<Vec<String>>().join("; ");
            assert!(steps.contains(index), "{index}: {steps}");
        }
    }
}

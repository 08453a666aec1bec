//! Who takes part in runs: in few columns where only that is asked, whole for those that are shown.

use std::collections::BTreeMap;

use sea_orm::{ColumnTrait, EntityTrait, FromQueryResult, QueryFilter, QuerySelect};
use vekha_engine::AssignmentKey;
use vekha_engine::run::Assignment;

use super::runs::AT_ONCE;
use crate::store::entities::{assignment, submission};
use crate::store::{Store, StoreError, document};

/// One who was asked in a stage, and where that stands.
#[derive(Debug, Clone, PartialEq, Eq, FromQueryResult)]
pub struct Participation {
    /// Stage id, or measure-N.
    pub stage: String,
    /// Organisation code.
    pub organisation: String,
    /// open, answered, returned, missing, waived.
    pub state: String,
    /// Civil date.
    pub due: String,
}

/// How many of a run's assignments stand so.
#[derive(Debug, Clone, PartialEq, Eq, FromQueryResult)]
pub struct Count {
    /// Run id.
    pub run: String,
    /// Stage id, or measure-N.
    pub stage: String,
    /// open, answered, returned, missing, waived.
    pub state: String,
    /// How many.
    pub count: i64,
}

impl Store {
    /// Who was asked in a run, without what it is in detail.
    ///
    /// # Errors
    /// When the database cannot be read; so for all that follow.
    pub async fn participations(&self, run: &str) -> Result<Vec<Participation>, StoreError> {
        Ok(assignment::Entity::find()
            .select_only()
            .columns([
                assignment::Column::Stage,
                assignment::Column::Organisation,
                assignment::Column::State,
                assignment::Column::Due,
            ])
            .filter(assignment::Column::Run.eq(run))
            .into_model()
            .all(self.reader())
            .await?)
    }

    /// What these organisations owe in a run. What cannot be read is left out.
    pub async fn standings_of(
        &self,
        run: &str,
        organisations: &[&str],
    ) -> Result<BTreeMap<AssignmentKey, Assignment>, StoreError> {
        let rows = assignment::Entity::find()
            .filter(assignment::Column::Run.eq(run))
            .filter(assignment::Column::Organisation.is_in(organisations.iter().copied()))
            .all(self.reader())
            .await?;
        let mut standings = BTreeMap::new();
        for row in rows {
            if let Some(standing) = self.readable(&row.id, document(&row.id, &row.body))? {
                standings.insert(AssignmentKey::new(&row.stage, &row.organisation), standing);
            }
        }
        Ok(standings)
    }

    /// How many assignments of these runs stand how, stage by stage.
    pub async fn counts(&self, runs: &[String]) -> Result<Vec<Count>, StoreError> {
        let mut counts = Vec::new();
        for chunk in runs.chunks(AT_ONCE) {
            let columns =
                [assignment::Column::Run, assignment::Column::Stage, assignment::Column::State];
            let mut query = assignment::Entity::find()
                .select_only()
                .columns(columns)
                .column_as(assignment::Column::Id.count(), "count")
                .filter(assignment::Column::Run.is_in(chunk.iter().map(String::as_str)));
            for column in columns {
                query = query.group_by(column);
            }
            counts.extend(query.into_model().all(self.reader()).await?);
        }
        Ok(counts)
    }

    /// Submissions by their ids, `assignment/version`, as far as they exist.
    pub async fn submissions_by_id(
        &self,
        ids: &[String],
    ) -> Result<Vec<submission::Model>, StoreError> {
        let mut found = Vec::new();
        for chunk in ids.chunks(AT_ONCE) {
            let wanted = submission::Column::Id.is_in(chunk.iter().map(String::as_str));
            found.extend(submission::Entity::find().filter(wanted).all(self.reader()).await?);
        }
        Ok(found)
    }
}

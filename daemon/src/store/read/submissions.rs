//! What was answered: every version of it.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder};

use crate::store::entities::submission;
use crate::store::{Store, StoreError};

/// Most keys of one statement.
const ROWS: usize = 1000;

/// Which submissions answer an assignment: told with its run, as the index has them.
fn to(assignment: &str) -> Condition {
    let run = assignment.rsplit_once('/').map_or("", |(run, _)| run);
    Condition::all()
        .add(submission::Column::Run.eq(run))
        .add(submission::Column::Assignment.eq(assignment))
}

impl Store {
    /// All versions of an answer, oldest first.
    pub async fn submissions(
        &self,
        assignment: &str,
    ) -> Result<Vec<submission::Model>, StoreError> {
        Ok(submission::Entity::find()
            .filter(to(assignment))
            .order_by_asc(submission::Column::Version)
            .all(self.reader())
            .await?)
    }

    /// All versions of the answers to these assignments, oldest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn submissions_of(
        &self,
        assignments: &[String],
    ) -> Result<BTreeMap<String, Vec<submission::Model>>, StoreError> {
        let mut all: BTreeMap<String, Vec<submission::Model>> = BTreeMap::new();
        for chunk in assignments.chunks(ROWS) {
            // The index has them by their runs first.
            let runs = chunk.iter().filter_map(|id| Some(id.rsplit_once('/')?.0));
            let rows = submission::Entity::find()
                .filter(submission::Column::Run.is_in(runs.collect::<BTreeSet<_>>()))
                .filter(submission::Column::Assignment.is_in(chunk.iter().map(String::as_str)))
                .order_by_asc(submission::Column::Version)
                .all(self.reader())
                .await?;
            for row in rows {
                all.entry(row.assignment.clone()).or_default().push(row);
            }
        }
        Ok(all)
    }

    /// One version of an answer, by its id.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn submission(&self, id: &str) -> Result<Option<submission::Model>, StoreError> {
        Ok(submission::Entity::find_by_id(id).one(self.reader()).await?)
    }

    /// The newest version of an answer.
    pub async fn newest_submission(
        &self,
        assignment: &str,
    ) -> Result<Option<submission::Model>, StoreError> {
        Ok(submission::Entity::find()
            .filter(to(assignment))
            .order_by_desc(submission::Column::Version)
            .one(self.reader())
            .await?)
    }
}

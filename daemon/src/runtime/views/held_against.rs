//! What an answer is held against: what was answered in the period before, what the department has
//! answered before in the same run, and the run's period.

use vekha_engine::{AssignmentKey, RunKey, data};
use vekha_roadmap::answers::{Beside, Values};
use vekha_roadmap::period::Period;

use crate::runtime::Runtime;
use crate::runtime::road_maps::Version;
use crate::store::StoreError;
use crate::store::document;

/// What an answer is held against besides its form. What cannot be read stands beside the questions and
/// is none of them: it is left out.
#[derive(Debug)]
pub struct HeldAgainst {
    /// What the same organisation answered in the period before; empty if nothing.
    pub earlier: Values,
    department: Values,
    period: Period,
}

impl HeldAgainst {
    /// As the check of answers takes it.
    pub fn beside(&self) -> Beside<'_> {
        Beside {
            earlier: Some(&self.earlier),
            department: Some(&self.department),
            period: Some(self.period),
        }
    }
}

impl Runtime {
    /// What an answer to this assignment is held against.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn held_against(
        &self,
        version: &Version,
        run: &RunKey,
        key: &AssignmentKey,
    ) -> Result<HeldAgainst, StoreError> {
        let mut department = None;
        let activity = version.road_map.activity(&run.activity);
        let of_department =
            activity.map(|activity| data::of_department(&version.road_map, activity, &key.stage));
        for theirs in of_department.into_iter().flatten() {
            department = self.newest_answer(&format!("{run}/{theirs}")).await?;
            if department.is_some() {
                break;
            }
        }
        let earlier = match activity {
            Some(activity) => {
                let before = data::earlier(activity, run);
                self.newest_answer(&format!("{before}/{key}")).await?
            }
            None => None,
        };
        Ok(HeldAgainst {
            earlier: earlier.unwrap_or_default(),
            department: department.unwrap_or_default(),
            period: run.period,
        })
    }

    /// The newest answer to an assignment; none if there is none, or if it cannot be read.
    async fn newest_answer(&self, assignment: &str) -> Result<Option<Values>, StoreError> {
        match self.store.newest_submission(assignment).await? {
            Some(row) => self.store.readable(&row.id, document(&row.id, &row.answers)),
            None => Ok(None),
        }
    }
}

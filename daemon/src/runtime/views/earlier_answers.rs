//! What was answered in the period before.

use vekha_engine::{AssignmentKey, RunKey, data};
use vekha_roadmap::answers::Values;
use vekha_roadmap::model::Activity;

use crate::runtime::Runtime;
use crate::store::StoreError;
use crate::store::document;

impl Runtime {
    /// What the same organisation answered in the same stage of the period before; empty if
    /// nothing, or if that cannot be read: it stands beside the questions and is none of them.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn earlier_answers(
        &self,
        activity: Option<&Activity>,
        run: &RunKey,
        key: &AssignmentKey,
    ) -> Result<Values, StoreError> {
        let Some(activity) = activity else { return Ok(Values::new()) };
        let earlier = data::earlier(activity, run);
        match self.store.newest_submission(&format!("{earlier}/{key}")).await? {
            Some(row) => {
                let read = self.store.readable(&row.id, document(&row.id, &row.answers))?;
                Ok(read.unwrap_or_default())
            }
            None => Ok(Values::new()),
        }
    }
}

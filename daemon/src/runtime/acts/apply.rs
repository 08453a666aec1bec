//! Putting a road map in force.

use std::sync::Arc;

use vekha_roadmap::read::Files;

use crate::runtime::Runtime;
use crate::runtime::road_maps::{ApplyError, Applying, Version};

impl Runtime {
    /// Applies a road map; new runs follow it, those under way keep theirs.
    ///
    /// # Errors
    /// When it has mistakes or the database fails.
    pub async fn apply(&self, files: Files, actor: &str) -> Result<Arc<Version>, ApplyError> {
        self.apply_as(files, Applying { actor, ..Applying::default() }).await
    }

    /// The same for a caller who has seen a version, or may repeat its request.
    ///
    /// # Errors
    /// As [`Runtime::apply`], and when there is a newer version than the caller saw.
    pub async fn apply_as(
        &self,
        files: Files,
        by: Applying<'_>,
    ) -> Result<Arc<Version>, ApplyError> {
        let version = self.road_maps.apply(&self.store, files, by, self.clock.now()).await?;
        self.reschedule().await?;
        self.nudge();
        Ok(version)
    }
}

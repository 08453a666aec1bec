//! Putting a road map in force.

use std::sync::Arc;

use vekha_roadmap::read::Files;

use crate::runtime::Runtime;
use crate::runtime::road_maps::{ApplyError, Applying, Means, Version};

/// What became of a folder of the settings.
#[derive(Debug)]
pub enum Folder {
    /// It is in force.
    InForce(Arc<Version>),
    /// It was applied before and changed on pages since: the pages' version stays.
    Behind {
        /// The version that is in force.
        newest: Arc<Version>,
        /// The version that the folder is.
        is: u32,
    },
    /// It has changed, and so has the road map on pages: neither may overwrite the other in silence.
    Apart {
        /// The version that is in force.
        newest: Arc<Version>,
        /// The digest of the folder's files.
        digest: String,
    },
}

impl Runtime {
    /// Applies a folder of the settings, unless that undid what people have changed on pages since.
    ///
    /// # Errors
    /// As [`Runtime::apply`].
    pub async fn apply_folder(&self, files: Files, actor: &str) -> Result<Folder, ApplyError> {
        let now = self.clock.now();
        self.road_maps.refresh(&self.store).await?;
        // The same files need not be read again.
        if let Some(same) = self.road_maps.newest_of(&files) {
            self.reschedule().await?;
            return Ok(Folder::InForce(same));
        }
        let read = self.road_maps.read(files.clone(), actor, now).await;
        let read = read.map_err(ApplyError::Mistakes)?;
        let municipality = read.road_map.municipality.id.clone();
        let newest = self.road_maps.newest(&municipality);
        if let Some(newest) = newest.filter(|newest| newest.means != Means::Files)
            && newest.digest() != read.digest()
        {
            let history = self.road_maps.history(&municipality);
            let is = history.iter().rfind(|version| version.digest() == read.digest());
            return Ok(match is {
                Some(version) => Folder::Behind { newest, is: version.number },
                None => Folder::Apart { newest, digest: read.digest().to_owned() },
            });
        }
        let by = Applying { actor, read: Some(read), ..Applying::default() };
        self.apply_as(files, by).await.map(Folder::InForce)
    }

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

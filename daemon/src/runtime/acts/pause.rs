//! Stopping an activity's schedule, and letting it go on.

use crate::runtime::Runtime;
use crate::store::StoreError;
use crate::store::entities::{activity, request};
use crate::store::write::activities::{Happened, Pause, Paused};

impl Runtime {
    /// Stops or resumes an activity's schedule, as long as it is as the caller saw it; runs under way
    /// go on.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn pause(
        &self,
        municipality: &str,
        id: &str,
        pause: Pause<'_>,
        seen: Option<&activity::Model>,
        request: Option<request::Model>,
    ) -> Result<Paused, StoreError> {
        let version = self.road_maps.newest(municipality);
        let version = version.filter(|version| version.road_map.activity(id).is_some());
        let Some(version) = version else { return Ok(Paused::Unknown) };
        let id = format!("{municipality}/{id}");
        let happened = Happened {
            at: self.clock.now(),
            actor: pause.actor,
            what: match pause.paused {
                true => vekha_engine::Happened::ActivityPaused { reason: pause.reason.to_owned() },
                false => {
                    vekha_engine::Happened::ActivityResumed { reason: pause.reason.to_owned() }
                }
            },
            road_map: version.number,
        };
        let paused = self.store.pause_activity(&id, pause, seen, request, happened).await?;
        self.nudge();
        Ok(paused)
    }
}

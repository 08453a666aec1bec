//! What people do with letters: hold those of a municipality, let them go, try again what did not
//! arrive.

use crate::runtime::Runtime;
use crate::store::StoreError;
use crate::store::entities::{activity, request};
use crate::store::write::activities::{Happened, LETTERS, Pause, Paused, chain_of_letters};
use crate::store::write::outbox::Again;

impl Runtime {
    /// Whether a municipality's letters are held, by whom and why: the row says so if it is paused.
    /// None as long as nothing was ever done to them.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn letters_held(
        &self,
        municipality: &str,
    ) -> Result<Option<activity::Model>, StoreError> {
        let rows = self.store.activities(municipality).await?;
        Ok(rows.into_iter().find(|row| row.activity == LETTERS))
    }

    /// Holds a municipality's letters, or lets them go, as long as they are as the caller saw them.
    /// What a mail server is just being handed goes on. Released, each is judged anew before it leaves.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hold_letters(
        &self,
        municipality: &str,
        pause: Pause<'_>,
        seen: Option<&activity::Model>,
        request: Option<request::Model>,
    ) -> Result<Paused, StoreError> {
        let Some(version) = self.road_maps.newest(municipality) else { return Ok(Paused::Unknown) };
        let reason = pause.reason.to_owned();
        let what = match pause.paused {
            true => vekha_engine::Happened::LettersHeld { reason },
            false => vekha_engine::Happened::LettersReleased { reason },
        };
        let (at, actor, road_map) = (self.clock.now(), pause.actor, version.number);
        let happened = Happened { at, actor, what, road_map };
        let id = chain_of_letters(municipality);
        let held = self.store.pause_activity(&id, pause, seen, request, happened).await?;
        self.nudge();
        Ok(held)
    }

    /// Tries letters again that did not arrive. Returns how many; none if the same request was carried
    /// out before.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn retry_letters(
        &self,
        which: Again<'_>,
        municipality: &str,
        actor: &str,
        request: Option<request::Model>,
    ) -> Result<Option<u64>, StoreError> {
        let version = self.road_maps.newest(municipality).map_or(0, |version| version.number);
        let retried = self.store.retry(which, request, actor, version, self.clock.now()).await?;
        self.nudge();
        Ok(retried)
    }
}

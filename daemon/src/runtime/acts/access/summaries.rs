//! Whether a person is told on a morning what waits. That concerns nobody else: no journal tells of it.

use super::AccessError;
use crate::access::Identity;
use crate::runtime::Runtime;
use crate::store::StoreError;
use crate::store::entities::summary;

impl Runtime {
    /// The summaries that a person is sent, if they are.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn summaries_of(&self, person: &str) -> Result<Option<summary::Model>, StoreError> {
        self.store.summary_of(person).await
    }

    /// Has whoever asks be sent summaries from now on, or no more.
    ///
    /// # Errors
    /// That it is no person, or the database cannot be written.
    pub async fn want_summaries(
        &self,
        identity: &Identity,
        wanted: bool,
    ) -> Result<(), AccessError> {
        let Some(own) = identity.person() else {
            return Err(AccessError::Denied("сводка есть только у сотрудников".to_owned()));
        };
        if wanted {
            let first = self.next_morning(&identity.roles, self.clock.now());
            self.store.begin_summaries(&own.id, first).await?;
        } else {
            self.store.end_summaries(&own.id).await?;
        }
        self.nudge();
        Ok(())
    }
}

//! Work that rests on what cannot be read is put off, never dropped: as soon as the row is mended, or
//! a release that can read it is started, it goes on. Meanwhile the rows are named to people.

use jiff::{SignedDuration, Timestamp};

use crate::runtime::Runtime;
use crate::store::StoreError;
use crate::store::entities::job;

/// How long after the n-th look in vain the next one is, at most; then it stays so.
const MOST: SignedDuration = SignedDuration::from_hours(1);

/// How long to wait after so many looks in vain.
pub(crate) fn wait(looks: i32) -> SignedDuration {
    SignedDuration::from_mins(1 << looks.clamp(0, 6)).min(MOST)
}

impl Runtime {
    /// Puts a job off.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn put_off(
        &self,
        job: &job::Model,
        why: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.store.put_aside(&job.key, why);
        self.store.postpone_job(&job.key, now + wait(job.attempts), why).await?;
        Ok(())
    }

    /// Puts a job off whose work rests on what cannot be read. What else went wrong is handed back.
    ///
    /// # Errors
    /// As it was.
    pub(crate) async fn unless_unreadable(
        &self,
        done: Result<(), StoreError>,
        job: &job::Model,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        match done {
            Ok(()) => {
                self.store.read_again(&job.key);
                Ok(())
            }
            Err(StoreError::Unreadable(why)) => self.put_off(job, &why, now).await,
            Err(e) => Err(e),
        }
    }
}

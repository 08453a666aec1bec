//! The proof of a commit: before anybody is answered, a reader's connection finds what was committed.
//!
//! «Acknowledged means on disk» rests on the writer's connection being what it says. A reader shares
//! nothing with it but the database: what it finds, the next start finds, too. A commit that is
//! disproved stops all acknowledging for good: nobody must be told «accepted» by a daemon that cannot
//! tell what it has written.

use crate::store::StoreError;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QuerySelect as _};

use super::Store;
use super::entities::journal::{Column, Entity};

/// An entry of the journal by which a commit is proved: the last one of those that it wrote.
#[derive(Debug, Clone)]
pub(super) struct Evidence {
    pub run: String,
    pub sequence: i64,
    pub hash: String,
}

/// Whether commits were found to be what they claim to be.
#[derive(Debug, Clone, Default)]
pub(super) struct Soundness(Arc<AtomicBool>);

impl Store {
    /// Refuses to go on once a commit was disproved.
    ///
    /// # Errors
    /// When that has happened.
    pub(super) fn sound(&self) -> Result<(), StoreError> {
        if self.is_sound() { Ok(()) } else { Err(StoreError::away(UNSOUND)) }
    }

    /// Whether all that was committed was found by readers, too.
    pub fn is_sound(&self) -> bool {
        !self.unsound.0.load(Ordering::Acquire)
    }

    /// Proves a commit, and has the witness note how far the journal reaches now.
    ///
    /// # Errors
    /// When it is disproved. A reader that cannot look disproves nothing.
    pub(super) async fn prove(&self, evidence: &Evidence) -> Result<(), StoreError> {
        let found: Result<Option<(i64, String)>, StoreError> = Ok(Entity::find()
            .select_only()
            .columns([Column::Cursor, Column::Hash])
            .filter(Column::Run.eq(&evidence.run))
            .filter(Column::Sequence.eq(evidence.sequence))
            .into_tuple()
            .one(self.reader())
            .await?);
        match found {
            Ok(Some((cursor, hash))) if hash == evidence.hash => {
                if let Some(witness) = &self.witness {
                    witness.note(cursor);
                }
                Ok(())
            }
            Ok(_) => {
                let Evidence { run, sequence, .. } = evidence;
                tracing::error!(run, sequence, "committed, and not there: {UNSOUND}");
                self.unsound.0.store(true, Ordering::Release);
                self.sound()
            }
            Err(e) => {
                tracing::warn!("a commit could not be proved: {e}");
                Ok(())
            }
        }
    }
}

pub(super) const UNSOUND: &str = "база данных подтвердила запись, которой в ней нет: демон больше ничего не \
                       принимает; перезапустите его и проверьте диск и файл базы";

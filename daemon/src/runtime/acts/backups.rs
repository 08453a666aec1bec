//! Backups: asked for, given out, removed. Each of it stands in the journal of access, for whoever has
//! a backup has the deployment.

use std::sync::Arc;

use vekha_engine::Happened;
use vekha_roadmap::answers::FieldError;

use super::access::{AccessError, Asker, field, settled};
use crate::backup::kept::{Backup, Backups, NotBegun, State, is_backup};
use crate::runtime::Runtime;
use crate::runtime::seen;
use crate::store::write::access::Terms;

/// Why nothing is done with a backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// None can be begun.
    #[error("{0}")]
    NotBegun(#[from] NotBegun),
    /// It is not ready.
    #[error("копия {0} не готова")]
    NotReady(String),
    /// What may be wrong with any change of access.
    #[error("{0}")]
    Access(#[from] AccessError),
}

/// A backup as a repeated request is answered.
#[derive(Debug)]
pub enum Asked {
    /// As it is.
    Known(Backup),
    /// It is not there any more.
    Gone(String),
}

/// By what a change of a backup is seen.
pub fn backup_etag(backup: &Backup) -> String {
    seen::etag(backup)
}

/// What is wrong with what a backup is to be called; an empty id is made of the time.
pub fn wrong_id(id: &str) -> Vec<FieldError> {
    let wanted = "от 1 до 40 строчных латинских букв, цифр и дефисов";
    let is_wrong = !id.is_empty() && !is_backup(id);
    is_wrong.then(|| field("backup_id", wanted)).into_iter().collect()
}

impl Runtime {
    /// Says where backups are kept.
    pub fn keeps(&self, backups: Backups) {
        self.backups.set(Arc::new(backups)).ok();
    }

    /// All backups, by id.
    ///
    /// # Errors
    /// When their folder cannot be read.
    pub fn all_backups(&self) -> Result<Vec<Backup>, AccessError> {
        let all = self.backups.get().map(|backups| backups.all()).transpose();
        Ok(all.map_err(folder)?.unwrap_or_default())
    }

    /// A backup.
    ///
    /// # Errors
    /// [`AccessError::NotFound`] if there is none; when their folder cannot be read.
    pub fn backup(&self, id: &str) -> Result<Backup, AccessError> {
        let found = self.all_backups()?.into_iter().find(|one| one.id == id);
        found.ok_or_else(|| AccessError::NotFound(format!("backups/{id}")))
    }

    /// Begins a backup of this id, or of one made of the time if it is empty, and makes it meanwhile.
    ///
    /// # Errors
    /// Why none is begun.
    pub async fn begin_backup(
        self: &Arc<Self>,
        asker: &Asker<'_>,
        id: &str,
    ) -> Result<Asked, BackupError> {
        if let Some(before) = self.made_for(asker).await? {
            return Ok(match self.backup(&before) {
                Ok(known) => Asked::Known(known),
                Err(AccessError::NotFound(_)) => Asked::Gone(before),
                Err(e) => return Err(e.into()),
            });
        }
        let now = self.clock.of_people();
        let id = match id {
            "" => now.strftime("%Y%m%d-%H%M%S").to_string(),
            id => id.to_owned(),
        };
        let wrong = wrong_id(&id);
        if !wrong.is_empty() {
            return Err(AccessError::Wrong(wrong).into());
        }
        let backups = self.backups.get().ok_or(NotBegun::NoSettings)?.clone();
        if asker.validate_only {
            return Ok(Asked::Known(backups.would_begin(&id, asker.actor, now)?));
        }
        let begun = backups.begin(&id, asker.actor, now)?;
        let terms = Terms { request: self.noting(asker, &id), ..Terms::default() };
        if let Err(e) = settled(self.store.change_access(&[], terms, None).await) {
            backups.end(&begun, Err("просьба о ней не записана".to_owned()));
            return Err(e.into());
        }
        let (runtime, backup, mut ending) = (self.clone(), begun.clone(), self.ending());
        tokio::spawn(async move {
            tokio::select! {
                () = runtime.make_backup(&backups, &backup) => {}
                // The next start removes what is left.
                _ = ending.wait_for(|ending| *ending) => {}
            }
        });
        Ok(Asked::Known(begun))
    }

    async fn make_backup(&self, backups: &Backups, backup: &Backup) {
        let made = match backups.make(backup, || self.clock.of_people()).await {
            Ok(proof) => {
                let made = Happened::BackupMade { backup: backup.id.clone(), sha256: proof.sha256 };
                self.tell_of_backup(&backup.created_by, made).await.map_err(|e| {
                    backups.remove(&backup.id).ok();
                    format!("не записано в журнал: {e}")
                })
            }
            Err(e) => Err(format!("{e:#}")),
        };
        if made.is_ok()
            && let Err(e) = self.keep_enough(backups).await
        {
            tracing::warn!("older backups than are to be kept are left: {e}");
        }
        backups.end(backup, made);
    }

    /// Removes the oldest backups of more than are to be kept.
    async fn keep_enough(&self, backups: &Backups) -> Result<(), AccessError> {
        for old in backups.surplus().map_err(folder)? {
            tracing::info!(backup = old.id, "the oldest backup is removed: there are enough");
            let removed = Happened::BackupRemoved { backup: old.id.clone() };
            removed_if(backups, &old.id, self.tell_of_backup("vekha", removed)).await?;
        }
        Ok(())
    }

    /// Notes that a backup is given out.
    ///
    /// # Errors
    /// That it is not there, or not ready; when the journal cannot be written.
    pub async fn give_backup(
        &self,
        actor: &str,
        id: &str,
    ) -> Result<std::path::PathBuf, BackupError> {
        let backup = self.backup(id)?;
        let State::Ready(_) = backup.state else { return Err(BackupError::NotReady(backup.id)) };
        let backups = self.backups.get().ok_or(NotBegun::NoSettings)?;
        self.tell_of_backup(actor, Happened::BackupGiven { backup: backup.id }).await?;
        Ok(backups.file(id))
    }

    /// Removes a backup.
    ///
    /// # Errors
    /// That it is being made; that it cannot be removed.
    pub async fn remove_backup(&self, asker: &Asker<'_>, seen: &Backup) -> Result<(), BackupError> {
        asker.saw(&backup_etag(seen))?;
        if matches!(seen.state, State::Creating) {
            return Err(BackupError::NotReady(seen.id.clone()));
        }
        if asker.validate_only {
            return Ok(());
        }
        let backups = self.backups.get().ok_or(NotBegun::NoSettings)?;
        let request = self.noting(asker, &seen.id);
        let removed = Happened::BackupRemoved { backup: seen.id.clone() };
        let terms = Terms { request, ..Terms::default() };
        let happened = self.happened(asker.actor, removed);
        let told = async { settled(self.store.change_access(&[], terms, Some(happened)).await) };
        Ok(removed_if(backups, &seen.id, told).await?)
    }

    async fn tell_of_backup(&self, actor: &str, what: Happened) -> Result<(), AccessError> {
        let happened = self.happened(actor, what);
        settled(self.store.change_access(&[], Terms::default(), Some(happened)).await)
    }
}

/// Removes a backup if the journal takes it. What the journal says is to be true: a folder that takes no
/// changes is found out before.
async fn removed_if(
    backups: &Backups,
    id: &str,
    told: impl Future<Output = Result<(), AccessError>>,
) -> Result<(), AccessError> {
    backups.set_aside(id).map_err(folder)?;
    if let Err(e) = told.await {
        backups.put_back(id).map_err(folder)?;
        return Err(e);
    }
    backups.remove(id).map_err(folder)
}

fn folder(e: std::io::Error) -> AccessError {
    AccessError::Machine(format!("папка резервных копий: {e}"))
}

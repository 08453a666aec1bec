//! Backups that the daemon makes and keeps.

use std::io::SeekFrom;

use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use vekha_proto::v1::{self, BackupState, backup_service_server::BackupService};

use super::access::{asker, refused};
use super::downloads::{PIECE, Pieces};
use super::lists::paging;
use super::mutation::{Asked, Mutation, identity};
use super::reason::Reason;
use super::{Api, convert, status};
use crate::backup::kept::{Backup, NotBegun, State};
use crate::runtime::acts::backups::{self, BackupError, backup_etag};

/// Pieces that wait for whoever takes them.
const AHEAD: usize = 4;

fn name(id: &str) -> String {
    format!("backups/{id}")
}

fn id(name: &str) -> Result<&str, Status> {
    let id = name.strip_prefix("backups/").filter(|id| !id.is_empty() && !id.contains('/'));
    id.ok_or_else(|| status::invalid("name", format!("«{name}»: нужно имя вида backups/weekly")))
}

fn described(backup: &Backup) -> v1::Backup {
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let mut shown = v1::Backup {
        name: name(&backup.id),
        created_at: Some(convert::timestamp(backup.created_at)),
        created_by: backup.created_by.clone(),
        etag: backup_etag(backup),
        ..v1::Backup::default()
    };
    let state = match &backup.state {
        State::Creating => BackupState::Creating,
        State::Failed(why) => {
            shown.error.clone_from(why);
            BackupState::Failed
        }
        State::Ready(proof) => {
            shown.finished_at = Some(convert::timestamp(proof.finished_at));
            shown.size = i64::try_from(proof.bytes).unwrap_or(i64::MAX);
            shown.sha256.clone_from(&proof.sha256);
            shown.runs = count(proof.runs);
            shown.journal_entries = count(proof.entries);
            shown.journal_cursor = proof.last;
            BackupState::Ready
        }
    };
    shown.set_state(state);
    shown
}

/// Why nothing is done, as the contract says it.
fn not_done(e: BackupError) -> Status {
    let words = e.to_string();
    match e {
        BackupError::NotBegun(NotBegun::Exists(_)) => status::told(Reason::BackupExists, &words),
        BackupError::NotBegun(NotBegun::Taken(_)) => status::told(Reason::NameTaken, &words),
        BackupError::NotBegun(NotBegun::Busy(_)) => status::not_now(Reason::BackupUnderWay, &words),
        BackupError::NotBegun(NotBegun::Folder(_)) => status::machine(&words),
        BackupError::NotBegun(NotBegun::Elsewhere) => {
            status::not_now(Reason::BackupElsewhere, &words)
        }
        BackupError::NotBegun(NotBegun::NoSettings) => status::not_now(Reason::NoSettings, &words),
        BackupError::NotReady(_) => status::not_now(Reason::BackupNotReady, &words),
        BackupError::Access(e) => refused(e, "backup_id"),
    }
}

#[tonic::async_trait]
impl BackupService for Api {
    async fn list_backups(
        &self,
        request: Request<v1::ListBackupsRequest>,
    ) -> Result<Response<v1::ListBackupsResponse>, Status> {
        let r = request.into_inner();
        let paging = paging!(r)?;
        let all = self.runtime.all_backups().map_err(|e| refused(e, "name"))?;
        let (page, next_page_token) = paging.slice(all, |one: &Backup| one.id.clone());
        let backups = page.iter().map(described).collect();
        Ok(Response::new(v1::ListBackupsResponse { backups, next_page_token }))
    }

    async fn get_backup(
        &self,
        request: Request<v1::GetBackupRequest>,
    ) -> Result<Response<v1::Backup>, Status> {
        let backup = self.runtime.backup(id(&request.into_inner().name)?);
        Ok(Response::new(described(&backup.map_err(|e| refused(e, "name"))?)))
    }

    async fn create_backup(
        &self,
        request: Request<v1::CreateBackupRequest>,
    ) -> Result<Response<v1::Backup>, Status> {
        let asked = Asked::of(request);
        let mutation = Mutation::read_beside(backups::wrong_id(&asked.backup_id), &asked)?;
        let begun = self.runtime.begin_backup(&asker(&asked, &mutation), &asked.backup_id).await;
        let mut shown = match begun.map_err(not_done)? {
            backups::Asked::Known(backup) => described(&backup),
            backups::Asked::Gone(id) => v1::Backup { name: name(&id), ..v1::Backup::default() },
        };
        if mutation.validate_only {
            shown.etag.clear();
        }
        Ok(Response::new(shown))
    }

    type DownloadBackupStream = Pieces<v1::BackupPiece>;

    async fn download_backup(
        &self,
        request: Request<v1::DownloadBackupRequest>,
    ) -> Result<Response<Self::DownloadBackupStream>, Status> {
        let actor = identity(&request).actor_saying("");
        let r = request.into_inner();
        let id = id(&r.name)?;
        let offset = u64::try_from(r.offset);
        let offset = offset.map_err(|_| status::invalid("offset", "не меньше нуля"))?;
        let path = self.runtime.give_backup(&actor, id).await.map_err(not_done)?;
        let mut file = File::open(&path).await.map_err(|e| status::machine(&e.to_string()))?;
        let length = file.metadata().await.map_err(|e| status::machine(&e.to_string()))?.len();
        if offset > length {
            return Err(status::invalid("offset", format!("в файле {length} байт")));
        }
        let from = file.seek(SeekFrom::Start(offset)).await;
        from.map_err(|e| status::machine(&e.to_string()))?;
        let (sender, receiver) = mpsc::channel(AHEAD);
        tokio::spawn(async move {
            let mut offset = r.offset;
            loop {
                let mut content = Vec::with_capacity(PIECE);
                let read = (&mut file).take(PIECE as u64).read_to_end(&mut content).await;
                let piece = match read {
                    Ok(0) => return,
                    Ok(count) => {
                        let piece = v1::BackupPiece { offset, content };
                        offset += i64::try_from(count).unwrap_or_default();
                        Ok(piece)
                    }
                    Err(e) => Err(status::machine(&e.to_string())),
                };
                let ends = piece.is_err();
                if sender.send(piece).await.is_err() || ends {
                    return;
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    async fn delete_backup(
        &self,
        request: Request<v1::DeleteBackupRequest>,
    ) -> Result<Response<v1::Backup>, Status> {
        let asked = Asked::of(request);
        let mutation = Mutation::read(&asked)?;
        // Repeated, it is not there any more, and its name is all that is left to tell.
        if self.before(&mutation).await?.is_some() {
            let name = asked.name.clone();
            return Ok(Response::new(v1::Backup { name, ..v1::Backup::default() }));
        }
        let seen = self.runtime.backup(id(&asked.name)?).map_err(|e| refused(e, "name"))?;
        let mut shown = described(&seen);
        let removed = self.runtime.remove_backup(&asker(&asked, &mutation), &seen).await;
        removed.map_err(not_done)?;
        if mutation.validate_only {
            shown.etag.clear();
        }
        Ok(Response::new(shown))
    }
}

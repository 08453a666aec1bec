//! `vekha backup`, `vekha restore` and `vekha recover`: what is done beside the daemon, with its files;
//! and the backups that a running daemon makes and keeps.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::bail;
use serde_json::json;
use vekha_proto::v1::{self, BackupState};

use super::client::{Client, all_pages};
use super::download::Receiving;
use super::output::{Output, table};
use crate::backup::{self, Deployment, Taken};
use crate::settings::Settings;
use crate::store::copy::Copied;
use crate::store::{Opening, SecretFrom, Store};

/// How often a backup that is being made is looked at.
const LOOK: Duration = Duration::from_millis(200);

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct BackupArgs {
    /// Файл, которого ещё нет: в нём будут база, секрет, настройки и дорожные карты
    #[arg(required = true)]
    pub file: Option<PathBuf>,
    #[command(subcommand)]
    pub command: Option<BackupCommand>,
}

/// What is asked of the running daemon.
#[derive(Debug, clap::Subcommand)]
pub(super) enum BackupCommand {
    /// Сделать копию на машине демона, рядом с базой; ждёт, пока она не готова
    Create {
        /// Имя: weekly-12; без него — по времени
        id: Option<String>,
    },
    /// Копии, которые хранит демон
    List,
    /// Получить файл копии; прерванное продолжается с того же места
    Download {
        /// Имя
        id: String,
        /// Файл, которого ещё нет
        file: PathBuf,
    },
    /// Удалить копию
    Delete {
        /// Имя
        id: String,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct RestoreArgs {
    /// Файл резервной копии
    pub file: PathBuf,
    /// Новая или пустая папка
    pub folder: PathBuf,
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum RecoverCommand {
    /// Принять, что в базе нет части подтверждённого, и работать с тем, что есть
    AcceptLoss,
    /// Завести новый секрет вместо утраченного: ссылки из отправленных писем перестанут открываться
    NewSecret,
}

pub(super) async fn backup(config: &Path, file: &Path, out: &mut Output) -> anyhow::Result<()> {
    let deployment = Deployment::of(config, &Settings::load(config)?);
    let Taken { database, bytes } = backup::take(&deployment, file).await?;
    if out.is_json() {
        let file = file.display().to_string();
        let mut said = held(database);
        said["file"] = file.into();
        said["bytes"] = bytes.into();
        return Ok(out.json(&said)?);
    }
    Ok(out.say(format!(
        "{}: {} КБ, проверено. {}",
        file.display(),
        bytes.div_ceil(1024),
        words(database)
    ))?)
}

/// The backups of a running daemon.
pub(super) async fn kept(
    client: &Client,
    command: &BackupCommand,
    out: &mut Output,
) -> anyhow::Result<()> {
    let mut service = client.backups();
    match command {
        BackupCommand::List => {
            let request = v1::ListBackupsRequest::default();
            let all = all_pages!(service, list_backups, request, backups);
            out.many(&all, || rows(client, &all))?;
        }
        BackupCommand::Create { id } => {
            let backup_id = id.clone().unwrap_or_default();
            let request = v1::CreateBackupRequest { backup_id, ..Default::default() };
            let mut backup = service.create_backup(client.asked(request)).await?.into_inner();
            while backup.state() == BackupState::Creating && !client.validate_only {
                tokio::time::sleep(LOOK).await;
                let request = v1::GetBackupRequest { name: backup.name.clone() };
                backup = service.get_backup(request).await?.into_inner();
            }
            match backup.state() {
                BackupState::Creating if client.validate_only => {
                    let words = || format!("копию {} можно сделать", short(&backup.name));
                    return Ok(out.one(&backup, words)?);
                }
                BackupState::Failed => bail!("копия не сделана: {}", backup.error),
                // Whoever makes backups by a schedule is to know that there is none.
                BackupState::Unspecified => {
                    bail!("копия {} была по этому же request-id, и её уже нет", short(&backup.name))
                }
                _ => {}
            }
            out.one(&backup, || rows(client, std::slice::from_ref(&backup)))?;
        }
        BackupCommand::Download { id, file } => {
            let request = v1::GetBackupRequest { name: full(id) };
            let backup = service.get_backup(request).await?.into_inner();
            download(client, &backup, file).await?;
            out.one(&backup, || format!("записано: {}", file.display()))?;
        }
        BackupCommand::Delete { id } => {
            let request = v1::GetBackupRequest { name: full(id) };
            let v1::Backup { name, etag, .. } = service.get_backup(request).await?.into_inner();
            let request = v1::DeleteBackupRequest { name, etag, ..Default::default() };
            let backup = service.delete_backup(client.asked(request)).await?.into_inner();
            out.one(&backup, || format!("удалено: {}", short(&backup.name)))?;
        }
    }
    Ok(())
}

/// Receives a backup; where the way breaks off, it goes on from there.
async fn download(client: &Client, backup: &v1::Backup, file: &Path) -> anyhow::Result<()> {
    const TRIES: usize = 5;
    let mut receiving = Receiving::begin(file).await?;
    let mut failures = 0;
    while let Err(e) = pieces(client, backup, &mut receiving).await {
        failures += 1;
        // What never began will not begin by being asked again.
        if failures == TRIES || receiving.received() == 0 {
            receiving.drop_it().await;
            return Err(e);
        }
        tokio::time::sleep(LOOK).await;
    }
    receiving.keep(backup.size, &backup.sha256).await
}

async fn pieces(
    client: &Client,
    backup: &v1::Backup,
    receiving: &mut Receiving,
) -> anyhow::Result<()> {
    let request =
        v1::DownloadBackupRequest { name: backup.name.clone(), offset: receiving.received() };
    let mut pieces = client.backups().download_backup(request).await?.into_inner();
    while let Some(piece) = pieces.message().await? {
        receiving.take(&piece.content).await?;
    }
    Ok(())
}

fn full(id: &str) -> String {
    if id.starts_with("backups/") { id.to_owned() } else { format!("backups/{id}") }
}

fn short(name: &str) -> &str {
    name.strip_prefix("backups/").unwrap_or(name)
}

fn rows(client: &Client, all: &[v1::Backup]) -> String {
    let row = |one: &v1::Backup| {
        let state = match one.state() {
            BackupState::Ready => "готова, проверена".to_owned(),
            BackupState::Creating => "делается".to_owned(),
            BackupState::Failed => format!("не сделана: {}", one.error),
            BackupState::Unspecified => "её уже нет".to_owned(),
        };
        let size = match one.size {
            0 => String::new(),
            size => format!("{} КБ", size.cast_unsigned().div_ceil(1024)),
        };
        let at = client.moment(one.created_at);
        [short(&one.name).to_owned(), at, one.created_by.clone(), size, state]
    };
    let head = ["копия", "когда", "кто", "размер", "состояние"];
    table(head, all.iter().map(row).collect())
}

pub(super) async fn restore(args: &RestoreArgs, out: &mut Output) -> anyhow::Result<()> {
    let restored = backup::restore(&args.file, &args.folder).await?;
    let settings = restored.settings.display().to_string();
    if out.is_json() {
        let mut said = held(restored.database);
        said["settings"] = settings.into();
        let place = |(key, path)| json!({ "key": key, "path": path });
        said["elsewhere"] = restored.elsewhere.into_iter().map(place).collect();
        return Ok(out.json(&said)?);
    }
    out.say(words(restored.database))?;
    if !restored.elsewhere.is_empty() {
        let line = |(key, path): &(String, String)| format!("  {key} = {path}");
        let lines: Vec<String> = restored.elsewhere.iter().map(line).collect();
        out.say(format!(
            "В настройках остались места вне новой папки. Если прежний демон ещё работает или эта \
             машина другая, замените их:\n{}",
            lines.join("\n")
        ))?;
    }
    Ok(out.say(format!("Проверьте настройки и запустите демон: vekha --config {settings}"))?)
}

pub(super) async fn recover(
    config: &Path,
    command: &RecoverCommand,
    out: &mut Output,
) -> anyhow::Result<()> {
    let settings = Settings::load(config)?;
    let (secret, accept_loss, said) = match command {
        RecoverCommand::AcceptLoss => {
            (SecretFrom::File(settings.secret_file), true, "Демон начнёт с того, что в базе есть.")
        }
        RecoverCommand::NewSecret => (
            SecretFrom::Renewed(settings.secret_file),
            false,
            "Секрет новый. Отправьте школам ссылки заново: прежние не откроются.",
        ),
    };
    let store = Store::open_as(Opening { url: &settings.database, secret, accept_loss }).await?;
    store.close().await?;
    Ok(if out.is_json() { out.json(&json!({ "done": true })) } else { out.say(said) }?)
}

fn held(database: Option<Copied>) -> serde_json::Value {
    match database {
        Some(Copied { runs, entries, last }) => {
            json!({ "runs": runs, "journal_entries": entries, "journal_cursor": last })
        }
        None => json!({ "database": null }),
    }
}

fn words(database: Option<Copied>) -> String {
    match database {
        Some(Copied { runs, entries, .. }) => {
            format!("В базе выполнений {runs}, записей журнала {entries}, журнал цел.")
        }
        None => "Базы PostgreSQL в копии нет: её сохраняет pg_dump и возвращает pg_restore.".into(),
    }
}

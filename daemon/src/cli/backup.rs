//! `vekha backup`, `vekha restore` and `vekha recover`: what is done beside the daemon, with its files.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::output::Output;
use crate::backup::{self, Taken};
use crate::settings::Settings;
use crate::store::copy::Copied;
use crate::store::{Opening, SecretFrom, Store};

#[derive(Debug, clap::Args)]
pub(super) struct BackupArgs {
    /// Файл, которого ещё нет: в нём будут база, секрет, настройки и дорожные карты
    pub file: PathBuf,
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

pub(super) async fn backup(
    config: &Path,
    args: &BackupArgs,
    out: &mut Output,
) -> anyhow::Result<()> {
    let Taken { database, bytes } = backup::take(config, &args.file).await?;
    if out.is_json() {
        let file = args.file.display().to_string();
        let mut said = held(database);
        said["file"] = file.into();
        said["bytes"] = bytes.into();
        return Ok(out.json(&said)?);
    }
    Ok(out.say(format!(
        "{}: {} КБ, проверено. {}",
        args.file.display(),
        bytes.div_ceil(1024),
        words(database)
    ))?)
}

pub(super) async fn restore(args: &RestoreArgs, out: &mut Output) -> anyhow::Result<()> {
    let restored = backup::restore(&args.file, &args.folder).await?;
    let settings = restored.settings.display().to_string();
    if out.is_json() {
        let mut said = held(restored.database);
        said["settings"] = settings.into();
        return Ok(out.json(&said)?);
    }
    out.say(words(restored.database))?;
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

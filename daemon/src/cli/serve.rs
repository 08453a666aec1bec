//! `vekha serve`: the daemon, until it is told to end.

use std::io::IsTerminal as _;
use std::path::Path;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};
use tracing::{Level, Metadata};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt};

use vekha_roadmap::diagnostic::nearest;

use crate::server::Daemon;
use crate::settings::Settings;

/// What is logged unless `VEKHA_LOG` says otherwise. lettre and sqlx would write letters and
/// queries at debug; schedulers tell of their ticks.
const USUAL_LOG: &str =
    "info,sqlx=warn,lettre=warn,tokio_cron_scheduler=warn,sea_orm_migration=warn";

/// Whatever `VEKHA_LOG` asks for: lettre writes letters, with the schools' links, and the mail
/// server's password, so does async-imap with the mailbox's, sea-orm the values of its statements.
fn tells_no_secrets(metadata: &Metadata<'_>) -> bool {
    let of = |library: &str| metadata.target().split("::").next() == Some(library);
    let talks = ["lettre", "async_imap", "sea_orm", "sqlx"].into_iter().any(of);
    *metadata.level() <= Level::INFO || !talks
}

/// What is to be logged: `VEKHA_LOG`, a level or levels of parts, `warn,vekha=debug`.
///
/// # Errors
/// When it says something else: `trase` would otherwise be a part that nobody has, and all the rest
/// would be silent.
pub(super) fn log() -> anyhow::Result<EnvFilter> {
    let said = std::env::var_os("VEKHA_LOG").unwrap_or_default();
    log_of(&said.to_string_lossy())
}

fn log_of(said: &str) -> anyhow::Result<EnvFilter> {
    if said.trim().is_empty() {
        return Ok(EnvFilter::new(USUAL_LOG));
    }
    let unclear = |what: &str| {
        let near = nearest(what, LEVELS.iter());
        let near = near.map(|near| format!(" Может быть, {near}?")).unwrap_or_default();
        anyhow::anyhow!(
            "VEKHA_LOG: непонятно «{what}».{near} Нужен уровень ({}) или уровни частей через \
             запятую: warn,vekha=debug",
            LEVELS.join(", ")
        )
    };
    for part in said.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let level = part.rsplit('=').next().unwrap_or(part);
        // Parts of libraries may be picked by span and field, which only the filter understands.
        let picks = part.contains(['[', '{']);
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | ':' | '-' | '=');
        if !picks && !LEVELS.contains(&level.to_lowercase().as_str()) {
            return Err(unclear(level));
        }
        if !picks && !part.chars().all(plain) {
            return Err(unclear(part));
        }
    }
    EnvFilter::try_new(said).map_err(|_| unclear(said))
}

/// How much is logged, from nothing to everything.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Has what is logged written to standard error.
pub(super) fn tell(filter: EnvFilter) {
    let lines = fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .with_filter(filter_fn(tells_no_secrets));
    tracing_subscriber::registry().with(lines).with(filter).init();
}

pub(super) async fn run(config: &Path, filter: EnvFilter) -> anyhow::Result<ExitCode> {
    tell(filter);
    let settings = Settings::load_to_serve(config)?;
    let rehearsal = settings.rehearsal.is_some();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let daemon = Daemon::start(settings).await?;
    let now = daemon.runtime.clock().now();
    tracing::info!(%now, rehearsal, "vekha serves at {}", daemon.runtime.public_url());
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("ending");
    daemon.stop().await?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_logged_is_understood_or_refused_but_never_taken_for_silence() {
        for right in ["", "trace", "WARN", "info,vekha=debug", "off", "vekha::store=trace, warn"] {
            assert!(log_of(right).is_ok(), "{right}");
        }
        for (wrong, what) in [
            ("trase", "«trase». Может быть, trace?"),
            ("info,vekha=debig", "«debig». Может быть, debug?"),
            ("vekha", "«vekha»"),
            ("info;vekha=debug", "«info;vekha=debug»"),
        ] {
            let told = log_of(wrong).unwrap_err().to_string();
            assert!(told.contains(what) && told.contains("warn,vekha=debug"), "{told}");
        }
    }
}

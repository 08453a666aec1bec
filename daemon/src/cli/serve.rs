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

use crate::server::Daemon;
use crate::settings::Settings;

/// What is logged unless `VEKHA_LOG` says otherwise. lettre and sqlx would write letters and
/// queries at debug; schedulers tell of their ticks.
const USUAL_LOG: &str =
    "info,sqlx=warn,lettre=warn,tokio_cron_scheduler=warn,sea_orm_migration=warn";

/// Whatever `VEKHA_LOG` asks for: lettre writes letters, with the schools' links, and the mail
/// server's password, sea-orm the values of its statements.
fn tells_no_secrets(metadata: &Metadata<'_>) -> bool {
    let of = |library: &str| metadata.target().split("::").next() == Some(library);
    *metadata.level() <= Level::INFO || !(of("lettre") || of("sea_orm") || of("sqlx"))
}

pub(super) async fn run(config: &Path) -> anyhow::Result<ExitCode> {
    let filter = EnvFilter::try_from_env("VEKHA_LOG").unwrap_or_else(|_| EnvFilter::new(USUAL_LOG));
    let lines = fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .with_filter(filter_fn(tells_no_secrets));
    tracing_subscriber::registry().with(lines).with(filter).init();
    let settings = Settings::load(config)?;
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

//! `vekha serve`: the daemon, until it is told to end.

use std::path::Path;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::server::Daemon;
use crate::settings::Settings;

/// What is logged unless `VEKHA_LOG` says otherwise. lettre and sqlx would write letters and
/// queries at debug; schedulers tell of their ticks.
const USUAL_LOG: &str =
    "info,sqlx=warn,lettre=warn,tokio_cron_scheduler=warn,sea_orm_migration=warn";

pub(super) async fn run(config: &Path) -> anyhow::Result<ExitCode> {
    let filter = EnvFilter::try_from_env("VEKHA_LOG").unwrap_or_else(|_| EnvFilter::new(USUAL_LOG));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
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

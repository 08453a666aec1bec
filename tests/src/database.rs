//! Databases for tests: SQLite in a folder of its own, PostgreSQL in a database of its own.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::UNIX_EPOCH;

use sea_orm::{ConnectionTrait as _, Database};

static COUNT: AtomicU32 = AtomicU32::new(0);

/// An empty database on the PostgreSQL that `tests/run` started.
///
/// # Panics
/// When there is none: run the tests with `tests/run`.
pub async fn postgres() -> String {
    let server = std::env::var("VEKHA_TEST_POSTGRES")
        .expect("PostgreSQL for tests: run them with tests/run, which starts one");
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    // A server that outlives the tests has seen the same process id before.
    let now = UNIX_EPOCH.elapsed().map_or(0, |since| since.as_micros());
    let name = format!("vekha_{}_{number}_{now}", std::process::id());
    let admin = Database::connect(format!("{server}/postgres")).await.expect("PostgreSQL");
    admin.execute_unprepared(&format!("CREATE DATABASE {name}")).await.expect("a new database");
    admin.close().await.expect("to close");
    format!("{server}/{name}")
}

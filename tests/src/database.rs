//! Databases for tests: SQLite in a folder of its own, PostgreSQL in a database of its own.

use std::sync::atomic::{AtomicU32, Ordering};

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
    let name = format!("vekha_{}_{number}", std::process::id());
    let admin = Database::connect(format!("{server}/postgres")).await.expect("PostgreSQL");
    admin.execute_unprepared(&format!("CREATE DATABASE {name}")).await.expect("a new database");
    admin.close().await.expect("to close");
    format!("{server}/{name}")
}

//! How the database is connected to, and what makes a connection fit for the next one.
//!
//! A failed write must not leave its connection inside a transaction. SQLite rolls some of them back
//! by itself (a full disk, an I/O error), the driver then fails to roll back what is no longer there,
//! keeps counting one transaction too many, and whatever is «committed» later is a savepoint that
//! nobody ever commits. So a writer's connection is asked before it goes back to the pool whether it
//! stands outside any transaction; one that does not is closed, and the database undoes what it held.

use std::path::Path;
use std::str::FromStr as _;
use std::time::Duration;

use sea_orm::{DatabaseConnection, DbErr, SqlxPostgresConnector, SqlxSqliteConnector};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Connection as _, Executor as _};

use super::away;
use crate::private;
use crate::store::StoreError;

/// How many readers work at the same time.
const READERS: u32 = 4;

/// How many transactions of a daemon may write to PostgreSQL at the same time.
const WRITERS: u32 = 2;

/// What SQLite's writer may keep in memory: what a large batch touches is then written once, at its
/// commit, and not before.
const WRITER_CACHE_KIB: i64 = 16 * 1024;

/// How long the log grows before it is copied into the database: 40 MB in pages of 4 KB. A page that
/// many batches write is copied once for all of them.
const CHECKPOINT_PAGES: u32 = 10_000;

/// What the log keeps of the disk once all of it has been copied into the database.
pub(super) const LOG_KEEPS: u64 = 64 * 1024 * 1024;

/// How long a statement waits for another process that has locked the SQLite file.
const FOREIGN_LOCK: Duration = Duration::from_secs(10);

/// How long a request waits for a connection to PostgreSQL before it is told that there is none.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long after its last use a connection to PostgreSQL is taken to stand still.
const SURELY_STANDS: Duration = Duration::from_millis(200);

/// What PostgreSQL itself bounds for our sessions, so that a daemon that freezes within a transaction,
/// or whose machine is gone, lets go of its locks while the others wait. Milliseconds; the keepalives
/// are seconds.
const SESSION: [(&str, &str); 7] = [
    ("lock_timeout", "4000"),
    ("statement_timeout", "30000"),
    ("idle_in_transaction_session_timeout", "3000"),
    ("tcp_keepalives_idle", "5"),
    ("tcp_keepalives_interval", "2"),
    ("tcp_keepalives_count", "3"),
    ("tcp_user_timeout", "10000"),
];

/// A writer and readers.
pub(super) type Pair = (DatabaseConnection, DatabaseConnection);

/// Opens an SQLite file, created if it is missing: one writer, readers beside it.
///
/// # Errors
/// When it cannot be created or opened.
pub(super) async fn sqlite(path: &Path) -> Result<Pair, StoreError> {
    // What SQLite makes beside the file has the file's rights; what an older release left has its own.
    private::make_file(path).map_err(|e| DbErr::Custom(format!("{}: {e}", path.display())))?;
    for ending in ["-wal", "-shm"] {
        let mut beside = path.as_os_str().to_owned();
        beside.push(ending);
        private::close(Path::new(&beside), private::OTHERS);
    }
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // A commit that was acknowledged survives a power cut.
        .synchronous(SqliteSynchronous::Full)
        // What a statement would have to undo stays out of the file system.
        .pragma("temp_store", "memory")
        .busy_timeout(FOREIGN_LOCK)
        .statement_cache_capacity(256)
        // Who reads many rows is not waited for at every fiftieth.
        .row_buffer_size(1024);
    let writing = options
        .clone()
        .pragma("cache_size", (-WRITER_CACHE_KIB).to_string())
        .pragma("journal_size_limit", LOG_KEEPS.to_string())
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES.to_string());
    let pool = |connections: u32, options: SqliteConnectOptions| async move {
        SqlitePoolOptions::new()
            .min_connections(1)
            .max_connections(connections)
            .acquire_timeout(Duration::from_secs(60))
            .after_release(|connection, _| {
                Box::pin(async move { Ok(stands_outside(connection).await) })
            })
            .connect_with(options)
            .await
            .map(SqlxSqliteConnector::from_sqlx_sqlite_pool)
            .map_err(|e| DbErr::Custom(format!("{}: {e}", path.display())))
    };
    let writer = pool(1, writing).await?;
    let reader = pool(READERS, options.read_only(true)).await?;
    Ok((writer, reader))
}

/// Whether a connection is in no transaction, by SQLite's own account and by the driver's.
async fn stands_outside(connection: &mut SqliteConnection) -> bool {
    // SQLite refuses to begin within a transaction. A deferred one touches no file, and the driver
    // does not count what it is told as plain text.
    let begins = connection.execute("BEGIN; ROLLBACK").await.is_ok();
    let outside = begins && !connection.is_in_transaction();
    if !outside {
        tracing::warn!(begins, "a connection was left within a transaction and is thrown away");
    }
    outside
}

/// Connects to PostgreSQL.
///
/// # Errors
/// When it cannot be reached.
pub(super) async fn postgres(url: &str) -> Result<Pair, StoreError> {
    let options = address(url)?.options(SESSION);
    let pool = |connections: u32| {
        PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(PATIENCE)
            // To ask each time whether a connection still stands would be one more way there and back
            // for each batch.
            .test_before_acquire(false)
            .before_acquire(|connection, meta| {
                Box::pin(async move {
                    Ok(meta.idle_for < SURELY_STANDS || connection.ping().await.is_ok())
                })
            })
            .after_release(|connection, _| {
                let outside = !connection.is_in_transaction();
                Box::pin(async move { Ok(outside) })
            })
            .connect_with(options.clone())
    };
    let (writer, reader) = tokio::try_join!(pool(WRITERS), pool(READERS)).map_err(away)?;
    let connection = SqlxPostgresConnector::from_sqlx_postgres_pool;
    Ok((connection(writer), connection(reader)))
}

/// A single connection to PostgreSQL that may take its time: for changes of the schema.
///
/// # Errors
/// When it cannot be reached.
pub(super) async fn patient_postgres(url: &str) -> Result<DatabaseConnection, StoreError> {
    let pool: PgPool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(Duration::from_secs(30))
        .connect_with(address(url)?)
        .await
        .map_err(away)?;
    Ok(SqlxPostgresConnector::from_sqlx_postgres_pool(pool))
}

fn address(url: &str) -> Result<PgConnectOptions, StoreError> {
    Ok(PgConnectOptions::from_str(url).map_err(away)?)
}

//! The one place that commits. SQLite or PostgreSQL through sea-orm, the same code for both.
//!
//! Steps are written in batches: [`Store::begin`] opens the write transaction, a [`Batch`] loads
//! runs, takes in changed ones and writes everything in a few statements at [`Batch::commit`].
//! Readers never wait for the writer (WAL, MVCC).

pub mod addresses;
pub mod batch;
pub mod data;
pub mod deployment;
pub mod drafts;
pub mod entities;
pub mod files;
pub mod migrations;
pub mod outbox;
pub mod queries;
mod requests;
mod rows;
pub mod runs;
pub mod schedule;

use std::path::Path;
use std::time::Duration;

use sea_orm::{
    ConnectOptions, ConnectionTrait as _, Database, DatabaseBackend, DatabaseConnection, DbErr,
    SqlxSqliteConnector, Statement, TransactionTrait as _,
};
use sea_orm_migration::MigratorTrait;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

pub use batch::Batch;

use crate::secret::Secret;

/// A connection to the database: one writer, readers beside it.
#[derive(Debug, Clone)]
pub struct Store {
    writer: DatabaseConnection,
    reader: DatabaseConnection,
    secret: Secret,
}

/// How many readers work at the same time.
const READERS: u32 = 4;

impl Store {
    /// Opens the database and brings its schema up to date.
    ///
    /// `url` is `sqlite:path/to/file.db` (created if missing) or `postgres://...`.
    ///
    /// # Errors
    /// When the database cannot be reached, opened or migrated.
    pub async fn open(url: &str, secret: Secret) -> Result<Self, DbErr> {
        let (writer, reader) = match url.strip_prefix("sqlite:") {
            Some(path) => open_sqlite(path.trim_start_matches("//")).await?,
            None => open_postgres(url).await?,
        };
        let store = Store { writer, reader, secret };
        // Daemons that start at the same time must not create the same tables.
        let alone = match store.is_shared() {
            true => Some(store.reader.begin().await?),
            false => None,
        };
        if let Some(transaction) = &alone {
            transaction.execute_raw(Lock::Schema.statement()).await?;
        }
        migrations::Migrator::up(&store.writer, None).await?;
        if let Some(transaction) = alone {
            transaction.commit().await?;
        }
        Ok(store)
    }

    /// For queries outside a batch.
    pub fn reader(&self) -> &DatabaseConnection {
        &self.reader
    }

    /// For the few writes that are no steps of a run.
    pub(crate) fn writer(&self) -> &DatabaseConnection {
        &self.writer
    }

    /// What links are derived from.
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Whether several daemons may share the database.
    pub fn is_shared(&self) -> bool {
        self.writer.get_database_backend() == DatabaseBackend::Postgres
    }

    /// Closes all connections; pending work is done first.
    ///
    /// # Errors
    /// When the database reports one on closing.
    pub async fn close(self) -> Result<(), DbErr> {
        self.reader.close().await?;
        self.writer.close().await
    }
}

/// What only one of the daemons on a PostgreSQL database may do at a time.
#[derive(Debug, Clone, Copy)]
enum Lock {
    /// Change the schema.
    Schema = 1,
    /// Append to the journal.
    Journal = 2,
}

impl Lock {
    /// Holds it until the transaction ends.
    fn statement(self) -> Statement {
        // Advisory locks are the whole server database's: the first number is ours, «vekh».
        let text = format!("SELECT pg_advisory_xact_lock({}, {})", 0x7665_6b68, self as i32);
        Statement::from_string(DatabaseBackend::Postgres, text)
    }
}

/// What SQLite's writer may keep in memory: what a large batch touches is then written once, at its
/// commit, and not before.
const WRITER_CACHE_KIB: i64 = 16 * 1024;

/// How long the log grows before it is copied into the database: 40 MB in pages of 4 KB. A page that
/// many batches write is copied once for all of them.
const CHECKPOINT_PAGES: u32 = 10_000;

async fn open_sqlite(path: &str) -> Result<(DatabaseConnection, DatabaseConnection), DbErr> {
    if let Some(folder) = Path::new(path).parent() {
        std::fs::create_dir_all(folder)
            .map_err(|e| DbErr::Custom(format!("{}: {e}", folder.display())))?;
    }
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // A commit that was acknowledged survives a power cut.
        .synchronous(SqliteSynchronous::Full)
        // What a statement would have to undo stays out of the file system.
        .pragma("temp_store", "memory")
        .busy_timeout(Duration::from_secs(10))
        .statement_cache_capacity(256)
        // Who reads many rows is not waited for at every fiftieth.
        .row_buffer_size(1024);
    let writing = options
        .clone()
        .pragma("cache_size", (-WRITER_CACHE_KIB).to_string())
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES.to_string());
    let pool = |connections: u32, options: SqliteConnectOptions| async move {
        SqlitePoolOptions::new()
            .min_connections(1)
            .max_connections(connections)
            .acquire_timeout(Duration::from_secs(60))
            .connect_with(options)
            .await
            .map(SqlxSqliteConnector::from_sqlx_sqlite_pool)
            .map_err(|e| DbErr::Custom(format!("{path}: {e}")))
    };
    let writer = pool(1, writing).await?;
    let reader = pool(READERS, options.read_only(true)).await?;
    Ok((writer, reader))
}

async fn open_postgres(url: &str) -> Result<(DatabaseConnection, DatabaseConnection), DbErr> {
    let options = |connections: u32| {
        let mut options = ConnectOptions::new(url);
        options
            .max_connections(connections)
            .acquire_timeout(Duration::from_secs(30))
            .sqlx_logging(false);
        options
    };
    Ok((Database::connect(options(2)).await?, Database::connect(options(READERS)).await?))
}

/// Microseconds since the epoch: how columns hold instants.
pub fn micros(at: jiff::Timestamp) -> i64 {
    at.as_microsecond()
}

/// The instant that a column holds.
pub fn instant(micros: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_microsecond(micros).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}

/// A document that Vekha itself wrote; a broken one is an error of the database, not a panic.
pub(crate) fn document<T: serde::de::DeserializeOwned>(what: &str, text: &str) -> Result<T, DbErr> {
    serde_json::from_str(text).map_err(|e| DbErr::Custom(format!("{what}: unreadable body: {e}")))
}

/// A document as a column holds it.
pub(crate) fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("our documents have string keys and finite numbers")
}

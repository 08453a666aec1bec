//! The one place that commits. SQLite or PostgreSQL through sea-orm, the same code for both.
//!
//! Steps are written in batches: [`Store::begin`] opens the write transaction, a [`Batch`] loads
//! runs, takes in changed ones and writes everything in a few statements at [`Batch::commit`].
//! Readers never wait for the writer (WAL, MVCC).

mod aside;
mod connections;
pub mod copy;
pub mod deployment;
pub mod entities;
mod error;
pub mod migrations;
mod open;
mod proof;
pub mod pulse;
pub mod read;
pub mod time;
pub mod upkeep;
pub mod witness;
pub mod write;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use sea_orm::{DatabaseBackend, DatabaseConnection, DbErr, Statement};

pub(crate) use aside::unreadable;
pub use error::StoreError;
pub use open::{OpenError, Opening, SecretFrom, without_password};

use crate::secret::Secret;
use aside::Aside;
use proof::Soundness;
use pulse::Failures;
use witness::Witness;
pub use write::batch::Batch;

/// A connection to the database: one writer, readers beside it.
#[derive(Debug, Clone)]
pub struct Store {
    writer: DatabaseConnection,
    reader: DatabaseConnection,
    secret: Secret,
    /// What this daemon is called among those that share the database; empty where it has no name.
    name: Arc<str>,
    /// Where the file of an SQLite database lies.
    file: Option<PathBuf>,
    /// Its witness.
    witness: Option<Witness>,
    unsound: Soundness,
    aside: Aside,
    failures: Failures,
    /// Whether there is anybody who could sign in: once there is, there is.
    peopled: Arc<AtomicBool>,
}

impl Store {
    /// The same for a daemon of this name. No two that share the database may have the same; one that
    /// is started again has its own again, and with it what it had claimed.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        // No sign in it means more than itself where it is looked for.
        let name: String =
            name.chars().map(|c| if matches!(c, '_' | '%' | '\\') { '-' } else { c }).collect();
        Store { name: name.into(), ..self }
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
}

/// Advisory locks are the whole server database's: this first number of each is ours, «vekh».
const LOCKS: i32 = 0x7665_6b68;

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
        Statement::from_string(DatabaseBackend::Postgres, format!("SELECT {}", self.call()))
    }

    /// The same within a statement.
    fn call(self) -> String {
        format!("pg_advisory_xact_lock({LOCKS}, {})", self as i32)
    }
}

/// What the driver says, as sea-orm says it.
fn away(e: sqlx::Error) -> DbErr {
    DbErr::Conn(sea_orm::RuntimeErr::SqlxError(e.into()))
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
pub(crate) fn document<T: serde::de::DeserializeOwned>(
    what: &str,
    text: &str,
) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|e| unreadable(what, e))
}

/// A document as a column holds it.
pub(crate) fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("our documents have string keys and finite numbers")
}

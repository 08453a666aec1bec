//! What can go wrong with the database, told apart by what is to be done about it.

use std::sync::Arc;

use sea_orm::{DbErr, RuntimeErr, SqlErr};

/// Why something was not read or written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The database does not answer, or does not take it: to be tried again.
    #[error("{0}")]
    Away(Arc<DbErr>),
    /// A row cannot be read; it is named, and why. That concerns nothing but what rests on it, and
    /// trying again is of no use before somebody has mended it.
    #[error("{0}")]
    Unreadable(String),
    /// Somebody else was faster: to be looked at anew.
    #[error("{0}")]
    Taken(Arc<DbErr>),
}

impl From<DbErr> for StoreError {
    fn from(e: DbErr) -> Self {
        match e.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(_)) => StoreError::Taken(Arc::new(e)),
            _ => StoreError::Away(Arc::new(e)),
        }
    }
}

impl StoreError {
    /// The database itself says so, or what stands between it and us.
    pub(crate) fn away(why: impl std::fmt::Display) -> Self {
        DbErr::Custom(why.to_string()).into()
    }

    /// There is no connection.
    pub(crate) fn no_connection(why: impl Into<String>) -> Self {
        DbErr::Conn(RuntimeErr::Internal(why.into())).into()
    }

    /// Whether there is no database to try again with.
    pub(crate) fn is_lost(&self) -> bool {
        let lost = |e: &DbErr| matches!(e, DbErr::Conn(_) | DbErr::ConnectionAcquire(_));
        matches!(self, StoreError::Away(e) if lost(e))
    }

    /// Whether it is about a row that cannot be read.
    pub fn is_unreadable(&self) -> bool {
        matches!(self, StoreError::Unreadable(_))
    }
}

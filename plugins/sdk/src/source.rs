//! Sources fetch what another system knows about organisations, so that people need not type it.

use async_trait::async_trait;
use serde_json::{Map, Value};

use crate::Plugin;

/// Fetches records for a dataset.
#[async_trait]
pub trait Source: Plugin {
    /// Fetches at most one record for each organisation asked for. The caller checks the answers
    /// by the form as it checks any submission.
    ///
    /// # Errors
    ///
    /// [`SourceError`], which tells the caller whether to try again; then no record is used.
    async fn fetch(&self, request: &FetchRequest) -> Result<Vec<Record>, SourceError>;
}

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchRequest {
    /// Unique name: the same key asks for the same.
    pub key: String,
    /// Municipality id.
    pub municipality: String,
    /// Activity id.
    pub activity: String,
    /// What the records are about: `2026-27`.
    pub period: String,
    /// Id of the form whose fields are wanted.
    pub form: String,
    /// Ids of those fields.
    pub fields: Vec<String>,
    /// Codes of the organisations whose records are wanted.
    pub organisations: Vec<String>,
}

/// What another system knows of one organisation.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Organisation code.
    pub organisation: String,
    /// Answers by field id, as in a submission.
    pub answers: Map<String, Value>,
}

/// Nothing was fetched. The sentences are in Russian.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// The request cannot be answered as it is: trying again is of no use.
    #[error("{0}")]
    Refused(String),
    /// The other system did not answer this time: try again later.
    #[error("{0}")]
    Failed(String),
}

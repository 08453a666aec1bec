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
    async fn fetch(&self, request: &FetchRequest) -> Result<Fetched, SourceError>;
}

/// What was fetched.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fetched {
    /// The records.
    pub records: Vec<Record>,
    /// What is no mistake and yet must be known, in Russian: what was left, and what was taken though
    /// nobody sees it.
    pub notes: Vec<String>,
}

impl From<Vec<Record>> for Fetched {
    fn from(records: Vec<Record>) -> Self {
        Fetched { records, notes: vec![] }
    }
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
    /// Those fields.
    pub fields: Vec<WantedField>,
    /// Codes of the organisations whose records are wanted.
    pub organisations: Vec<String>,
}

/// A field of the form, as far as a source needs to know it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WantedField {
    /// The field's id: `participants`.
    pub id: String,
    /// The question: «Участников». A source for people's files finds the answers by it.
    pub label: String,
    /// What the answer counts: «чел.»; may be empty.
    pub unit: String,
    /// What the answer is.
    pub kind: FieldKind,
}

/// What an answer is, so that a source can bring it into the form in which it is checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum FieldKind {
    /// Text.
    #[default]
    Text,
    /// A number, whole or not.
    Number,
    /// A number of hundredths: 85 for 85 %.
    Percent,
    /// A day: `2027-09-15`.
    Date,
    /// `yes` or `no`.
    YesNo,
    /// The value of one of these options.
    Choice(Vec<FieldOption>),
    /// A list of values of these options.
    Choices(Vec<FieldOption>),
    /// A list of rows, each a map by column id.
    Table,
}

/// An option of a choice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldOption {
    /// What is stored.
    pub value: String,
    /// What people read.
    pub label: String,
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

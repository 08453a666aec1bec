//! Why a command was not carried out. A refused command has changed nothing.

use vekha_roadmap::answers::FieldError;

/// Why a command was not carried out; the texts are for people.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// There is no such thing in the run or the road map.
    #[error("не найдено: {0}")]
    NotFound(String),
    /// The state does not allow it.
    #[error("{0}")]
    State(String),
    /// Fields are wrong, all of them named.
    #[error("исправьте: {}", list(.0))]
    Invalid(Vec<FieldError>),
}

impl Refusal {
    /// A single wrong field.
    pub fn field(field: &str, message: impl Into<String>) -> Self {
        Refusal::Invalid(vec![FieldError { field: field.to_owned(), message: message.into() }])
    }
}

fn list(errors: &[FieldError]) -> String {
    errors.iter().map(|e| format!("{} — {}", e.field, e.message)).collect::<Vec<_>>().join("; ")
}

//! Errors as other systems want them: a code, a stable reason, and every wrong field by its path.

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};
use vekha_engine::Refusal;

use crate::runtime::AskError;
use crate::runtime::fault::Fault;

const DOMAIN: &str = "vekha";

fn status(code: Code, reason: &str, message: String, mut details: ErrorDetails) -> Status {
    details.set_error_info(reason, DOMAIN, []);
    Status::with_error_details(code, message, details)
}

/// A single wrong field.
pub fn invalid(field: &str, message: impl Into<String>) -> Status {
    let message = message.into();
    let mut details = ErrorDetails::new();
    details.add_bad_request_violation(field, &message);
    status(Code::InvalidArgument, "INVALID_FIELDS", message, details)
}

/// There is no such thing.
pub fn not_found(what: impl std::fmt::Display) -> Status {
    status(Code::NotFound, "NOT_FOUND", format!("не найдено: {what}"), ErrorDetails::new())
}

/// The database failed.
pub fn unavailable(e: impl Fault) -> Status {
    if let Some(words) = e.unreadable() {
        return unreadable(words);
    }
    tracing::error!("{e}");
    let message = "база данных недоступна, повторите позже".to_owned();
    status(Code::Unavailable, "STORE_UNAVAILABLE", message, ErrorDetails::new())
}

/// What the database holds of the thing cannot be read: trying again is of no use before somebody
/// has mended it.
pub fn unreadable(words: String) -> Status {
    tracing::error!("{words}");
    status(Code::DataLoss, "UNREADABLE", words, ErrorDetails::new())
}

/// One of a list's things; none if it cannot be read: the others are shown all the same.
///
/// # Errors
/// What else went wrong.
pub fn readable<T>(described: Result<T, Status>) -> Result<Option<T>, Status> {
    match described {
        Err(status) if status.code() == Code::DataLoss => Ok(None),
        described => described.map(Some),
    }
}

/// The thing has changed since the caller saw it.
pub fn stale() -> Status {
    status(Code::Aborted, "STALE_ETAG", AskError::Stale.to_string(), ErrorDetails::new())
}

/// What the runtime answered.
pub fn of(e: AskError) -> Status {
    refused(e, str::to_owned)
}

/// What the runtime answered, fields called as the request calls them.
pub fn refused(e: AskError, name: impl Fn(&str) -> String) -> Status {
    let message = e.to_string();
    let mut details = ErrorDetails::new();
    match e {
        AskError::Refused(refusal) => {
            let reason = refusal.code();
            let code = match refusal {
                Refusal::NotFound(_) => Code::NotFound,
                Refusal::State(description) => {
                    details.add_precondition_failure_violation("STATE", "", description);
                    Code::FailedPrecondition
                }
                Refusal::Invalid(errors) => {
                    for error in errors {
                        details.add_bad_request_violation(name(&error.field), error.message);
                    }
                    Code::InvalidArgument
                }
            };
            status(code, reason, message, details)
        }
        AskError::Exists(_) => status(Code::AlreadyExists, "RUN_EXISTS", message, details),
        AskError::Stale => stale(),
        AskError::RequestReused => {
            details.add_bad_request_violation("request_id", &message);
            status(Code::InvalidArgument, "REQUEST_ID_REUSED", message, details)
        }
        AskError::Store(e) => unavailable(e),
        AskError::Unreadable(e) => unreadable(e),
    }
}

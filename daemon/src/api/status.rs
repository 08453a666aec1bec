//! Errors as other systems want them: a code, a stable reason, and the wrong fields by their paths,
//! as many as an error has room for ([`bounds`]).

use std::collections::HashMap;
use std::error::Error as _;
use std::sync::Arc;

use prost::Message as _;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};
use vekha_engine::Refusal;
use vekha_proto::v1;
use vekha_roadmap::answers::FieldError;
use vekha_roadmap::russian::plural;

use super::bounds;
use super::reason::Reason;
use crate::runtime::AskError;
use crate::runtime::fault::Fault;
use crate::unread::Unread;

const DOMAIN: &str = "vekha";

/// How many mistakes an error left out, in the metadata of its `ErrorInfo`.
pub(crate) const OMITTED: &str = "omitted";

fn status(reason: Reason, message: &str, mut details: ErrorDetails) -> Status {
    details.set_error_info(reason.as_str(), DOMAIN, []);
    Status::with_error_details(reason.code(), bounds::message(message), details)
}

/// All mistakes of a call, whatever part of them its status has room for.
#[derive(Debug, thiserror::Error)]
#[error("ошибок: {}", .0.len())]
struct Mistakes(Vec<FieldError>);

pub(super) fn wrong(all: Vec<FieldError>, message: String) -> Status {
    let told = bounds::mistakes(&all);
    let mut details = ErrorDetails::new();
    for e in &told {
        details.add_bad_request_violation(&e.field, &e.message);
    }
    let omitted = all.len() - told.len();
    let (mut words, mut metadata) = (bounds::message(&message), HashMap::new());
    if omitted > 0 {
        let beginning: Vec<String> =
            told.iter().take(2).map(|e| format!("{} — {}", e.field, e.message)).collect();
        let beginning = bounds::beginning(&beginning.join("; "));
        let mistakes = plural(omitted as i64, "ошибка", "ошибки", "ошибок");
        words = bounds::message(&format!("исправьте: {beginning}; и ещё {omitted} {mistakes}"));
        metadata.insert(OMITTED.to_owned(), omitted.to_string());
    }
    let reason = Reason::InvalidFields;
    details.set_error_info(reason.as_str(), DOMAIN, metadata);
    let mut status = Status::with_error_details(reason.code(), words, details);
    status.set_source(Arc::new(Mistakes(all)));
    status
}

/// Wrong fields, each with its own words.
pub fn wrong_fields(all: Vec<FieldError>) -> Status {
    let message = match all.as_slice() {
        [one] => one.message.clone(),
        several => {
            let one = |e: &FieldError| format!("{} — {}", e.field, e.message);
            format!("исправьте: {}", several.iter().map(one).collect::<Vec<_>>().join("; "))
        }
    };
    wrong(all, message)
}

/// A single wrong field.
pub fn invalid(field: &str, message: impl Into<String>) -> Status {
    let message = message.into();
    wrong(vec![FieldError { field: field.to_owned(), message: message.clone() }], message)
}

/// All mistakes of a call that was only tried, where it asks for them as a list: an error tells as
/// many as fit.
pub fn listed<T>(
    wanted: bool,
    answer: Result<tonic::Response<T>, Status>,
    list: impl FnOnce(Vec<v1::Mistake>) -> T,
) -> Result<tonic::Response<T>, Status> {
    let Err(status) = answer else { return answer };
    let all = status.source().and_then(|source| source.downcast_ref::<Mistakes>());
    match all.filter(|_| wanted) {
        None => Err(status),
        Some(Mistakes(all)) => {
            let one = |e: &FieldError| {
                let (field, description) = (e.field.clone(), e.message.clone());
                v1::Mistake { field, description }
            };
            Ok(tonic::Response::new(list(all.iter().map(one).collect())))
        }
    }
}

/// There is no such thing.
pub fn not_found(what: impl std::fmt::Display) -> Status {
    status(Reason::NotFound, &format!("не найдено: {what}"), ErrorDetails::new())
}

/// The database failed.
pub fn unavailable(e: impl Fault) -> Status {
    if let Some(words) = e.unreadable() {
        return unreadable(words);
    }
    tracing::error!("{e}");
    let message = "база данных недоступна, повторите позже";
    status(Reason::StoreUnavailable, message, ErrorDetails::new())
}

/// The machine failed, and not the database; what, is told.
pub fn machine(words: &str) -> Status {
    tracing::error!("{words}");
    status(Reason::MachineFailed, words, ErrorDetails::new())
}

/// What the database holds of the thing cannot be read: trying again is of no use before somebody
/// has mended it.
pub fn unreadable(words: String) -> Status {
    let mut status = status(Reason::Unreadable, &words, ErrorDetails::new());
    status.set_source(Arc::new(Unread(words)));
    status
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

/// What is said before a call is looked at, or instead of its end.
pub fn told(reason: Reason, message: &str) -> Status {
    status(reason, message, ErrorDetails::new())
}

/// The caller may not.
pub fn denied(message: &str) -> Status {
    status(Reason::RoleNeeded, message, ErrorDetails::new())
}

/// The caller's token is not for this service.
pub fn unreached(service: &str) -> Status {
    let message =
        format!("этот ключ — не для службы {service}: её нет среди тех, для которых он выдан");
    status(Reason::ServiceNeeded, &message, ErrorDetails::new())
}

/// Nobody would be left who may give roles.
pub fn last_administrator(message: &str) -> Status {
    not_now(Reason::LastAdministrator, message)
}

/// The state of things forbids the call.
pub fn not_now(reason: Reason, message: &str) -> Status {
    let mut details = ErrorDetails::new();
    details.add_precondition_failure_violation("STATE", "", bounds::words(message));
    status(reason, message, details)
}

/// A refusal that stands within an answer: what its call would have ended with, details and all.
pub fn within(refusal: &Status) -> tonic_types::Status {
    // Not every one has details: then nothing stands there.
    match tonic_types::Status::decode(refusal.details()) {
        Ok(whole) if whole.code != 0 => whole,
        _ => tonic_types::Status {
            code: refusal.code().into(),
            message: refusal.message().to_owned(),
            details: vec![],
        },
    }
}

/// The thing has changed since the caller saw it.
pub fn stale() -> Status {
    let message = "изменено с тех пор, как вы это читали: прочтите заново";
    status(Reason::StaleEtag, message, ErrorDetails::new())
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
        AskError::Refused(Refusal::Invalid(errors)) => {
            let called = |e: FieldError| FieldError { field: name(&e.field), ..e };
            wrong(errors.into_iter().map(called).collect(), message)
        }
        AskError::Refused(refusal) => {
            let reason = match refusal {
                Refusal::State(description) => {
                    let description = bounds::words(&description);
                    details.add_precondition_failure_violation("STATE", "", description);
                    Reason::WrongState
                }
                _ => Reason::NotFound,
            };
            status(reason, &message, details)
        }
        AskError::SomeRefused(refusals) => {
            let mut wrongs = Vec::new();
            for (_, refusal) in refusals {
                match refusal {
                    Refusal::Invalid(errors) => wrongs.extend(errors),
                    other => return refused(AskError::Refused(other), name),
                }
            }
            refused(AskError::Refused(Refusal::Invalid(wrongs)), name)
        }
        AskError::Exists(_) => status(Reason::RunExists, &message, details),
        AskError::Stale => stale(),
        AskError::RequestReused => {
            details.add_bad_request_violation("request_id", &message);
            status(Reason::RequestIdReused, &message, details)
        }
        AskError::Store(e) => unavailable(e),
        AskError::Unreadable(e) => unreadable(e),
    }
}

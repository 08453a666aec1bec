//! What a page has to say about the last thing that its person did.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde_json::Value;
use vekha_engine::Refusal;
use vekha_roadmap::answers::{FieldError, Values};

use crate::console::school::conflict::Difference;
use crate::runtime::AskError;
use crate::runtime::committer::Answered;

/// What the page has to say about the last thing that the person did.
pub enum Said {
    /// Nothing was done.
    Nothing,
    /// It was accepted.
    Accepted,
    /// Fields are wrong.
    Wrong(Vec<FieldError>),
    /// It was refused, with the reason.
    Refused(String),
    /// Somebody else has changed what its writer had not seen.
    Stale,
    /// The same, with what is to be shown of it.
    Conflict(Box<Clash>),
    /// The database did not take it.
    Unsaved,
    /// More rows were asked for.
    MoreRows,
    /// What was typed was kept, and not sent.
    Saved,
    /// A spreadsheet was read into the form, and not sent: what is wrong with it, and what else is to
    /// be known of it.
    Read {
        /// Mistakes, each at its answer.
        mistakes: Vec<FieldError>,
        /// What was left, and what was read though nobody sees it.
        notes: Vec<String>,
    },
    /// Exports of another system were read into the form, and not sent: what is wrong with what they
    /// say, and what was understood of them.
    Exported {
        /// Mistakes, each at its answer.
        mistakes: Vec<FieldError>,
        /// For the page.
        understood: Value,
    },
    /// More time was asked for.
    Asked,
    /// More time was asked for in a way that is wrong: what was typed, and what is wrong with it.
    NotAsked(Values, Vec<FieldError>),
}

/// Another person was faster.
#[derive(Debug)]
pub struct Clash {
    /// Who that was, what he did and when.
    pub by: String,
    /// What was to be done with what was typed: kept rather than sent.
    pub saving: bool,
    /// Where both differ.
    pub differences: Vec<Difference>,
    /// What the other person has, by the field beside which it is told.
    pub others: BTreeMap<String, String>,
}

impl Said {
    /// The page's status.
    pub fn status(&self) -> StatusCode {
        match self {
            Said::Nothing | Said::Accepted | Said::MoreRows | Said::Saved | Said::Asked => {
                StatusCode::OK
            }
            Said::Read { mistakes, .. } if mistakes.is_empty() => StatusCode::OK,
            Said::Exported { mistakes, .. } if mistakes.is_empty() => StatusCode::OK,
            Said::Read { .. } | Said::Exported { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Said::Wrong(_) | Said::NotAsked(..) => StatusCode::UNPROCESSABLE_ENTITY,
            Said::Refused(_) | Said::Stale | Said::Conflict(_) => StatusCode::CONFLICT,
            Said::Unsaved => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Answers are not taken any more.
    pub fn closed() -> Self {
        Said::Refused("приём ответов закрыт".to_owned())
    }

    /// What another person has, by field, where it differs from what was typed.
    pub fn others(&self) -> BTreeMap<String, String> {
        match self {
            Said::Conflict(clash) => clash.others.clone(),
            _ => BTreeMap::new(),
        }
    }

    /// What is wrong with fields.
    pub fn errors(&self) -> &[FieldError] {
        match self {
            Said::Wrong(errors)
            | Said::Read { mistakes: errors, .. }
            | Said::Exported { mistakes: errors, .. } => errors,
            _ => &[],
        }
    }

    /// What was understood of exports.
    pub fn understood(&self) -> &Value {
        match self {
            Said::Exported { understood, .. } => understood,
            _ => &Value::Null,
        }
    }

    /// What is to be known of a spreadsheet that was read.
    pub fn notes(&self) -> &[String] {
        match self {
            Said::Read { notes, .. } => notes,
            _ => &[],
        }
    }
}

/// What came of what was asked of a run. `within` begins the names of the fields that each command of
/// several came from.
///
/// # Errors
/// Why it was not carried out, as the page tells it.
pub fn of(done: Result<Answered, AskError>, within: &[String]) -> Result<(), Said> {
    let refused = match done {
        Ok(_) => return Ok(()),
        Err(AskError::Refused(refusal)) => vec![(0, refusal)],
        Err(AskError::SomeRefused(refused)) => refused,
        Err(AskError::Stale) => return Err(Said::Stale),
        Err(AskError::Store(e)) => {
            tracing::error!("what was sent from a page was not saved: {e}");
            return Err(Said::Unsaved);
        }
        Err(e) => return Err(Said::Refused(e.to_string())),
    };
    let mut errors: Vec<FieldError> = Vec::new();
    for (place, refusal) in refused {
        match refusal {
            Refusal::Invalid(own) => {
                let within = within.get(place).map_or("", String::as_str);
                for error in own {
                    let error = FieldError { field: format!("{within}{}", error.field), ..error };
                    if !errors.contains(&error) {
                        errors.push(error);
                    }
                }
            }
            // Fields cannot be mended where the run's state does not allow it.
            other => return Err(Said::Refused(other.to_string())),
        }
    }
    Err(Said::Wrong(errors))
}

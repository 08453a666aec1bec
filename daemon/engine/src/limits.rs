//! How long and how many: the step holds commands to it, pages and the contract show it.

use vekha_roadmap::answers::{FieldError, check_text};

/// Most characters of a reason or of a comment.
pub const REASON: usize = 1_000;
/// Most characters of a report on a measure or on recommendations.
pub const REPORT: usize = 4_000;
/// Most characters of one recommendation.
pub const RECOMMENDATION: usize = 10_000;
/// Most characters of what a measure asks for.
pub const MEASURE: usize = 2_000;
/// Most characters of a document's number.
pub const NUMBER: usize = 100;
/// Most characters of what a document is about.
pub const TITLE: usize = 1_000;
/// Most characters of what was decided.
pub const OUTCOME: usize = 10_000;
/// Most characters of a document's text.
pub const TEXT: usize = 30_000;
/// Most characters of who signed.
pub const SIGNATORY: usize = 200;
/// Most characters of the name of whoever sees to a run.
pub const KEEPER: usize = 200;
/// Most characters of a remark.
pub const REMARK: usize = 4_000;
/// Most files of one decision.
pub const ATTACHMENTS: usize = 10;

/// What is wrong with a reason that a person must give; nothing if it is present and of reasonable
/// length.
pub fn reason(field: &str, text: &str) -> Option<FieldError> {
    let message = match text.trim() {
        "" => "укажите причину".to_owned(),
        text if text.chars().count() > REASON => format!("не длиннее {REASON} знаков"),
        // Signs that nobody sees, or a dash, tell nothing.
        text if !text.chars().any(char::is_alphanumeric) => "укажите причину словами".to_owned(),
        text => return self::text(field, text, true),
    };
    Some(FieldError { field: field.to_owned(), message })
}

/// What is wrong with the characters of a text that documents will hold.
pub fn text(field: &str, text: &str, lines: bool) -> Option<FieldError> {
    let message = check_text(text, lines).err()?;
    Some(FieldError { field: field.to_owned(), message })
}

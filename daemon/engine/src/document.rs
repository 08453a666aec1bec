//! The document that a decision is: what is said of it, wherever it is told.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use vekha_roadmap::answers::FieldError;

use crate::command::DecisionKind;
use crate::limits;

/// What people say of a document of the authority. Whoever records a decision says it, the run keeps it,
/// the journal tells it: it stands here once, and each of them holds it whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// Its number: «47-од».
    pub number: String,
    /// Its date.
    pub date: Date,
    /// What it is about.
    pub title: String,
    /// What was decided, in words.
    pub outcome: String,
    /// The document word for word; empty if only the outcome was recorded.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// Who signed it.
    pub signatory: String,
}

/// What is asked of one text of a document.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Its name, as everywhere.
    pub field: &'static str,
    /// Most characters.
    pub longest: usize,
    /// Whether it must be given.
    pub required: bool,
    /// Whether it may have several lines.
    lines: bool,
}

impl Document {
    /// Its texts with what is asked of each.
    pub fn texts(&self) -> [(Bounds, &str); 5] {
        let bounds = |field, longest| Bounds { field, longest, required: false, lines: false };
        let required = |bounds| Bounds { required: true, ..bounds };
        let lines = |bounds| Bounds { lines: true, ..bounds };
        [
            (required(bounds("number", limits::NUMBER)), &self.number),
            (bounds("title", limits::TITLE), &self.title),
            (lines(required(bounds("outcome", limits::OUTCOME))), &self.outcome),
            (lines(bounds("text", limits::TEXT)), &self.text),
            (required(bounds("signatory", limits::SIGNATORY)), &self.signatory),
        ]
    }

    /// All that is wrong with what was said of a document of this kind, recorded on this day.
    pub(crate) fn mistakes(&self, kind: DecisionKind, today: Date) -> Vec<FieldError> {
        let mut mistakes = Vec::new();
        let mut wrong = |field: &str, message: String| {
            mistakes.push(FieldError { field: field.to_owned(), message });
        };
        for (bounds, text) in self.texts() {
            if bounds.required && text.trim().is_empty() {
                wrong(bounds.field, "заполните".to_owned());
            } else if text.chars().count() > bounds.longest {
                wrong(bounds.field, format!("не длиннее {} знаков", bounds.longest));
            } else if let Some(mistake) = limits::text(bounds.field, text, bounds.lines) {
                wrong(bounds.field, mistake.message);
            }
        }
        let others = self.text.lines().filter_map(DecisionKind::spoken);
        if let Some((other, verb)) = { others }.find(|(other, _)| *other != kind) {
            let (other, own) = (other.words(), kind.words());
            wrong("text", format!("«{verb}» говорит {other}, а этот документ — {own}"));
        }
        if self.date > today {
            wrong("date", "дата документа ещё не наступила".to_owned());
        }
        mistakes
    }
}

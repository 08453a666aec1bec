//! The files with what was typed in a form in them, and what is wrong with it, at the fields.

use std::collections::BTreeMap;

use vekha_roadmap::diagnostic::Diagnostic;
use vekha_roadmap::read::Files;

use super::fields::Field;
use super::kind::Kind;
use super::place::Parsed;

/// What was typed, by the fields' names; a field that is not among them stays as it is.
pub type Typed = BTreeMap<String, String>;

/// A form that was read.
#[derive(Debug, Default)]
pub struct Amended {
    /// The files as they would be.
    pub files: Files,
    /// What is wrong with what was typed, by the fields' names.
    pub wrong: BTreeMap<String, String>,
    /// Fields that differ from what stands in the files.
    pub changed: Vec<String>,
}

/// Puts what was typed into the files. What is wrong is left out and told, all at once.
pub fn amend(files: &Files, fields: &[Field], typed: &Typed) -> Amended {
    let mut amended = Amended { files: files.clone(), ..Amended::default() };
    for field in fields {
        let gone = String::new();
        let typed = typed.get(&field.name);
        let Some(said) = typed.or((field.kind == Kind::Gone).then_some(&gone)) else { continue };
        if same(field, said, &field.said) {
            continue;
        }
        amended.changed.push(field.name.clone());
        if field.kind == Kind::Whole {
            // Browsers end lines in their own way.
            let lines = said.replace("\r\n", "\n");
            let ended = field.said.contains("\r\n");
            let text = if ended { lines.replace('\n', "\r\n") } else { lines };
            amended.files.0.insert(field.file.clone(), text);
            continue;
        }
        let text = amended.files.0.get(&field.file).map_or("", String::as_str);
        let put = field
            .kind
            .wanted(&plain(said))
            .and_then(|wanted| Parsed::of(text)?.with(&field.way, &wanted, field.after));
        match put {
            Ok(text) => {
                amended.files.0.insert(field.file.clone(), text);
            }
            Err(message) => {
                amended.wrong.insert(field.name.clone(), message);
            }
        }
    }
    amended
}

/// Whether two texts say the same in a field.
pub fn same(field: &Field, a: &str, b: &str) -> bool {
    match field.kind {
        Kind::Whole => a.replace("\r\n", "\n") == b.replace("\r\n", "\n"),
        _ => plain(a) == plain(b),
    }
}

/// What people cannot see makes no difference.
fn plain(said: &str) -> String {
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join("\n")
}

/// Mistakes of the road map by the fields in whose values they stand, and those that stand elsewhere.
/// Of two fields the one that was changed is meant.
pub fn placed(
    mistakes: Vec<Diagnostic>,
    amended: &Amended,
    fields: &[Field],
) -> (BTreeMap<String, String>, Vec<Diagnostic>) {
    let mut at: BTreeMap<String, String> = BTreeMap::new();
    let mut elsewhere = Vec::new();
    for mistake in mistakes {
        let own = |field: &&Field| {
            let text = amended.files.0.get(&field.file).filter(|_| field.file == mistake.file);
            if field.kind == Kind::Whole {
                return text.is_some();
            }
            let parsed = text.and_then(|text| Parsed::of(text).ok());
            let lines = parsed.and_then(|parsed| parsed.lines(&field.way));
            lines.is_some_and(|(first, last)| (first..=last).contains(&mistake.line))
        };
        let mut found: Vec<&Field> = fields.iter().filter(own).collect();
        found.sort_by_key(|field| !amended.changed.contains(&field.name));
        match found.first() {
            Some(field) => {
                let said = at.entry(field.name.clone()).or_default();
                if !said.is_empty() {
                    said.push_str("; ");
                }
                if field.kind == Kind::Whole {
                    said.push_str(&format!("строка {}: ", mistake.line));
                }
                said.push_str(&mistake.message);
                if let Some(help) = &mistake.help {
                    said.push_str(&format!(" ({help})"));
                }
            }
            None => elsewhere.push(mistake),
        }
    }
    (at, elsewhere)
}

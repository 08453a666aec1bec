//! Mistakes in a road map, as a compiler would tell them: where, what, and what was meant.

use std::fmt::Write as _;

use crate::files::Files;

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Diagnostic {
    /// Path below the road map's folder.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    /// What is wrong, in Russian.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// Renders mistakes with the lines that they stand in.
pub fn render(diagnostics: &[Diagnostic], files: &Files) -> String {
    let mut out = String::new();
    for d in diagnostics {
        writeln!(out, "{}:{}:{}: {}", d.file, d.line, d.column, d.message)
            .expect("writing to a string succeeds");
        let line = files
            .0
            .get(&d.file)
            .and_then(|text| text.lines().nth(d.line.saturating_sub(1) as usize))
            .filter(|line| !line.trim().is_empty() && line.chars().count() <= 200);
        if let Some(line) = line {
            let before: String = line
                .chars()
                .take(d.column.saturating_sub(1) as usize)
                .map(|c| if c == '\t' { '\t' } else { ' ' })
                .collect();
            out.push_str(&format!("    {line}\n    {before}^\n"));
        }
        if let Some(help) = &d.help {
            out.push_str(&format!("    {help}\n"));
        }
    }
    out
}

/// The known word that is most like `word`, if any is like it at all.
pub fn nearest<'a>(
    word: &str,
    known: impl Iterator<Item = impl AsRef<str> + 'a>,
) -> Option<String> {
    known
        .map(|k| (strsim::damerau_levenshtein(word, k.as_ref()), k.as_ref().to_owned()))
        .filter(|(distance, known)| *distance <= (known.chars().count().max(3) / 3).max(1))
        .min()
        .map(|(_, known)| known)
}

/// «может быть, «form»?»
pub(crate) fn perhaps<'a>(
    word: &str,
    known: impl Iterator<Item = impl AsRef<str> + 'a>,
) -> Option<String> {
    nearest(word, known).map(|near| format!("может быть, «{near}»?"))
}

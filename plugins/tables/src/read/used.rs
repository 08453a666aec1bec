//! What of a file was used: so that people are told what was read though they do not see it, and what
//! was left though it stands there.

use std::collections::{BTreeMap, BTreeSet};

use super::seen::{Hidden, Rows};
use crate::{CellError, Place, russian};

/// Most remarks of one kind on one sheet: people read the first ones.
const MOST: usize = 50;

/// What was read and what was left, by sheet.
#[derive(Debug, Default)]
pub(crate) struct Used(BTreeMap<String, Sheet>);

#[derive(Debug, Default)]
struct Sheet {
    /// Whether a table of the form is here.
    table: bool,
    /// Whether the headings of questions and answers are here, with or without questions.
    headed: bool,
    /// Rows with answers, as they were met.
    rows: Vec<u32>,
    /// Columns with answers, likewise.
    answered: BTreeSet<u32>,
    /// Beside questions.
    questions: Vec<CellError>,
    /// Beside tables.
    columns: Vec<CellError>,
    /// Whether anything stands here that could have been read.
    written: bool,
}

impl Used {
    /// Takes account of a sheet that has cells.
    pub(crate) fn sheet(&mut self, name: &str) {
        self.0.entry(name.to_owned()).or_default().written = true;
    }

    /// The headings of questions and answers were found in this sheet.
    pub(crate) fn headed(&mut self, sheet: &str) {
        self.0.entry(sheet.to_owned()).or_default().headed = true;
    }

    /// An answer was read from this row.
    pub(crate) fn row(&mut self, sheet: &str, row: u32) {
        if let Some(sheet) = self.0.get_mut(sheet) {
            sheet.rows.push(row);
        }
    }

    /// Answers were read from this column.
    pub(crate) fn answered(&mut self, sheet: &str, column: u32) {
        if let Some(sheet) = self.0.get_mut(sheet) {
            sheet.answered.insert(column);
        }
    }

    /// A table was found in this sheet.
    pub(crate) fn table(&mut self, sheet: &str) {
        self.0.entry(sheet.to_owned()).or_default().table = true;
    }

    /// This was left where questions are looked for.
    pub(crate) fn question(&mut self, sheet: &str, at: (u32, u32), heading: &str, words: &str) {
        push(&mut self.0.entry(sheet.to_owned()).or_default().questions, sheet, at, heading, words);
    }

    /// This was left beside the columns of a table.
    pub(crate) fn column(&mut self, sheet: &str, at: (u32, u32), heading: &str, words: &str) {
        push(&mut self.0.entry(sheet.to_owned()).or_default().columns, sheet, at, heading, words);
    }

    /// All remarks, in the order of the sheets' names.
    pub(crate) fn notes(self, hidden: &[(String, Hidden)]) -> Vec<CellError> {
        let mut notes = Vec::new();
        for (name, sheet) in self.0 {
            let is_used = sheet.table || sheet.headed || !sheet.rows.is_empty();
            if !is_used {
                if sheet.written && !name.is_empty() {
                    notes.push(CellError::file(format!(
                        "лист «{name}» не прочитан: в форме его нет"
                    )));
                }
                continue;
            }
            // Where a table is, lines are its rows and no questions.
            notes.extend(sheet.columns);
            if !sheet.table {
                notes.extend(sheet.questions);
            }
            if let Some((_, hidden)) = hidden.iter().find(|(hidden, _)| *hidden == name) {
                notes.extend(unseen(&name, hidden, sheet.rows, sheet.answered));
            }
        }
        notes
    }
}

/// That something was read which nobody sees.
pub(crate) fn unseen(
    sheet: &str,
    hidden: &Hidden,
    rows: Vec<u32>,
    columns: impl IntoIterator<Item = u32>,
) -> Vec<CellError> {
    let mut rows = rows;
    rows.sort_unstable();
    rows.dedup();
    let of = |read: Vec<u32>, hidden: &Rows| {
        let mut unseen = Rows::default();
        read.into_iter().filter(|at| hidden.has(*at)).for_each(|at| unseen.add(at, at));
        unseen
    };
    let any = !rows.is_empty();
    let rows = of(rows, &hidden.rows);
    let columns = of(columns.into_iter().collect(), &hidden.columns);
    let mut notes = Vec::new();
    if hidden.whole && any {
        notes.push(format!("лист «{sheet}» прочитан, хотя он скрыт"));
    }
    if !rows.is_empty() {
        notes.push(format!("лист «{sheet}»: прочитаны и скрытые строки: {}", rows.words()));
    }
    if !columns.is_empty() {
        notes.push(format!("лист «{sheet}»: прочитаны и скрытые столбцы: {}", columns.columns()));
    }
    notes.into_iter().map(CellError::file).collect()
}

fn push(
    notes: &mut Vec<CellError>,
    sheet: &str,
    (row, column): (u32, u32),
    heading: &str,
    words: &str,
) {
    if notes.len() < MOST {
        let heading: String = heading.chars().take(60).collect();
        let place = Place {
            sheet: sheet.to_owned(),
            row: row + 1,
            column: russian::column(column),
            heading,
        };
        let message = words.to_owned();
        notes.push(CellError { path: String::new(), place: Some(place), message });
    }
}

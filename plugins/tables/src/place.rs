//! Where an answer stands, so that a mistake is told at its cell.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use crate::{Values, russian};

/// A cell, a column or a row of an uploaded file, as people find it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The sheet's name; empty in a CSV file.
    pub sheet: String,
    /// The row's number, from 1.
    pub row: u32,
    /// The column's letters.
    pub column: String,
    /// What the question or the column is called there.
    pub heading: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.sheet.is_empty() {
            write!(f, "лист «{}», ", self.sheet)?;
        }
        write!(f, "строка {}, столбец {}", self.row, self.column)?;
        if !self.heading.is_empty() {
            // Quotes within quotes have a form of their own.
            write!(f, " («{}»)", self.heading.replace('«', "„").replace('»', "“"))?;
        }
        Ok(())
    }
}

/// One mistake in an uploaded file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellError {
    /// The answer, as `procedures[2].marks_2` with rows counted from 0; empty if it is not about one.
    pub path: String,
    /// Where it stands; none if it is about the file.
    pub place: Option<Place>,
    /// What to do about it, in Russian.
    pub message: String,
}

impl CellError {
    /// A mistake of the file as a whole.
    pub(crate) fn file(message: impl Into<String>) -> Self {
        CellError { path: String::new(), place: None, message: message.into() }
    }
}

impl fmt::Display for CellError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{place}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// Where each answer stands, or would stand if it were given.
#[derive(Debug, Clone, Default)]
pub struct Places {
    singles: BTreeMap<String, Place>,
    tables: BTreeMap<String, TablePlace>,
    /// Questions and columns (`table.column`) that the file does not have, and that were told.
    missing: HashSet<String>,
}

/// Places of a table: its cells' places follow from rows and columns, so that 100 000 rows cost no
/// more than a number each.
#[derive(Debug, Clone, Default)]
pub(crate) struct TablePlace {
    pub sheet: String,
    /// The row of headings, from 0.
    pub heading: u32,
    /// By column id: position from 0, and heading.
    pub columns: BTreeMap<String, (u32, String)>,
    /// By position in the answers: the row, from 0; none if a fixed row is not in the file.
    pub rows: Vec<Option<u32>>,
}

impl TablePlace {
    pub(crate) fn at(&self, row: u32, column: u32, heading: &str) -> Place {
        Place {
            sheet: self.sheet.clone(),
            row: row + 1,
            column: russian::column(column),
            heading: heading.to_owned(),
        }
    }

    fn first_column(&self) -> u32 {
        self.columns.values().map(|(at, _)| *at).min().unwrap_or(0)
    }
}

impl Places {
    /// Where the answer with this path stands.
    pub fn get(&self, path: &str) -> Option<Place> {
        if let Some(place) = self.singles.get(path) {
            return Some(place.clone());
        }
        let (table, row, column) = parts(path);
        let table = self.tables.get(table)?;
        let row = match row {
            Some(row) => table.rows.get(row)?.unwrap_or(table.heading),
            None => table.heading,
        };
        match column {
            Some(column) => {
                table.columns.get(column).map(|(at, heading)| table.at(row, *at, heading))
            }
            None => Some(table.at(row, table.first_column(), "")),
        }
    }

    pub(crate) fn single(&mut self, id: &str, place: Place) {
        self.singles.insert(id.to_owned(), place);
    }

    pub(crate) fn table(&mut self, id: &str, table: TablePlace) {
        self.tables.insert(id.to_owned(), table);
    }

    /// Remembers that `id` (`table.column` for a column) is not in the file.
    pub(crate) fn miss(&mut self, id: String) {
        self.missing.insert(id);
    }

    /// Whether the file has no room for this answer, which was told once already.
    fn lacks(&self, path: &str) -> bool {
        let (field, _, column) = parts(path);
        self.missing.contains(field)
            || column.is_some_and(|column| self.missing.contains(&format!("{field}.{column}")))
    }
}

/// Field, row and column of a path.
fn parts(path: &str) -> (&str, Option<usize>, Option<&str>) {
    let (field, rest) = path.split_once('[').unwrap_or((path, ""));
    let (row, column) = rest.split_once(']').unwrap_or((rest, ""));
    (field, row.parse().ok(), column.strip_prefix('.').filter(|c| !c.is_empty()))
}

/// What was read from a file.
#[derive(Debug, Clone, Default)]
pub struct Sheet {
    /// The answers as they stand, for the check of answers.
    pub answers: Values,
    /// Where each of them stands.
    pub places: Places,
    /// What cannot be read as an answer at all. [`Sheet::judge`] tells these beside what the check
    /// of answers finds.
    pub mistakes: Vec<CellError>,
    /// What is no mistake and yet must be known: what was not read though it stands there, and what
    /// was read though nobody sees it.
    pub notes: Vec<CellError>,
}

/// How the path of a question about an answer begins.
const QUESTIONS: &str = "explanations.";

impl Sheet {
    /// What the check of answers made of them, each complaint (path, message) at its cell and beside
    /// what was wrong with the file itself.
    ///
    /// # Errors
    ///
    /// All mistakes, in the order in which people read the file.
    pub fn judge(
        &self,
        verdict: Result<Values, impl IntoIterator<Item = (String, String)>>,
    ) -> Result<Values, Vec<CellError>> {
        let mut all = self.mistakes.clone();
        match verdict {
            Ok(answers) if all.is_empty() => return Ok(answers),
            Ok(_) => {}
            Err(complaints) => {
                let told: HashSet<&str> = self.mistakes.iter().map(|m| m.path.as_str()).collect();
                for (path, message) in complaints {
                    // What is asked about an answer is told at the answer's cell.
                    let at = path.strip_prefix(QUESTIONS).unwrap_or(&path);
                    // What could not be read is no answer, but it was told in better words.
                    let row = at.rsplit_once('.').map_or(at, |(row, _)| row);
                    let known = told.contains(at) || told.contains(row);
                    if !known && !self.places.lacks(at) {
                        all.push(CellError { place: self.places.get(at), path, message });
                    }
                }
            }
        }
        // By place, and what is about the file first.
        all.sort_by_cached_key(|error| {
            let place = error.place.as_ref();
            place.map(|p| (p.sheet.clone(), p.row, p.column.len(), p.column.clone()))
        });
        Err(all)
    }
}

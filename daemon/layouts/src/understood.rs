//! What was understood of files.

use std::collections::BTreeMap;

use serde::Serialize;
use vekha_plugin_tables::{Place, Values};

/// What files say, together.
#[derive(Debug, Default)]
pub struct Understood {
    /// The files, in the order in which they came.
    pub files: Vec<FileRead>,
    /// By code, what the files say of an organisation.
    pub organisations: BTreeMap<String, OrganisationRead>,
    /// Figures of more than one organisation.
    pub beside: Vec<Beside>,
    /// What was left out, what was not understood, and what else is to be known.
    pub notes: Vec<Note>,
}

/// A file.
#[derive(Debug, Clone, Default, Serialize)]
pub struct FileRead {
    /// Its name.
    pub name: String,
    /// Id of the layout that knew it; none if no layout did.
    pub layout: Option<String>,
    /// What the layout is called.
    pub title: String,
    /// Rows that were taken.
    pub rows: u64,
    /// Which columns were read, sheet by sheet, as their headings stand.
    pub columns: Vec<ColumnRead>,
    /// Headings that the layout does not know; their columns were not looked at.
    pub unread: Vec<String>,
}

/// A column that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ColumnRead {
    /// The sheet.
    pub sheet: String,
    /// The row of the heading, from 1.
    pub row: u32,
    /// The column's letters.
    pub column: String,
    /// What stands in the heading.
    pub heading: String,
    /// The name of its value.
    pub value: String,
}

/// What the files say of an organisation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OrganisationRead {
    /// Answers to the form, as far as the files have them.
    pub answers: Values,
    /// Rows that they come from.
    pub rows: u64,
}

/// Figures of a region, of the country, of all.
#[derive(Debug, Clone, PartialEq)]
pub struct Beside {
    /// What kind of whole it is: «Регион».
    pub level: String,
    /// What the file calls it.
    pub label: String,
    /// The same figures as an organisation's.
    pub answers: Values,
}

/// What a note is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoteKind {
    /// Could not be understood: somebody has to look.
    Unclear,
    /// Was left out on purpose.
    Left,
    /// Was taken, and yet something is to be known of it.
    Told,
}

/// What is to be known of a file beside what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The file's name.
    pub file: String,
    /// What it is.
    pub kind: NoteKind,
    /// Where it was met first; none if it is about the file.
    pub place: Option<Place>,
    /// So many times it was met.
    pub rows: u64,
    /// What it says, in Russian.
    pub text: String,
}

impl Note {
    /// Where it is, in words: «лист «5 класс», строка 7, столбец C».
    pub fn whereabouts(&self) -> String {
        self.place.as_ref().map(ToString::to_string).unwrap_or_default()
    }
}

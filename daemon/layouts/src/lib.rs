//! Files of other systems, read by the road map's layouts into answers to its forms.
//!
//! The way of a file: rows of a grid -> [`Reading::file`] finds the layout that knows its headings
//! and follows it row by row -> counts of equal rows -> [`Reading::finish`] makes the form's answers
//! of them, organisation by organisation, and tells what was left out and at which cell.
//!
//! Rows of pupils never leave this crate, and most of them never enter it: of a row only the values
//! are looked at that the layout's formulas name, and what is kept of them is how many rows had the
//! same ones. A pupil's code is in no formula, so nothing here ever holds it.
//!
//! Pure: no clock, no I/O, no async. Where the rows come from is the caller's business.

mod atoms;
mod choosing;
mod compiled;
mod counting;
mod following;
mod heads;
mod known;
mod merging;
mod notes;
mod understood;

use std::ops::RangeInclusive;

use vekha_plugin_tables::SeenRow;
use vekha_roadmap::model::{Form, Layout};

use self::choosing::Choosing;
use self::following::Followed;
pub use self::known::Organisations;
pub use self::understood::{
    Beside, ColumnRead, FileRead, Note, NoteKind, OrganisationRead, Understood,
};

/// What files are read for.
#[derive(Debug, Clone, Copy)]
pub struct Purpose<'a> {
    /// The form that is to be filled.
    pub form: &'a Form,
    /// The layouts that may know the files.
    pub layouts: &'a [&'a Layout],
    /// The organisations that rows may be about.
    pub organisations: &'a Organisations,
    /// The organisation whose own files these are; others' rows are left out.
    pub own: Option<&'a str>,
    /// The years of works that are taken; all if they are not told.
    pub years: Option<&'a RangeInclusive<i64>>,
}

/// Files on their way into a form.
#[derive(Debug)]
pub struct Reading<'a> {
    purpose: Purpose<'a>,
    files: Vec<Followed<'a>>,
}

impl<'a> Reading<'a> {
    /// Nothing has been read yet.
    pub fn new(purpose: Purpose<'a>) -> Self {
        Reading { purpose, files: Vec::new() }
    }

    /// Reads a file: `rows` shows its rows one after the other, or says why it cannot.
    pub fn file(
        &mut self,
        name: &str,
        rows: impl FnOnce(&mut dyn FnMut(SeenRow<'_>)) -> Result<(), String>,
    ) {
        let mut choosing = Choosing::new(self.purpose, name, self.files.len());
        let shown = rows(&mut |row| choosing.row(row));
        let mut followed = choosing.end();
        if let Err(message) = shown {
            followed.unreadable(message);
        }
        self.files.push(followed);
    }

    /// What all the files say together.
    pub fn finish(self) -> Understood {
        merging::merge(self.purpose, self.files)
    }
}

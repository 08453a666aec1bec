//! What was left out or not understood, gathered so that a thousand rows of one trouble are one note.

use std::collections::HashMap;

use vekha_plugin_tables::{Place, column_letters};

use crate::understood::{Note, NoteKind};

/// Most notes of a file; of the rest it is told how many there are.
const MOST: usize = 200;

/// Longest part of a cell that is shown.
const SHOWN: usize = 40;

/// Notes of a file.
#[derive(Debug, Default)]
pub struct Notes {
    file: String,
    all: Vec<Note>,
    known: HashMap<(NoteKind, String), usize>,
    more: u64,
}

/// Where something stands, from 0.
#[derive(Debug, Clone, Copy)]
pub struct At<'a> {
    pub sheet: &'a str,
    pub row: u32,
    pub column: u32,
}

impl Notes {
    pub fn of(file: &str) -> Self {
        Notes { file: file.to_owned(), ..Notes::default() }
    }

    /// One more row of which this is to be told.
    pub fn add(&mut self, kind: NoteKind, at: Option<At<'_>>, text: impl Into<String>) {
        self.add_rows(kind, at, text, 1);
    }

    /// Tells something that is not about rows, however often it comes up.
    pub fn once(&mut self, kind: NoteKind, at: Option<At<'_>>, text: impl Into<String>) {
        let text = text.into();
        if !self.known.contains_key(&(kind, text.clone())) {
            self.add(kind, at, text);
        }
    }

    pub fn add_rows(
        &mut self,
        kind: NoteKind,
        at: Option<At<'_>>,
        text: impl Into<String>,
        rows: u64,
    ) {
        let text = text.into();
        if let Some(known) = self.known.get(&(kind, text.clone())) {
            self.all[*known].rows += rows;
            return;
        }
        if self.all.len() == MOST {
            self.more += rows;
            return;
        }
        self.known.insert((kind, text.clone()), self.all.len());
        let place = at.map(|at| Place {
            sheet: at.sheet.to_owned(),
            row: at.row + 1,
            column: column_letters(at.column),
            heading: String::new(),
        });
        self.all.push(Note { file: self.file.clone(), kind, place, rows, text });
    }

    pub fn end(mut self) -> Vec<Note> {
        if self.more > 0 {
            let text = format!("и ещё {}: сначала разберитесь с этими", self.more);
            let (file, rows) = (self.file.clone(), self.more);
            self.all.push(Note { file, kind: NoteKind::Unclear, place: None, rows, text });
        }
        self.all
    }
}

/// The beginning of what stands in a cell.
pub fn short(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

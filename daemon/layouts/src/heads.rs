//! Which column is which: headings against a layout's wordings.

use vekha_plugin_tables::Cell;
use vekha_roadmap::pattern::{Captured, tidied};

use crate::atoms::Atom;
use crate::compiled::Compiled;

/// The headings of a sheet.
#[derive(Debug, Clone, Default)]
pub struct Heads {
    /// The lowest row that they stand in, from 0.
    pub row: u32,
    /// Columns of the sheet and which of the layout's they are, ascending.
    pub columns: Vec<Head>,
    /// Columns that no wording knows, and their headings.
    pub unread: Vec<(u32, String)>,
    /// Second columns of one kind, which are not read.
    pub twice: Vec<(u32, String)>,
}

/// A heading that a layout knows.
#[derive(Debug, Clone)]
pub struct Head {
    /// The sheet's column, from 0.
    pub at: u32,
    /// The layout's.
    pub column: usize,
    /// What stands in the cell.
    pub text: String,
    /// What its gaps say.
    pub captured: Captured,
    /// What the row below says of it.
    pub below: Option<String>,
    /// Both as values with their places: they are the same in every row.
    pub values: Vec<(usize, Atom)>,
}

impl Heads {
    /// The headings in a row; what the row above has in columns where this one says nothing known
    /// counts as well, since headings may stand in two rows.
    pub fn find(
        compiled: &Compiled<'_>,
        row: u32,
        cells: &[(u32, Cell)],
        above: Option<&[(u32, Cell)]>,
    ) -> Self {
        let mut heads = Heads { row, ..Heads::default() };
        let above = above.unwrap_or_default();
        let mut places: Vec<u32> = cells.iter().chain(above).map(|(at, _)| *at).collect();
        places.sort_unstable();
        places.dedup();
        for at in places {
            let texts = [text_at(cells, at), text_at(above, at)];
            let known = texts.iter().flatten().find_map(|text| {
                let (column, captured) = which(compiled, text)?;
                Some(Head {
                    at,
                    column,
                    text: text.clone(),
                    captured,
                    below: None,
                    values: Vec::new(),
                })
            });
            match (known, &texts[0]) {
                (Some(head), _) if heads.has(compiled, &head) => heads.twice.push((at, head.text)),
                (Some(head), _) => heads.columns.push(head),
                (None, Some(text)) => heads.unread.push((at, text.clone())),
                (None, None) => {}
            }
        }
        heads
    }

    fn has(&self, compiled: &Compiled<'_>, head: &Head) -> bool {
        let many = compiled.layout.columns[head.column].many;
        self.columns
            .iter()
            .any(|known| known.column == head.column && (!many || known.captured == head.captured))
    }

    /// The layout's columns that must be there and are not.
    pub fn missing<'l>(&self, compiled: &Compiled<'l>) -> Vec<&'l str> {
        let columns = compiled.layout.columns.iter().enumerate();
        let missing = columns.filter(|(at, column)| {
            column.required && !self.columns.iter().any(|h| h.column == *at)
        });
        missing.filter_map(|(_, column)| Some(column.headings.first()?.text())).collect()
    }

    /// Whether rows may stand under these.
    pub fn are_whole(&self, compiled: &Compiled<'_>) -> bool {
        !self.columns.is_empty() && self.missing(compiled).is_empty()
    }

    /// Adds what a row right below says as headings. Says whether it did.
    pub fn extend(&mut self, compiled: &Compiled<'_>, row: u32, cells: &[(u32, Cell)]) -> bool {
        let mut more = Heads::find(compiled, row, cells, None);
        more.columns.retain(|head| !self.has(compiled, head));
        if more.columns.is_empty() || more.unread.len() > more.columns.len() {
            return false;
        }
        self.unread.retain(|(at, _)| !more.columns.iter().any(|head| head.at == *at));
        self.columns.append(&mut more.columns);
        self.columns.sort_by_key(|head| head.at);
        self.row = row;
        true
    }

    /// Takes a row below as what it says of columns. Says whether it is of that kind.
    pub fn take_below(&mut self, compiled: &Compiled<'_>, cells: &[(u32, Cell)]) -> bool {
        let mut told = Vec::new();
        for (at, cell) in cells {
            let Some(place) = self.columns.iter().position(|head| head.at == *at) else { continue };
            let column = &compiled.layout.columns[self.columns[place].column];
            let Some(below) = &column.below else { return false };
            let word = below.words.get(&vekha_roadmap::pattern::plain(&cell.text()));
            let Some(word) = word else { return false };
            told.push((place, word.clone()));
        }
        let any = !told.is_empty();
        for (place, word) in told {
            self.columns[place].below = Some(word);
        }
        any
    }
}

/// The text of a cell, tidied; none if the cell is blank or too long for a heading.
fn text_at(cells: &[(u32, Cell)], at: u32) -> Option<String> {
    let place = cells.binary_search_by_key(&at, |(column, _)| *column).ok()?;
    match &cells[place].1 {
        Cell::Text(text) => Some(tidied(text)),
        Cell::Number(_) => Some(cells[place].1.text()),
        _ => None,
    }
}

fn which(compiled: &Compiled<'_>, text: &str) -> Option<(usize, Captured)> {
    compiled.layout.columns.iter().enumerate().find_map(|(at, column)| {
        let captured = column.headings.iter().find_map(|heading| heading.matches(text))?;
        Some((at, captured))
    })
}

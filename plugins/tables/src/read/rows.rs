//! The rows of a file one after the other, whatever it is about. None is kept: a file of a hundred
//! thousand rows takes no more memory than its texts.

use super::archive::Kind;
use super::grid::{Cell, Grid};
use super::list::words;
use super::refusal::Refusal;
use super::seen::Hidden;
use super::workbook::{self, Sink, proved};
use super::{Content, content, text};
use crate::Limits;

/// A row that has cells.
#[derive(Debug, Clone, Copy)]
pub struct SeenRow<'a> {
    /// The sheet's name; empty in a CSV file.
    pub sheet: &'a str,
    /// From 0.
    pub number: u32,
    /// By ascending column, counted from 0; no blank ones.
    pub cells: &'a [(u32, Cell)],
}

/// Looks through a file: XLSX, ODS or CSV.
///
/// # Errors
/// Why the file cannot be read, in Russian; rows that came before that was seen have been shown.
pub fn each_row(
    file_name: &str,
    bytes: &[u8],
    limits: &Limits,
    take: &mut dyn FnMut(SeenRow<'_>),
) -> Result<(), String> {
    shown(file_name, bytes, limits, take).map_err(|refusal| words(&refusal))
}

fn shown(
    file_name: &str,
    bytes: &[u8],
    limits: &Limits,
    take: &mut dyn FnMut(SeenRow<'_>),
) -> Result<(), Refusal> {
    // CSV of any kind: the separator that makes most of it.
    let widest = |grid: &Grid| grid.rows.iter().map(|row| row.cells.len()).max().unwrap_or(0);
    let grids = match content(file_name, bytes, limits)? {
        Content::Book(Kind::Xlsx(seen)) => {
            let mut rows = Rows { sheet: String::new(), row: None, cells: Vec::new(), take };
            proved(|| workbook::xlsx(bytes, &seen, limits, &mut rows))?;
            rows.end();
            return Ok(());
        }
        Content::Book(kind) => workbook::sheets(bytes, &kind, limits)?,
        Content::Text => vec![text::sheet(bytes, limits, widest)?],
    };
    for grid in &grids {
        for row in &grid.rows {
            take(SeenRow { sheet: &grid.name, number: row.number, cells: &row.cells });
        }
    }
    Ok(())
}

/// Puts cells together to rows.
struct Rows<'t> {
    sheet: String,
    row: Option<u32>,
    cells: Vec<(u32, Cell)>,
    take: &'t mut dyn FnMut(SeenRow<'_>),
}

impl Rows<'_> {
    /// Shows the row that has come to its end.
    fn end(&mut self) {
        let Some(number) = self.row else { return };
        if !self.cells.is_sorted_by(|a, b| a.0 < b.0) {
            self.cells.sort_by_key(|(column, _)| *column);
            self.cells.dedup_by_key(|(column, _)| *column);
        }
        (self.take)(SeenRow { sheet: &self.sheet, number, cells: &self.cells });
        self.cells.clear();
    }
}

impl Sink for Rows<'_> {
    fn sheet(&mut self, name: String, _: Hidden) -> Result<(), Refusal> {
        self.end();
        self.row = None;
        self.sheet = name;
        Ok(())
    }

    fn cell(&mut self, row: u32, column: u32, cell: Cell) -> Result<(), Refusal> {
        match self.row {
            Some(last) if last == row => {}
            // Who meets half a row cannot know that the rest comes later.
            Some(last) if row < last => return Err(Refusal::Unordered),
            _ => {
                self.end();
                self.row = Some(row);
            }
        }
        self.cells.push((column, cell));
        Ok(())
    }
}

//! How large an ODS sheet would become. The format says «this cell 16 384 times, this row a million
//! times», and the parser builds every one of them; here they are multiplied first.

use super::refusal::Refusal;
use crate::Limits;

/// Most styles, tables and names.
const MOST_ELEMENTS: usize = 200_000;
/// Most characters that `text:s` may stand for.
const MOST_SPACES: usize = 4_000_000;

#[derive(Debug, Default)]
pub(crate) struct OdsSize {
    table: Table,
    within: bool,
    tables: u32,
    elements: usize,
    spaces: usize,
    /// Cells of all tables so far: as rows are built, and as they are laid out.
    built: usize,
    laid: usize,
}

/// The table that is being read.
#[derive(Debug, Default)]
struct Table {
    row: usize,
    repeat: usize,
    column: usize,
    /// Cells of the row that the parser builds.
    built: usize,
    /// Rows and columns from the first to past the last that have values.
    rows: Option<(usize, usize)>,
    columns: Option<(usize, usize)>,
}

impl OdsSize {
    /// Takes account of a tag; notes cells that hold a share, for the parser gives only numbers.
    pub(crate) fn tag(
        &mut self,
        tag: &[u8],
        limits: &Limits,
        percents: &mut Vec<(u32, u32, u32)>,
    ) -> Result<(), Refusal> {
        let end = tag.iter().skip(1).position(|b| b.is_ascii_whitespace() || *b == b'/');
        let name = &tag[..end.map_or(tag.len(), |at| at + 1)];
        let closed = tag.last() == Some(&b'/');
        match name {
            b"table:table" => {
                // A table in a cell; the parser would take its rows for ours.
                if self.within {
                    return Err(Refusal::Damaged);
                }
                self.table = Table::default();
                self.within = !closed;
                self.tables += 1;
                self.element()?;
            }
            b"/table:table" => {
                self.within = false;
                let length = |(from, to): (usize, usize)| to - from;
                let table = &self.table;
                let size = table.rows.map_or(0, length) * table.columns.map_or(0, length);
                self.laid = self.laid.saturating_add(size);
            }
            b"table:table-row" => {
                self.table.row = self.table.row.saturating_add(self.table.repeat);
                self.table.repeat = repeated(tag, b"table:number-rows-repeated");
                (self.table.column, self.table.built) = (0, 0);
            }
            b"table:table-cell" | b"table:covered-table-cell" => {
                self.cell(tag, limits, percents)?;
            }
            b"text:s" => {
                self.spaces = self.spaces.saturating_add(repeated(tag, b"text:c"));
            }
            name if name.starts_with(b"style:") || name.starts_with(b"table:named") => {
                self.element()?;
            }
            _ => {}
        }
        let most = limits.cells;
        if self.built > most || self.laid > most || self.spaces > MOST_SPACES {
            return Err(Refusal::TooMany);
        }
        Ok(())
    }

    fn element(&mut self) -> Result<(), Refusal> {
        self.elements += 1;
        if self.elements > MOST_ELEMENTS { Err(Refusal::TooMany) } else { Ok(()) }
    }

    fn cell(
        &mut self,
        tag: &[u8],
        limits: &Limits,
        percents: &mut Vec<(u32, u32, u32)>,
    ) -> Result<(), Refusal> {
        let table = &mut self.table;
        let (from, repeat) = (table.column, repeated(tag, b"table:number-columns-repeated"));
        // Sheets have no more columns than this, so the parser stops there too.
        let to = from.saturating_add(repeat).min(16_384);
        table.column = to;
        let has = |word: &[u8]| tag.windows(word.len()).any(|part| part == word);
        if !(has(b"office:") || has(b"calcext:") || has(b"table:formula")) {
            return Ok(());
        }
        let last = table.row.saturating_add(table.repeat);
        if last > limits.rows {
            return Err(Refusal::TooMany);
        }
        table.rows = Some((table.rows.map_or(table.row, |(first, _)| first), last));
        let (first, past) = table.columns.unwrap_or((from, to));
        table.columns = Some((first.min(from), past.max(to)));
        // Blanks before a value are built with it.
        self.built = self.built.saturating_add(to - table.built);
        table.built = to;
        if has(b"office:value-type=\"percentage\"") {
            for row in table.row..last {
                for column in from..to {
                    if percents.len() >= limits.cells {
                        return Err(Refusal::TooMany);
                    }
                    percents.push((self.tables - self.tables.min(1), row as u32, column as u32));
                }
            }
        }
        Ok(())
    }
}

/// How often an element stands for itself.
fn repeated(tag: &[u8], name: &[u8]) -> usize {
    attribute(tag, name).unwrap_or(1)
}

/// The number that an attribute holds, the largest if it is there more than once; beyond all bounds
/// if it is not plainly a number, for the parser may decode what we do not.
pub(crate) fn attribute(tag: &[u8], name: &[u8]) -> Option<usize> {
    let ends = tag.windows(name.len()).enumerate().filter(|(_, part)| *part == name);
    let values = ends.filter_map(|(at, _)| {
        let rest = tag[at + name.len()..].trim_ascii_start().strip_prefix(b"=")?;
        Some(plain_number(rest.trim_ascii_start()).unwrap_or(usize::MAX))
    });
    values.max()
}

/// A quoted run of digits.
fn plain_number(value: &[u8]) -> Option<usize> {
    let (quote, rest) = value.split_first()?;
    let digits = rest.split(|b| b == quote).next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

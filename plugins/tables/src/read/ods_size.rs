//! How large an ODS sheet would become. The format says «this cell 16 384 times, this row a million
//! times», and the parser builds every one of them; here they are multiplied first.

use super::refusal::Refusal;
use super::seen::{At, Hidden, Seen};
use crate::Limits;

/// Most styles, tables and names.
const MOST_ELEMENTS: usize = 200_000;
/// Longest number that is shown with zeros before it.
const LONGEST_NUMBER: usize = 30;
/// Most characters that `text:s` may stand for.
const MOST_SPACES: usize = 4_000_000;

#[derive(Debug, Default)]
pub(crate) struct OdsSize {
    table: Table,
    within: bool,
    tables: u32,
    elements: usize,
    spaces: usize,
    /// Columns of the table that were declared so far.
    columns: usize,
    /// The style that is being read.
    style: String,
    /// The number that is being shown: its cell, and the digits so far.
    shown: Option<(At, Vec<u8>)>,
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
    /// Takes account of text between tags: how a number is shown.
    pub(crate) fn text(&mut self, text: &[u8]) {
        if let Some((_, digits)) = &mut self.shown {
            // A longer one is no number that somebody keeps with zeros before it.
            digits.extend(text.iter().take(LONGEST_NUMBER + 1 - digits.len()));
        }
    }

    /// Takes account of a tag; notes what the parser does not tell of rows and cells.
    pub(crate) fn tag(
        &mut self,
        tag: &[u8],
        limits: &Limits,
        seen: &mut Seen,
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
                let style = text(tag, b"table:style-name");
                let whole = !style.is_empty() && seen.undisplayed.contains(&style);
                seen.hidden.push(Hidden { whole, ..Hidden::default() });
                self.columns = 0;
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
                let visible = text(tag, b"table:visibility");
                if matches!(visible.as_str(), "collapse" | "filter")
                    && let Some(hidden) = seen.hidden.last_mut()
                {
                    let last = self.table.row.saturating_add(self.table.repeat.max(1) - 1);
                    hidden.rows.add(number(self.table.row), number(last));
                }
            }
            b"table:table-column" => {
                let repeat = repeated(tag, b"table:number-columns-repeated").max(1);
                let visible = text(tag, b"table:visibility");
                let past = self.columns.saturating_add(repeat);
                if matches!(visible.as_str(), "collapse" | "filter")
                    && let Some(hidden) = seen.hidden.last_mut()
                {
                    hidden.columns.add(number(self.columns), number(past - 1));
                }
                self.columns = past;
                self.element()?;
            }
            b"style:style" => {
                self.style = text(tag, b"style:name");
                self.element()?;
            }
            b"style:table-properties" => {
                if text(tag, b"table:display") == "false" && seen.undisplayed.len() < limits.entries
                {
                    seen.undisplayed.push(self.style.clone());
                }
                self.element()?;
            }
            b"table:table-cell" | b"table:covered-table-cell" => {
                self.cell(tag, limits, seen)?;
            }
            b"/table:table-cell" => {
                if let Some((at, digits)) = self.shown.take()
                    && (2..=LONGEST_NUMBER).contains(&digits.len())
                    && digits[0] == b'0'
                    && digits.iter().all(u8::is_ascii_digit)
                {
                    seen.padded.push((at, digits.len() as u8));
                }
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

    fn cell(&mut self, tag: &[u8], limits: &Limits, seen: &mut Seen) -> Result<(), Refusal> {
        self.shown = None;
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
        let sheet = self.tables - self.tables.min(1);
        let noted = if has(b"office:value-type=\"percentage\"") {
            &mut seen.percents
        } else if has(b"table:formula") && !has(b"office:value-type") {
            &mut seen.unreckoned
        } else {
            if has(b"office:value-type=\"float\"") && (repeat, table.repeat) == (1, 1) {
                self.shown = Some(((sheet, table.row as u32, from as u32), Vec::new()));
            }
            return Ok(());
        };
        for row in table.row..last {
            for column in from..to {
                if noted.len() >= limits.cells {
                    return Err(Refusal::TooMany);
                }
                noted.push((sheet, row as u32, column as u32));
            }
        }
        Ok(())
    }
}

/// A number of a row or column, as far as it is one.
fn number(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX - 1)
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

/// What an attribute says; empty if it is not there.
pub(crate) fn text(tag: &[u8], name: &[u8]) -> String {
    let value = tag.windows(name.len()).enumerate().find_map(|(at, part)| {
        let rest = tag[at..].strip_prefix(name).filter(|_| part == name)?.trim_ascii_start();
        let (quote, rest) = rest.strip_prefix(b"=")?.trim_ascii_start().split_first()?;
        rest.split(|b| b == quote).next()
    });
    String::from_utf8_lossy(value.unwrap_or_default()).into_owned()
}

/// A quoted run of digits.
fn plain_number(value: &[u8]) -> Option<usize> {
    let (quote, rest) = value.split_first()?;
    let digits = rest.split(|b| b == quote).next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

//! CSV: whatever separator and encoding the program of the day has chosen.

use std::borrow::Cow;
use std::io::Read;

use csv::{ReaderBuilder, StringRecord};
use encoding_rs::{UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1251};

use super::grid::Grid;
use super::refusal::Refusal;
use super::workbook::text_cell;
use crate::Limits;

/// Separators, the likeliest first.
const SEPARATORS: [u8; 3] = [b';', b',', b'\t'];

/// The text as a sheet. `fits` says how many headings a sheet has that are looked for; the separator
/// with the most is the right one.
pub(crate) fn sheet(
    bytes: &[u8],
    limits: &Limits,
    fits: impl Fn(&Grid) -> usize,
) -> Result<Grid, Refusal> {
    let text = decode(bytes)?;
    let (text, hint) = match text.strip_prefix("sep=").and_then(|rest| rest.split_once('\n')) {
        // Excel's own hint, which it hides from people: rows are counted without it.
        Some((separator, rest)) => (rest, separator.bytes().next()),
        None => (text.as_ref(), None),
    };
    if let Some(separator) = hint.filter(|s| SEPARATORS.contains(s)) {
        return parse(text, separator, limits, usize::MAX);
    }
    let mut best = (0, SEPARATORS[0]);
    for separator in SEPARATORS {
        let fit = fits(&parse(text, separator, limits, 50)?);
        if fit > best.0 {
            best = (fit, separator);
        }
    }
    parse(text, best.1, limits, usize::MAX)
}

fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, Refusal> {
    let encoding = match bytes {
        [0xff, 0xfe, ..] => UTF_16LE,
        [0xfe, 0xff, ..] => UTF_16BE,
        _ if std::str::from_utf8(bytes).is_ok() => UTF_8,
        _ => WINDOWS_1251,
    };
    let (text, _, broken) = encoding.decode(bytes);
    let strange = |c: char| c.is_control() && !matches!(c, '\t' | '\r' | '\n');
    if broken || text.chars().any(strange) {
        return Err(Refusal::NotATable);
    }
    Ok(text)
}

/// At most so many records of the text.
fn parse(text: &str, separator: u8, limits: &Limits, records: usize) -> Result<Grid, Refusal> {
    let mut reader = ReaderBuilder::new()
        .delimiter(separator)
        .has_headers(false)
        .flexible(true)
        // An end of line at the end keeps the count of lines simple.
        .from_reader(text.as_bytes().chain(&b"\n"[..]));
    let mut grid = Grid::default();
    let (mut row, mut cells) = (0_u32, 0_usize);
    let mut record = StringRecord::new();
    for _ in 0..records {
        let before = reader.position().line();
        if !reader.read_record(&mut record).map_err(|_| Refusal::NotATable)? {
            break;
        }
        // Blank lines are rows to people, and nothing to the parser.
        let within: u64 = record.iter().map(|f| f.matches('\n').count() as u64).sum();
        let lines = reader.position().line() - before;
        row = row.saturating_add(lines.saturating_sub(within).saturating_sub(1) as u32);
        cells = cells.saturating_add(record.len());
        if row as usize >= limits.rows || cells > limits.cells {
            return Err(Refusal::TooMany);
        }
        for (column, field) in record.iter().enumerate() {
            if let Some(cell) = text_cell(disarmed(field)) {
                grid.push(row, column as u32, cell);
            }
        }
        row += 1;
    }
    Ok(grid)
}

/// A field without the apostrophe that keeps spreadsheets from taking it for a formula.
fn disarmed(field: &str) -> &str {
    match field.strip_prefix('\'') {
        Some(rest) if crate::template::csv::is_armed(rest) => rest,
        _ => field,
    }
}

//! XLSX and ODS through calamine, after [`archive`](super::archive) has proved them harmless.

use std::collections::HashSet;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use calamine::{CellErrorType, Data, DataRef, ExcelDateTime, Ods, Reader, Xlsx};

use super::archive::Kind;
use super::grid::{Cell, Grid};
use super::refusal::Refusal;
use super::seen::{Hidden, Seen};
use crate::{Limits, russian};

/// Who takes the cells of a workbook, sheet by sheet.
pub(crate) trait Sink {
    /// A sheet begins.
    fn sheet(&mut self, name: String, hidden: Hidden) -> Result<(), Refusal>;

    /// A cell of it that is not blank.
    fn cell(&mut self, row: u32, column: u32, cell: Cell) -> Result<(), Refusal>;
}

impl Sink for Vec<Grid> {
    fn sheet(&mut self, name: String, hidden: Hidden) -> Result<(), Refusal> {
        self.push(Grid { name, hidden, ..Grid::default() });
        Ok(())
    }

    fn cell(&mut self, row: u32, column: u32, cell: Cell) -> Result<(), Refusal> {
        if let Some(grid) = self.last_mut() {
            grid.push(row, column, cell);
        }
        Ok(())
    }
}

/// The sheets of a workbook, in its order.
pub(crate) fn sheets(bytes: &[u8], kind: &Kind, limits: &Limits) -> Result<Vec<Grid>, Refusal> {
    let mut grids = Vec::new();
    match kind {
        Kind::Xlsx(seen) => proved(|| xlsx(bytes, seen, limits, &mut grids))?,
        Kind::Ods(seen) => grids = proved(|| ods(bytes, seen))?,
    }
    grids.iter_mut().for_each(Grid::settle);
    Ok(grids)
}

/// What the parser yields; what we prove of a file does not prove the parser.
pub(crate) fn proved<T>(read: impl FnOnce() -> Result<T, Refusal>) -> Result<T, Refusal> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or(Err(Refusal::Damaged))
}

/// Cell by cell: a sheet as calamine would lay it out has a place for every blank one.
pub(crate) fn xlsx(
    bytes: &[u8],
    seen: &Seen,
    limits: &Limits,
    sink: &mut dyn Sink,
) -> Result<(), Refusal> {
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(|_| Refusal::Damaged)?;
    let mut left = limits.cells;
    // Strings that many cells share are owned by each of them here.
    let mut text_left = limits.expanded;
    let sheets = book.sheets_metadata().to_vec();
    for (place, sheet) in sheets.into_iter().enumerate() {
        let unreckoned =
            if seen.formulas { unreckoned(&mut book, &sheet.name) } else { HashSet::new() };
        // Chart sheets have no cells.
        let Ok(mut cells) = book.worksheet_cells_reader(&sheet.name) else { continue };
        sink.sheet(sheet.name.clone(), seen.hidden(place))?;
        let format = |style: &calamine::Style| {
            style.number_format.as_ref().map_or(Format::Other, |f| Format::of(&f.format_code))
        };
        let formats: Vec<Format> = cells.styles().iter().map(format).collect();
        while let Some((cell, style)) =
            cells.next_cell_with_style_id().map_err(|_| Refusal::Damaged)?
        {
            left = left.checked_sub(1).ok_or(Refusal::TooMany)?;
            let (row, column) = cell.get_position();
            let format = formats.get(style).copied().unwrap_or(Format::Other);
            let blank = || unreckoned.contains(&(row, column)).then_some(Cell::Unreckoned);
            let Some(value) = value(cell.get_value(), format).or_else(blank) else { continue };
            if let Cell::Text(text) = &value {
                text_left =
                    text_left.checked_sub(text.len() as u64).ok_or(Refusal::TooBigInside)?;
            }
            sink.cell(row, column, value)?;
        }
    }
    Ok(())
}

/// How a number is shown, as far as it matters to what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    /// As a share of a hundred.
    Percent,
    /// In so many digits at least.
    Padded(u8),
    Other,
}

impl Format {
    fn of(code: &str) -> Self {
        let zeros = !code.is_empty() && code.bytes().all(|b| b == b'0');
        match code.len() {
            2..=30 if zeros => Format::Padded(code.len() as u8),
            _ if code.contains('%') => Format::Percent,
            _ => Format::Other,
        }
    }

    fn number(self, n: f64) -> Cell {
        match self {
            Format::Percent => Cell::Percent(n),
            Format::Padded(digits) if n >= 0.0 && n.fract() == 0.0 => Cell::Padded(n, digits),
            _ => Cell::Number(n),
        }
    }
}

/// Where formulas stand that have no value: a program wrote the file, and none has reckoned it.
/// What cannot be told of formulas does not keep anybody from reading values.
fn unreckoned(book: &mut Xlsx<Cursor<&[u8]>>, sheet: &str) -> HashSet<(u32, u32)> {
    let mut all = HashSet::new();
    let Ok(mut cells) = book.worksheet_cells_reader(sheet) else { return all };
    while let Ok(Some(cell)) = cells.next_cell_with_formula_metadata() {
        if cell.formula.is_some() && cell.value == DataRef::Empty {
            all.insert(cell.pos);
        }
    }
    all
}

fn value(data: &DataRef<'_>, format: Format) -> Option<Cell> {
    Some(match data {
        DataRef::Empty => return None,
        DataRef::Int(n) => format.number(*n as f64),
        DataRef::Float(n) => format.number(*n),
        DataRef::String(text) => return text_cell(text),
        DataRef::SharedString(text) => return text_cell(text),
        DataRef::Bool(yes) => Cell::Bool(*yes),
        DataRef::DateTime(date) => serial(date),
        DataRef::DateTimeIso(text) => iso_date(text),
        DataRef::DurationIso(text) => return text_cell(text),
        DataRef::Error(error) => Cell::Error(shown(error)),
    })
}

fn ods(bytes: &[u8], seen: &Seen) -> Result<Vec<Grid>, Refusal> {
    let mut book: Ods<_> = Ods::new(Cursor::new(bytes)).map_err(|error| match error {
        calamine::OdsError::Password => Refusal::Encrypted,
        calamine::OdsError::InvalidMime(_) => Refusal::NotATable,
        _ => Refusal::Damaged,
    })?;
    let mut grids = Vec::new();
    for (table, name) in book.sheet_names().into_iter().enumerate() {
        let range = book.worksheet_range(&name).map_err(|_| Refusal::Damaged)?;
        let (top, left) = range.start().unwrap_or_default();
        let mut grid = Grid { name, hidden: seen.hidden(table), ..Grid::default() };
        let table = table as u32;
        for (row, column, data) in range.used_cells() {
            let (row, column) = (top + row as u32, left + column as u32);
            let at = (table, row, column);
            let padded = || seen.padded.binary_search_by_key(&at, |(at, _)| *at).ok();
            let format = match seen.percents.binary_search(&at) {
                Ok(_) => Format::Percent,
                Err(_) => padded().map_or(Format::Other, |of| Format::Padded(seen.padded[of].1)),
            };
            if let Some(cell) = owned(data, format) {
                grid.push(row, column, cell);
            }
        }
        // These are no used cells, so they come last and are put where they belong by the caller.
        let from = seen.unreckoned.partition_point(|(sheet, ..)| *sheet < table);
        let own = seen.unreckoned[from..].iter().take_while(|(sheet, ..)| *sheet == table);
        for (_, row, column) in own {
            grid.push(*row, *column, Cell::Unreckoned);
        }
        grids.push(grid);
    }
    Ok(grids)
}

fn owned(data: &Data, format: Format) -> Option<Cell> {
    Some(match data {
        Data::Empty => return None,
        Data::Int(n) => format.number(*n as f64),
        Data::Float(n) => format.number(*n),
        // LibreOffice keeps a formula's error as its text.
        Data::String(text) => return text_cell(text),
        Data::Bool(yes) => Cell::Bool(*yes),
        Data::DateTime(date) => serial(date),
        Data::DateTimeIso(text) => iso_date(text),
        Data::DurationIso(text) => return text_cell(text),
        Data::Error(error) => Cell::Error(shown(error)),
    })
}

/// Text, unless it is blank.
pub(crate) fn text_cell(text: &str) -> Option<Cell> {
    let blank = text.chars().all(|c| c.is_whitespace() || c == '\u{feff}');
    if blank { None } else { Some(Cell::Text(text.into())) }
}

fn serial(date: &ExcelDateTime) -> Cell {
    if date.is_duration() {
        return Cell::Number(date.as_f64());
    }
    let (year, month, day, ..) = date.to_ymd_hms_milli();
    // Zero is midnight of no day: somebody typed a time, or nought.
    match russian::serial_date(date.as_f64()) {
        Some(_) => Cell::Date(year.into(), month.into(), day.into()),
        None => Cell::Number(date.as_f64()),
    }
}

/// `2027-09-15` or `2027-09-15T00:00:00`.
fn iso_date(text: &str) -> Cell {
    let day = text.split('T').next().unwrap_or(text);
    let mut parts = day.splitn(3, '-').map(str::parse::<i64>);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(Ok(year)), Some(Ok(month)), Some(Ok(day))) => Cell::Date(year, month, day),
        _ => Cell::Text(text.into()),
    }
}

/// An error as Russian Excel shows it.
fn shown(error: &CellErrorType) -> &'static str {
    match error {
        CellErrorType::Div0 => "#ДЕЛ/0!",
        CellErrorType::NA => "#Н/Д",
        CellErrorType::Name => "#ИМЯ?",
        CellErrorType::Null => "#ПУСТО!",
        CellErrorType::Num => "#ЧИСЛО!",
        CellErrorType::Ref => "#ССЫЛКА!",
        CellErrorType::Value => "#ЗНАЧ!",
        _ => "#ОШИБКА",
    }
}

//! A plain list: rows under headings that the caller names, in whatever sheet and order they stand.

use std::collections::{BTreeSet, HashSet};

use super::grid::Grid;
use super::refusal::Refusal;
use super::sheets;
use super::used::unseen;
use crate::headings::key;
use crate::{CellError, Limits, Place, russian};

/// How far down the row of headings is looked for.
const HEADINGS_WITHIN: usize = 30;

/// Rows under headings.
#[derive(Debug, Clone, Default)]
pub struct List {
    sheet: String,
    /// The column of each heading asked for, from 0, and what it is called there.
    columns: Vec<Option<(u32, String)>>,
    rows: Vec<(u32, Vec<String>)>,
    /// Headings that nobody asked for.
    pub unknown: Vec<String>,
    /// What cannot be read at all.
    pub mistakes: Vec<CellError>,
    /// What is no mistake and yet must be known: what was left, and what was read though nobody sees
    /// it.
    pub notes: Vec<CellError>,
}

impl List {
    /// How many rows there are; blank ones are not counted.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether the file has the heading at this position of those asked for.
    pub fn has(&self, heading: usize) -> bool {
        self.columns.get(heading).is_some_and(Option::is_some)
    }

    /// A cell as people see it; empty if it is blank, or its column is not there.
    pub fn text(&self, row: usize, heading: usize) -> &str {
        let cells = self.rows.get(row).map(|(_, cells)| cells);
        cells.and_then(|cells| cells.get(heading)).map_or("", String::as_str)
    }

    /// Where a cell stands.
    pub fn place(&self, row: usize, heading: usize) -> Place {
        let (column, name) = self.columns.get(heading).cloned().flatten().unwrap_or_default();
        Place {
            sheet: self.sheet.clone(),
            row: self.rows.get(row).map_or(0, |(number, _)| number + 1),
            column: russian::column(column),
            heading: name,
        }
    }
}

/// Reads a list from an uploaded file: XLSX, ODS or CSV. The first of the headings must be there;
/// the sheet and the row with most of them are the right ones.
///
/// # Errors
///
/// Why the file is not such a list. Mistakes in single cells are in [`List::mistakes`].
pub fn read_list(
    headings: &[&str],
    file_name: &str,
    bytes: &[u8],
    limits: &Limits,
) -> Result<List, Vec<CellError>> {
    let keys: Vec<String> = headings.iter().map(|heading| key(heading)).collect();
    let fits = |grid: &Grid| heading_row(grid, &keys).map_or(0, |(_, count)| count);
    let grids = sheets(file_name, bytes, limits, fits)
        .map_err(|refusal| vec![CellError::file(words(&refusal))])?;
    // Of equals the first one.
    let best = grids.iter().rev().max_by_key(|grid| fits(grid));
    let found = best.and_then(|grid| Some((grid, heading_row(grid, &keys)?.0)));
    let (grid, at) = found.ok_or_else(|| {
        let first = headings.first().copied().unwrap_or_default();
        vec![CellError::file(format!("В файле нет столбца «{first}»: по нему узнаются строки."))]
    })?;
    Ok(under(grid, at, &keys))
}

/// The row with most of the headings, the first of them among these, and how many it has.
fn heading_row(grid: &Grid, keys: &[String]) -> Option<(usize, usize)> {
    let rows = grid.rows.iter().take(HEADINGS_WITHIN).enumerate();
    let counted = rows.filter_map(|(at, row)| {
        let there: Vec<String> = row.cells.iter().map(|(_, cell)| key(&cell.text())).collect();
        let count = keys.iter().filter(|key| there.contains(key)).count();
        there.contains(keys.first()?).then_some((at, count))
    });
    counted.min_by_key(|(at, count)| (usize::MAX - count, *at))
}

fn under(grid: &Grid, at: usize, keys: &[String]) -> List {
    let mut list =
        List { sheet: grid.name.clone(), columns: vec![None; keys.len()], ..List::default() };
    let place = |row: u32, column: u32, heading: &str| Place {
        sheet: grid.name.clone(),
        row: row + 1,
        column: russian::column(column),
        heading: heading.to_owned(),
    };
    let mistake = |place: Place, message: String| CellError {
        path: String::new(),
        place: Some(place),
        message,
    };
    let head = &grid.rows[at];
    for (column, cell) in &head.cells {
        let name = crate::headings::one_line(&cell.text());
        match keys.iter().position(|wanted| *wanted == key(&name)) {
            None => {
                let message = "такого столбца здесь нет: не прочитан".to_owned();
                list.notes.push(mistake(place(head.number, *column, &name), message));
                list.unknown.push(name);
            }
            Some(heading) if list.columns[heading].is_some() => {
                let message = "такой столбец уже есть: оставьте один".to_owned();
                list.mistakes.push(mistake(place(head.number, *column, &name), message));
            }
            Some(heading) => list.columns[heading] = Some((*column, name)),
        }
    }
    let mut titled: HashSet<u32> = head.cells.iter().map(|(column, _)| *column).collect();
    for row in &grid.rows[at + 1..] {
        let mut cells = vec![String::new(); keys.len()];
        for (heading, column) in list.columns.iter().enumerate() {
            let Some((column, name)) = column else { continue };
            match row.cell(*column) {
                None => {}
                Some(cell) => match cell.trouble() {
                    Some(message) => {
                        list.mistakes.push(mistake(place(row.number, *column, name), message));
                    }
                    None => cells[heading] = cell.text(),
                },
            }
        }
        for (column, cell) in &row.cells {
            if titled.insert(*column) {
                let text: String = cell.text().chars().take(60).collect();
                let message = format!("столбец без заголовка («{text}») не прочитан");
                list.notes.push(mistake(place(row.number, *column, ""), message));
            }
        }
        if cells.iter().any(|cell| !cell.is_empty()) {
            list.rows.push((row.number, cells));
        }
    }
    let read = list.rows.iter().map(|(number, _)| *number).collect();
    let columns: BTreeSet<u32> = list.columns.iter().flatten().map(|(column, _)| *column).collect();
    list.notes.extend(unseen(&grid.name, &grid.hidden, read, columns));
    list
}

/// A refusal in words that do not speak of forms.
pub(crate) fn words(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Empty => "Файл пуст.".to_owned(),
        Refusal::TooBigInside => "Файл в распакованном виде слишком велик.".to_owned(),
        Refusal::TooMany => "В файле слишком много строк или ячеек.".to_owned(),
        Refusal::NotATable => "Это не таблица: нужен файл .xlsx, .ods или .csv.".to_owned(),
        other => other.to_string(),
    }
}

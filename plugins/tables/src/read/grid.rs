//! A sheet as it was read: its cells, sparse, whatever the file's format.

use super::seen::Hidden;
use crate::russian;

/// A sheet that people see, or the hidden one that marks a template.
#[derive(Debug, Default)]
pub(crate) struct Grid {
    pub name: String,
    /// What of it nobody sees.
    pub hidden: Hidden,
    pub rows: Vec<Row>,
}

/// A row that has cells.
#[derive(Debug)]
pub(crate) struct Row {
    /// From 0.
    pub number: u32,
    /// By ascending column, counted from 0; no blank ones.
    pub cells: Vec<(u32, Cell)>,
}

/// What stands in a cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// A number.
    Number(f64),
    /// A number shown as a share: 0.85 is shown as 85 %.
    Percent(f64),
    /// A whole number shown with zeros before it, in so many digits: 7 is shown as 007.
    Padded(f64, u8),
    /// Text, as it was typed.
    Text(Box<str>),
    /// Yes or no.
    Bool(bool),
    /// Year, month, day.
    Date(i64, i64, i64),
    /// A formula that came to nothing, as Excel shows it.
    Error(&'static str),
    /// A formula that no program has reckoned yet.
    Unreckoned,
}

impl Cell {
    /// The number that people see, however it was typed: a share of a hundred in its points, a text
    /// with a decimal comma as the number.
    pub fn number(&self) -> Option<f64> {
        match self {
            Cell::Number(n) | Cell::Padded(n, _) => Some(*n),
            Cell::Percent(n) => Some(points(*n)),
            Cell::Text(text) => super::value::typed(text.trim().trim_end_matches('%')),
            _ => None,
        }
    }

    /// As people see it.
    pub fn text(&self) -> String {
        match self {
            Cell::Number(n) => russian::number(*n),
            Cell::Percent(n) => russian::number(points(*n)),
            Cell::Padded(n, digits) => format!("{n:0>width$}", width = usize::from(*digits)),
            Cell::Text(text) => text.trim().replace("\r\n", "\n"),
            Cell::Bool(yes) => if *yes { "да" } else { "нет" }.to_owned(),
            Cell::Date(year, month, day) => format!("{day:02}.{month:02}.{year}"),
            Cell::Error(error) => (*error).to_owned(),
            Cell::Unreckoned => String::new(),
        }
    }

    /// Why it holds nothing that can be read, and what to do.
    pub fn trouble(&self) -> Option<String> {
        match self {
            Cell::Error(error) => Some(format!("формула дала ошибку {error}: впишите значение")),
            Cell::Unreckoned => Some(
                "формула без значения: откройте файл в Excel или LibreOffice, сохраните и \
                 загрузите снова"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

/// A share in points of a hundred, without what binary fractions add: 0.57 is 57.
pub(crate) fn points(share: f64) -> f64 {
    (share * 100.0 * 1e9).round() / 1e9
}

impl Row {
    pub(crate) fn cell(&self, column: u32) -> Option<&Cell> {
        let at = self.cells.binary_search_by_key(&column, |(column, _)| *column).ok()?;
        Some(&self.cells[at].1)
    }
}

impl Grid {
    pub(crate) fn row(&self, number: u32) -> Option<&Row> {
        let at = self.rows.binary_search_by_key(&number, |row| row.number).ok()?;
        Some(&self.rows[at])
    }

    /// Puts a cell where it belongs. Files give cells in order; one that does not is put right by
    /// [`Grid::settle`].
    pub(crate) fn push(&mut self, row: u32, column: u32, cell: Cell) {
        match self.rows.last_mut() {
            Some(last) if last.number == row => last.cells.push((column, cell)),
            _ => self.rows.push(Row { number: row, cells: vec![(column, cell)] }),
        }
    }

    /// Brings rows and cells into ascending order, each once; the first one stays.
    pub(crate) fn settle(&mut self) {
        if !self.rows.is_sorted_by(|a, b| a.number < b.number) {
            self.rows.sort_by_key(|row| row.number);
            self.rows.dedup_by(|later, earlier| {
                let same = later.number == earlier.number;
                if same {
                    earlier.cells.append(&mut later.cells);
                }
                same
            });
        }
        for row in &mut self.rows {
            if !row.cells.is_sorted_by(|a, b| a.0 < b.0) {
                row.cells.sort_by_key(|(column, _)| *column);
                row.cells.dedup_by_key(|(column, _)| *column);
            }
            row.cells.shrink_to_fit();
        }
    }
}

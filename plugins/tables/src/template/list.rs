//! Rows under headings, as a workbook or as CSV.

use rust_xlsxwriter::{ExcelDateTime, Format, FormatAlign, Workbook, Worksheet, XlsxError};

use super::styles::{Styles, text_in};
use super::{TemplateError, csv};
use crate::headings::{LONGEST_SHEET_NAME, sheet_name};
use crate::russian;

/// A cell of a list. What a column holds it holds in each of its rows, blank or not, so that rows
/// that people add are of its kind, too.
#[derive(Debug, Clone, PartialEq)]
pub enum ListCell {
    /// Text, whatever it begins with.
    Text(String),
    /// A number to reckon with, or none.
    Number(Option<f64>),
    /// A day to sort by, as year, month and day, or none.
    Date(Option<(i16, u8, u8)>),
}

impl From<String> for ListCell {
    fn from(text: String) -> Self {
        ListCell::Text(text)
    }
}

impl From<&str> for ListCell {
    fn from(text: &str) -> Self {
        ListCell::Text(text.to_owned())
    }
}

impl ListCell {
    /// How many there are of something; none are not worth a figure.
    pub fn count(count: usize) -> Self {
        ListCell::Number((count > 0).then_some(count as f64))
    }

    /// As CSV holds it.
    fn in_csv(&self) -> String {
        match self {
            ListCell::Text(text) => csv::disarm(text.clone()),
            ListCell::Number(number) => number.map(russian::number).unwrap_or_default(),
            ListCell::Date(date) => date.map(day).unwrap_or_default(),
        }
    }
}

fn day((year, month, day): (i16, u8, u8)) -> String {
    format!("{day:02}.{month:02}.{year:04}")
}

/// How the cells of a list look by what they hold.
struct Looks {
    text: Format,
    number: Format,
    date: Format,
}

impl Looks {
    fn of(cell: &Format) -> Self {
        Looks {
            text: cell.clone().set_num_format("@"),
            number: cell.clone().set_num_format("General"),
            date: cell.clone().set_num_format("dd.mm.yyyy").set_align(FormatAlign::Left),
        }
    }

    fn like(&self, cell: Option<&ListCell>) -> &Format {
        match cell {
            None | Some(ListCell::Text(_)) => &self.text,
            Some(ListCell::Number(_)) => &self.number,
            Some(ListCell::Date(_)) => &self.date,
        }
    }

    fn write(
        &self,
        sheet: &mut Worksheet,
        (row, column): (u32, u16),
        cell: &ListCell,
    ) -> Result<(), XlsxError> {
        let look = self.like(Some(cell));
        match cell {
            ListCell::Text(text) => {
                sheet.write_string_with_format(row, column, text, &text_in(look, text))?;
            }
            ListCell::Number(Some(number)) => {
                sheet.write_number_with_format(row, column, *number, look)?;
            }
            ListCell::Date(Some((year, month, day))) if *year >= 1900 => {
                let date = ExcelDateTime::from_ymd(*year as u16, *month, *day)?;
                sheet.write_datetime_with_format(row, column, date, look)?;
            }
            // Spreadsheets know no days before 1900.
            ListCell::Date(Some(date)) => {
                sheet.write_string_with_format(row, column, day(*date), look)?;
            }
            ListCell::Number(None) | ListCell::Date(None) => {
                sheet.write_blank(row, column, look)?;
            }
        }
        Ok(())
    }
}

/// A workbook (XLSX) of one sheet, which is called by the title as far as sheets can be: headings, each with how many characters it is across, and rows.
/// Numbers and days are such, so that they are summed and sorted; text is text whatever it begins
/// with, so that none is taken for a formula.
///
/// # Errors
///
/// If something does not fit: more than 1 048 575 rows, more than 32 767 characters in a cell.
pub fn list(
    title: &str,
    columns: &[(&str, f64)],
    rows: &[Vec<ListCell>],
) -> Result<Vec<u8>, TemplateError> {
    let styles = Styles::new();
    let (looks, blank) = (Looks::of(&styles.question), Looks::of(&Format::new()));
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    sheet.set_name(sheet_name(title, LONGEST_SHEET_NAME))?;
    for (column, (heading, width)) in (0..).zip(columns) {
        sheet.set_column_width(column, *width)?;
        let first = rows.first().and_then(|row| row.get(column as usize));
        sheet.set_column_format(column, blank.like(first))?;
        sheet.write_string_with_format(0, column, *heading, &styles.heading)?;
    }
    for (row, cells) in (1..).zip(rows) {
        for (column, cell) in (0..).zip(cells) {
            looks.write(sheet, (row, column), cell)?;
        }
    }
    sheet.set_freeze_panes(1, 1)?;
    sheet.set_landscape().set_paper_size(9).set_print_fit_to_pages(1, 0).set_repeat_rows(0, 0)?;
    sheet.set_margins(0.4, 0.4, 0.5, 0.6, 0.3, 0.3).set_footer("&L&8&A&R&8&P / &N");
    if let Some(last) = columns.len().checked_sub(1) {
        sheet.autofilter(0, 0, rows.len() as u32, last as u16)?;
    }
    Ok(book.save_to_buffer()?)
}

/// The same as CSV: semicolons, UTF-8 with a mark at its beginning. Text that a spreadsheet would
/// take for a formula gets an apostrophe before it, which [`read_list`](crate::read_list()) takes
/// away.
///
/// # Errors
///
/// If the text cannot be written.
pub fn list_csv(headings: &[&str], rows: &[Vec<ListCell>]) -> Result<Vec<u8>, TemplateError> {
    let head = headings.iter().map(|heading| (*heading).to_owned()).collect();
    let rows = rows.iter().map(|row| row.iter().map(ListCell::in_csv).collect());
    csv::write(std::iter::once(head).chain(rows).collect())
}

//! Rows under headings, as a workbook or as CSV.

use rust_xlsxwriter::{Format, Workbook};

use super::styles::Styles;
use super::{TemplateError, csv};

/// A workbook (XLSX) of one sheet: headings, each with how many characters it is across, and rows
/// of text. Cells are text whatever they hold, so that none is taken for a formula.
///
/// # Errors
///
/// If something does not fit: more than 1 048 575 rows, more than 32 767 characters in a cell.
pub fn list(
    sheet_name: &str,
    headings: &[(&str, f64)],
    rows: &[Vec<String>],
) -> Result<Vec<u8>, TemplateError> {
    let styles = Styles::new();
    let text = styles.question.clone().set_num_format("@");
    // Rows that people add stay text, too.
    let blank = Format::new().set_num_format("@");
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    sheet.set_name(sheet_name)?;
    for (column, (heading, width)) in (0..).zip(headings) {
        sheet.set_column_width(column, *width)?;
        sheet.set_column_format(column, &blank)?;
        sheet.write_string_with_format(0, column, *heading, &styles.heading)?;
    }
    for (row, cells) in (1..).zip(rows) {
        for (column, cell) in (0..).zip(cells) {
            sheet.write_string_with_format(row, column, cell, &text)?;
        }
    }
    sheet.set_freeze_panes(1, 1)?;
    sheet.set_landscape().set_paper_size(9).set_print_fit_to_pages(1, 0).set_repeat_rows(0, 0)?;
    if let Some(last) = headings.len().checked_sub(1) {
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
pub fn list_csv(headings: &[&str], rows: &[Vec<String>]) -> Result<Vec<u8>, TemplateError> {
    let head = headings.iter().map(|heading| (*heading).to_owned()).collect();
    let rows = rows.iter().map(|row| row.iter().cloned().map(csv::disarm).collect());
    csv::write(std::iter::once(head).chain(rows).collect())
}

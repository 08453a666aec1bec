//! From a form to a workbook that a school can fill.

mod cell;
pub(crate) mod csv;
pub(crate) mod list;
mod question_sheet;
mod styles;
mod table_sheet;
mod validation;

use rust_xlsxwriter::{DocProperties, ProtectionOptions, Workbook, XlsxError};
use thiserror::Error;
use vekha_proto::v1::Form;

use self::styles::Styles;
use self::validation::Lists;
use crate::headings::{self, MARK_SHEET};
use crate::{Heading, Values, fingerprint};

/// Why a template cannot be made.
#[derive(Debug, Error)]
pub enum TemplateError {
    /// The form does not fit into a workbook, or an earlier answer does not fit into a cell.
    #[error("шаблон формы не помещается в книгу Excel: {0}")]
    Workbook(#[from] XlsxError),
    /// The form does not fit into CSV; what to do instead.
    #[error("{0}")]
    Csv(String),
}

/// The workbook (XLSX) of a form: the first sheet with its single questions, a sheet for each table,
/// and a hidden one by which [`read`](crate::read()) recognises it. Earlier answers are filled in.
///
/// # Errors
///
/// If something does not fit: more than 16 384 columns, more than 32 767 characters in a cell.
pub fn template(
    form: &Form,
    heading: &Heading,
    answers: Option<&Values>,
) -> Result<Vec<u8>, TemplateError> {
    let nothing = Values::new();
    let answers = answers.unwrap_or(&nothing);
    let styles = Styles::new();
    let lists = Lists::of(form);
    let sheets = headings::sheets(form);
    let mut book = Workbook::new();
    let properties = DocProperties::new()
        .set_title(form.title.as_str())
        .set_company(heading.organisation.as_str());
    book.set_properties(&properties);
    question_sheet::write(book.add_worksheet(), form, heading, answers, &styles, &lists, &sheets)?;
    for (field, name) in form.fields.iter().zip(&sheets) {
        if let Some(name) = name {
            let sheet = book.add_worksheet();
            sheet.set_name(name)?;
            table_sheet::write(sheet, field, answers.get(&field.id), &styles, &lists)?;
        }
    }
    let mark = book.add_worksheet();
    mark.set_name(MARK_SHEET)?.set_hidden(true);
    for (row, (what, value)) in [
        ("form", form.id.clone()),
        ("fingerprint", fingerprint::of(form)),
        ("title", headings::one_line(&form.title)),
    ]
    .into_iter()
    .enumerate()
    {
        mark.write_string(row as u32, 0, what)?;
        mark.write_string(row as u32, 1, value)?;
    }
    lists.write(mark)?;
    mark.protect();
    Ok(book.save_to_buffer()?)
}

/// What people may do with a protected sheet beside filling it: make room for what they read.
fn protection() -> ProtectionOptions {
    ProtectionOptions { format_columns: true, format_rows: true, ..ProtectionOptions::new() }
}

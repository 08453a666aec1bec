//! The form as CSV, for systems that write it rather than people: semicolons, UTF-8 with a mark at
//! its beginning, as Russian Excel opens it.

use csv::WriterBuilder;
use vekha_proto::v1::{FieldType, Form, FormField};

use super::{TemplateError, cell};
use crate::headings::{self, ANSWER, HELP, QUESTION};
use crate::{Values, read};

/// The form as CSV: its only table with a row of headings, or «Вопрос;Ответ» if it has no table.
/// Earlier answers are filled in; text that a spreadsheet would take for a formula gets an
/// apostrophe before it, which [`read`](crate::read()) takes away.
///
/// # Errors
///
/// If the form does not fit into one table.
pub fn template_csv(form: &Form, answers: Option<&Values>) -> Result<Vec<u8>, TemplateError> {
    let fit = read::in_csv(form).map_err(TemplateError::Csv)?;
    let nothing = Values::new();
    let answers = answers.unwrap_or(&nothing);
    let table = fit.fields.iter().find(|field| field.r#type() == FieldType::Table);
    let records = match table {
        Some(table) => rows(table, answers),
        None => questions(&fit, answers),
    };
    write(records)
}

/// Records as Russian Excel opens them.
pub(super) fn write(records: Vec<Vec<String>>) -> Result<Vec<u8>, TemplateError> {
    let mut bytes = "\u{feff}".as_bytes().to_vec();
    let mut writer = WriterBuilder::new().delimiter(b';').from_writer(&mut bytes);
    for record in records {
        writer.write_record(&record).map_err(|e| TemplateError::Csv(e.to_string()))?;
    }
    writer.flush().map_err(|e| TemplateError::Csv(e.to_string()))?;
    drop(writer);
    Ok(bytes)
}

fn questions(form: &Form, answers: &Values) -> Vec<Vec<String>> {
    let names = headings::headings(&form.fields, &[QUESTION, HELP, ANSWER]);
    let mut records = vec![vec![QUESTION.to_owned(), ANSWER.to_owned()]];
    records.extend(
        form.fields
            .iter()
            .zip(names)
            .map(|(field, name)| vec![disarm(name), field_text(field, answers)]),
    );
    records
}

fn rows(table: &FormField, answers: &Values) -> Vec<Vec<String>> {
    let fixed = !table.rows.is_empty();
    let mut headings: Vec<String> = headings::columns(table).into_iter().map(disarm).collect();
    if fixed {
        headings.insert(0, disarm(headings::row_names(table)));
    }
    let given = answers.get(&table.id).and_then(|rows| rows.as_array());
    let given = given.map_or(&[][..], Vec::as_slice);
    let nothing = Values::new();
    let names = headings::rows(table);
    let mut records = vec![headings];
    for at in 0..given.len().max(table.rows.len()) {
        let row = given.get(at).and_then(|row| row.as_object()).unwrap_or(&nothing);
        let mut record: Vec<String> =
            names.get(at).into_iter().map(|name| disarm(name.clone())).collect();
        record.extend(table.columns.iter().map(|column| field_text(column, row)));
        records.push(record);
    }
    records
}

fn field_text(field: &FormField, answers: &Values) -> String {
    let shown = answers.get(&field.id).and_then(|value| cell::shown(field, value));
    match shown.map(cell::Shown::in_csv) {
        Some((text, true)) => disarm(text),
        Some((text, false)) => text,
        None => String::new(),
    }
}

/// Text with an apostrophe before what a spreadsheet would compute.
pub(super) fn disarm(text: String) -> String {
    if is_armed(&text) { format!("'{text}") } else { text }
}

/// Whether a spreadsheet might take this for a formula; or for text that was kept from being one.
pub fn is_armed(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r', '\''])
}

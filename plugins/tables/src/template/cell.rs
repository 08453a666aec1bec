//! An answer in its cell.

use rust_xlsxwriter::{Format, Worksheet, XlsxError};
use serde_json::Value;
use vekha_proto::v1::{FieldType, FormField};

use super::styles::text_in;
use crate::{headings, russian};

/// An answer as a spreadsheet holds it.
pub(super) enum Shown {
    Number(f64),
    Text(String),
    /// Year, month, day.
    Date(u16, u8, u8),
}

/// How an answer is shown in a cell; nothing if it is blank. Text stays text, whatever it begins
/// with.
pub(super) fn shown(field: &FormField, value: &Value) -> Option<Shown> {
    let option = |value: &str| {
        let at = field.options.iter().position(|option| option.value == value);
        at.map_or_else(|| value.to_owned(), |at| headings::options(field).swap_remove(at))
    };
    let text = match (field.r#type(), value) {
        (_, Value::Null) => return None,
        (FieldType::Choice, Value::String(value)) => option(value),
        (FieldType::Choices, Value::Array(values)) => {
            let names = values.iter().filter_map(Value::as_str).map(option);
            names.collect::<Vec<_>>().join("\n")
        }
        (FieldType::YesNo, Value::String(value)) => match value.as_str() {
            "yes" => "да".to_owned(),
            "no" => "нет".to_owned(),
            other => other.to_owned(),
        },
        (FieldType::Date, Value::String(value)) => match date(value) {
            Some((year, month, day)) => return Some(Shown::Date(year, month, day)),
            None => value.clone(),
        },
        (_, Value::Number(number)) => return number.as_f64().map(Shown::Number),
        (_, Value::String(text)) => text.clone(),
        (_, other) => other.to_string(),
    };
    if text.trim().is_empty() { None } else { Some(Shown::Text(text)) }
}

impl Shown {
    /// As CSV holds it; says whether it is text that a spreadsheet might take for a formula.
    pub(super) fn in_csv(self) -> (String, bool) {
        match self {
            Shown::Number(n) => (russian::number(n), false),
            Shown::Text(text) => (text, true),
            Shown::Date(year, month, day) => (format!("{day:02}.{month:02}.{year:04}"), false),
        }
    }
}

/// Writes an answer, or a blank cell for it.
pub(super) fn write(
    sheet: &mut Worksheet,
    (row, column): (u32, u16),
    field: &FormField,
    value: Option<&Value>,
    format: &Format,
) -> Result<(), XlsxError> {
    match value.and_then(|value| shown(field, value)) {
        None => sheet.write_blank(row, column, format)?,
        Some(Shown::Number(n)) => sheet.write_number_with_format(row, column, n, format)?,
        Some(Shown::Text(text)) => {
            let format = text_in(format, &text);
            sheet.write_string_with_format(row, column, text, &format)?
        }
        Some(Shown::Date(year, month, day)) => {
            let date = rust_xlsxwriter::ExcelDateTime::from_ymd(year, month, day)?;
            sheet.write_datetime_with_format(row, column, date, format)?
        }
    };
    Ok(())
}

/// A day that spreadsheets know: they begin with 1900.
fn date(text: &str) -> Option<(u16, u8, u8)> {
    let mut parts = text.splitn(3, '-');
    let year: u16 = parts.next()?.parse().ok().filter(|year| *year >= 1900)?;
    let month = parts.next()?.parse().ok().filter(|month| (1..=12).contains(month))?;
    let day = parts.next()?.parse().ok().filter(|day| (1..=31).contains(day))?;
    Some((year, month, day))
}

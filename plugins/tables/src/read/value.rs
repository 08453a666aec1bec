//! A cell as an answer. What cannot be an answer of the field's type is passed on as it stands, for
//! the check of answers to say what is wrong with it; only what that check could not see is told
//! here.

use serde_json::Value;
use vekha_proto::v1::{FieldType, FormField};

use super::grid::{Cell, points};
use crate::headings::{self, key};
use crate::russian;

/// How the options of a choice may be written, made once for a column.
#[derive(Debug, Default)]
pub(crate) struct Options(Vec<(String, String, String)>);

impl Options {
    pub(crate) fn of(field: &FormField) -> Self {
        let names = headings::options(field).into_iter().zip(&field.options);
        Options(
            names
                .map(|(name, option)| (key(&name), key(&option.value), option.value.clone()))
                .collect(),
        )
    }

    /// The value of the option that is called so: by its name, else by its value.
    fn find(&self, text: &str) -> Option<&str> {
        let key = key(text);
        let by = |wanted: fn(&(String, String, String)) -> &String| {
            self.0.iter().find(|option| *wanted(option) == key).map(|option| option.2.as_str())
        };
        by(|option| &option.0).or_else(|| by(|option| &option.1))
    }
}

/// The answer that a cell holds, or why it holds none.
pub(crate) fn value(field: &FormField, options: &Options, cell: &Cell) -> Result<Value, String> {
    if let Some(trouble) = cell.trouble() {
        return Err(trouble);
    }
    let text = || Value::String(cell.text());
    Ok(match field.r#type() {
        FieldType::Integer | FieldType::Decimal => match cell {
            Cell::Number(n) | Cell::Percent(n) | Cell::Padded(n, _) => number(*n),
            Cell::Text(text) => typed_number(text),
            _ => text(),
        },
        FieldType::Percent => match cell {
            Cell::Number(n) | Cell::Padded(n, _) => number(*n),
            Cell::Percent(n) => number(points(*n)),
            Cell::Text(text) => typed_number(text.trim().trim_end_matches('%')),
            _ => text(),
        },
        FieldType::Date => match cell {
            Cell::Date(year, month, day) => Value::String(format!("{year:04}-{month:02}-{day:02}")),
            Cell::Number(n) => match russian::typed_serial(*n) {
                Some((year, month, day)) => Value::String(format!("{year:04}-{month:02}-{day:02}")),
                None => text(),
            },
            Cell::Text(text) => Value::String(day(text)),
            _ => text(),
        },
        FieldType::YesNo => match cell {
            Cell::Bool(yes) => Value::from(if *yes { "yes" } else { "no" }),
            _ => match key(&cell.text()).as_str() {
                "да" | "yes" => Value::from("yes"),
                "нет" | "no" => Value::from("no"),
                _ => text(),
            },
        },
        FieldType::Choice => {
            let text = cell.text();
            // Shown as 05, it may still be the option 5.
            let plain = match cell {
                Cell::Padded(n, _) => russian::number(*n),
                _ => String::new(),
            };
            match options.find(&text).or_else(|| options.find(&plain)) {
                Some(value) => Value::from(value),
                None => return Err(unknown(&text, field)),
            }
        }
        FieldType::Choices => return chosen(field, options, &cell.text()),
        _ => text(),
    })
}

/// Several options: one per line, or one after the other.
fn chosen(field: &FormField, options: &Options, text: &str) -> Result<Value, String> {
    let mut values: Vec<Value> = Vec::new();
    let mut add = |value: &str| {
        if !values.contains(&Value::from(value)) {
            values.push(Value::from(value));
        }
    };
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(value) = options.find(line) {
            add(value);
            continue;
        }
        // An option may itself have a comma in it, so the rarer separator goes first.
        let apart = |separator| {
            let parts = line.split(separator).map(str::trim).filter(|part| !part.is_empty());
            parts.map(|part| options.find(part)).collect::<Option<Vec<_>>>()
        };
        let parts = apart(';').or_else(|| apart(',')).ok_or_else(|| unknown(line, field))?;
        parts.into_iter().for_each(&mut add);
    }
    Ok(Value::Array(values))
}

fn unknown(text: &str, field: &FormField) -> String {
    let short: String = text.chars().take(60).collect();
    let names = headings::options(field);
    let list: Vec<String> = names.iter().take(12).map(|name| format!("«{name}»")).collect();
    let more = if names.len() > list.len() { " и другие из списка" } else { "" };
    format!("варианта «{short}» нет; можно: {}{more}", list.join(", "))
}

/// Whole numbers as such, the way the check of answers keeps them.
fn number(n: f64) -> Value {
    if n.fract() == 0.0 && n.abs() < 1e15 { Value::from(n as i64) } else { Value::from(n) }
}

/// A number that was typed as text, with a decimal comma and spaces between thousands; other text
/// as it stands.
fn typed_number(text: &str) -> Value {
    typed(text).map_or_else(|| Value::from(text.trim()), number)
}

/// The same as a number, if it is one.
pub(crate) fn typed(text: &str) -> Option<f64> {
    let spaced = |c: &char| !c.is_whitespace() && *c != '\u{202f}';
    let plain: String = text
        .chars()
        .filter(spaced)
        .map(|c| match c {
            ',' => '.',
            '−' => '-',
            c => c,
        })
        .collect();
    let written = plain.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'-');
    plain.parse::<f64>().ok().filter(|n| written && n.is_finite())
}

/// A day that was typed as text, perhaps with «г.» after the year; other text as it stands.
fn day(text: &str) -> String {
    let text = text.trim();
    let plain = text.strip_suffix("г.").or_else(|| text.strip_suffix('г')).unwrap_or(text).trim();
    let parts: Vec<&str> = plain.split('.').collect();
    let digits = |part: &str, most: usize| {
        part.len() <= most && !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit())
    };
    match parts.as_slice() {
        [day, month, year] if digits(day, 2) && digits(month, 2) && digits(year, 4) => {
            format!("{year:0>4}-{month:0>2}-{day:0>2}")
        }
        [serial] if digits(serial, 6) && serial.len() > 4 => {
            let date = serial.parse().ok().and_then(russian::typed_serial);
            let written = |(year, month, day)| format!("{year:04}-{month:02}-{day:02}");
            date.map_or_else(|| plain.to_owned(), written)
        }
        _ => plain.to_owned(),
    }
}

//! Typed answers as people read them.

use serde_json::Value;

use crate::model::{Field, FieldKind};
use crate::russian;

/// A typed answer as people read it.
pub fn display(field: &Field, value: &Value) -> String {
    let with_unit = |text: String| match field.unit.as_str() {
        "" => text,
        unit => format!("{text} {unit}"),
    };
    let label = |options: &[crate::model::Choice], value: &Value| {
        let value = value.as_str().unwrap_or_default();
        options.iter().find(|o| o.value == value).map_or(value, |o| &o.label).to_owned()
    };
    match (&field.kind, value) {
        // Drafts hold what was left open, too.
        (_, Value::String(s)) if s.is_empty() => String::new(),
        (FieldKind::YesNo, Value::String(s)) => if s == "yes" { "да" } else { "нет" }.into(),
        (FieldKind::Choice(options), value) => label(options, value),
        (FieldKind::Choices(options), Value::Array(list)) => {
            list.iter().map(|v| label(options, v)).collect::<Vec<_>>().join(", ")
        }
        (FieldKind::File(_), value) => {
            let name = value["name"].as_str().unwrap_or_default();
            let kilobytes = value["size"].as_u64().unwrap_or_default().div_ceil(1024);
            format!("{name} ({kilobytes} КБ)")
        }
        (FieldKind::Histogram(scores), Value::Array(counts)) => {
            let counts = scores.all().zip(counts.iter().map(|n| n.as_i64().unwrap_or_default()));
            let got: Vec<String> = counts
                .filter(|(_, count)| *count > 0)
                .map(|(score, count)| format!("{score} — {count}"))
                .collect();
            if got.is_empty() {
                "никто".to_owned()
            } else {
                format!("балл — сколько: {}", got.join("; "))
            }
        }
        (FieldKind::Date, Value::String(s)) => {
            s.parse().map_or_else(|_| s.clone(), russian::date_words)
        }
        (FieldKind::Percent(_), Value::Number(n)) => {
            let n = n.as_f64().unwrap_or_default();
            format!("{} %", russian::number(n, if n.fract() == 0.0 { 0 } else { 1 }))
        }
        (_, Value::Number(n)) => {
            let n = n.as_f64().unwrap_or_default();
            with_unit(russian::number(n, if n.fract() == 0.0 { 0 } else { 2 }))
        }
        (_, Value::String(s)) => with_unit(s.clone()),
        (_, Value::Array(rows)) => {
            let n = rows.len();
            format!("{n} {}", russian::plural(n as i64, "строка", "строки", "строк"))
        }
        (_, value) => value.to_string(),
    }
}

//! Two versions of an answer, field by field.

use serde_json::Value;

use super::{EXPLANATIONS, Values, display};
use crate::model::{Field, FieldKind, Form, Rows};

/// One field or cell that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Its path: `participants`, `procedures[2].marks_2`.
    pub field: String,
    /// The question, with the row's heading and the column's in a table.
    pub label: String,
    /// What was answered before, in words; empty if nothing.
    pub before: String,
    /// What was answered after, in words; empty if nothing.
    pub after: String,
}

/// What differs between two typed answers to a form, in the form's order. Rows of a fixed table
/// are compared by heading, of a free one by number.
pub fn compare(form: &Form, before: &Values, after: &Values) -> Vec<Difference> {
    let mut differences = Vec::new();
    for field in &form.fields {
        let (old, new) = (before.get(&field.id), after.get(&field.id));
        match &field.kind {
            FieldKind::Table(table) => {
                let rows = |answer: Option<&Value>| {
                    answer.and_then(Value::as_array).cloned().unwrap_or_default()
                };
                let (old, new) = (rows(old), rows(new));
                for number in 0..old.len().max(new.len()) {
                    let heading = match &table.rows {
                        Rows::Fixed(headings) => headings.get(number).cloned().unwrap_or_default(),
                        Rows::Free { .. } => format!("строка {}", number + 1),
                    };
                    for column in &table.columns {
                        let cell = |rows: &[Value]| rows.get(number)?.get(&column.id).cloned();
                        let path = format!("{}[{number}].{}", field.id, column.id);
                        let label = format!("{}, {heading}, {}", field.label, column.label);
                        let (old, new) = (cell(&old), cell(&new));
                        differences.extend(one(column, path, label, old.as_ref(), new.as_ref()));
                    }
                }
            }
            _ => differences.extend(one(field, field.id.clone(), field.label.clone(), old, new)),
        }
    }
    let said = |answers: &Values| {
        answers.get(EXPLANATIONS).and_then(Value::as_object).cloned().unwrap_or_default()
    };
    let (old, new) = (said(before), said(after));
    let gone = old.keys().filter(|path| !new.contains_key(*path));
    for path in new.keys().chain(gone) {
        let text =
            |said: &Values| said.get(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (before, after) = (text(&old), text(&new));
        if before != after {
            let label = super::whereabouts(form, path).unwrap_or_else(|| path.clone());
            let label = format!("{label}: пояснение");
            differences.push(Difference {
                field: format!("{EXPLANATIONS}.{path}"),
                label,
                before,
                after,
            });
        }
    }
    differences
}

fn one(
    field: &Field,
    path: String,
    label: String,
    before: Option<&Value>,
    after: Option<&Value>,
) -> Option<Difference> {
    let words = |value: Option<&Value>| value.map_or_else(String::new, |v| display(field, v));
    (before != after).then(|| Difference {
        field: path,
        label,
        before: words(before),
        after: words(after),
    })
}

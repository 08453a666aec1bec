//! An answer that can no longer be changed, to be read.

use serde::Serialize;
use serde_json::Value;
use vekha_roadmap::answers::{self, Values};
use vekha_roadmap::model::{FieldKind, Form, Rows, Table};

/// One question with its answer.
#[derive(Debug, Default, Serialize)]
pub struct Answer {
    label: String,
    value: String,
    /// Rows of a table, the first of them its headings.
    table: Vec<Vec<String>>,
    /// Where a file is; empty if it is none.
    link: String,
    /// Its name.
    file: String,
}

/// All answers that were given, in the form's order. `address` is that of the page that shows them:
/// files are below it.
pub fn read_only(form: &Form, values: &Values, address: &str) -> Vec<Answer> {
    let answered = form.fields.iter().filter_map(|field| Some((field, values.get(&field.id)?)));
    answered
        .map(|(field, value)| {
            let mut answer = Answer { label: field.label.clone(), ..Answer::default() };
            if let (FieldKind::File(_), Some(hash)) = (&field.kind, value["sha256"].as_str()) {
                answer.link = format!("{address}/files/{hash}");
                answer.file = value["name"].as_str().unwrap_or_default().to_owned();
            }
            match (&field.kind, value) {
                (FieldKind::Table(table), Value::Array(given)) => {
                    answer.table = rows(table, given.iter().filter_map(Value::as_object));
                }
                _ => answer.value = answers::display(field, value),
            }
            answer
        })
        .collect()
}

/// A table's rows, the first of them its headings.
pub fn rows<'v>(table: &Table, given: impl IntoIterator<Item = &'v Values>) -> Vec<Vec<String>> {
    let fixed = matches!(table.rows, Rows::Fixed(_));
    let first = if fixed { "" } else { "№" };
    let labels = table.columns.iter().map(|column| column.label.clone());
    let mut rows = vec![std::iter::once(first.to_owned()).chain(labels).collect()];
    for (number, row) in given.into_iter().enumerate() {
        let heading = row.get("row").and_then(Value::as_str);
        let heading = heading.map_or_else(|| (number + 1).to_string(), str::to_owned);
        let cells = table.columns.iter().map(|column| {
            row.get(&column.id).map_or_else(String::new, |v| answers::display(column, v))
        });
        rows.push(std::iter::once(heading).chain(cells).collect());
    }
    rows
}

/// What was explained, by question.
pub fn explanations(form: &Form, values: &Values) -> Vec<Answer> {
    answers::explained(form, values)
        .into_iter()
        .map(|(label, text)| Answer { label, value: text.to_owned(), ..Answer::default() })
        .collect()
}

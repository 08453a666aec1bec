//! Forms as spreadsheets know them: a histogram is a table with a row for each score.

use serde_json::{Map, Value, json};
use vekha_plugin_tables::Values;
use vekha_proto::v1::{self, FieldType, FormField};
use vekha_roadmap::answers::FieldError;
use vekha_roadmap::model::{FieldKind, Form};

/// The one column of a histogram's table.
const COUNT: &str = "count";

/// A form in the contract's words, without histograms, and without files, which no cell holds.
pub fn describe(form: &Form) -> v1::Form {
    let mut described = super::describe(form);
    described.fields.retain(|field| field.r#type() != FieldType::File);
    for field in &mut described.fields {
        if field.r#type() == FieldType::Histogram {
            field.r#type = FieldType::Table.into();
            field.columns = vec![FormField {
                id: COUNT.to_owned(),
                label: "Сколько получили".to_owned(),
                unit: std::mem::take(&mut field.unit),
                r#type: FieldType::Integer.into(),
                required: v1::Required::Optional.into(),
                min: Some(0.0),
                ..FormField::default()
            }];
        }
    }
    described
}

/// Answers as that form holds them.
pub fn fold(form: &Form, mut answers: Values) -> Values {
    for (id, scores) in histograms(form) {
        if let Some(Value::Array(counts)) = answers.get_mut(id) {
            let rows = scores.all().zip(counts.drain(..).chain(std::iter::repeat(Value::Null)));
            let row =
                |(score, count): (i64, Value)| json!({ "row": score.to_string(), COUNT: count });
            let rows: Vec<Value> = rows.map(row).collect();
            answers.insert(id.to_owned(), Value::Array(rows));
        }
    }
    answers
}

/// The way back.
pub fn unfold(form: &Form, mut answers: Values) -> Values {
    for (id, _) in histograms(form) {
        if let Some(Value::Array(rows)) = answers.get_mut(id) {
            for row in rows.iter_mut() {
                let count = row.as_object_mut().and_then(|row: &mut Map<_, _>| row.remove(COUNT));
                *row = count.unwrap_or(Value::Null);
            }
        }
    }
    answers
}

/// The path of an error where that form has it: `scores[12]` is `scores[12].count` there.
pub fn place(form: &Form, error: FieldError) -> (String, String) {
    let inside = histograms(form).any(|(id, _)| {
        error
            .field
            .strip_prefix(id)
            .is_some_and(|rest| rest.starts_with('[') && rest.ends_with(']'))
    });
    let field = if inside { format!("{}.{COUNT}", error.field) } else { error.field };
    (field, error.message)
}

/// The way back.
pub fn unplace(form: &Form, field: &str) -> String {
    match field.strip_suffix(&format!(".{COUNT}")) {
        Some(plain) if histograms(form).any(|(id, _)| plain.starts_with(&format!("{id}["))) => {
            plain.to_owned()
        }
        _ => field.to_owned(),
    }
}

fn histograms(form: &Form) -> impl Iterator<Item = (&str, vekha_roadmap::model::Scores)> {
    form.fields.iter().filter_map(|field| match &field.kind {
        FieldKind::Histogram(scores) => Some((field.id.as_str(), *scores)),
        _ => None,
    })
}

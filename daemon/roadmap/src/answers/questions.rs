//! What is unlikely and may yet be true: it is asked about, and the explanation is kept.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Checker, FieldError, Values, display, whereabouts};
use crate::model::{Field, FieldKind, Form, Rows};
use crate::russian;

/// Under this name an answer holds its explanations: the field's path -> what the person said.
pub const EXPLANATIONS: &str = "explanations";

/// Longest explanation, in characters.
const LONGEST: usize = 1000;

/// So many questions about the rows of a table are asked one by one; of more, all are asked once, at the
/// table: nobody explains hundreds, and no page holds them.
const MOST: usize = 30;

/// So many of the questions that are asked at once are told, the rest is counted.
const MOST_TOLD: usize = 10;

/// The path of the field that an error asks to explain; none if it is another error.
pub fn questioned(error: &str) -> Option<&str> {
    error.strip_prefix(EXPLANATIONS)?.strip_prefix('.')
}

/// What was explained in an answer: whereabouts in the form, and what was said.
pub fn explained<'a>(form: &Form, answers: &'a Values) -> Vec<(String, &'a str)> {
    let said = answers.get(EXPLANATIONS).and_then(Value::as_object);
    said.into_iter()
        .flatten()
        .map(|(path, text)| {
            let label = whereabouts(form, path).unwrap_or_else(|| path.clone());
            let label = match row_in_words(form, answers, path) {
                Some(row) => format!("{label} ({row})"),
                None => label,
            };
            (label, text.as_str().unwrap_or_default())
        })
        .collect()
}

/// So many columns tell which row of a table it is.
const TELLING: usize = 3;

/// What stands at the beginning of the row that a path points into: who reads an explanation has not the
/// table before him. Rows that have headings are told by these.
fn row_in_words(form: &Form, answers: &Values, path: &str) -> Option<String> {
    let (id, rest) = path.split_once('[')?;
    let FieldKind::Table(table) = &form.field(id)?.kind else { return None };
    if matches!(table.rows, Rows::Fixed(_)) {
        return None;
    }
    let row = answers.get(id)?.get(rest.split(']').next()?.parse::<usize>().ok()?)?;
    let said = table.columns.iter().filter_map(|column| Some((column, row.get(&column.id)?)));
    let said: Vec<String> = said.take(TELLING).map(|(column, v)| display(column, v)).collect();
    (!said.is_empty()).then(|| said.join(", "))
}

/// Something to be explained.
#[derive(Debug)]
pub(super) struct Question {
    /// The field's path, rows counted as they were given.
    path: String,
    /// The same, rows counted as they are kept.
    kept: String,
    /// What is asked, one thing after the other.
    messages: Vec<String>,
}

impl Question {
    /// The table that it is about, or about whose row.
    fn field(&self) -> &str {
        self.kept.split('[').next().unwrap_or(&self.kept)
    }
}

/// What a person says of a field.
fn said<'g>(given: &'g Value, path: &str) -> &'g str {
    given.get(path).and_then(Value::as_str).unwrap_or_default().trim()
}

/// Several questions as one text: the first of them, and how many more there are.
fn together(messages: &[String]) -> String {
    let told = messages[..messages.len().min(MOST_TOLD)].join(". ");
    match messages.len().saturating_sub(MOST_TOLD) {
        0 => told,
        more => format!("{told}. И ещё {more}"),
    }
}

impl Checker {
    pub(super) fn ask(&mut self, path: &str, kept: &str, message: String) {
        // One explanation answers all questions about a field.
        match self.questions.iter_mut().find(|q| q.kept == kept) {
            Some(asked) => asked.messages.push(message),
            None => self.questions.push(Question {
                path: path.to_owned(),
                kept: kept.to_owned(),
                messages: vec![message],
            }),
        }
    }

    /// Asks about numbers that are far from those of the period before.
    pub(super) fn questions(&mut self, form: &Form, answers: &Values, earlier: &Values) {
        for field in &form.fields {
            let (Some(now), Some(before)) = (answers.get(&field.id), earlier.get(&field.id)) else {
                continue;
            };
            match &field.kind {
                // Rows of a free table are no one's in particular: only given rows have a past.
                FieldKind::Table(table) if matches!(table.rows, Rows::Fixed(_)) => {
                    let rows = |table: &Value| table.as_array().cloned().unwrap_or_default();
                    let before = rows(before);
                    let numbers = self.numbers_of(&field.id);
                    for ((kept, row), number) in rows(now).iter().enumerate().zip(numbers) {
                        let Some(before) = before.iter().find(|b| b["row"] == row["row"]) else {
                            continue;
                        };
                        for column in &table.columns {
                            if let Some(message) =
                                jump(column, &row[&column.id], &before[&column.id])
                            {
                                let path = |n: usize| format!("{}[{n}].{}", field.id, column.id);
                                self.ask(&path(number), &path(kept), message);
                            }
                        }
                    }
                }
                _ => {
                    if let Some(message) = jump(field, now, before) {
                        self.ask(&field.id, &field.id, message);
                    }
                }
            }
        }
    }

    /// The explanations of all that was asked; what was not asked about needs none. What is said of a
    /// table answers all questions about its rows.
    pub(super) fn explanations(&mut self, given: &Value) -> Option<Value> {
        let mut explanations = Values::new();
        let mut open: BTreeMap<String, Vec<Question>> = BTreeMap::new();
        for question in std::mem::take(&mut self.questions) {
            let field = question.field().to_owned();
            let path = if said(given, &question.path).is_empty() { &field } else { &question.path };
            let kept = if *path == field { &field } else { &question.kept };
            let text = said(given, path);
            if text.is_empty() {
                open.entry(field).or_default().push(question);
            } else if text.chars().count() > LONGEST {
                let message = format!("не длиннее {LONGEST} знаков");
                self.errors.push(FieldError { field: format!("{EXPLANATIONS}.{path}"), message });
            } else {
                explanations.insert(kept.clone(), text.into());
            }
        }
        for (field, questions) in open {
            if questions.len() <= MOST {
                for Question { path, messages, .. } in questions {
                    self.wrong(&format!("{EXPLANATIONS}.{path}"), together(&messages));
                }
                continue;
            }
            let count = russian::plural(questions.len() as i64, "вопрос", "вопроса", "вопросов");
            let number = questions.len();
            let all: Vec<String> = questions.into_iter().flat_map(|one| one.messages).collect();
            let message = format!("{number} {count}, пояснить их можно вместе. {}", together(&all));
            self.wrong(&format!("{EXPLANATIONS}.{field}"), message);
        }
        (!explanations.is_empty()).then_some(Value::Object(explanations))
    }
}

/// What to ask about a number that has changed by more than its field takes for granted.
fn jump(field: &Field, now: &Value, before: &Value) -> Option<String> {
    let most = field.jump?;
    let (now, before) = (now.as_f64()?, before.as_f64()?);
    // From nothing, any change is without measure.
    let change = (before != 0.0).then(|| (now - before) / before.abs() * 100.0)?;
    let show = |n: f64| russian::number(n, if n.fract() == 0.0 { 0 } else { 2 });
    (change.abs() > most).then(|| {
        let word = if change > 0.0 { "больше" } else { "меньше" };
        format!(
            "Прошлый раз было {}, теперь {}: {word} на {} %. Если так и есть, поясните, почему",
            show(before),
            show(now),
            russian::number(change.abs(), 0)
        )
    })
}

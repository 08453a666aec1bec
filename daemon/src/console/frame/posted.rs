//! From the pairs that a browser sends to the raw answers that the engine checks.
//!
//! Rows of a table that were left empty are dropped here, not only by the check, so that the rows
//! which errors name by number are the rows which the page then shows.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Body as Content;
use axum::extract::{DefaultBodyLimit, Form as Body, FromRequest, Multipart, RawForm, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use serde_json::Value;
use vekha_roadmap::answers::{EXPLANATIONS, Values, file_name, questioned};
use vekha_roadmap::model::{Field, FieldKind, Form, Rows, Table};

use super::shown::Shown;
use crate::console::frame::problem;
use crate::console::school::conflict::Choice;
use crate::port::told::{self, Bound};
use crate::port::work;
use crate::runtime::documents::uploads::Upload;
use crate::store::write::drafts::Basis;

/// What a browser sent: the fields of the form in order, each with its text.
pub type Pairs = Vec<(String, String)>;

/// The value of a field; empty where it was not sent.
pub fn value<'p>(pairs: &'p Pairs, name: &str) -> &'p str {
    pairs.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value)
}

/// Longest form with its files, in bytes.
pub const LONGEST_WITH_FILES: usize = 32 << 20;

/// Most fields of a form: of any form, with all rows that it may have.
const MOST_FIELDS: usize = 60_000;

/// The fields of a posted form, for pages that read it before all else.
pub struct Fields(pub Pairs);

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Response;

    async fn from_request(request: Request, _: &S) -> Result<Self, Response> {
        pairs(request).await.map(Fields).map_err(|unread| *unread)
    }
}

/// The pairs of a posted form, or the page that says why they could not be read.
pub async fn pairs(mut request: Request) -> Result<Pairs, Box<Response>> {
    DefaultBodyLimit::max(crate::console::LONGEST_FORM).apply(&mut request);
    let kind = request.headers().get(CONTENT_TYPE).cloned();
    let unread = |status| match status {
        StatusCode::PAYLOAD_TOO_LARGE => problem::too_long(),
        status => problem::page(status, "Ответ не прочитан", &["Отправьте форму ещё раз."]),
    };
    let RawForm(bytes) =
        RawForm::from_request(request, &()).await.map_err(|e| unread(e.status()))?;
    // Counted before they become pairs: each costs many times its bytes.
    let fields = bytes.iter().filter(|byte| **byte == b'&').count() + 1;
    if fields > MOST_FIELDS {
        return Err(too_many_fields(fields));
    }
    let mut again = Request::new(Content::from(bytes));
    *again.method_mut() = Method::POST;
    again.headers_mut().extend(kind.map(|kind| (CONTENT_TYPE, kind)));
    let read = work::over(fields, move || {
        // All of it is there: nothing is waited for.
        futures::executor::block_on(Body::<Pairs>::from_request(again, &()))
    });
    match read.await {
        Ok(Ok(Body(pairs))) => Ok(pairs),
        Ok(Err(e)) => Err(Box::new(unread(e.status()))),
        Err(e) => Err(Box::new(problem::unavailable(&e))),
    }
}

fn too_many_fields(fields: usize) -> Box<Response> {
    told::met(Bound::Rows, &format_args!("{fields} fields"));
    let sentence = format!("В форме полей {fields}, а принимается не больше {MOST_FIELDS}");
    Box::new(problem::too_many(&sentence))
}

/// The pairs of a posted form and the files that come with it, or the page that says why they could
/// not be read.
pub async fn receive(request: Request) -> Result<(Pairs, Vec<Upload>), Box<Response>> {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if !kind.is_some_and(|kind| kind.starts_with("multipart/form-data")) {
        return Ok((pairs(request).await?, vec![]));
    }
    let unread = |status| {
        let words = &["Отправьте форму ещё раз; файлы — до 10 МБ каждый, вместе до 30 МБ."];
        Box::new(problem::page(status, "Ответ не прочитан", words))
    };
    let parts = Multipart::from_request(request, &()).await;
    let mut parts = parts.map_err(|e| unread(e.status()))?;
    let (mut pairs, mut files, mut typed) = (Pairs::new(), Vec::new(), 0);
    while let Some(part) = parts.next_field().await.map_err(|e| unread(e.status()))? {
        let name = part.name().unwrap_or_default().to_owned();
        typed += name.len();
        match part.file_name().map(str::to_owned) {
            Some(file) => {
                let bytes = part.bytes().await.map_err(|e| unread(e.status()))?;
                if !file.is_empty() {
                    let file = file_name(&file).to_owned();
                    files.push(Upload { field: name, name: file, bytes: bytes.into() });
                }
            }
            None => {
                let text = part.text().await.map_err(|e| unread(e.status()))?;
                typed += text.len();
                pairs.push((name, text));
            }
        }
        // Files or not, what is typed has the same bounds.
        if typed > crate::console::LONGEST_FORM {
            return Err(Box::new(problem::too_long()));
        }
        if pairs.len() + files.len() > MOST_FIELDS {
            return Err(too_many_fields(pairs.len() + files.len()));
        }
    }
    Ok((pairs, files))
}

/// A table with more rows than the form allows.
#[derive(Debug, PartialEq, Eq)]
pub struct Excess {
    /// The table's label.
    pub table: String,
    /// Rows with something in them.
    pub rows: usize,
    /// What is allowed.
    pub most: usize,
}

impl Excess {
    /// What is wrong, for people, without a full stop. Tells the log as well.
    pub fn sentence(&self) -> String {
        let Excess { table, rows, most } = self;
        told::met(Bound::Rows, &format_args!("{rows} rows where {most} are allowed"));
        format!("В таблице «{table}» заполнено строк: {rows}, а форма принимает не больше {most}")
    }
}

/// The first table that was sent with more rows than the form allows.
pub fn excess(form: &Form, pairs: &[(String, String)]) -> Option<Excess> {
    let mut filled: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for (name, _) in pairs.iter().filter(|(_, text)| !text.trim().is_empty()) {
        if let Some((table, row, _)) = place(name) {
            filled.entry(table).or_default().insert(row);
        }
    }
    beyond(form, |table| filled.get(table).map_or(0, BTreeSet::len))
}

/// The first table of answers with more rows than the form allows.
pub fn excess_of(form: &Form, values: &Values) -> Option<Excess> {
    beyond(form, |table| values.get(table).and_then(Value::as_array).map_or(0, Vec::len))
}

fn beyond(form: &Form, rows: impl Fn(&str) -> usize) -> Option<Excess> {
    form.fields.iter().find_map(|field| {
        let FieldKind::Table(Table { rows: Rows::Free { max, .. }, .. }) = &field.kind else {
            return None;
        };
        let (rows, most) = (rows(&field.id), *max);
        (rows > most).then(|| Excess { table: field.label.clone(), rows, most })
    })
}

/// Most rows of a table that are read.
const MOST_ROWS: usize = 5000;

/// What a browser sent.
#[derive(Debug, Default)]
pub struct Posted {
    /// Raw answers: strings, lists of chosen options, lists of rows.
    pub values: Values,
    /// How many rows of each free table stood in the page.
    pub rows: BTreeMap<String, usize>,
    /// The table for which more rows are wanted.
    pub add: Option<String>,
    /// It is to be kept, not sent.
    pub save: bool,
    /// What tells this page's posts from those of other pages.
    pub once: String,
    /// What its writer had seen of what stands there; none if the page does not say.
    pub basis: Option<Basis>,
    /// What the page had shown.
    pub shown: Shown,
    /// What is wanted where two people differ, by the place's path.
    pub choices: BTreeMap<String, Choice>,
}

/// Reads the pairs by the form. What the form does not know is left out: browsers' extensions add
/// things of their own.
pub fn read(form: &Form, pairs: &[(String, String)]) -> Posted {
    let mut posted = Posted::default();
    let mut tables: BTreeMap<&str, BTreeMap<usize, Values>> = BTreeMap::new();
    let mut explanations = Values::new();
    let mut dropped = Vec::new();
    for (name, text) in pairs {
        match name.as_str() {
            "_add" => posted.add = Some(text.clone()),
            "_save" => posted.save = true,
            "_drop" => dropped.push(text.as_str()),
            "_once" => posted.once.clone_from(text),
            "_seen" => posted.basis = basis(text),
            "_shown" => posted.shown = Shown::read(text),
            name if name.starts_with(CHOICE) => {
                posted.choices.insert(name[CHOICE.len()..].to_owned(), Choice::read(text));
            }
            name if questioned(name).is_some() => {
                if let Some(path) = questioned(name)
                    && !text.trim().is_empty()
                {
                    explanations.insert(path.to_owned(), text.as_str().into());
                }
            }
            name => match place(name) {
                Some((table, row, column)) => {
                    let known = field(&form.fields, table).and_then(|f| match &f.kind {
                        FieldKind::Table(table) => field(&table.columns, column),
                        _ => None,
                    });
                    if let Some(column) = known
                        && row < MOST_ROWS
                    {
                        let rows = tables.entry(table).or_default();
                        put(rows.entry(row).or_default(), column, text);
                    }
                }
                None => match score(form, name) {
                    Some((field, number)) => counts(&mut posted.values, field, number, text),
                    None => {
                        if let Some(field) = field(&form.fields, name) {
                            put(&mut posted.values, field, text);
                        }
                    }
                },
            },
        }
    }
    for field in &form.fields {
        let FieldKind::Table(table) = &field.kind else { continue };
        let rows = tables.remove(field.id.as_str()).unwrap_or_default();
        if matches!(table.rows, Rows::Free { .. }) {
            let stood = rows.keys().last().map_or(0, |last| last + 1);
            posted.rows.insert(field.id.clone(), stood);
        }
        if matches!(table.rows, Rows::Free { .. }) {
            follow(&field.id, &rows, &mut explanations);
        }
        posted.values.insert(field.id.clone(), Value::Array(in_order(table, rows)));
    }
    for field in dropped {
        posted.values.remove(field);
    }
    if !explanations.is_empty() {
        posted.values.insert(EXPLANATIONS.into(), Value::Object(explanations));
    }
    posted
}

/// Begins the name of a choice between two people's answers; the place's path follows.
const CHOICE: &str = "_take.";

/// `3.2`: the third answer, the draft's second revision.
fn basis(text: &str) -> Option<Basis> {
    let (answer, draft) = text.split_once('.')?;
    Some(Basis { answer: answer.parse().ok()?, draft: draft.parse().ok()? })
}

/// A basis as a page carries it.
pub fn seen(basis: Basis) -> String {
    format!("{}.{}", basis.answer, basis.draft)
}

/// Lets explanations follow their rows, whose numbers change when empty rows are dropped.
fn follow(table: &str, rows: &BTreeMap<usize, Values>, explanations: &mut Values) {
    let kept: Vec<usize> =
        rows.iter().filter(|(_, row)| !is_blank(row)).map(|(number, _)| *number).collect();
    let all = std::mem::take(explanations);
    for (path, text) in all {
        match place(&path) {
            Some((own, row, column)) if own == table => {
                if let Some(number) = kept.iter().position(|kept| *kept == row) {
                    explanations.insert(format!("{table}[{number}].{column}"), text);
                }
            }
            _ => {
                explanations.insert(path, text);
            }
        }
    }
}

fn in_order(table: &Table, mut rows: BTreeMap<usize, Values>) -> Vec<Value> {
    match &table.rows {
        Rows::Fixed(headings) => (0..headings.len())
            .map(|number| Value::Object(rows.remove(&number).unwrap_or_default()))
            .collect(),
        Rows::Free { .. } => {
            rows.into_values().filter(|row| !is_blank(row)).map(Value::Object).collect()
        }
    }
}

/// Whether nothing was typed into a row.
pub fn is_blank(row: &Values) -> bool {
    row.values().all(|v| v.as_str().is_some_and(|text| text.trim().is_empty()))
}

fn field<'f>(fields: &'f [Field], id: &str) -> Option<&'f Field> {
    fields.iter().find(|f| f.id == id)
}

/// The histogram and the place of the score in it: `scores[12]`.
fn score<'f>(form: &'f Form, name: &str) -> Option<(&'f Field, usize)> {
    let (id, rest) = name.split_once('[')?;
    let field = field(&form.fields, id)?;
    let number: usize = rest.strip_suffix(']')?.parse().ok()?;
    match field.kind {
        FieldKind::Histogram(scores) if number < scores.count() => Some((field, number)),
        _ => None,
    }
}

fn counts(values: &mut Values, field: &Field, number: usize, text: &str) {
    let counts = values.entry(field.id.clone()).or_insert_with(|| Value::Array(vec![]));
    if let Value::Array(counts) = counts {
        let length = counts.len().max(number + 1);
        counts.resize(length, Value::Null);
        counts[number] = text.into();
    }
}

fn put(values: &mut Values, field: &Field, text: &str) {
    match &field.kind {
        FieldKind::Table(_) | FieldKind::Histogram(_) => {}
        // What the page itself wrote about a file that was kept.
        FieldKind::File(_) => {
            if let Ok(Value::Object(file)) = serde_json::from_str(text) {
                values.insert(field.id.clone(), Value::Object(file));
            }
        }
        FieldKind::Choices(_) => {
            if text.is_empty() {
                return;
            }
            let chosen = values.entry(field.id.clone()).or_insert_with(|| Value::Array(vec![]));
            if let Value::Array(chosen) = chosen
                && chosen.len() < MOST_ROWS
            {
                chosen.push(text.into());
            }
        }
        _ => {
            values.insert(field.id.clone(), text.into());
        }
    }
}

/// `procedures[2].marks_2`
fn place(name: &str) -> Option<(&str, usize, &str)> {
    let (table, rest) = name.split_once('[')?;
    let (row, column) = rest.split_once("].")?;
    Some((table, row.parse().ok()?, column))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn form() -> Form {
        let files = crate::console::tests::files();
        let road_map = vekha_roadmap::read::read(&files).unwrap();
        road_map.forms["marks"].clone()
    }

    fn read_pairs(pairs: &[(&str, &str)]) -> Posted {
        let owned: Vec<_> = pairs.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
        read(&form(), &owned)
    }

    #[test]
    fn pairs_become_strings_lists_and_rows() {
        let posted = read_pairs(&[
            ("pupils", "12"),
            ("means", "paper"),
            ("means", "online"),
            ("steps[0].what", " "),
            ("steps[0].done", ""),
            ("steps[4].done", "3"),
            ("steps[4].what", "Семинар"),
            ("marks[1].low", "5"),
            ("_add", "steps"),
        ]);
        assert_eq!(
            Value::Object(posted.values),
            json!({
                "pupils": "12",
                "means": ["paper", "online"],
                "marks": [{}, { "low": "5" }],
                "steps": [{ "done": "3", "what": "Семинар" }],
            })
        );
        assert_eq!(posted.rows, BTreeMap::from([("steps".to_owned(), 5)]));
        assert_eq!(posted.add.as_deref(), Some("steps"));
    }

    #[test]
    fn what_the_form_does_not_know_and_rows_beyond_reason_are_left_out() {
        let posted = read_pairs(&[
            ("csrf", "x"),
            ("pupils[0].low", "1"),
            ("marks[0].none", "1"),
            ("marks[99999999999999999999].low", "1"),
            ("steps[5000].what", "1"),
            ("steps[", "1"),
        ]);
        assert_eq!(Value::Object(posted.values), json!({ "marks": [{}, {}], "steps": [] }));
    }
}

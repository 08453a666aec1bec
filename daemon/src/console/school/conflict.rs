//! Two people at one form: what each of them has where they differ, and what is to stay.
//!
//! Compared are three states: what the writer's page showed (its fingerprints came back with the
//! post), what stands in the database now, and what was typed. What only the other person changed is
//! taken into the form and shown; where both changed something, what was typed stays in its field and
//! the writer chooses. A table whose rows are added freely is one thing: its rows have no names by
//! which they could be told from each other.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use vekha_roadmap::answers::{EXPLANATIONS, Values, display, whereabouts};
use vekha_roadmap::model::{Field, FieldKind, Form, Rows, Table};

use crate::console::frame::form::dom_id;
use crate::console::frame::posted::is_blank;
use crate::console::frame::shown::Shown;
use crate::console::school::read_only;

/// A place of a form that is compared as one.
struct Place<'f> {
    /// `pupils`, `marks[1].low`, `steps` (all rows), `explanations.pupils`.
    path: String,
    /// The field or the column; none of an explanation.
    field: Option<&'f Field>,
}

impl Place<'_> {
    /// What stands there, written in one way whoever wrote it; empty if nothing does.
    fn content(&self, values: &Values) -> String {
        let value = get(values, &self.path);
        match self.field {
            Some(field) => plain(field, value),
            None => plain_text(value.and_then(Value::as_str).unwrap_or_default()),
        }
    }
}

/// What a page shows that is filled so.
pub fn shown(form: &Form, values: &Values) -> Shown {
    let places = places(form, [values]).into_iter();
    Shown::of(places.map(|place| {
        let content = place.content(values);
        (place.path, content)
    }))
}

/// All places of a form, in its order; explanations that any of the answers has come last.
fn places<'f, 'v>(form: &'f Form, all: impl IntoIterator<Item = &'v Values>) -> Vec<Place<'f>> {
    let mut places = Vec::new();
    for field in &form.fields {
        match &field.kind {
            FieldKind::Table(Table { rows: Rows::Fixed(headings), columns }) => {
                for row in 0..headings.len() {
                    places.extend(columns.iter().map(|column| Place {
                        path: format!("{}[{row}].{}", field.id, column.id),
                        field: Some(column),
                    }));
                }
            }
            _ => places.push(Place { path: field.id.clone(), field: Some(field) }),
        }
    }
    let mut explained = std::collections::BTreeSet::new();
    for values in all {
        let said = values.get(EXPLANATIONS).and_then(Value::as_object);
        // Names that no path of a form has came from nowhere.
        let named = said.into_iter().flatten().map(|(path, _)| path);
        explained.extend(named.filter(|path| whereabouts(form, path).is_some()).cloned());
    }
    let of = |path: String| Place { path: format!("{EXPLANATIONS}.{path}"), field: None };
    places.extend(explained.into_iter().map(of));
    places
}

/// What stands at a path.
fn get<'v>(values: &'v Values, path: &str) -> Option<&'v Value> {
    if let Some(explained) = path.strip_prefix(EXPLANATIONS).and_then(|p| p.strip_prefix('.')) {
        return values.get(EXPLANATIONS)?.get(explained);
    }
    match path.split_once('[') {
        None => values.get(path),
        Some((table, rest)) => {
            let (row, column) = rest.split_once("].")?;
            values.get(table)?.get(row.parse::<usize>().ok()?)?.get(column)
        }
    }
}

/// Puts what stands at a path in `from` to the same path in `to`.
fn take(from: &Values, to: &mut Values, path: &str) {
    let value = get(from, path).cloned();
    let (within, key) = if let Some(explained) =
        path.strip_prefix(EXPLANATIONS).and_then(|p| p.strip_prefix('.'))
    {
        let said = to.entry(EXPLANATIONS).or_insert_with(|| Value::Object(Values::new()));
        (said.as_object_mut(), explained)
    } else if let Some((table, rest)) = path.split_once('[') {
        let Some((row, column)) = rest.split_once("].") else { return };
        let Ok(row) = row.parse::<usize>() else { return };
        let rows = to.entry(table).or_insert_with(|| Value::Array(vec![]));
        let Some(rows) = rows.as_array_mut() else { return };
        while rows.len() <= row {
            rows.push(Value::Object(Values::new()));
        }
        (rows[row].as_object_mut(), column)
    } else {
        (Some(to), path)
    };
    let Some(within) = within else { return };
    match value {
        Some(value) => within.insert(key.to_owned(), value),
        None => within.remove(key),
    };
}

fn plain_text(text: &str) -> String {
    text.replace("\r\n", "\n").trim().to_owned()
}

/// An answer, typed or raw, written in one way: `1 250`, `1250` and the number are the same.
fn plain(field: &Field, value: Option<&Value>) -> String {
    let Some(value) = value else { return String::new() };
    let text = || match value {
        Value::String(text) => plain_text(text),
        Value::Number(number) => number.to_string(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        _ => String::new(),
    };
    match &field.kind {
        FieldKind::Integer(_) | FieldKind::Decimal(_) | FieldKind::Percent(_) => {
            let digits = |c: char| match c {
                ',' => Some('.'),
                '−' => Some('-'),
                c if c.is_whitespace() => None,
                c => Some(c),
            };
            let text: String = text().chars().filter_map(digits).collect();
            text.parse::<f64>().map_or(text, |number| number.to_string())
        }
        FieldKind::Choices(_) => {
            let mut chosen: Vec<&str> = match value {
                Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
                one => one.as_str().into_iter().collect(),
            };
            chosen.sort_unstable();
            chosen.dedup();
            chosen.join("\n")
        }
        FieldKind::File(_) => value["sha256"].as_str().unwrap_or_default().to_owned(),
        FieldKind::Histogram(_) => {
            let counts = value.as_array().map(Vec::as_slice).unwrap_or_default();
            let counts: Vec<String> = counts
                .iter()
                .map(|count| match count {
                    Value::String(text) => plain_text(text),
                    Value::Number(number) => number.to_string(),
                    _ => String::new(),
                })
                // Nought may be left out.
                .map(|count| if count == "0" { String::new() } else { count })
                .collect();
            counts.join(" ").trim_end().to_owned()
        }
        FieldKind::Table(table) => {
            let rows = filled_rows(Some(value)).map(|row| plain_row(table, row));
            rows.collect::<Vec<_>>().join("\u{1e}")
        }
        FieldKind::Text { .. }
        | FieldKind::LongText { .. }
        | FieldKind::Date
        | FieldKind::Choice(_)
        | FieldKind::YesNo => text(),
    }
}

fn plain_row(table: &Table, row: &Values) -> String {
    let cells = table.columns.iter().map(|column| plain(column, row.get(&column.id)));
    cells.collect::<Vec<_>>().join("\u{1f}")
}

/// Rows of a free table with something in them.
fn filled_rows(value: Option<&Value>) -> impl Iterator<Item = &Values> {
    let rows = value.and_then(Value::as_array).into_iter().flatten();
    rows.filter_map(Value::as_object).filter(|row| !row.is_empty() && !is_blank(row))
}

/// One place where two people differ.
#[derive(Debug, Serialize)]
pub struct Difference {
    /// Its path.
    path: String,
    /// The id of the control that it has in the form.
    id: String,
    /// What is asked there.
    label: String,
    /// What the other person has, in words; empty if nothing.
    theirs: String,
    /// What the writer has.
    mine: String,
    /// The same of a table: its rows, the first of them its headings.
    their_rows: Vec<Vec<String>>,
    my_rows: Vec<Vec<String>>,
    /// The writer has something else there than before: both changed it, and somebody must choose.
    /// Otherwise the form has taken what the other person has.
    both: bool,
    /// The rows of both fit into the table.
    joins: bool,
}

/// What two people have where they differ.
#[derive(Debug, Default)]
pub struct Conflict {
    /// Where, in the form's order.
    pub differences: Vec<Difference>,
    /// The answers with which the form is shown again.
    pub proposed: Values,
    /// What the other person has, by the path of the control beside which it is told.
    pub others: BTreeMap<String, String>,
}

/// Compares what a writer typed with what stands there now.
pub fn between(form: &Form, shown: &Shown, theirs: &Values, mine: &Values) -> Conflict {
    let mut conflict = Conflict { proposed: mine.clone(), ..Conflict::default() };
    for place in places(form, [theirs, mine]) {
        let (their_content, my_content) = (place.content(theirs), place.content(mine));
        // What only the writer changed is no conflict.
        if their_content == my_content || shown.is(&place.path, &their_content) {
            continue;
        }
        let both = !shown.is(&place.path, &my_content);
        if !both {
            take(theirs, &mut conflict.proposed, &place.path);
        }
        let difference = difference(form, &place, theirs, mine, both);
        let other = match (difference.theirs.as_str(), difference.their_rows.is_empty()) {
            (_, false) => "строки показаны выше".to_owned(),
            ("", true) => "не заполнено".to_owned(),
            (words, true) => words.to_owned(),
        };
        conflict.others.insert(place.path, other);
        conflict.differences.push(difference);
    }
    conflict
}

fn difference(
    form: &Form,
    place: &Place<'_>,
    theirs: &Values,
    mine: &Values,
    both: bool,
) -> Difference {
    let path = &place.path;
    let (their_value, my_value) = (get(theirs, path), get(mine, path));
    let explained = path.strip_prefix(EXPLANATIONS).and_then(|path| path.strip_prefix('.'));
    let label = whereabouts(form, explained.unwrap_or(path)).unwrap_or_else(|| path.clone());
    let mut difference = Difference {
        path: path.clone(),
        id: match explained {
            Some(path) => format!("{}-why", dom_id("", path)),
            None => dom_id("", path),
        },
        label: if explained.is_some() { format!("{label}: пояснение") } else { label },
        theirs: String::new(),
        mine: String::new(),
        their_rows: vec![],
        my_rows: vec![],
        both,
        joins: false,
    };
    match place.field {
        Some(Field { kind: FieldKind::Table(table), .. }) => {
            let rows = |value: Option<&Value>| {
                let rows: Vec<&Values> = filled_rows(value).collect();
                read_only::rows(table, rows)
            };
            (difference.their_rows, difference.my_rows) = (rows(their_value), rows(my_value));
            difference.joins = both && fits(table, their_value, my_value);
        }
        field => {
            let words = |value: Option<&Value>| match (field, value) {
                (_, None) => String::new(),
                (Some(field), Some(value)) => words(field, value),
                (None, Some(value)) => value.as_str().unwrap_or_default().to_owned(),
            };
            (difference.theirs, difference.mine) = (words(their_value), words(my_value));
        }
    }
    difference
}

/// An answer, typed or raw, as people read it.
fn words(field: &Field, value: &Value) -> String {
    match (&field.kind, value) {
        (_, Value::String(text)) if text.trim().is_empty() => String::new(),
        (_, Value::Null) => String::new(),
        // Counts that were typed are texts still.
        (FieldKind::Histogram(_), Value::Array(counts)) => {
            let number = |count: &Value| match count {
                Value::String(text) => text.trim().parse::<i64>().unwrap_or_default().into(),
                other => other.clone(),
            };
            display(field, &Value::Array(counts.iter().map(number).collect()))
        }
        _ => display(field, value),
    }
}

/// The rows of the other person, then those of the writer that are no repetition of them.
fn joined(table: &Table, theirs: Option<&Value>, mine: Option<&Value>) -> Vec<Value> {
    let mut rows: Vec<&Values> = filled_rows(theirs).collect();
    let known: std::collections::BTreeSet<String> =
        rows.iter().map(|row| plain_row(table, row)).collect();
    rows.extend(filled_rows(mine).filter(|row| !known.contains(&plain_row(table, row))));
    rows.into_iter().cloned().map(Value::Object).collect()
}

fn fits(table: &Table, theirs: Option<&Value>, mine: Option<&Value>) -> bool {
    match table.rows {
        Rows::Free { max, .. } => joined(table, theirs, mine).len() <= max,
        Rows::Fixed(_) => false,
    }
}

/// What a writer wants at a place where two people differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// What stands in the form.
    Form,
    /// What the other person has.
    Theirs,
    /// The rows of both.
    Join,
}

impl Choice {
    /// As a page sends it.
    pub fn read(text: &str) -> Self {
        match text {
            "theirs" => Choice::Theirs,
            "join" => Choice::Join,
            _ => Choice::Form,
        }
    }
}

/// Carries out what was chosen. `theirs` is what stood there when the choice was offered.
pub fn settle(
    form: &Form,
    choices: &BTreeMap<String, Choice>,
    theirs: &Values,
    values: &mut Values,
) {
    // What the page did not offer is not asked for.
    for Place { path, field } in places(form, [theirs, &*values]) {
        match (choices.get(&path), field.map(|field| &field.kind)) {
            (Some(Choice::Theirs), _) => take(theirs, values, &path),
            (Some(Choice::Join), Some(FieldKind::Table(table))) => {
                let rows = joined(table, theirs.get(&path), values.get(&path));
                values.insert(path, Value::Array(rows));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn form() -> Form {
        let files = crate::console::tests::files();
        vekha_roadmap::read::read(&files).unwrap().forms["marks"].clone()
    }

    fn values(value: Value) -> Values {
        value.as_object().unwrap().clone()
    }

    fn paths(conflict: &Conflict) -> Vec<(&str, bool)> {
        conflict.differences.iter().map(|d| (d.path.as_str(), d.both)).collect()
    }

    #[test]
    fn what_only_one_of_two_changed_is_merged_and_what_both_changed_is_asked_about() {
        let form = form();
        let before = values(json!({ "pupils": 10, "share": 50, "marks": [{ "low": 1 }, {}] }));
        let shown = Shown::read(&shown(&form, &before).to_string());
        let theirs = values(json!({
            "pupils": "11", "share": "50", "comment": "их", "marks": [{ "low": "2" }, { "low": "5" }],
        }));
        let mine = values(json!({
            "pupils": "12", "share": "60", "marks": [{ "low": "3", "total": "9" }, {}],
        }));
        let conflict = between(&form, &shown, &theirs, &mine);
        assert_eq!(
            paths(&conflict),
            [("pupils", true), ("marks[0].low", true), ("marks[1].low", false), ("comment", false)]
        );
        assert_eq!(
            Value::Object(conflict.proposed),
            json!({
                "pupils": "12", "share": "60", "comment": "их",
                "marks": [{ "low": "3", "total": "9" }, { "low": "5" }],
            })
        );
    }

    #[test]
    fn the_same_answer_written_in_another_way_is_no_conflict() {
        let form = form();
        let theirs = values(json!({
            "pupils": 1250, "share": 98.5, "means": ["online", "paper"], "comment": "а\nб",
            "steps": [{ "what": "Семинар", "done": 2 }], "marks": [{ "row": "x" }],
        }));
        let mine = values(json!({
            "pupils": "1 250", "share": "98,50", "means": ["paper", "online"], "comment": "а\r\nб ",
            "steps": [{ "what": "", "done": "" }, { "done": "2", "what": " Семинар" }],
            "marks": [{ "low": "" }, {}],
        }));
        assert!(between(&form, &Shown::default(), &theirs, &mine).differences.is_empty());
    }

    #[test]
    fn each_choice_is_carried_out_at_its_place_and_nowhere_else() {
        let form = form();
        let theirs = values(json!({
            "pupils": "11", "why_not": "их", "marks": [{}, { "low": "5" }],
            "steps": [{ "what": "а", "done": "1" }, { "what": "б", "done": "1" }],
        }));
        let mut mine = values(json!({
            "pupils": "12", "why_not": "мой", "comment": "мой", "marks": [{ "low": "3" }],
            "steps": [{ "what": "б", "done": 1 }, { "what": "в", "done": "1" }],
        }));
        let choices = [
            ("pupils", "theirs"),
            ("why_not", ""),
            ("comment", "theirs"),
            ("marks[0].low", "theirs"),
            ("marks[1].low", "theirs"),
            ("marks[9].low", "theirs"),
            ("steps", "join"),
            ("nothing", "theirs"),
        ];
        let choices = choices.map(|(path, choice)| (path.to_owned(), Choice::read(choice)));
        settle(&form, &BTreeMap::from(choices), &theirs, &mut mine);
        assert_eq!(
            Value::Object(mine),
            json!({
                "pupils": "11", "why_not": "мой", "marks": [{}, { "low": "5" }],
                "steps": [
                    { "what": "а", "done": "1" }, { "what": "б", "done": "1" },
                    { "what": "в", "done": "1" },
                ],
            })
        );
    }
}

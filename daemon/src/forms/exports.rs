//! Other systems' exports, read by the road map's layouts: what every listener does with them alike.
//! A file is looked through and let go; what is kept of it are the figures of organisations.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use serde_json::{Map, Value, json};
use vekha_layouts::{Note, NoteKind, Organisations, Purpose, Reading, Understood};
use vekha_plugin_tables::{Limits, each_row};
use vekha_roadmap::RoadMap;
use vekha_roadmap::answers::Values;
use vekha_roadmap::model::{Field, FieldKind, Form, Layout};
use vekha_roadmap::period::Period;
use vekha_roadmap::read::misfits;

/// What an export may be at most: the rows of a whole municipality.
pub const LIMITS: Limits =
    Limits { file: 30 << 20, expanded: 600 << 20, entries: 2_000, rows: 200_000, cells: 6_000_000 };

/// Most rows of an answer that are listed one by one.
const LISTED: usize = 100;

/// An uploaded file.
#[derive(Clone)]
pub struct Export {
    /// Its name.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

// What stands in it is about children: no log is to show it.
impl std::fmt::Debug for Export {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Export({} bytes)", self.bytes.len())
    }
}

/// The layouts that fill a form. They are today's, since exports change from year to year, while the
/// form is the run's own; one that no longer fits it is left out.
pub fn layouts_of<'m>(newest: &'m RoadMap, form: &Form) -> Vec<&'m Layout> {
    let own = newest.layouts.values().filter(|layout| layout.form == form.id);
    own.filter(|layout| misfits(layout, form).is_empty()).collect()
}

/// The year of works that belong to a period: a school year is told by the spring in which it ends.
pub fn years(period: Period) -> RangeInclusive<i64> {
    let year = i64::from(period.last_day().year());
    year..=year
}

/// Reads files into a form.
pub fn understand(
    newest: &RoadMap,
    form: &Form,
    own: Option<&str>,
    years: Option<&RangeInclusive<i64>>,
    files: &[Export],
) -> Understood {
    let layouts = layouts_of(newest, form);
    let organisations = Organisations::of(&newest.organisations);
    let mut reading = Reading::new(Purpose {
        form,
        layouts: &layouts,
        organisations: &organisations,
        own,
        years,
    });
    for file in files {
        reading.file(&file.name, |take| each_row(&file.name, &file.bytes, &LIMITS, take));
    }
    reading.finish()
}

/// What stands in a form with what was read laid over it: of rows of the same key the columns that were
/// read, all else as it stands.
pub fn laid_over(form: &Form, layouts: &[&Layout], standing: Values, read: Values) -> Values {
    let mut values = standing;
    for (field, answer) in read {
        let rows = match (values.get_mut(&field), answer) {
            (Some(Value::Array(rows)), Value::Array(read)) if is_table(form, &field) => {
                let keys = keys(layouts, &field);
                for row in read {
                    let same = |known: &&mut Value| {
                        keys.iter().all(|key| alike(known.get(key), row.get(key)))
                    };
                    match (rows.iter_mut().find(same), row) {
                        (Some(Value::Object(known)), Value::Object(row)) => known.extend(row),
                        (_, row) => rows.push(row),
                    }
                }
                continue;
            }
            (_, answer) => answer,
        };
        values.insert(field, rows);
    }
    values
}

fn is_table(form: &Form, field: &str) -> bool {
    matches!(form.field(field).map(|field| &field.kind), Some(FieldKind::Table(_)))
}

/// The columns by which rows of a table are told apart.
fn keys<'l>(layouts: &[&'l Layout], field: &str) -> BTreeSet<&'l str> {
    let targets = layouts.iter().flat_map(|layout| &layout.tables);
    let own = targets.filter(|target| target.field == field);
    own.flat_map(|target| target.key.iter().map(|(column, _)| column.as_str())).collect()
}

/// Whether two answers say the same, typed or read: «5» is 5, and nothing is nothing.
fn alike(one: Option<&Value>, other: Option<&Value>) -> bool {
    let text = |value: Option<&Value>| match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.trim().to_owned(),
        Some(value) => value.to_string(),
    };
    text(one) == text(other)
}

/// The files as people are told of them: what each was taken for, and what became of its rows.
pub fn told_files(understood: &Understood) -> Vec<Value> {
    let about = |name: &str, kind: NoteKind| -> Vec<String> {
        let own = understood.notes.iter().filter(|note| note.file == name && note.kind == kind);
        own.map(sentence).collect()
    };
    let file = |file: &vekha_layouts::FileRead| {
        json!({
            "name": file.name,
            "layout": file.layout,
            "title": file.title,
            "rows": file.rows,
            "unread": file.unread,
            "unclear": about(&file.name, NoteKind::Unclear),
            "left": about(&file.name, NoteKind::Left),
            "told": about(&file.name, NoteKind::Told),
        })
    };
    let mut seen = BTreeSet::new();
    let first = |file: &&vekha_layouts::FileRead| seen.insert(file.name.clone());
    understood.files.iter().filter(first).map(file).collect()
}

/// A note with its place, and how often it was met.
pub fn sentence(note: &Note) -> String {
    let text = &note.text;
    let often = if note.rows > 1 { format!(" (строк: {})", note.rows) } else { String::new() };
    match &note.place {
        Some(_) => format!("{}: {text}{often}", note.whereabouts()),
        None => format!("{text}{often}"),
    }
}

/// Answers as people look through them before they are taken: field by field, the rows of the first
/// tables one by one.
pub fn told_answers(form: &Form, layouts: &[&Layout], answers: &Values) -> Vec<Value> {
    let first: BTreeSet<&str> = layouts
        .iter()
        .filter_map(|layout| layout.tables.first())
        .map(|target| target.field.as_str())
        .collect();
    let told = |field: &Field| {
        let answer = answers.get(&field.id)?;
        let FieldKind::Table(table) = &field.kind else {
            return Some(json!({ "label": field.label, "value": shown(answer) }));
        };
        let rows = answer.as_array()?;
        let keys = keys(layouts, &field.id);
        let listed = first.contains(field.id.as_str()) && rows.len() <= LISTED;
        let line = |row: &Value| {
            let columns = table.columns.iter();
            let known: Vec<(&Field, String)> =
                columns.filter_map(|column| Some((column, shown(row.get(&column.id)?)))).collect();
            let (key, figures): (Vec<_>, Vec<_>) =
                known.iter().partition(|(column, _)| keys.contains(column.id.as_str()));
            let named = |(column, text): &&(&Field, String)| format!("{} — {text}", column.label);
            json!({
                "key": key.iter().map(named).collect::<Vec<_>>().join(", "),
                "figures": figures.iter().map(named).collect::<Vec<_>>().join(", "),
            })
        };
        let lines: Vec<Value> = if listed { rows.iter().map(line).collect() } else { vec![] };
        Some(json!({ "label": field.label, "count": rows.len(), "rows": lines }))
    };
    form.fields.iter().filter_map(told).collect()
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string().replace('.', ","),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Answers of an organisation for programs.
pub fn as_json(understood: &Understood) -> Value {
    let organisations: Map<String, Value> = understood
        .organisations
        .iter()
        .map(|(code, read)| (code.clone(), json!({ "rows": read.rows, "answers": read.answers })))
        .collect();
    let beside = understood.beside.iter().map(
        |beside| json!({ "level": beside.level, "label": beside.label, "answers": beside.answers }),
    );
    let notes = understood.notes.iter().map(|note| {
        let place = note.place.as_ref().map(|place| {
            json!({ "sheet": place.sheet, "row": place.row, "column": place.column })
        });
        json!({ "file": note.file, "kind": note.kind, "place": place, "rows": note.rows, "text": note.text })
    });
    json!({
        "files": understood.files,
        "organisations": organisations,
        "beside": beside.collect::<Vec<_>>(),
        "notes": notes.collect::<Vec<_>>(),
    })
}

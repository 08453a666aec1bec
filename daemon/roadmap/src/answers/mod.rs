//! Is an answer right? Raw answers, as typed by people or sent by systems, become typed ones; or
//! all that is wrong with them, each at its field.

mod compare;
mod display;
mod groups;
mod questions;
mod rules;
mod typed;
mod writing;

use std::collections::BTreeMap;

use serde_json::Value;

use self::rules::{Around, thresholds};
use self::typed::{date, integer, number, text, within, yes_no};
use crate::diagnostic::nearest;
use crate::formula::Formula;
pub use crate::formula::Values;
use crate::model::{Field, FieldKind, Form, Range, Required, Rows, Scores, Table};
use crate::period::Period;
use crate::russian;

pub use self::compare::{Difference, compare};
pub use self::display::display;
pub use self::questions::{EXPLANATIONS, explained, questioned};
pub use self::typed::{check_file, named_file};
pub use self::writing::{check_text, file_name, hides, is_printable, turns};

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// `participants`, or `procedures[2].marks_2` with rows counted from 0.
    pub field: String,
    /// What to do about it, in Russian.
    pub message: String,
}

/// Most rows that are looked at.
const MOST_ROWS: usize = 5000;

/// What an answer is held against besides its form.
#[derive(Debug, Clone, Copy, Default)]
pub struct Beside<'a> {
    /// The same organisation's answer of the period before.
    pub earlier: Option<&'a Values>,
    /// What the department has answered before in the same run, to the form that this one looks at.
    pub department: Option<&'a Values>,
    /// What the run is about.
    pub period: Option<Period>,
}

impl<'a> From<&'a Values> for Beside<'a> {
    /// The answer of the period before, and nothing else.
    fn from(earlier: &'a Values) -> Self {
        Beside { earlier: Some(earlier), ..Beside::default() }
    }
}

/// Checks an answer and brings it into its typed form: numbers, `yes`/`no`, ISO dates, lists;
/// what is empty is left out. `beside` says that, and what else an answer is held against: so far as it
/// does not say it, nothing is held against it.
///
/// What is unlikely but may be true (soft rules, large jumps) must be explained under
/// [`EXPLANATIONS`]; the explanations are kept with the answer.
///
/// # Errors
/// All that is wrong, in the form's order. An explanation that is missing is an error at
/// `explanations.` and the field's path.
pub fn validate<'a>(
    form: &Form,
    raw: &Values,
    beside: impl Into<Beside<'a>>,
) -> Result<Values, Vec<FieldError>> {
    let nothing = Values::new();
    let Beside { earlier, department, period } = beside.into();
    let (earlier, department) = (earlier.unwrap_or(&nothing), department.unwrap_or(&nothing));
    let mut checker = Checker { period, ..Checker::default() };
    let mut answers = Values::new();
    for field in &form.fields {
        let raw = raw.get(&field.id).unwrap_or(&Value::Null);
        let answer = match &field.kind {
            FieldKind::Table(table) => checker.table(field, table, raw),
            FieldKind::Histogram(scores) => checker.histogram(field, *scores, raw),
            _ => checker.single(&field.id, field, raw),
        };
        if let Some(answer) = answer {
            answers.insert(field.id.clone(), answer);
        }
    }
    let unknown =
        |name: &&String| **name != EXPLANATIONS && !form.fields.iter().any(|f| f.id == **name);
    for name in raw.keys().filter(unknown) {
        let near = nearest(name, form.fields.iter().map(|f| &f.id));
        let hint = near.map_or_else(String::new, |near| format!("; может быть, «{near}»?"));
        checker.wrong(name, format!("такого поля в форме нет{hint}"));
    }
    checker.required(form, &answers, department);
    // Rules across fields mean something only over answers that are right by themselves.
    if checker.errors.is_empty() {
        checker.rules(form, &answers, department);
        checker.questions(form, &answers, earlier);
        let given = raw.get(EXPLANATIONS).unwrap_or(&Value::Null);
        if let Some(explanations) = checker.explanations(given) {
            answers.insert(EXPLANATIONS.into(), explanations);
        }
    }
    if checker.errors.is_empty() { Ok(answers) } else { Err(checker.sorted(form)) }
}

/// One answer that is not empty, in its typed form.
///
/// # Errors
/// What is wrong with it, for people.
pub fn single(field: &Field, raw: &Value) -> Result<Value, String> {
    match &field.kind {
        FieldKind::Integer(range) => integer(raw).and_then(|n| within(n, *range)),
        FieldKind::Decimal(range) | FieldKind::Percent(range) => {
            number(raw).and_then(|n| within(n, *range))
        }
        FieldKind::Text { max_length } => text(raw, *max_length, false),
        FieldKind::LongText { max_length } => text(raw, *max_length, true),
        FieldKind::Date => date(raw),
        FieldKind::YesNo => yes_no(raw),
        FieldKind::Choice(options) => match raw {
            Value::String(s) if options.iter().any(|o| o.value == *s) => Ok(raw.clone()),
            _ => Err("выберите один из вариантов".to_owned()),
        },
        FieldKind::Choices(options) => {
            let chosen: Vec<&Value> = match raw {
                Value::Array(list) => list.iter().collect(),
                single => vec![single],
            };
            let known =
                |v: &&Value| v.as_str().is_some_and(|s| options.iter().any(|o| o.value == s));
            if chosen.iter().all(known) {
                // Ticked twice is ticked: each option counts once.
                let mut once: Vec<Value> = Vec::new();
                for value in chosen {
                    if !once.contains(value) {
                        once.push(value.clone());
                    }
                }
                Ok(Value::Array(once))
            } else {
                Err("выберите из предложенных вариантов".to_owned())
            }
        }
        FieldKind::File(rule) => named_file(raw, rule),
        FieldKind::Table(_) | FieldKind::Histogram(_) => {
            Err("таблица внутри таблицы не бывает".to_owned())
        }
    }
}

#[derive(Default)]
struct Checker {
    errors: Vec<FieldError>,
    /// By table field: the number, as given, of each row that was kept.
    numbers: BTreeMap<String, Vec<usize>>,
    /// Within which some days must lie.
    period: Option<Period>,
    /// What is to be explained.
    questions: Vec<questions::Question>,
}

impl Checker {
    fn wrong(&mut self, field: &str, message: impl Into<String>) {
        self.errors.push(FieldError { field: field.to_owned(), message: message.into() });
    }

    /// Errors in the order of the form's fields and rows.
    fn sorted(mut self, form: &Form) -> Vec<FieldError> {
        let place = |path: &str| {
            let path = questioned(path).unwrap_or(path);
            let (field, rest) = path.split_once('[').unwrap_or((path, ""));
            let (row, column) = rest.split_once("].").unwrap_or((rest.trim_end_matches(']'), ""));
            let position = form.fields.iter().position(|f| f.id == field);
            let known = position.and_then(|p| match &form.fields[p].kind {
                FieldKind::Table(t) => t.columns.iter().position(|c| c.id == column),
                _ => None,
            });
            let column = if column.is_empty() { None } else { Some(known.unwrap_or(usize::MAX)) };
            (position.unwrap_or(usize::MAX), row.parse::<usize>().unwrap_or(0), column)
        };
        self.errors.sort_by_key(|e| place(&e.field));
        self.errors
    }

    fn single(&mut self, path: &str, field: &Field, raw: &Value) -> Option<Value> {
        if is_empty(raw) {
            return None;
        }
        let held = |value| match self.period.filter(|_| field.within_period) {
            Some(period) => typed::within_period(value, period),
            None => Ok(value),
        };
        single(field, raw).and_then(held).map_err(|message| self.wrong(path, message)).ok()
    }

    /// A class's letter without the grade, which people write once more; nothing for a dash.
    fn letter(&mut self, path: &str, column: &Field, row: &mut Values) {
        let Some(grade) = &column.letter_of else { return };
        let Some(Value::String(said)) = row.get(&column.id) else { return };
        let grade = row.get(grade).and_then(Value::as_f64);
        match typed::letter(said, grade) {
            Ok(letter) if letter.is_empty() => drop(row.remove(&column.id)),
            Ok(letter) => drop(row.insert(column.id.clone(), letter.into())),
            Err(message) => self.wrong(path, message),
        }
    }

    /// Counts by score, lowest first; who says nothing of a score says nobody got it.
    fn histogram(&mut self, field: &Field, scores: Scores, raw: &Value) -> Option<Value> {
        let given = match raw {
            Value::Null => &vec![],
            Value::Array(given) => given,
            _ => {
                self.wrong(&field.id, "нужен список: сколько получили каждый балл");
                return None;
            }
        };
        if given.len() > scores.count() {
            self.wrong(&field.id, format!("баллов должно быть {}", scores.count()));
            return None;
        }
        if given.iter().all(is_empty) {
            return None;
        }
        let range = Range { min: Some(0.0), max: Some(1e6) };
        let mut counts = Vec::with_capacity(scores.count());
        for number in 0..scores.count() {
            let raw = given.get(number).filter(|raw| !is_empty(raw));
            let count = raw.map_or(Ok(0.into()), |raw| integer(raw).and_then(|n| within(n, range)));
            match count {
                Ok(count) => counts.push(count),
                Err(message) => self.wrong(&format!("{}[{number}]", field.id), message),
            }
        }
        (counts.len() == scores.count()).then_some(Value::Array(counts))
    }

    fn table(&mut self, field: &Field, table: &Table, raw: &Value) -> Option<Value> {
        let empty = Vec::new();
        let raw_rows = match raw {
            Value::Null => &empty,
            Value::Array(rows) => rows,
            _ => {
                self.wrong(&field.id, "нужен список строк");
                return None;
            }
        };
        if raw_rows.len() > MOST_ROWS {
            self.wrong(&field.id, format!("больше {MOST_ROWS} строк"));
            return None;
        }
        let mut rows = Vec::new();
        let mut any = false;
        let headings = match &table.rows {
            Rows::Fixed(headings) => {
                if raw_rows.len() > headings.len() {
                    self.wrong(&field.id, format!("строк должно быть {}", headings.len()));
                }
                Some(headings)
            }
            Rows::Free { .. } => None,
        };
        let count = headings.map_or(raw_rows.len(), Vec::len);
        for number in 0..count {
            let path = format!("{}[{number}]", field.id);
            let nothing = Values::new();
            let raw_row = match raw_rows.get(number) {
                None | Some(Value::Null) => &nothing,
                Some(Value::Object(row)) => row,
                Some(_) => {
                    self.wrong(&path, "нужна строка таблицы");
                    continue;
                }
            };
            let blank = raw_row.iter().filter(|(k, _)| *k != "row").all(|(_, v)| is_empty(v));
            if blank && headings.is_none() {
                continue;
            }
            any |= !blank;
            let mut row = Values::new();
            if let Some(headings) = headings {
                row.insert("row".into(), headings[number].clone().into());
            }
            let demanded = !blank || matches!(field.required, Required::Always);
            self.cells(&path, table, raw_row, demanded, &mut row);
            rows.push(Value::Object(row));
            self.numbers.entry(field.id.clone()).or_default().push(number);
        }
        if let Rows::Free { min, max } = table.rows {
            let needed = match field.required {
                Required::Always => min,
                _ => 0,
            };
            if rows.len() > max {
                self.wrong(&field.id, format!("строк больше, чем можно: {max}"));
            } else if rows.len() < needed {
                let words = russian::plural(needed as i64, "строку", "строки", "строк");
                self.wrong(&field.id, format!("заполните хотя бы {needed} {words}"));
            }
            return (!rows.is_empty()).then_some(Value::Array(rows));
        }
        (any || matches!(field.required, Required::Always)).then_some(Value::Array(rows))
    }

    /// Reads a row's cells; what its columns demand is missed where it is demanded of this row.
    fn cells(&mut self, path: &str, table: &Table, raw: &Values, demanded: bool, row: &mut Values) {
        for column in &table.columns {
            let path = format!("{path}.{}", column.id);
            let before = self.errors.len();
            let cell = raw.get(&column.id).unwrap_or(&Value::Null);
            match self.single(&path, column, cell) {
                Some(value) => {
                    row.insert(column.id.clone(), value);
                }
                None if self.errors.len() == before
                    && matches!(column.required, Required::Always)
                    && demanded =>
                {
                    self.wrong(&path, "заполните");
                }
                None => {}
            }
        }
        for name in raw.keys() {
            if name != "row" && !table.columns.iter().any(|c| c.id == *name) {
                let near = nearest(name, table.columns.iter().map(|c| &c.id));
                let hint = near.map_or_else(String::new, |n| format!("; может быть, «{n}»?"));
                self.wrong(&format!("{path}.{name}"), format!("такого столбца нет{hint}"));
            }
        }
        for column in &table.columns {
            self.letter(&format!("{path}.{}", column.id), column, row);
        }
    }

    fn required(&mut self, form: &Form, answers: &Values, department: &Values) {
        let around = Around { answers, thresholds: thresholds(form), department };
        let holds = |formula: &Formula, row: Option<&Values>| {
            formula.holds_in(&around.seen(row)).ok().flatten() == Some(true)
        };
        for field in &form.fields {
            let needed = match &field.required {
                Required::Always => true,
                Required::Optional => false,
                Required::When(formula) => holds(formula, None),
            };
            match (&field.kind, answers.get(&field.id)) {
                (FieldKind::Table(table), Some(Value::Array(rows))) => {
                    for (row, number) in rows.iter().zip(self.numbers_of(&field.id)) {
                        let blank = row
                            .as_object()
                            .is_some_and(|row| row.keys().all(|column| column == "row"));
                        for column in &table.columns {
                            let asked = match &column.required {
                                // Where the table itself is always asked, this was told already.
                                Required::Always => {
                                    blank && needed && matches!(field.required, Required::When(_))
                                }
                                Required::Optional => false,
                                Required::When(formula) => holds(formula, row.as_object()),
                            };
                            let path = format!("{}[{number}].{}", field.id, column.id);
                            if asked && row.get(&column.id).is_none() {
                                self.fill(&path);
                            }
                        }
                    }
                }
                // What a table that is always asked lacks was told row by row.
                (FieldKind::Table(_), None) if matches!(field.required, Required::Always) => {}
                (_, None) if needed => self.fill(&field.id),
                _ => {}
            }
        }
    }

    /// Asks for an answer where nothing else is wrong.
    fn fill(&mut self, path: &str) {
        if !self.errors.iter().any(|e| e.field == path) {
            self.wrong(path, "заполните");
        }
    }

    fn numbers_of(&self, table: &str) -> Vec<usize> {
        self.numbers.get(table).cloned().unwrap_or_default()
    }
}

/// Nothing was typed or ticked.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(s) => s.trim().is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    }
}

/// Where a path points, in words: the question, the row and the column; none if nowhere.
pub fn whereabouts(form: &Form, path: &str) -> Option<String> {
    if let Some(field) = form.field(path) {
        return Some(field.label.clone());
    }
    let (id, rest) = path.split_once('[').unwrap_or((path, ""));
    let field = form.field(id)?;
    if let FieldKind::Histogram(scores) = &field.kind {
        let number: usize = rest.strip_suffix(']')?.parse().ok()?;
        return Some(format!("{}, балл {}", field.label, scores.all().nth(number)?));
    }
    let FieldKind::Table(table) = &field.kind else { return Some(field.label.clone()) };
    let Some((row, column)) = rest.split_once("].") else { return Some(field.label.clone()) };
    let number: usize = row.parse().ok()?;
    let column = table.columns.iter().find(|c| c.id == column)?;
    let row = match &table.rows {
        Rows::Fixed(headings) => headings.get(number)?.clone(),
        Rows::Free { .. } => format!("строка {}", number + 1),
    };
    Some(format!("{}, {row}, {}", field.label, column.label))
}

//! Is an answer right? Raw answers, as typed by people or sent by systems, become typed ones; or
//! all that is wrong with them, each at its field.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde_json::Value;

use crate::diagnostic::nearest;
use crate::formula::Formula;
pub use crate::formula::Values;
use crate::model::{Field, FieldKind, Form, Range, Required, Rows, Table};
use crate::russian;

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

/// Checks an answer and brings it into its typed form: numbers, `yes`/`no`, ISO dates, lists;
/// what is empty is left out.
///
/// # Errors
/// All that is wrong, in the form's order.
pub fn validate(form: &Form, raw: &Values) -> Result<Values, Vec<FieldError>> {
    let mut checker = Checker::default();
    let mut answers = Values::new();
    for field in &form.fields {
        let raw = raw.get(&field.id).unwrap_or(&Value::Null);
        let answer = match &field.kind {
            FieldKind::Table(table) => checker.table(field, table, raw),
            _ => checker.single(&field.id, field, raw),
        };
        if let Some(answer) = answer {
            answers.insert(field.id.clone(), answer);
        }
    }
    for name in raw.keys().filter(|name| !form.fields.iter().any(|f| f.id == **name)) {
        let near = nearest(name, form.fields.iter().map(|f| &f.id));
        let hint = near.map_or_else(String::new, |near| format!("; может быть, «{near}»?"));
        checker.wrong(name, format!("такого поля в форме нет{hint}"));
    }
    checker.required(form, &answers);
    // Rules across fields mean something only over answers that are right by themselves.
    if checker.errors.is_empty() {
        checker.rules(form, &answers);
    }
    if checker.errors.is_empty() { Ok(answers) } else { Err(checker.sorted(form)) }
}

#[derive(Default)]
struct Checker {
    errors: Vec<FieldError>,
    /// By table field: the number, as given, of each row that was kept.
    numbers: BTreeMap<String, Vec<usize>>,
}

impl Checker {
    fn wrong(&mut self, field: &str, message: impl Into<String>) {
        self.errors.push(FieldError { field: field.to_owned(), message: message.into() });
    }

    /// Errors in the order of the form's fields and rows.
    fn sorted(mut self, form: &Form) -> Vec<FieldError> {
        let place = |path: &str| {
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
        let typed = match &field.kind {
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
            FieldKind::Table(_) => Err("таблица внутри таблицы не бывает".to_owned()),
        };
        typed.map_err(|message| self.wrong(path, message)).ok()
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
            for column in &table.columns {
                let raw = raw_row.get(&column.id).unwrap_or(&Value::Null);
                let path = format!("{path}.{}", column.id);
                let before = self.errors.len();
                match self.single(&path, column, raw) {
                    Some(value) => {
                        row.insert(column.id.clone(), value);
                    }
                    None if self.errors.len() == before
                        && matches!(column.required, Required::Always)
                        && (!blank || matches!(field.required, Required::Always)) =>
                    {
                        self.wrong(&path, "заполните");
                    }
                    None => {}
                }
            }
            for name in raw_row.keys() {
                if name != "row" && !table.columns.iter().any(|c| c.id == *name) {
                    let near = nearest(name, table.columns.iter().map(|c| &c.id));
                    let hint = near.map_or_else(String::new, |n| format!("; может быть, «{n}»?"));
                    self.wrong(&format!("{path}.{name}"), format!("такого столбца нет{hint}"));
                }
            }
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

    fn required(&mut self, form: &Form, answers: &Values) {
        let holds =
            |formula: &Formula, scope: &Values| formula.holds(scope).ok().flatten() == Some(true);
        for field in &form.fields {
            let needed = match &field.required {
                Required::Always => true,
                Required::Optional => false,
                Required::When(formula) => holds(formula, answers),
            };
            match (&field.kind, answers.get(&field.id)) {
                (FieldKind::Table(table), Some(Value::Array(rows))) => {
                    for (row, number) in rows.iter().zip(self.numbers_of(&field.id)) {
                        let blank = row
                            .as_object()
                            .is_some_and(|row| row.keys().all(|column| column == "row"));
                        let scope = with_row(answers, row);
                        for column in &table.columns {
                            let asked = match &column.required {
                                // Where the table itself is always asked, this was told already.
                                Required::Always => {
                                    blank && needed && matches!(field.required, Required::When(_))
                                }
                                Required::Optional => false,
                                Required::When(formula) => holds(formula, &scope),
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

    fn rules(&mut self, form: &Form, answers: &Values) {
        for rule in &form.rules {
            match &rule.each {
                None => self.rule(&rule.check, answers, &rule.at, &rule.message),
                Some(table) => {
                    let rows = answers.get(table).and_then(Value::as_array);
                    let rows = rows.into_iter().flatten();
                    for (row, number) in rows.zip(self.numbers_of(table)) {
                        let scope = with_row(answers, row);
                        let path = format!("{table}[{number}].{}", rule.at);
                        self.rule(&rule.check, &scope, &path, &rule.message);
                    }
                }
            }
        }
    }

    fn rule(&mut self, check: &Formula, scope: &Values, path: &str, message: &str) {
        match check.holds(scope) {
            Ok(Some(true) | None) => {}
            Ok(Some(false)) => self.wrong(path, message),
            Err(e) => self.wrong(path, format!("{message} ({e})")),
        }
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

/// What a formula over the rows of a table sees.
fn with_row(answers: &Values, row: &Value) -> Values {
    let mut scope = answers.clone();
    scope.insert("row".into(), row.clone());
    scope
}

fn number(raw: &Value) -> Result<f64, String> {
    let number = match raw {
        Value::Number(n) => n.as_f64(),
        Value::String(s) if s.len() <= 64 => {
            let plain: String = s
                .trim()
                .chars()
                .filter(|c| !matches!(c, ' ' | '\u{a0}' | '\u{202f}'))
                .map(|c| match c {
                    ',' => '.',
                    '−' => '-',
                    c => c,
                })
                .collect();
            // Not everything that parses as a float is a number that people write.
            let written = plain.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'-');
            plain.parse().ok().filter(|_| written)
        }
        _ => None,
    };
    number
        .filter(|n: &f64| n.is_finite() && n.abs() < 1e15)
        .ok_or_else(|| "нужно число, например 12,5".to_owned())
}

fn integer(raw: &Value) -> Result<f64, String> {
    number(raw).ok().filter(|n| n.fract() == 0.0).ok_or_else(|| "нужно целое число".to_owned())
}

fn within(n: f64, range: Range) -> Result<Value, String> {
    let show = |n: f64| russian::number(n, if n.fract() == 0.0 { 0 } else { 2 });
    match range {
        Range { min: Some(min), max: Some(max) } if n < min || n > max => {
            Err(format!("от {} до {}", show(min), show(max)))
        }
        Range { min: Some(min), .. } if n < min => Err(format!("не меньше {}", show(min))),
        Range { max: Some(max), .. } if n > max => Err(format!("не больше {}", show(max))),
        _ if n.fract() == 0.0 => Ok(Value::from(n as i64)),
        _ => Ok(Value::from(n)),
    }
}

fn text(raw: &Value, longest: usize, lines: bool) -> Result<Value, String> {
    let Value::String(s) = raw else { return Err("нужен текст".into()) };
    let s = s.trim().replace("\r\n", "\n");
    if s.chars().count() > longest {
        return Err(format!("не длиннее {longest} знаков"));
    }
    if s.chars().any(|c| c.is_control() && !(lines && matches!(c, '\n' | '\t'))) {
        return Err("уберите переводы строк и непечатные знаки".into());
    }
    Ok(Value::String(s))
}

fn date(raw: &Value) -> Result<Value, String> {
    let parsed = raw.as_str().map(str::trim).and_then(|s| {
        s.parse::<Date>().ok().filter(|_| s.len() == 10).or_else(|| {
            let mut parts = s.split('.').map(|p| p.parse::<i16>().ok());
            let (day, month, year) = (parts.next()??, parts.next()??, parts.next()??);
            let rest = parts.next();
            let (month, day) = (i8::try_from(month).ok()?, i8::try_from(day).ok()?);
            Date::new(year, month, day).ok().filter(|_| rest.is_none())
        })
    });
    parsed
        .filter(|d| (1900..=2200).contains(&d.year()))
        .map(|d| Value::String(d.to_string()))
        .ok_or_else(|| "нужна дата, например 15.09.2027".into())
}

fn yes_no(raw: &Value) -> Result<Value, String> {
    let yes = match raw {
        Value::Bool(b) => Some(*b),
        Value::String(s) => match s.trim().to_lowercase().as_str() {
            "yes" | "да" => Some(true),
            "no" | "нет" => Some(false),
            _ => None,
        },
        _ => None,
    };
    yes.map(|yes| Value::from(if yes { "yes" } else { "no" }))
        .ok_or_else(|| "выберите «да» или «нет»".into())
}

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
        (FieldKind::YesNo, Value::String(s)) => if s == "yes" { "да" } else { "нет" }.into(),
        (FieldKind::Choice(options), value) => label(options, value),
        (FieldKind::Choices(options), Value::Array(list)) => {
            list.iter().map(|v| label(options, v)).collect::<Vec<_>>().join(", ")
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

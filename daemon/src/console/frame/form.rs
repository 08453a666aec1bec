//! A form as a page shows it: every control with its name, what stands in it and what is wrong
//! with it. Names are those of the check's errors: `participants`, `procedures[2].marks_2`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use vekha_roadmap::answers::{self, EXPLANATIONS, FieldError, Values, questioned};
use vekha_roadmap::model::{Choice, Field, FieldKind, Form, Range, Required, Rows, Scores, Table};
use vekha_roadmap::period::Period;
use vekha_roadmap::russian;

/// Rows that a free table shows at least.
const FEWEST_ROWS: usize = 3;

/// Most options that stand side by side as radio buttons.
const MOST_RADIOS: usize = 7;

/// What stands in the form.
#[derive(Debug, Default)]
pub struct Filled {
    /// Answers, typed or raw.
    pub values: Values,
    /// What is wrong with them.
    pub errors: Vec<FieldError>,
    /// Rows that each free table shows, where more are wanted than there are answers.
    pub rows: BTreeMap<String, usize>,
    /// What was answered in the period before.
    pub earlier: Values,
    /// Within which some days must lie: it is told beside them.
    pub period: Option<Period>,
    /// What tells this form's elements from those of other forms on the page; empty where it is
    /// alone.
    pub prefix: String,
    /// What another person has in a field, in words, where it differs.
    pub others: BTreeMap<String, String>,
    /// The errors by field: a form may have thousands of fields, and each asks.
    pub(crate) wrong: OnceLock<BTreeMap<String, String>>,
}

impl Filled {
    fn wrong(&self, name: &str) -> String {
        let by_field = self.wrong.get_or_init(|| {
            let mut by_field: BTreeMap<String, String> = BTreeMap::new();
            for error in &self.errors {
                let told = by_field.entry(error.field.clone()).or_default();
                if !told.is_empty() {
                    told.push_str("; ");
                }
                told.push_str(&error.message);
            }
            by_field
        });
        by_field.get(name).cloned().unwrap_or_default()
    }

    /// What the person has explained about an answer.
    fn explanation(&self, name: &str) -> String {
        let said = self.values.get(EXPLANATIONS).and_then(|said| said.get(name));
        said.and_then(Value::as_str).unwrap_or_default().to_owned()
    }
}

/// One question, under its section's heading where that begins.
#[derive(Debug, Serialize)]
pub struct Question {
    pub(crate) section: String,
    pub(crate) control: Control,
    pub(crate) table: Option<Grid>,
    /// A control for each score of a histogram.
    pub(crate) scores: Vec<Control>,
}

/// Something that can be filled in.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Control {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) help: String,
    pub(crate) unit: String,
    pub(crate) kind: Cow<'static, str>,
    /// Must be answered.
    pub(crate) required: bool,
    /// Must be answered under a condition.
    pub(crate) conditional: bool,
    pub(crate) value: String,
    pub(crate) options: Vec<Offered>,
    /// The answer of the period before, in words.
    pub(crate) earlier: String,
    pub(crate) error: String,
    /// What another person has there; empty if the same.
    pub(crate) other: String,
    /// Name of the file that was kept; its description stands in `value`.
    pub(crate) file: String,
    /// Endings that a file may have.
    pub(crate) accept: String,
    /// What is asked about the answer; empty if nothing.
    pub(crate) question: String,
    /// What was said to that; a place for it is shown where either is not empty.
    pub(crate) explanation: String,
}

impl Control {
    /// Lines that a long text is shown in.
    pub(crate) fn lines(&self) -> usize {
        self.value.lines().count().clamp(5, 25)
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Offered {
    pub(crate) value: String,
    pub(crate) label: String,
    pub(crate) chosen: bool,
}

/// Rows of controls.
#[derive(Debug, Serialize, Deserialize)]
pub struct Grid {
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Row>,
    /// Rows may be added.
    pub(crate) free: bool,
    /// More rows than there are may be added.
    pub(crate) more: bool,
    pub(crate) most: usize,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Column {
    pub(crate) label: String,
    pub(crate) help: String,
    pub(crate) unit: String,
    pub(crate) required: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) number: usize,
    /// The given heading; empty in free tables.
    pub(crate) heading: String,
    pub(crate) cells: Vec<Control>,
}

impl Row {
    /// What a cell is about, for those who do not see the table.
    pub(crate) fn label(&self, cell: &Control) -> String {
        match self.heading.as_str() {
            "" => format!("{}, строка {}", cell.label, self.number),
            heading => format!("{}, {heading}", cell.label),
        }
    }
}

/// The questions of a form, in order.
pub fn questions(form: &Form, filled: &Filled) -> Vec<Question> {
    let mut section = "";
    let mut questions = Vec::new();
    for field in &form.fields {
        let begins = field.section != section;
        section = &field.section;
        let value = filled.values.get(&field.id).unwrap_or(&Value::Null);
        questions.push(Question {
            section: if begins { field.section.clone() } else { String::new() },
            control: Control {
                earlier: before(field, filled.earlier.get(&field.id)),
                ..control(field, &field.id, value, filled, MOST_RADIOS)
            },
            table: match &field.kind {
                FieldKind::Table(table) => Some(grid(field, table, value, filled)),
                _ => None,
            },
            scores: match &field.kind {
                FieldKind::Histogram(scores) => counts(field, *scores, value, filled),
                _ => vec![],
            },
        });
    }
    questions
}

fn counts(field: &Field, scores: Scores, value: &Value, filled: &Filled) -> Vec<Control> {
    let count = Field {
        kind: FieldKind::Integer(Range::default()),
        help: String::new(),
        unit: String::new(),
        required: Required::Optional,
        ..field.clone()
    };
    let score = |(number, score): (usize, i64)| {
        let count = Field { label: score.to_string(), ..count.clone() };
        let given = value.get(number).unwrap_or(&Value::Null);
        // Nought is the rule: an empty place is quicker to read.
        let given = if given.as_i64() == Some(0) { &Value::Null } else { given };
        control(&count, &format!("{}[{number}]", field.id), given, filled, 0)
    };
    scores.all().enumerate().map(score).collect()
}

fn grid(field: &Field, table: &Table, value: &Value, filled: &Filled) -> Grid {
    let answered = value.as_array().map(Vec::as_slice).unwrap_or_default();
    let (headings, count, most) = match &table.rows {
        Rows::Fixed(headings) => (headings.as_slice(), headings.len(), headings.len()),
        Rows::Free { min, max } => {
            let wanted = filled.rows.get(&field.id).copied().unwrap_or(0);
            let count = wanted.max(*min).max(FEWEST_ROWS).min(*max).max(answered.len());
            (&[][..], count, *max)
        }
    };
    let free = headings.is_empty();
    let before_rows = filled.earlier.get(&field.id).and_then(Value::as_array);
    // Rows of a free table are no one's in particular: only given rows have a past.
    let same_row = |heading: &str| {
        let mut rows = before_rows.into_iter().flatten();
        rows.find(|row| !free && row["row"].as_str() == Some(heading))
    };
    let row = |number: usize| {
        let heading = headings.get(number).cloned().unwrap_or_default();
        let row_before = same_row(&heading);
        let answered = answered.get(number).unwrap_or(&Value::Null);
        let cells = table.columns.iter().map(|column| {
            let name = format!("{}[{number}].{}", field.id, column.id);
            let value = answered.get(&column.id).unwrap_or(&Value::Null);
            Control {
                earlier: before(column, row_before.and_then(|row| row.get(&column.id))),
                ..control(column, &name, value, filled, 0)
            }
        });
        Row { number: number + 1, heading, cells: cells.collect() }
    };
    Grid {
        columns: table
            .columns
            .iter()
            .map(|c| Column {
                label: c.label.clone(),
                help: help(c, filled.period),
                unit: unit(c),
                required: matches!(c.required, Required::Always),
            })
            .collect(),
        rows: (0..count).map(row).collect(),
        free,
        more: free && count < most,
        most,
    }
}

/// `radios` is the most options that are not folded into a list.
fn control(field: &Field, name: &str, value: &Value, filled: &Filled, radios: usize) -> Control {
    let yes_no = [("yes", "да"), ("no", "нет")]
        .map(|(value, label)| Choice { value: value.into(), label: label.into() });
    let (options, kind): (&[Choice], _) = match &field.kind {
        FieldKind::Integer(_) => (&[], "integer"),
        FieldKind::Decimal(_) | FieldKind::Percent(_) => (&[], "decimal"),
        FieldKind::Text { .. } => (&[], "text"),
        FieldKind::LongText { .. } => (&[], "long-text"),
        FieldKind::Date => (&[], "date"),
        FieldKind::Choice(options) if options.len() <= radios => (options, "radio"),
        FieldKind::Choice(options) => (options, "select"),
        FieldKind::Choices(options) => (options, "checkboxes"),
        FieldKind::YesNo if radios > 0 => (&yes_no, "radio"),
        FieldKind::YesNo => (&yes_no, "select"),
        FieldKind::Table(_) => (&[], "table"),
        FieldKind::Histogram(_) => (&[], "histogram"),
        FieldKind::File(_) => (&[], "file"),
    };
    let shown = shown(value);
    let file = match &field.kind {
        FieldKind::File(_) if value.is_object() => value["name"].as_str().unwrap_or_default(),
        _ => "",
    };
    let chosen = |option: &str| match value {
        Value::Array(list) => list.iter().any(|v| v.as_str() == Some(option)),
        _ => shown == option,
    };
    let mut offered: Vec<Offered> = options
        .iter()
        .map(|o| Offered {
            value: o.value.clone(),
            label: o.label.clone(),
            chosen: chosen(&o.value),
        })
        .collect();
    // A radio button that was pressed cannot be released: who need not answer can say so.
    if kind == "radio" && !matches!(field.required, Required::Always) {
        let chosen = shown.is_empty();
        offered.push(Offered { value: String::new(), label: "не указано".into(), chosen });
    }
    let iso = shown.is_empty() || shown.parse::<jiff::civil::Date>().is_ok();
    Control {
        id: dom_id(&filled.prefix, name),
        name: name.to_owned(),
        label: field.label.clone(),
        help: help(field, filled.period),
        unit: unit(field),
        // A browser's own date field would drop what it cannot read.
        kind: if kind == "date" && !iso { "text" } else { kind }.into(),
        required: matches!(field.required, Required::Always),
        conditional: matches!(field.required, Required::When(_)),
        value: shown,
        options: offered,
        earlier: String::new(),
        file: file.to_owned(),
        accept: match &field.kind {
            FieldKind::File(rule) => format!(".{}", rule.endings.join(",.")),
            _ => String::new(),
        },
        error: filled.wrong(name),
        other: filled.others.get(name).cloned().unwrap_or_default(),
        question: filled.wrong(&format!("{EXPLANATIONS}.{name}")),
        explanation: filled.explanation(name),
    }
}

/// An earlier answer as people read it; texts are too long to be compared with.
fn before(field: &Field, value: Option<&Value>) -> String {
    match (&field.kind, value) {
        (
            FieldKind::Table(_)
            | FieldKind::Histogram(_)
            | FieldKind::File(_)
            | FieldKind::LongText { .. },
            _,
        )
        | (_, None) => String::new(),
        (_, Some(value)) => answers::display(field, value),
    }
}

/// An answer as a person would type it.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string().replace('.', ","),
        // A file that was kept, as the page gives it back.
        Value::Object(_) => value.to_string(),
        _ => String::new(),
    }
}

fn unit(field: &Field) -> String {
    match field.kind {
        FieldKind::Percent(_) if field.unit.is_empty() => "%".to_owned(),
        _ => field.unit.clone(),
    }
}

/// The definition's help, or else the bounds within which an answer must be.
fn help(field: &Field, period: Option<Period>) -> String {
    let number = |n: f64| russian::number(n, if n.fract() == 0.0 { 0 } else { 2 });
    let bounds = match &field.kind {
        // A bound beyond that only keeps slips of the pen out.
        FieldKind::Integer(Range { min: Some(min), max: Some(max) })
        | FieldKind::Decimal(Range { min: Some(min), max: Some(max) })
            if *max <= 100.0 =>
        {
            format!("от {} до {}", number(*min), number(*max))
        }
        FieldKind::File(rule) => {
            format!(".{}, до {} МБ", rule.endings.join(", ."), rule.max_bytes >> 20)
        }
        FieldKind::Date if field.within_period => period.map_or_else(String::new, |period| {
            let day = |day: jiff::civil::Date| day.strftime("%d.%m.%Y").to_string();
            format!("с {} по {}", day(period.first_day()), day(period.last_day()))
        }),
        FieldKind::LongText { max_length } => {
            let noun = russian::plural(*max_length as i64, "знака", "знаков", "знаков");
            format!("до {max_length} {noun}")
        }
        _ => String::new(),
    };
    match (field.help.as_str(), bounds.as_str()) {
        ("", _) => bounds,
        (help, "") => help.to_owned(),
        (help, bounds) => format!("{} ({bounds})", help.trim_end_matches('.')),
    }
}

/// The id of the element that a name's control has.
pub(crate) fn dom_id(prefix: &str, name: &str) -> String {
    let plain = name.replace("].", "-").replace('[', "-");
    format!("f-{prefix}{}", plain.trim_end_matches(']'))
}

/// A mistake for the summary above the form.
#[derive(Debug, Serialize)]
pub struct Mistake {
    /// Id of the element that is to be mended; empty if the page has none.
    id: String,
    /// Where.
    at: String,
    /// What.
    message: String,
}

/// Most mistakes that the summary tells one by one; all are told at their fields.
const MOST_TOLD: usize = 200;

/// All mistakes, in words that say where they are.
pub fn mistakes(form: &Form, filled: &Filled) -> Vec<Mistake> {
    let more = filled.errors.len().saturating_sub(MOST_TOLD);
    let rest = (more > 0).then(|| Mistake {
        id: String::new(),
        at: "Ещё ошибок".to_owned(),
        message: format!("{more}; каждая отмечена у своего поля"),
    });
    filled
        .errors
        .iter()
        .take(MOST_TOLD)
        .map(|error| {
            let asked = questioned(&error.field);
            let path = asked.unwrap_or(&error.field);
            let at = answers::whereabouts(form, path);
            let place = if asked.is_some() { "-why" } else { "" };
            let id = || format!("{}{place}", dom_id(&filled.prefix, path));
            Mistake {
                id: at.as_ref().map_or_else(String::new, |_| id()),
                at: at.unwrap_or_else(|| error.field.clone()),
                message: error.message.clone(),
            }
        })
        .chain(rest)
        .collect()
}

//! What is asked: fields, tables and the rules of answers.

use std::collections::BTreeMap;

use super::Grouping;
use crate::formula::Formula;

/// What an assignment asks for.
#[derive(Debug, Clone, Default)]
pub struct Form {
    /// Id: the file's name without its ending.
    pub id: String,
    /// Heading.
    pub title: String,
    /// What it is about, above the first field.
    pub intro: String,
    /// The fields, in order.
    pub fields: Vec<Field>,
    /// Named numbers that formulas see as `threshold.name`.
    pub thresholds: BTreeMap<String, f64>,
    /// The form that the department has answered before in the same run: formulas see that answer as
    /// `department`.
    pub department: Option<String>,
    /// Conditions across fields.
    pub rules: Vec<FormRule>,
}

impl Form {
    /// The field with this id.
    pub fn field(&self, id: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.id == id)
    }

    /// The fields that are answered with a file.
    pub fn files(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|field| matches!(field.kind, FieldKind::File(_)))
    }

    /// Whether answers are held against those of the period before.
    pub fn compares(&self) -> bool {
        let compared = |field: &Field| match &field.kind {
            FieldKind::Table(table) => table.columns.iter().any(|column| column.jump.is_some()),
            _ => field.jump.is_some(),
        };
        self.fields.iter().any(compared)
    }
}

/// One question of a form.
#[derive(Debug, Clone)]
pub struct Field {
    /// Latin id with underscores: also its name in formulas.
    pub id: String,
    /// The question.
    pub label: String,
    /// How to answer it; may be empty.
    pub help: String,
    /// Heading under which it stands; may be empty.
    pub section: String,
    /// Unit, for people: «чел.».
    pub unit: String,
    /// What is answered.
    pub kind: FieldKind,
    /// Whether an answer must be given.
    pub required: Required,
    /// Change of a number against the period before, in per cent, beyond which it must be
    /// explained.
    pub jump: Option<f64>,
    /// A day must lie within the run's period.
    pub within_period: bool,
    /// A class's letter: the column with its grade, which people write once more before it («5А»).
    pub letter_of: Option<String>,
}

/// When an answer must be given.
#[derive(Debug, Clone)]
pub enum Required {
    /// Always.
    Always,
    /// Never.
    Optional,
    /// When the formula over the other fields holds.
    When(Formula),
}

/// The type of an answer.
#[derive(Debug, Clone)]
pub enum FieldKind {
    /// A whole number.
    Integer(Range),
    /// A number with a decimal comma.
    Decimal(Range),
    /// A share in per cent, 0 to 100 unless narrowed.
    Percent(Range),
    /// One line.
    Text {
        /// Longest answer, in characters.
        max_length: usize,
    },
    /// Several lines.
    LongText {
        /// Longest answer, in characters.
        max_length: usize,
    },
    /// A day.
    Date,
    /// One of the options.
    Choice(Vec<Choice>),
    /// Any number of the options.
    Choices(Vec<Choice>),
    /// Yes or no.
    YesNo,
    /// How many got each score.
    Histogram(Scores),
    /// A file.
    File(FileRule),
    /// Rows of the same columns.
    Table(Table),
}

/// What a file may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRule {
    /// Endings of its name, lower case, without the dot.
    pub endings: Vec<String>,
    /// Most bytes.
    pub max_bytes: u64,
}

/// Documents, tables and pictures, of 10 MB at most.
impl Default for FileRule {
    fn default() -> Self {
        let endings = ["pdf", "docx", "odt", "xlsx", "ods", "jpg", "png"];
        FileRule { endings: endings.map(str::to_owned).to_vec(), max_bytes: 10 << 20 }
    }
}

/// The scores of a histogram, both ends inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scores {
    /// Lowest score.
    pub from: i64,
    /// Highest score.
    pub to: i64,
}

impl Scores {
    /// Every score, ascending.
    pub fn all(self) -> impl Iterator<Item = i64> {
        self.from..=self.to
    }

    /// How many there are.
    pub fn count(self) -> usize {
        usize::try_from(self.to - self.from + 1).unwrap_or_default()
    }
}

/// Bounds of a number, both inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Range {
    /// Smallest value.
    pub min: Option<f64>,
    /// Largest value.
    pub max: Option<f64>,
}

/// One answer of a choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// What is stored and compared in formulas.
    pub value: String,
    /// What people read.
    pub label: String,
}

/// Rows of the same columns.
#[derive(Debug, Clone)]
pub struct Table {
    /// Columns; never tables themselves.
    pub columns: Vec<Field>,
    /// Which rows there are.
    pub rows: Rows,
}

/// The rows of a table field.
#[derive(Debug, Clone)]
pub enum Rows {
    /// Exactly these, by heading; formulas see the heading as `row`.
    Fixed(Vec<String>),
    /// As many as are needed, within bounds.
    Free {
        /// Fewest rows.
        min: usize,
        /// Most rows.
        max: usize,
    },
}

/// A condition across fields.
#[derive(Debug, Clone)]
pub struct FormRule {
    /// Must be true. With `each`, evaluated per row, whose columns stand under `row`.
    pub check: Formula,
    /// Table field over whose rows the rule runs.
    pub each: Option<String>,
    /// With `each`: it runs over the groups of these rows, each under `row`; the message is then a
    /// template that names them.
    pub groups: Option<RuleGroups>,
    /// Field at which the message is shown (a column id when `each` is set).
    pub at: String,
    /// What to tell the person.
    pub message: String,
    /// Who breaks it is not refused but asked for an explanation, which is kept.
    pub soft: bool,
}

/// A rule over groups of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleGroups {
    /// Which rows belong together.
    pub grouping: Grouping,
    /// Template of one of a group's rows, as the message names it under `members`; none if it does
    /// not.
    pub member: Option<String>,
}

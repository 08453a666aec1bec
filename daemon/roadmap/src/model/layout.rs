//! How another system's file is read into a form: which cells are which answers, and what is counted.

use std::collections::{BTreeMap, BTreeSet};

use super::Field;
use crate::formula::{Formula, Scope, Type};
use crate::pattern::Pattern;

/// A kind of file that another system gives out, and the form that it fills.
///
/// A file is read row by row. A *line* stands alone and says something of all that follows: what work
/// it is, whose rows these are. Under headings stand *rows*: of pupils, who are counted and
/// forgotten, or of figures that were counted already. What a row says and what the lines above it
/// said are *values* under names; formulas count by them.
#[derive(Debug, Clone)]
pub struct Layout {
    /// Id: the file's name without its ending.
    pub id: String,
    /// What people call the file.
    pub title: String,
    /// What is known of such files, and from where; may be empty.
    pub about: String,
    /// The form that it fills.
    pub form: String,
    /// Sheets that are read; all if there are none.
    pub sheets: Vec<Pattern>,
    /// What stands alone above rows.
    pub lines: Vec<Line>,
    /// What stands under headings.
    pub columns: Vec<LayoutColumn>,
    /// What rows are about, where they are told apart by a label.
    pub groups: Option<Groups>,
    /// Which values name the organisation.
    pub organisation: Recognition,
    /// The value that is the year of the work; another than the run's is not taken.
    pub year: Option<String>,
    /// The value that is how many rows an organisation has, as the file announces it.
    pub announced: Option<String>,
    /// Values that every row has, whatever the file says: by name.
    pub always: BTreeMap<String, String>,
    /// What the file's words are in the form's: by value, by the word in [`plain`] form.
    ///
    /// [`plain`]: crate::pattern::plain
    pub words: BTreeMap<String, BTreeMap<String, String>>,
    /// Rows that are left out.
    pub skips: Vec<Skip>,
    /// Where marks begin.
    pub borders: Vec<Border>,
    /// What is made of the rows.
    pub tables: Vec<Target>,
}

/// What stands alone in a row.
#[derive(Debug, Clone)]
pub struct Line {
    /// How it looks, in any of several wordings.
    pub patterns: Vec<Pattern>,
    /// Whether something new begins with it: what the lines above said is forgotten.
    pub begins: bool,
}

/// What stands under a heading.
#[derive(Debug, Clone)]
pub struct LayoutColumn {
    /// The name of its value.
    pub id: String,
    /// Its heading, in any of several wordings; gaps in it are values, too.
    pub headings: Vec<Pattern>,
    /// Whether a number stands there.
    pub number: bool,
    /// Whether rows stand only where it is.
    pub required: bool,
    /// Whether there are many of them, told apart by what their headings say.
    pub many: bool,
    /// Signs that mean that nothing is there, in plain form.
    pub nothing: BTreeSet<String>,
    /// What stands between headings and rows, once for each of many columns.
    pub below: Option<Below>,
}

/// What a row right below the headings says of columns.
#[derive(Debug, Clone)]
pub struct Below {
    /// The name of the value.
    pub id: String,
    /// What may stand there, in plain form, and what it is called.
    pub words: BTreeMap<String, String>,
}

/// Rows that are told apart by a label: an organisation's, a part of them, all of the region's.
#[derive(Debug, Clone)]
pub struct Groups {
    /// The column of the label.
    pub column: String,
    /// How an organisation looks there.
    pub organisations: Vec<Pattern>,
    /// Rows that belong to the label above: the value `part` of each is its name.
    pub parts: Vec<Named>,
    /// Rows of more than one organisation, kept beside for comparison.
    pub levels: Vec<Named>,
}

/// A name, and how a label of it looks.
#[derive(Debug, Clone)]
pub struct Named {
    /// The name: a word of formulas, or for people.
    pub name: String,
    /// The wordings.
    pub patterns: Vec<Pattern>,
}

/// By which values an organisation is known; the first that knows it decides.
#[derive(Debug, Clone, Default)]
pub struct Recognition {
    /// Its login in the exporting system.
    pub login: Option<String>,
    /// Its name.
    pub name: Option<String>,
}

/// Rows that are left out, and why.
#[derive(Debug, Clone)]
pub struct Skip {
    /// Which.
    pub when: Formula,
    /// Why, for people.
    pub reason: String,
}

/// The lowest value of a column at which a condition begins to hold, such as the score from which a
/// mark is given. Found in all that was read of the same work, or given.
#[derive(Debug, Clone)]
pub struct Border {
    /// Its name in formulas.
    pub id: String,
    /// What it is, for people.
    pub title: String,
    /// The value that is looked at.
    pub of: String,
    /// What holds from there on.
    pub when: Formula,
    /// The values that make it another one.
    pub per: Vec<String>,
    /// Borders that are known.
    pub given: Vec<Given>,
}

/// A border that is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Given {
    /// For these values of [`Border::per`], in their order, in plain form.
    pub values: Vec<String>,
    /// It is this.
    pub border: f64,
}

/// An answer of the form, and what it is made of.
#[derive(Debug, Clone)]
pub struct Target {
    /// The form's field.
    pub field: String,
    /// The column of which there are many whose values are gone through one by one.
    pub each: Option<String>,
    /// Columns of the form's table that tell its rows apart, and the values that stand there.
    pub key: Vec<(String, String)>,
    /// What is counted: by columns of the table, or the field itself under its own id.
    pub measures: Vec<Measure>,
}

/// What is counted.
#[derive(Debug, Clone)]
pub struct Measure {
    /// The column of the form's table, or the field.
    pub id: String,
    /// Of which rows; all if it does not say.
    pub when: Option<Formula>,
    /// What each of them yields; if it does not say, they are counted.
    pub value: Option<Formula>,
    /// What is made of what they yield.
    pub take: Take,
}

/// What is made of many numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// Their sum.
    Sum,
    /// The largest.
    Largest,
    /// The mean.
    Mean,
}

/// The name under which the score of a histogram stands in a target's key.
pub const SCORE: &str = "score";

/// The name under which a row's part stands in formulas.
pub const PART: &str = "part";

impl Layout {
    /// The values that rows have, with their types; `each` is the column whose many values are gone
    /// through.
    pub fn values(&self, each: Option<&str>) -> Scope {
        let mut scope = Scope::new();
        let kind = |number: bool| if number { Type::Number } else { Type::Text };
        let mut gaps = |patterns: &[Pattern]| {
            for (name, number) in patterns.iter().flat_map(Pattern::names) {
                scope.insert(name.to_owned(), kind(number));
            }
        };
        self.lines.iter().for_each(|line| gaps(&line.patterns));
        if let Some(groups) = &self.groups {
            gaps(&groups.organisations);
        }
        let shown = |column: &&LayoutColumn| !column.many || Some(column.id.as_str()) == each;
        for column in self.columns.iter().filter(shown) {
            gaps(&column.headings);
        }
        for column in self.columns.iter().filter(shown) {
            scope.insert(column.id.clone(), kind(column.number));
            if let Some(below) = &column.below {
                scope.insert(below.id.clone(), Type::Text);
            }
        }
        if self.groups.as_ref().is_some_and(|groups| !groups.parts.is_empty()) {
            scope.insert(PART.to_owned(), Type::Text);
        }
        scope.extend(self.always.keys().map(|name| (name.clone(), Type::Text)));
        // What is translated may be any word of the form's.
        for value in self.words.keys() {
            scope.entry(value.clone()).and_modify(|kind| *kind = Type::Text);
        }
        scope
    }

    /// The same with the borders, which measures see.
    pub fn measured(&self, each: Option<&str>) -> Scope {
        let mut scope = self.values(each);
        scope.extend(self.borders.iter().map(|border| (border.id.clone(), Type::Number)));
        scope
    }

    /// The column of this name.
    pub fn column(&self, id: &str) -> Option<&LayoutColumn> {
        self.columns.iter().find(|column| column.id == id)
    }
}

impl Target {
    /// The columns of the form's field that it fills, or the field itself.
    pub fn fields<'f>(&self, form: &'f super::Form) -> Option<&'f [Field]> {
        let field = form.field(&self.field)?;
        Some(match &field.kind {
            super::FieldKind::Table(table) => &table.columns,
            _ => std::slice::from_ref(field),
        })
    }
}

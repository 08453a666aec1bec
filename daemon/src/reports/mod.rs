//! Reports on analyses: what was computed, as people read it, on a page, in a spreadsheet and as an
//! official note.
//!
//! A [`Report`] is made of what the store holds and knows nothing of where it is shown; every form
//! of it tells the same figures.

mod advice;
mod analysis;
mod book;
mod chapter;
pub mod chart;
mod clauses;
mod contents;
mod decision;
mod document;
mod markup;
mod matrix;
mod note;
mod values;
mod workbook;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

pub use advice::{Advice, Advised, advice, advices};
pub use analysis::{Past, report};
pub use book::{Cover, book};
pub use chapter::{Chapter, Decision, Measure};
pub use clauses::Clauses;
pub use contents::{Listed, contents};
pub use decision::{Addressee, Letterhead, decision};
pub use matrix::{Proved, matrix};
pub use note::note;
pub use values::{municipality, values};
pub use workbook::workbook;

use vekha_analysis::methods::slope;
use vekha_analysis::{Aggregate, Withheld};
use vekha_engine::RunKey;
use vekha_roadmap::model::Severity;
use vekha_roadmap::russian;

/// An analysis as people read it: of all organisations, or with one of them before the others.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Id of the stage that it is on.
    pub stage: String,
    /// Whose report it is.
    pub authority: String,
    /// The municipality's name.
    pub municipality: String,
    /// Number of the activity in the road map.
    pub number: u32,
    /// The activity, in the road map's words.
    pub activity: String,
    /// The period, in words.
    pub period: String,
    /// The day on which it was made, in words.
    pub date: String,
    /// The analysis's title.
    pub title: String,
    /// Methods and their sources.
    pub method: String,
    /// The organisation that it is about, if not all of them.
    pub whose: Option<String>,
    /// Fewer values than this are not compared.
    pub min_count: usize,
    /// Figures, in the definition's order.
    pub indicators: Vec<Indicator>,
    /// The gravest first; only the organisation's own if it is about one.
    pub findings: Vec<Finding>,
    /// What everybody may be told.
    pub public: Vec<Public>,
}

/// A figure of the municipality as a whole, for everybody.
#[derive(Debug, Clone, PartialEq)]
pub struct Public {
    /// What it measures, with its unit.
    pub heading: String,
    /// The value with its digits; why it is not told, if so.
    pub told: Result<String, &'static str>,
}

/// One indicator.
#[derive(Debug, Clone, PartialEq)]
pub struct Indicator {
    /// What it measures.
    pub title: String,
    /// Its unit, for people.
    pub unit: String,
    /// Digits after the comma.
    pub decimals: u8,
    /// Organisations with a value: by place, or by value where there are no places.
    pub rows: Vec<Row>,
    /// Over the municipality; none where there are too few values to compare: of two schools the
    /// least and the largest value would be the schools.
    pub municipality: Option<Aggregate>,
    /// This period and those before it, oldest first.
    pub history: Vec<Point>,
    /// Organisations without a value, and why.
    pub withheld: Vec<(String, String)>,
}

/// An organisation's figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its code: what it is known by.
    pub code: String,
    /// Short name; with the code where another organisation has the same.
    pub organisation: String,
    /// The value.
    pub value: f64,
    /// The value of the period before.
    pub earlier: Option<f64>,
    /// Place, 1 is best.
    pub rank: Option<u32>,
    /// Lies apart from the others.
    pub apart: bool,
    /// It is the organisation that the report is about.
    pub own: bool,
}

/// A period's figures.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// The period, short.
    pub period: String,
    /// The organisation's value.
    pub own: Option<f64>,
    /// The municipality's median, where there were enough values to compare.
    pub median: Option<f64>,
}

/// What met a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Short name.
    pub organisation: String,
    /// How grave.
    pub severity: Severity,
    /// As a sentence.
    pub text: String,
    /// What goes with it, if anything.
    pub recommendation: Option<String>,
}

impl Indicator {
    /// A value with the indicator's digits and a decimal comma.
    pub fn shown(&self, value: f64) -> String {
        russian::number(value, self.decimals)
    }

    /// A mean or the like: of whole numbers it need not be whole itself.
    pub fn between(&self, value: f64) -> String {
        let whole = value.fract() == 0.0;
        russian::number(value, if whole { self.decimals } else { self.decimals.max(1) })
    }

    /// Whether the values differ at all: if not, there is nothing to draw.
    pub fn varies(&self) -> bool {
        self.rows.iter().any(|row| row.value != self.rows[0].value)
    }

    /// The title with the unit.
    pub fn heading(&self) -> String {
        heading(&self.title, &self.unit)
    }

    /// The figure of the organisation that the report is about.
    pub fn own(&self) -> Option<&Row> {
        self.rows.iter().find(|row| row.own)
    }

    /// Whether there is more than one period to show.
    pub fn has_history(&self) -> bool {
        let known = |point: &&Point| point.own.is_some() || point.median.is_some();
        self.history.iter().filter(known).count() > 1
    }

    /// Whether anything changed over the periods.
    pub fn changes(&self) -> bool {
        let differs = |of: fn(&Point) -> Option<f64>| {
            let mut values = self.history.iter().filter_map(of);
            let first = values.next();
            values.any(|value| Some(value) != first)
        };
        differs(|point| point.own) || differs(|point| point.median)
    }

    /// How it changes from period to period, in a sentence; none where there are too few of them.
    pub fn tendency(&self) -> Option<String> {
        let own: Vec<Option<f64>> = self.history.iter().map(|point| point.own).collect();
        let medians: Vec<Option<f64>> = self.history.iter().map(|point| point.median).collect();
        let (whose, slope) = match (slope(&own), slope(&medians)) {
            (Some(slope), _) => ("показатель организации", slope),
            (None, Some(slope)) => ("медиана по муниципалитету", slope),
            (None, None) => return None,
        };
        let sign = if slope > 0.0 { "+" } else { "" };
        Some(format!(
            "В среднем за период {whose} меняется на {sign}{} (медиана наклонов, Тейл и Сен).",
            self.between(slope)
        ))
    }

    /// How the values lie, in a sentence; why nothing is compared, if so.
    pub fn spread(&self, min_count: usize) -> String {
        let count = self.rows.len();
        if count == 0 {
            return "Ни у одной организации нет значения.".into();
        }
        let Some(a) = self.municipality else {
            let organisations =
                russian::plural(count as i64, "организации", "организаций", "организаций");
            return format!(
                "Значения есть у {count} {organisations} — меньше {min_count}: по столь малому числу \
                 места не определяются и сравнения не делаются."
            );
        };
        let whole = a.whole.map(|whole| self.shown(whole));
        let whole = whole.map(|whole| format!("Муниципалитет в целом — {whole}. "));
        let whole = whole.unwrap_or_default();
        if !self.varies() {
            let all = self.shown(a.median);
            return format!("{whole}У всех организаций со значением — {all}.");
        }
        format!(
            "{whole}Среднее {}, медиана {}; у половины организаций — от {} до {}, у всех — от {} до {}.",
            self.between(a.mean),
            self.between(a.median),
            self.between(a.lower_quartile),
            self.between(a.upper_quartile),
            self.shown(a.min),
            self.shown(a.max)
        )
    }
}

/// Why a figure is not told to everybody.
pub fn withheld_words(reason: Withheld) -> &'static str {
    match reason {
        Withheld::Unknown => "нет данных",
        Withheld::FewOrganisations => "мало организаций",
        Withheld::FewPeople => "за числом мало людей",
        Withheld::BySubtraction => "вместе с другими числами назвало бы малое",
    }
}

/// A title with its unit.
pub fn heading(title: &str, unit: &str) -> String {
    if unit.is_empty() { title.to_owned() } else { format!("{title}, {unit}") }
}

/// Under which name the report on a run's stage is kept as a file.
pub fn file_name(run: &RunKey, stage: &str, whose: Option<&str>, ending: &str) -> String {
    let whose = whose.map(|code| format!("-{code}")).unwrap_or_default();
    format!("{}-{}-{stage}{whose}.{ending}", run.activity, run.run_id())
}

/// Under which name a run's decision is kept as a file.
pub fn decision_file_name(run: &RunKey, number: usize) -> String {
    format!("{}-{}-decision-{number}.docx", run.activity, run.run_id())
}

/// How grave a finding is, in a word.
pub fn severity_words(severity: Severity) -> &'static str {
    match severity {
        Severity::Note => "к сведению",
        Severity::Attention => "требует внимания",
        Severity::Serious => "требует мер",
    }
}

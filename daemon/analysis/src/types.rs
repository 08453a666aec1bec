//! What goes into an analysis and what comes out of it. Serialisable: the outcome is kept with
//! the run, so that every finding can show what it rests on, years later.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use vekha_roadmap::model::{Analysis, Rule, Severity};

use crate::methods::lies_apart;
use crate::public::PublicFigure;

/// Answers of one organisation, by field id: numbers, strings, lists of strings, lists of rows.
/// A missing or `null` entry is an empty answer.
pub type Values = serde_json::Map<String, serde_json::Value>;

/// What is known of one organisation.
#[derive(Debug, Clone, Default)]
pub struct Record<'a> {
    /// What it answered. Tables of many rows are not copied where somebody else keeps them.
    pub answers: Cow<'a, Values>,
    /// What was computed from that: indicator id -> value.
    pub figures: Values,
}

impl From<Values> for Record<'_> {
    fn from(answers: Values) -> Self {
        Record { answers: Cow::Owned(answers), figures: Values::new() }
    }
}

impl<'a> From<&'a Values> for Record<'a> {
    fn from(answers: &'a Values) -> Self {
        Record { answers: Cow::Borrowed(answers), figures: Values::new() }
    }
}

/// What is known of organisations, by code.
pub type Dataset<'a> = BTreeMap<String, Record<'a>>;

/// What was computed for the period before, by indicator.
pub type Earlier<'a> = BTreeMap<&'a str, &'a BTreeMap<String, Figure>>;

/// All that an analysis may look at.
#[derive(Debug, Clone, Default)]
pub struct Inputs<'a> {
    /// The unnamed dataset.
    pub own: Dataset<'a>,
    /// Datasets with a name, by alias.
    pub named: BTreeMap<String, Dataset<'a>>,
    /// The same analysis of the period before.
    pub earlier: Earlier<'a>,
    /// The unnamed dataset of the period before: of use where formulas look at its rows.
    pub own_before: Dataset<'a>,
    /// The datasets with a name of the period before.
    pub named_before: BTreeMap<String, Dataset<'a>>,
    /// What the department has answered in the same run to the form that the analysis looks at; empty if
    /// nothing.
    pub department: Values,
    /// Who was asked and did not answer, by code: without a value, and the reason is known.
    pub silent: BTreeSet<String>,
    /// Official names, for the texts: organisation code -> name.
    pub names: BTreeMap<String, String>,
    /// What a plugin gave; none where none was asked.
    pub given: Option<Given>,
}

/// What a plugin gave of an analysis: what the definition has no formulas for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Given {
    /// Indicator id -> organisation code -> its value, or why it has none.
    pub figures: BTreeMap<String, BTreeMap<String, Result<f64, String>>>,
    /// Indicator id -> the value of the municipality as a whole.
    pub municipality: BTreeMap<String, f64>,
    /// Whom it found: rule id -> organisation code -> what the finding shows beside the figures of its
    /// rule.
    pub findings: BTreeMap<String, BTreeMap<String, Vec<Item>>>,
}

impl Given {
    /// Whether an organisation meets a rule; none where the plugin has not given a figure on which the
    /// rule rests.
    pub(crate) fn holds(&self, analysis: &Analysis, rule: &Rule, code: &str) -> Option<bool> {
        if self.findings.get(&rule.id).is_some_and(|found| found.contains_key(code)) {
            return Some(true);
        }
        let lacks = |id: &str| {
            !self.figures.get(id).is_some_and(|all| matches!(all.get(code), Some(Ok(_))))
        };
        let mut rests_on = analysis.given_indicators().filter(|one| rule.shows.contains(&one.id));
        (!rests_on.any(|one| lacks(&one.id))).then_some(false)
    }
}

/// The outcome of an analysis.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Figures by indicator, in the definition's order.
    pub indicators: Vec<IndicatorFigures>,
    /// What met a rule, by organisation code, then in the definition's order of rules.
    pub findings: Vec<Finding>,
    /// Who does not meet a rule, as far as that could be told: rule id -> organisation codes, in
    /// order. Whoever stands neither here nor among the findings lacks a value. None in outcomes that
    /// were kept before this was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unmet: Option<BTreeMap<String, Vec<String>>>,
    /// Rules of which a text could not be made, and why: rule id -> what is wrong.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unwritten: BTreeMap<String, String>,
    /// What everybody may be told, in the definition's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub public: Vec<PublicFigure>,
}

impl Outcome {
    /// Every value that was computed: organisation code, indicator id, value.
    pub fn values(&self) -> impl Iterator<Item = (&str, &str, f64)> {
        self.indicators.iter().flat_map(|figures| {
            let id = figures.indicator.as_str();
            figures.organisations.iter().map(move |(code, f)| (code.as_str(), id, f.value))
        })
    }
}

impl Outcome {
    /// The values as the analysis of the next period is given them.
    pub fn as_earlier(&self) -> Earlier<'_> {
        self.indicators.iter().map(|one| (one.indicator.as_str(), &one.organisations)).collect()
    }
}

/// One indicator over all organisations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IndicatorFigures {
    /// Indicator id.
    pub indicator: String,
    /// Value and place of each organisation that has one.
    pub organisations: BTreeMap<String, Figure>,
    /// Over the municipality; none when no organisation has a value.
    pub municipality: Option<Aggregate>,
    /// Organisation code -> why it has no value, in Russian.
    pub withheld: BTreeMap<String, String>,
}

impl IndicatorFigures {
    /// The municipality's figures, if at least so many organisations have a value. Of fewer only
    /// their number may be told: of two schools the least and the largest value are the schools.
    pub fn compared(&self, min_count: usize) -> Option<Aggregate> {
        self.municipality.filter(|a| a.count as usize >= min_count)
    }
}

/// An organisation's value of an indicator.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// The value.
    pub value: f64,
    /// Place among all that have a value, 1 is best, equal values share a place; none when the
    /// indicator has no better direction or there are fewer than `min-count` values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<u32>,
    /// The organisation's own value of the period before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier: Option<f64>,
    /// How far it lies from the municipality's median, as [`crate::methods::outlyingness`] says;
    /// none when there are fewer than `min-count` values or half of them are the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outlier: Option<f64>,
}

impl Figure {
    /// Whether it lies apart from the others.
    pub fn lies_apart(&self) -> bool {
        self.outlier.is_some_and(lies_apart)
    }
}

/// The municipality's figures of an indicator.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Aggregate {
    /// Organisations with a value.
    pub count: u32,
    /// Of the values: of numbers of participants it is all of them.
    #[serde(default)]
    pub sum: f64,
    /// Arithmetic mean.
    pub mean: f64,
    /// Median.
    pub median: f64,
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
    /// Sample standard deviation; zero for a single value.
    pub deviation: f64,
    /// A quarter of the values lie below.
    #[serde(default)]
    pub lower_quartile: f64,
    /// A quarter of the values lie above.
    #[serde(default)]
    pub upper_quartile: f64,
    /// Median of the distances to the median.
    #[serde(default)]
    pub median_deviation: f64,
    /// The value of the municipality as a whole, where a plugin says one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole: Option<f64>,
}

/// An indicator that met a rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Organisation code.
    pub organisation: String,
    /// Rule id.
    pub rule: String,
    /// How grave.
    pub severity: Severity,
    /// The finding as a sentence.
    pub text: String,
    /// The recommendation that goes with it, if the rule has one.
    pub recommendation: Option<String>,
    /// Other recommendations for the same, from which the department may choose.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<String>,
    /// The figures that it rests on, ready to be shown.
    pub figures: Vec<Item>,
}

/// A figure as people read it: numbers with a decimal comma and the definition's digits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// The indicator's title.
    pub title: String,
    /// The organisation's value.
    pub value: String,
    /// Its unit.
    pub unit: String,
    /// The municipality's mean; empty when there are too few organisations to compare.
    pub municipality_mean: String,
    /// The organisation's value of the period before; empty if unknown.
    pub earlier: String,
    /// Place, if there is one.
    pub rank: Option<u32>,
    /// Organisations with a value.
    pub count: u32,
}

/// What one organisation is recommended: its findings that carry a recommendation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recommendation {
    /// Organisation code.
    pub organisation: String,
    /// Findings with their recommendations and figures.
    pub items: Vec<Finding>,
}

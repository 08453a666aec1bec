//! What is computed of answers, and what is found in it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Audience, Grouping};
use crate::formula::Formula;

/// How datasets become indicators and findings.
#[derive(Debug, Clone)]
pub struct Analysis {
    /// Id: the file's name without its ending.
    pub id: String,
    /// Heading.
    pub title: String,
    /// Method and source, for readers of the report.
    pub method: String,
    /// Named numbers that formulas see as `threshold.name`.
    pub thresholds: BTreeMap<String, f64>,
    /// Fewest organisations with a value for comparisons to be stated.
    pub min_count: usize,
    /// Fewer people than this are not told to everybody.
    pub small_numbers: u32,
    /// The form whose answer by the department, in the same run, formulas see as `department`.
    pub department: Option<String>,
    /// Whether each answer is about the municipality as a whole, and not about an organisation.
    pub about_all: bool,
    /// Rows of tables, selected before anything is computed.
    pub rows: Vec<RowSet>,
    /// Signs of one thing, which texts list.
    pub signs: Vec<Signs>,
    /// The figures, in the order of computation: each may use those before it.
    pub indicators: Vec<Indicator>,
    /// What makes a finding.
    pub rules: Vec<Rule>,
}

impl Analysis {
    /// The names that its formulas start from.
    pub fn names(&self) -> BTreeSet<String> {
        self.formulas().flat_map(Formula::names).collect()
    }

    /// Whether a formula looks at the rows of the period before: then its answers are needed, too.
    pub fn looks_at_earlier_rows(&self) -> bool {
        let ids: BTreeSet<&str> = self.rows.iter().map(|rows| rows.id.as_str()).collect();
        self.formulas().any(|formula| !formula.fields("earlier").is_disjoint(&ids))
    }

    /// Which numbers of other organisations' rows its formulas look at.
    pub fn columns_of_others(&self) -> BTreeSet<&str> {
        self.formulas().flat_map(|formula| formula.below("others")).collect()
    }

    /// How many of its formulas begin from a name.
    pub fn formulas_by_name(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for name in self.formulas().flat_map(Formula::names) {
            *counts.entry(name).or_default() += 1;
        }
        counts
    }

    /// The indicators whose figures a plugin gives.
    pub fn given_indicators(&self) -> impl Iterator<Item = &Indicator> {
        self.indicators.iter().filter(|indicator| indicator.formula.is_none())
    }

    /// The rules by which a plugin finds.
    pub fn given_rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(|rule| rule.when.is_none())
    }

    /// Whether a plugin gives anything of it.
    pub fn needs_plugin(&self) -> bool {
        self.given_indicators().next().is_some() || self.given_rules().next().is_some()
    }

    fn formulas(&self) -> impl Iterator<Item = &Formula> {
        let counts = self.indicators.iter().filter_map(|i| Some(&i.rests_on.as_ref()?.count));
        let computed = self.indicators.iter().filter_map(|i| i.formula.as_ref()).chain(counts);
        let rows = self.rows.iter().map(|rows| &rows.formula);
        let groups = self.rows.iter().filter_map(|rows| rows.groups.as_ref());
        let of_groups = groups.flat_map(|groups| {
            groups.values.iter().map(|(_, formula)| formula).chain(&groups.when)
        });
        rows.chain(of_groups)
            .chain(computed)
            .chain(self.rules.iter().filter_map(|rule| rule.when.as_ref()))
    }
}

/// Rows of a table that formulas and texts call by one name: those that count, those that are low.
#[derive(Debug, Clone)]
pub struct RowSet {
    /// Latin id with underscores: its name in formulas and texts.
    pub id: String,
    /// Which rows: yields a list of them.
    pub formula: Formula,
    /// The set is not of these rows but of groups of them; none if it is of the rows.
    pub groups: Option<RowGroups>,
    /// Columns that say which rows of different organisations are about the same; if there are any,
    /// each row has `others`, the sums of its numbers over all other organisations.
    pub key: Vec<String>,
    /// Template of one row in texts; none if texts do not list them.
    pub text: Option<String>,
    /// So many are listed, the rest is counted.
    pub most: usize,
}

/// Rows that belong together, as a row set's rows: each has the columns by which it is grouped, its
/// values, and the rows themselves under [`ROWS`](super::ROWS).
#[derive(Debug, Clone)]
pub struct RowGroups {
    /// Which rows belong together.
    pub grouping: Grouping,
    /// Figures of a group, by the columns in which they stand: formulas that see it as `row`.
    pub values: Vec<(String, Formula)>,
    /// Which groups count, their values seen; all, if none.
    pub when: Option<Formula>,
    /// Template of one of a group's rows, as its text names it under `members`; none if it does not.
    pub member: Option<String>,
}

/// Signs that together tell of one thing: texts list those that are there and those that are unknown,
/// since what is not known is not absent.
#[derive(Debug, Clone)]
pub struct Signs {
    /// Latin id with underscores: its name in texts.
    pub id: String,
    /// The signs, in the order of listing.
    pub of: Vec<Sign>,
}

/// An indicator that says whether something is there: more than nothing, or nothing.
#[derive(Debug, Clone)]
pub struct Sign {
    /// Indicator id.
    pub indicator: String,
    /// What it is called.
    pub title: String,
}

/// A figure computed per organisation, with the municipality's aggregates.
#[derive(Debug, Clone)]
pub struct Indicator {
    /// Latin id with underscores: also its name in formulas.
    pub id: String,
    /// What it measures.
    pub title: String,
    /// Unit, for people: «%».
    pub unit: String,
    /// Digits after the comma when shown.
    pub decimals: u8,
    /// Whether more of it is better; none if neither.
    pub better: Option<Better>,
    /// How it is computed; none if a plugin gives it.
    pub formula: Option<Formula>,
    /// How many participants it takes for the value to be stated; none if any number will do.
    pub rests_on: Option<RestsOn>,
    /// Who may see it; none if the road map does not say.
    pub audience: Option<Audience>,
    /// Whether it is about people: of few of them nothing is told to everybody.
    pub people: bool,
}

impl Indicator {
    /// Whether it is a share of something.
    pub fn is_share(&self) -> bool {
        self.unit == "%"
    }
}

/// Participants that a figure rests on: of few, one child makes a third.
#[derive(Debug, Clone)]
pub struct RestsOn {
    /// How many there are.
    pub count: Formula,
    /// Of fewer nothing is stated.
    pub least: u32,
}

/// Which way is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
}

/// What makes a finding.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Id within the analysis.
    pub id: String,
    /// Condition over indicators, `municipality`, `earlier` and `threshold`; none if a plugin says who
    /// meets it.
    pub when: Option<Formula>,
    /// How grave.
    pub severity: Severity,
    /// Template of the finding's sentence.
    pub finding: String,
    /// Template of the recommendation; none if the finding asks for none.
    pub recommendation: Option<String>,
    /// Templates of other recommendations for the same finding, from which the department may choose.
    pub alternatives: Vec<String>,
    /// Indicator ids that the finding shows.
    pub shows: Vec<String>,
    /// Who may see the finding; none if the road map does not say.
    pub audience: Option<Audience>,
}

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Needs attention.
    Attention,
    /// Needs action.
    Serious,
}

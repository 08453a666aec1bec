//! What is computed of answers, and what is found in it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

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
    /// The figures, in the order of computation: each may use those before it.
    pub indicators: Vec<Indicator>,
    /// What makes a finding.
    pub rules: Vec<Rule>,
}

impl Analysis {
    /// The names that its formulas start from.
    pub fn names(&self) -> BTreeSet<String> {
        let counts = self.indicators.iter().filter_map(|i| Some(&i.rests_on.as_ref()?.count));
        let formulas = self.indicators.iter().map(|i| &i.formula).chain(counts);
        formulas.chain(self.rules.iter().map(|rule| &rule.when)).flat_map(Formula::names).collect()
    }
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
    /// How it is computed.
    pub formula: Formula,
    /// How many participants it takes for the value to be stated; none if any number will do.
    pub rests_on: Option<RestsOn>,
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
    /// Condition over indicators, `municipality`, `earlier` and `threshold`.
    pub when: Formula,
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

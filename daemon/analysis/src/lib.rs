//! Datasets to indicators to findings to recommendations.
//!
//! Pure: an [`Inputs`] in, an [`Outcome`] out, the same for the same. It knows definitions
//! (`vekha-roadmap`) and nothing of runs, databases or clocks.

mod aggregate;
pub mod effect;
mod indicators;
pub mod methods;
pub mod parallel;
mod public;
mod rows;
mod rules;
mod texts;
mod types;

use std::collections::BTreeMap;

use vekha_roadmap::model::Analysis;

pub use public::{PublicFigure, Withheld};
pub use types::{
    Aggregate, Dataset, Earlier, Figure, Finding, Given, IndicatorFigures, Inputs, Item, Outcome,
    Recommendation, Record, Values,
};

/// So many organisations are worth a thread.
const WORTH_A_THREAD: usize = 128;

/// Computes all indicators, then looks which organisations meet which rules.
pub fn analyze(analysis: &Analysis, inputs: &Inputs<'_>) -> Outcome {
    let mut scopes = indicators::Scopes::new(analysis, inputs);
    let (indicators, public) = indicators::compute(analysis, inputs, &mut scopes);
    let judged = rules::judge(analysis, inputs, &indicators, scopes);
    let rules::Judged { findings, unmet, unwritten } = judged;
    Outcome { indicators, findings, unmet: Some(unmet), unwritten, public }
}

/// What the findings recommend, one per organisation, in the order of codes.
pub fn recommendations(outcome: &Outcome) -> Vec<Recommendation> {
    let mut all: BTreeMap<&str, Vec<Finding>> = BTreeMap::new();
    for finding in outcome.findings.iter().filter(|f| f.recommendation.is_some()) {
        all.entry(&finding.organisation).or_default().push(finding.clone());
    }
    let recommendation =
        |(code, items): (&str, _)| Recommendation { organisation: code.to_owned(), items };
    all.into_iter().map(recommendation).collect()
}

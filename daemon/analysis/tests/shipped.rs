//! The shipped analyses, as they stand in the folder `config/road-map`, against figures and findings
//! of another implementation: `reference/shipped.py`.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;

use common::{live_on, shipped};
use serde::Deserialize;
use vekha_analysis::{Dataset, Inputs, Values};

#[test]
fn nothing_is_wrong_with_them() {
    assert_eq!(shipped().analyses.len(), 19);
}

type Answers = BTreeMap<String, Values>;

/// An analysis of some years, the last of which is looked at.
#[derive(Deserialize)]
struct Case {
    analysis: String,
    /// Whether a year is datasets by name, or just one.
    named: bool,
    years: Vec<serde_json::Value>,
    /// Indicator -> organisation -> value; null where nothing may be stated.
    figures: BTreeMap<String, BTreeMap<String, Option<f64>>>,
    /// Rule -> organisations.
    findings: BTreeMap<String, Vec<String>>,
}

fn dataset(answers: Answers) -> Dataset<'static> {
    answers.into_iter().map(|(code, answers)| (code, answers.into())).collect()
}

fn inputs(year: serde_json::Value, named: bool) -> Inputs<'static> {
    if !named {
        let own = dataset(serde_json::from_value(year).unwrap());
        return Inputs { own, ..Inputs::default() };
    }
    let named: BTreeMap<String, Answers> = serde_json::from_value(year).unwrap();
    let named = named.into_iter().map(|(name, rows)| (name, dataset(rows))).collect();
    Inputs { named, ..Inputs::default() }
}

#[test]
fn they_yield_what_another_implementation_computes() {
    let road_map = shipped();
    let cases: Vec<Case> = serde_json::from_str(include_str!("reference/shipped.json")).unwrap();
    for case in cases {
        let id = &case.analysis;
        let definition = &road_map.analyses[id];
        let years = case.years.into_iter().map(|year| inputs(year, case.named));
        let outcome = live_on(definition, years);
        for (indicator, values) in &case.figures {
            let figures = outcome.indicators.iter().find(|f| f.indicator == *indicator);
            let figures = figures.unwrap_or_else(|| panic!("{id} has no {indicator}"));
            for (school, wanted) in values {
                let at = format!("{id}/{indicator}/{school}");
                match (figures.organisations.get(school), wanted) {
                    (Some(ours), Some(wanted)) => {
                        let far = (ours.value - wanted).abs();
                        assert!(far < 1e-9 * (1.0 + wanted.abs()), "{at}: {} {wanted}", ours.value);
                    }
                    (None, None) => {
                        assert!(figures.withheld.contains_key(school), "{at}: no reason is given");
                    }
                    (ours, wanted) => panic!("{at}: {ours:?}, not {wanted:?}"),
                }
            }
        }
        for (rule, schools) in &case.findings {
            assert!(definition.rules.iter().any(|r| r.id == *rule), "{id} has no {rule}");
            let met = outcome.findings.iter().filter(|f| f.rule == *rule);
            let met: Vec<&str> = met.map(|f| f.organisation.as_str()).collect();
            assert_eq!(met, *schools, "{id}/{rule}");
        }
    }
}

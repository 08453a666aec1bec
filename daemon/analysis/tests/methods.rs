//! The municipality's figures against those of another implementation: `reference/methods.py`.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;
use vekha_analysis::methods::{lies_apart, outlyingness, slope};
use vekha_analysis::{Figure, Inputs, analyze};
use vekha_roadmap::formula::Formula;
use vekha_roadmap::model::{Analysis, Indicator, Rule, Severity};

#[derive(Deserialize)]
struct Reference {
    values: Vec<f64>,
    mean: f64,
    median: f64,
    deviation: f64,
    lower_quartile: f64,
    upper_quartile: f64,
    median_deviation: f64,
    outlyingness: Option<Vec<f64>>,
}

fn near(ours: f64, theirs: f64, what: &str) {
    assert!((ours - theirs).abs() <= 1e-9 * (1.0 + theirs.abs()), "{what}: {ours} and {theirs}");
}

fn analysis(min_count: usize) -> Analysis {
    let formula = |text: &str| Formula::parse(text).unwrap();
    Analysis {
        id: "a".into(),
        title: "А".into(),
        method: String::new(),
        thresholds: BTreeMap::new(),
        min_count,
        small_numbers: 5,
        department: None,
        about_all: false,
        rows: vec![],
        signs: vec![],
        indicators: vec![Indicator {
            id: "x".into(),
            title: "Показатель".into(),
            unit: String::new(),
            decimals: 1,
            better: None,
            formula: Some(formula("answer")),
            rests_on: None,
            audience: None,
            people: true,
        }],
        rules: vec![Rule {
            id: "apart".into(),
            when: Some(formula("outlier.x > 3.5 || outlier.x < -3.5")),
            severity: Severity::Note,
            finding: "{{ x }}: у половины {{ municipality.x.lower_quartile }}–\
                      {{ municipality.x.upper_quartile }}"
                .into(),
            recommendation: None,
            alternatives: vec![],
            shows: vec![],
            audience: None,
        }],
    }
}

fn inputs(values: &[f64]) -> Inputs<'static> {
    let answer = |(n, value): (usize, &f64)| {
        (format!("o{n:03}"), json!({ "answer": value }).as_object().cloned().unwrap().into())
    };
    Inputs { own: values.iter().enumerate().map(answer).collect(), ..Inputs::default() }
}

#[test]
fn the_municipalitys_figures_are_those_that_another_implementation_computes() {
    let all: Vec<Reference> = serde_json::from_str(include_str!("reference/methods.json")).unwrap();
    assert!(all.len() > 30);
    let mut apart = 0;
    for reference in &all {
        let outcome = analyze(&analysis(1), &inputs(&reference.values));
        let figures = &outcome.indicators[0];
        let ours = figures.municipality.unwrap();
        assert_eq!(ours.count as usize, reference.values.len());
        near(ours.mean, reference.mean, "mean");
        near(ours.median, reference.median, "median");
        near(ours.deviation, reference.deviation, "deviation");
        near(ours.lower_quartile, reference.lower_quartile, "lower quartile");
        near(ours.upper_quartile, reference.upper_quartile, "upper quartile");
        near(ours.median_deviation, reference.median_deviation, "median deviation");
        let scores: Vec<Option<f64>> = figures.organisations.values().map(|f| f.outlier).collect();
        match &reference.outlyingness {
            None => assert!(scores.iter().all(Option::is_none), "nothing says what is far"),
            Some(theirs) => {
                for (ours, theirs) in scores.iter().zip(theirs) {
                    near(ours.unwrap(), *theirs, "outlyingness");
                }
                let far = theirs.iter().filter(|score| score.abs() > 3.5).count();
                assert_eq!(outcome.findings.len(), far, "a rule finds those that lie apart");
                apart += far;
            }
        }
    }
    assert!(apart > 5, "{apart}");
}

#[test]
fn among_too_few_nobody_lies_apart() {
    let values = [10.0, 11.0, 12.0, 90.0];
    let outcome = analyze(&analysis(5), &inputs(&values));
    assert!(outcome.indicators[0].organisations.values().all(|f| f.outlier.is_none()));
    assert_eq!(outcome.findings, []);
    let outcome = analyze(&analysis(4), &inputs(&values));
    // Median 11,5; distances 1,5 0,5 0,5 78,5, their median 1; 0,6745 · 78,5 = 52,9.
    assert_eq!(outcome.findings.len(), 1);
    assert_eq!(outcome.findings[0].text, "90,0: у половины 10,8–31,5");
}

#[test]
fn a_value_lies_apart_beyond_three_and_a_half_on_either_side() {
    for (score, apart) in
        [(0.0, false), (3.5, false), (-3.5, false), (3.6, true), (-3.6, true), (52.9, true)]
    {
        assert_eq!(lies_apart(score), apart, "{score}");
        let figure = Figure { value: 1.0, rank: None, earlier: None, outlier: Some(score) };
        assert_eq!(figure.lies_apart(), apart, "{score}");
        assert!(!Figure { outlier: None, ..figure }.lies_apart(), "it was not compared");
    }
    assert_eq!(outlyingness(7.0, 5.0, 0.0), None, "nothing says what is far");
    assert_eq!(outlyingness(5.0, 5.0, 0.0), None);
    assert_eq!(outlyingness(1e308, -1e308, 1e-300), None, "no number says how far");
}

/// Arguments of a statistic and what it must yield.
#[derive(Deserialize)]
struct Given {
    arguments: Vec<f64>,
    figure: f64,
}

#[derive(Deserialize)]
struct Slope {
    values: Vec<Option<f64>>,
    figure: f64,
}

#[derive(Deserialize)]
struct Spike {
    counts: Vec<f64>,
    at: usize,
    figure: f64,
}

#[derive(Deserialize)]
struct Tests {
    difference: Vec<Given>,
    shift: Vec<Given>,
    slope: Vec<Slope>,
    spike: Vec<Spike>,
    lower: Vec<Given>,
    chance: Vec<Given>,
    surplus: Vec<Given>,
    variance: Vec<Given>,
}

#[test]
fn statistics_of_formulas_are_those_of_another_implementation() {
    let tests: Tests = serde_json::from_str(include_str!("reference/tests.json")).unwrap();
    let computed = |formula: &str, values: serde_json::Value| {
        let formula = Formula::parse(formula).unwrap();
        formula.evaluate(values.as_object().unwrap()).unwrap().and_then(|v| v.as_f64())
    };
    for (name, given) in [
        ("difference", &tests.difference),
        ("shift", &tests.shift),
        ("lower", &tests.lower),
        ("chance", &tests.chance),
        ("surplus", &tests.surplus),
        ("variance", &tests.variance),
    ] {
        for Given { arguments, figure } in given {
            let text: Vec<String> = arguments.iter().map(f64::to_string).collect();
            let text = format!("{name}({})", text.join(", "));
            near(computed(&text, json!({})).unwrap(), *figure, &text);
        }
    }
    for Spike { counts, at, figure } in &tests.spike {
        // The first score of the histogram is 5.
        let values = json!({ "scores": counts, "at": at + 5 });
        near(computed("spike(scores, 5, at)", values).unwrap(), *figure, "spike");
    }
    for Slope { values, figure } in &tests.slope {
        near(slope(values).unwrap(), *figure, "slope");
    }
    // What cannot be told is not told.
    for (formula, values) in [
        ("spike(s, 0, 9)", json!({ "s": [1, 2, 3] })),
        ("spike(s, 0, 0)", json!({ "s": [1, 2, 3] })),
        ("spike(s, 0, 1.5)", json!({ "s": [1, 2, 3] })),
        ("spike(s, 0, 1)", json!({ "s": [0, 9, 0] })),
        ("difference(1, 0, 1, 2)", json!({})),
        ("difference(3, 2, 1, 2)", json!({})),
        ("difference(0, 2, 0, 2)", json!({})),
        ("shift(3, 2, 0, 5)", json!({})),
        ("shift(3, 2, 1, 1)", json!({})),
        ("shift(x, 2, 1, 9)", json!({})),
        ("lower(1, 0, 2)", json!({})),
        ("lower(3, 2, 2)", json!({})),
        ("lower(1, 2, -1)", json!({})),
        ("chance(0, 15, 30)", json!({})),
        ("chance(12, 101, 30)", json!({})),
        ("surplus(1, 0, 1, 2)", json!({})),
        ("variance(3, 2, 1, 2)", json!({})),
    ] {
        assert_eq!(computed(formula, values), None, "{formula}");
    }
    assert_eq!(slope(&[Some(1.0), None, Some(2.0)]), None);
}

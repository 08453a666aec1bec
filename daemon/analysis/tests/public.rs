//! What everybody may be told: nothing of one organisation, of no few people, and nothing from which
//! either follows.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;

use common::shipped;
use proptest::prelude::*;
use serde_json::json;
use vekha_analysis::{Inputs, Outcome, PublicFigure, Withheld, analyze};
use vekha_roadmap::formula::Formula;
use vekha_roadmap::model::{Analysis, Audience, Indicator, RestsOn};

/// Fewer are not told of.
const LEAST: i64 = 5;

fn indicator(id: &str, unit: &str, text: &str, of: Option<&str>) -> Indicator {
    let formula = |text: &str| Formula::parse(text).unwrap();
    Indicator {
        id: id.into(),
        title: id.into(),
        unit: unit.into(),
        decimals: if unit == "%" { 1 } else { 0 },
        better: None,
        formula: Some(formula(text)),
        rests_on: of.map(|of| RestsOn { count: formula(of), least: 1 }),
        audience: Some(Audience::Public),
        people: true,
    }
}

/// Pupils with low, middle and high marks: how many there are, and shares of all.
fn marks() -> Analysis {
    let share = |part: &str| format!("share({part}, low + middle + high)");
    Analysis {
        id: "a".into(),
        title: "А".into(),
        method: String::new(),
        thresholds: BTreeMap::new(),
        min_count: 5,
        small_numbers: LEAST as u32,
        department: None,
        about_all: false,
        rows: vec![],
        signs: vec![],
        indicators: vec![
            indicator("all", "чел.", "low + middle + high", None),
            indicator("low_share", "%", &share("low"), Some("all")),
            indicator("high_share", "%", &share("high"), Some("all")),
            indicator("middle_share", "%", &share("middle"), Some("all")),
            indicator("lows", "чел.", "low", Some("all")),
        ],
        rules: vec![],
    }
}

/// The outcome for schools with so many pupils of each kind.
fn outcome(analysis: &Analysis, schools: &[[i64; 3]]) -> Outcome {
    let own = schools.iter().enumerate().map(|(n, [low, middle, high])| {
        let answers = json!({ "low": low, "middle": middle, "high": high });
        (format!("school-{n}"), answers.as_object().unwrap().clone().into())
    });
    analyze(analysis, &Inputs { own: own.collect(), ..Inputs::default() })
}

fn told(outcome: &Outcome) -> Vec<(&str, Result<f64, Withheld>)> {
    let told = |one: &PublicFigure| one.value.ok_or_else(|| one.withheld.unwrap());
    outcome.public.iter().map(|one| (one.indicator.as_str(), told(one))).collect()
}

#[test]
fn a_share_is_of_all_pupils_and_what_would_follow_from_it_is_not_told() {
    // Five schools of 20: 10 of 100 are low, 87 high; three are in the middle.
    let schools = [[2, 1, 17], [2, 1, 17], [2, 1, 17], [2, 0, 18], [2, 0, 18]];
    let outcome = outcome(&marks(), &schools);
    assert_eq!(
        told(&outcome),
        [
            ("all", Ok(100.0)),
            ("low_share", Ok(10.0)),
            // 100 - 10 - 87 = 3.
            ("high_share", Err(Withheld::BySubtraction)),
            ("middle_share", Err(Withheld::FewPeople)),
            // The same ten tell nothing new.
            ("lows", Ok(10.0)),
        ]
    );
    // Schools are not alike: 1 of 10 and 40 of 80 are 41 of 90, 45,6 %, and not 30 % in the mean.
    let schools = [[1, 9, 0], [40, 40, 0], [0, 20, 0], [0, 20, 0], [0, 20, 0]];
    let outcome = self::outcome(&marks(), &schools);
    let share = told(&outcome)[1].1.unwrap();
    assert!((share - 100.0 * 41.0 / 150.0).abs() < 1e-9, "{share}");
}

#[test]
fn few_schools_and_all_but_a_few_pupils_are_not_told_of() {
    let four = outcome(&marks(), &[[5, 5, 10]; 4]);
    assert!(told(&four).iter().all(|(_, one)| *one == Err(Withheld::FewOrganisations)));
    // 97 of 100 passed: three did not, and the share says so.
    let schools = [[1, 0, 19], [1, 0, 19], [1, 0, 19], [0, 0, 20], [0, 0, 20]];
    let outcome = outcome(&marks(), &schools);
    assert_eq!(
        told(&outcome)[..3],
        [
            ("all", Ok(100.0)),
            ("low_share", Err(Withheld::FewPeople)),
            ("high_share", Err(Withheld::BySubtraction)),
        ]
    );
    // Nobody has anything.
    let nobody = self::outcome(&marks(), &[]);
    assert!(told(&nobody).iter().all(|(_, one)| *one == Err(Withheld::Unknown)));
    // What is not about people is told whatever the number, and so is what the department says of all.
    let mut analysis = marks();
    analysis.about_all = true;
    analysis.indicators[1].people = false;
    let outcome = self::outcome(&analysis, &[[1, 10, 39]]);
    assert_eq!(told(&outcome)[..2], [("all", Ok(50.0)), ("low_share", Ok(2.0))]);
}

/// The numbers of pupils that a reader of what is told works out.
fn worked_out(outcome: &Outcome) -> Vec<i64> {
    let value = |id: &str| {
        let one = outcome.public.iter().find(|one| one.indicator == id).unwrap();
        // Printed with one digit; the number of all is known to whoever asks at the schools.
        one.value.map(|value| (value * 10.0).round() / 10.0)
    };
    let whole = |id: &str| -> i64 {
        let figures = outcome.indicators.iter().find(|figures| figures.indicator == id).unwrap();
        figures.organisations.values().map(|figure| figure.value.round() as i64).sum()
    };
    let all = whole("all");
    let shares = ["low_share", "middle_share", "high_share"];
    let parts =
        shares.iter().filter_map(|id| Some((value(id)? * all as f64 / 100.0).round() as i64));
    let mut numbers: Vec<i64> = parts.chain(value("lows").map(|lows| lows as i64)).collect();
    if !numbers.is_empty() || value("all").is_some() {
        numbers.push(all);
    }
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

proptest! {
    #[test]
    fn documents_and_their_differences_reveal_no_suppressed_count(
        schools in prop::collection::vec([0..12i64, 0..12i64, 0..40i64], 3..9),
        order in Just([1usize, 2, 3, 4]).prop_shuffle(),
    ) {
        // Whatever documents are made of a run: together they tell what the analysis tells.
        let mut analysis = marks();
        let plain = analysis.indicators.clone();
        for (place, from) in order.into_iter().enumerate() {
            analysis.indicators[place + 1] = plain[from].clone();
        }
        let made = outcome(&analysis, &schools);
        if schools.len() < 5 {
            prop_assert!(made.public.iter().all(|one| one.value.is_none()));
        }
        let numbers = worked_out(&made);
        let mut sums = numbers.clone();
        for (n, one) in numbers.iter().enumerate() {
            for (m, two) in numbers.iter().enumerate().filter(|(m, _)| *m != n) {
                sums.push(one - two);
                for (_, three) in numbers.iter().enumerate().filter(|(k, _)| *k != n && *k != m) {
                    sums.push(one - two - three);
                }
            }
        }
        for sum in sums {
            prop_assert!(!(1..LEAST).contains(&sum.abs()), "{sum} of {numbers:?}: {schools:?}");
        }
    }
}

#[test]
fn of_the_shipped_year_nothing_is_for_everybody_that_is_about_a_leader_or_the_safety_of_data() {
    let public = |analysis: &str| -> Vec<&str> {
        let all = shipped().analyses[analysis].indicators.iter();
        all.filter(|i| i.audience == Some(Audience::Public)).map(|i| i.id.as_str()).collect()
    };
    for analysis in ["leader-effectiveness", "information-security", "objectivity-indices"] {
        assert_eq!(public(analysis), [""; 0], "{analysis}");
    }
    assert_eq!(public("vpr-results"), ["works", "low_share", "high_share"]);
    for analysis in shipped().analyses.values() {
        let said = analysis.indicators.iter().all(|i| i.audience.is_some());
        assert!(said, "{} does not say for whom it is", analysis.id);
    }
}

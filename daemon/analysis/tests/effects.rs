//! What is said to have become of a finding, held against what a person would say of the figures.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::{Value, json};
use vekha_analysis::effect::{Effect, follow};
use vekha_analysis::{Inputs, Outcome, analyze};
use vekha_roadmap::formula::Formula;
use vekha_roadmap::model::{Analysis, Better, Indicator, Rule, Severity};

fn indicator(id: &str, better: Option<Better>, formula: &str) -> Indicator {
    Indicator {
        id: id.into(),
        title: id.into(),
        unit: "%".into(),
        decimals: 0,
        better,
        formula: Some(Formula::parse(formula).unwrap()),
        rests_on: None,
        audience: None,
        people: true,
    }
}

fn rule(when: &str, shows: &[&str]) -> Rule {
    Rule {
        id: "r".into(),
        when: Some(Formula::parse(when).unwrap()),
        severity: Severity::Attention,
        finding: "Найдено".into(),
        recommendation: None,
        alternatives: vec![],
        shows: shows.iter().map(|id| (*id).to_owned()).collect(),
        audience: None,
    }
}

fn analysis(rule: Rule) -> Analysis {
    let lower = Some(Better::Lower);
    Analysis {
        id: "a".into(),
        title: "А".into(),
        method: String::new(),
        thresholds: [].into(),
        min_count: 1,
        small_numbers: 5,
        department: None,
        about_all: false,
        rows: vec![],
        signs: vec![],
        indicators: vec![
            indicator("unconfirmed", lower, "share(failed, medals)"),
            indicator("low", lower, "low_now"),
            indicator("growth", lower, "low - earlier.low"),
            indicator("gap", None, "gap_now"),
        ],
        rules: vec![rule],
    }
}

/// The outcomes of years in which one school answered; a year is compared to the one before.
fn years(analysis: &Analysis, answers: &[Value]) -> Vec<Outcome> {
    let mut outcomes: Vec<Outcome> = Vec::new();
    for answers in answers {
        let mut inputs = Inputs::default();
        if let Some(answers) = answers.as_object() {
            inputs.own.insert("school-1".into(), answers.clone().into());
        }
        inputs.earlier = outcomes.last().map(Outcome::as_earlier).unwrap_or_default();
        let outcome = analyze(analysis, &inputs);
        outcomes.push(outcome);
    }
    outcomes
}

/// What became of what was found in the year with this number.
fn became(analysis: &Analysis, outcomes: &[Outcome], year: usize) -> Effect {
    let since: Vec<&Outcome> = outcomes[year..].iter().collect();
    let followed = follow(analysis, &since);
    assert_eq!(followed.len(), 1, "found in the year {year}");
    followed[0].effect
}

/// The same, of answers.
fn effect(analysis: &Analysis, answers: &[Value], year: usize) -> Effect {
    became(analysis, &years(analysis, answers), year)
}

#[test]
fn what_cannot_be_computed_any_more_is_not_said_to_be_resolved() {
    let medals = analysis(rule("unconfirmed >= 20 && medals > 0", &["unconfirmed", "low"]));
    let found = json!({ "failed": 3, "medals": 10, "low_now": 9 });
    let nobody = json!({ "failed": null, "medals": null, "low_now": 5 });
    let none = json!({ "failed": 0, "medals": 10, "low_now": 5 });
    let known = [found.clone(), nobody.clone()];
    assert_eq!(effect(&medals, &known, 0), Effect::Unknown, "no medallists at all");
    assert_eq!(effect(&medals, &[found.clone(), Value::Null], 0), Effect::Unknown);
    // It waits for the year in which it can be told again.
    let known = [found.clone(), nobody.clone(), none.clone()];
    assert_eq!(effect(&medals, &known, 0), Effect::Resolved);

    // Outcomes that were kept before they told who does not meet a rule.
    let mut old = years(&medals, &[found, nobody, none]);
    for outcome in &mut old {
        let mut kept = serde_json::to_value(&*outcome).unwrap();
        kept.as_object_mut().unwrap().remove("unmet").unwrap();
        *outcome = serde_json::from_value(kept).unwrap();
        assert_eq!(outcome.unmet, None);
    }
    assert_eq!(became(&medals, &old[..2], 0), Effect::Unknown, "one of its figures is missing");
    assert_eq!(became(&medals, &old, 0), Effect::Resolved);
}

#[test]
fn a_rule_that_a_later_road_map_dropped_resolves_nothing() {
    let low = analysis(rule("low >= 30", &["low"]));
    let mut dropped = low.clone();
    dropped.rules.clear();
    let found = years(&low, &[json!({ "low_now": 40 })]);
    let later = years(&dropped, &[json!({ "low_now": 10 })]);
    assert_eq!(follow(&low, &[&found[0], &later[0]])[0].effect, Effect::Unknown);
}

#[test]
fn where_no_figure_has_a_better_direction_the_rule_alone_decides() {
    let of_programme = analysis(rule("programme == 'no'", &[]));
    let of_gap = analysis(rule("gap >= 20", &["gap"]));
    let programme = |word: &str| json!({ "programme": word });
    let gap = |gap: f64| json!({ "gap_now": gap });
    for (analysis, [found, met, unmet, unknown]) in [
        (of_programme, [programme("no"), programme("no"), programme("yes"), json!({})]),
        (of_gap, [gap(45.0), gap(21.0), gap(19.0), json!({})]),
    ] {
        assert_eq!(effect(&analysis, &[found.clone(), met], 0), Effect::Same);
        assert_eq!(effect(&analysis, &[found.clone(), unmet], 0), Effect::Resolved);
        assert_eq!(effect(&analysis, &[found, unknown], 0), Effect::Unknown);
    }
}

#[test]
fn what_is_better_in_one_figure_and_worse_in_another_is_mixed_and_nothing_is_resolved() {
    let both = analysis(rule("low >= 30", &["low", "unconfirmed"]));
    let year = |low: f64, failed: f64| json!({ "low_now": low, "failed": failed, "medals": 10 });
    for (low, failed, expected) in [
        (40.0, 2.0, Effect::Same),
        (39.6, 2.0, Effect::Same),
        (35.0, 2.0, Effect::Better),
        (45.0, 2.0, Effect::Worse),
        (35.0, 3.0, Effect::Mixed),
        (45.0, 1.0, Effect::Mixed),
        (20.0, 2.0, Effect::Resolved),
        (20.0, 1.0, Effect::Resolved),
        // The rule is met no more, but a figure that it rests on is worse.
        (20.0, 3.0, Effect::Mixed),
    ] {
        let years = [year(40.0, 2.0), year(low, failed)];
        assert_eq!(effect(&both, &years, 0), expected, "{low}, {failed}");
    }
}

#[test]
fn what_people_cannot_see_is_no_change_and_what_they_can_is_one() {
    let mut shown = analysis(rule("low >= 30", &["low"]));
    for (decimals, low, expected) in [
        (0, 40.4, Effect::Same),
        (0, 40.5, Effect::Worse),
        (1, 40.04, Effect::Same),
        (1, 40.1, Effect::Worse),
        (1, 39.9, Effect::Better),
        (2, 40.04, Effect::Worse),
        (2, 39.996, Effect::Same),
    ] {
        shown.indicators[1].decimals = decimals;
        let years = [40.0, low].map(|low| json!({ "low_now": low }));
        assert_eq!(effect(&shown, &years, 0), expected, "{low} with {decimals} digits");
    }
}

#[test]
fn a_figure_without_a_better_direction_was_better_before_it_changed() {
    let rises = analysis(rule("gap - earlier.gap >= 5", &["gap"]));
    let falls = analysis(rule("earlier.gap - gap >= 5", &["gap"]));
    let known = |analysis: &Analysis, gaps: [i32; 3]| {
        let answers = gaps.map(|gap| json!({ "gap_now": gap }));
        effect(analysis, &answers, 1)
    };
    assert_eq!(known(&rises, [50, 60, 50]), Effect::Resolved);
    assert_eq!(known(&rises, [50, 60, 40]), Effect::Resolved);
    assert_eq!(known(&rises, [50, 60, 60]), Effect::Same);
    assert_eq!(known(&rises, [50, 60, 51]), Effect::Same);
    assert_eq!(known(&falls, [50, 40, 50]), Effect::Resolved);
    assert_eq!(known(&falls, [50, 40, 60]), Effect::Resolved);
    assert_eq!(known(&falls, [50, 40, 40]), Effect::Same);
    assert_eq!(known(&falls, [50, 40, 49]), Effect::Same);
}

#[test]
fn a_change_that_stands_is_worse_where_another_change_that_it_shows_is() {
    let mut about = analysis(rule("low - earlier.low >= 5", &["shrinks"]));
    let shrinks = indicator("shrinks", Some(Better::Lower), "gap - earlier.gap");
    about.indicators.push(shrinks);
    let year = |low: i32, gap: i32| json!({ "low_now": low, "gap_now": gap });
    for (low, gap, expected) in [
        (20, 50, Effect::Same),
        (20, 60, Effect::Worse),
        (18, 50, Effect::Better),
        (18, 60, Effect::Mixed),
        (22, 50, Effect::Worse),
    ] {
        let years = [year(10, 50), year(20, 50), year(low, gap)];
        assert_eq!(effect(&about, &years, 1), expected, "{low}, {gap}");
    }
}

proptest! {
    /// Of a level: resolved if and only if the condition was computed and does not hold.
    #[test]
    fn a_level_is_resolved_exactly_when_it_is_known_to_be_below_the_threshold(
        then in 30..=100i32,
        later in prop::collection::vec(prop::option::of(0..=100i32), 0..5),
    ) {
        let low = analysis(rule("low >= 30", &["low", "gap"]));
        let mut answers = vec![json!({ "low_now": then })];
        answers.extend(later.iter().map(|value| json!({ "low_now": value, "gap_now": 50 })));
        let expected = match later.into_iter().flatten().next() {
            None => Effect::Unknown,
            Some(now) if now < 30 => Effect::Resolved,
            Some(now) if now < then => Effect::Better,
            Some(now) if now == then => Effect::Same,
            Some(_) => Effect::Worse,
        };
        prop_assert_eq!(effect(&low, &answers, 0), expected);
    }

    /// Of a change: resolved only when it has been made good; standing still makes nothing good,
    /// whether or not the rule shows the level.
    #[test]
    fn a_change_is_not_resolved_by_standing_still(
        before in 0..=50i32,
        grown in 5..=30i32,
        since in -60..5i32,
        shows_level in any::<bool>(),
        through_indicator in any::<bool>(),
    ) {
        let when = if through_indicator { "growth >= 5" } else { "low - earlier.low >= 5" };
        let shows: &[&str] = if shows_level { &["low", "growth"] } else { &["growth"] };
        let growth = analysis(rule(when, shows));
        let now = before + grown + since;
        let answers: Vec<Value> =
            [before, before + grown, now].iter().map(|low| json!({ "low_now": low })).collect();
        let expected = match since {
            0 => Effect::Same,
            ..0 if now <= before => Effect::Resolved,
            ..0 => Effect::Better,
            // It grows on, if by less.
            _ => Effect::Worse,
        };
        prop_assert_eq!(effect(&growth, &answers, 1), expected);
    }
}

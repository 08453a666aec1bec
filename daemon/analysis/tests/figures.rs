//! Indicators and findings against figures computed by hand, as the comments show.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use serde_json::{Value, json};
use vekha_analysis::{Dataset, Figure, Finding, Inputs, Outcome, Values, analyze, recommendations};
use vekha_roadmap::formula::Formula;
use vekha_roadmap::model::{Analysis, Better, Indicator, RestsOn, Rule, Severity};

fn values(value: Value) -> Values {
    value.as_object().cloned().unwrap()
}

fn formula(text: &str) -> Formula {
    Formula::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn indicator(id: &str, better: Option<Better>, text: &str) -> Indicator {
    Indicator {
        id: id.into(),
        title: format!("Показатель {id}"),
        unit: "%".into(),
        decimals: 1,
        better,
        formula: Some(formula(text)),
        rests_on: None,
        audience: None,
        people: true,
    }
}

fn rule(id: &str, when: &str, finding: &str, recommendation: Option<&str>) -> Rule {
    Rule {
        id: id.into(),
        when: Some(formula(when)),
        severity: Severity::Attention,
        finding: finding.into(),
        recommendation: recommendation.map(str::to_owned),
        alternatives: vec![],
        shows: vec!["low_share".into()],
        audience: None,
    }
}

fn analysis(min_count: usize, indicators: Vec<Indicator>, rules: Vec<Rule>) -> Analysis {
    Analysis {
        id: "a".into(),
        title: "А".into(),
        method: String::new(),
        thresholds: [("low_share".to_owned(), 30.0)].into(),
        min_count,
        small_numbers: 5,
        department: None,
        about_all: false,
        rows: vec![],
        signs: vec![],
        indicators,
        rules,
    }
}

/// Five schools: `c` had nobody to take part, `d` left a field empty.
fn schools() -> Inputs<'static> {
    let own = [
        (
            "a",
            json!({ "pupils": 40, "low": 10, "procedures": [
                { "row": "Русский", "participants": 20, "marks_2": 8 },
                { "row": "Математика", "participants": 25, "marks_2": 5 },
                { "row": "Химия", "participants": 0, "marks_2": 0 },
                { "row": "Физика", "participants": 10 },
            ] }),
        ),
        (
            "b",
            json!({ "pupils": 30, "low": 12, "procedures": [
                { "row": "Русский", "participants": 30, "marks_2": 9 },
                { "row": "Математика", "participants": 30, "marks_2": 15 },
            ] }),
        ),
        ("c", json!({ "pupils": 0, "low": 0, "procedures": [] })),
        ("d", json!({ "pupils": 50, "low": null })),
        ("e", json!({ "pupils": 20, "low": 5 })),
    ];
    let own = own.map(|(code, answers)| (code.to_owned(), values(answers).into())).into();
    Inputs {
        own, names: [("b".to_owned(), "Школа Б".to_owned())].into(), ..Inputs::default()
    }
}

fn figures(outcome: &Outcome, indicator: &str) -> BTreeMap<String, Figure> {
    let found = outcome.indicators.iter().find(|i| i.indicator == indicator);
    found.unwrap().organisations.clone()
}

fn plain(outcome: &Outcome, indicator: &str) -> Vec<(String, f64)> {
    figures(outcome, indicator).into_iter().map(|(code, f)| (code, f.value)).collect()
}

fn owned(expected: &[(&str, f64)]) -> Vec<(String, f64)> {
    expected.iter().map(|(code, value)| ((*code).to_owned(), *value)).collect()
}

#[test]
fn a_municipality_is_compared_by_those_who_have_a_value() {
    let outcome = analyze(
        &analysis(
            3,
            vec![
                indicator("low_share", Some(Better::Lower), "share(low, pupils)"),
                indicator("excess", Some(Better::Higher), "low_share - threshold.low_share"),
                indicator("answered", None, "default(low, 0)"),
            ],
            vec![],
        ),
        &schools(),
    );
    // 10/40, 12/30, 0/0, gap, 5/20.
    assert_eq!(plain(&outcome, "low_share"), owned(&[("a", 25.0), ("b", 40.0), ("e", 25.0)]));
    assert_eq!(plain(&outcome, "excess"), owned(&[("a", -5.0), ("b", 10.0), ("e", -5.0)]));
    let all = owned(&[("a", 10.0), ("b", 12.0), ("c", 0.0), ("d", 0.0), ("e", 5.0)]);
    assert_eq!(plain(&outcome, "answered"), all);
    let withheld: Vec<&String> = outcome.indicators[0].withheld.keys().collect();
    assert_eq!(withheld, ["c", "d"]);
    // (25 + 25 + 40) / 3 = 30; squares 25 + 25 + 100 = 150, over 2 is 75, its root 8.6602...
    let a = outcome.indicators[0].municipality.unwrap();
    assert_eq!((a.count, a.mean, a.median, a.min, a.max), (3, 30.0, 25.0, 25.0, 40.0));
    assert!((a.deviation - 8.660_254_037_8).abs() < 1e-9);
    let ranks = |id| figures(&outcome, id).into_values().map(|f| f.rank).collect::<Vec<_>>();
    assert_eq!(ranks("low_share"), [Some(1), Some(3), Some(1)]);
    assert_eq!(ranks("excess"), [Some(2), Some(1), Some(2)]);
    assert_eq!(ranks("answered"), [None; 5]);
}

#[test]
fn too_few_to_compare_are_not_compared() {
    let above = "low_share > municipality.low_share.mean";
    let best = "rank.low_share == 1";
    let all = "municipality.low_share.count == 3";
    let finding = "{{ low_share }} при среднем {{ municipality.low_share.mean }}";
    let outcome = |min_count| {
        analyze(
            &analysis(
                min_count,
                vec![indicator("low_share", Some(Better::Lower), "share(low, pupils)")],
                vec![
                    rule("above", above, finding, None),
                    rule("best", best, finding, None),
                    rule("all", all, finding, None),
                ],
            ),
            &schools(),
        )
    };
    let met = |outcome: &Outcome| -> Vec<(String, String)> {
        let pair = |f: &Finding| (f.organisation.clone(), f.rule.clone());
        outcome.findings.iter().map(pair).collect()
    };
    let enough = outcome(3);
    let pairs = [("a", "best"), ("a", "all"), ("b", "above"), ("b", "all"), ("c", "all")];
    let pairs = pairs.into_iter().chain([("d", "all"), ("e", "best"), ("e", "all")]);
    let pairs: Vec<_> = pairs.map(|(code, rule)| (code.to_owned(), rule.to_owned())).collect();
    assert_eq!(met(&enough), pairs);
    let above = &enough.findings[2];
    assert_eq!(above.text, "40,0 при среднем 30,0");
    let shown = &above.figures[0];
    assert_eq!((shown.value.as_str(), shown.municipality_mean.as_str()), ("40,0", "30,0"));
    assert_eq!((shown.rank, shown.count), (Some(3), 3));

    let few = outcome(4);
    assert_eq!(met(&few).iter().filter(|(_, rule)| rule == "all").count(), 5);
    assert_eq!(met(&few).len(), 5, "nobody is above a mean that is not stated, or the best");
    let shown = &few.findings[0].figures[0];
    assert_eq!((shown.municipality_mean.as_str(), shown.rank), ("", None));
    assert_eq!(figures(&few, "low_share")["b"].rank, None);
}

#[test]
fn the_period_before_counts_for_its_own_organisation_and_recommendations_follow_findings() {
    let low =
        "procedures.filter(p, share(p.marks_2, p.participants) >= threshold.low_share).size()";
    let text = "{{ organisation.name }}: {{ low_procedures }}, было {{ earlier.low_procedures }}, \
                порог {{ threshold.low_share }}";
    let mut low_result = rule(
        "low-result",
        "low_procedures + default(earlier.low_procedures, 0) >= 2",
        text,
        Some("Снизить долю «2» до {{ threshold.low_share }} %"),
    );
    low_result.shows = vec!["low_procedures".into()];
    let growth = rule("growth", "low_procedures > earlier.low_procedures", "растёт", None);
    let mut indicator = indicator("low_procedures", Some(Better::Lower), low);
    indicator.decimals = 0;
    let mut inputs = schools();
    let figure = |value| Figure { value, rank: None, earlier: None, outlier: None };
    // What `x` had is of no use to anybody: it has no answers this time.
    let before = [("a".to_owned(), figure(1.0)), ("x".to_owned(), figure(9.0))].into();
    inputs.earlier = [("low_procedures", &before)].into();
    let outcome = analyze(&analysis(2, vec![indicator], vec![low_result, growth]), &inputs);
    // a: 8/20 = 40 % counts, 5/25 = 20 % does not; b: 9/30 = 30 % and 15/30 = 50 % do; c: none.
    assert_eq!(plain(&outcome, "low_procedures"), owned(&[("a", 1.0), ("b", 2.0), ("c", 0.0)]));
    assert_eq!(figures(&outcome, "low_procedures")["a"].earlier, Some(1.0));
    let texts: Vec<(&str, &str)> =
        outcome.findings.iter().map(|f| (f.rule.as_str(), f.text.as_str())).collect();
    // a: 1 + 1 = 2; b: 2 + 0 = 2; c: 0; and nobody is known to have grown.
    assert_eq!(
        texts,
        [("low-result", "a: 1, было 1, порог 30"), ("low-result", "Школа Б: 2, было —, порог 30")]
    );
    let all = recommendations(&outcome);
    assert_eq!(all.iter().map(|r| r.organisation.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(all[0].items[0].recommendation.as_deref(), Some("Снизить долю «2» до 30 %"));
}

#[test]
fn named_datasets_stand_side_by_side() {
    let mut inputs = Inputs::default();
    let dataset = |rows: &[(&str, Value)]| -> Dataset<'static> {
        rows.iter().map(|(code, row)| ((*code).to_owned(), values(row.clone()).into())).collect()
    };
    let vpr = dataset(&[("a", json!({ "share": 40 })), ("b", json!({ "share": 10 }))]);
    let gia = dataset(&[("a", json!({ "share": 15 })), ("c", json!({ "share": 5 }))]);
    inputs.named = [("vpr".to_owned(), vpr), ("gia".to_owned(), gia)].into();
    let gap = indicator("gap", None, "vpr.share - gia.share");
    let worst = indicator("worst", None, "max(default(vpr.share, 0), default(gia.share, 0))");
    let outcome = analyze(&analysis(1, vec![gap, worst], vec![]), &inputs);
    assert_eq!(plain(&outcome, "gap"), owned(&[("a", 25.0)]));
    assert_eq!(plain(&outcome, "worst"), owned(&[("a", 40.0), ("b", 10.0), ("c", 5.0)]));
}

#[test]
fn of_few_participants_nothing_is_stated_and_the_reason_is() {
    let mut share = indicator("low_share", Some(Better::Lower), "share(low, pupils)");
    share.rests_on = Some(RestsOn { count: formula("pupils"), least: 25 });
    let mut unknown = indicator("shares", None, "low");
    unknown.rests_on = Some(RestsOn { count: formula("pupls"), least: 1 });
    let follows = indicator("follows", None, "low_share + 1");
    let high = rule("high", "low_share >= 20", "{{ low_share }}", None);
    let analysis = analysis(1, vec![share, unknown, follows], vec![high]);
    let outcome = analyze(&analysis, &schools());
    // 10 of 40 and 12 of 30 pupils will do; 5 of 20 would be the same 25 %, of too few.
    assert_eq!(plain(&outcome, "low_share"), owned(&[("a", 25.0), ("b", 40.0)]));
    let withheld = &outcome.indicators[0].withheld;
    assert_eq!(withheld["e"], "мало участников: 20, нужно не меньше 25");
    assert_eq!(withheld["c"], "не хватает сведений", "nobody took part");
    assert_eq!(plain(&outcome, "follows"), owned(&[("a", 26.0), ("b", 41.0)]));
    assert_eq!(outcome.findings.len(), 2, "no rule is met by a figure that is not stated");
    assert_eq!(outcome.indicators[1].withheld["a"], "число участников не известно");
}

#[test]
fn a_template_s_source_is_never_said_and_a_missing_figure_is_a_dash() {
    let k = indicator("k", None, "pupils");
    let rules = vec![
        rule("dash", "k >= 0.0", "Сейчас {{ k }}, в среднем {{ municipality.k.mean }}", None),
        rule("broken", "k >= 0.0", "Вдвое: {{ k / 0 }}", Some("Совет: {{ k.foo() }}")),
    ];
    // So many are not compared.
    let outcome = analyze(&analysis(50, vec![k], rules), &schools());
    let texts = |rule: &str| {
        let found = outcome.findings.iter().filter(|finding| finding.rule == rule);
        found.map(|finding| finding.text.as_str()).collect::<Vec<_>>()
    };
    assert!(!texts("dash").is_empty());
    assert!(texts("dash").iter().all(|text| text.ends_with("в среднем —")), "{:?}", texts("dash"));
    assert!(!texts("broken").is_empty());
    for finding in &outcome.findings {
        assert!(!finding.text.contains("{{"), "{}", finding.text);
        assert_eq!(finding.recommendation, None);
    }
    assert_eq!(outcome.unwritten.keys().collect::<Vec<_>>(), ["broken"]);
}

#[test]
fn texts_say_every_name_that_they_may_use_as_people_write_it() {
    let mut told = rule(
        "told",
        "organisation == 'b'",
        "{{ organisation.code }}, {{ organisation.name }}: {{ low_share }}, было {{ earlier.low_share }}, \
         место {{ rank.low_share }} из {{ municipality.low_share.count }}, \
         всего {{ municipality.low_share.sum }}, от {{ municipality.low_share.min }} \
         до {{ municipality.low_share.max }}, порог {{ threshold.low_share }}, {{ nothing }}",
        Some("Было: {% for id in earlier %}{{ id }} = {{ earlier[id] }};{% endfor %}"),
    );
    told.alternatives = vec!["Иначе: {{ low_share }}".into(), "{{ no_share }}".into()];
    told.shows = vec!["no_share".into(), "low_share".into(), "unknown".into()];
    let lower = Some(Better::Lower);
    let mut no_share = indicator("no_share", lower, "share(none, pupils)");
    no_share.unit = "шт.".into();
    let low_share = indicator("low_share", lower, "share(low, pupils)");
    let mut inputs = schools();
    let figure = |value| Figure { value, rank: None, earlier: None, outlier: None };
    let before = [("b".to_owned(), figure(12.5))].into();
    inputs.earlier = [("low_share", &before)].into();
    let mut definition = analysis(3, vec![no_share, low_share], vec![told]);
    // Only what a formula or a text names of the period before is looked at.
    let outcome = analyze(&definition, &inputs);
    let found = &outcome.findings[0];
    assert_eq!(
        found.text,
        "b, Школа Б: 40,0, было 12,5, место 3 из 3, всего 90,0, от 25,0 до 40,0, порог 30, —"
    );
    assert_eq!(found.recommendation.as_deref(), Some("Было: low_share = 12,5;"));
    assert_eq!(found.alternatives, ["Иначе: 40,0", "—"]);
    let shown: Vec<_> = found.figures.iter().map(|f| (f.title.as_str(), f.unit.as_str())).collect();
    assert_eq!(shown, [("Показатель low_share", "%")], "what has no value is not shown");
    let shown = &found.figures[0];
    assert_eq!((shown.value.as_str(), shown.earlier.as_str()), ("40,0", "12,5"));
    assert_eq!((shown.municipality_mean.as_str(), shown.rank, shown.count), ("30,0", Some(3), 3));
    assert!(outcome.unwritten.is_empty());
    // A rule whose first text is right is no less unwritten for its others.
    definition.rules[0].alternatives[1] = "{{ low_share / 0 }}".into();
    let outcome = analyze(&definition, &inputs);
    assert_eq!(outcome.unwritten.keys().collect::<Vec<_>>(), ["told"]);
    assert!(outcome.findings[0].text.starts_with("b, Школа Б"));
}

#[test]
fn every_value_is_told_by_organisation_and_indicator_and_once() {
    let indicators = vec![indicator("low", None, "low"), indicator("pupils_2", None, "pupils * 2")];
    let outcome = analyze(&analysis(1, indicators, vec![]), &schools());
    let values: Vec<_> = outcome.values().collect();
    assert_eq!(
        values,
        [
            ("a", "low", 10.0),
            ("b", "low", 12.0),
            ("c", "low", 0.0),
            ("e", "low", 5.0),
            ("a", "pupils_2", 80.0),
            ("b", "pupils_2", 60.0),
            ("c", "pupils_2", 0.0),
            ("d", "pupils_2", 100.0),
            ("e", "pupils_2", 40.0),
        ]
    );
}

#[test]
fn many_organisations_come_in_the_order_of_their_codes_each_with_its_own_figures() {
    // More than are worth a thread.
    let own = (0..300).map(|n| (format!("o{n:03}"), values(json!({ "n": n })).into())).collect();
    let mut found = rule("odd", "n_2 >= 500", "{{ n_2 }}", None);
    found.shows.clear();
    let indicators = vec![indicator("n_2", Some(Better::Higher), "n * 2")];
    let outcome =
        analyze(&analysis(1, indicators, vec![found]), &Inputs { own, ..Inputs::default() });
    let figures = figures(&outcome, "n_2");
    for (n, figure) in figures.values().enumerate() {
        assert_eq!((figure.value, figure.rank), (2.0 * n as f64, Some(300 - n as u32)));
    }
    let told: Vec<(&str, &str)> =
        outcome.findings.iter().map(|f| (f.organisation.as_str(), f.text.as_str())).collect();
    assert_eq!(told.len(), 50);
    assert_eq!((told[0], told[49]), (("o250", "500,0"), ("o299", "598,0")));
    assert_eq!(outcome.unmet.unwrap()["odd"].len(), 250);
}

//! What a plugin gives beside what formulas compute: from there on both are the same.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use common::shipped_files;
use serde_json::json;
use vekha_analysis::{Given, Inputs, Item, Outcome, analyze};
use vekha_roadmap::model::{Analysis, Audience};
use vekha_roadmap::read::read;

const DEFINITION: &str = r#"
title = "Рейтинг"
min-count = 3
audience = "public"

[[indicator]]
id = "rating"
title = "Рейтинг"
decimals = 2
better = "higher"
people = false
given-by = "plugin"

[[indicator]]
id = "rating_of_many"
title = "Рейтинг больших школ"
given-by = "plugin"
of = "pupils"
min-of = 20
people = false

[[indicator]]
id = "change"
title = "Изменение"
formula = "rating - earlier.rating"
people = false

[[rule]]
id = "behind"
given-by = "plugin"
severity = "serious"
audience = "organisation"
finding = "Рейтинг {{ rating }}, место {{ rank.rating }}"
recommendation = "Догнать"
shows = ["rating"]

[[rule]]
id = "low"
when = "rating < municipality.rating.whole"
severity = "note"
audience = "organisation"
finding = "Ниже муниципалитета"
shows = ["rating"]
"#;

/// Read once: the road map around it is large.
fn definition() -> &'static Analysis {
    static DEFINITION_READ: LazyLock<Analysis> = LazyLock::new(read_definition);
    &DEFINITION_READ
}

fn read_definition() -> Analysis {
    let mut files = shipped_files();
    files.0.insert("analyses/rating.toml".to_owned(), DEFINITION.to_owned());
    let map = read(&files).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));
    map.analyses["rating"].clone()
}

fn given() -> Given {
    let value = |code: &str, value: f64| (code.to_owned(), Ok(value));
    let mut rating: BTreeMap<String, Result<f64, String>> =
        [value("a", 0.5), value("b", -1.25), value("c", 0.75)].into();
    rating.insert("d".into(), Err("мало классов".into()));
    let item = Item {
        title: "Классов".into(),
        value: "4".into(),
        unit: String::new(),
        municipality_mean: String::new(),
        earlier: String::new(),
        rank: None,
        count: 0,
    };
    Given {
        figures: [("rating".to_owned(), rating.clone()), ("rating_of_many".to_owned(), rating)]
            .into(),
        municipality: [("rating".to_owned(), 0.6)].into(),
        findings: [("behind".to_owned(), [("b".to_owned(), vec![item])].into())].into(),
    }
}

fn outcome(given: Option<Given>) -> Outcome {
    let before = analyze(
        definition(),
        &inputs(Some(Given {
            figures: [("rating".to_owned(), [("a".to_owned(), Ok(0.25))].into())].into(),
            ..Given::default()
        })),
    );
    let inputs = Inputs { earlier: before.as_earlier(), ..inputs(given) };
    analyze(definition(), &inputs)
}

fn inputs(given: Option<Given>) -> Inputs<'static> {
    let pupils = [("a", 30), ("b", 10), ("c", 40), ("d", 50), ("e", 60)];
    let own = pupils.map(|(code, pupils)| {
        (code.to_owned(), json!({ "pupils": pupils }).as_object().unwrap().clone().into())
    });
    Inputs { own: own.into(), given, ..Inputs::default() }
}

#[test]
fn figures_that_came_are_ranked_compared_and_used_by_formulas_like_computed_ones() {
    let outcome = outcome(Some(given()));
    let [rating, of_many, change] = outcome.indicators.as_slice() else { panic!("three") };
    let ranks: Vec<_> =
        rating.organisations.iter().map(|(code, f)| (code.as_str(), f.value, f.rank)).collect();
    assert_eq!(ranks, [("a", 0.5, Some(2)), ("b", -1.25, Some(3)), ("c", 0.75, Some(1))]);
    assert_eq!(rating.municipality.unwrap().whole, Some(0.6));
    assert_eq!(rating.municipality.unwrap().mean, 0.0);
    let withheld: Vec<_> = rating.withheld.iter().map(|(c, w)| (c.as_str(), w.as_str())).collect();
    assert_eq!(withheld, [("d", "мало классов"), ("e", "плагин не дал значения")]);
    assert_eq!(rating.organisations["a"].earlier, Some(0.25));
    assert_eq!(change.organisations["a"].value, 0.25);
    // Of few participants nothing is stated, whoever has computed it.
    assert_eq!(of_many.withheld["b"], "мало участников: 10, нужно не меньше 20");
}

#[test]
fn everybody_is_told_the_whole_as_the_plugin_says_it_and_nothing_where_there_are_few() {
    let definition = definition();
    assert_eq!(definition.indicators[0].audience, Some(Audience::Public));
    let public = |outcome: &Outcome| {
        outcome.public.iter().find(|one| one.indicator == "rating").unwrap().clone()
    };
    assert_eq!(public(&outcome(Some(given()))).value, Some(0.6));
    let mut few = given();
    few.figures.get_mut("rating").unwrap().remove("a");
    assert_eq!(public(&outcome(Some(few))).value, None);
}

#[test]
fn who_is_found_by_the_plugin_is_told_in_the_rules_words_and_who_is_not_is_known_as_far_as_can_be()
{
    let outcome = outcome(Some(given()));
    let by = |rule: &str| {
        let found = outcome.findings.iter().filter(|finding| finding.rule == rule);
        found.collect::<Vec<_>>()
    };
    let [behind] = by("behind")[..] else { panic!("{:?}", outcome.findings) };
    assert_eq!(behind.organisation, "b");
    assert_eq!(behind.text, "Рейтинг -1,25, место 3".replace('-', "−"));
    let shown: Vec<_> =
        behind.figures.iter().map(|i| (i.title.as_str(), i.value.as_str())).collect();
    assert_eq!(shown, [("Рейтинг", "−1,25"), ("Классов", "4")]);
    assert_eq!(by("low").iter().map(|f| f.organisation.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    // Of those without a figure nothing is known.
    assert_eq!(outcome.unmet.as_ref().unwrap()["behind"], ["a", "c"]);
}

#[test]
fn where_no_plugin_was_asked_nothing_is_known() {
    let outcome = outcome(None);
    assert!(outcome.findings.is_empty());
    assert_eq!(outcome.unmet.unwrap()["behind"], Vec::<String>::new());
    assert!(outcome.indicators.iter().all(|figures| figures.organisations.is_empty()));
}

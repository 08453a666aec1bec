//! Row sets: what formulas and texts see of them, worked by hand.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Year, live, text, value};
use serde_json::{Value, json};
use vekha_roadmap::formula::Formula;
use vekha_roadmap::model::{Analysis, Indicator, RowSet, Rule, Severity};

fn formula(text: &str) -> Formula {
    Formula::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn row_set(id: &str, key: &[&str], text: &str) -> RowSet {
    RowSet {
        id: id.into(),
        formula: formula(text),
        groups: None,
        key: key.iter().map(|column| (*column).to_owned()).collect(),
        text: Some("{{ row.subject }}, {{ row.grade }}: {{ row.low }} из {{ row.of }}".into()),
        most: 2,
    }
}

fn analysis(min_count: usize) -> Analysis {
    let indicators = [
        ("surplus_low", "sum(weak.map(w, surplus(w.low, w.of, w.others.low, w.others.of)))"),
        ("compared", "known(weak.map(w, w.others.low))"),
        ("others", "sum(weak.map(w, w.others.organisations))"),
        ("repeated", "earlier.weak.size() >= 0 ? again.size() : null"),
    ];
    let indicator = |(id, text): (&str, &str)| Indicator {
        id: id.into(),
        title: id.into(),
        unit: String::new(),
        decimals: 1,
        better: None,
        formula: Some(formula(text)),
        rests_on: None,
        audience: None,
        people: true,
    };
    Analysis {
        id: "a".into(),
        title: "А".into(),
        method: String::new(),
        thresholds: [("low".to_owned(), 1.0)].into(),
        min_count,
        small_numbers: 5,
        department: None,
        about_all: false,
        rows: vec![
            row_set("weak", &["subject", "grade"], "rows.filter(r, r.low >= threshold.low)"),
            row_set("again", &[], "weak.filter(w, earlier.weak.exists(e, e.subject == w.subject))"),
        ],
        signs: vec![],
        indicators: indicators.map(indicator).into(),
        rules: vec![Rule {
            id: "weak".into(),
            when: Some(formula("weak.size() > 0")),
            severity: Severity::Note,
            finding: "Слабые: {{ weak }}; снова: {{ again or '—' }}.".into(),
            recommendation: None,
            alternatives: vec![],
            shows: vec![],
            audience: None,
        }],
    }
}

fn row(subject: &str, grade: u32, low: u32, of: u32) -> Value {
    json!({ "subject": subject, "grade": grade, "low": low, "of": of })
}

fn rows(rows: &[Value]) -> Value {
    json!({ "rows": rows })
}

/// `a` has mathematics of grade 5 twice; Russian is somebody's alone; nobody is weak at `d`.
fn year() -> Year {
    [
        ("a", rows(&[row("М", 5, 6, 10), row("М", 5, 4, 10), row("Р", 5, 3, 10)])),
        ("b", rows(&[row("М", 5, 1, 10), row("М", 6, 9, 10)])),
        ("c", rows(&[row("М", 5, 1, 20)])),
        ("d", rows(&[row("М", 5, 0, 10)])),
    ]
    .into()
}

#[test]
fn a_row_knows_what_all_others_have_under_its_key_and_not_its_own_organisation_s() {
    let outcome = live(&analysis(3), [year()]);
    // Grade 5 in mathematics: a has 6 + 4 of 20, b 1 of 10, c 1 of 20; d's row is not among the weak.
    // For a the others are 2 of 30. Together 6 of 10 and 2 of 30 are 8 of 40: 6 - 10 · 8/40 = 4;
    // 4 of 10 and 2 of 30 are 6 of 40: 4 - 10 · 6/40 = 2,5.
    assert_eq!(value(&outcome, "surplus_low", "a"), Some(6.5));
    // For b they are 11 of 40: 1 - 10 · 12/50 = -1,4. Its grade 6 has no others.
    assert_eq!(value(&outcome, "surplus_low", "b"), Some(1.0 - 2.4));
    assert_eq!(value(&outcome, "compared", "a"), Some(2.0));
    assert_eq!(value(&outcome, "compared", "b"), Some(1.0));
    assert_eq!(value(&outcome, "others", "a"), Some(4.0), "two others, at two rows");
    // With four asked for, three are too few, and nothing is known of the others.
    let outcome = live(&analysis(4), [year()]);
    assert_eq!(value(&outcome, "compared", "a"), Some(0.0));
}

#[test]
fn texts_list_the_first_rows_and_count_the_rest() {
    let outcome = live(&analysis(3), [year()]);
    assert_eq!(text(&outcome, "weak"), "Слабые: М, 5: 6 из 10; М, 5: 4 из 10 и ещё 1; снова: —.");
}

#[test]
fn of_the_period_before_the_same_rows_are_selected_from_its_answers() {
    let before: Year = [
        ("a", rows(&[row("Р", 4, 2, 10), row("М", 4, 0, 10)])),
        // An organisation that is no more.
        ("z", rows(&[row("М", 4, 5, 10)])),
    ]
    .into();
    let outcome = live(&analysis(3), [before, year()]);
    assert_eq!(value(&outcome, "repeated", "a"), Some(1.0));
    assert_eq!(
        text(&outcome, "weak"),
        "Слабые: М, 5: 6 из 10; М, 5: 4 из 10 и ещё 1; снова: Р, 5: 3 из 10."
    );
    // Of b nothing is known for the year before, and nothing is said of it.
    assert_eq!(value(&outcome, "repeated", "b"), None);
}

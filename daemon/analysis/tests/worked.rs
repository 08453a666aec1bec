//! What the shipped analyses conclude of small examples that were worked by hand, as the comments
//! show: each tells the rule that holds today from one that looks alike and is wrong.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Year, live, met, shipped, text, value};
use serde_json::{Value, json};

/// A procedure of a school: kind, subject, grade, participants, and those of them below the mark.
fn procedure(kind: &str, subject: &str, grade: u32, low: u32, of: u32) -> Value {
    json!({
        "procedure": kind, "subject": subject, "grade": grade, "participants": of,
        "marks_2": low, "marks_3": of - low, "marks_4": 0, "marks_5": 0,
    })
}

/// One school's procedures of a year.
fn year(rows: &[Value]) -> Year {
    [("school-1", json!({ "procedures": rows }))].into()
}

#[test]
fn two_different_procedures_of_two_years_make_no_low_result_school_and_one_in_both_years_does() {
    let analysis = &shipped().analyses["low-results"];
    let last = |before: &[Value], now: &[Value]| live(analysis, [year(before), year(now)]);
    // Geography 4 of 12 and OGE informatics 5 of 14 the year after: both are over 30 %, and the sum
    // over two years was 2. Neither subject is compulsory.
    let outcome = last(
        &[procedure("ВПР", "География", 6, 4, 12)],
        &[procedure("ОГЭ", "Информатика", 9, 5, 14)],
    );
    assert_eq!(met(&outcome, "low-result"), [""; 0]);
    // Nor do compulsory subjects that are low beyond doubt, one each year: 14 of 20.
    let russian = procedure("ВПР", "Русский язык", 5, 14, 20);
    let mathematics = procedure("ВПР", "Математика", 5, 14, 20);
    let exam = procedure("ОГЭ", "Математика", 9, 14, 20);
    let outcome = last(&[russian.clone()], &[mathematics.clone()]);
    assert_eq!(met(&outcome, "low-result"), [""; 0]);
    assert_eq!(met(&outcome, "at-risk"), ["school-1"]);
    // The subject is the same and the procedure is another one.
    let outcome = last(&[exam.clone()], &[mathematics.clone()]);
    assert_eq!(met(&outcome, "low-result"), [""; 0]);
    // The same procedure, in whatever grade, both years.
    let outcome = last(&[procedure("ВПР", "Математика", 4, 14, 20)], &[mathematics.clone()]);
    assert_eq!(met(&outcome, "low-result"), ["school-1"]);
    assert_eq!(
        text(&outcome, "low-result"),
        "Низких процедур (30 % «2» и больше, и это не случайность малых чисел) за год — 1 из 1: \
         ВПР, математика, 5 класс: 14 из 20. Низкие второй год подряд: ВПР, математика. Доля низких \
         результатов по всем процедурам года — 70,0 %."
    );
    // Two of one year.
    let outcome = last(&[], &[mathematics.clone(), exam]);
    assert_eq!(met(&outcome, "low-result"), ["school-1"]);
    // Nothing is known of the year before: that it was not low is not known, either.
    let outcome = live(analysis, [year(&[mathematics])]);
    assert_eq!(met(&outcome, "low-result"), [""; 0]);
    assert_eq!(outcome.unmet.as_ref().unwrap()["low-result"], [""; 0]);
    assert_eq!(value(&outcome, "repeated_procedures", "school-1"), None);
}

#[test]
fn what_chance_makes_of_many_small_rows_flags_no_school() {
    let analysis = &shipped().analyses["low-results"];
    // Twelve pupils, 4 of whom have "2": 33 %, but Wilson's bound is
    // (1/3 + 0,1128 - 1,645 · √(2/9/12 + 0,0047)) / 1,2255 = 15,9 %. With a true share of 15 % there are
    // four or more of twelve with the probability 9,22 %: of 14 rows 1,29 are such by chance.
    let subjects = ["Русский язык", "Математика"];
    let rows = |low: u32, honest: usize| -> Vec<Value> {
        let row = |n: usize| {
            let low = if n < honest { 1 } else { low };
            procedure("ВПР", subjects[n % 2], 4 + n as u32 / 2, low, 12)
        };
        (0..14).map(row).collect()
    };
    let outcome = live(analysis, [year(&rows(4, 12))]);
    for rule in ["low-result", "at-risk", "unconfirmed"] {
        assert_eq!(met(&outcome, rule), [""; 0], "{rule}: two of 14 were enough once");
    }
    let expected = value(&outcome, "expected_over", "school-1").unwrap();
    assert!((expected - 14.0 * 0.092_206_331).abs() < 1e-6, "{expected}");
    assert_eq!(value(&outcome, "over_procedures", "school-1"), Some(2.0));
    // More than chance makes is said, as what it is.
    let outcome = live(analysis, [year(&rows(4, 11))]);
    assert_eq!(met(&outcome, "low-result"), [""; 0]);
    assert_eq!(
        text(&outcome, "unconfirmed"),
        "Доля «2» достигла 30 % в процедурах: 3 из 14 (ВПР, математика, 9 класс: 4 из 12; ВПР, русский \
         язык, 10 класс: 4 из 12; ВПР, математика, 10 класс: 4 из 12). По такому числу детей это может \
         быть и случай, но при обычной доле «2» (15 %) он дал бы таких процедур 1,3."
    );
    // Seven of twelve are no chance: the bound is 35,5 %; of six it is 28,5 %.
    assert_eq!(met(&live(analysis, [year(&rows(6, 12))]), "low-result"), [""; 0]);
    assert_eq!(met(&live(analysis, [year(&rows(7, 12))]), "low-result"), ["school-1"]);
}

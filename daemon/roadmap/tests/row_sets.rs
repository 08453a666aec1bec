//! Row sets and shared thresholds of analyses: what may be written, and how mistakes in it are told.

#![allow(clippy::unwrap_used)]

mod small;

use vekha_roadmap::diagnostic::render;
use vekha_roadmap::read::{Files, read, read_with_warnings};

/// The small road map whose analysis selects rows; `analysis` stands before its indicators.
fn with(thresholds: &str, analysis: &str) -> Files {
    let mut files = small::files();
    if !thresholds.is_empty() {
        files.0.insert("thresholds.toml".into(), thresholds.into());
    }
    let text = files.0.get_mut("analyses/low.toml").unwrap();
    let place = text.find("[[indicator]]").unwrap();
    text.insert_str(place, &format!("{analysis}\n\n"));
    files
}

const ROWS: &str = r#"[[rows]]
id = "weak"
formula = "subjects.filter(g, share(g.marks_2, g.took) >= threshold.low_share)"
key = ["row"]
text = "{{ row.row }}: {{ row.marks_2 }} из {{ row.took }}"
most = 3

[[rows]]
id = "apart"
formula = "weak.filter(g, difference(g.marks_2, g.took, g.others.marks_2, g.others.took) > 2 && g.others.organisations > 1)"

[[rows]]
id = "again"
formula = "weak.filter(g, earlier.weak.exists(e, e.row == g.row))""#;

#[test]
fn rows_are_selected_by_name_and_thresholds_are_shared() {
    let mut files = with("common = 30", ROWS);
    let text = files.0.get_mut("analyses/low.toml").unwrap();
    *text = text.replace("low_share = 30", "low_share = \"common\"");
    *text = text.replace("Доля {{ low_share }} %", "Доля {{ low_share }} %: {{ weak }}");
    *text = text.replace("low_share >= threshold.low_share", "low_share > 5 && weak.size() > 0");
    let road_map = read(&files).unwrap_or_else(|errors| panic!("{errors:#?}"));
    let analysis = &road_map.analyses["low"];
    assert_eq!(analysis.thresholds["low_share"], 30.0);
    assert_eq!(analysis.rows.iter().map(|rows| rows.most).collect::<Vec<_>>(), [3, 6, 6]);
    assert!(analysis.looks_at_earlier_rows());
}

#[test]
fn what_is_wrong_with_row_sets_is_told_where_it_stands() {
    let rows = r#"[[rows]]
id = "weak"
formula = "subjects.filter(g, g.marks_3 > 1)"
text = "{{ row.row }}"

[[rows]]
id = "sums"
formula = "subjects.map(g, g.marks_2)"

[[rows]]
id = "keyed"
formula = "subjects.filter(g, g.marks_2 > 1)"
key = ["rou"]
text = "{{ row.rov }}"

[[rows]]
id = "keyed"
formula = "subjects"
most = 4

[[rows]]
id = "pupils"
formula = "subjects"

[[rows]]
id = "later"
formula = "subjects.filter(g, low_share > 1)""#;
    let files = with("", rows);
    insta::assert_snapshot!(render(&read(&files).unwrap_err(), &files));
}

#[test]
fn an_unknown_shared_threshold_is_told_once_where_it_is_named_and_an_idle_one_is_worth_a_look() {
    let mut files = with("low_share = 30\nidle = 5", "");
    let text = files.0.get_mut("analyses/low.toml").unwrap();
    *text = text.replace("low_share = 30", "low_share = \"low_shore\"");
    let (_, report) = read_with_warnings(&files);
    let (errors, warnings) = (render(&report.errors, &files), render(&report.warnings, &files));
    insta::assert_snapshot!(format!("{errors}---\n{warnings}"));
}

#[test]
fn signs_are_indicators_by_name_and_what_is_wrong_with_them_is_told_where_it_stands() {
    let right = "[[signs]]\nid = \"marks\"\nof = [{ sign = \"low_share\", title = \"много «2»\" }]";
    let mut files = with("", right);
    let text = files.0.get_mut("analyses/low.toml").unwrap();
    *text = text.replace("Доля {{ low_share }} %", "{{ marks.found }}: {{ marks.unknown }}");
    let road_map = read(&files).unwrap_or_else(|errors| panic!("{errors:#?}"));
    assert_eq!(road_map.analyses["low"].signs[0].of[0].title, "много «2»");
    let wrong = r#"[[signs]]
id = "low_share"
of = [{ sign = "low_shore", title = "опечатка" }]

[[signs]]
id = "none""#;
    let mut files = with("", wrong);
    let text = files.0.get_mut("analyses/low.toml").unwrap();
    *text = text.replace("Доля {{ low_share }} %", "{{ none.foundd }}");
    insta::assert_snapshot!(render(&read(&files).unwrap_err(), &files));
}

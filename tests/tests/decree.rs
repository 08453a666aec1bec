//! The shipped road map says what the decree says, word for word.

#![allow(clippy::unwrap_used)] // how tests fail

use std::collections::BTreeMap;
use std::path::Path;

use vekha_roadmap::RoadMap;
use vekha_roadmap::read::read;

const DECREE: &str = include_str!("../data/decree-714.txt");

/// A row of the decree's table.
#[derive(Debug, Default)]
struct Row {
    section: String,
    title: String,
    deadline: String,
    responsible: Vec<String>,
}

fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The table: cells begin with a tab; a heading is a cell that no number precedes.
fn rows() -> BTreeMap<u32, Row> {
    let (_, table) = DECREE.split_once("Ответственные").expect("the table's head");
    let cells: Vec<String> = table.split("\n\t").skip(1).map(plain).collect();
    let mut rows = BTreeMap::new();
    let mut section = String::new();
    let mut rest = cells.iter().filter(|cell| !cell.is_empty());
    while let Some(cell) = rest.next() {
        let Ok(number) = cell.parse() else {
            section = cell.clone();
            continue;
        };
        let mut next = || rest.next().expect("a whole row").clone();
        let (title, deadline) = (next(), next());
        let responsible = next().split(',').map(plain).collect();
        rows.insert(number, Row { section: section.clone(), title, deadline, responsible });
    }
    rows
}

fn shipped() -> RoadMap {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/road-map");
    let files = vekha::files::load(&folder).unwrap();
    read(&files).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"))
}

#[test]
fn all_33_activities_stand_word_for_word_under_their_headings() {
    let (road_map, rows) = (shipped(), rows());
    assert_eq!(rows.len(), 33);
    assert_eq!(road_map.activities.len(), 33);
    let municipality = &road_map.municipality;
    for activity in &road_map.activities {
        let row = &rows[&activity.number];
        let number = activity.number;
        assert_eq!(plain(&activity.title), row.title, "{number}");
        assert_eq!(plain(&activity.deadline), row.deadline, "{number}");
        let section = municipality.sections.iter().find(|s| s.id == activity.section).unwrap();
        assert_eq!(section.title, row.section, "{number}");
        let parties: Vec<&String> =
            activity.responsible.iter().map(|party| &municipality.parties[party]).collect();
        assert_eq!(parties, row.responsible.iter().collect::<Vec<_>>(), "{number}");
    }
}

#[test]
fn the_chains_of_the_decree_wait_for_each_other() {
    use vekha_roadmap::model::PeriodOf::{Current, Previous};
    let road_map = shipped();
    let by_number = |number: u32| {
        road_map.activities.iter().find(|a| a.number == number).expect("33 activities")
    };
    for (downstream, upstream, period) in [
        (18, 17, Current),
        (19, 18, Current),
        (20, 19, Current),
        (23, 22, Current),
        (24, 22, Current),
        (24, 23, Current),
        (27, 26, Current),
        (28, 27, Current),
        (29, 8, Current),
        (29, 14, Current),
        (30, 29, Current),
        (31, 29, Current),
        (32, 31, Current),
        (33, 32, Current),
        (10, 5, Current),
        (10, 8, Current),
        (10, 9, Current),
        (10, 14, Current),
        (13, 10, Current),
        (3, 30, Previous),
    ] {
        let wanted = &by_number(upstream).id;
        let after = &by_number(downstream).schedule.after;
        assert!(
            after.iter().any(|u| u.activity == *wanted && u.period == period),
            "{downstream} must come after {upstream}"
        );
    }
}

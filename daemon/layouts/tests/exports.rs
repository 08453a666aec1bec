//! Synthetic exports, made by another library (`exports/make.py`), against what they hold by hand.

#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::LazyLock;

use serde_json::{Value, json};
use vekha_layouts::{NoteKind, Organisations, Purpose, Reading, Understood};
use vekha_plugin_tables::{Limits, each_row};
use vekha_roadmap::RoadMap;
use vekha_roadmap::model::Layout;
use vekha_roadmap::read::{Files, read};

/// The shipped road map.
fn shipped() -> RoadMap {
    fn collect(folder: &Path, below: &str, files: &mut Files) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("{below}{}", path.file_name().unwrap().to_string_lossy());
            if path.is_dir() {
                collect(&path, &format!("{name}/"), files);
            } else if Files::wants(&name) {
                files.0.insert(name, std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    let mut files = Files::default();
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    collect(&here.join("../../config/road-map"), "", &mut files);
    read(&files).unwrap()
}

static SHIPPED: LazyLock<RoadMap> = LazyLock::new(shipped);

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/exports").join(name)).unwrap()
}

/// Reads files into a form as a school (`own`) or the department would.
fn understood(form: &str, names: &[&str], own: Option<&str>) -> Understood {
    let road_map = &*SHIPPED;
    let layouts: Vec<&Layout> =
        road_map.layouts.values().filter(|layout| layout.form == form).collect();
    let organisations = Organisations::of(&road_map.organisations);
    let years: RangeInclusive<i64> = 2026..=2026;
    let mut reading = Reading::new(Purpose {
        form: &road_map.forms[form],
        layouts: &layouts,
        organisations: &organisations,
        own,
        years: Some(&years),
    });
    for name in names {
        let bytes = bytes(name);
        reading.file(name, |take| each_row(name, &bytes, &Limits::default(), take));
    }
    reading.finish()
}

/// What was understood, for people to look at.
fn told(understood: &Understood) -> String {
    let mut all = String::new();
    for file in &understood.files {
        let layout = file.layout.as_deref().unwrap_or("—");
        writeln!(all, "{}: {layout}, {} rows", file.name, file.rows).unwrap();
        for c in &file.columns {
            writeln!(all, "    {} {}{}: «{}» = {}", c.sheet, c.column, c.row, c.heading, c.value)
                .unwrap();
        }
        writeln!(all, "    unread: {}", file.unread.join(", ")).unwrap();
    }
    let mut answers = |whose: &str, answers: &vekha_plugin_tables::Values| {
        for (field, rows) in answers {
            writeln!(all, "{whose}: {field}").unwrap();
            for row in rows.as_array().unwrap() {
                writeln!(all, "    {row}").unwrap();
            }
        }
    };
    for (code, read) in &understood.organisations {
        answers(&format!("{code} ({} rows)", read.rows), &read.answers);
    }
    for beside in &understood.beside {
        answers(&format!("[{}] {}", beside.level, beside.label), &beside.answers);
    }
    for note in &understood.notes {
        let kind = match note.kind {
            NoteKind::Unclear => "?",
            NoteKind::Left => "-",
            NoteKind::Told => "!",
        };
        let Some(place) = &note.place else {
            writeln!(all, "{kind} {}: {} ×{}", note.file, note.text, note.rows).unwrap();
            continue;
        };
        writeln!(all, "{kind} {}, {place}: {} ×{}", note.file, note.text, note.rows).unwrap();
    }
    all
}

fn row<'u>(understood: &'u Understood, code: &str, field: &str, at: usize) -> &'u Value {
    &understood.organisations[code].answers[field][at]
}

#[test]
fn form_1_yields_marks_journal_borders_scores_and_tasks() {
    let understood = understood("vpr-results", &["form-1.xlsx"], None);
    // Reckoned by hand from the rows in make.py: «3» from 2, «4» from 4, «5» from 6.
    assert_eq!(
        row(&understood, "school-1", "results", 0),
        &json!({
            "grade": 5, "subject": "Математика", "participants": 5,
            "marks_2": 1, "marks_3": 2, "marks_4": 1, "marks_5": 1,
            "lowered": 2, "confirmed": 2, "raised": 0, "unmarked": 1, "lowered_2": 1, "raised_2": 0,
            "score_before_3": 1, "score_at_3": 1, "score_before_4": 1, "score_at_4": 1,
            "score_before_5": 0, "score_at_5": 1,
        })
    );
    assert_eq!(
        row(&understood, "school-2", "results", 0),
        &json!({
            "grade": 5, "subject": "Математика", "participants": 4,
            "marks_2": 2, "marks_3": 1, "marks_4": 1, "marks_5": 0,
            "lowered": 1, "confirmed": 2, "raised": 1, "unmarked": 0, "lowered_2": 1, "raised_2": 0,
            "score_before_3": 1, "score_at_3": 0, "score_before_4": 1, "score_at_4": 0,
            "score_before_5": 1, "score_at_5": 0,
        })
    );
    let task = |task: &str, level: &str, most: u8, points: u8| {
        json!({ "grade": 5, "subject": "Математика", "task": task, "level": level, "most": most,
            "works": 5, "points": points })
    };
    let tasks: Vec<Value> =
        (0..3).map(|at| row(&understood, "school-1", "tasks", at).clone()).collect();
    let wanted =
        [task("1", "базовый", 2, 6), task("2", "базовый", 1, 3), task("9.1", "повышенный", 3, 7)];
    assert_eq!(tasks, wanted);
    assert_eq!(
        row(&understood, "school-1", "results", 1),
        &json!({
            "grade": 5, "subject": "Русский язык", "participants": 2,
            "marks_2": 1, "marks_3": 1, "marks_4": 0, "marks_5": 0,
            "lowered": 0, "confirmed": 2, "raised": 0, "unmarked": 0, "lowered_2": 0, "raised_2": 0,
            "score_before_3": 1, "score_at_3": 1,
        })
    );
    insta::assert_snapshot!(told(&understood));
}

#[test]
fn no_pupil_is_in_what_was_understood() {
    let understood = understood("vpr-results", &["form-1.xlsx", "own.xlsx"], None);
    let told = format!("{understood:?}");
    for code in 50001..50007 {
        assert!(!told.contains(&code.to_string()), "{code}");
    }
    assert!(!told.contains("5А"));
}

#[test]
fn a_schools_own_file_is_its_own_though_nobody_knows_its_login() {
    let alone = understood("vpr-results", &["own-alone.xlsx"], Some("school-3"));
    insta::assert_snapshot!("own_alone", told(&alone));
    // Where another school stands in the file, nobody unknown is taken for the school's own.
    let mixed = understood("vpr-results", &["own.xlsx"], Some("school-3"));
    insta::assert_snapshot!("own_mixed", told(&mixed));
}

#[test]
fn shares_become_numbers_and_levels_are_kept_beside() {
    let understood = understood("vpr-results", &["form-2.xlsx"], None);
    assert_eq!(
        row(&understood, "school-1", "results", 0),
        &json!({ "grade": 5, "subject": "Математика", "participants": 32,
            "marks_2": 4, "marks_3": 12, "marks_4": 11, "marks_5": 5 })
    );
    assert_eq!(
        row(&understood, "school-2", "results", 0),
        &json!({ "grade": 5, "subject": "Математика", "participants": 7,
            "marks_2": 1, "marks_3": 2, "marks_4": 3, "marks_5": 1 })
    );
    insta::assert_snapshot!(told(&understood));
}

#[test]
fn several_forms_fill_one_row_together() {
    let files = ["form-3.xlsx", "form-2.xlsx", "form-4.xlsx"];
    let understood = understood("vpr-results", &files, None);
    assert_eq!(
        row(&understood, "school-1", "results", 0),
        &json!({ "grade": 5, "subject": "Математика", "participants": 32,
            "marks_2": 4, "marks_3": 12, "marks_4": 11, "marks_5": 5,
            "lowered": 8, "confirmed": 20, "raised": 4 })
    );
    let scores = understood.organisations["school-1"].answers["scores"].as_array().unwrap();
    let scores: Vec<(i64, i64)> = scores
        .iter()
        .map(|row| (row["score"].as_i64().unwrap(), row["works"].as_i64().unwrap()))
        .collect();
    assert_eq!(scores, [(1, 4), (2, 4), (3, 8), (4, 8), (5, 4), (6, 4)]);
    insta::assert_snapshot!(told(&understood));
}

#[test]
fn the_same_export_fills_the_list_of_procedures() {
    for (file, participants) in [("form-1.xlsx", 5), ("form-2.xlsx", 32)] {
        let understood = understood("procedure-results", &[file], None);
        let row = row(&understood, "school-1", "procedures", 0);
        assert_eq!((&row["procedure"], &row["grade"]), (&json!("ВПР"), &json!(5)));
        assert_eq!(
            (&row["subject"], &row["participants"]),
            (&json!("Математика"), &json!(participants))
        );
    }
}

#[test]
fn one_file_sent_twice_counts_once() {
    let once = understood("vpr-results", &["form-1.xlsx"], None);
    let twice = understood("vpr-results", &["form-1.xlsx", "form-1.xlsx"], None);
    for (code, read) in &once.organisations {
        assert_eq!(twice.organisations[code].answers, read.answers, "{code}");
    }
}

#[test]
fn final_exams_are_read_from_tables_by_subject() {
    let understood = understood("gia-results", &["oge.csv", "ege.xlsx"], None);
    insta::assert_snapshot!(told(&understood));
}

#[test]
fn what_nobody_knows_is_told_with_what_it_lacks() {
    let understood = understood("vpr-results", &["strange.xlsx", "lacking.xlsx"], None);
    assert!(understood.organisations.is_empty());
    insta::assert_snapshot!(told(&understood));
}

//! What a template says, and that it comes back as it went.

#![allow(clippy::unwrap_used)]

mod common;

use std::fmt::Write;
use std::io::Cursor;

use calamine::{Reader, Xlsx};
use common::{describe, form, heading, procedures, road_map, round_trip};
use vekha_plugin_tables::{Limits, Values, read, template, template_csv};

/// Sheet, cell and text of all that a workbook shows.
fn cells(bytes: &[u8]) -> String {
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes.to_vec())).unwrap();
    let mut shown = String::new();
    for name in book.sheet_names() {
        let range = book.worksheet_range(&name).unwrap();
        let (top, left) = range.start().unwrap_or_default();
        for (row, column, data) in range.used_cells() {
            let letter = char::from(b'A' + (left as usize + column) as u8);
            let at = format!("{letter}{}", top as usize + row + 1);
            writeln!(shown, "{name} {at:4} {data}").unwrap();
        }
    }
    shown
}

#[test]
fn a_template_asks_what_the_form_asks() {
    let (form, _) = form("procedure-results");
    let bytes = template(&form, &heading(), Some(&procedures())).unwrap();
    insta::assert_snapshot!(cells(&bytes));
}

#[test]
fn every_form_of_the_example_has_a_template_that_is_recognised() {
    for (id, form) in road_map().forms {
        let form = describe(&form);
        let bytes = template(&form, &heading(), None).unwrap();
        let sheet = read(&form, "a.xlsx", &bytes, &Limits::default()).unwrap();
        assert_eq!(sheet.answers, Values::new(), "{id}");
        assert_eq!(sheet.mistakes, [], "{id}");
        for field in &form.fields {
            assert!(sheet.places.get(&field.id).is_some(), "{id}: {}", field.id);
        }
        // To look at them: VEKHA_TEMPLATES=folder.
        if let Ok(path) = std::env::var("VEKHA_TEMPLATES") {
            std::fs::write(format!("{path}/{id}.xlsx"), &bytes).unwrap();
        }
    }
}

#[test]
fn answers_come_back_as_they_went() {
    let (form, _) = form("procedure-results");
    let sheet = round_trip(&form, &procedures()).unwrap();
    assert_eq!(sheet.answers, procedures());
    assert_eq!(sheet.mistakes, []);
    let place = sheet.places.get("procedures[1].marks_2").unwrap();
    assert_eq!(place.to_string(), "лист «Процедуры», строка 6, столбец E («„2“, чел.»)");
}

#[test]
fn csv_answers_come_back_as_they_went() {
    let (form, _) = form("procedure-results");
    let mut answers = procedures();
    answers.remove("comment");
    let bytes = template_csv(&form, Some(&answers)).unwrap();
    let sheet = read(&form, "a.csv", &bytes, &Limits::default()).unwrap();
    assert_eq!(sheet.answers, answers);
}

#[test]
fn text_never_becomes_a_formula() {
    let (form, _) = form("procedure-results");
    let mut answers = procedures();
    for text in ["=HYPERLINK(\"http://x\")", "+7 900", "-1", "@SUM(A1)", "'=1", "'quoted'"] {
        answers["procedures"][0]["subject"] = text.into();
        answers.insert("comment".into(), text.into());
        let bytes = template(&form, &heading(), Some(&answers)).unwrap();
        let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).unwrap();
        for name in book.sheet_names() {
            let formulas = book.worksheet_formula(&name).unwrap();
            assert_eq!(formulas.used_cells().count(), 0, "{name}: {text}");
        }
        assert_eq!(round_trip(&form, &answers).unwrap().answers, answers, "{text}");
        let csv = String::from_utf8(template_csv(&form, Some(&answers)).unwrap()).unwrap();
        assert!(!csv.contains(&format!(";{text}")), "{csv}");
        let back = read(&form, "a.csv", csv.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(back.answers["procedures"], answers["procedures"], "{text}");
    }
}

#[test]
fn a_template_of_another_form_or_wording_is_told() {
    let (one, _) = form("procedure-results");
    let (other, _) = form("vpr-results");
    let bytes = template(&other, &heading(), None).unwrap();
    let told = read(&one, "a.xlsx", &bytes, &Limits::default()).unwrap_err();
    assert_eq!(
        told[0].to_string(),
        "Это шаблон другой формы — «Результаты всероссийских проверочных работ», а нужна \
         «Результаты оценочных процедур»: скачайте её шаблон и заполните его."
    );
    let mut older = one.clone();
    older.fields[0].columns[2].label = "Дисциплина".into();
    let bytes = template(&older, &heading(), None).unwrap();
    let told = read(&one, "a.xlsx", &bytes, &Limits::default()).unwrap_err();
    assert!(told[0].message.starts_with("Шаблон устарел"), "{}", told[0]);
}

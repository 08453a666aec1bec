//! CSV as the programs of the day write it.

#![allow(clippy::unwrap_used)]

mod common;

use common::{complaints, form};
use vekha_plugin_tables::{Limits, read};

const TABLE: &str = "Процедура;Класс;Предмет;Участников, чел.;«2», чел.;«3», чел.;«4», чел.;«5», чел.\r\n\
    ВПР;5;\"Русский; язык\";10;1;2;3;4\r\n\
    \r\n\
    ОГЭ;9;Физика;1 0;1,0;2;3;4\r\n";

fn rows(bytes: &[u8]) -> usize {
    let answers = complaints(&form("procedure-results"), "a.csv", bytes).unwrap();
    assert_eq!(answers["procedures"][0]["subject"], "Русский; язык");
    assert_eq!(answers["procedures"][1]["participants"], 10);
    answers["procedures"].as_array().unwrap().len()
}

#[test]
fn any_encoding_of_the_day_is_read() {
    assert_eq!(rows(TABLE.as_bytes()), 2);
    assert_eq!(rows(format!("\u{feff}{TABLE}").as_bytes()), 2);
    assert_eq!(rows(format!("sep=;\r\n{TABLE}").as_bytes()), 2);
    let (bytes, _, lost) = encoding_rs::WINDOWS_1251.encode(TABLE);
    assert!(!lost);
    assert_eq!(rows(&bytes), 2);
    let wide: Vec<u8> =
        std::iter::once(0xfeff).chain(TABLE.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    assert_eq!(rows(&wide), 2);
}

#[test]
fn any_separator_is_found() {
    for separator in [",", "\t"] {
        let quoted: String = TABLE
            .lines()
            .map(|line| {
                let line = line.replace("\"Русский; язык\"", "Русский~ язык");
                let fields = line.split(';').map(|f| format!("\"{}\"", f.replace('~', ";")));
                fields.collect::<Vec<_>>().join(separator) + "\n"
            })
            .collect();
        assert_eq!(rows(quoted.as_bytes()), 2, "{quoted}");
    }
}

#[test]
fn a_mistake_is_told_in_the_row_that_people_see() {
    let text = TABLE.replace("1,0", "много");
    let told = complaints(&form("procedure-results"), "a.csv", text.as_bytes()).unwrap_err();
    assert_eq!(told, ["строка 4, столбец E («„2“, чел.»): нужно целое число"]);
}

#[test]
fn a_form_that_csv_cannot_hold_is_refused_with_what_to_do() {
    let told = |id| complaints(&form(id), "a.csv", "a;b".as_bytes()).unwrap_err().remove(0);
    assert_eq!(
        told("training-results"),
        "В форме несколько таблиц, в один файл CSV они не помещаются: заполните шаблон .xlsx."
    );
    assert!(
        told("low-result-state").starts_with("В CSV помещается только таблица «Группы, которым")
    );
    assert_eq!(
        told("procedure-results"),
        "В файле не нашлось ни одного вопроса формы «Результаты оценочных процедур»: скачайте её \
         шаблон и заполните его."
    );
}

#[test]
fn bytes_that_are_no_text_are_no_table() {
    let (form, _) = form("procedure-results");
    let bytes: Vec<u8> = (0..=255).cycle().take(4096).collect();
    let told = read(&form, "a.csv", &bytes, &Limits::default()).unwrap_err();
    assert!(told[0].message.starts_with("Это не таблица"), "{}", told[0]);
}

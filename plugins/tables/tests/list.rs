//! Plain lists under headings: what is written is read again, whatever the file's format, and what
//! is wrong is told at its cell.

#![allow(clippy::unwrap_used)]

mod common;

use common::{ods, part};
use proptest::prelude::*;
use rust_xlsxwriter::{Formula, Workbook};
use vekha_plugin_tables::{Limits, List, ListCell, list, list_csv, read_list};

const HEADINGS: [(&str, f64); 3] = [("Код", 10.0), ("Наименование", 30.0), ("Телефон", 15.0)];

fn names() -> [&'static str; 3] {
    HEADINGS.map(|(heading, _)| heading)
}

fn read(name: &str, bytes: &[u8]) -> List {
    read_list(&names(), name, bytes, &Limits::default()).unwrap()
}

fn text(rows: &[Vec<String>]) -> Vec<Vec<ListCell>> {
    rows.iter().map(|row| row.iter().cloned().map(ListCell::Text).collect()).collect()
}

fn rows(list: &List) -> Vec<Vec<String>> {
    let row = |row| (0..names().len()).map(|column| list.text(row, column).to_owned()).collect();
    (0..list.len()).map(row).collect()
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(
        // As cells keep them: without blanks at the ends.
        rows_written in prop::collection::vec(
            prop::collection::vec("([=+@'-]?[а-яёA-Z0-9«»\"=+;,' -]{0,12}[а-яA-Z0-9])?", 3),
            1..5,
        ),
    ) {
        let rows_written: Vec<Vec<String>> = rows_written
            .into_iter()
            .map(|row| row.into_iter().map(|cell| cell.trim().to_owned()).collect())
            .filter(|row: &Vec<String>| row.iter().any(|cell| !cell.is_empty()))
            .collect();
        let xlsx = list("Список", &HEADINGS, &text(&rows_written)).unwrap();
        prop_assert_eq!(rows(&read("a.xlsx", &xlsx)), rows_written.clone());
        let csv = list_csv(&names(), &text(&rows_written)).unwrap();
        prop_assert_eq!(rows(&read("a.csv", &csv)), rows_written);
    }
}

#[test]
fn nothing_that_is_written_is_a_formula_to_a_spreadsheet() {
    let evil = ["=1+1", "+7 900", "-1", "@SUM(A1)", "\tx", "'=1"];
    let written: Vec<Vec<String>> =
        evil.iter().map(|text| vec!["a".into(), (*text).to_owned(), "1".into()]).collect();
    let csv = String::from_utf8(list_csv(&names(), &text(&written)).unwrap()).unwrap();
    for line in csv.lines().skip(1) {
        let cell = line.split(';').nth(1).unwrap().trim_start_matches('"');
        assert!(cell.starts_with('\''), "{line}");
    }
    let workbook = read("a.xlsx", &list("Список", &HEADINGS, &text(&written)).unwrap());
    assert!(workbook.mistakes.is_empty());
    assert_eq!(workbook.text(0, 1), "=1+1");
    // Nor does it become one when somebody edits the cell.
    let styles = part(&list("Список", &HEADINGS, &text(&written)).unwrap(), "xl/styles.xml");
    assert_eq!(styles.matches("quotePrefix=\"1\"").count(), 1, "{styles}");
}

#[test]
fn numbers_and_days_are_such_to_a_spreadsheet_and_the_page_is_set() {
    let day = |date| ListCell::Date(date);
    let written = [
        vec!["a".into(), ListCell::Number(Some(-2.5)), day(Some((2027, 9, 1)))],
        vec!["b".into(), ListCell::Number(None), day(None)],
        vec!["c".into(), ListCell::Number(Some(7.0)), day(Some((1812, 9, 7)))],
    ];
    let book = list("Список", &HEADINGS, &written).unwrap();
    let sheet = part(&book, "xl/worksheets/sheet1.xml");
    for expected in [
        "<v>-2.5</v>",
        "<v>46631</v>",
        "<v>7</v>",
        "fitToPage=\"1\"",
        "orientation=\"landscape\"",
        "fitToHeight=\"0\"",
    ] {
        assert!(sheet.contains(expected), "{expected}: {sheet}");
    }
    assert!(part(&book, "xl/workbook.xml").contains("_xlnm.Print_Titles"));
    assert!(part(&book, "xl/styles.xml").contains("yyyy"));
    let shown = [["a", "-2,5", "01.09.2027"], ["b", "", ""], ["c", "7", "07.09.1812"]];
    assert_eq!(rows(&read("a.xlsx", &book)), shown);
    let csv = list_csv(&names(), &written).unwrap();
    assert!(String::from_utf8_lossy(&csv).contains("\na;-2,5;01.09.2027\n"));
    assert_eq!(rows(&read("a.csv", &csv)), shown);
}

#[test]
fn columns_are_found_by_their_headings_in_any_encoding() {
    let text = "Выгрузка из АСУ;;\n\nтелефон;КОД;Примечание;наименование :\n2-10;a;—;«Ёлка»\n;;;\n";
    let bytes = encoding_rs::WINDOWS_1251.encode(text).0;
    let list = read("школы.csv", &bytes);
    assert_eq!(rows(&list), [["a", "«Ёлка»", "2-10"]]);
    assert_eq!(list.unknown, ["Примечание"]);
    let place = list.place(0, 1).to_string();
    assert_eq!(place, "строка 4, столбец D («наименование :»)");
    let commas = "Код,Наименование\na,\"Школа, первая\"\n";
    let list = read("a.csv", commas.as_bytes());
    assert_eq!(rows(&list), [["a", "Школа, первая", ""]]);
    assert!(list.has(1) && !list.has(2));
}

#[test]
fn an_ods_file_is_a_list_as_well() {
    let row = |cells: [&str; 3]| {
        let cell = |text| {
            format!(
                "<table:table-cell office:value-type=\"string\"><text:p>{text}</text:p>\
                 </table:table-cell>"
            )
        };
        format!("<table:table-row>{}</table:table-row>", cells.map(cell).concat())
    };
    let table = row(["Наименование", "Код", "Телефон"]) + &row(["Ёлка", "a", "2-10"]);
    let list = read("a.ods", &ods(&table));
    assert_eq!(rows(&list), [["a", "Ёлка", "2-10"]]);
    assert_eq!(list.place(0, 0).to_string(), "лист «a», строка 2, столбец B («Код»)");
}

#[test]
fn mistakes_are_told_at_their_cells() {
    let mut book = Workbook::new();
    book.add_worksheet().write(0, 0, "Пояснения").unwrap();
    let sheet = book.add_worksheet();
    sheet.set_name("Школы").unwrap();
    for (column, heading) in (0..).zip(["Код", "Наименование", "Код", "Телефон"])
    {
        sheet.write(1, column, heading).unwrap();
    }
    sheet.write(2, 0, "a").unwrap();
    sheet.write_formula(2, 1, Formula::new("=1/0").set_result("#DIV/0!")).unwrap();
    sheet.write(2, 3, 83_430_021_014_f64).unwrap();
    let list = read("a.xlsx", &book.save_to_buffer().unwrap());
    assert_eq!(list.text(0, 2), "83430021014");
    let told: Vec<String> = list.mistakes.iter().map(ToString::to_string).collect();
    assert_eq!(
        told[0],
        "лист «Школы», строка 2, столбец C («Код»): такой столбец уже есть: оставьте один"
    );
    for (name, bytes, expected) in [
        ("a.csv", &b"a;b\n1;2\n"[..], "В файле нет столбца «Код»: по нему узнаются строки."),
        ("a.csv", b"", "Файл пуст."),
        ("a.pdf", b"%PDF", "Это не таблица: нужен файл .xlsx, .ods или .csv."),
    ] {
        let told = read_list(&names(), name, bytes, &Limits::default()).unwrap_err();
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].to_string(), expected);
    }
}

#[test]
fn a_list_of_any_title_is_a_sheet() {
    for title in [
        "Состояние школы с низкими образовательными результатами",
        "ВПР: 5/6 классы [черновик]? *",
        "''",
        "",
    ] {
        let rows = text(&[["1", "а", "б"].map(str::to_owned).to_vec()]);
        let bytes = list(title, &HEADINGS, &rows).unwrap_or_else(|e| panic!("{title}: {e}"));
        assert_eq!(self::rows(&read("list.xlsx", &bytes)).len(), 1, "{title}");
    }
}

//! Every kind of mistake is told at its place, all at once; what people change without harm is read.

#![allow(clippy::unwrap_used)]

mod common;

use common::{complaints, form, heading, ods, procedures, unvalued};
use rust_xlsxwriter::{ExcelDateTime, Format, Formula, Workbook, Worksheet};
use vekha_plugin_tables::{Limits, Values, read, template};

/// The headings of `procedure-results`.
const HEADINGS: [&str; 8] = [
    "Процедура",
    "Класс",
    "Предмет",
    "Участников, чел.",
    "«2», чел.",
    "«3», чел.",
    "«4», чел.",
    "«5», чел.",
];

/// A workbook made by hand: the sheet of procedures, its headings in the given row and column.
fn by_hand(name: &str, row: u32, column: u16, fill: impl FnOnce(&mut Worksheet)) -> Vec<u8> {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    sheet.set_name(name).unwrap();
    for (at, heading) in HEADINGS.iter().enumerate() {
        sheet.write_string(row, column + at as u16, *heading).unwrap();
    }
    fill(sheet);
    book.save_to_buffer().unwrap()
}

fn right_row(sheet: &mut Worksheet, row: u32, column: u16) {
    for (at, text) in ["ВПР", "5", "Физика"].iter().enumerate() {
        sheet.write_string(row, column + at as u16, *text).unwrap();
    }
    for (at, n) in [10.0, 1.0, 2.0, 3.0, 4.0].iter().enumerate() {
        sheet.write_number(row, column + 3 + at as u16, *n).unwrap();
    }
}

#[test]
fn every_mistake_is_told_at_its_cell_and_all_at_once() {
    let form = form("procedure-results");
    let bytes = by_hand("Процедуры", 0, 0, |sheet| {
        for row in 1..=5 {
            right_row(sheet, row, 0);
        }
        sheet.write_string(1, 1, "пятый").unwrap();
        sheet.write_number(2, 1, 12).unwrap();
        sheet.write_number(2, 3, 10.5).unwrap();
        sheet.write_formula(3, 4, Formula::new("=1/0").set_result("#DIV/0!")).unwrap();
        sheet.write_string(4, 2, "ф".repeat(101)).unwrap();
        sheet.write_blank(5, 7, &Format::new()).unwrap();
        sheet.write_string(6, 0, "ВПР").unwrap();
    });
    let told = complaints(&form, "a.xlsx", &bytes).unwrap_err();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_rule_across_columns_is_told_at_its_cell() {
    let form = form("procedure-results");
    let bytes = by_hand("Лист1", 4, 2, |sheet| {
        right_row(sheet, 7, 2);
        right_row(sheet, 9, 2);
        sheet.write_number(9, 5, 11).unwrap();
    });
    let told = complaints(&form, "a.xlsx", &bytes).unwrap_err();
    assert_eq!(
        told,
        ["лист «Лист1», строка 10, столбец F («Участников, чел.»): Сумма отметок должна \
          равняться числу участников"]
    );
}

#[test]
fn inserted_rows_and_columns_and_other_case_do_not_matter() {
    let form = form("procedure-results");
    let bytes = by_hand("Процедуры", 2, 1, |sheet| {
        sheet.write_string(0, 0, "Наша школа").unwrap();
        sheet.write_string(2, 0, "Заметки завуча").unwrap();
        sheet.write_string(2, 3, "  ПРЕДМЕТ:\n").unwrap();
        sheet.write_string(2, 4, "участников").unwrap();
        sheet.write_string(2, 5, "marks_2").unwrap();
        right_row(sheet, 5, 1);
        sheet.write_string(5, 0, "проверить").unwrap();
    });
    let answers = complaints(&form, "a.xlsx", &bytes).unwrap();
    assert_eq!(answers["procedures"].as_array().unwrap().len(), 1);
    assert_eq!(answers["procedures"][0]["subject"], "Физика");
}

#[test]
fn a_lost_column_is_told_once_and_not_in_every_row() {
    let form = form("procedure-results");
    let bytes = by_hand("Процедуры", 0, 0, |sheet| {
        sheet.write_string(0, 4, "Двойки").unwrap();
        sheet.write_string(0, 9, "Класс").unwrap();
        for row in 1..4 {
            right_row(sheet, row, 0);
        }
    });
    let told = complaints(&form, "a.xlsx", &bytes).unwrap_err();
    assert_eq!(
        told,
        [
            "лист «Процедуры», строка 1, столбец A («„2“, чел.»): нет столбца \
             ««2», чел.»: верните его заголовок",
            "лист «Процедуры», строка 1, столбец J («Класс»): такой столбец уже есть левее: \
             оставьте один",
        ]
    );
}

#[test]
fn more_rows_than_the_form_has_are_told_at_the_first_of_them() {
    let form = form("procedure-results");
    let bytes = by_hand("Процедуры", 0, 0, |sheet| {
        for row in 1..=90 {
            right_row(sheet, row, 0);
        }
    });
    let told = complaints(&form, "a.xlsx", &bytes).unwrap_err();
    assert_eq!(told, ["лист «Процедуры», строка 82, столбец A: строк больше, чем можно: 80"]);
}

#[test]
fn fixed_rows_are_found_by_name_and_strange_ones_told() {
    let form = form("regional-indicators");
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    let headings = ["Группы показателей", "Используем", "Где закреплено", "С какого месяца"];
    for (at, heading) in headings.iter().enumerate() {
        sheet.write_string(0, at as u16, *heading).unwrap();
    }
    sheet.write_string(0, 4, "Чего не хватает").unwrap();
    let names = form.0.fields.iter().find(|f| !f.rows.is_empty()).unwrap().rows.clone();
    let date = Format::new().set_num_format("dd.mm.yyyy");
    for (row, name) in (1..).zip(names.iter().rev().skip(1)) {
        sheet.write_string(row, 0, name.to_uppercase()).unwrap();
        sheet.write_string(row, 1, if row == 1 { "Иногда" } else { "полностью" }).unwrap();
        sheet.write_string(row, 2, "Приказ № 1").unwrap();
        let day = ExcelDateTime::from_ymd(2027, 9, row as u8).unwrap();
        sheet.write_datetime_with_format(row, 3, day, &date).unwrap();
    }
    sheet.write_string(9, 0, "Прочее").unwrap().write_string(9, 1, "Пока нет").unwrap();
    let bytes = book.save_to_buffer().unwrap();
    let told = complaints(&form, "a.xlsx", &bytes).unwrap_err();
    insta::assert_snapshot!(told.join("\n"));
    let sheet = read(&form.0, "a.xlsx", &bytes, &Limits::default()).unwrap();
    assert_eq!(sheet.answers["groups"][1]["since"], "2027-09-02");
    assert_eq!(sheet.answers["groups"][1]["used"], "full");
}

#[test]
fn shares_typed_with_a_sign_are_points_of_a_hundred() {
    let form = form("vpr-results");
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    let shown = Format::new().set_num_format("0%");
    sheet
        .write_string(0, 0, "Доля аудиторий с независимым наблюдателем или видеонаблюдением")
        .unwrap();
    sheet.write_number_with_format(0, 1, 0.57, &shown).unwrap();
    sheet.write_string(1, 0, "cross_checked").unwrap().write_string(1, 1, "12,5 %").unwrap();
    let bytes = book.save_to_buffer().unwrap();
    let sheet = read(&form.0, "a.xlsx", &bytes, &Limits::default()).unwrap();
    assert_eq!(sheet.answers["observed"], 57);
    assert_eq!(sheet.answers["cross_checked"], 12.5);
}

#[test]
fn shares_of_ods_are_points_too() {
    let (form, _) = form("vpr-results");
    let row = |id: &str, kind: &str, value: &str| {
        format!(
            "<table:table-row><table:table-cell office:value-type=\"string\"><text:p>{id}</text:p>\
             </table:table-cell><table:table-cell office:value-type=\"{kind}\" \
             office:value=\"{value}\"/></table:table-row>"
        )
    };
    let table = row("observed", "percentage", "0.85") + &row("cross_checked", "float", "0.85");
    let sheet = read(&form, "a.ods", &ods(&table), &Limits::default()).unwrap();
    assert_eq!(sheet.answers["observed"], 85);
    assert_eq!(sheet.answers["cross_checked"], 0.85);
}

#[test]
fn a_template_filled_by_hand_is_accepted_by_the_check_of_answers() {
    let form = form("procedure-results");
    let bytes = template(&form.0, &heading(), Some(&procedures())).unwrap();
    assert_eq!(complaints(&form, "Ответ школы.XLSX", &bytes).unwrap(), procedures());
}

#[test]
fn what_was_left_and_what_nobody_sees_is_told_beside_the_answers() {
    let form = form("procedure-results");
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    sheet.set_name("Процедуры").unwrap();
    for (at, heading) in HEADINGS.iter().chain(&["Примечание"]).enumerate() {
        sheet.write_string(0, at as u16, *heading).unwrap();
    }
    for row in 1..=4 {
        right_row(sheet, row, 0);
    }
    sheet.write_string(2, 9, "сбоку").unwrap();
    for row in [2, 3] {
        sheet.set_row_hidden(row).unwrap();
    }
    sheet.set_column_hidden(1).unwrap();
    sheet.set_hidden(true);
    let draft = book.add_worksheet().set_name("Черновик").unwrap();
    draft.write(0, 0, "7").unwrap().set_active(true);
    let read = read(&form.0, "a.xlsx", &book.save_to_buffer().unwrap(), &Limits::default());
    let notes: Vec<String> = read.unwrap().notes.iter().map(ToString::to_string).collect();
    assert_eq!(
        notes,
        [
            "лист «Процедуры», строка 1, столбец I («Примечание»): такого столбца в форме нет: не \
             прочитан",
            "лист «Процедуры», строка 3, столбец J: столбец без заголовка («сбоку») не прочитан",
            "лист «Процедуры» прочитан, хотя он скрыт",
            "лист «Процедуры»: прочитаны и скрытые строки: 3–4",
            "лист «Процедуры»: прочитаны и скрытые столбцы: B",
            "лист «Черновик» не прочитан: в форме его нет",
        ]
    );
}

#[test]
fn a_question_of_nobody_and_a_second_answer_are_told() {
    let form = form("information-security");
    let field = form.0.fields.iter().find(|field| field.columns.is_empty()).unwrap();
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    for (row, cells) in (0..).zip([
        ["Вопрос", "Ответ", "Ответ"],
        [field.label.as_str(), "да", "нет"],
        ["Сколько ворон?", "7", ""],
    ]) {
        for (column, cell) in (0..).zip(cells).filter(|(_, cell)| !cell.is_empty()) {
            sheet.write_string(row, column, cell).unwrap();
        }
    }
    let bytes = book.save_to_buffer().unwrap();
    let notes = read(&form.0, "a.xlsx", &bytes, &Limits::default()).unwrap().notes;
    let notes: Vec<String> = notes.iter().map(ToString::to_string).collect();
    assert_eq!(
        notes,
        [
            "лист «Sheet1», строка 1, столбец C («Ответ»): второй столбец ответов не прочитан: \
             ответы взяты из столбца B",
            "лист «Sheet1», строка 3, столбец B: вопроса «Сколько ворон?» в форме нет: ответ не \
             прочитан",
        ]
    );
}

/// A cell of an ODS file with text.
fn cell(text: &str) -> String {
    format!(
        "<table:table-cell office:value-type=\"string\"><text:p>{text}</text:p></table:table-cell>"
    )
}

#[test]
fn a_formula_that_nobody_has_reckoned_is_no_blank_cell() {
    let form = form("procedure-results");
    let bytes = by_hand("Процедуры", 0, 0, |sheet| {
        right_row(sheet, 1, 0);
        sheet.write_formula(1, 3, Formula::new("=7+3").set_result("?")).unwrap();
    });
    let told = complaints(&form, "a.xlsx", &unvalued(&bytes)).unwrap_err();
    let expected = "лист «Процедуры», строка 2, столбец D («Участников, чел.»): формула без \
                    значения: откройте файл в Excel или LibreOffice, сохраните и загрузите снова";
    assert_eq!(told, [expected]);
    let row = |cells: String| format!("<table:table-row>{cells}</table:table-row>");
    let values = ["ВПР", "5", "Физика", "", "1", "2", "3", "4"].map(|text| match text {
        "" => "<table:table-cell table:formula=\"of:=7+3\"/>".to_owned(),
        text => cell(text),
    });
    let table = row(HEADINGS.map(cell).concat()) + &row(values.concat());
    let told = complaints(&form, "a.ods", &ods(&table)).unwrap_err();
    assert_eq!(told, [expected.replace("Процедуры", "a")]);
}

#[test]
fn a_number_shown_with_zeros_before_it_is_text_as_it_is_shown() {
    let form = form("procedure-results");
    let bytes = by_hand("Процедуры", 0, 0, |sheet| {
        right_row(sheet, 1, 0);
        let zeros = Format::new().set_num_format("000");
        sheet.write_number_with_format(1, 2, 7, &zeros).unwrap();
        sheet.write_number_with_format(1, 4, 1, &zeros).unwrap();
    });
    let row = |answers: Values| answers["procedures"][0].clone();
    let read = row(complaints(&form, "a.xlsx", &bytes).unwrap());
    assert_eq!((&read["subject"], &read["marks_2"]), (&"007".into(), &1.into()));
    let number = "<table:table-cell office:value-type=\"float\" office:value=\"7\"><text:p>007</text:p></table:table-cell>";
    let values = ["ВПР", "5", "", "10", "1", "2", "3", "4"].map(|text| match text {
        "" => number.to_owned(),
        text => cell(text),
    });
    let table = format!(
        "<table:table-row>{}</table:table-row><table:table-row table:visibility=\"filter\">{}</table:table-row>",
        HEADINGS.map(cell).concat(),
        values.concat()
    );
    let bytes = ods(&table);
    assert_eq!(row(complaints(&form, "a.ods", &bytes).unwrap())["subject"], "007");
    let notes =
        vekha_plugin_tables::read(&form.0, "a.ods", &bytes, &Limits::default()).unwrap().notes;
    assert_eq!(notes[0].to_string(), "лист «a»: прочитаны и скрытые строки: 2");
}

//! Layouts: what is taken, and what is told and where.

#![allow(clippy::unwrap_used)]

mod small;

use std::fmt::Write as _;

use vekha_roadmap::diagnostic::{Diagnostic, render};
use vekha_roadmap::read::{Files, misfits, read, read_with_warnings};

const FORM: &str = r#"title = "Работы"

[[field]]
id = "works"
label = "Работы"
type = "table"

[[field.column]]
id = "subject"
label = "Предмет"
type = "choice"
options = ["Русский язык", "Математика"]

[[field.column]]
id = "grade"
label = "Класс"
type = "integer"

[[field.column]]
id = "marks_2"
label = "«2»"
type = "integer"

[[field]]
id = "total"
label = "Всего"
type = "integer"

[[field]]
id = "named"
label = "По предметам"
type = "table"
rows = ["Русский язык"]
column = [{ id = "marks_2", label = "«2»", type = "integer" }]
"#;

const LAYOUT: &str = r#"title = "Выгрузка"
about = "Столбцы видели в выгрузке 2026 года"
form = "works"
year = "year"
announced = "announced"
organisation = { login = "login", name = "name" }

[[line]]
patterns = ["Работа {year:number} {subject} {grade:number} класс"]
begins = true

[[line]]
patterns = ["{name} ({login}) Участников {announced:number}"]

[[column]]
id = "mark"
headings = ["Отметка", "Балл*"]
type = "number"
nothing = ["X"]

[[column]]
id = "points"
headings = ["{task} ({most:number}б)"]
type = "number"
required = false
many = true
below = { id = "level", words = { "Б" = "базовый" } }

[words.subject]
"Рус. яз." = "Русский язык"

[[skip]]
when = "default(mark, 0) < 2"
reason = "нет отметки"

[[border]]
id = "from_3"
title = "с какого балла «3»"
of = "mark"
when = "mark >= 3"
per = ["subject", "grade"]
given = [{ subject = "Математика", grade = 5, border = 7 }]

[[table]]
field = "works"
key = { subject = "subject", grade = "grade" }

[[table.column]]
id = "marks_2"
when = "mark == from_3 - 1"

[[table]]
field = "total"
each = "points"

[[table.column]]
id = "total"
value = "points / most"
when = "level == 'базовый'"
take = "mean"
"#;

fn files() -> Files {
    let mut files = small::files();
    files.0.insert("forms/works.toml".into(), FORM.into());
    files.0.insert("layouts/export.toml".into(), LAYOUT.into());
    files
}

/// What is told when one text stands in the place of another.
fn told(changes: &[(&str, &str)]) -> String {
    let mut all = String::new();
    for (from, to) in changes {
        let mut files = files();
        let text = files.0.get_mut("layouts/export.toml").unwrap();
        assert!(text.contains(from), "there is no {from}");
        *text = text.replacen(from, to, 1);
        let (_, report) = read_with_warnings(&files);
        writeln!(all, "{}", to.trim().replace('\n', " ⏎ ")).unwrap();
        if report.errors.is_empty() {
            writeln!(all, "    is taken").unwrap();
        }
        for Diagnostic { line, column, message, help, .. } in report.errors {
            let help = help.as_deref().map_or_else(String::new, |help| format!(" ({help})"));
            writeln!(all, "    {line}:{column}: {message}{help}").unwrap();
        }
    }
    all
}

#[test]
fn what_stands_in_a_layout_is_taken_or_told() {
    let all = told(&[
        ("about = ", "abuot = "),
        ("form = \"works\"", "form = \"wroks\""),
        ("year = \"year\"", "year = \"yaer\""),
        ("year = \"year\"", "year = \"subject\""),
        ("announced = \"announced\"", "announced = 5"),
        ("year = \"year\"", "year = \"year\"\nalways = { kind = \"ВПР\" }"),
        ("year = \"year\"", "year = \"year\"\nalways = { Kind = \"ВПР\" }"),
        ("year = \"year\"", "year = \"year\"\nalways = { kind = 5 }"),
        ("login = \"login\", ", ""),
        ("{ login = \"login\", name = \"name\" }", "{ }"),
        ("{ login = \"login\", name = \"name\" }", "{ login = \"grade\" }"),
        ("organisation = { login = \"login\", name = \"name\" }\n", ""),
        ("{grade:number} класс", "{grade} класс"),
        ("{grade:number} класс", "{subject} класс"),
        ("{grade:number} класс", "{grade:digits} класс"),
        ("{grade:number} класс", "{grade класс"),
        ("{subject} {grade:number}", "{subject} {grade}"),
        ("patterns = [\"{name} ({login}) Участников {announced:number}\"]", "patterns = []"),
        ("patterns = [\"{name} ({login}) Участников {announced:number}\"]", "begins = false"),
        ("headings = [\"Отметка\", \"Балл*\"]", "headings = [\"*\"]"),
        ("id = \"mark\"", "id = \"Mark\""),
        ("id = \"mark\"", "id = \"points\""),
        ("type = \"number\"\nnothing", "type = \"nmber\"\nnothing"),
        ("type = \"number\"\nnothing", "type = \"text\"\nnothing"),
        ("nothing = [\"X\"]", "required = false"),
        ("many = true\n", ""),
        ("{ \"Б\" = \"базовый\" }", "{}"),
        ("[words.subject]", "[words.subjct]"),
        ("\"Русский язык\"", "\"Русский\""),
        ("\"Русский язык\"", "5"),
        ("default(mark, 0) < 2", "default(mrak, 0) < 2"),
        ("default(mark, 0) < 2", "mark"),
        ("reason = \"нет отметки\"", ""),
        ("of = \"mark\"", "of = \"task\""),
        ("when = \"mark >= 3\"", "when = \"mark >= from_3\""),
        ("per = [\"subject\", \"grade\"]", "per = [\"subject\", \"class\"]"),
        ("subject = \"Математика\", ", ""),
        ("border = 7", "bodrer = 7"),
        ("field = \"works\"", "field = \"work\""),
        ("field = \"works\"", "field = \"named\""),
        ("key = { subject = \"subject\", grade = \"grade\" }\n", ""),
        ("subject = \"subject\", ", "subjct = \"subject\", "),
        ("grade = \"grade\" }", "grade = \"subject\" }"),
        ("grade = \"grade\" }", "grade = \"garde\" }"),
        ("id = \"marks_2\"", "id = \"marks_3\""),
        ("id = \"marks_2\"", "id = \"grade\""),
        ("when = \"mark == from_3 - 1\"", "when = \"points == 1\""),
        ("when = \"mark == from_3 - 1\"", "when = \"mark = 1\""),
        ("each = \"points\"", "each = \"mark\""),
        ("take = \"mean\"", "take = \"median\""),
        ("value = \"points / most\"\n", ""),
        ("value = \"points / most\"", "value = \"level\""),
    ]);
    insta::assert_snapshot!(all);
}

#[test]
fn a_layout_is_held_against_the_form_of_another_version() {
    let road_map = read(&files()).unwrap();
    let layout = &road_map.layouts["export"];
    assert_eq!(misfits(layout, &road_map.forms["works"]), []);
    let others = misfits(layout, &road_map.forms["short"]);
    let others: Vec<&str> = others.iter().map(|misfit| misfit.message.as_str()).collect();
    assert_eq!(others, ["поля «works» в форме «short» нет", "поля «total» в форме «short» нет"]);
}

#[test]
fn a_login_is_of_one_organisation() {
    let mut files = files();
    let registry = files.0.get_mut("organisations.toml").unwrap();
    *registry = registry.replace("name = \"Отдел\"", "name = \"Отдел\"\nlogins = [\"edu1\"]");
    *registry = registry.replace(
        "name = \"Школа № 2\"",
        "name = \"Школа № 2\"\nlogins = [\"edu2\", \"EDU1\", \"\"]",
    );
    let told = read(&files).unwrap_err();
    insta::assert_snapshot!(render(&told, &files));
}

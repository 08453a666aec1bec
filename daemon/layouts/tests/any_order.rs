//! Whatever order columns have, and whatever stands between them: what was read is what the rows say.

#![allow(clippy::unwrap_used)]

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index;
use rust_xlsxwriter::Workbook;
use serde_json::Value;
use vekha_layouts::{Organisations, Purpose, Reading, Understood};
use vekha_plugin_tables::{Cell, Limits, SeenRow, each_row};
use vekha_roadmap::model::{Form, Layout, Organisation, OrganisationKind};
use vekha_roadmap::read::{Files, read_with_warnings};

const FORM: &str = r#"title = "Работы"
[[field]]
id = "works"
label = "Работы"
type = "table"
column = [
  { id = "subject", label = "Предмет", type = "text" },
  { id = "participants", label = "Участников", type = "integer" },
  { id = "marks_2", label = "«2»", type = "integer" },
  { id = "points", label = "Баллов", type = "integer" },
]
[[field]]
id = "scores"
label = "Сколько получили каждый балл"
type = "histogram"
to = 6
required = false
[[field]]
id = "grades"
label = "Параллели"
type = "table"
required = false
column = [
  { id = "grade", label = "Класс", type = "integer", min = 4, max = 11 },
  { id = "written", label = "Писали", type = "integer", max = 2 },
]
"#;

const LAYOUT: &str = r#"title = "Выгрузка"
form = "works"
organisation = { login = "login" }
[[line]]
patterns = ["Работа {subject}"]
begins = true
[[column]]
id = "login"
headings = ["Логин"]
[[column]]
id = "mark"
headings = ["Отметка"]
type = "number"
[[column]]
id = "score"
headings = ["Балл"]
type = "number"
required = false
nothing = ["X"]
[[skip]]
when = "mark < 2"
reason = "без отметки"
[[table]]
field = "works"
key = { subject = "subject" }
column = [
  { id = "participants" },
  { id = "marks_2", when = "mark == 2" },
  { id = "points", value = "score" },
]
"#;

/// What a layout fills besides, in the test of it.
const MORE: &str = r#"[[table]]
field = "scores"
key = { score = "score" }
column = [{ id = "scores" }]
[[table]]
field = "grades"
key = { grade = "score" }
column = [{ id = "written" }]
"#;

static DEFINITIONS: LazyLock<(Form, Layout)> = LazyLock::new(|| definitions(""));

fn definitions(more: &str) -> (Form, Layout) {
    let layout = format!("{LAYOUT}{more}");
    let files = [
        (
            "municipality.toml",
            "id = \"m\"\nname = \"М\"\nauthority = \"О\"\nadopted-by = \"А\"\ntime-zone = \"UTC\"\nworking-hours = \"09:00-18:00\"\ncontact = { name = \"И\" }\nparties = { schools = \"ОО\" }\nsection = [{ id = \"s\", title = \"Р\" }]\n",
        ),
        (
            "organisations.toml",
            "[[organisation]]\ncode = \"office\"\nkind = \"department\"\nname = \"О\"\nemail = \"o@example.org\"\n",
        ),
        ("calendar.toml", ""),
        (
            "activities/1-a.toml",
            "title = \"А\"\nsection = \"s\"\ndeadline = \"д\"\nresponsible = [\"schools\"]\n[schedule]\nevery = \"on-demand\"\n[[stage]]\nkind = \"collect\"\nform = \"works\"\nparticipants = { named = true }\ndue = \"5 days\"\n",
        ),
        ("forms/works.toml", FORM),
        ("layouts/export.toml", &layout),
    ];
    let files = Files(files.map(|(path, text)| (path.to_owned(), text.to_owned())).into());
    let (road_map, report) = read_with_warnings(&files);
    let mut road_map = road_map.unwrap_or_else(|| panic!("{:?}", report.errors));
    (road_map.forms.remove("works").unwrap(), road_map.layouts.remove("export").unwrap())
}

fn school(n: usize) -> Organisation {
    Organisation {
        code: format!("school-{n}"),
        kind: OrganisationKind::School,
        name: format!("Школа {n}"),
        short: format!("Ш {n}"),
        logins: vec![format!("edu{n}")],
        other_names: vec![],
        email: String::new(),
        contacts: vec![],
        since: "2020-01-01".parse().unwrap(),
        until: None,
    }
}

/// A row: school, mark, score if there is one.
type Pupil = (usize, u8, Option<u8>);

/// Works with their rows, and the order of the columns of each.
fn works() -> impl Strategy<Value = Vec<(Vec<Pupil>, Vec<Index>)>> {
    let pupil = (0..3_usize, 0..6_u8, prop::option::weighted(0.8, 0..20_u8));
    let rows = prop::collection::vec(pupil, 0..30);
    prop::collection::vec((rows, prop::collection::vec(any::<Index>(), 5)), 1..4)
}

fn rows(works: &[(Vec<Pupil>, Vec<Index>)]) -> Vec<Vec<(u32, Cell)>> {
    let text = |text: &str| Cell::Text(text.into());
    let mut all = Vec::new();
    for (n, (pupils, order)) in works.iter().enumerate() {
        let mut columns = vec!["Логин", "Отметка", "Балл", "Код", "Класс"];
        let mut placed = Vec::new();
        for index in order {
            placed.push(columns.remove(index.index(columns.len())));
        }
        all.push(vec![(n as u32, text(&format!("Работа {}", ["А", "Б", "В"][n])))]);
        all.push((0..).zip(&placed).map(|(at, name)| (at * 2, text(name))).collect());
        for (school, mark, score) in pupils {
            let cells = (0..).zip(&placed).map(|(at, name)| {
                let cell = match *name {
                    "Логин" => text(&format!("EDU{school}")),
                    "Отметка" if mark % 2 == 0 => text(&mark.to_string()),
                    "Отметка" => Cell::Number(f64::from(*mark)),
                    "Балл" => {
                        score.map_or_else(|| text("x"), |score| Cell::Number(score.into()))
                    }
                    _ => text("5А"),
                };
                (at * 2, cell)
            });
            all.push(cells.collect());
        }
    }
    all
}

fn understood(form: &Form, layout: &Layout, rows: &[Vec<(u32, Cell)>]) -> Understood {
    let organisations = [school(0), school(1), school(2)];
    let organisations = Organisations::of(&organisations);
    let layouts = [layout];
    let mut reading = Reading::new(Purpose {
        form,
        layouts: &layouts,
        organisations: &organisations,
        own: None,
        years: None,
    });
    reading.file("x", |take| {
        for (number, cells) in (0..).zip(rows) {
            take(SeenRow { sheet: "Л", number, cells });
        }
        Ok(())
    });
    reading.finish()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_was_read_is_what_the_rows_say(works in works()) {
        let (form, layout) = &*DEFINITIONS;
        let understood = understood(form, layout, &rows(&works));
        let mut taken = 0;
        for school in 0..3 {
            let read = understood.organisations.get(&format!("school-{school}"));
            for (n, (pupils, _)) in works.iter().enumerate() {
                let own: Vec<&Pupil> =
                    pupils.iter().filter(|(of, mark, _)| *of == school && *mark >= 2).collect();
                taken += own.len();
                let rows = read.and_then(|read| read.answers["works"].as_array());
                let subject = ["А", "Б", "В"][n];
                let row = rows.into_iter().flatten().find(|row| row["subject"] == subject);
                prop_assert_eq!(row.is_some(), !own.is_empty());
                let Some(row) = row else { continue };
                prop_assert_eq!(&row["participants"], &Value::from(own.len()));
                let twos = own.iter().filter(|(_, mark, _)| *mark == 2).count();
                prop_assert_eq!(&row["marks_2"], &Value::from(twos));
                let scores: Vec<u64> = own.iter().filter_map(|p| Some(p.2?.into())).collect();
                let sum = (!scores.is_empty()).then(|| scores.iter().sum::<u64>());
                prop_assert_eq!(row.get("points").and_then(Value::as_u64), sum);
            }
        }
        let left: u64 = understood.notes.iter().map(|note| note.rows).sum();
        let all: usize = works.iter().map(|(pupils, _)| pupils.len()).sum();
        prop_assert_eq!(understood.files[0].rows as usize, taken);
        // Every row was taken or is accounted for.
        prop_assert_eq!(left as usize + taken, all);
    }
}

#[test]
fn a_workbook_is_shown_row_by_row_as_it_stands() {
    let mut book = Workbook::new();
    for name in ["А", "Б"] {
        let sheet = book.add_worksheet();
        sheet.set_name(name).unwrap();
        sheet.write_string(2, 1, "Логин").unwrap();
        sheet.write_number(4, 3, 12.5).unwrap();
    }
    let bytes = book.save_to_buffer().unwrap();
    let mut seen = Vec::new();
    let mut take = |row: SeenRow<'_>| {
        seen.push((row.sheet.to_owned(), row.number, row.cells.to_vec()));
    };
    each_row("x.xlsx", &bytes, &Limits::default(), &mut take).unwrap();
    let rows = |name: &str| {
        [
            (name.to_owned(), 2, vec![(1, Cell::Text("Логин".into()))]),
            (name.to_owned(), 4, vec![(3, Cell::Number(12.5))]),
        ]
    };
    assert_eq!(seen, [rows("А"), rows("Б")].concat());
}

#[test]
fn a_histogram_is_filled_score_by_score_and_what_the_form_would_refuse_is_told_at_once() {
    let (form, layout) = &definitions(MORE);
    // Scores of one school: nobody has 1 to 3, and 7 is more than the form knows.
    let line = |cells: Vec<Cell>| (0..).zip(cells).collect::<Vec<_>>();
    let text = |text: &str| Cell::Text(text.into());
    let mut all = vec![
        line(vec![text("Работа А")]),
        line(vec![text("Логин"), text("Отметка"), text("Балл")]),
    ];
    let scores = [0.0, 4.0, 4.0, 5.0, 5.0, 5.0, 6.0, 7.0, 7.0];
    all.extend(scores.map(|s| line(vec![text("edu0"), Cell::Number(3.0), Cell::Number(s)])));
    let read = understood(form, layout, &all);
    let answers = &read.organisations["school-0"].answers;
    assert_eq!(answers["scores"], serde_json::json!([1, 0, 0, 0, 2, 3, 1]));
    // As a grade 0 is none, and of grade 5 there may be two and are three.
    let grades = serde_json::json!([
        { "grade": 4, "written": 2 }, { "grade": 5 }, { "grade": 6, "written": 1 },
        { "grade": 7, "written": 2 },
    ]);
    assert_eq!(answers["grades"], grades);
    let told: Vec<&str> = read.notes.iter().map(|note| note.text.as_str()).collect();
    assert_eq!(
        told,
        [
            "«Сколько получили каждый балл»: балл 7 — не от 0 до 6; не сосчитан",
            "Класс: 0 — от 4 до 11; строка не взята",
            "Писали: 3 — не больше 2; не заполнено",
        ]
    );
}

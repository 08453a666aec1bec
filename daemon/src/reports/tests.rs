//! What the forms of a report tell of few organisations, and of two with one name.

use std::io::{Cursor, Read as _};
use std::path::Path;

use calamine::{Data, Reader as _, Xlsx};
use serde_json::json;
use vekha_analysis::{Inputs, Withheld, analyze};
use vekha_engine::RunKey;
use vekha_roadmap::period::Period;
use vekha_roadmap::read::read;

use super::{
    Chapter, Cover, Decision, Measure, Public, Report, book, note, report, values, withheld_words,
    workbook,
};

/// Low results of schools 1 to `count`, of which the first two have one short name.
fn low_results(count: usize) -> Report {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/road-map");
    let mut map = read(&crate::files::load(&folder).unwrap()).unwrap();
    for organisation in &mut map.organisations {
        if ["school-1", "school-2"].contains(&organisation.code.as_str()) {
            organisation.short = "МБОУ СОШ".into();
        }
    }
    let answers = |n: usize| {
        json!({ "procedures": [{
            "procedure": "ВПР", "grade": 5, "subject": "Математика", "participants": 40,
            "marks_2": 3 * n, "marks_3": 20 - 3 * n, "marks_4": 15, "marks_5": 5,
        }] })
    };
    let own = (1..=count).map(|n| {
        (format!("school-{n}"), answers(n).as_object().cloned().unwrap_or_default().into())
    });
    let inputs = Inputs { own: own.collect(), ..Inputs::default() };
    let outcome = analyze(&map.analyses["low-results"], &inputs);
    let run = RunKey {
        municipality: "zarechny".into(),
        activity: "low-result-schools".into(),
        period: Period::SchoolYear(2026),
        part: None,
    };
    let now = "2027-10-01T09:00:00Z".parse().unwrap();
    report(&map, &run, "analyze", &outcome, &[], None, now).unwrap()
}

/// Rows of a sheet as texts.
fn sheet(report: &Report, name: &str) -> Vec<Vec<String>> {
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(workbook(report).unwrap())).unwrap();
    let range = book.worksheet_range(name).unwrap();
    range.rows().map(|row| row.iter().map(Data::to_string).collect()).collect()
}

/// The text of the note.
fn noted(report: &Report) -> String {
    text(note(report).unwrap())
}

/// The text of a document.
fn text(docx: Vec<u8>) -> String {
    let mut archive = zip::ZipArchive::new(Cursor::new(docx)).unwrap();
    let mut text = String::new();
    archive.by_name("word/document.xml").unwrap().read_to_string(&mut text).unwrap();
    text
}

#[test]
fn two_organisations_of_one_short_name_keep_their_own_rows() {
    let report = low_results(5);
    let figures = sheet(&report, "Показатели");
    let names: Vec<&str> = figures[1..].iter().map(|row| row[0].as_str()).collect();
    assert_eq!(names.len(), 5);
    let share = figures[0].iter().position(|head| head.starts_with("Доля низких")).unwrap();
    for (name, wanted) in [("МБОУ СОШ (school-1)", "7.5"), ("МБОУ СОШ (school-2)", "15")]
    {
        let row = names.iter().position(|each| *each == name).unwrap() + 1;
        assert_eq!(figures[row][share], wanted);
    }
}

#[test]
fn of_fewer_organisations_than_are_compared_only_the_count_is_told() {
    // 22.5 % is the mean of five, and of them alone: 7.5, 15, 22.5, 30, 37.5.
    let enough = low_results(5);
    let place = enough.indicators.iter().position(|i| i.title.starts_with("Доля низких")).unwrap();
    let summary = sheet(&enough, "Сводка");
    assert_eq!(summary[4 + place][1..3], ["5", "22.5"]);
    assert_eq!(values(&enough.indicators[place])["municipality"]["mean"], "22,5");
    assert!(noted(&enough).contains("медиана"));

    let few = low_results(4);
    let summary = sheet(&few, "Сводка");
    assert_eq!(summary[4 + place][1], "4");
    assert!(summary[4 + place][2..].iter().all(String::is_empty), "{:?}", summary[4 + place]);
    let told = values(&few.indicators[place]);
    assert_eq!((&told["count"], &told["municipality"]), (&json!(4), &json!(null)));
    let note = noted(&few);
    for untold in ["18,8", "медиана"] {
        assert!(!note.contains(untold), "{untold}");
    }
    assert!(note.contains("места не определяются"));
}

#[test]
fn the_report_on_a_period_tells_in_word_what_its_page_tells_of_few_organisations() {
    let empty = String::new;
    let chapter = Chapter {
        section: empty(),
        number: 29,
        activity: "Школы".to_owned(),
        title: "Школы".to_owned(),
        period: empty(),
        label: empty(),
        state: empty(),
        asked: 4,
        answered: 4,
        reports: vec![low_results(4)],
        decisions: vec![],
        for_all: false,
    };
    let cover = Cover {
        authority: empty(),
        municipality: empty(),
        title: empty(),
        period: empty(),
        date: empty(),
    };
    let told = text(book(&cover, &[chapter]).unwrap());
    for value in ["МБОУ СОШ (school-2)", "7,5", "22,5", "30,0"] {
        assert!(told.contains(value), "{value}");
    }
    assert!(!told.contains("18,8"), "no mean of four");
}

#[test]
fn a_report_for_everybody_names_no_organisation_and_orders_nobody_anything() {
    let decision = |title: &str| Decision {
        kind: "приказ",
        corrects: None,
        number: "1-од".to_owned(),
        date: "1 октября 2027 г.".to_owned(),
        title: title.to_owned(),
        outcome: "Объявить выговор директору МБОУ СОШ".to_owned(),
        text: "МБОУ СОШ".to_owned(),
        signatory: "Начальник отдела".to_owned(),
        measures: vec![Measure {
            organisation: "МБОУ СОШ".to_owned(),
            text: "Отчитаться".to_owned(),
            due: String::new(),
            state: "в срок",
        }],
    };
    let mut report = low_results(5);
    let withheld = Err(withheld_words(Withheld::BySubtraction));
    report.public = vec![
        Public { heading: "Доля «2», %".to_owned(), told: Ok("22,5".to_owned()) },
        Public { heading: "Доля «4» и «5», %".to_owned(), told: withheld },
    ];
    let chapter = Chapter {
        section: String::new(),
        number: 29,
        activity: "Школы".to_owned(),
        title: "Школы: МБОУ СОШ".to_owned(),
        period: String::new(),
        label: String::new(),
        state: String::new(),
        asked: 5,
        answered: 5,
        reports: vec![report, low_results(5)],
        decisions: vec![decision("Об итогах"), decision("О школе МБОУ СОШ")],
        for_all: false,
    };
    let for_all = chapter.for_all(&["Об итогах".to_owned()]);
    let titles: Vec<&str> = for_all.decisions.iter().map(|one| one.title.as_str()).collect();
    assert_eq!(titles, ["Об итогах", "Школы"]);
    let empty = String::new;
    let cover = Cover {
        authority: empty(),
        municipality: empty(),
        title: empty(),
        period: empty(),
        date: empty(),
    };
    let told = text(book(&cover, &[for_all]).unwrap());
    for value in ["22,5", "не называется: вместе с другими числами назвало бы малое", "1-од"]
    {
        assert!(told.contains(value), "{value} is not in {told}");
    }
    for untold in ["МБОУ СОШ", "выговор", "Отчитаться", "Низких процедур", "37,5"]
    {
        assert!(!told.contains(untold), "{untold}");
    }
}

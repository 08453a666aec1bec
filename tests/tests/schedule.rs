//! The schedule of assessments, from the first letter of August to the page and the calendar of each
//! school: a plan made in a spreadsheet, clashes that are asked about and returned, works that the
//! department has named for all, the decision, and what everybody may read.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use serde_json::{Value, json};
use vekha_tests::ics;
use vekha_tests::school::{Page, School, pairs};
use vekha_tests::stranger::Stranger;
use vekha_tests::town::Town;
use vekha_tests::workbook;

const RUN: &str = "municipalities/zarechny/activities/assessment-list/runs/2026-H2";

const COLUMNS: [&str; 10] = [
    "Класс",
    "Литера",
    "Предмет",
    "Дата",
    "Урок по счёту",
    "Уроков у класса",
    "Уровень",
    "Вид работы",
    "Уроков на работу",
    "Часов предмета",
];
const KEYS: [&str; 10] = [
    "grade",
    "letter",
    "subject",
    "date",
    "lesson",
    "lessons_of_day",
    "level",
    "kind",
    "lessons",
    "hours",
];

/// A work of the school's own.
fn own(class: (u32, &str), subject: &str, date: &str, lesson: u32) -> Vec<Value> {
    let letter = if class.1.is_empty() { Value::Null } else { class.1.into() };
    let level = "школьный";
    let kind = "контрольная работа";
    let cells = json!([class.0, letter, subject, date, lesson, 6, level, kind, null, 68]);
    cells.as_array().unwrap().clone()
}

/// The same work as a system says it.
fn said(cells: &[Value]) -> Value {
    let levels = [("школьный", "school"), ("региональный", "regional")];
    let value = |cell: &Value| match levels.iter().find(|(word, _)| cell == word) {
        Some((_, value)) => json!(value),
        None => cell.clone(),
    };
    let known = KEYS.iter().zip(cells).filter(|(_, cell)| !cell.is_null());
    known.map(|(key, cell)| ((*key).to_owned(), value(cell))).collect()
}

fn works(rows: &[Vec<Value>]) -> Value {
    json!({ "works": rows.iter().map(|cells| said(cells)).collect::<Vec<_>>() })
}

/// The spreadsheet behind a link, filled with these rows; and what stood in it.
async fn fill(link: &str, path: &Path, rows: &[Vec<Value>]) -> Vec<Vec<Value>> {
    let book = reqwest::get(&format!("{link}/form.xlsx")).await.unwrap();
    std::fs::write(path, book.bytes().await.unwrap()).unwrap();
    workbook::fill(path, &COLUMNS, rows)
}

/// Brings a spreadsheet to the form, as a browser does.
async fn upload(school: &School, link: &str, path: &Path) -> Page {
    let opened = school.open(link).await;
    let boundary = "----vekha";
    let mut body = Vec::new();
    let mut part = |head: &str, content: &[u8]| {
        body.extend(
            format!("--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n").bytes(),
        );
        body.extend(content);
        body.extend(b"\r\n");
    };
    for (name, value) in opened.own() {
        part(&format!("name=\"{name}\""), value.as_bytes());
    }
    let content = std::fs::read(path).unwrap();
    part("name=\"file\"; filename=\"график.xlsx\"", &content);
    body.extend(format!("--{boundary}--\r\n").bytes());
    let kind = format!("multipart/form-data; boundary={boundary}");
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let sent = http.post(format!("{link}/table")).header("content-type", kind).body(body);
    let answer = sent.send().await.unwrap();
    let (status, url) = (answer.status(), answer.url().to_string());
    Page { status, url, html: answer.text().await.unwrap() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plans_of_schools_are_asked_in_august_checked_together_agreed_and_published_with_calendars()
{
    let town = Town::start("2026-08-24T08:00").await;
    town.live_until("2026-08-24T10:00").await;
    let stranger = Stranger::meet(town.channel().await).await;
    let submit = async |assignment: &str, answers: Value| {
        let name = format!("{RUN}/assignments/{assignment}");
        let request = json!({ "name": name, "answers": answers });
        stranger.call("AssignmentService.SubmitAssignment", request).await
    };

    // The department names a work of the region: it stands in the plan of every school.
    assert!(town.letters_to("school-1").is_empty(), "schools are asked when that is known");
    let regional = json!({ "grade": 5, "subject": "Математика", "date": "2026-09-16",
        "level": "regional", "kind": "ДКР", "lessons": 1 });
    submit("dates.department", json!({ "dates": [regional] })).await.unwrap();
    town.settle().await;
    let link = town.letters_to("school-1")[0].link_about("мероприятие 4 «");
    let path = town.folder.path().join("график.xlsx");
    let dkr = json!([5, null, "Математика", "2026-09-16", 2, 6, "региональный", "ДКР", 1, 68]);
    let dkr = dkr.as_array().unwrap().clone();
    let russian = own((5, "А"), "Русский язык", "2026-09-14", 3);
    let clash = own((5, "А"), "История", "2026-09-14", 5);
    let on_the_day = own((5, "Б"), "Русский язык", "2026-09-16", 4);
    let plan = [dkr.clone(), russian.clone(), clash, on_the_day];

    // A plan made in a spreadsheet is asked about, both sides named; the class and the whole grade, too.
    let stood = fill(&link, &path, &plan).await;
    let known =
        json!([5, null, "Математика", "2026-09-16", null, null, "региональный", "ДКР", 1, null]);
    assert_eq!(json!(stood), json!([known]), "what the department named");
    let school = School::default();
    let asked = upload(&school, &link, &path).await.text();
    for words in [
        "5А, 14.09: Русский язык (3-й урок) и История (5-й урок). В один день — не больше 1",
        "5Б, 16.09: Математика (2-й урок) и Русский язык (4-й урок). В один день — не больше 1",
    ] {
        assert!(asked.contains(words), "{words}: {asked}");
    }
    let told = &asked[asked.find("Оценочные процедуры, строка").unwrap()..];
    let told = told.split("График оценочных процедур школы").next().unwrap();
    insta::assert_snapshot!("schedule-asked", told);

    // It is sent with reasons; the department does not accept them and returns it.
    let mut answers = works(&plan);
    let why = "Учитель уезжает на курсы";
    answers["explanations"] = json!({ "works[2].date": why, "works[3].date": why });
    let sent = school.send(&link, &pairs(&answers)).await.text();
    assert!(sent.contains("версия 1"), "{sent}");
    let back = json!({ "name": format!("{RUN}/assignments/schedules.school-1"),
        "comment": "Разнесите работы 14 и 16 сентября" });
    stranger.call("AssignmentService.ReturnAssignment", back).await.unwrap();
    town.settle().await;
    let moved = [
        dkr.clone(),
        russian,
        own((5, "А"), "История", "2026-09-18", 5),
        own((5, "Б"), "Русский язык", "2026-09-21", 4),
    ];
    fill(&link, &path, &moved).await;
    let read = upload(&school, &link, &path).await.text();
    assert!(!read.contains("В один день"), "{read}");
    let sent = school.send(&link, &pairs(&works(&moved))).await.text();
    assert!(sent.contains("версия 2"), "{sent}");

    // Another school keeps its clashes; the first and the last lesson, too many hours; three have none;
    // one says nothing.
    let kept = [
        dkr.clone(),
        own((5, "А"), "Русский язык", "2026-09-16", 1),
        own((9, "А"), "Физика", "2026-09-21", 6),
    ];
    let mut answers = works(&kept);
    let refused = submit("schedules.school-2", answers.clone()).await.unwrap_err();
    let asked = vekha_tests::stranger::wrong_fields(&refused);
    let question = asked.iter().find(|(field, _)| field.ends_with("works[1].date")).unwrap().1;
    let both = "5А, 16.09: Математика (2-й урок) и Русский язык (1-й урок)";
    assert!(question.starts_with(both), "{asked:?}");
    answers["explanations"] = json!({ "works[1].date": why, "works[1].lesson": why,
        "works[2].lesson": why });
    submit("schedules.school-2", answers).await.unwrap();
    for n in 3..=5 {
        submit(&format!("schedules.school-{n}"), works(std::slice::from_ref(&dkr))).await.unwrap();
    }

    // Two weeks of 1 September are not over when all is decided.
    town.live_until("2026-09-03T12:00").await;
    let listed = json!({ "parent": RUN });
    let drafts =
        stranger.call("RecommendationService.ListRecommendations", listed.clone()).await.unwrap();
    let drafts = drafts["recommendations"].as_array().unwrap();
    assert_eq!(drafts.len(), 1, "{drafts:#?}");
    let approve = json!({ "parent": RUN });
    stranger.call("RecommendationService.ApproveRecommendations", approve).await.unwrap();
    town.live_until("2026-09-03T13:00").await;
    let letter = town.letters_to("school-2").into_iter().find(|l| l.text.contains("Разнести"));
    let letter = letter.unwrap().text;
    assert!(letter.contains(both), "{letter}");
    assert!(letter.contains("9А, 21.09: Физика (6-й урок из 6)"), "{letter}");
    let decision = json!({ "parent": RUN, "number": "214-од", "date": "2026-09-03",
        "outcome": "Утвердить перечень и согласовать графики.", "signatory": "Начальник отдела" });
    stranger.call("DecisionService.RecordDecision", decision).await.unwrap();
    town.live_until("2026-09-03T14:00").await;

    let site = town.folder.path().join("site/zarechny/2026-H2");
    let report = std::fs::read_to_string(site.join("assessment-list.html")).unwrap();
    let report = report.replace("&#x2f;", "/");
    for n in 1..=5 {
        assert!(report.contains(&format!("href=\"assessment-list/school-{n}.html\"")), "{report}");
    }
    assert!(!report.contains("school-6"), "who has no plan has no page");
    assert!(
        !report.contains("курсы") && !report.contains("16.09"),
        "clashes are nobody's business"
    );
    let page = std::fs::read_to_string(site.join("assessment-list/school-1.html")).unwrap();
    let page = Page { status: reqwest::StatusCode::OK, url: String::new(), html: page };
    assert!(page.html.contains("href=\"school-1.ics\""));
    insta::assert_snapshot!("schedule-school", page.text().split("} ").last().unwrap());

    let calendar = std::fs::read_to_string(site.join("assessment-list/school-1.ics")).unwrap();
    let calendar = ics::read(&calendar);
    assert_eq!(
        (&calendar["method"], &calendar["zone"]),
        (&json!("PUBLISH"), &json!("Asia/Yekaterinburg"))
    );
    let events = calendar["events"].as_array().unwrap();
    let told: Vec<Value> = events
        .iter()
        .map(|event| json!([event["start"], event["end"], event["summary"], event["description"]]))
        .collect();
    let about = |kind: &str, lesson: u32, level: &str| {
        format!("{kind}, {lesson}-й урок. Уровень: {level}.")
    };
    let of_school = |lesson| about("контрольная работа", lesson, "школьный");
    let wanted = json!([
        ["2026-09-14", "2026-09-15", "5А: Русский язык", of_school(3)],
        ["2026-09-16", "2026-09-17", "5: Математика", about("ДКР", 2, "региональный")],
        ["2026-09-18", "2026-09-19", "5А: История", of_school(5)],
        ["2026-09-21", "2026-09-22", "5Б: Русский язык", of_school(4)],
    ]);
    assert_eq!(json!(told), wanted);
    let mut uids: Vec<&str> = events.iter().map(|event| event["uid"].as_str().unwrap()).collect();
    uids.sort_unstable();
    uids.dedup();
    assert_eq!(uids.len(), 4, "each has a name of its own");
    town.daemon.stop().await.unwrap();
}

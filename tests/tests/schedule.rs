//! The schedule of assessments, from the first letter of August to the page and the calendar of each
//! school: works that the department has named for all, and what it is asked about them; a plan made in a
//! spreadsheet, clashes that are asked about and returned; the order with its appendices; what everybody
//! may read, and what becomes of it when a plan is corrected after the decision.

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
    let regional = |grade: u32, subject: &str, date: &str| {
        json!({ "grade": grade, "subject": subject, "date": date, "level": "regional",
            "kind": "ДКР", "lessons": 1 })
    };
    // Two of its own on one day: it is asked with both sides, and a day of spring is none of autumn.
    let mut dates = json!({ "dates": [
        regional(5, "Математика", "2026-09-16"),
        regional(8, "Физика", "2026-10-07"),
        regional(8, "Химия", "2027-03-17"),
    ] });
    let wrong = submit("dates.department", dates.clone()).await.unwrap_err();
    let bounds = "II полугодие 2026 года — это с 01.07.2026 по 31.12.2026: проверьте дату";
    let asked = vekha_tests::stranger::wrong_fields(&wrong);
    let told: Vec<&str> = asked.values().map(String::as_str).collect();
    assert_eq!(told, [bounds]);
    dates["dates"][2]["date"] = "2026-10-07".into();
    let wrong = submit("dates.department", dates.clone()).await.unwrap_err();
    let asked = vekha_tests::stranger::wrong_fields(&wrong);
    let question = &asked.iter().find(|(field, _)| field.ends_with("dates[2].date")).unwrap().1;
    assert!(question.starts_with("8 класс, 07.10: Физика (ДКР) и Химия (ДКР)"), "{question}");
    dates["explanations"] = json!({ "dates[2].date": "Оба дня назвал регион" });
    submit("dates.department", dates.clone()).await.unwrap();
    let named = json!({ "dates": dates["dates"] });
    town.settle().await;
    let procedures = json!([{ "name": "Диктант", "level": "municipal", "subject": "Русский язык",
        "grade": 6, "month": "ноябрь", "lessons": 1, "purpose": "Увидеть пробелы" }]);
    let proposed = json!({ "procedures": procedures });
    submit("proposals.association-russian", proposed).await.unwrap();
    let link = town.letters_to("school-1")[0].link_about("мероприятие 4 «");
    let path = town.folder.path().join("график.xlsx");
    let dkr = json!([5, null, "Математика", "2026-09-16", 2, 6, "региональный", "ДКР", 1, 68]);
    let dkr = dkr.as_array().unwrap().clone();
    let russian = own((5, "А"), "Русский язык", "2026-09-14", 3);
    let clash = own((5, "А"), "История", "2026-09-14", 5);
    let on_the_day = own((5, "Б"), "Русский язык", "2026-09-16", 4);
    let eighth = |subject: &str, lesson: u32| -> Vec<Value> {
        let row = json!([8, null, subject, "2026-10-07", lesson, 6, "региональный", "ДКР", 1, 68]);
        row.as_array().unwrap().clone()
    };
    let common = [eighth("Физика", 2), eighth("Химия", 3)];
    let with_common = |rows: &[Vec<Value>]| [rows, common.as_slice()].concat();
    let plan = with_common(&[dkr.clone(), russian.clone(), clash, on_the_day]);

    // A plan made in a spreadsheet is asked about, both sides named; the class and the whole grade, too.
    let stood = fill(&link, &path, &plan).await;
    let known = |grade: u32, subject: &str, date: &str| {
        json!([grade, null, subject, date, null, null, "региональный", "ДКР", 1, null])
    };
    let all = json!([
        known(5, "Математика", "2026-09-16"),
        known(8, "Физика", "2026-10-07"),
        known(8, "Химия", "2026-10-07"),
    ]);
    assert_eq!(json!(stood), all, "what the department named");
    let school = School::default();
    let asked = upload(&school, &link, &path).await.text();
    for words in [
        "5А, 14.09: Русский язык (3-й урок) и История (5-й урок). В один день — не больше 1",
        "5Б, 16.09: Математика (2-й урок) и Русский язык (4-й урок). В один день — не больше 1",
    ] {
        assert!(asked.contains(words), "{words}: {asked}");
    }
    assert!(!asked.contains("8, 07.10"), "what the department has named is not the school's clash");
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
    // What the department has named is asked about when it is not where it was.
    let mut elsewhere = plan.clone();
    elsewhere.truncate(5);
    elsewhere[0][3] = "2026-09-17".into();
    let refused = submit("schedules.school-3", works(&elsewhere)).await.unwrap_err();
    let asked = vekha_tests::stranger::wrong_fields(&refused);
    let told = asked.values().map(String::as_str).collect::<Vec<_>>().join("\n");
    for words in [
        "5, Математика: отдел назвал 16.09, а в графике 17.09",
        "8, Химия: отдел назвал 07.10, а в графике этой работы нет",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    let moved = with_common(&[
        dkr.clone(),
        russian.clone(),
        own((5, "А"), "История", "2026-09-18", 5),
        own((5, "Б"), "Русский язык", "2026-09-21", 4),
    ]);
    fill(&link, &path, &moved).await;
    let read = upload(&school, &link, &path).await.text();
    assert!(!read.contains("В один день"), "{read}");
    let sent = school.send(&link, &pairs(&works(&moved))).await.text();
    assert!(sent.contains("версия 2"), "{sent}");

    // Another school keeps its clashes; the first and the last lesson, too many hours; three have none;
    // one says nothing.
    let kept = with_common(&[
        dkr.clone(),
        own((5, "А"), "Русский язык", "2026-09-16", 1),
        own((9, "А"), "Физика", "2026-09-21", 6),
    ]);
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
        submit(&format!("schedules.school-{n}"), works(&with_common(std::slice::from_ref(&dkr))))
            .await
            .unwrap();
    }

    // Before the plans are checked a draft says that, and not that they are without clashes.
    let draft = stranger.call("DecisionService.DraftDecision", json!({ "parent": RUN })).await;
    let draft = draft.unwrap();
    let early = draft["text"].as_str().unwrap();
    assert!(early.contains("3. Отметить, что графики школ ещё не проверены."), "{early}");

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
    // The order brings the municipality's list, what clashes, whose it is, and what was explained.
    let wanted = json!({ "parent": RUN });
    let draft = stranger.call("DecisionService.DraftDecision", wanted).await.unwrap();
    insta::assert_snapshot!("schedule-order", draft["text"].as_str().unwrap());
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
        ["2026-10-07", "2026-10-08", "8: Физика", about("ДКР", 2, "региональный")],
        ["2026-10-07", "2026-10-08", "8: Химия", about("ДКР", 3, "региональный")],
    ]);
    assert_eq!(json!(told), wanted);
    let mut uids: Vec<&str> = events.iter().map(|event| event["uid"].as_str().unwrap()).collect();
    uids.sort_unstable();
    uids.dedup();
    assert_eq!(uids.len(), 6, "each has a name of its own");

    // The order tells the department to move its own works: it is asked first, and the form is filled.
    assert!(!town.letters_to("school-1").iter().any(|l| l.text.contains("Уточнённые графики")));
    let letter = town.letters_to("department");
    let letter = letter.iter().rfind(|l| l.text.contains("Уточнённые дни общих работ")).unwrap();
    let form = school.open(&letter.link_about("мероприятие 4 «")).await;
    assert!(form.html.contains("value=\"Химия\""), "{}", form.text());
    let mut moved_by_department = named;
    // A slip is mended on the same day: so much hangs on it.
    for day in ["2026-10-15", "2026-10-14"] {
        moved_by_department["dates"][2]["date"] = day.into();
        submit("dates-corrected.department", moved_by_department.clone()).await.unwrap();
        town.settle().await;
    }
    town.live_until("2026-09-07T12:00").await;

    // After the decision a plan may be corrected: the letter and the form say that it is asked again. What
    // the department has moved has moved there.
    let letter = town.letters_to("school-1");
    let letter = letter.iter().rfind(|l| l.text.contains("Уточнённые графики")).unwrap();
    let told = letter.text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("останется прежний ответ с этими изменениями"), "{told}");
    assert!(told.contains("Повторно: Уточнённые графики"), "{told}");
    let link = letter.link_about("мероприятие 4 «");
    let form = school.open(&link).await;
    assert!(form.text().contains("Повторный сбор: Уточнённые графики."), "{}", form.text());
    let path = town.folder.path().join("уточнённый.xlsx");
    let stood = fill(&link, &path, &moved).await;
    let days: Vec<&Value> = stood.iter().filter(|row| row[0] == 8).map(|row| &row[3]).collect();
    assert_eq!(days, ["2026-10-07", "2026-10-14"], "{stood:#?}");
    let mut corrected = with_common(&[
        dkr.clone(),
        russian,
        own((5, "5а"), "История", "2026-09-25", 5),
        own((5, "Б"), "Русский язык", "2026-09-21", 4),
    ]);
    corrected[5][3] = "2026-10-14".into();
    let sent = school.send(&link, &pairs(&works(&corrected))).await.text();
    assert!(sent.contains("версия 1"), "{sent}");
    town.live_until("2026-09-28T12:00").await;
    let page = std::fs::read_to_string(site.join("assessment-list/school-1.html")).unwrap();
    let (old, new) = ("18 сентября 2026 года", "25 сентября 2026 года");
    assert!(page.contains(new) && !page.contains(old) && page.contains("уточнённые графики"));
    let report = std::fs::read_to_string(site.join("assessment-list.html")).unwrap();
    assert!(report.contains("Перечень и график оценочных процедур: уточнённые графики"));
    let calendar = std::fs::read_to_string(site.join("assessment-list/school-1.ics")).unwrap();
    let calendar = ics::read(&calendar);
    let now = calendar["events"].as_array().unwrap();
    let history = |events: &[Value]| {
        events.iter().find(|event| event["summary"] == "5А: История").unwrap().clone()
    };
    let (first, second) = (history(events), history(now));
    assert_eq!((&first["uid"], &second["start"]), (&second["uid"], &json!("2026-09-25")));
    assert_eq!(now.len(), 6, "the entry has moved, and there is no other");
    // Who was silent stands by its plan, and is found with what it has not mended.
    let second = std::fs::read_to_string(site.join("assessment-list/school-2.html")).unwrap();
    assert!(second.contains("21 сентября 2026 года"), "{second}");
    assert!(second.contains("14 октября 2026 года"), "what the department has moved: {second}");
    let run = stranger.call("RunService.GetRun", json!({ "name": RUN })).await.unwrap();
    assert_eq!(run["state"], "RUN_STATE_COMPLETED", "{run:#}");
    town.daemon.stop().await.unwrap();
}

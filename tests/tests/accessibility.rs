//! Whoever sees badly, hears pages or has no mouse works with Vekha as all do: axe-core finds nothing
//! on any kind of page, on a desk and on a phone, by day and by night.

#![allow(clippy::unwrap_used)] // how tests fail

use std::io::{Cursor, Read as _};
use std::path::Path;
use std::sync::Mutex;

use fantoccini::Locator;
use serde_json::{Value, json};
use vekha_tests::axe;
use vekha_tests::browser::Browser;
use vekha_tests::foreign::{SCHOOLS, activity, results, run, start, submit, text};
use vekha_tests::stranger::Stranger;
use vekha_tests::town::Town;

/// What a person does on a page before it is looked at.
enum Step {
    /// Types into the field of this name.
    Fill(&'static str, &'static str),
    /// Sets the field that this selector finds.
    Set(&'static str, &'static str),
    /// Presses what this selector finds.
    Press(&'static str),
    /// Chooses the spreadsheet of the page's own form.
    Spreadsheet,
    /// Somebody else at the same organisation answers.
    Meanwhile,
    /// What came of it is there.
    See(&'static str),
}
use Step::*;

/// The name of a page, the way to it, words that stand there in the end, and what is done before.
/// Where a way begins with `@`, it is the link of that assignment; with `/`, an address of the
/// department's; otherwise a file.
type Row = (&'static str, &'static str, &'static str, &'static [Step]);

/// The summary of mistakes.
const WRONG: Step = See("#summary");
/// The form's own button.
const SEND: Step = Press("button.primary");
/// What was done well.
const DONE: Step = See(".good[role=\"status\"]");

/// Pages of the department.
const DEPARTMENT: &[Row] = &[
    ("the road map", "/m/zarechny", "Требует внимания", &[]),
    ("people before there are any", "/people", "Сотрудников ещё нет", &[]),
    ("a person with mistakes", "/people", "Исправьте, пожалуйста", &[SEND, WRONG]),
    ("what waits today", "/today", "Ждёт вас", &[]),
    ("tokens", "/tokens", "Ключи других систем", &[]),
    (
        "a token that was made",
        "/tokens",
        "Больше он не показывается",
        &[Fill("display_name", "Контингент"), Fill("role:zarechny", "viewer"), SEND, DONE],
    ),
    ("a token with mistakes", "/tokens", "Исправьте, пожалуйста", &[SEND, WRONG]),
    ("an activity", "/runs/zarechny/low-result-schools", "Начать выполнение сейчас", &[]),
    (
        "an activity whose schedule is paused",
        "/runs/zarechny/combined-analysis",
        "Ждём методику",
        &[],
    ),
    ("an activity without runs", "/runs/zarechny/adopt-road-map", "Выполнений ещё не было", &[]),
    (
        "a run that waits for others",
        "/runs/zarechny/training-analysis/2025-26",
        "Начать, не дожидаясь",
        &[],
    ),
    (
        "a run that asks whether to begin",
        "/runs/zarechny/gia-vpr-analysis/2025-26",
        "Начать или пропустить",
        &[],
    ),
    ("a run that collects", "/runs/zarechny/low-result-schools/2023-24", "исправят к", &[]),
    (
        "a run whose answers are looked through",
        "/runs/zarechny/leader-monitoring/2025",
        "Все ответили: проверьте ответы",
        &[],
    ),
    (
        "a decision with mistakes",
        "/runs/zarechny/annual-report/2025-26",
        "Что решено: заполните",
        &[Press("[aria-labelledby=\"decision:decide\"] button.primary"), WRONG],
    ),
    (
        "a run that was decided without measures",
        "/runs/zarechny/low-result-schools/2025-26",
        "220-од",
        &[],
    ),
    ("a run that was decided", "/runs/zarechny/low-result-schools/2024-25", "214-од", &[]),
    (
        "a report sent back without a reason",
        "/runs/zarechny/low-result-schools/2024-25",
        "Ничего ещё не сделано",
        &[Press("[name=\"_do\"][value=\"return\"]"), WRONG],
    ),
    ("a run with drafts", "/runs/zarechny/equity-methods/2024-25", "Проекты рекомендаций", &[]),
    (
        "a draft refused without a reason",
        "/runs/zarechny/equity-methods/2024-25",
        "Ничего ещё не сделано",
        &[Press("[name=\"_do\"][value^=\"discard:\"]"), WRONG],
    ),
    ("a run that was called off", "/runs/zarechny/vpr/2025-26", "отменено", &[]),
    (
        "a run that has published and awaits a decision",
        "/runs/zarechny/annual-report/2025-26",
        "Внести решение",
        &[],
    ),
    (
        "a correction",
        "/runs/zarechny/low-result-schools/2024-25/decisions/1/correction",
        "новое сошлётся на него",
        &[],
    ),
    (
        "a correction with mistakes",
        "/runs/zarechny/low-result-schools/2024-25/decisions/1/correction",
        "Ничего ещё не сделано",
        &[SEND, WRONG],
    ),
    (
        "an answer",
        "/runs/zarechny/low-result-schools/2023-24/answers/collect.school-4",
        "Ответ, версия 1",
        &[],
    ),
    (
        "an answer of two versions",
        "/runs/zarechny/low-result-schools/2023-24/answers/collect.school-5",
        "Что менялось",
        &[],
    ),
    (
        "an answer with an explanation",
        "/runs/zarechny/leader-monitoring/2025/answers/schools.school-1",
        "Закрыт филиал в Сосновке",
        &[],
    ),
    (
        "an answer sent back without a reason",
        "/runs/zarechny/leader-monitoring/2025/answers/schools.school-1",
        "Ничего ещё не сделано",
        &[Press("[name=\"_do\"][value=\"return\"]"), WRONG],
    ),
    (
        "no answer",
        "/runs/zarechny/low-result-schools/2023-24/answers/collect.school-1",
        "Ответа ещё нет",
        &[],
    ),
    (
        "exports for all schools",
        "/runs/zarechny/low-result-schools/2023-24/exports/collect",
        "Заполнить формы школ из выгрузки",
        &[],
    ),
    (
        "an analysis",
        "/runs/zarechny/low-result-schools/2025-26/reports/analyze",
        "Отчёт по организации",
        &[],
    ),
    (
        "an analysis of one school",
        "/runs/zarechny/low-result-schools/2025-26/reports/analyze?organisation=school-1",
        "Все организации",
        &[],
    ),
    ("an analysis as a file", "analysis.html", "Мероприятие 29 дорожной карты", &[]),
    ("a published report", "published.html", "Содержание", &[]),
    ("completeness", "/m/zarechny/completeness?year=2026", "По организациям", &[]),
    (
        "completeness of a school",
        "/m/zarechny/completeness?year=2026&organisation=school-1",
        "По запросам",
        &[],
    ),
    (
        "completeness of a year without requests",
        "/m/zarechny/completeness?year=2019",
        "никого не спрашивали",
        &[],
    ),
    (
        "recommendations",
        "/m/zarechny/recommendations?year=2025",
        "Адресные рекомендации, 2025 год",
        &[],
    ),
    ("decisions", "/m/zarechny/decisions?year=2026", "отчёт на проверке", &[]),
    ("a year without decisions", "/m/zarechny/decisions?year=2019", "решений ещё нет", &[]),
    ("effects", "/m/zarechny/effects?year=2025", "Чем помогли", &[]),
    ("organisations", "/m/zarechny/organisations", "МБОУ СОШ № 1", &[]),
    (
        "organisations that were looked for",
        "/m/zarechny/organisations?q=77",
        "Таких организаций",
        &[],
    ),
    ("an organisation", "/m/zarechny/organisations/school-1", "Что должна сейчас", &[]),
    (
        "a calendar's address",
        "/m/zarechny/organisations/school-1",
        "Больше он не показывается",
        &[Press("[value=\"calendar-give\"]"), DONE],
    ),
    (
        "an organisation's figures",
        "/m/zarechny/organisations/school-1?analysis=low-result-schools%2Fanalyze",
        "Показатели по годам",
        &[],
    ),
    ("the road map narrowed", "/m/zarechny?state=going&q=школ", "Показать всё", &[]),
    ("a year", "/m/zarechny/year?year=2026", "Ход мероприятий", &[]),
    ("letters that were sent", "/m/zarechny/letters?state=sent", "Отправлены", &[]),
    (
        "letters to be held without a reason",
        "/m/zarechny/letters",
        "Остановить отправку",
        &[Press("[name=\"_action\"][value=\"hold\"]"), See(".error")],
    ),
    ("letters to come", "/m/zarechny/preview", "Предстоящие письма", &[]),
    ("the journal", "/m/zarechny/journal", "получен ответ", &[]),
    ("a search of the journal in vain", "/m/zarechny/journal?who=nobody", "Таких записей нет", &[]),
    (
        "the journal that is whole",
        "/m/zarechny/journal",
        "Проверить целостность",
        &[Press("[name=\"_action\"][value=\"verify\"]"), See(".notice.good")],
    ),
    ("definitions", "/m/zarechny/definitions", "Этапы и сроки", &[]),
    ("a definition", "/m/zarechny/definitions/activities/low-result-schools", "Что записано", &[]),
    (
        "a definition with mistakes",
        "/m/zarechny/definitions/activities/low-result-schools",
        "Исправьте, пожалуйста",
        &[
            Fill("stage.collect.due", "скоро"),
            Fill("stage.collect.remind", "потом"),
            Fill("threshold.low_share", "много"),
            SEND,
            WRONG,
        ],
    ),
    (
        "a change that is looked at",
        "/m/zarechny/definitions/activities/low-result-schools",
        "Год вперёд",
        &[Fill("schedule.opens", "1 октября"), SEND, See("#year")],
    ),
    ("a letter's texts", "/m/zarechny/definitions/letters/reminder", "Вид в почте", &[]),
    ("versions", "/m/zarechny/definitions/versions", "Версия 1", &[]),
    ("a version", "/m/zarechny/definitions/versions/1", "Это первая версия", &[]),
    ("no archive", "/m/zarechny/definitions/archive", "Архив не принят", &[SEND, WRONG]),
    ("help", "/help", "Ссылка «Справка»", &[]),
    ("no organisation", "/own", "Вы не представляете", &[]),
    ("the daemon", "/daemon", "С чем работает", &[]),
    (
        "a letter that is tried in vain",
        "/daemon",
        "Отправить пробное письмо",
        &[Fill("to", "никуда"), Press("[name=\"_action\"][value=\"mail\"]"), See(".notice.wrong")],
    ),
    (
        "a listener that is not added",
        "/daemon",
        "Добавить слушателя",
        &[Fill("name", "Портал"), Press("[name=\"_action\"][value=\"listen\"]"), WRONG],
    ),
    ("a listener", "/daemon/listeners/portal", "Пока он отключён", &[]),
    (
        "a listener that is not changed",
        "/daemon/listeners/portal",
        "Исправьте, пожалуйста",
        &[Fill("url", "ftp://portal.example.org"), SEND, WRONG],
    ),
    (
        "of which activities a listener is told",
        "/daemon/listeners/portal",
        "если не отметить — все",
        &[Press("form details summary"), See("#activities input")],
    ),
    ("a municipality that begins", "/begin", "С какого дня", &[]),
    ("one that is not filled in", "/begin", "Исправьте, пожалуйста", &[SEND, WRONG]),
    ("a search", "/m/zarechny/search?q=214-од", "214-од", &[]),
    ("a search in vain", "/m/zarechny/search?q=nothing", "Ничего не найдено", &[]),
    (
        "participants",
        "/runs/zarechny/low-result-schools/2023-24/participants",
        "Название или код",
        &[],
    ),
    (
        "answers as a table",
        "/runs/zarechny/low-result-schools/2023-24/answers?sort=name",
        "Эта таблица для Excel",
        &[],
    ),
    (
        "figures as a table",
        "/runs/zarechny/low-result-schools/2025-26/figures/analyze",
        "Показатели",
        &[],
    ),
    ("a journal", "/runs/zarechny/low-result-schools/2025-26/journal", "О ком", &[]),
    ("documents of a year", "year/index.html", "документы за 2025 год", &[]),
    ("documents of an activity", "activity.html", "Анализ эффективности", &[]),
    ("no such page", "/m/nowhere", "Такой страницы нет", &[]),
];

/// Pages of schools, behind their links.
const SCHOOL: &[Row] = &[
    ("a form, late", "@low-result-schools/2023-24/collect.school-1", "срок прошёл", &[]),
    (
        "a calendar's address from a form",
        "@low-result-schools/2023-24/collect.school-1",
        "Календарь сроков",
        &[Press("[action$=\"/calendar\"] button"), DONE],
    ),
    (
        "a form with mistakes",
        "@low-result-schools/2023-24/collect.school-1",
        "нужно целое число",
        &[
            Fill("procedures[0].procedure", "ВПР"),
            Fill("procedures[0].grade", "двадцать"),
            SEND,
            WRONG,
        ],
    ),
    (
        "a form with rows added",
        "@low-result-schools/2023-24/collect.school-1",
        "Отправить сведения",
        &[Press("button[name=\"_add\"]")],
    ),
    (
        "a form from a spreadsheet with mistakes",
        "@low-result-schools/2023-24/collect.school-1",
        "Исправьте, пожалуйста",
        &[Spreadsheet, Press("form[action$=\"/table\"] button"), WRONG],
    ),
    (
        "more time asked for without a reason",
        "@low-result-schools/2023-24/collect.school-1",
        "Просьба о сроке не отправлена",
        &[Press("#extension button"), WRONG],
    ),
    (
        "a draft",
        "@low-result-schools/2023-24/collect.school-2",
        "Черновик сохранён",
        &[
            Fill("procedures[0].procedure", "ВПР"),
            Press("[name=\"_save\"]"),
            See("[role=\"status\"]"),
        ],
    ),
    (
        "a form that two people filled in",
        "@low-result-schools/2023-24/collect.school-2",
        "её изменил другой человек",
        &[Fill("procedures[0].procedure", "ОГЭ"), Meanwhile, SEND, See("#conflict")],
    ),
    (
        "more time asked for",
        "@low-result-schools/2023-24/collect.school-3",
        "Просьба о продлении срока отправлена",
        &[
            Set("#extension [name=\"due\"]", "2026-12-01"),
            Fill("reason", "Директор на курсах"),
            Press("#extension button"),
            DONE,
        ],
    ),
    (
        "an answer that was accepted",
        "@low-result-schools/2023-24/collect.school-4",
        "Исправления принимаются",
        &[],
    ),
    (
        "an answer that was sent back",
        "@low-result-schools/2023-24/collect.school-5",
        "Отдел просит исправить ответ",
        &[],
    ),
    (
        "a form that is not needed any more",
        "@low-result-schools/2023-24/collect.school-6",
        "Сведения больше не требуются",
        &[],
    ),
    ("a form that was called off", "@vpr/2025-26/collect.school-1", "Мероприятие отменено", &[]),
    (
        "an answer after the collection",
        "@low-result-schools/2024-25/collect.school-1",
        "Сбор завершён",
        &[],
    ),
    (
        "no answer after the collection",
        "@low-result-schools/2024-25/collect.school-6",
        "Приём сведений закрыт",
        &[],
    ),
    (
        "a form with choices and a file",
        "@low-result-monitoring/2025-26/collect.school-2",
        "Отправить сведения",
        &[],
    ),
    (
        "mistakes in choices and a file",
        "@low-result-monitoring/2025-26/collect.school-2",
        "Исправьте, пожалуйста",
        &[SEND, WRONG],
    ),
    (
        "a form with scores and dates",
        "@municipal-assessments/2025-26/collect.school-2",
        "Под каждым баллом",
        &[],
    ),
    (
        "mistakes in scores and dates",
        "@municipal-assessments/2025-26/collect.school-2",
        "Исправьте, пожалуйста",
        &[SEND, WRONG],
    ),
    (
        "an explanation that is asked for",
        "@leader-monitoring/2025/schools.school-2",
        "каждый четвёртый",
        &[Fill("staff_left", "30"), SEND, See("[name=\"explanations.staff_left\"]")],
    ),
    (
        "recommendations to a school",
        "@equity-methods/2024-25/recommend.school-1",
        "С рекомендациями ознакомлены",
        &[],
    ),
    (
        "recommendations that were read",
        "@equity-methods/2024-25/recommend.school-1",
        "Отметка об ознакомлении принята",
        &[SEND, DONE],
    ),
    ("a measure", "@low-result-schools/2024-25/measure-1.school-1", "Что нужно сделать", &[]),
    (
        "a measure without a report",
        "@low-result-schools/2024-25/measure-1.school-1",
        "Исправьте, пожалуйста",
        &[SEND, WRONG],
    ),
    (
        "a measure that was reported",
        "@low-result-schools/2024-25/measure-2.school-2",
        "Отчёт отправлен",
        &[],
    ),
    (
        "a report that was sent back",
        "@low-result-schools/2024-25/measure-3.school-3",
        "Отчёт возвращён",
        &[],
    ),
    (
        "a measure that is done",
        "@low-result-schools/2024-25/measure-4.school-4",
        "Мера исполнена",
        &[],
    ),
    ("a link that opens nothing", "/a/0000", "Ссылка не открывается", &[]),
];

/// A form with low results, or one without.
async fn answer(stranger: &Stranger, period: &str, school: &str, low: bool) {
    let name = format!("{}/assignments/collect.{school}", run("low-result-schools", period));
    submit(stranger, &name, results(low)).await.unwrap();
}

/// The answer to a form that the year's test gives.
fn prepared(form: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/answers");
    let text = std::fs::read_to_string(folder.join(format!("{form}.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// A town in which everything stands somewhere between its beginning and its end.
async fn town() -> (Town, Stranger) {
    let town = Town::start("2026-10-06T09:30").await;
    let stranger = Stranger::meet(town.channel().await).await;
    let call = async |method: &str, request: Value| stranger.call(method, request).await.unwrap();

    // A collection that ends without two of the schools; another of which the due day has passed.
    start(&stranger, "low-result-schools", "2024-25").await;
    for school in &SCHOOLS[..4] {
        answer(&stranger, "2024-25", school, ["school-1", "school-2"].contains(school)).await;
    }
    town.live_until("2026-10-21T10:00").await;
    start(&stranger, "low-result-schools", "2023-24").await;
    town.live_until("2026-11-09T10:00").await;
    let late = run("low-result-schools", "2023-24");
    for school in ["school-4", "school-5"] {
        answer(&stranger, "2023-24", school, true).await;
    }
    answer(&stranger, "2023-24", "school-5", false).await;
    let name = |school: &str| format!("{late}/assignments/collect.{school}");
    let words = "Разве в пятом классе двадцать учеников?";
    let back = json!({ "name": name("school-5"), "comment": words });
    call("AssignmentService.ReturnAssignment", back).await;
    let waived = json!({ "name": name("school-6"), "reason": "Школа на ремонте" });
    call("AssignmentService.WaiveAssignment", waived).await;

    // What follows from the first: a decision whose measures stand differently, drafts.
    let found = run("low-result-schools", "2024-25");
    let measure = |school: &str| json!({ "text": "Утвердить программу школы", "organisations": [school], "due": "2026-12-01" });
    let measures: Vec<Value> = SCHOOLS[..4].iter().map(|school| measure(school)).collect();
    let decision = json!({ "parent": found, "number": "214-од", "date": "2026-11-09",
        "title": "О школах с низкими результатами", "outcome": "Утвердить перечень.",
        "signatory": "Начальник отдела", "measures": measures });
    call("DecisionService.RecordDecision", decision).await;
    town.settle().await;
    for (number, school) in (2..).zip(&SCHOOLS[1..4]) {
        let report = json!({ "name": format!("{found}/assignments/measure-{number}.{school}"),
            "answers": { "report": "Утверждена приказом № 87." } });
        call("AssignmentService.SubmitAssignment", report).await;
    }
    let third = json!({ "name": format!("{found}/measures/3"), "comment": "Приложите приказ" });
    call("MeasureService.ReturnMeasure", third).await;
    call("MeasureService.AcceptMeasure", json!({ "name": format!("{found}/measures/4") })).await;
    for school in ["school-1", "school-2"] {
        let name =
            format!("{}/assignments/collect.{school}", run("low-result-monitoring", "2024-25"));
        submit(&stranger, &name, prepared("low-result-state.troubled")).await.unwrap();
    }
    town.settle().await;
    let drafted =
        format!("{}/recommendations/recommend.school-1", run("equity-methods", "2024-25"));
    let parent = run("equity-methods", "2024-25");
    let approved = json!({ "parent": parent, "names": [drafted] });
    call("RecommendationService.ApproveRecommendations", approved).await;

    // A year later everybody has answered.
    start(&stranger, "low-result-schools", "2025-26").await;
    for school in SCHOOLS {
        answer(&stranger, "2025-26", school, school == "school-2").await;
    }
    town.settle().await;
    let parent = run("low-result-schools", "2025-26");
    let decision = json!({ "parent": parent, "number": "220-од", "date": "2026-11-09",
        "outcome": "Утвердить перечень.", "signatory": "Начальник отдела", "withoutMeasures": true });
    call("DecisionService.RecordDecision", decision).await;
    let named = json!({ "parent": activity("municipal-assessments"), "period": "2025-26",
        "organisations": SCHOOLS });
    call("RunService.StartRun", named).await;
    let leaders = start(&stranger, "leader-monitoring", "2025").await;
    for school in SCHOOLS {
        let mut answers = prepared("leader-effectiveness");
        answers["staff_left"] = json!(if school == "school-1" { 30 } else { 0 });
        answers["explanations"] = json!({ "staff_left": "Закрыт филиал в Сосновке" });
        submit(&stranger, &format!("{leaders}/assignments/schools.{school}"), answers)
            .await
            .unwrap();
    }
    let report = start(&stranger, "annual-report", "2025-26").await;
    let department = format!("{report}/assignments/collect.department");
    submit(&stranger, &department, prepared("education-system")).await.unwrap();
    // What waits for what was called off must be told what to do.
    let request = json!({ "parent": activity("gia-vpr-analysis"), "period": "2025-26" });
    call("RunService.StartRun", request).await;
    let called_off = start(&stranger, "vpr", "2025-26").await;
    let request = json!({ "name": called_off, "reason": "Перенесено министерством" });
    call("RunService.CancelRun", request).await;
    let request = json!({ "parent": activity("training-analysis"), "period": "2025-26" });
    call("RunService.StartRun", request).await;
    let pause = json!({ "name": activity("combined-analysis"), "reason": "Ждём методику" });
    call("RoadMapService.PauseActivity", pause).await;
    let portal = json!({ "name": "listeners/portal", "url": "https://portal.example.org/vekha",
        "disabled": true });
    call("ListenerService.CreateListener", json!({ "listener": portal })).await;
    town.settle().await;
    (town, stranger)
}

/// What is told by files: each is written where the browser finds it.
async fn files(town: &Town) {
    let fetch = async |path: &str| {
        let answer = reqwest::get(format!("{}{path}", town.url())).await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer.bytes().await.unwrap()
    };
    let folder = town.folder.path();
    for (name, path) in [
        ("analysis.html", "low-result-schools/2025-26/reports/analyze/report.html"),
        ("published.html", "annual-report/2025-26/published/publish.html"),
    ] {
        std::fs::write(folder.join(name), fetch(&format!("/runs/zarechny/{path}")).await).unwrap();
    }
    let archive = fetch("/m/zarechny/evidence.zip?year=2025").await;
    let mut archive = zip::ZipArchive::new(Cursor::new(archive)).unwrap();
    archive.extract(folder.join("year")).unwrap();
    // Of the pages about activities the one with most to tell.
    let mut pages = Vec::new();
    for place in 0..archive.len() {
        let mut file = archive.by_index(place).unwrap();
        if file.name().unwrap().ends_with(".html") {
            let mut page = String::new();
            file.read_to_string(&mut page).unwrap();
            pages.push(page);
        }
    }
    pages.retain(|page| page.contains("id=\"effects\""));
    let longest = pages.into_iter().max_by_key(String::len).unwrap();
    std::fs::write(folder.join("activity.html"), longest).unwrap();
}

struct Visitor<'t> {
    town: &'t Town,
    stranger: &'t Stranger,
    browser: &'t Browser,
}

impl Visitor<'_> {
    async fn address(&self, way: &str) -> String {
        let Some(assignment) = way.strip_prefix('@') else {
            return match way.starts_with('/') {
                true => format!("{}{way}", self.town.url()),
                false => format!("file://{}", self.town.folder.path().join(way).display()),
            };
        };
        let assigned = json!({ "name": named(assignment), "showLink": true });
        let assigned = self.stranger.call("AssignmentService.GetAssignment", assigned).await;
        text(&assigned.unwrap(), "link").to_owned()
    }

    async fn take(&self, step: &Step, way: &str) {
        match step {
            Fill(name, words) => self.browser.fill(name, words).await,
            Set(css, value) => self.browser.set(css, value).await,
            Press(css) => self.browser.press(css).await,
            Spreadsheet => {
                let form = format!("{}/form.xlsx", self.address(way).await);
                let form = reqwest::get(form).await.unwrap().bytes().await.unwrap();
                let path = self.town.folder.path().join("form.xlsx");
                std::fs::write(&path, form).unwrap();
                let file = self.browser.client.find(Locator::Css("#table-file")).await.unwrap();
                file.send_keys(path.to_str().unwrap()).await.unwrap();
            }
            Meanwhile => {
                let name = named(way.trim_start_matches('@'));
                submit(self.stranger, &name, results(true)).await.unwrap();
            }
            See(css) => self.browser.wait_for(css).await,
        }
    }

    /// What is wrong with the page of a row, each line with its name.
    async fn look(&self, (name, way, words, steps): &Row) -> Vec<String> {
        self.browser.resize(1280, 900).await;
        self.browser.open(&self.address(way).await).await;
        axe::unfold(self.browser).await;
        for step in *steps {
            self.take(step, way).await;
        }
        axe::unfold(self.browser).await;
        let text = self.browser.text().await;
        assert!(text.contains(words), "{name}: {text}");
        let found = axe::violations(self.browser).await;
        found.into_iter().map(|line| format!("{name}, {line}")).collect()
    }
}

/// What is wrong with the page that says this.
async fn at(browser: &Browser, words: &str) -> Vec<String> {
    browser.wait_for(".person, h1").await;
    let text = browser.text().await;
    assert!(text.contains(words), "{words}: {text}");
    let found = axe::violations(browser).await;
    found.into_iter().map(|line| format!("{words}, {line}")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn axe_finds_nothing_wrong_where_the_key_is_asked_for_and_where_it_is_known() {
    let key = "0123456789abcdef";
    let town = Town::start_locked("2026-10-06T09:30", key).await;
    let browser = axe::browser().await;
    let mut found = Vec::new();
    let address = town.daemon.address;
    // A browser would ask for the key before it showed that page: another page of the daemon becomes it.
    let door = reqwest::get(format!("http://{address}/")).await.unwrap();
    assert_eq!(door.status(), 401);
    browser.open(&format!("http://{address}/a/0000")).await;
    let become_it = "document.open(); document.write(arguments[0]); document.close();";
    browser.client.execute(become_it, vec![json!(door.text().await.unwrap())]).await.unwrap();
    found.extend(at(&browser, "Ключ из раздела").await);
    browser.open(&format!("http://anna:{key}@{address}/")).await;
    found.extend(at(&browser, "Вы вошли как anna").await);
    browser.close().await;
    assert!(found.is_empty(), "{} findings:\n{}", found.len(), found.join("\n"));
}

/// `activity/period/assignment` as the contract names it.
fn named(assignment: &str) -> String {
    let parts: Vec<&str> = assignment.split('/').collect();
    format!("{}/assignments/{}", run(parts[0], parts[1]), parts[2])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn axe_finds_nothing_wrong_with_any_page_on_a_desk_or_a_phone_by_day_or_by_night() {
    let (town, stranger) = town().await;
    files(&town).await;
    // What a school does at one page shows at the next; those of the department stand alone.
    let apart = DEPARTMENT.iter().map(std::slice::from_ref);
    let rows = Mutex::new(std::iter::once(SCHOOL).chain(apart));
    let found = Mutex::new(Vec::new());
    let visit = async || {
        let browser = axe::browser().await;
        let visitor = Visitor { town: &town, stranger: &stranger, browser: &browser };
        loop {
            let Some(rows) = rows.lock().unwrap().next() else { break };
            for row in rows {
                let lines = visitor.look(row).await;
                found.lock().unwrap().extend(lines);
            }
        }
        browser.close().await;
    };
    tokio::join!(visit(), visit());
    let found = found.into_inner().unwrap();
    assert!(found.is_empty(), "{} findings:\n{}", found.len(), found.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_on_a_desk_or_a_phone_by_day_or_by_night_is_named_with_its_place() {
    let page = "<!doctype html><html lang=\"ru\"><title>Проба</title><style>
        @media (max-width: 500px) { h1 { display: none } }
        @media (prefers-color-scheme: dark) { p { color: #777; background: #666 } }
        </style><main><h1>Проба</h1><details><p>Ночью не прочесть</p></details>
        <input id=\"nameless\"></main>";
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("page.html");
    std::fs::write(&path, page).unwrap();
    let browser = axe::browser().await;
    browser.open(&format!("file://{}", path.display())).await;
    let found = axe::violations(&browser).await;
    let named = found.iter().map(|line| {
        let (rule, place) = (line.split(" (").next().unwrap(), line.rsplit(": ").next().unwrap());
        format!("{rule} at {place}")
    });
    assert_eq!(
        named.collect::<Vec<_>>(),
        [
            "1280 px, Light: label at #nameless",
            "1280 px, Dark: color-contrast at p",
            "390 px, Light: label at #nameless",
            "390 px, Light: page-has-heading-one at html",
            "390 px, Dark: color-contrast at p",
        ]
    );
    browser.close().await;
}

//! The circle of management closes: a school is found to have low results, gets a measure and
//! recommendations, reports on them, and the next year's figures show what came of it. Two autumns
//! of the shipped road map, with the documents that people take from it.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};

use calamine::{Data, DataType as _, Reader as _, Xlsx};
use reqwest::Client;
use serde_json::{Value, json};
use tonic::transport::Channel;
use vekha::api::convert;
use vekha_proto::v1;
use vekha_proto::v1::assignment_service_client::AssignmentServiceClient;
use vekha_proto::v1::decision_service_client::DecisionServiceClient;
use vekha_proto::v1::effect_service_client::EffectServiceClient;
use vekha_proto::v1::measure_service_client::MeasureServiceClient;
use vekha_proto::v1::recommendation_service_client::RecommendationServiceClient;
use vekha_proto::v1::run_service_client::RunServiceClient;
use vekha_tests::browser::Browser as Phone;
use vekha_tests::town::Town;

/// An indicator.
const SHARE: &str = "Доля низких результатов во всех процедурах";

/// Marks 2 to 5 of two procedures of each of the six schools.
type Marks = [[[u32; 4]; 2]; 6];

/// Schools 1 and 4 have low results twice, school 2 once.
const FIRST: Marks = [
    [[11, 7, 2, 0], [13, 5, 5, 2]],
    [[12, 5, 2, 1], [2, 8, 8, 2]],
    [[5, 8, 3, 1], [4, 8, 6, 2]],
    [[10, 5, 5, 0], [16, 6, 6, 2]],
    [[1, 9, 8, 2], [2, 9, 8, 1]],
    [[2, 9, 8, 2], [1, 9, 8, 1]],
];

/// A year later school 1 has none, school 4 is worse, school 2 as it was.
const SECOND: Marks = [
    [[2, 12, 5, 1], [3, 14, 6, 2]],
    [[12, 5, 2, 1], [2, 8, 8, 2]],
    [[5, 8, 3, 1], [4, 8, 6, 2]],
    [[13, 4, 3, 0], [18, 6, 4, 2]],
    [[1, 9, 8, 2], [2, 9, 8, 1]],
    [[2, 9, 8, 2], [1, 9, 8, 1]],
];

struct Department {
    channel: Channel,
    period: &'static str,
}

impl Department {
    fn run(&self, activity: &str) -> String {
        format!("municipalities/zarechny/activities/{activity}/runs/{}", self.period)
    }

    async fn proceed(&self, activity: &str) {
        let request = v1::AnswerQuestionRequest {
            name: self.run(activity),
            answer: v1::Answer::Proceed.into(),
            ..Default::default()
        };
        RunServiceClient::new(self.channel.clone()).answer_question(request).await.unwrap();
    }

    async fn submit(&self, activity: &str, assignment: &str, answers: &Value) {
        let request = v1::SubmitAssignmentRequest {
            name: format!("{}/assignments/{assignment}", self.run(activity)),
            answers: Some(convert::structure(answers.as_object().unwrap())),
            ..Default::default()
        };
        let mut service = AssignmentServiceClient::new(self.channel.clone());
        service.submit_assignment(request).await.unwrap();
    }

    /// Collects the marks of all schools.
    async fn collect(&self, marks: &Marks) {
        for (place, procedures) in marks.iter().enumerate() {
            let procedures: Vec<Value> = ["Математика", "Русский язык"]
                .iter()
                .zip(procedures)
                .map(|(subject, marks)| {
                    json!({
                        "procedure": "ВПР", "grade": 5, "subject": subject,
                        "participants": marks.iter().sum::<u32>(),
                        "marks_2": marks[0], "marks_3": marks[1],
                        "marks_4": marks[2], "marks_5": marks[3],
                    })
                })
                .collect();
            let assignment = format!("collect.school-{}", place + 1);
            self.submit("low-result-schools", &assignment, &json!({ "procedures": procedures }))
                .await;
        }
    }

    async fn decide(
        &self,
        activity: &str,
        number: &str,
        date: &str,
        measure: Option<v1::NewMeasure>,
    ) {
        let request = v1::RecordDecisionRequest {
            parent: self.run(activity),
            number: number.into(),
            date: date.into(),
            outcome: "Утвердить прилагаемый перечень.".into(),
            signatory: "Начальник отдела образования".into(),
            measures: measure.into_iter().collect(),
            ..Default::default()
        };
        DecisionServiceClient::new(self.channel.clone()).record_decision(request).await.unwrap();
    }

    /// What the schools that were found say of themselves, and what they are recommended.
    async fn help(&self, town: &Town, schools: &[&str]) {
        let state: Value =
            serde_json::from_str(include_str!("../../config/tour/state.json")).unwrap();
        for school in schools {
            self.submit("low-result-monitoring", &format!("collect.{school}"), &state).await;
        }
        town.settle().await;
        let request = v1::ApproveRecommendationsRequest {
            parent: self.run("equity-methods"),
            ..Default::default()
        };
        let mut service = RecommendationServiceClient::new(self.channel.clone());
        service.approve_recommendations(request).await.unwrap();
        for school in schools {
            // Read at once; what was done about it is told later, at the same link.
            let assignment = format!("recommend.{school}");
            self.submit("equity-methods", &assignment, &json!({})).await;
            let report = json!({ "report": format!("{school}: наставник назначен.") });
            self.submit("equity-methods", &assignment, &report).await;
        }
        town.settle().await;
    }
}

/// What the department sees and takes.
struct Browser<'a> {
    http: Client,
    town: &'a Town,
}

impl Browser<'_> {
    async fn file(&self, path: &str) -> Vec<u8> {
        let answer = self.http.get(format!("{}{path}", self.town.url())).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer.bytes().await.unwrap().to_vec()
    }

    async fn page(&self, path: &str) -> String {
        String::from_utf8(self.file(path).await).unwrap()
    }
}

/// What a reader of a page sees.
fn text(html: &str) -> String {
    let main = &html[html.find("<main").unwrap()..];
    let parts = main.split('<').skip(1).filter_map(|part| part.split_once('>'));
    let words: Vec<&str> = parts.flat_map(|(_, text)| text.split_whitespace()).collect();
    words.join(" ").replace("&#x2f;", "/")
}

/// The files of an archive, by name.
fn unpacked(file: Vec<u8>) -> BTreeMap<String, Vec<u8>> {
    let mut archive = zip::ZipArchive::new(Cursor::new(file)).unwrap();
    let mut files = BTreeMap::new();
    for place in 0..archive.len() {
        let mut file = archive.by_index(place).unwrap();
        let name = file.name().unwrap().into_owned();
        let mut content = Vec::new();
        file.read_to_end(&mut content).unwrap();
        files.insert(name, content);
    }
    files
}

/// The text of a document for Word.
fn document(file: Vec<u8>) -> String {
    String::from_utf8(unpacked(file).remove("word/document.xml").unwrap()).unwrap()
}

/// The paragraphs of such a document, pictures as a mark.
fn paragraphs(document: &str) -> String {
    let mut lines = Vec::new();
    for paragraph in document.split("</w:p>") {
        let runs = paragraph.split("<w:t ").skip(1).filter_map(|run| run.split_once('>'));
        let words: String = runs.filter_map(|(_, text)| text.split("</w:t>").next()).collect();
        let picture = if paragraph.contains("<w:drawing>") { "[график]" } else { "" };
        lines.push(words + picture);
    }
    lines.join("\n")
}

macro_rules! golden {
    ($name:expr, $text:expr) => {
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!($name, $text);
        });
    };
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_found_is_helped_and_the_next_year_shows_what_came_of_it() {
    let town = Town::start("2026-09-14T08:00").await;
    let mut department = Department { channel: town.channel().await, period: "2025-26" };

    // The first autumn: schools 1 and 4 are found; school 1 gets a measure, both recommendations.
    town.live_until("2026-09-15T09:30").await;
    department.proceed("low-result-schools").await;
    town.settle().await;
    department.collect(&FIRST).await;
    town.settle().await;
    let measure = v1::NewMeasure {
        text: "Утвердить программу перехода школы в эффективный режим работы".into(),
        organisations: vec!["school-1".into()],
        due: "2026-11-16".into(),
    };
    department.decide("low-result-schools", "214-од", "2026-09-15", Some(measure)).await;
    town.settle().await;
    let report = json!({ "report": "Утверждена приказом № 87." });
    department.submit("low-result-schools", "measure-1.school-1", &report).await;
    let name = format!("{}/measures/1", department.run("low-result-schools"));
    let request = v1::AcceptMeasureRequest { name, ..Default::default() };
    MeasureServiceClient::new(town.channel().await).accept_measure(request).await.unwrap();
    // School 2 is ordered something by the decision that follows, and does not do it.
    let measure = v1::NewMeasure {
        text: "Закрепить за школой учителя-наставника по математике".into(),
        organisations: vec!["school-2".into()],
        due: "2026-12-01".into(),
    };
    department.decide("support-programme-update", "215-од", "2026-09-15", Some(measure)).await;
    department.help(&town, &["school-1", "school-4"]).await;
    department.decide("equity-methods", "220-од", "2026-09-15", None).await;

    // That one is corrected by a later document, which refers to it; it stays itself.
    let corrects = format!("{}/decisions/1", department.run("equity-methods"));
    let request = v1::RecordDecisionRequest {
        parent: department.run("equity-methods"),
        corrects: corrects.clone(),
        kind: v1::DecisionKind::Directive.into(),
        number: "9-р".into(),
        date: "2026-09-15".into(),
        outcome: "Дополнить перечень методов работой с семьёй.".into(),
        signatory: "Начальник отдела образования".into(),
        ..Default::default()
    };
    let mut decisions = DecisionServiceClient::new(town.channel().await);
    let later = decisions.record_decision(request).await.unwrap().into_inner();
    assert_eq!((later.corrects.as_str(), later.kind()), (&*corrects, v1::DecisionKind::Directive));
    let request = v1::GetDecisionRequest { name: corrects };
    let earlier = decisions.get_decision(request).await.unwrap().into_inner();
    assert_eq!(earlier.corrected_by, [later.name]);
    assert_eq!(earlier.outcome, "Утвердить прилагаемый перечень.");

    // The second autumn.
    department.period = "2026-27";
    town.live_until("2027-09-15T09:30").await;
    department.proceed("low-result-schools").await;
    town.settle().await;
    department.collect(&SECOND).await;
    town.settle().await;

    // The report on a page, for all and for one; as a page by itself, for Word and for Excel.
    let browser = Browser { http: Client::new(), town: &town };
    let address = "/runs/zarechny/low-result-schools/2026-27/reports/analyze";
    let page = browser.page(address).await;
    assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
    assert!(page.matches("<svg").count() >= 12, "{} charts", page.matches("<svg").count());
    if let Ok(folder) = std::env::var("VEKHA_LOOK") {
        for (name, path) in [
            ("page.html", address.to_owned()),
            ("report.html", format!("{address}/report.html")),
            ("school.html", format!("{address}/report.html?organisation=school-1")),
            ("report.docx", format!("{address}/report.docx")),
            ("school.docx", format!("{address}/report.docx?organisation=school-1")),
            ("report.xlsx", format!("{address}/report.xlsx")),
        ] {
            std::fs::write(format!("{folder}/{name}"), browser.file(&path).await).unwrap();
        }
    }
    let report = browser.page(&format!("{address}/report.html")).await;
    golden!("report", text(&report));
    let school = browser.page(&format!("{address}?organisation=school-1")).await;
    golden!("report-school", text(&school));
    for (name, caption) in
        [("spread", "Распределение"), ("trend", "По периодам"), ("ranking", "По организациям")]
    {
        // The indicator in which school 1 changed most.
        let from = if name == "ranking" { &page } else { &school };
        let shows = |section: &&str| section.contains(SHARE) && section.contains(caption);
        let section = from.split("<section").skip(1).find(shows).unwrap();
        let figure = section.split("<figure>").find(|f| f.contains(caption)).unwrap();
        let svg = &figure[figure.find("<svg").unwrap()..figure.find("</figure>").unwrap()];
        golden!(format!("chart-{name}"), svg.replace("><", ">\n<"));
    }
    let note = document(browser.file(&format!("{address}/report.docx")).await);
    assert!(note.contains("tblHeader"), "heads of tables come again on every page");
    golden!("note", paragraphs(&note));
    let mut sheets: Xlsx<_> =
        Xlsx::new(Cursor::new(browser.file(&format!("{address}/report.xlsx")).await)).unwrap();
    // Shares of low results, computed by hand: 5/45, 14/40, 9/37, 31/50, 3/40, 3/40.
    let figures = sheets.worksheet_range("Показатели").unwrap();
    let names: Vec<String> =
        (1..=6).map(|row| figures.get((row, 0)).unwrap().to_string()).collect();
    let is_share = |cell: &Data| cell.to_string().starts_with(SHARE);
    let column = figures.rows().next().unwrap().iter().position(is_share).unwrap();
    let share =
        |row: usize| figures.get((row, column)).and_then(|cell: &Data| cell.get_float()).unwrap();
    let wanted = [
        ("МАОУ СОШ № 3", 9.0 / 37.0),
        ("МБОУ Верхнеключевская СОШ", 31.0 / 50.0),
        ("МБОУ СОШ № 1", 5.0 / 45.0),
        ("МБОУ СОШ № 2", 14.0 / 40.0),
        ("МБОУ Станционная СОШ", 3.0 / 40.0),
        ("МКОУ Нижнеозёрская ООШ", 3.0 / 40.0),
    ];
    for (place, (name, low)) in wanted.into_iter().enumerate() {
        assert_eq!(names[place], name);
        assert!((share(place + 1) - low * 100.0).abs() < 1e-9, "{name}: {}", share(place + 1));
    }
    let formulas = sheets.worksheet_formula("Сводка").unwrap();
    let summary = sheets.worksheet_range("Сводка").unwrap();
    let row = summary.rows().position(|row| is_share(&row[0])).unwrap() as u32;
    let letter = char::from(b'A' + column as u8);
    let median = format!("MEDIAN(Показатели!{letter}2:{letter}7)");
    assert_eq!(*formulas.get_value((row, 3)).unwrap(), median);

    // Other systems get the same files.
    let mut runs = RunServiceClient::new(town.channel().await);
    let mut given = async |format: v1::ReportFormat| {
        let request = v1::GetReportRequest {
            name: department.run("low-result-schools"),
            organisation: "school-1".into(),
            format: format.into(),
        };
        runs.get_report(request).await.unwrap().into_inner()
    };
    let report = given(v1::ReportFormat::Docx).await;
    assert_eq!(report.file_name, "low-result-schools-2026-27-analyze-school-1.docx");
    let shown = browser.file(&format!("{address}/report.docx?organisation=school-1")).await;
    let words = paragraphs(&document(report.content));
    assert_eq!(words, paragraphs(&document(shown)));
    golden!("note-school", words);
    let report = given(v1::ReportFormat::Xlsx).await;
    let shown = browser.file(&format!("{address}/report.xlsx?organisation=school-1")).await;
    let figures = "xl/worksheets/sheet2.xml";
    assert_eq!(unpacked(report.content)[figures], unpacked(shown)[figures]);

    // What came of the first autumn's findings.
    let effects = browser.page("/m/zarechny/effects?year=2026&activity=low-result-schools").await;
    if let Ok(folder) = std::env::var("VEKHA_LOOK") {
        std::fs::write(format!("{folder}/effects.html"), &effects).unwrap();
    }
    let link = "/runs/zarechny/low-result-schools/2025-26/reports/analyze?organisation=school-1";
    let linked = effects.replace("&#x2f;", "/").contains(&format!("href=\"{link}\""));
    assert!(linked, "each finding leads to the report on the organisation");
    // School 1 did what was ordered and is well; school 4 was but advised and is worse, and so is
    // school 2, which did nothing and is low in the same procedure again: a graver rule.
    let told = text(&effects);
    let line = |what: &str| format!("29. Школы с низкими результатами {what}");
    for counted in [
        line("меры исполнены 1 1 — — — — —"),
        line("рекомендации 1 — — — — 1 —"),
        line("поручено, не исполнено 1 — — — — 1 —"),
    ] {
        assert!(told.contains(&counted), "{counted} is not in {told}");
    }
    assert!(told.contains("Доля низких результатов во всех процедурах, % 53,3 11,1"), "{told}");
    assert!(told.contains("Отчёт: Утверждена приказом № 87."), "{told}");
    assert!(
        told.contains("Мера: Закрепить за школой учителя-наставника по математике — просрочена")
    );
    assert!(told.contains("Организация сообщает: school-4: наставник назначен."), "{told}");
    let mut service = EffectServiceClient::new(town.channel().await);
    let request = v1::GetEffectsRequest {
        parent: "municipalities/zarechny/activities/low-result-schools".into(),
        year: 2026,
        ..Default::default()
    };
    let effects = service.get_effects(request).await.unwrap().into_inner().effects;
    let ends: Vec<_> = effects.iter().map(|e| (e.organisation.as_str(), e.effect())).collect();
    let [resolved, worse] = [v1::EffectKind::Resolved, v1::EffectKind::Worse];
    assert_eq!(ends, [("school-1", resolved), ("school-2", worse), ("school-4", worse)]);
    assert!(effects[0].measures[0].ends_with("runs/2025-26/measures/1"), "{:?}", effects[0]);
    let help: Vec<_> = effects.iter().map(v1::Effect::help).collect();
    let [done, recommended] = [v1::HelpKind::Done, v1::HelpKind::Recommended];
    assert_eq!(help, [done, v1::HelpKind::Ordered, recommended]);
    assert_eq!((effects[0].done.len(), effects[1].done.len()), (1, 0));
    let late = "activities/support-programme-update/runs/2025-26/measures/1";
    assert!(effects[1].measures[0].ends_with(late), "{:?}", effects[1]);
    let share = effects[0].figures.iter().find(|f| f.indicator == "low_share").unwrap();
    let shares: Vec<_> =
        share.values.iter().map(|v| (v.period.as_str(), v.value.unwrap())).collect();
    assert_eq!(shares, [("2025-26", 2400.0 / 45.0), ("2026-27", 500.0 / 45.0)]);
    let mut sheets: Xlsx<_> =
        Xlsx::new(Cursor::new(browser.file("/m/zarechny/effects.xlsx?year=2026").await)).unwrap();
    let rows = sheets.worksheet_range_at(0).unwrap().unwrap();
    let cells: Vec<String> = rows.cells().map(|(_, _, cell)| cell.to_string()).collect();
    assert!(cells.iter().any(|cell| cell == "2025/26: 52,0; 2026/27: 62,0"), "{cells:?}");
    // The register says what each decision rests on.
    let register = text(&browser.page("/m/zarechny/decisions?year=2026").await);
    for told in [
        "Основание: 29. Школы с низкими результатами, 2025/26 учебный год, выводов: 3 .",
        "33. Методы преодоления отставания, 2025/26 учебный год, рекомендаций: 2",
    ] {
        assert!(register.contains(told), "{told} is not in {register}");
    }

    // On a phone nothing stands out of the window, in a browser as a department has it.
    let phone = Phone::start(360, 740).await;
    for path in [
        address,
        &format!("{address}?organisation=school-1"),
        "/m/zarechny/effects?year=2026",
        "/m/zarechny/decisions?year=2026",
        "/runs/zarechny/equity-methods/2025-26",
    ] {
        phone.open(&format!("{}{path}", town.url())).await;
        assert_eq!(phone.overflowing().await, "", "{path} is wider than a phone");
    }
    phone.close().await;

    // All of the first year in one archive, whose pages lead to everything in it.
    let archive = browser.file("/m/zarechny/evidence.zip?year=2026").await;
    if let Ok(folder) = std::env::var("VEKHA_LOOK") {
        std::fs::write(format!("{folder}/evidence.zip"), &archive).unwrap();
    }
    let files = unpacked(archive);
    let index = text(str::from_utf8(&files["index.html"]).unwrap());
    assert!(index.contains("29. Школы с низкими результатами 1 6 из 6 1 — 1 1 3"), "{index}");
    assert!(index.contains("33. Методы преодоления отставания 1 — — 2 — 2 —"), "{index}");
    let page = text(str::from_utf8(&files["29-low-result-schools/index.html"]).unwrap());
    for told in [
        "Выявление школ с низкими образовательными результатами",
        "Wilson, 1927",
        "Решение № 214-од от 15 сентября 2026 года",
        "Утвердить программу перехода школы в эффективный режим работы",
        "2025/26 — 53,3; 2026/27 — 11,1",
    ] {
        assert!(page.contains(told), "{told} is not in {page}");
    }
    let mut links = 0;
    for (name, content) in files.iter().filter(|(name, _)| name.ends_with("index.html")) {
        let html = str::from_utf8(content).unwrap().replace("&#x2f;", "/");
        for link in html.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            let target = match (name.rsplit_once('/'), link.strip_prefix("../")) {
                (Some(_), Some(above)) => above.to_owned(),
                (Some((folder, _)), None) => format!("{folder}/{link}"),
                (None, _) => link.to_owned(),
            };
            let (file, place) = target.split_once('#').unwrap_or((&target, ""));
            let there = files.get(file);
            let there =
                there.unwrap_or_else(|| panic!("{name} leads to {file}, which is not there"));
            let id = format!("id=\"{place}\"");
            let has_place = || str::from_utf8(there).is_ok_and(|html| html.contains(&id));
            assert!(place.is_empty() || has_place(), "{name} leads to {target}: no such place");
            links += 1;
        }
    }
    assert!(links > 60, "{links} links");
    town.daemon.stop().await.unwrap();
}

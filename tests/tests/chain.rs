//! The chain 29 → 31 → 32 → 33 and 29 → 30 → 3 of the decree, lived through on the shipped road map:
//! letters over SMTP, schools at their pages and over gRPC, the department over gRPC, only the
//! clock simulated. Figures are checked against values computed by hand.

#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};
use tonic::transport::Channel;
use vekha::api::convert;
use vekha_proto::v1::assignment_service_client::AssignmentServiceClient;
use vekha_proto::v1::decision_service_client::DecisionServiceClient;
use vekha_proto::v1::journal_service_client::JournalServiceClient;
use vekha_proto::v1::measure_service_client::MeasureServiceClient;
use vekha_proto::v1::recommendation_service_client::RecommendationServiceClient;
use vekha_proto::v1::run_service_client::RunServiceClient;
use vekha_proto::v1::{self, RunState};
use vekha_tests::letters::Letter;
use vekha_tests::school::{School, pairs};
use vekha_tests::town::Town;

const PERIOD: &str = "2026-27";

fn run_name(activity: &str) -> String {
    format!("municipalities/zarechny/activities/{activity}/runs/{PERIOD}")
}

/// A procedure of a school: participants and marks 2 to 5.
fn procedure(subject: &str, marks: [u32; 4]) -> Value {
    json!({
        "procedure": "ВПР", "grade": 5, "subject": subject,
        "participants": marks.iter().sum::<u32>(),
        "marks_2": marks[0], "marks_3": marks[1], "marks_4": marks[2], "marks_5": marks[3],
    })
}

fn results(procedures: &[Value]) -> Value {
    json!({ "procedures": procedures })
}

fn state() -> Value {
    serde_json::from_str(include_str!("../../config/tour/state.json")).unwrap()
}

struct Department {
    channel: Channel,
}

impl Department {
    async fn run(&self, activity: &str) -> v1::Run {
        let request = v1::GetRunRequest { name: run_name(activity) };
        RunServiceClient::new(self.channel.clone()).get_run(request).await.unwrap().into_inner()
    }

    async fn proceed(&self, activity: &str) {
        let request = v1::AnswerQuestionRequest {
            name: run_name(activity),
            answer: v1::Answer::Proceed.into(),
            actor: "И. С. Ветлугина".into(),
            ..Default::default()
        };
        RunServiceClient::new(self.channel.clone()).answer_question(request).await.unwrap();
    }

    async fn submit(&self, activity: &str, assignment: &str, answers: &Value) {
        let request = v1::SubmitAssignmentRequest {
            name: format!("{}/assignments/{assignment}", run_name(activity)),
            answers: Some(convert::structure(answers.as_object().unwrap())),
            actor: "электронный журнал".into(),
            ..Default::default()
        };
        AssignmentServiceClient::new(self.channel.clone())
            .submit_assignment(request)
            .await
            .unwrap();
    }

    async fn assignment(&self, activity: &str, assignment: &str) -> v1::Assignment {
        let name = format!("{}/assignments/{assignment}", run_name(activity));
        let request = v1::GetAssignmentRequest { name, show_link: false };
        let service = AssignmentServiceClient::new(self.channel.clone());
        { service }.get_assignment(request).await.unwrap().into_inner()
    }

    async fn decide(
        &self,
        activity: &str,
        number: &str,
        date: &str,
        measures: Vec<v1::NewMeasure>,
    ) {
        let request = v1::RecordDecisionRequest {
            parent: run_name(activity),
            number: number.into(),
            date: date.into(),
            outcome: "Утвердить прилагаемый перечень.".into(),
            signatory: "Начальник отдела образования".into(),
            measures,
            actor: "И. С. Ветлугина".into(),
            ..Default::default()
        };
        DecisionServiceClient::new(self.channel.clone()).record_decision(request).await.unwrap();
    }

    /// What the road map's template makes of a decision that a run awaits.
    async fn draft(&self, run: &str) -> String {
        let request = v1::DraftDecisionRequest { parent: run.into(), ..Default::default() };
        let mut service = DecisionServiceClient::new(self.channel.clone());
        service.draft_decision(request).await.unwrap().into_inner().text
    }

    async fn figures(&self, activity: &str) -> v1::FigureTable {
        let request = v1::GetFiguresRequest { name: run_name(activity) };
        RunServiceClient::new(self.channel.clone()).get_figures(request).await.unwrap().into_inner()
    }
}

fn figure(table: &v1::FigureTable, indicator: &str, organisation: &str) -> Option<f64> {
    let figures = table.indicators.iter().find(|i| i.indicator == indicator)?;
    figures.organisations.iter().find(|f| f.organisation == organisation).map(|f| f.value)
}

fn found(table: &v1::FigureTable, rule: &str) -> Vec<String> {
    let of_rule = table.findings.iter().filter(|f| f.rule == rule);
    of_rule.map(|f| f.organisation.clone()).collect()
}

fn near(value: Option<f64>, wanted: f64) {
    let value = value.expect("a figure");
    assert!((value - wanted).abs() < 1e-9, "{value} instead of {wanted}");
}

fn to<'a>(letters: &'a [Letter], code: &str) -> &'a Letter {
    let address = format!("{code}@zarechny.example.org");
    let found: Vec<&Letter> = letters.iter().filter(|l| l.to == address).collect();
    assert_eq!(found.len(), 1, "one letter to {code} among {letters:#?}");
    found[0]
}

/// The new letters of the chain: the rest of the road map lives on beside it.
fn of_chain(town: &mut Town) -> Vec<Letter> {
    let ours = |l: &Letter| {
        [3, 29, 30, 31, 32, 33].iter().any(|n| l.text.contains(&format!("мероприятие {n} «")))
    };
    town.new_letters().into_iter().filter(ours).collect()
}

fn readers(letters: &[Letter]) -> Vec<&str> {
    letters.iter().map(|l| l.to.split('@').next().unwrap()).collect()
}

/// A letter as its reader sees it, with what differs from day to day taken out.
fn shown(letter: &Letter) -> String {
    let mut text = format!("Кому: {}\nТема: {}\n\n{}", letter.to, letter.subject, letter.text);
    while let Some(start) = text.find("http://127.0.0.1:") {
        let end = text[start..].find(char::is_whitespace).map_or(text.len(), |at| start + at);
        let path = text[start + 7..end].split_once('/').map_or("", |(_, path)| path);
        let shown = match path.strip_prefix("a/") {
            Some(_) => "https://vekha.example.org/a/…".to_owned(),
            None => format!("https://vekha.example.org/{path}"),
        };
        text.replace_range(start..end, &shown);
    }
    text
}

macro_rules! golden {
    ($name:literal, text $text:expr) => {
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!($name, $text);
        });
    };
    ($name:literal, $letter:expr) => {
        golden!($name, text shown($letter))
    };
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn low_result_schools_are_found_helped_and_controlled() {
    let mut town = Town::start("2027-09-14T08:00").await;
    let department = Department { channel: town.channel().await };
    let school = School::default();

    // 29 opens by its schedule and says for what it waits.
    town.live_until("2027-09-15T09:30").await;
    let run = department.run("low-result-schools").await;
    assert_eq!(run.state(), RunState::Waiting);
    let waits: Vec<&str> = run.waits_for.iter().map(|u| u.run.as_str()).collect();
    assert_eq!(
        waits,
        [run_name("vpr"), run_name("gia-vpr-analysis"), run_name("external-assessments")]
    );
    assert_eq!(of_chain(&mut town).len(), 0, "nobody is asked while it waits");

    // The administrator goes on without them: every school gets one letter with a link.
    department.proceed("low-result-schools").await;
    town.settle().await;
    let asked = of_chain(&mut town);
    assert_eq!(
        readers(&asked),
        ["school-1", "school-2", "school-3", "school-4", "school-5", "school-6"]
    );
    let first = to(&asked, "school-1").clone();
    golden!("letter-assignment", &first);
    // The due date comes for the calendar, the form as a spreadsheet.
    let names: Vec<&str> = first.attachments.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["срок-29.ics", "low-result-schools-school-1.xlsx"]);
    let calendar = String::from_utf8(first.attachments[0].1.clone()).unwrap();
    let calendar = shown(&Letter { text: calendar.replace("\r\n ", ""), ..first.clone() });
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("term", calendar);
    });
    assert_eq!(
        department.assignment("low-result-schools", "collect.school-1").await.due,
        "2027-09-29"
    );

    // School 1 errs first: every mistake at its field, nothing lost.
    let page = school.open(&first.link()).await;
    assert!(page.status.is_success());
    assert!(page.text().contains("Результаты оценочных процедур"), "{}", page.text());
    let mut wrong = procedure("Математика", [11, 7, 2, 0]);
    wrong["participants"] = json!(21);
    let mut worse = procedure("Русский язык", [13, 5, 5, 2]);
    worse["marks_5"] = json!("два");
    let page = school.send(&first.link(), &pairs(&results(&[wrong.clone(), worse]))).await;
    assert_eq!(page.status, 422);
    assert!(page.text().contains("нужно целое число"), "{}", page.text());
    assert!(page.html.contains("два"), "what was typed is kept");
    let page = school.send(&first.link(), &pairs(&results(&[wrong]))).await;
    assert_eq!(page.status, 422);
    assert!(page.text().contains("Сумма отметок должна равняться числу участников"));
    town.settle().await;
    assert_eq!(of_chain(&mut town).len(), 0, "there is no receipt for what was not accepted");

    // Then it answers, and corrects itself: 11 of 20 and 13 of 25 low, 55 % and 52 %:
    // Wilson's bounds are 37 and 36 %.
    let answer = results(&[procedure("Математика", [7, 10, 3, 0])]);
    let page = school.send(&first.link(), &pairs(&answer)).await;
    assert!(page.status.is_success() && page.text().contains("версия 1"), "{}", page.text());
    let answer = results(&[
        procedure("Математика", [11, 7, 2, 0]),
        procedure("Русский язык", [13, 5, 5, 2]),
    ]);
    let page = school.send(&first.link(), &pairs(&answer)).await;
    assert!(page.status.is_success() && page.text().contains("версия 2"), "{}", page.text());
    town.settle().await;
    let receipts = of_chain(&mut town);
    assert_eq!(readers(&receipts), ["school-1", "school-1"]);
    let second = receipts.iter().find(|l| l.text.contains("ерсия 2")).expect("the second receipt");
    golden!("letter-receipt", second);
    assert!(second.references.contains(&first.message_id), "receipts stand in the letter's thread");

    // School 2 by its page: 12 of 20 are low, once. Schools 3 and 4 over gRPC.
    let answer =
        results(&[procedure("Математика", [12, 5, 2, 1]), procedure("Русский язык", [2, 8, 8, 2])]);
    school.send(&to(&asked, "school-2").link(), &pairs(&answer)).await;
    let answer = results(&[procedure("Математика", [5, 8, 3, 1])]);
    department.submit("low-result-schools", "collect.school-3", &answer).await;
    let answer = results(&[
        procedure("Математика", [10, 5, 5, 0]),
        procedure("Русский язык", [16, 6, 6, 2]),
    ]);
    department.submit("low-result-schools", "collect.school-4", &answer).await;
    town.settle().await;
    of_chain(&mut town);

    // Three working days before, on the day, two working days after: only who is silent.
    town.live_until("2027-09-24T12:00").await;
    let reminded = of_chain(&mut town);
    assert_eq!(readers(&reminded), ["school-5", "school-6"]);
    golden!("letter-reminder-before", &reminded[0]);
    town.live_until("2027-09-29T12:00").await;
    assert_eq!(readers(&of_chain(&mut town)), ["school-5", "school-6"]);
    town.live_until("2027-10-01T12:00").await;
    let reminded = of_chain(&mut town);
    assert_eq!(readers(&reminded), ["school-5", "school-6"]);
    golden!("letter-digest", &reminded[0]);

    // School 5 answers late; after five working days the department learns of school 6.
    let answer = results(&[procedure("Математика", [1, 9, 8, 2])]);
    school.send(&to(&asked, "school-5").link(), &pairs(&answer)).await;
    assert!(department.assignment("low-result-schools", "collect.school-5").await.late);
    town.live_until("2027-10-06T12:00").await;
    let letters = of_chain(&mut town);
    golden!("letter-escalation", to(&letters, "department"));

    // At the latest date the collection closes, the missing named; figures are computed.
    town.live_until("2027-10-13T17:59").await;
    assert_eq!(department.run("low-result-schools").await.state(), RunState::Active);
    assert_eq!(of_chain(&mut town).len(), 0);
    town.live_until("2027-10-14T09:30").await;
    let letters = of_chain(&mut town);
    assert_eq!(readers(&letters), ["department"], "what the morning brings is one letter");
    assert!(letters[0].text.contains("Нижнеозёрская"), "the missing are named");
    golden!("letter-digest-department", &letters[0]);
    let missing = department.assignment("low-result-schools", "collect.school-6").await;
    assert_eq!(missing.state(), v1::AssignmentState::Missing);
    let page = school.open(&to(&asked, "school-6").link()).await;
    assert!(!page.html.contains("<button"), "there is nothing to send any more");

    // Computed by hand. Shares of low results: 24/45, 14/40, 5/17, 26/50, 1/20.
    let table = department.figures("low-result-schools").await;
    let low = [24.0 / 45.0, 14.0 / 40.0, 5.0 / 17.0, 26.0 / 50.0, 1.0 / 20.0].map(|s| s * 100.0);
    for (n, wanted) in low.into_iter().enumerate() {
        near(figure(&table, "low_share", &format!("school-{}", n + 1)), wanted);
    }
    for (code, wanted) in
        [("school-1", 2.0), ("school-2", 1.0), ("school-3", 0.0), ("school-4", 2.0)]
    {
        near(figure(&table, "low_procedures", code), wanted);
    }
    assert_eq!(figure(&table, "low_share", "school-6"), None);
    assert_eq!(figure(&table, "low_share_growth", "school-1"), None, "there is no earlier year");
    let shares = table.indicators.iter().find(|i| i.indicator == "low_share").unwrap();
    let withheld: Vec<_> =
        shares.withheld.iter().map(|w| (w.organisation.as_str(), w.reason.as_str())).collect();
    assert_eq!(withheld, [("school-6", "сведения не представлены")]);
    let aggregate = shares.municipality.unwrap();
    near(aggregate.mean, low.iter().sum::<f64>() / 5.0);
    near(aggregate.median, 14.0 / 40.0 * 100.0);
    let ranks: Vec<_> = shares.organisations.iter().map(|f| f.rank.unwrap()).collect();
    assert_eq!(ranks, [5, 3, 2, 4, 1]);
    assert_eq!(found(&table, "low-result"), ["school-1", "school-4"]);
    assert_eq!(found(&table, "at-risk"), ["school-2"]);

    // The decision, drafted from the findings, with a measure for school 1.
    let drafted = department.draft(&run_name("low-result-schools")).await;
    golden!("decision-low-results", text drafted);
    let measure = v1::NewMeasure {
        text: "Утвердить программу перехода школы в эффективный режим работы".into(),
        organisations: vec!["school-1".into()],
        due: "2027-11-15".into(),
    };
    department.decide("low-result-schools", "214-од", "2027-10-14", vec![measure]).await;
    town.settle().await;
    assert_eq!(department.run("low-result-schools").await.state(), RunState::Completed);
    let letters = of_chain(&mut town);
    let ordered = letters.iter().find(|l| l.text.contains("214-од")).expect("the measure").clone();
    golden!("letter-measure", &ordered);

    // 31 asks exactly those that 29 found; 30 waits for its decision.
    let state_asked: Vec<&Letter> =
        letters.iter().filter(|l| l.text.contains("мероприятие 31 «")).collect();
    assert_eq!(
        state_asked.iter().map(|l| l.to.as_str()).collect::<Vec<_>>(),
        ["school-1@zarechny.example.org", "school-4@zarechny.example.org"]
    );
    assert_eq!(department.run("support-programme-update").await.state(), RunState::Active);
    let page = school.send(&state_asked[0].link_about("мероприятие 31 «"), &pairs(&state())).await;
    assert!(page.status.is_success(), "{}", page.text());
    department.submit("low-result-monitoring", "collect.school-4", &state()).await;
    town.settle().await;
    assert_eq!(department.run("low-result-monitoring").await.state(), RunState::Completed);
    assert_eq!(department.run("low-result-analysis").await.state(), RunState::Completed);

    // Computed by hand: 20/200, 60/200, 3/20, 12/40 − 20/200, 14/40, 4/16.
    let table = department.figures("low-result-analysis").await;
    for (indicator, wanted) in [
        ("failing_share", 10.0),
        ("achieving_share", 30.0),
        ("exam_failed_share", 15.0),
        ("gap", 20.0),
        ("supported_share", 35.0),
        ("outside_subject_share", 25.0),
        ("absent_share", 2.5),
    ] {
        near(figure(&table, indicator, "school-1"), wanted);
    }
    // Of two schools the least and the largest value would be the schools: only the count is told.
    let aggregate = table.indicators[0].municipality.unwrap();
    assert_eq!(aggregate, v1::Aggregate { count: 2, ..Default::default() });
    for rule in ["gap", "support", "exams", "staff", "specialists", "no-programme"] {
        assert_eq!(found(&table, rule), ["school-1", "school-4"], "{rule}");
    }
    for rule in ["worse", "better", "absence", "adverse", "no-mentor"] {
        assert_eq!(found(&table, rule), Vec::<String>::new(), "{rule}");
    }

    // Drafts wait for a person, who rewrites one and releases both.
    let letters = of_chain(&mut town);
    let drafts = letters.iter().find(|l| l.subject.contains("утвердить")).expect("drafts wait");
    golden!("letter-drafts", drafts);
    let mut recommendations = RecommendationServiceClient::new(department.channel.clone());
    let name = format!("{}/recommendations/recommend.school-4", run_name("equity-methods"));
    let request = v1::GetRecommendationRequest { name };
    let mut draft = recommendations.get_recommendation(request).await.unwrap().into_inner();
    assert_eq!(draft.items.len(), 6);
    draft.items[0].recommendation = "Директору: пригласить тьютора из школы № 3.".into();
    recommendations
        .update_recommendation(v1::UpdateRecommendationRequest {
            recommendation: Some(draft),
            actor: "И. С. Ветлугина".into(),
            ..Default::default()
        })
        .await
        .unwrap();
    recommendations
        .approve_recommendations(v1::ApproveRecommendationsRequest {
            parent: run_name("equity-methods"),
            actor: "И. С. Ветлугина".into(),
            outgoing: "01-15/214".into(),
            ..Default::default()
        })
        .await
        .unwrap();
    town.settle().await;
    let issued = of_chain(&mut town);
    assert_eq!(readers(&issued), ["school-1", "school-4"]);
    golden!("letter-recommendation", &issued[0]);
    let (name, document) = &issued[0].attachments[0];
    assert_eq!(name, "рекомендации-33.docx");
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(document)).unwrap();
    let mut text = String::new();
    let mut part = archive.by_name("word/document.xml").unwrap();
    std::io::Read::read_to_string(&mut part, &mut text).unwrap();
    assert!(text.contains("АДРЕСНЫЕ РЕКОМЕНДАЦИИ") && text.contains("Рекомендация. "), "{text}");
    assert!(text.contains("О том, что сделано по рекомендациям, сообщите по той же ссылке."));
    assert!(issued[1].text.contains("пригласить тьютора из школы № 3"));
    assert!(!issued[0].text.contains("среднее"), "two schools are no municipality to compare with");

    // Schools confirm by their links; the decision ends 33, another one ends 30 and opens 3.
    for letter in &issued {
        assert!(school.send(&letter.link(), &[]).await.status.is_success());
    }
    town.settle().await;
    department.decide("equity-methods", "220-од", "2027-10-14", vec![]).await;
    let drafted = department.draft(&run_name("support-programme-update")).await;
    golden!("decision-programme-update", text drafted);
    department.decide("support-programme-update", "221-од", "2027-10-14", vec![]).await;
    town.settle().await;
    assert_eq!(department.run("equity-methods").await.state(), RunState::Completed);
    assert_eq!(department.run("support-programme-update").await.state(), RunState::Completed);
    let programme = v1::GetRunRequest {
        name: "municipalities/zarechny/activities/adopt-support-programme/runs/2027-28".into(),
    };
    let mut runs = RunServiceClient::new(department.channel.clone());
    let programme = runs.get_run(programme).await.unwrap().into_inner();
    assert_eq!(programme.state(), RunState::Active, "30 of this year opens 3 of the next");
    let drafted = department.draft(&programme.name).await;
    golden!("decision-programme", text drafted);
    of_chain(&mut town);

    // The measure is controlled: reminded, reported, returned, reported again, accepted.
    town.live_until("2027-11-10T12:00").await;
    let letters = of_chain(&mut town);
    assert!(
        letters.iter().any(|l| l.to.starts_with("school-1@") && l.text.contains("Просим ответить"))
    );
    let report = [("report".to_owned(), "Программа готовится.".to_owned())];
    assert!(school.send(&ordered.link_about("Мера:"), &report).await.status.is_success());
    let measure = format!("{}/measures/1", run_name("low-result-schools"));
    let mut measures = MeasureServiceClient::new(department.channel.clone());
    measures
        .return_measure(v1::ReturnMeasureRequest {
            name: measure.clone(),
            comment: "Нужен утверждённый документ.".into(),
            ..Default::default()
        })
        .await
        .unwrap();
    town.settle().await;
    let letters = of_chain(&mut town);
    golden!("letter-measure-returned", to(&letters, "school-1"));
    let report = [("report".to_owned(), "Утверждена приказом № 87.".to_owned())];
    assert!(school.send(&ordered.link_about("Мера:"), &report).await.status.is_success());
    let request = v1::AcceptMeasureRequest { name: measure, ..Default::default() };
    let accepted = measures.accept_measure(request).await.unwrap().into_inner();
    assert_eq!(accepted.state(), v1::MeasureState::Done);

    // A decision corrects the first with another measure, a third one takes that back: who was to
    // carry it out learns so.
    let correct = async |number: &str, corrects: usize, measures: Vec<v1::NewMeasure>| {
        let request = v1::RecordDecisionRequest {
            parent: run_name("low-result-schools"),
            corrects: format!("{}/decisions/{corrects}", run_name("low-result-schools")),
            number: number.into(),
            date: "2027-11-10".into(),
            outcome: "Изменить перечень мер.".into(),
            signatory: "Начальник отдела образования".into(),
            withdraw_measures: true,
            measures,
            ..Default::default()
        };
        let mut service = DecisionServiceClient::new(department.channel.clone());
        service.record_decision(request).await.unwrap();
        town.settle().await;
    };
    let measure = v1::NewMeasure {
        text: "Направить учителей математики на стажировку".into(),
        organisations: vec!["school-2".into()],
        due: "2027-12-15".into(),
    };
    correct("240-од", 1, vec![measure]).await;
    correct("241-од", 2, vec![]).await;
    let letters = of_chain(&mut town);
    let withdrawn = letters.iter().find(|l| l.text.contains("241-од")).expect("a letter");
    golden!("letter-measure-withdrawn", withdrawn);
    assert!(withdrawn.to.starts_with("school-2@"), "{}", withdrawn.to);
    let (name, entry) = &withdrawn.attachments[0];
    assert_eq!(name, "отмена-срока-29.ics");
    let entry = String::from_utf8_lossy(entry);
    assert!(entry.contains("METHOD:CANCEL") && entry.contains("20271215"), "{entry}");

    // The journal of all of it is whole, and nothing more is owed in this chain.
    let request = v1::VerifyJournalRequest { parent: "municipalities/zarechny".into() };
    let mut journal = JournalServiceClient::new(department.channel.clone());
    let proof = journal.verify_journal(request).await.unwrap().into_inner();
    assert_eq!(proof.reason, "");
    assert!(proof.runs >= 7 && proof.entries > 100, "{proof:?}");
    town.daemon.stop().await.unwrap();
}

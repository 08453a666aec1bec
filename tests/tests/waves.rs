//! A year's exams in two waves, on the shipped road map: what VPR's export begins, what schools say in
//! July, and what of it they confirm or correct in autumn. Letters over SMTP, pages and gRPC, only
//! the clock simulated; figures by hand.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use serde_json::{Value, json};
use tonic::transport::Channel;
use vekha::api::convert;
use vekha_proto::v1::assignment_service_client::AssignmentServiceClient;
use vekha_proto::v1::event_service_client::EventServiceClient;
use vekha_proto::v1::journal_service_client::JournalServiceClient;
use vekha_proto::v1::road_map_service_client::RoadMapServiceClient;
use vekha_proto::v1::run_service_client::RunServiceClient;
use vekha_proto::v1::{self, RunState, StageState};
use vekha_tests::base::Base;
use vekha_tests::on_both_databases;
use vekha_tests::school::School;
use vekha_tests::smtp::SmtpServer;
use vekha_tests::town::Town;

const MUNICIPALITY: &str = "municipalities/zarechny";

fn run_name(activity: &str) -> String {
    format!("{MUNICIPALITY}/activities/{activity}/runs/2026-27")
}

fn answers(form: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/answers");
    let text = std::fs::read_to_string(folder.join(format!("{form}.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

struct Department {
    channel: Channel,
}

impl Department {
    async fn run(&self, activity: &str) -> Option<v1::Run> {
        let request = v1::GetRunRequest { name: run_name(activity) };
        let run = RunServiceClient::new(self.channel.clone()).get_run(request).await;
        run.ok().map(tonic::Response::into_inner)
    }

    async fn stage(&self, activity: &str, stage: &str) -> v1::Stage {
        let run = self.run(activity).await.unwrap();
        run.stages.into_iter().find(|s| s.id == stage).unwrap()
    }

    async fn submit(&self, activity: &str, assignment: &str, answers: &Value) {
        let request = v1::SubmitAssignmentRequest {
            name: format!("{}/assignments/{assignment}", run_name(activity)),
            answers: Some(convert::structure(answers.as_object().unwrap())),
            ..Default::default()
        };
        let mut service = AssignmentServiceClient::new(self.channel.clone());
        service.submit_assignment(request).await.unwrap();
    }

    async fn link(&self, activity: &str, assignment: &str) -> String {
        let name = format!("{}/assignments/{assignment}", run_name(activity));
        let request = v1::GetAssignmentRequest { name, show_link: true };
        let mut service = AssignmentServiceClient::new(self.channel.clone());
        service.get_assignment(request).await.unwrap().into_inner().link
    }

    async fn submission(&self, activity: &str, assignment: &str) -> Value {
        let parent = format!("{}/assignments/{assignment}", run_name(activity));
        let request = v1::ListSubmissionsRequest { parent, page_size: 10, ..Default::default() };
        let mut service = AssignmentServiceClient::new(self.channel.clone());
        let all = service.list_submissions(request).await.unwrap().into_inner().submissions;
        let newest = all.into_iter().max_by_key(|s| s.version).unwrap();
        Value::Object(convert::object(newest.answers.unwrap_or_default()))
    }

    async fn journal(&self, activity: &str) -> Vec<v1::JournalEntry> {
        let request = v1::ListEntriesRequest {
            parent: run_name(activity),
            page_size: 500,
            ..Default::default()
        };
        let mut service = JournalServiceClient::new(self.channel.clone());
        service.list_entries(request).await.unwrap().into_inner().entries
    }

    /// A school's share of «2» in the analysis of a stage that is done.
    async fn low_share(&self, school: &str) -> Option<f64> {
        let request = v1::GetFiguresRequest { name: run_name("gia-vpr-analysis") };
        let mut service = RunServiceClient::new(self.channel.clone());
        let table = service.get_figures(request).await.unwrap().into_inner();
        let own = table.indicators.iter().rfind(|i| i.indicator == "oge_low_share")?;
        own.organisations.iter().find(|f| f.organisation == school).map(|f| f.value)
    }
}

fn near(value: Option<f64>, wanted: f64) {
    let value = value.expect("a figure");
    assert!((value - wanted).abs() < 1e-9, "{value} instead of {wanted}");
}

/// The share of «2» at OGE of an answer, by hand.
fn low(answer: &Value) -> f64 {
    let sum = |of: &str| -> f64 {
        answer["oge"].as_array().unwrap().iter().map(|row| row[of].as_f64().unwrap()).sum()
    };
    sum("marks_2") * 100.0 / sum("participants")
}

async fn a_year_s_exams_are_asked_for_in_two_waves(base: Base) {
    let Base { url, folder } = base;
    let mail = SmtpServer::start().await;
    let mut town = Town::start_on("2027-05-19T08:00", folder, url, mail).await;
    let department = Department { channel: town.channel().await };
    let school = School::default();

    // Nobody is asked about VPR before the export is there, and it says so itself.
    town.live_until("2027-05-25T11:00").await;
    assert!(
        department.run("vpr").await.is_none(),
        "the works are written, the export is not there"
    );
    let name = format!("{MUNICIPALITY}/activities/vpr");
    let request = v1::GetActivityRequest { name };
    let mut road_map = RoadMapServiceClient::new(department.channel.clone());
    let activity = road_map.get_activity(request.clone()).await.unwrap().into_inner();
    assert_eq!(activity.opens_on_event, "vpr-export");
    assert!(activity.schedule.contains("не позже 10 июня"), "{}", activity.schedule);
    let event = v1::PublishEventRequest {
        parent: MUNICIPALITY.into(),
        event: "vpr-export".into(),
        ..Default::default()
    };
    let mut events = EventServiceClient::new(department.channel.clone());
    // It opens the run as a whole: who names organisations or a label means something else.
    let narrowed = v1::PublishEventRequest {
        organisations: vec!["school-1".into()],
        label: "spring".into(),
        ..event.clone()
    };
    let refused = events.publish_event(narrowed).await.unwrap_err();
    let wrong = vekha_tests::stranger::wrong_fields(&refused);
    assert_eq!(wrong.keys().collect::<Vec<_>>(), ["label", "organisations"]);
    let year = |activity: &v1::Activity| {
        let at = activity.next_opening_at.expect("it opens some day").seconds;
        jiff::Timestamp::from_second(at).unwrap().strftime("%Y-%m-%d").to_string()
    };
    assert_eq!(year(&activity), "2027-06-10");
    for _ in 0..2 {
        let opened = events.publish_event(event.clone()).await.unwrap().into_inner().runs;
        let names: Vec<&str> = opened.iter().map(|run| run.name.as_str()).collect();
        assert_eq!(names, [run_name("vpr")]);
    }
    let activity = road_map.get_activity(request).await.unwrap().into_inner();
    assert!(year(&activity).starts_with("2028-06-"), "this year's has been opened already");
    for n in 1..=6 {
        let troubled = if n % 2 == 0 { ".troubled" } else { "" };
        let answers = answers(&format!("vpr-results{troubled}"));
        department.submit("vpr", &format!("collect.school-{n}"), &answers).await;
    }

    // After the latest day there is still that one run.
    town.live_until("2027-06-20T12:00").await;
    let opened = department.journal("vpr").await;
    let count = |kind: &str| opened.iter().filter(|entry| entry.kind == kind).count();
    assert_eq!((count("run-opened"), count("stage-started") > 1), (1, true));
    assert_eq!(department.stage("vpr", "analyze").await.state(), StageState::Completed);

    // July: five schools answer, the sixth is silent. It does not wait for what VPR has yet to decide.
    town.live_until("2027-07-01T12:00").await;
    assert_ne!(department.run("vpr").await.unwrap().state(), RunState::Completed);
    let (good, troubled) = (answers("gia-results"), answers("gia-results.troubled"));
    for n in 1..=5 {
        let answer = if n % 2 == 0 { &troubled } else { &good };
        department.submit("gia-vpr-analysis", &format!("collect.school-{n}"), answer).await;
    }
    town.live_until("2027-08-10T12:00").await;
    near(department.low_share("school-2").await, low(&troubled));
    let site = town.folder.path().join("site/zarechny/2026-27/gia-vpr-analysis.html");
    let july = std::fs::read_to_string(&site).unwrap();
    let run = department.run("gia-vpr-analysis").await.unwrap();
    assert_eq!(run.state(), RunState::Active);
    let waiting = department.stage("gia-vpr-analysis", "september").await;
    // 25 September is a Saturday.
    assert_eq!((waiting.state(), waiting.not_before.as_str()), (StageState::Waiting, "2027-09-27"));
    assert_eq!(waiting.again, "collect");
    let page = school.open(&format!("{}/runs/zarechny/gia-vpr-analysis/2026-27", town.url())).await;
    assert!(page.text().contains("ждёт своего дня начнётся 27.09.2027"), "{}", page.text());
    let year = school.open(&format!("{}/m/zarechny/year?year=2027", town.url())).await;
    assert!(year.text().contains("начнётся этап"), "{}", year.text());
    let letters = |town: &Town, code: &str| {
        let of = |l: &vekha_tests::letters::Letter| l.text.contains("мероприятие 14 «");
        town.letters_to(code).into_iter().filter(of).collect::<Vec<_>>()
    };
    let before = letters(&town, "school-1").len();

    // Its morning comes once, whatever happens to the daemon in between.
    town.live_until("2027-09-26T20:00").await;
    assert_eq!(letters(&town, "school-1").len(), before);
    town.live_until("2027-09-27T10:00").await;
    let september = department.stage("gia-vpr-analysis", "september").await;
    assert_eq!((september.state(), september.asked), (StageState::Active, 6));
    let asked = letters(&town, "school-1").pop().unwrap();
    assert_eq!(letters(&town, "school-1").len(), before + 1);
    assert!(asked.text.contains("Если не ответить, останется прежний ответ"), "{}", asked.text);
    let first_time = letters(&town, "school-6").pop().unwrap();
    assert!(!first_time.text.contains("прежний ответ"), "it has not answered: {}", first_time.text);

    // The first school confirms with one press: what its page holds is sent as it is.
    let link = department.link("gia-vpr-analysis", "september.school-1").await;
    let page = school.open(&link).await;
    assert!(page.text().contains("Форма заполнена заранее"), "{}", page.text());
    let sent = school.send_from(&page, &link, &page.filled()).await;
    assert!(sent.status.is_success(), "{}", sent.text());
    let (then, now) = (
        department.submission("gia-vpr-analysis", "collect.school-1").await,
        department.submission("gia-vpr-analysis", "september.school-1").await,
    );
    assert_eq!(then, now, "not a figure was typed, and not a figure is another");
    // The second had two pupils who passed Russian in September.
    let mut corrected = troubled.clone();
    let row = &mut corrected["oge"][0];
    let two = row["marks_2"].as_i64().unwrap() - 2;
    row["marks_2"] = json!(two);
    row["marks_3"] = json!(row["marks_3"].as_i64().unwrap() + 2);
    department.submit("gia-vpr-analysis", "september.school-2", &corrected).await;

    // The others say nothing: their July stands, and nobody is told that they were silent.
    town.live_until("2027-10-20T12:00").await;
    let run = department.run("gia-vpr-analysis").await.unwrap();
    assert_eq!(run.state(), RunState::Completed, "{run:?}");
    near(department.low_share("school-2").await, low(&corrected));
    assert!(low(&corrected) < low(&troubled));
    near(department.low_share("school-1").await, low(&good));
    near(department.low_share("school-3").await, low(&good));
    near(department.low_share("school-4").await, low(&troubled));
    assert_eq!(department.low_share("school-6").await, None);
    let autumn = std::fs::read_to_string(&site).unwrap();
    assert_ne!(july, autumn, "it is published anew at the same place");
    let told = autumn.contains("Сведения представили 5 из 6");
    assert!(told, "each counts once, however often it was asked: {autumn}");
    let kinds = department.journal("gia-vpr-analysis").await;
    let kinds: Vec<&str> = kinds.iter().map(|entry| entry.kind.as_str()).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == "stage-waits").count(), 1);
    assert_eq!(kinds.iter().filter(|kind| **kind == "analyzed").count(), 2);
    town.new_letters();
    town.daemon.stop().await.unwrap();
}

on_both_databases! {
    a_year_s_exams_are_asked_for_in_two_waves,
}

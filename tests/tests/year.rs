//! All 33 activities of the decree lived through, from September 2026 to the end of 2027: schools
//! answer at their pages and over gRPC, the department approves and decides, only the clock is
//! simulated. Odd organisations answer as healthy ones do, even ones as troubled ones.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Cursor, Read as _};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use jiff::ToSpan as _;
use jiff::civil::Date;
use serde_json::Value;
use tonic::transport::Channel;
use vekha::api::convert;
use vekha_proto::v1::assignment_service_client::AssignmentServiceClient;
use vekha_proto::v1::decision_service_client::DecisionServiceClient;
use vekha_proto::v1::event_service_client::EventServiceClient;
use vekha_proto::v1::journal_service_client::JournalServiceClient;
use vekha_proto::v1::measure_service_client::MeasureServiceClient;
use vekha_proto::v1::outbox_service_client::OutboxServiceClient;
use vekha_proto::v1::recommendation_service_client::RecommendationServiceClient;
use vekha_proto::v1::run_service_client::RunServiceClient;
use vekha_proto::v1::{self, AssignmentKind, MessageState, RunState, StageKind, StageState};
use vekha_roadmap::read::read;
use vekha_tests::letters::Letter;
use vekha_tests::school::{School, pairs};
use vekha_tests::town::{Town, shipped_road_map};
use zip::ZipArchive;

const MUNICIPALITY: &str = "municipalities/zarechny";

/// The answer of an organisation to a form.
fn answer(form: &str, organisation: &str) -> Value {
    let number = organisation.rsplit('-').next().and_then(|n| n.parse::<u32>().ok());
    let troubled = number.is_some_and(|n| n.is_multiple_of(2));
    let ending = if troubled { ".troubled.json" } else { ".json" };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/answers");
    let path = folder.join(format!("{form}{ending}"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap()
}

/// The same of the run's own half-year, where it is about one: days of autumn 2027 are moved into it.
fn of_half_year(answers: Value, assignment: &str) -> Value {
    let run = assignment.split("/runs/").nth(1).and_then(|rest| rest.split('/').next());
    let Some((year, half)) = run.and_then(|run| run.split_once("-H")) else { return answers };
    let moved = |text: String, month: u8| {
        // Seven months sooner it is spring.
        let own = if half == "1" { month - 7 } else { month };
        text.replace(&format!("2027-{month:02}-"), &format!("{year}-{own:02}-"))
    };
    serde_json::from_str(&(9..=12).fold(answers.to_string(), moved)).unwrap()
}

/// Everybody who has to do with the road map.
struct People {
    channel: Channel,
    school: School,
}

impl People {
    async fn runs(&self) -> Vec<v1::Run> {
        let parent = format!("{MUNICIPALITY}/activities/-");
        let request = v1::ListRunsRequest { parent, page_size: 1000, ..Default::default() };
        let list = RunServiceClient::new(self.channel.clone()).list_runs(request).await.unwrap();
        list.into_inner().runs
    }

    async fn open_assignments(&self) -> Vec<v1::Assignment> {
        let request = v1::ListAssignmentsRequest {
            parent: format!("{MUNICIPALITY}/activities/-/runs/-"),
            filter: "state = open".into(),
            page_size: 1000,
            show_link: true,
            ..Default::default()
        };
        let mut service = AssignmentServiceClient::new(self.channel.clone());
        service.list_assignments(request).await.unwrap().into_inner().assignments
    }

    /// Answers one assignment: schools at their pages, all others over gRPC.
    async fn answer(&self, assignment: &v1::Assignment) {
        let mut service = AssignmentServiceClient::new(self.channel.clone());
        let answers = match assignment.kind() {
            AssignmentKind::Collect => {
                let (name, show_link) = (assignment.name.clone(), false);
                let request = v1::GetAssignmentRequest { name, show_link };
                let whole = service.get_assignment(request).await.unwrap().into_inner();
                let answers = answer(&whole.form.expect("a form").id, &assignment.organisation);
                of_half_year(answers, &assignment.name)
            }
            AssignmentKind::Measure => serde_json::json!({ "report": "Исполнено, приказ № 12." }),
            _ => serde_json::json!({}),
        };
        if assignment.organisation.starts_with("school") {
            let page = self.school.send(&assignment.link, &pairs(&answers)).await;
            assert!(page.status.is_success(), "{}: {}", assignment.name, page.text());
        } else {
            let request = v1::SubmitAssignmentRequest {
                name: assignment.name.clone(),
                answers: Some(convert::structure(answers.as_object().unwrap())),
                ..Default::default()
            };
            let sent = service.submit_assignment(request).await;
            sent.unwrap_or_else(|e| panic!("{}: {e}", assignment.name));
        }
    }

    async fn accept_measures(&self) {
        let mut service = MeasureServiceClient::new(self.channel.clone());
        let request = v1::ListMeasuresRequest {
            parent: format!("{MUNICIPALITY}/activities/-/runs/-"),
            filter: "state = reported".into(),
            page_size: 1000,
            ..Default::default()
        };
        for measure in service.list_measures(request).await.unwrap().into_inner().measures {
            let request = v1::AcceptMeasureRequest { name: measure.name, ..Default::default() };
            service.accept_measure(request).await.unwrap();
        }
    }

    /// The number of the next document: no two of a day bear the same.
    fn next_number(&self) -> String {
        static SIGNED: AtomicU32 = AtomicU32::new(0);
        format!("{}-од", SIGNED.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Approves what waits for approval and decides what waits for a decision.
    async fn decide(&self, run: &v1::Run, today: Date) {
        for stage in run.stages.iter().filter(|s| s.state() == StageState::Active) {
            match stage.kind() {
                StageKind::Recommend => {
                    let mut service = RecommendationServiceClient::new(self.channel.clone());
                    let parent = run.name.clone();
                    let request =
                        v1::ApproveRecommendationsRequest { parent, ..Default::default() };
                    // Approved already, it only waits to be read.
                    service.approve_recommendations(request).await.ok();
                }
                StageKind::Decide => {
                    let request = v1::RecordDecisionRequest {
                        parent: run.name.clone(),
                        number: self.next_number(),
                        date: today.to_string(),
                        outcome: "Утвердить.".into(),
                        signatory: "Начальник отдела образования".into(),
                        ..Default::default()
                    };
                    let mut service = DecisionServiceClient::new(self.channel.clone());
                    let decided = service.record_decision(request).await;
                    decided.unwrap_or_else(|e| panic!("{}: {e}", run.name));
                }
                _ => {}
            }
        }
    }

    async fn start(&self, activity: &str, period: &str, part: &str, organisations: &[&str]) {
        let request = v1::StartRunRequest {
            parent: format!("{MUNICIPALITY}/activities/{activity}"),
            period: period.into(),
            part: part.into(),
            organisations: organisations.iter().map(|o| (*o).to_owned()).collect(),
            ..Default::default()
        };
        let started = RunServiceClient::new(self.channel.clone()).start_run(request).await;
        started.unwrap_or_else(|e| panic!("{activity}: {e}"));
    }

    async fn messages(&self) -> Vec<v1::Message> {
        let mut service = OutboxServiceClient::new(self.channel.clone());
        let mut all = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = v1::ListMessagesRequest {
                parent: MUNICIPALITY.into(),
                page_size: 1000,
                page_token,
                ..Default::default()
            };
            let page = service.list_messages(request).await.unwrap().into_inner();
            all.extend(page.messages);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return all;
            }
        }
    }
}

/// Indicators that need the figures of an earlier period, themselves or through another one: one
/// year has none.
fn compared_with_earlier() -> BTreeSet<String> {
    let road_map = read(&vekha::files::load(&shipped_road_map()).unwrap()).unwrap();
    let formulas: Vec<(String, String)> = road_map
        .analyses
        .values()
        .flat_map(|a| &a.indicators)
        .filter_map(|i| Some((i.id.clone(), i.formula.as_ref()?.text().to_owned())))
        .collect();
    let mut found: BTreeSet<String> = BTreeSet::from(["earlier".to_owned()]);
    loop {
        let names = |formula: &str, id: &str| {
            formula.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == id)
        };
        let more: Vec<String> = formulas
            .iter()
            .filter(|(id, formula)| !found.contains(id) && found.iter().any(|f| names(formula, f)))
            .map(|(id, _)| id.clone())
            .collect();
        if more.is_empty() {
            return found;
        }
        found.extend(more);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_whole_road_map_lives_a_year_and_a_half_and_every_run_comes_to_its_end() {
    let town = Town::start("2026-09-01T07:00").await;
    let people = People { channel: town.channel().await, school: School::default() };
    // What the decree set for 2020 and 2021 is taken up by hand.
    for (activity, period) in [
        ("adopt-road-map", "2020"),
        ("adopt-indicators", "2020"),
        ("objectivity-programme", "2020-H2"),
        ("objectivity-programme", "2021-H1"),
        ("regional-objectivity-indicators", "2020"),
        ("design-leader-indicators", "2021"),
        ("training-indicators", "2021"),
    ] {
        people.start(activity, period, "", &[]).await;
    }
    let mut day: Date = "2026-09-01".parse().unwrap();
    let end: Date = "2027-12-31".parse().unwrap();
    while day <= end {
        town.live_until(&format!("{day}T15:00")).await;
        if day.to_string() == "2026-11-10" {
            people
                .start("municipal-assessments", "2026-27", "math-8", &["school-1", "school-2"])
                .await;
            let request = v1::PublishEventRequest {
                parent: MUNICIPALITY.into(),
                event: "niko-sample".into(),
                organisations: vec!["school-3".into(), "school-4".into()],
                ..Default::default()
            };
            EventServiceClient::new(people.channel.clone()).publish_event(request).await.unwrap();
        }
        // What one does lets others go on: until nobody has anything to do today.
        loop {
            town.settle().await;
            let assignments = people.open_assignments().await;
            for assignment in &assignments {
                people.answer(assignment).await;
            }
            people.accept_measures().await;
            let before = people.runs().await;
            for run in before.iter().filter(|r| r.state() == RunState::Active) {
                people.decide(run, day).await;
            }
            town.settle().await;
            let stages = |runs: &[v1::Run]| -> Vec<_> {
                runs.iter()
                    .flat_map(|r| r.stages.iter().map(|s| (s.name.clone(), s.state)))
                    .collect()
            };
            if assignments.is_empty() && stages(&before) == stages(&people.runs().await) {
                break;
            }
        }
        day = day.saturating_add(1.day());
    }

    let runs = people.runs().await;
    let numbers: BTreeSet<u32> = runs.iter().map(|r| r.number).collect();
    assert_eq!(numbers, (1..=33).collect(), "every activity ran");
    // 29 of the year before the first waits for runs that never were: the administrator sees it.
    let unfinished: Vec<String> = runs
        .iter()
        .filter(|r| !matches!(r.state(), RunState::Completed))
        .map(|r| format!("{} {:?}", r.name, r.state()))
        .collect();
    let expected = |name: &String| {
        // 3 of the year after waits with them; what began in autumn waits for the spring of 2028.
        let late = ["/runs/2025-26", "/runs/2027-28", "adopt-support-programme/runs/2026-27"];
        name.ends_with("Waiting") && late.iter().any(|l| name.contains(l))
    };
    let unexpected: Vec<&String> = unfinished.iter().filter(|name| !expected(name)).collect();
    assert!(unexpected.is_empty(), "{unexpected:#?}");

    // What schools had said was there to be confirmed: no number of 29, 12 or 14 was asked twice.
    for (activity, period) in [
        ("low-result-schools", "2026-27"),
        ("gia-vpr-analysis", "2026-27"),
        ("information-security", "2027-Q2"),
    ] {
        let request = v1::ListEntriesRequest {
            parent: format!("{MUNICIPALITY}/activities/{activity}/runs/{period}"),
            filter: "kind = prefilled".into(),
            page_size: 100,
            ..Default::default()
        };
        let mut journal = JournalServiceClient::new(people.channel.clone());
        let entries = journal.list_entries(request).await.unwrap().into_inner().entries;
        let told: Vec<String> = entries.iter().map(|entry| format!("{entry:?}")).collect();
        let all = (1..=6).map(|n| format!("school-{n}"));
        let missing: Vec<String> =
            all.filter(|school| !told.iter().any(|entry| entry.contains(school))).collect();
        assert!(missing.is_empty(), "{activity}: {missing:?} of {told:#?}");
    }

    // Every indicator has a value somewhere, sooner or later.
    let mut computed: BTreeMap<String, usize> = BTreeMap::new();
    for run in runs.iter().filter(|r| r.stages.iter().any(|s| s.has_figures)) {
        let request = v1::GetFiguresRequest { name: run.name.clone() };
        let mut service = RunServiceClient::new(people.channel.clone());
        let table = service.get_figures(request).await.unwrap().into_inner();
        for indicator in table.indicators {
            let key = format!("{}. {}", run.number, indicator.indicator);
            *computed.entry(key).or_default() += indicator.organisations.len();
        }
    }
    let compared = compared_with_earlier();
    let never: Vec<&String> = computed
        .iter()
        .filter(|(_, values)| **values == 0)
        .map(|(key, _)| key)
        .filter(|key| !compared.iter().any(|id| key.ends_with(&format!(" {id}"))))
        .collect();
    assert!(never.is_empty(), "never computed: {never:#?}");
    assert!(computed.len() > 80, "{} indicators", computed.len());

    // Every letter went out once, and reads well.
    let messages = people.messages().await;
    let received = town.mail.received();
    // What was due for one address at one time went as one.
    let id = |m: &v1::Message| match m.digest.as_str() {
        "" => m.message_id.clone(),
        digest => digest.to_owned(),
    };
    let went: BTreeSet<String> =
        messages.iter().filter(|m| m.state() == MessageState::Sent).map(id).collect();
    let sent = went.len();
    assert!(sent < messages.len(), "there are digests");
    let others: Vec<&v1::Message> = messages
        .iter()
        .filter(|m| !matches!(m.state(), MessageState::Sent | MessageState::Obsolete))
        .collect();
    assert!(others.is_empty(), "{others:#?}");
    assert_eq!(received.len(), sent);
    let ids: BTreeSet<String> = received.iter().map(|l| l.message_id.clone()).collect();
    assert_eq!(ids, went);
    let kinds: BTreeSet<&str> = messages.iter().map(|m| m.kind.as_str()).collect();
    for kind in ["assignment", "receipt", "recommendation", "measure", "drafts", "decision-due"] {
        assert!(kinds.contains(kind), "{kind}");
    }
    for letter in received.iter().map(Letter::read) {
        for odd in ["{{", "{%", "none", "undefined", "NaN", "null"] {
            assert!(!letter.text.contains(odd), "{odd} in {}", letter.text);
        }
        assert!(!letter.subject.is_empty() && letter.html.contains("<html"), "{}", letter.text);
    }

    // Reports stand in the folder, whole by themselves.
    let road_map = read(&vekha::files::load(&shipped_road_map()).unwrap()).unwrap();
    let department = road_map.department().code.clone();
    let schools = road_map.organisations.iter().filter(|o| o.code != department);
    let schools: Vec<String> = schools.map(|o| o.short.replace('"', "&quot;")).collect();
    for report in ["2026-27/annual-report.html", "2026-27/gia-vpr-analysis.html"] {
        let path = town.folder.path().join("site/zarechny").join(report);
        let html = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{report}: {e}"));
        assert!(html.contains("По муниципалитету") && html.contains("<table"), "{report}");
        // Nothing of a school by itself: neither its figures nor what was found of it or ordered.
        for short in &schools {
            assert!(!html.contains(short), "{report} tells of {short}");
        }
        for foreign in ["src=\"http", "href=\"http", "<script", "@import"] {
            assert!(!html.contains(foreign), "{report} is not self-contained: {foreign}");
        }
        assert!(!html.contains("<svg"), "{report} draws schools");
        let rows = html.matches("<td class=\"number\">").count();
        assert!(rows >= 5, "{report} tells {rows} figures of the municipality");
        // Beside it lies the document that it links to.
        let document = path.with_extension("docx");
        assert!(html.contains(document.file_name().unwrap().to_str().unwrap()), "{report}");
        let mut archive = ZipArchive::new(File::open(&document).unwrap()).unwrap();
        let mut text = String::new();
        archive.by_name("word/document.xml").unwrap().read_to_string(&mut text).unwrap();
        assert!(text.contains("По муниципалитету") && text.contains("Состояние"), "{report}");
        for short in &schools {
            assert!(!text.contains(short), "{report} tells of {short} in the document");
        }
    }
    // By sections, with completeness; what ended in its time is in it, whatever period it is about.
    let folder = town.folder.path().join("site/zarechny/2026-27");
    let report = std::fs::read_to_string(folder.join("annual-report.html")).unwrap();
    for told in [
        "<h2 id=\"section-3\">Система обеспечения объективности процедур оценки качества",
        "Сведения представили 6 из 6",
        "III квартал 2026 года",
        "II полугодие 2020 года",
    ] {
        assert!(report.contains(told), "{told} is not in the annual report");
    }
    assert!(!report.contains("III квартал 2027 года"), "that is for the next one");
    let archive = format!("{}/m/zarechny/evidence.zip?year=2027", town.url());
    let archive = reqwest::get(archive).await.unwrap().bytes().await.unwrap();
    let mut archive = ZipArchive::new(Cursor::new(archive)).unwrap();
    let mut again = String::new();
    let published = archive.by_name("13-annual-report/2026-27/annual-report.html").unwrap();
    std::io::BufReader::new(published).read_to_string(&mut again).unwrap();
    let chapters = |html: &str| {
        let names = html.split("<h3 id=\"run-").skip(1).filter_map(|part| part.split('<').next());
        names.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(chapters(&again), chapters(&report), "rendered anew it covers the same");
    for file in [
        "13-annual-report/2026-27/annual-report.docx",
        "19-outcome-recommendations/recommendations.docx",
    ] {
        assert!(archive.by_name(file).is_ok(), "{file}");
    }
    let index =
        std::fs::read_to_string(town.folder.path().join("site/zarechny/index.html")).unwrap();
    let index = index.replace("&#x2f;", "/");
    for link in ["2026-27/annual-report.html", "2026-27/gia-vpr-analysis.docx"] {
        assert!(index.contains(&format!("href=\"{link}\"")), "{index}");
    }
    let contents = std::fs::read_to_string(town.folder.path().join("site/index.html")).unwrap();
    let contents = contents.replace("&#x2f;", "/");
    assert!(contents.contains("href=\"zarechny/index.html\""), "{contents}");
    if let Ok(folder) = std::env::var("VEKHA_LOOK") {
        for ending in ["html", "docx"] {
            let report = format!("annual-report.{ending}");
            let from = town.folder.path().join("site/zarechny/2026-27").join(&report);
            std::fs::copy(from, Path::new(&folder).join(&report)).unwrap();
        }
    }

    let request = v1::VerifyJournalRequest { parent: MUNICIPALITY.into() };
    let mut journal = JournalServiceClient::new(people.channel.clone());
    let proof = journal.verify_journal(request).await.unwrap().into_inner();
    assert_eq!(proof.reason, "");
    println!(
        "{} runs, {} letters in {} messages, {} indicators, {} journal entries",
        runs.len(),
        messages.len(),
        sent,
        computed.len(),
        proof.entries
    );
    town.daemon.stop().await.unwrap();
}

//! What other systems know already: forms filled beforehand, answers taken as they are, and what
//! happens when a source errs. The other system is a real HTTP server on loopback, the folder a
//! real one.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use serde_json::{Value, json};
use vekha::settings::{Settings, SourceSettings};
use vekha_plugin_host::PluginConfig;
use vekha_plugin_http::HttpConfig;
use vekha_plugin_tables::FolderConfig;
use vekha_proto::v1::assignment_service_client::AssignmentServiceClient;
use vekha_proto::v1::run_service_client::RunServiceClient;
use vekha_proto::v1::{self, AssignmentState, Origin};
use vekha_tests::process::binary;
use vekha_tests::school::{School, pairs};
use vekha_tests::small;
use vekha_tests::town::Town;

const RUN: &str = "municipalities/m/activities/survey/runs/2027.first";

/// The small road map with three schools, whose survey has a source.
fn road_map(settings: &mut Settings, folder: &Path, confirm: bool) {
    let mut files = small::files();
    let activity = files.0.get_mut("activities/1-survey.toml").unwrap();
    let form = "form = \"sums\"\n";
    let source = format!("{form}source = \"register\"\nconfirm = {confirm}\n");
    *activity = activity.replace(form, &source);
    let organisations = files.0.get_mut("organisations.toml").unwrap();
    for n in [2, 3] {
        organisations.push_str(&format!(
            "\n[[organisation]]\ncode = \"school-{n}\"\nkind = \"school\"\nname = \"Школа № {n}\"\n\
             email = \"school-{n}@example.org\"\n"
        ));
    }
    let own = folder.join("road-map");
    for (path, text) in &files.0 {
        let path = own.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    settings.road_maps = vec![own];
}

async fn start(town: &Town) {
    let request = v1::StartRunRequest {
        parent: "municipalities/m/activities/survey".into(),
        period: "2027".into(),
        part: "first".into(),
        ..Default::default()
    };
    RunServiceClient::new(town.channel().await).start_run(request).await.unwrap();
    town.settle().await;
}

async fn assignment(town: &Town, school: &str) -> v1::Assignment {
    let name = format!("{RUN}/assignments/collect.{school}");
    let request = v1::GetAssignmentRequest { name, show_link: true };
    let mut service = AssignmentServiceClient::new(town.channel().await);
    service.get_assignment(request).await.unwrap().into_inner()
}

async fn submission(town: &Town, school: &str) -> v1::Submission {
    let request = v1::ListSubmissionsRequest {
        parent: format!("{RUN}/assignments/collect.{school}"),
        ..Default::default()
    };
    let mut service = AssignmentServiceClient::new(town.channel().await);
    service.list_submissions(request).await.unwrap().into_inner().submissions.remove(0)
}

/// Another system: the first so many requests find it out of order.
async fn register(records: Value, broken: usize) -> (String, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let answer = move || {
        let number = count.fetch_add(1, Ordering::Relaxed);
        let records = records.clone();
        async move {
            match number < broken {
                true => (StatusCode::SERVICE_UNAVAILABLE, "обслуживание".to_owned()),
                false => (StatusCode::OK, records.to_string()),
            }
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/{{form}}?period={{period}}", listener.local_addr().unwrap());
    let app = Router::new().route("/{form}", get(answer));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (url, asked)
}

fn http(url: String) -> SourceSettings {
    SourceSettings::Http(Box::new(HttpConfig {
        url,
        allow_private: true,
        attempts: Some(1),
        ..HttpConfig::default()
    }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_trusted_system_knows_is_the_answer_and_what_the_form_refuses_is_looked_at() {
    let records = json!([
        { "organisation": "school-1", "pupils": 60, "low": 30 },
        { "organisation": "school-2", "pupils": "много", "low": 3 },
        { "organisation": "school-9", "pupils": 1, "low": 1 },
    ]);
    let (url, asked) = register(records, 0).await;
    let mut town = Town::start_as("2027-03-01T10:00", |settings, folder| {
        road_map(settings, folder, false);
        settings.source.insert("register".into(), http(url));
    })
    .await;
    start(&town).await;

    let one = assignment(&town, "school-1").await;
    assert_eq!(one.state(), AssignmentState::Answered);
    let sent = submission(&town, "school-1").await;
    assert_eq!((sent.origin(), sent.actor.as_str()), (Origin::Source, "source:register"));
    let two = assignment(&town, "school-2").await;
    assert_eq!(two.state(), AssignmentState::Open);
    let school = School::default();
    let page = school.open(&two.link).await;
    assert!(page.html.contains("Форма заполнена заранее"), "{}", page.text());
    assert!(page.html.contains("value=\"много\""), "what was brought waits to be mended");
    let page = school.open(&assignment(&town, "school-3").await.link).await;
    assert!(!page.html.contains("Форма заполнена заранее"), "{}", page.text());
    assert!(
        town.new_letters().iter().any(|l| l.to.starts_with("school-1@")),
        "a copy of the answer"
    );

    // The next morning only the silent are asked about, and what is the same is not told again.
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    town.live_until("2027-03-02T09:30").await;
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    let answer = json!({ "pupils": "50", "low": "5" });
    for name in ["school-2", "school-3"] {
        let link = assignment(&town, name).await.link;
        let page = school.send(&link, &pairs(&answer)).await;
        assert!(page.status.is_success(), "{}", page.text());
    }
    town.live_until("2027-03-10T09:30").await;
    assert_eq!(asked.load(Ordering::Relaxed), 2, "nobody is silent any more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_system_out_of_order_is_told_once_and_asked_again_until_it_is_well() {
    let records = json!([{ "organisation": "school-1", "pupils": 60, "low": 30 }]);
    let (url, asked) = register(records, 2).await;
    let mut town = Town::start_as("2027-03-01T10:00", |settings, folder| {
        road_map(settings, folder, false);
        settings.source.insert("register".into(), http(url));
    })
    .await;
    start(&town).await;
    assert_eq!(assignment(&town, "school-1").await.state(), AssignmentState::Open);
    // The letters' templates of the small road map say nothing: that there is one says enough.
    let told = |town: &mut Town| {
        town.new_letters().into_iter().filter(|l| l.to.starts_with("office@")).count()
    };
    assert_eq!(told(&mut town), 1);
    town.live_until("2027-03-01T10:10").await;
    assert_eq!((asked.load(Ordering::Relaxed), told(&mut town)), (2, 0));
    town.live_until("2027-03-01T10:40").await;
    assert_eq!(asked.load(Ordering::Relaxed), 3);
    assert_eq!(assignment(&town, "school-1").await.state(), AssignmentState::Answered);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_the_settings_lack_is_told_with_what_to_do() {
    let mut town =
        Town::start_as("2027-03-01T10:00", |settings, folder| road_map(settings, folder, true))
            .await;
    start(&town).await;
    assert_eq!(town.new_letters().iter().filter(|l| l.to.starts_with("office@")).count(), 1);
    let row = town.daemon.runtime.store().journal_tail("m/survey/2027.first", 9).await.unwrap();
    let entry = row.iter().find(|e| e.kind == "source-failed").unwrap();
    assert!(entry.data.contains("[source.register]"), "{}", entry.data);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_in_the_folder_fills_the_forms_and_the_schools_only_confirm() {
    let town = Town::start_as("2027-03-01T10:00", |settings, folder| {
        road_map(settings, folder, true);
        let inbox = folder.join("inbox");
        std::fs::create_dir(&inbox).unwrap();
        std::fs::write(
            inbox.join("sums-2027.csv"),
            "Код ОО;Учеников;Из них с низкими результатами;Телефон\nschool-1;60;30;1\nschool-2;40;2;2\n",
        )
        .unwrap();
        let config =
            FolderConfig { folder: inbox, settle_milliseconds: Some(0), ..FolderConfig::default() };
        settings.source.insert("register".into(), SourceSettings::Folder(config));
    })
    .await;
    start(&town).await;
    let school = School::default();
    let one = assignment(&town, "school-1").await;
    assert_eq!(one.state(), AssignmentState::Open, "nothing is sent for the school");
    let page = school.open(&one.link).await;
    assert!(page.html.contains("Форма заполнена заранее"), "{}", page.text());
    for value in ["value=\"60\"", "value=\"30\""] {
        assert!(page.html.contains(value), "{value}: {}", page.html);
    }
    // What was left of the file stands where the department sees it.
    let noted = async || {
        let tail = town.daemon.runtime.store().journal_tail("m/survey/2027.first", 99).await;
        let noted = tail.unwrap().into_iter().filter(|entry| entry.kind == "source-noted");
        noted.map(|entry| entry.data).collect::<Vec<_>>()
    };
    let first = noted().await;
    assert!(matches!(first.as_slice(), [one] if one.contains("«Телефон»")), "{first:?}");
    let run = school.open(&format!("{}/runs/m/survey/2027.first", town.url())).await;
    assert!(run.html.contains("«Телефон»"), "{}", run.text());
    // What a person has typed is not written over by the next file.
    let draft = [("pupils", "61"), ("low", ""), ("_save", "1")];
    let draft: Vec<_> = draft.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    school.send(&one.link, &draft).await;
    let inbox = town.folder.path().join("inbox/sums-2027.csv");
    std::fs::write(
        inbox,
        "Код ОО;Учеников;Из них с низкими результатами\nschool-1;70;7\nschool-2;44;4\n",
    )
    .unwrap();
    town.live_until("2027-03-02T09:30").await;
    let page = school.open(&one.link).await;
    assert!(page.html.contains("value=\"61\"") && !page.html.contains("value=\"70\""));
    let two = assignment(&town, "school-2").await;
    let page = school.open(&two.link).await;
    assert!(page.html.contains("value=\"44\""), "the source knows better today");
    assert_eq!(noted().await, first, "nothing was left of this one");
    let confirmed = json!({ "pupils": "44", "low": "4" });
    assert!(school.send(&two.link, &pairs(&confirmed)).await.status.is_success());
    assert_eq!(submission(&town, "school-2").await.origin(), Origin::Page);
}

/// The daemon does not know the difference; its own folder of tables is asked out of its process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_in_a_process_of_its_own_is_like_any_other_and_named_when_it_errs() {
    let town = Town::start_as("2027-03-01T10:00", |settings, folder| {
        road_map(settings, folder, false);
        let inbox = folder.join("inbox");
        std::fs::create_dir(&inbox).unwrap();
        let rows = "Код ОО;Учеников;Из них с низкими результатами\nschool-1;60;30\n";
        std::fs::write(inbox.join("sums-2027.csv"), rows).unwrap();
        let own = binary().display().to_string();
        let configuration = json!({ "folder": inbox, "settle-milliseconds": 0 });
        let tables = PluginConfig {
            command: vec![own, "plugin".into(), "serve".into(), "folder".into()],
            configuration: configuration.as_object().unwrap().clone(),
            start_seconds: Some(60),
            ..PluginConfig::default()
        };
        settings.manner.guard.clone_from(binary());
        settings.plugin.insert("tables".into(), tables);
        settings.source.insert("register".into(), SourceSettings::Plugin("tables".into()));
    })
    .await;
    start(&town).await;
    assert_eq!(assignment(&town, "school-1").await.state(), AssignmentState::Answered);
    assert_eq!(submission(&town, "school-1").await.origin(), Origin::Source);
    assert_eq!(assignment(&town, "school-2").await.state(), AssignmentState::Open);

    std::fs::remove_file(town.folder.path().join("inbox/sums-2027.csv")).unwrap();
    town.live_until("2027-03-02T09:30").await;
    let tail = town.daemon.runtime.store().journal_tail("m/survey/2027.first", 99).await.unwrap();
    let failed = tail.iter().find(|entry| entry.kind == "source-failed").unwrap();
    assert!(failed.data.contains("плагин «tables»: в папке"), "{}", failed.data);
    town.daemon.stop().await.unwrap();
}

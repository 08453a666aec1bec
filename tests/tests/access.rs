//! Who is let in, and what is not given away: by which names the daemon answers, what others on the
//! machine may read of it, what its log tells, and how long a file stays that nobody refers to.

#![allow(clippy::unwrap_used)]

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HOST;
use reqwest::{Client, StatusCode};
use sea_orm::ActiveValue::Set;
use sea_orm::EntityTrait as _;
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tonic::Code;
use tonic::transport::Channel;
use vekha::secret::Secret;
use vekha::store::Store;
use vekha::store::entities::{assignment, decision, draft, file, submission};
use vekha_proto::v1::ListRunsRequest;
use vekha_proto::v1::run_service_client::RunServiceClient;
use vekha_tests::base::Base;
use vekha_tests::process::{binary, free_port};
use vekha_tests::smtp::SmtpServer;
use vekha_tests::stranger::Stranger;
use vekha_tests::town::{self, Town, instant, shipped_road_map};

const MORNING: &str = "2026-10-06T10:00";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_key_a_page_whose_name_was_made_to_lead_here_reads_and_does_nothing() {
    let town = Town::start(MORNING).await;
    let client = Client::new();
    let rebound = format!("rebound.evil.example:{}", town.daemon.address.port());
    for path in ["/", "/healthz", "/m/zarechny"] {
        let asked = || client.get(format!("{}{path}", town.url()));
        let refused = asked().header(HOST, &rebound).send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::MISDIRECTED_REQUEST, "{path}");
        let served = asked().header(HOST, "localhost").send().await.unwrap();
        assert_eq!(served.status(), StatusCode::OK, "{path}");
    }
    // gRPC-web is what a page would speak; gRPC names the host in the address.
    let service = format!("{}/vekha.v1.RunService/ListRuns", town.url());
    let call = client.post(service).header(HOST, &rebound);
    let call = call.header("content-type", "application/grpc-web+proto").body(vec![0; 5]);
    let refused = call.send().await.unwrap();
    assert_eq!(refused.headers()["grpc-status"], (Code::PermissionDenied as i32).to_string());
    // One whose name is its own stays a stranger by its origin, whatever its browser lets through.
    let service = format!("{}/vekha.v1.RunService/ListRuns", town.url());
    let call = |origin: String| {
        let call = client.post(&service).header("content-type", "application/grpc-web+proto");
        call.header("origin", origin).body(vec![0; 5]).send()
    };
    let refused = call("http://evil.example".to_owned()).await.unwrap();
    assert_eq!(refused.headers()["grpc-status"], (Code::PermissionDenied as i32).to_string());
    let served = call(town.url()).await.unwrap();
    assert_ne!(served.headers()["grpc-status"], (Code::PermissionDenied as i32).to_string());
    let origin = format!("http://{rebound}").parse().unwrap();
    let channel = Channel::from_shared(town.url()).unwrap().origin(origin).connect().await.unwrap();
    let mut runs = RunServiceClient::new(channel);
    let refused = runs.list_runs(ListRunsRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    town.daemon.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_key_the_daemon_answers_by_any_name_and_to_nobody_without_it() {
    let town = Town::start_locked(MORNING, "0123456789abcdef").await;
    let ask = async |password: Option<&str>| {
        let asked = Client::new().get(town.url()).header(HOST, "vekha.example.org");
        let asked = match password {
            Some(password) => asked.basic_auth("anna", Some(password)),
            None => asked,
        };
        asked.send().await.unwrap().status()
    };
    assert_eq!(ask(Some("0123456789abcdef")).await, StatusCode::OK);
    assert_eq!(ask(Some("0123456789abcdeF")).await, StatusCode::UNAUTHORIZED);
    assert_eq!(ask(None).await, StatusCode::UNAUTHORIZED);
    town.daemon.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_daemon_keeps_nobody_else_on_the_machine_reads() {
    let base = Base::sqlite();
    let data = base.folder.path().join("data");
    let url = format!("sqlite:{}", data.join("vekha.db").display());
    let store = Store::open(&url, Secret::from_bytes([7; 32])).await.unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    let files = || -> Vec<_> {
        std::fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().path()).collect()
    };
    assert!(files().len() > 1, "{:?}", files());
    for file in files() {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    // What an older release left open to all while it was killed.
    let left = Base::sqlite();
    let copy = left.folder.path().join("data");
    std::fs::create_dir(&copy).unwrap();
    for file in files() {
        let to = copy.join(file.file_name().unwrap());
        std::fs::copy(&file, &to).unwrap();
        std::fs::set_permissions(&to, Permissions::from_mode(0o644)).unwrap();
    }
    store.close().await.unwrap();
    let url = format!("sqlite:{}", copy.join("vekha.db").display());
    let store = Store::open(&url, Secret::from_bytes([7; 32])).await.unwrap();
    for file in std::fs::read_dir(&copy).unwrap().map(|entry| entry.unwrap().path()) {
        assert_eq!(mode(&file) & 0o007, 0, "{}", file.display());
    }
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_tells_no_password_and_no_link_whatever_is_asked_of_it() {
    let mail = SmtpServer::start_with_account("vekha", "open sesame").await;
    let folder = tempfile::TempDir::new().unwrap();
    let road_map = shipped_road_map();
    let port = free_port();
    let settings = format!(
        r#"
        listen = "127.0.0.1:{port}"
        database = "sqlite:vekha.db"
        secret-file = "secret"
        road-maps = ["{}"]
        site = {{ folder = "site" }}
        rehearsal = {{ from = "2026-10-06T09:30:00+05:00", speed = 1 }}
        [mail]
        transport = "smtp"
        host = "127.0.0.1"
        port = {}
        tls = "none"
        username = "vekha"
        password = "open sesame"
        from = {{ email = "vekha@example.org" }}
        "#,
        road_map.display(),
        mail.port()
    );
    std::fs::write(folder.path().join("vekha.toml"), settings).unwrap();
    let mut daemon = tokio::process::Command::new(binary())
        .arg("--config")
        .arg(folder.path().join("vekha.toml"))
        .arg("serve")
        .env_clear()
        .env("VEKHA_LOG", "trace")
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stderr = daemon.stderr.take().unwrap();
    let reading = tokio::spawn(async move {
        let mut log = String::new();
        stderr.read_to_string(&mut log).await.unwrap();
        log
    });
    let channel = loop {
        let served = Channel::from_shared(format!("http://127.0.0.1:{port}")).unwrap();
        match served.connect().await {
            Ok(channel) => break channel,
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
        }
        assert!(daemon.try_wait().unwrap().is_none(), "it serves");
    };
    town::ask_schools(channel).await;
    let letters = mail.wait_until(|received| !received.is_empty()).await;
    daemon.start_kill().unwrap();
    let log = reading.await.unwrap();
    assert!(log.contains("TRACE"), "it was asked for everything");
    let link = vekha_tests::letters::Letter::read(&letters[0]).link();
    let token = link.rsplit('/').next().unwrap();
    let encoded = [STANDARD.encode("\0vekha\0open sesame"), STANDARD.encode("open sesame")];
    for secret in ["open sesame", &encoded[0], &encoded[1], token] {
        assert!(!log.contains(secret), "{secret}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_call_keeps_none_of_the_files_that_came_with_it() {
    let town = Town::start(MORNING).await;
    let stranger = Stranger::meet(town.channel().await).await;
    let parent = "municipalities/zarechny/activities/support-programme-update";
    let run = json!({ "parent": parent, "period": "2026-27" });
    let run = stranger.call("RunService.StartRun", run).await.unwrap()["name"].clone();
    let go = json!({ "name": run, "answer": "ANSWER_PROCEED" });
    stranger.call("RunService.AnswerQuestion", go).await.ok();
    let decision = json!({ "parent": run, "number": "47-од", "date": "2026-10-06",
        "outcome": "Утвердить", "signatory": "Начальник отдела",
        "attachments": [{ "fileName": "приказ.pdf", "content": STANDARD.encode("%PDF scan") }] });
    let with = |more: serde_json::Value| {
        let mut call = decision.clone();
        call.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        call
    };
    let database = format!("sqlite:{}", town.folder.path().join("vekha.db").display());
    let beside = sea_orm::Database::connect(database).await.unwrap();
    let kept = async || file::Entity::find().all(&beside).await.unwrap().len();
    for wrong in [
        json!({ "etag": "999" }),
        json!({ "date": "позавчера" }),
        json!({ "signatory": "" }),
        json!({ "stage": "none" }),
    ] {
        let refused = stranger.call("DecisionService.RecordDecision", with(wrong.clone())).await;
        assert!(refused.is_err(), "{wrong}");
        assert_eq!(kept().await, 0, "{wrong}");
    }
    stranger.call("DecisionService.RecordDecision", decision.clone()).await.unwrap();
    assert_eq!(kept().await, 1);
    beside.close().await.unwrap();
    town.daemon.stop().await.unwrap();
}

/// On both databases, since the statement is our own.
async fn files_that_nobody_refers_to_go_and_all_others_stay(base: Base) {
    let store = base.store().await;
    let (then, later) = (instant("2027-03-01T10:00"), instant("2027-03-02T10:00"));
    let (run, owed) = ("town/survey/2027", "town/survey/2027/collect.school-1");
    let decisions = format!("{run}/decisions");
    let mut kept = Vec::new();
    for (owner, content) in [
        (owed, "refused"),
        (owed, "in a draft"),
        (owed, "in an answer"),
        (owed, "about to be sent"),
        (decisions.as_str(), "attached"),
        (decisions.as_str(), "not attached"),
    ] {
        kept.push(store.keep_file(owner, content.into(), then).await.unwrap());
    }
    let beside = base.beside().await;
    let named = |hash: &str| json!({ "plan": { "name": "a.pdf", "sha256": hash } }).to_string();
    let drafted = draft::ActiveModel {
        assignment: Set(owed.to_owned()),
        at: Set(0),
        answers: Set(named(&kept[1])),
        source: Set(String::new()),
        revision: Set(1),
        page: Set(String::new()),
    };
    draft::Entity::insert(drafted).exec_without_returning(&beside).await.unwrap();
    let asked = assignment::ActiveModel {
        id: Set(owed.to_owned()),
        run: Set(run.to_owned()),
        municipality: Set("town".to_owned()),
        activity: Set("survey".to_owned()),
        stage: Set("collect".to_owned()),
        organisation: Set("school-1".to_owned()),
        state: Set("answered".to_owned()),
        due: Set("2027-03-05".to_owned()),
        token_hash: Set(String::new()),
        body: Set("{}".to_owned()),
        revision: Set(1),
    };
    assignment::Entity::insert(asked).exec_without_returning(&beside).await.unwrap();
    let answer = submission::ActiveModel {
        id: Set(format!("{owed}/1")),
        assignment: Set(owed.to_owned()),
        run: Set(run.to_owned()),
        version: Set(1),
        at: Set(0),
        actor: Set("page".to_owned()),
        origin: Set("page".to_owned()),
        answers: Set(named(&kept[2])),
    };
    submission::Entity::insert(answer).exec_without_returning(&beside).await.unwrap();
    let decided = decision::ActiveModel {
        id: Set(format!("{run}/1")),
        run: Set(run.to_owned()),
        municipality: Set("town".to_owned()),
        activity: Set("survey".to_owned()),
        ordinal: Set(1),
        date: Set("2027-03-01".to_owned()),
        revision: Set(1),
        body: Set(json!({ "attachments": [{ "sha256": kept[4] }] }).to_string()),
    };
    decision::Entity::insert(decided).exec_without_returning(&beside).await.unwrap();
    let held = store.hold_files(owed, &[&kept[3], "unknown"], later).await.unwrap();
    assert_eq!(held, [kept[3].clone()]);
    assert_eq!(store.remove_stray_files(then).await.unwrap(), 0, "all are young");
    assert_eq!(store.remove_stray_files(later).await.unwrap(), 2);
    let mut there = Vec::new();
    for (place, hash) in kept.iter().enumerate() {
        let owner = if place < 4 { owed } else { &decisions };
        there.push(store.file(owner, hash).await.unwrap().is_some());
    }
    assert_eq!(there, [false, true, true, true, true, false]);
    beside.close().await.unwrap();
    store.close().await.unwrap();
}

#[tokio::test]
async fn files_that_nobody_refers_to_go_and_all_others_stay_on_sqlite() {
    files_that_nobody_refers_to_go_and_all_others_stay(Base::sqlite()).await;
}

#[tokio::test]
async fn files_that_nobody_refers_to_go_and_all_others_stay_on_postgres() {
    files_that_nobody_refers_to_go_and_all_others_stay(Base::postgres().await).await;
}

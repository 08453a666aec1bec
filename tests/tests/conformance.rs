//! What every plugin must keep, kept by all that come with Vekha, out of the daemon's process, and by the
//! examples; and what `vekha plugin` says of one that does not.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;
use vekha_plugin::{
    Address, Cause, DeliveryErrorKind, Event, FetchRequest, FieldKind, Health, ListenError,
    Listener as _, Message, Notifier as _, Returned, Settled, Source as _, SourceError,
    WantedField,
};
use vekha_plugin_host::conformance::{Finding, Outcome, conformance};
use vekha_plugin_host::{Host, Manner, PluginConfig};
use vekha_tests::dovecot::bring;
use vekha_tests::process::binary;
use vekha_tests::{javascript, python};

const BAD: &str = env!("CARGO_BIN_EXE_bad-plugin");

fn manner() -> Manner {
    Manner { guard: BAD.into(), ..Manner::default() }
}

fn config(command: &[&str], folder: &Path, configuration: Value) -> PluginConfig {
    let mut config = PluginConfig {
        command: command.iter().map(|word| (*word).to_owned()).collect(),
        configuration: configuration.as_object().unwrap().clone(),
        start_seconds: Some(60),
        call_seconds: Some(60),
        ..PluginConfig::default()
    };
    config.anchor(folder);
    config
}

fn python(script: &str, folder: &Path, configuration: Value) -> PluginConfig {
    let script = python::examples().join(script);
    let mut config = config(&["python3", script.to_str().unwrap()], folder, configuration);
    config.environment.insert("PYTHONPATH".into(), python::path().into());
    config
}

/// All that was found.
async fn tried(config: PluginConfig) -> Vec<Finding> {
    tried_with(config, &[]).await
}

/// The same of one that is asked for indicators.
async fn tried_with(config: PluginConfig, indicators: &[&str]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let given = Some(config.configuration.clone());
    let indicators: Vec<String> = indicators.iter().map(|id| (*id).to_owned()).collect();
    let told = |finding: &Finding| findings.push(finding.clone());
    conformance(config, given, &indicators, &manner(), told).await;
    findings
}

/// Everything was tried, and is kept.
async fn keeps_all(config: PluginConfig) {
    let findings = tried(config.clone()).await;
    all_are_kept(&config, &findings);
    assert_eq!(findings.len(), 16, "{findings:#?}");
}

fn all_are_kept(config: &PluginConfig, findings: &[Finding]) {
    let is_fine = |finding: &&Finding| match &finding.outcome {
        Outcome::Kept => true,
        Outcome::Broken(_) => false,
        // Nothing is required of some.
        Outcome::Untried(why) => why.contains("обязательных настроек"),
    };
    let wrong: Vec<_> = findings.iter().filter(|finding| !is_fine(finding)).collect();
    assert!(wrong.is_empty(), "{:?}: {wrong:#?}", config.command);
}

#[tokio::test]
async fn all_plugins_of_our_own_keep_it_in_processes_of_their_own() {
    let folder = TempDir::new().unwrap();
    let own = binary().to_str().unwrap();
    std::fs::create_dir(folder.path().join("inbox")).unwrap();
    for (name, configuration) in [
        ("mail", json!({ "folder": "mail", "from": { "email": "vekha@example.org" } })),
        ("site", json!({ "folder": "site" })),
        ("http", json!({ "url": "http://127.0.0.1:9/x", "allow-private": true, "attempts": 1 })),
        ("folder", json!({ "folder": "inbox" })),
    ] {
        let command = [own, "plugin", "serve", name];
        keeps_all(config(&command, folder.path(), configuration)).await;
    }
    let letters = std::fs::read_dir(folder.path().join("mail")).unwrap().count();
    assert_eq!(letters, 1, "one message, delivered twice under one key");
    let page = folder.path().join("site/vekha-plugin-test/test.html");
    assert_eq!(std::fs::read_to_string(page).unwrap(), "<p>2</p>");
}

/// A messenger that remembers what it was told and answers as it is to.
async fn messenger() -> (String, Arc<Mutex<Vec<Value>>>, Arc<Mutex<StatusCode>>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let answer = Arc::new(Mutex::new(StatusCode::OK));
    let (heard, answers) = (told.clone(), answer.clone());
    let send = move |headers: HeaderMap, body: String| async move {
        let mut body: Value = serde_json::from_str(&body).unwrap();
        body["once"] = headers["idempotency-key"].to_str().unwrap().into();
        heard.lock().unwrap().push(body);
        *answers.lock().unwrap()
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/send", listener.local_addr().unwrap());
    let app = Router::new().route("/send", post(send));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (url, told, answer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_listener_in_javascript_keeps_it_and_writes_each_event_once() {
    let folder = TempDir::new().unwrap();
    let feed = javascript::feed();
    let command = ["node", feed.to_str().unwrap()];
    let mut config = config(&command, folder.path(), json!({ "file": "feed.jsonl" }));
    let contract = javascript::contract().display().to_string();
    config.environment.insert("CONTRACT".into(), contract);
    keeps_all(config.clone()).await;
    let file = folder.path().join("feed.jsonl");
    let lines = || {
        let text = std::fs::read_to_string(&file).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
    };
    assert_eq!(lines().len(), 3, "three events, told twice");

    let all = BTreeMap::from([("feed".to_owned(), config)]);
    let host = Host::start(all, &manner()).await.unwrap();
    let plugin = host.get("feed").unwrap();
    let facts = json!({ "stage": "s", "found": { "low": ["school-1"] }, "share": 0.5, "no": null });
    let event = |cursor: i64| Event {
        id: format!("{cursor:064x}"),
        cursor,
        kind: "analyzed".into(),
        at: 1_800_000_000_123,
        data: facts.as_object().unwrap().clone(),
        ..Event::default()
    };
    for events in [vec![event(4), event(5)], vec![event(5), event(6)]] {
        assert_eq!(plugin.hear(&events).await.unwrap(), 2);
    }
    let cursors: Vec<_> = lines().iter().map(|line| line["cursor"].as_i64().unwrap()).collect();
    assert_eq!(cursors, [1, 2, 3, 4, 5, 6]);
    let last = &lines()[5];
    assert_eq!((&last["data"], &last["at"]), (&facts, &json!("2027-01-15T08:00:00.123Z")));
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    let refused = plugin.hear(&[event(7)]).await.unwrap_err();
    assert!(matches!(&refused, ListenError::Failed(why) if why.contains("лента не записана")));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mail_in_a_process_of_its_own_tells_what_came_back_until_it_is_taken() {
    let folder = TempDir::new().unwrap();
    let maildir = folder.path().join("returned");
    for part in ["new", "cur"] {
        std::fs::create_dir_all(maildir.join(part)).unwrap();
    }
    let report = "Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\n\
         Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\n\
         Final-Recipient: rfc822; a@b.ru\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--b\r\n\
         Content-Type: text/rfc822-headers\r\n\r\nMessage-ID: <1@m.vekha>\r\n\r\n--b--\r\n";
    bring(&maildir, "1.report", report.as_bytes());
    let own = binary().to_str().unwrap();
    let configuration = json!({
        "folder": "mail", "from": { "email": "vekha@example.org" },
        "bounces": { "maildir": "returned" },
    });
    let config = config(&[own, "plugin", "serve", "mail"], folder.path(), configuration);
    let host = Host::start(BTreeMap::from([("mail".to_owned(), config)]), &manner()).await.unwrap();
    let plugin = host.get("mail").unwrap();
    let heard = plugin.returned().await.unwrap();
    assert_eq!(heard.again.map(|again| again.as_secs()), Some(60));
    let [told] = heard.reports.as_slice() else { panic!("{heard:?}") };
    assert_eq!(
        (told.message_id.as_str(), told.failures[0].cause),
        ("1@m.vekha", Cause::NoSuchAddress)
    );
    let settled = Settled { taken: vec![told.id.clone()], left: vec![] };
    plugin.settle_returned(&settled).await.unwrap();
    assert_eq!(plugin.returned().await.unwrap().reports, []);
    assert!(maildir.join("cur/1.report:2,S").exists());
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_notifier_in_python_keeps_it_and_delivers() {
    let folder = TempDir::new().unwrap();
    let (url, told, answer) = messenger().await;
    let config = python("messenger.py", folder.path(), json!({ "url": url, "token": "t" }));
    keeps_all(config.clone()).await;
    told.lock().unwrap().clear();

    let all = BTreeMap::from([("messenger".to_owned(), config)]);
    let host = Host::start(all, &manner()).await.unwrap();
    let plugin = host.get("messenger").unwrap();
    assert_eq!(plugin.ask_health().await, Health::Healthy);
    assert_eq!(plugin.returned().await.unwrap(), Returned::default(), "it hears of nothing");
    let message = Message {
        key: "m/1".into(),
        to: vec![Address::new("", "school-1@example.org")],
        subject: "Тема".into(),
        text: "Текст".into(),
        ..Message::default()
    };
    plugin.deliver(&message).await.unwrap();
    let wanted = json!({
        "to": "school-1@example.org", "subject": "Тема", "text": "Текст",
        "once": "m/1school-1@example.org",
    });
    assert_eq!(*told.lock().unwrap(), [wanted]);
    for (status, kind) in [
        (StatusCode::NOT_FOUND, DeliveryErrorKind::Permanent),
        (StatusCode::BAD_GATEWAY, DeliveryErrorKind::Transient),
    ] {
        *answer.lock().unwrap() = status;
        let error = plugin.deliver(&message).await.unwrap_err();
        assert_eq!(error.kind, kind);
        let wanted = format!("плагин «messenger»: мессенджер ответил {}", status.as_u16());
        assert_eq!(error.message, wanted);
    }
    host.stop().await;

    let wrong = python("messenger.py", folder.path(), json!({ "url": "nowhere", "tken": 1 }));
    let told = |wrong: Vec<vekha_plugin::Problem>| -> Vec<String> {
        wrong.iter().map(ToString::to_string).collect()
    };
    let all = BTreeMap::from([("m".to_owned(), wrong)]);
    assert_eq!(
        told(Host::start(all, &manner()).await.unwrap_err()),
        ["plugin.m.configuration.tken: такого ключа нет; может быть, token?"]
    );
    let wrong = python("messenger.py", folder.path(), json!({ "url": "nowhere" }));
    let all = BTreeMap::from([("m".to_owned(), wrong)]);
    assert_eq!(
        told(Host::start(all, &manner()).await.unwrap_err()),
        ["plugin.m.configuration.url: нужен адрес вида https://messenger.example.org/send"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_source_in_python_keeps_it_and_fetches() {
    let folder = TempDir::new().unwrap();
    let export = folder.path().join("export.csv");
    std::fs::write(&export, "Код ОО;Учащихся\nschool-1;512\nschool-9;1\nschool-2;33,5\n").unwrap();
    // Its path leads from where the settings stand.
    let config = python("contingent.py", folder.path(), json!({ "file": "export.csv" }));
    keeps_all(config.clone()).await;

    let host = Host::start(BTreeMap::from([("c".to_owned(), config)]), &manner()).await.unwrap();
    let plugin = host.get("c").unwrap();
    let field = WantedField {
        id: "pupils".into(),
        label: "Учащихся".into(),
        kind: FieldKind::Number,
        ..WantedField::default()
    };
    let request = FetchRequest {
        key: "r".into(),
        municipality: "m".into(),
        activity: "a".into(),
        period: "2027".into(),
        form: "f".into(),
        fields: vec![field],
        organisations: vec!["school-1".into(), "school-2".into()],
    };
    let records = plugin.fetch(&request).await.unwrap().records;
    let found: Vec<(&str, Value)> = records
        .iter()
        .map(|one| (one.organisation.as_str(), Value::Object(one.answers.clone())))
        .collect();
    let wanted = [("school-1", json!({ "pupils": 512 })), ("school-2", json!({ "pupils": 33.5 }))];
    assert_eq!(found, wanted);
    std::fs::remove_file(&export).unwrap();
    let error = plugin.fetch(&request).await.unwrap_err();
    assert!(
        matches!(&error, SourceError::Failed(why) if why.contains("выгрузка не читается")),
        "{error}"
    );
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_analyzer_in_python_keeps_it_whether_it_is_asked_for_what_it_knows_or_not() {
    let folder = TempDir::new().unwrap();
    let config = python("analyzer.py", folder.path(), json!({ "weights": { "pupils": 1 } }));
    for indicators in [&["rating"][..], &[]] {
        let findings = tried_with(config.clone(), indicators).await;
        all_are_kept(&config, &findings);
        assert_eq!(findings.len(), 19, "{findings:#?}");
    }
    let findings = tried_with(config, &["rating", "score"]).await;
    let broken: Vec<_> =
        findings.iter().filter(|one| matches!(one.outcome, Outcome::Broken(_))).collect();
    assert!(format!("{broken:?}").contains("метод считает один показатель"), "{broken:#?}");
}

#[tokio::test]
async fn an_analyzer_that_talks_nonsense_is_told_what_it_did() {
    let folder = TempDir::new().unwrap();
    for (way, words) in [("nan", "это не число"), ("twice", "дважды")] {
        let config = config(&[BAD, "well"], folder.path(), json!({ "way": way }));
        let findings = tried_with(config, &["share"]).await;
        let told = findings.iter().find(|one| one.promise.contains("на тот же набор данных"));
        let Outcome::Broken(why) = &told.unwrap().outcome else { panic!("{findings:#?}") };
        assert!(why.contains(words), "{why}");
    }
}

#[tokio::test]
async fn what_is_not_kept_is_told_with_the_reason() {
    let folder = TempDir::new().unwrap();
    let told = async |way: &str| {
        let config = PluginConfig {
            start_seconds: Some(1),
            call_seconds: Some(30),
            ..config(&[BAD, way], folder.path(), json!({}))
        };
        tried(config).await
    };
    let findings = told("silent").await;
    let [Finding { outcome: Outcome::Broken(why), .. }] = findings.as_slice() else {
        panic!("{findings:#?}");
    };
    assert!(why.contains("не начал работать за 1 с"), "{why}");
    let findings = told("deaf").await;
    let broken: Vec<_> =
        findings.iter().filter(|one| matches!(one.outcome, Outcome::Broken(_))).collect();
    assert_eq!(broken.len(), 1, "{broken:#?}");
    assert_eq!(broken[0].promise, "завершается, когда закрыт его вход");
}

/// What the command prints, and whether it says that all is well.
async fn vekha(folder: &Path, arguments: &[&str]) -> (String, bool) {
    let output = Command::new(binary())
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let told = [output.stdout, output.stderr].concat();
    (String::from_utf8(told).unwrap(), output.status.success())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_lists_checks_and_tries_plugins_without_a_daemon() {
    let folder = TempDir::new().unwrap();
    let own = binary().display();
    let settings = format!(
        r#"
        listen = "127.0.0.1:0"
        database = "sqlite:vekha.db"
        secret-file = "secret"
        road-maps = ["road-map"]
        mail = {{ plugin = "letters" }}
        site = {{ folder = "site" }}
        [plugin.letters]
        command = ["{own}", "plugin", "serve", "mail"]
        configuration = {{ folder = "mail", from = {{ email = "vekha@example.org" }} }}
        [plugin.broken]
        command = ["{BAD}", "dies"]
        [plugin.misconfigured]
        command = ["{own}", "plugin", "serve", "site"]
        configuration = {{ foldr = "x" }}
        "#
    );
    std::fs::write(folder.path().join("vekha.toml"), settings).unwrap();
    let told = async |arguments: &[&str]| {
        let (told, well) = vekha(folder.path(), arguments).await;
        (told.replace(&own.to_string(), "vekha").replace(BAD, "bad-plugin"), well)
    };
    let mut golden = String::new();
    for arguments in [
        &["--config", "vekha.toml", "plugin", "list"][..],
        &["--config", "vekha.toml", "plugin", "check"],
        &["--config", "vekha.toml", "plugin", "check", "letters"],
        &["plugin", "test", &own.to_string(), "plugin", "serve", "mail"],
    ] {
        let (told, well) = told(arguments).await;
        let shown = arguments.join(" ").replace(&own.to_string(), "vekha");
        golden.push_str(&format!("$ vekha {shown}\n{told}[{well}]\n\n"));
    }
    // The columns of a table depend on the length of paths.
    let lines = golden.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"));
}

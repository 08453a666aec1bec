//! Plugins in processes of their own: called like those in ours; and whatever one does wrong harms its
//! own calls, is told in words that name it, and leaves nothing running.

#![allow(clippy::unwrap_used)]

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::timeout;
use vekha::settings::{ListenerSettings, NotifierSettings};
use vekha_plugin::{
    Address, AnalyzeError, AnalyzeRequest, Analyzer as _, AskedOrganisation, Attachment,
    DeliveryErrorKind, Document, Event, FetchRequest, Health, ListenError, Listener as _, Message,
    Notifier as _, Plugin as _, Publisher as _, Source as _, SourceError, WantedIndicator,
};
use vekha_plugin_host::{Deadlined, Host, Hosted, Manner, Phase, PluginConfig};
use vekha_proto::v1;
use vekha_proto::v1::outbox_service_client::OutboxServiceClient;
use vekha_proto::v1::status_service_client::StatusServiceClient;
use vekha_tests::process::binary;
use vekha_tests::town::{Town, ask_schools, shipped_road_map};
use vekha_tests::witness::Witness;

const BAD: &str = env!("CARGO_BIN_EXE_bad-plugin");

/// How long anything may take that must happen.
const PATIENCE: Duration = Duration::from_secs(60);

fn manner() -> Manner {
    Manner {
        guard: BAD.into(),
        waits: vec![Duration::from_millis(20)],
        health: [Duration::from_secs(60), Duration::from_secs(1)],
        grace: Duration::from_millis(500),
        ..Manner::default()
    }
}

fn bad(ways: &[&str]) -> PluginConfig {
    PluginConfig {
        command: [BAD].iter().chain(ways).map(|word| (*word).to_owned()).collect(),
        folder: std::env::temp_dir(),
        call_seconds: Some(20),
        ..PluginConfig::default()
    }
}

/// A plugin whose calls go wrong.
fn calling(way: &str) -> PluginConfig {
    let configuration = json!({ "way": way }).as_object().unwrap().clone();
    PluginConfig { configuration, ..bad(&["well"]) }
}

fn seen_by(mut config: PluginConfig, witness: &Witness) -> PluginConfig {
    config.environment.insert("WITNESS".into(), witness.address().to_string());
    config
}

async fn host(config: PluginConfig) -> (Host, Arc<Hosted>) {
    let host = Host::start(BTreeMap::from([("x".to_owned(), config)]), &manner()).await.unwrap();
    let plugin = host.get("x").unwrap();
    (host, plugin)
}

/// In time, whatever happens.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(PATIENCE, what).await.expect("it happens in time")
}

fn message() -> Message {
    Message {
        key: "m/1".into(),
        message_id: "m.1@example.org".into(),
        to: vec![Address::new("Школа", "school@example.org")],
        subject: "Тема".into(),
        text: "Текст\n".into(),
        date: 1_800_000_000_123,
        attachments: vec![Attachment {
            file_name: "срок.ics".into(),
            content_type: "text/calendar".into(),
            bytes: vec![0, 255],
        }],
        ..Message::default()
    }
}

fn request(organisations: usize) -> FetchRequest {
    FetchRequest {
        key: "r/1".into(),
        municipality: "m".into(),
        activity: "a".into(),
        period: "2027".into(),
        form: "f".into(),
        fields: vec![],
        organisations: (0..organisations).map(|n| format!("school-{n}")).collect(),
    }
}

#[tokio::test]
async fn a_plugin_is_called_like_one_of_our_own_whatever_noise_it_makes_first() {
    let configuration = json!({ "name": "первый" }).as_object().unwrap().clone();
    let (host, plugin) = host(PluginConfig { configuration, ..bad(&["noise"]) }).await;
    assert_eq!(plugin.trouble(), None);
    assert_eq!(plugin.describe().name, "bad");
    assert_eq!((plugin.check().await, plugin.health().await), (Ok(()), Health::Healthy));
    let receipt = plugin.deliver(&Message { uncertain: true, ..message() }).await.unwrap();
    assert_eq!(receipt.detail, "первый m/1 true");
    let fetched = plugin.fetch(&request(3)).await.unwrap();
    assert_eq!(fetched.notes, ["одна строка пропущена"]);
    assert_eq!(fetched.records.len(), 3);
    let answers = Value::Object(fetched.records[2].answers.clone());
    assert_eq!(answers, json!({ "text": "первый", "count": 5, "share": 0.5 }));
    let document =
        Document { path: "a/b.html".into(), content_type: "text/html".into(), bytes: vec![1] };
    let published = plugin.publish(&document).await.unwrap();
    assert_eq!(published.location, "https://example.org/a/b.html");
    soon(host.stop()).await;
    let late = plugin.deliver(&message()).await.unwrap_err();
    assert_eq!(late.kind, DeliveryErrorKind::Unavailable);
}

#[tokio::test]
async fn one_program_runs_several_times_with_settings_of_their_own() {
    let named = |name: &str| PluginConfig {
        configuration: json!({ "name": name }).as_object().unwrap().clone(),
        ..bad(&["well"])
    };
    let both = [("a".to_owned(), named("один")), ("b".to_owned(), named("два"))];
    let host = Host::start(BTreeMap::from(both), &manner()).await.unwrap();
    for (name, wanted) in [("a", "один"), ("b", "два")] {
        let receipt = host.get(name).unwrap().deliver(&message()).await.unwrap();
        assert!(receipt.detail.starts_with(wanted), "{receipt:?}");
    }
    soon(host.stop()).await;
}

#[tokio::test]
async fn what_becomes_of_a_message_is_told_as_the_plugin_says() {
    for (way, kind, code) in [
        ("permanent", DeliveryErrorKind::Permanent, Some(550)),
        ("transient", DeliveryErrorKind::Transient, None),
        ("unavailable", DeliveryErrorKind::Unavailable, None),
    ] {
        let (host, plugin) = host(calling(way)).await;
        let error = plugin.deliver(&message()).await.unwrap_err();
        assert_eq!((error.kind, error.code), (kind, code), "{error}");
        assert!(error.message.starts_with("плагин «x»: "), "{error}");
        soon(host.stop()).await;
    }
}

#[tokio::test]
async fn a_call_that_hangs_is_in_doubt_and_harms_no_other() {
    let config = PluginConfig { call_seconds: Some(1), ..calling("hangs") };
    let (host, plugin) = host(config).await;
    let message = message();
    let (hung, well) = soon(async {
        let hung = plugin.deliver(&message);
        // It is polled first, so that it is the one that hangs.
        tokio::join!(hung, async { plugin.fetch(&request(1)).await })
    })
    .await;
    let error = hung.unwrap_err();
    assert_eq!(error.kind, DeliveryErrorKind::Unknown);
    assert!(error.message.contains("плагин «x» не ответил за 1 с"), "{error}");
    assert_eq!(well.unwrap().records.len(), 1);
    assert!(plugin.deliver(&message).await.is_ok(), "the process goes on");
    soon(host.stop()).await;
}

#[tokio::test]
async fn a_plugin_that_freezes_is_started_anew() {
    let witness = Witness::start().await;
    let config = PluginConfig { call_seconds: Some(1), ..calling("freezes") };
    let (host, plugin) = host(seen_by(config, &witness)).await;
    let frozen = witness.next().await;
    let error = plugin.deliver(&message()).await.unwrap_err();
    assert_eq!(error.kind, DeliveryErrorKind::Unknown);
    soon(frozen.gone()).await;
    soon(witness.next()).await;
    soon(plugin.works()).await;
    soon(host.stop()).await;
}

#[tokio::test]
async fn a_plugin_that_dies_in_a_call_leaves_it_in_doubt_and_is_started_anew() {
    let witness = Witness::start().await;
    let (host, plugin) = host(seen_by(calling("dies"), &witness)).await;
    for _ in 0..3 {
        let one = soon(witness.next()).await;
        soon(plugin.works()).await;
        let error = plugin.deliver(&message()).await.unwrap_err();
        assert_eq!(error.kind, DeliveryErrorKind::Unknown, "{error}");
        assert!(error.message.contains("плагин «x» оборвал вызов"), "{error}");
        soon(one.gone()).await;
    }
    soon(host.stop()).await;
}

#[tokio::test]
async fn answers_that_are_too_large_are_not_taken() {
    let (host, plugin) = host(PluginConfig { max_megabytes: Some(1), ..calling("huge") }).await;
    let error = plugin.deliver(&message()).await.unwrap_err();
    assert_eq!(error.kind, DeliveryErrorKind::Unknown);
    assert!(error.message.contains("больше чем 1 МБ"), "{error}");
    assert!(plugin.deliver(&message()).await.is_ok(), "the process goes on");
    let large = Message { text: "x".repeat(2 << 20), ..message() };
    let error = plugin.deliver(&large).await.unwrap_err();
    assert_eq!(error.kind, DeliveryErrorKind::Permanent, "{error}");
    soon(host.stop()).await;

    let (host, plugin) =
        self::host(PluginConfig { max_megabytes: Some(1), ..calling("much") }).await;
    let error = plugin.fetch(&request(200)).await.unwrap_err();
    assert!(matches!(&error, SourceError::Refused(why) if why.contains("1 МБ")), "{error}");
    assert!(plugin.fetch(&request(5)).await.is_ok());
    soon(host.stop()).await;
}

#[tokio::test]
async fn a_flood_of_output_costs_the_plugin_time_and_nothing_else() {
    let all = BTreeMap::from([("x".to_owned(), calling("floods"))]);
    // It writes in its only thread: for as long as it waits it does not say how it is.
    let manner = Manner { health: [Duration::from_secs(60); 2], ..manner() };
    let host = Host::start(all, &manner).await.unwrap();
    let plugin = host.get("x").unwrap();
    assert!(soon(plugin.deliver(&message())).await.is_ok());
    assert!(plugin.fetch(&request(1)).await.is_ok());
    soon(host.stop()).await;
}

#[tokio::test]
async fn a_plugin_that_talks_nonsense_does_not_begin_and_is_told() {
    for (ways, told) in [
        (&["dies"][..], "завершился с кодом 3; последнее, что он написал: нет файла ключа"),
        (&["other-version"], "говорит по протоколу версии «9», а нужна 1"),
        (&["other-socket"], "в строке приветствия стоит"),
        (&["garbage"], "не говорит, что он такое"),
        (&["silent"], "не начал работать за 1 с"),
    ] {
        let witness = Witness::start().await;
        let config = PluginConfig { start_seconds: Some(1), ..bad(ways) };
        let manner = Manner { waits: vec![Duration::from_secs(3600)], ..manner() };
        let all = BTreeMap::from([("x".to_owned(), seen_by(config, &witness))]);
        let host = Host::start(all, &manner).await.unwrap();
        let plugin = host.get("x").unwrap();
        let trouble = plugin.trouble().unwrap().words;
        assert!(trouble.contains("Плагин «x» не работает"), "{trouble}");
        assert!(trouble.contains(told), "{trouble}");
        assert!(trouble.contains("vekha plugin check x"), "{trouble}");
        let error = plugin.deliver(&message()).await.unwrap_err();
        assert_eq!(error.kind, DeliveryErrorKind::Unavailable, "nobody was asked: {error}");
        soon(witness.next().await.gone()).await;
        soon(host.stop()).await;
    }
    let nowhere = PluginConfig { command: vec!["/no/such/program".into()], ..bad(&[]) };
    let (host, plugin) = host(nowhere).await;
    let trouble = plugin.trouble().unwrap().words;
    assert!(trouble.contains("программа «/no/such/program» не запускается"), "{trouble}");
    soon(host.stop()).await;
}

#[tokio::test]
async fn a_start_that_failed_is_tried_again() {
    let folder = TempDir::new().unwrap();
    let mark = folder.path().join("stumbled");
    let (host, plugin) = host(bad(&["stumbles", mark.to_str().unwrap()])).await;
    soon(plugin.works()).await;
    assert!(plugin.deliver(&message()).await.is_ok());
    assert_eq!(plugin.trouble(), None);
    soon(host.stop()).await;
}

#[tokio::test]
async fn a_configuration_that_a_plugin_does_not_take_is_told_by_its_keys() {
    let told = async |configuration: Value| {
        let configuration = configuration.as_object().unwrap().clone();
        let all = BTreeMap::from([("x".to_owned(), PluginConfig { configuration, ..bad(&[""]) })]);
        let wrong = Host::start(all, &manner()).await.unwrap_err();
        wrong.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(told(json!({ "way": "refuses" })).await, ["plugin.x.configuration.way: так нельзя"]);
    assert_eq!(
        told(json!({ "wya": "", "name": [] })).await,
        [
            "plugin.x.configuration.wya: такого ключа нет; может быть, way?",
            "plugin.x.configuration.name: нужен текст",
        ]
    );
}

#[tokio::test]
async fn a_plugin_says_itself_that_it_cannot_work() {
    let (host, plugin) = host(calling("unwell")).await;
    assert!(plugin.deliver(&message()).await.is_ok());
    let asked = soon(plugin.ask_health()).await;
    assert_eq!(asked, Health::unhealthy("плагин «x»: сервер на обслуживании"));
    soon(plugin.is_unwell()).await;
    let words = plugin.trouble().unwrap().words;
    assert!(
        words.contains("сообщает, что сейчас не может работать: сервер на обслужив"),
        "{words}"
    );
    soon(host.stop()).await;
}

#[tokio::test]
async fn nothing_is_left_of_a_plugin_that_leaves_children_and_of_one_that_hears_nothing() {
    let witness = Witness::start().await;
    let (host, _plugin) = host(seen_by(bad(&["leaves-children"]), &witness)).await;
    // The plugin, its child, its daemon, and the child of that.
    let mut all = Vec::new();
    for _ in 0..4 {
        all.push(soon(witness.next()).await);
    }
    soon(host.stop()).await;
    for one in all {
        soon(one.gone()).await;
    }

    let (host, _plugin) = self::host(seen_by(bad(&["deaf"]), &witness)).await;
    let deaf = soon(witness.next()).await;
    let begun = Instant::now();
    soon(host.stop()).await;
    soon(deaf.gone()).await;
    assert!(begun.elapsed() >= manner().grace * 2, "it was given its time");
}

#[tokio::test]
async fn a_plugin_does_not_outlive_its_guard() {
    let witness = Witness::start().await;
    let (host, plugin) = host(seen_by(bad(&["well"]), &witness)).await;
    let one = soon(witness.next()).await;
    // The guard is our child, and nobody has reaped it.
    let guard = rustix::process::Pid::from_raw(one.parent).unwrap();
    rustix::process::kill_process(guard, rustix::process::Signal::KILL).unwrap();
    soon(one.gone()).await;
    soon(witness.next()).await;
    soon(plugin.works()).await;
    soon(host.stop()).await;
}

#[tokio::test]
async fn whoever_drops_a_host_leaves_nothing_running() {
    let witness = Witness::start().await;
    let (host, plugin) = host(seen_by(bad(&["well"]), &witness)).await;
    let one = soon(witness.next()).await;
    drop((host, plugin));
    soon(one.gone()).await;
}

/// A daemon whose letters leave by a plugin that dies in every call, and is not started again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn letters_by_a_plugin_that_dies_are_in_doubt_or_held_and_the_daemon_serves_on() {
    let town = Town::start_as("2026-10-06T09:30", |settings, _| {
        settings.manner = Manner { waits: vec![Duration::from_secs(3600)], ..manner() };
        settings.uses.mail = Some("messenger".into());
        settings.plugin.insert("messenger".into(), calling("dies"));
    })
    .await;
    ask_schools(town.channel().await).await;
    soon(town.settle()).await;
    let parent = "municipalities/zarechny".to_owned();
    let request = v1::ListMessagesRequest { parent, page_size: 1000, ..Default::default() };
    let mut outbox = OutboxServiceClient::new(town.channel().await);
    let messages = outbox.list_messages(request).await.unwrap().into_inner().messages;
    let tried: Vec<_> = messages.iter().filter(|message| !message.error.is_empty()).collect();
    assert!(!tried.is_empty() && messages.iter().all(|message| message.sent_at.is_none()));
    assert!(tried.iter().all(|message| message.state() == v1::MessageState::Pending));
    assert!(tried.iter().all(|message| message.error.contains("плагин «messenger»")), "{tried:#?}");
    assert!(
        tried.iter().any(|message| message.uncertain && message.error.contains("оборвал вызов"))
    );

    let mut status = StatusServiceClient::new(town.channel().await);
    let told = status.get_status(v1::GetStatusRequest {}).await.unwrap().into_inner().troubles;
    let away = told.iter().find(|one| one.kind() == v1::TroubleKind::PluginAway).unwrap();
    let words = &away.words;
    assert!(words.contains("Плагин «messenger» не работает: завершился с кодом 7"), "{words}");
    assert!(away.since.is_some());
    let health = reqwest::get(format!("{}/healthz", town.url())).await.unwrap();
    assert_eq!(health.status(), 200, "the daemon itself is well");
    assert!(health.text().await.unwrap().contains("plugin-away"));
    let page = reqwest::get(town.url()).await.unwrap().text().await.unwrap();
    assert!(page.contains("Плагин «messenger» не работает"), "{page}");
    soon(town.daemon.stop()).await.unwrap();
}

#[tokio::test]
async fn a_call_that_hangs_is_told_while_it_does_and_after_until_one_is_answered() {
    let config = PluginConfig { call_seconds: Some(2), ..calling("hangs") };
    let (host, plugin) = host(config).await;
    assert_eq!(plugin.trouble(), None);
    let hanging = plugin.clone();
    let call = tokio::spawn(async move { hanging.deliver(&message()).await });
    let told = soon(async {
        loop {
            match plugin.trouble() {
                Some(trouble) => break trouble.words,
                None => tokio::task::yield_now().await,
            }
        }
    });
    let told = told.await;
    assert!(told.contains("«x» не отвечает: вызов идёт уже") && told.contains("logs x"), "{told}");
    soon(call).await.unwrap().unwrap_err();
    let told = plugin.trouble().unwrap().words;
    assert!(told.contains("«x» не отвечает на вызовы: плагин «x» не ответил за 2 с"), "{told}");
    soon(plugin.deliver(&message())).await.unwrap();
    assert_eq!(plugin.trouble(), None);
    soon(host.stop()).await;
}

/// Reminders and receipts leave by a messenger, for one school not at all by mail; what the messenger
/// does not take leaves by mail.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn letters_leave_by_the_notifier_that_is_named_for_them_and_what_it_writes_is_shown() {
    for (way, by_mail) in [("well", 5), ("permanent", 6), ("dies", 6)] {
        let town = Town::start_as("2026-10-06T09:30", |settings, _| {
            settings.manner = Manner { waits: vec![Duration::from_secs(3600)], ..manner() };
            let messenger = NotifierSettings {
                plugin: "messenger".into(),
                letters: vec!["assignment".into()],
                organisations: vec!["school-1".into()],
                fallback: true,
            };
            settings.notifier.insert("messenger".into(), messenger);
            settings.plugin.insert("messenger".into(), calling(way));
        })
        .await;
        ask_schools(town.channel().await).await;
        soon(town.settle()).await;
        // What broke off may have been taken: only the next try, with the plugin away, is mailed.
        soon(town.live_until("2026-10-06T09:40")).await;
        let asked: Vec<_> =
            (1..=6).filter(|n| !town.letters_to(&format!("school-{n}")).is_empty()).collect();
        assert_eq!(asked.len(), by_mail, "{way}: {asked:?}");
        assert!(town.daemon.runtime.mail_is_away().is_none(), "{way}");
        let mut status = StatusServiceClient::new(town.channel().await);
        let log = v1::GetPluginLogRequest { plugin: "messenger".into() };
        let log = status.get_plugin_log(log).await.unwrap().into_inner();
        assert_eq!(log.trouble.is_empty(), way != "dies", "{way}: {log:?}");
        let nobody = v1::GetPluginLogRequest { plugin: "mesenger".into() };
        let nobody = status.get_plugin_log(nobody).await.unwrap_err();
        assert!(nobody.message().contains("может быть, messenger?"), "{nobody}");
        soon(town.daemon.stop()).await.unwrap();
    }
}

#[tokio::test]
async fn what_a_plugin_writes_is_kept_within_bounds_over_its_lives() {
    let (host, plugin) = host(calling("floods")).await;
    // Whether it still answers meanwhile is not what is asked here.
    soon(plugin.deliver(&message())).await.ok();
    let log = plugin.log(1000);
    assert!(log.len() <= 200 && log.iter().all(|line| line.text.len() < 2100), "{}", log.len());
    assert!(log.iter().any(|line| line.text == "short" || line.text.starts_with("flood ")));
    soon(host.stop()).await;
}

/// A daemon that tells what happens through a plugin that takes half of what it is told, and dies at
/// first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_through_a_plugin_is_told_every_entry_in_order() {
    for way in ["well", "hangs"] {
        let mut heard = PathBuf::new();
        let town = Town::start_as("2026-10-06T09:30", |settings, folder| {
            heard = folder.join("heard");
            settings.manner = manner();
            let listener = ListenerSettings { plugin: "register".into() };
            settings.listener.insert("register".into(), listener);
            let configuration = json!({ "way": way, "name": heard.to_str().unwrap() });
            let configuration = configuration.as_object().unwrap().clone();
            let call_seconds = Some(1);
            let config = PluginConfig { configuration, call_seconds, ..bad(&["well"]) };
            settings.plugin.insert("register".into(), config);
        })
        .await;
        ask_schools(town.channel().await).await;
        // One whose first call hangs is told again when its pause is over.
        soon(town.settle()).await;
        soon(town.live_until("2026-10-06T09:31")).await;
        let text = std::fs::read_to_string(&heard).unwrap();
        let entries = town.daemon.runtime.store().journal(None, 0, 1000).await.unwrap();
        let wanted: Vec<String> =
            entries.iter().map(|e| format!("{} {} {}", e.cursor, e.hash, e.kind)).collect();
        assert!(wanted.len() > 4);
        assert_eq!(text.lines().collect::<Vec<_>>(), wanted, "{way}");
        soon(town.daemon.stop()).await.unwrap();
    }
}

/// A request about so many organisations, each with a table of so many rows.
fn dataset(organisations: usize, rows: &[Value]) -> AnalyzeRequest<'_> {
    let codes = || (0..organisations).map(|n| format!("school-{n}"));
    let known = |code: String| {
        let rows = Cow::Owned(Value::from(rows));
        (code, [("rows".to_owned(), rows), ("pupils".to_owned(), Cow::Owned(json!(2)))].into())
    };
    let indicator = WantedIndicator { id: "rating".into(), ..Default::default() };
    AnalyzeRequest {
        key: "a/1".into(),
        indicators: vec![indicator],
        organisations: codes().map(|code| (code, AskedOrganisation::default())).collect(),
        datasets: [(String::new(), codes().map(known).collect())].into(),
        ..Default::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_organisations_reach_an_analyzer_in_messages_of_a_megabyte() {
    let (host, plugin) = host(PluginConfig { max_megabytes: Some(1), ..calling("well") }).await;
    let row = json!({ "row": "Математика", "comment": "x".repeat(200) });
    let rows = vec![row; 40];
    let request = dataset(1000, &rows);
    let answer = soon(plugin.analyze(&request)).await.unwrap();
    assert_eq!(answer.figures.len(), 1001);
    assert!(answer.figures.iter().all(|one| one.outcome == Ok(2.0) || one.organisation.is_none()));
    assert_eq!(answer.figures.last().unwrap().outcome, Ok(2000.0));
    // What cannot be cut is not sent.
    let rows = [json!({ "comment": "x".repeat(2 << 20) })];
    let error = soon(plugin.analyze(&dataset(1, &rows))).await.unwrap_err();
    let AnalyzeError::Refused(why) = &error else { panic!("{error:?}") };
    assert!(why.contains("строка данных больше 1 МБ"), "{why}");
    assert!(soon(plugin.analyze(&dataset(1, &[]))).await.is_ok(), "the process goes on");
    soon(host.stop()).await;
}

#[tokio::test]
async fn what_an_analyzer_answers_is_judged() {
    for (way, words, is_final) in [
        ("nan", "плагин «x» дал показатель «rating» организации «school-0»: это не число", true),
        ("unknown-organisation", "«school-0-x», которой в данных нет", true),
        ("refused", "плагин «x»: такого определения не знаю", true),
        ("away", "плагин «x»: сервер расчётов выключен", false),
        ("dies", "плагин «x» оборвал вызов", false),
        ("hangs", "плагин «x» не ответил за 1 с", false),
    ] {
        let seconds = if way == "hangs" { 1 } else { 20 };
        let config = PluginConfig { call_seconds: Some(seconds), ..calling(way) };
        let (host, plugin) = host(config).await;
        let error = soon(plugin.analyze(&dataset(1, &[]))).await.unwrap_err();
        assert!(error.to_string().contains(words), "{way}: {error}");
        assert_eq!(matches!(error, AnalyzeError::Refused(_)), is_final, "{way}");
        soon(host.stop()).await;
    }
}

#[tokio::test]
async fn an_analyzer_has_a_deadline_of_its_own_longer_or_shorter_than_other_calls() {
    let deadlined = |plugin: &Arc<Hosted>, seconds| Deadlined {
        plugin: plugin.clone(),
        deadline: Duration::from_secs(seconds),
    };
    let (host, plugin) = host(calling("hangs")).await;
    let error = soon(deadlined(&plugin, 1).analyze(&dataset(1, &[]))).await.unwrap_err();
    assert!(error.to_string().contains("плагин «x» не ответил за 1 с"), "{error}");
    soon(host.stop()).await;
    let (host, plugin) =
        self::host(PluginConfig { call_seconds: Some(1), ..calling("slow") }).await;
    let (patient, rows) = (deadlined(&plugin, 20), []);
    let asked = dataset(1, &rows);
    let answer = tokio::spawn({
        let plugin = plugin.clone();
        async move {
            // What takes as long as it may is no trouble.
            while plugin.standing().calls == 0 {
                tokio::task::yield_now().await;
            }
            let mut told = Vec::new();
            while plugin.standing().calls > 0 {
                told.extend(plugin.trouble());
                tokio::task::yield_now().await;
            }
            told
        }
    });
    let answered = soon(patient.analyze(&asked)).await;
    assert_eq!(answered.unwrap().figures.len(), 2);
    assert_eq!(soon(answer).await.unwrap(), []);
    assert_eq!(plugin.standing().phase, Phase::Ready);
    soon(host.stop()).await;
    assert_eq!(plugin.standing().phase, Phase::Ended);
}

#[tokio::test]
async fn what_a_plugin_answers_to_events_is_judged() {
    let event = || Event { cursor: 1, kind: "asked".into(), ..Event::default() };
    for (way, words, is_final) in [
        ("refused", "плагин «x»: такого не беру", true),
        ("away", "плагин «x»: реестр закрыт", false),
        ("none", "плагин «x»: не взял ни одного события и не говорит почему", false),
        ("dies", "плагин «x» оборвал вызов или ответил не по правилам", false),
    ] {
        let (host, plugin) = host(calling(way)).await;
        let error = soon(plugin.hear(&[event(), event()])).await.unwrap_err();
        assert!(error.to_string().contains(words), "{way}: {error}");
        assert_eq!(matches!(error, ListenError::Refused(_)), is_final, "{way}");
        soon(host.stop()).await;
    }
    let (host, plugin) = host(PluginConfig { max_megabytes: Some(1), ..calling("well") }).await;
    let data = json!({ "much": "x".repeat(2 << 20) }).as_object().unwrap().clone();
    let error = soon(plugin.hear(&[Event { data, ..event() }])).await.unwrap_err();
    assert!(matches!(&error, ListenError::Refused(why) if why.contains("больше 1 МБ")), "{error}");
    soon(host.stop()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_a_plugin_outlives_a_daemon_that_is_killed() {
    let witness = Witness::start().await;
    let folder = TempDir::new().unwrap();
    let settings = format!(
        r#"
        listen = "127.0.0.1:0"
        database = "sqlite:vekha.db"
        secret-file = "secret"
        road-maps = ["{}"]
        mail = {{ folder = "mail", from = {{ email = "vekha@example.org" }} }}
        site = {{ folder = "site" }}
        source.other = {{ kind = "plugin", plugin = "other" }}
        [plugin.other]
        command = ["{BAD}", "leaves-children"]
        environment = {{ WITNESS = "{}" }}
        "#,
        shipped_road_map().display(),
        witness.address()
    );
    let file = folder.path().join("vekha.toml");
    std::fs::write(&file, settings).unwrap();
    for by_force in [true, false] {
        let mut daemon = tokio::process::Command::new(binary())
            .arg("--config")
            .arg(&file)
            .env_clear()
            .env("VEKHA_LOG", "error")
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut all = Vec::new();
        for _ in 0..4 {
            all.push(soon(witness.next()).await);
        }
        match by_force {
            true => daemon.start_kill().unwrap(),
            false => {
                let pid = i32::try_from(daemon.id().unwrap()).unwrap();
                let pid = rustix::process::Pid::from_raw(pid).unwrap();
                rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
            }
        }
        for one in all {
            soon(one.gone()).await;
        }
        soon(daemon.wait()).await.unwrap();
    }
}

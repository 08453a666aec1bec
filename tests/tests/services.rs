//! Plugins, documents, backups and imports as another system meets them: by a client that knows the
//! contract from reflection alone.

#![allow(clippy::unwrap_used)] // how tests fail

use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tonic::Code;
use vekha::access::Role;
use vekha::settings::Settings;
use vekha_plugin_host::{Manner, PluginConfig};
use vekha_tests::database;
use vekha_tests::foreign::*;
use vekha_tests::process::binary;
use vekha_tests::stranger::{Stranger, reason, wrong_fields};
use vekha_tests::town::{self, Town};

const BAD: &str = env!("CARGO_BIN_EXE_bad-plugin");

fn manner() -> Manner {
    Manner {
        guard: BAD.into(),
        waits: vec![Duration::from_millis(20), Duration::from_secs(3600)],
        grace: Duration::from_millis(500),
        ..Manner::default()
    }
}

/// A plugin for a listener, in a process of its own.
fn plugin(settings: &mut Settings, name: &str, ways: &[&str]) {
    let command = [BAD].iter().chain(ways).map(|word| (*word).to_owned()).collect();
    let folder = std::env::temp_dir();
    let start_seconds = Some(5);
    let config = PluginConfig { command, folder, start_seconds, ..PluginConfig::default() };
    settings.plugin.insert(name.to_owned(), config);
    let listener = vekha::settings::ListenerSettings { plugin: name.to_owned() };
    settings.listener.insert(name.to_owned(), listener);
}

/// Settings in a file, as a daemon's are: a backup is made of it.
fn in_a_file(settings: &mut Settings, folder: &Path) {
    let file = folder.join("vekha.toml");
    std::fs::write(&file, town::settings_in_a_file()).unwrap();
    settings.file = Some(file);
    settings.backups.keep = Some(2);
}

async fn stranger(town: &Town) -> Stranger {
    Stranger::meet(town.channel().await).await
}

// --- plugins ----------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_system_sees_what_the_daemon_works_with_asks_it_and_learns_no_secret() {
    let town = Town::start_as(MORNING, |settings, _| {
        settings.manner = manner();
        plugin(settings, "feed", &["well", "--key=geheim"]);
        plugin(settings, "broken", &["dies"]);
    })
    .await;
    let stranger = stranger(&town).await;
    let list =
        async |size: usize| walk(&stranger, "PluginService.ListPlugins", json!({}), size).await;
    let all = list(1000).await;
    let names: Vec<&str> = all.iter().map(|one| text(one, "name")).collect();
    assert_eq!(
        names,
        ["plugins/mail", "plugins/plugin.broken", "plugins/plugin.feed", "plugins/site"]
    );
    assert_eq!(list(1).await.len(), 4, "page by page the same");
    let whole = json!(all).to_string();
    assert!(!whole.contains("geheim"), "{whole}");
    let [mail, broken, feed, site] = &all[..] else { panic!("{all:?}") };
    for (own, kind) in [(mail, "mail"), (site, "site")] {
        assert_eq!((&own["inProcess"], text(own, "kind")), (&json!(true), kind));
        assert_eq!(text(own, "state"), "PLUGIN_STATE_READY");
    }
    assert_eq!(feed["usedBy"], json!(["listener.feed"]));
    assert_eq!((text(feed, "kind"), text(feed, "program")), ("bad", BAD));
    assert_eq!(text(feed, "state"), "PLUGIN_STATE_READY");
    assert!(
        feed["capabilities"].as_array().unwrap().contains(&json!("PLUGIN_CAPABILITY_LISTENER"))
    );
    // What does not begin is told with when it is tried again.
    let get =
        async |name: &str| stranger.call("PluginService.GetPlugin", json!({ "name": name })).await;
    assert_ne!(text(broken, "state"), "PLUGIN_STATE_READY");
    let down = patiently("the second failure", async {
        loop {
            let one = get("plugins/plugin.broken").await.unwrap();
            if one["failures"].as_i64() == Some(2) && text(&one, "state") == "PLUGIN_STATE_DOWN" {
                break one;
            }
        }
    })
    .await;
    assert!(text(&down, "trouble").contains("«broken»"), "{down}");
    assert!(down.get("restartsAt").is_some() && down.get("kind").is_none(), "{down}");

    let check = async |name: &str| {
        stranger.call("PluginService.CheckPlugin", json!({ "name": name })).await
    };
    for well in ["plugins/plugin.feed", "plugins/mail", "plugins/site"] {
        let answer = check(well).await.unwrap();
        assert_eq!(answer["healthy"], json!(true), "{answer}");
        assert!(answer.get("took").is_some(), "{answer}");
    }
    let answer = check("plugins/plugin.broken").await.unwrap();
    assert!(answer.get("healthy").is_none() && text(&answer, "reason").contains("Не запущен"));
    let refused = check("plugins/plugin.fede").await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::NotFound, "NOT_FOUND"));
    assert!(refused.message().contains("plugins/plugin.feed?"), "{refused}");
    let refused = get("feed").await.unwrap_err();
    assert_eq!(wrong_fields(&refused).into_keys().collect::<Vec<_>>(), ["name"]);

    // The command line asks the same.
    let vekha = async |args: &[&str]| {
        let mut vekha = tokio::process::Command::new(binary());
        vekha.env_clear().args(["--server", &town.url()]).args(args);
        let done = vekha.output().await.unwrap();
        (done.status.success(), String::from_utf8(done.stdout).unwrap())
    };
    let (well, said) = vekha(&["plugin", "show"]).await;
    assert!(well && said.contains("plugin.feed") && said.contains("не запущен"), "{said}");
    let (well, said) = vekha(&["plugin", "show", "feed", "--check"]).await;
    assert!(well && said.contains("✓ plugin.feed"), "{said}");
    let (well, said) = vekha(&["plugin", "show", "--check"]).await;
    assert!(!well && said.contains("✗ plugin.broken"), "{said}");
    town.daemon.stop().await.unwrap();
}

// --- documents --------------------------------------------------------------------------------

/// What a download told: how often how far it was, what file it is, its bytes.
async fn downloaded(
    stranger: &Stranger,
    method: &str,
    request: Value,
) -> (Vec<Value>, Value, Vec<u8>) {
    let mut stream = stranger.watch(method, request).await.unwrap();
    let (mut progress, mut file, mut bytes) = (Vec::new(), Value::Null, Vec::new());
    while let Some(piece) = stream.message().await.unwrap() {
        if let Some(content) =
            piece.get_field_by_name("content").filter(|_| piece.has_field_by_name("content"))
        {
            assert!(file != Value::Null, "it is said first what file it is");
            bytes.extend_from_slice(content.as_bytes().unwrap());
            continue;
        }
        let piece = serde_json::to_value(piece).unwrap();
        match piece.get("progress") {
            Some(told) => progress.push(told.clone()),
            None => file = piece["file"].clone(),
        }
    }
    assert_eq!(text(&file, "size"), bytes.len().to_string());
    assert_eq!(text(&file, "sha256"), hex::encode(Sha256::digest(&bytes)));
    (progress, file, bytes)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_year_comes_as_one_file_with_progress_and_what_was_published_as_it_was() {
    let (town, stranger) = busy().await;
    let report = start(&stranger, "annual-report", "2025-26").await;
    let waive =
        json!({ "name": format!("{report}/assignments/collect.department"), "reason": "Нет" });
    stranger.call("AssignmentService.WaiveAssignment", waive).await.unwrap();
    town.settle().await;

    let name = |year: &str| json!({ "name": format!("{TOWN}/archives/{year}") });
    let download = "DocumentService.DownloadArchive";
    let (progress, file, bytes) = downloaded(&stranger, download, name("2026")).await;
    assert!(
        !progress.is_empty() && progress.iter().all(|told| told["total"] == 33),
        "{progress:?}"
    );
    assert_eq!(text(&file, "fileName"), "evidence-zarechny-2026.zip");
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    let mut index = String::new();
    archive.by_name("index.html").unwrap().read_to_string(&mut index).unwrap();
    assert!(index.contains("2026"), "{index}");
    for wrong in ["", "26x", "0", "9999", "-"] {
        let refused = stranger.watch(download, name(wrong)).await.unwrap_err();
        assert_eq!(wrong_fields(&refused).into_keys().collect::<Vec<_>>(), ["name"], "{wrong}");
    }
    let nowhere = json!({ "name": "municipalities/nowhere/archives/2026" });
    assert_eq!(stranger.watch(download, nowhere).await.unwrap_err().code(), Code::NotFound);

    let publication = "DocumentService.DownloadPublication";
    let request = json!({ "name": report });
    let (_, file, bytes) = downloaded(&stranger, publication, request.clone()).await;
    assert!(text(&file, "fileName").ends_with(".docx") && bytes.starts_with(b"PK"), "{file}");
    let page = merged(request, &json!({ "format": "PUBLICATION_FORMAT_HTML" }));
    let (_, file, bytes) = downloaded(&stranger, publication, page).await;
    assert!(text(&file, "fileName").ends_with(".html"), "{file}");
    assert!(String::from_utf8(bytes).unwrap().contains("<html"));
    let none = json!({ "name": run("vpr", "2025-26") });
    let refused = stranger.watch(publication, none).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::NotFound, "NOT_FOUND"));

    // The command line keeps it under its name only when it is whole, and writes over nothing.
    let to = town.folder.path().join("год.zip");
    let archive = async || {
        let mut vekha = tokio::process::Command::new(binary());
        vekha.env_clear().args(["--server", &town.url(), "archive", "2026"]).arg(&to);
        vekha.output().await.unwrap()
    };
    let done = archive().await;
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    zip::ZipArchive::new(std::fs::File::open(&to).unwrap()).unwrap();
    let again = archive().await;
    assert!(!again.status.success());
    assert!(String::from_utf8_lossy(&again.stderr).contains("такой файл уже есть"));
}

// --- backups ----------------------------------------------------------------------------------

/// Waits until a backup is made, or is said not to be.
async fn made(stranger: &Stranger, name: &str) -> Value {
    let get = json!({ "name": name });
    patiently("a backup", async {
        loop {
            let backup = stranger.call("BackupService.GetBackup", get.clone()).await.unwrap();
            if text(&backup, "state") != "BACKUP_STATE_CREATING" {
                break backup;
            }
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_made_beside_the_work_proves_itself_and_is_what_a_daemon_starts_from() {
    let town = Town::start_as(MORNING, in_a_file).await;
    let stranger = stranger(&town).await;
    let found = start(&stranger, "low-result-schools", "2025-26").await;
    submit(&stranger, &format!("{found}/assignments/collect.school-1"), results(true))
        .await
        .unwrap();
    town.settle().await;
    let list = async || walk(&stranger, "BackupService.ListBackups", json!({}), 1).await;
    let create = async |request: Value| stranger.call("BackupService.CreateBackup", request).await;
    let of =
        |id: &str| json!({ "backupId": id, "requestId": format!("r-{id}"), "actor": "Дежурный" });

    // Tried, it is begun by nobody; begun, it shows what the trial showed, and is one however often asked.
    let tried = create(merged(of("first"), &json!({ "validateOnly": true }))).await.unwrap();
    assert!(list().await.is_empty() && tried.get("etag").is_none());
    let begun = create(of("first")).await.unwrap();
    for field in ["name", "state", "createdAt", "createdBy"] {
        assert_eq!(tried[field], begun[field], "{field}");
    }
    let backup = made(&stranger, "backups/first").await;
    assert_eq!(text(&backup, "state"), "BACKUP_STATE_READY", "{backup}");
    let again = create(of("first")).await.unwrap();
    assert_eq!(again, backup, "repeated, it shows how it stands");
    let reused = merged(of("first"), &json!({ "backupId": "other" }));
    assert_eq!(reason(&create(reused).await.unwrap_err()), "REQUEST_ID_REUSED");
    let taken = create(json!({ "backupId": "first" })).await.unwrap_err();
    assert_eq!((taken.code(), reason(&taken).as_str()), (Code::AlreadyExists, "BACKUP_EXISTS"));
    for wrong in ["Первая", "../first", "a.b"] {
        let refused = create(json!({ "backupId": wrong })).await.unwrap_err();
        assert_eq!(
            wrong_fields(&refused).into_keys().collect::<Vec<_>>(),
            ["backup_id"],
            "{wrong}"
        );
    }

    // It comes whole, from wherever it is asked for.
    let fetch = async |offset: usize| {
        let request = json!({ "name": "backups/first", "offset": offset.to_string() });
        let mut stream = stranger.watch("BackupService.DownloadBackup", request).await.unwrap();
        let (mut at, mut bytes) = (offset as i64, Vec::new());
        while let Some(piece) = stream.message().await.unwrap() {
            let offset = piece.get_field_by_name("offset").unwrap();
            assert_eq!(offset.as_i64().unwrap(), at);
            let content = piece.get_field_by_name("content").unwrap();
            bytes.extend_from_slice(content.as_bytes().unwrap());
            at = (offset.as_i64().unwrap() as usize + content.as_bytes().unwrap().len()) as i64;
        }
        bytes
    };
    let bytes = fetch(0).await;
    assert_eq!(text(&backup, "size"), bytes.len().to_string());
    assert_eq!(text(&backup, "sha256"), hex::encode(Sha256::digest(&bytes)));
    let half = bytes.len() / 2;
    assert_eq!(fetch(half).await, bytes[half..]);
    assert!(fetch(bytes.len()).await.is_empty());
    let past = json!({ "name": "backups/first", "offset": (bytes.len() + 1).to_string() });
    let refused = stranger.watch("BackupService.DownloadBackup", past).await.unwrap_err();
    assert_eq!(wrong_fields(&refused).into_keys().collect::<Vec<_>>(), ["offset"]);

    // The command line brings it; a daemon could start from it.
    let every = json!({ "backupId": "a.b", "requestId": "ё", "actor": "а\nб" });
    let refused = wrong_fields(&create(every).await.unwrap_err());
    assert_eq!(refused.into_keys().collect::<Vec<_>>(), ["actor", "backup_id", "request_id"]);

    let folder = town.folder.path().to_owned();
    let vekha = async |args: &[&str]| {
        let mut vekha = tokio::process::Command::new(binary());
        vekha.env_clear().current_dir(&folder).args(["--server", &town.url()]).args(args);
        let done = vekha.output().await.unwrap();
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&done.stdout),
            String::from_utf8_lossy(&done.stderr)
        );
        (done.status.success(), said)
    };
    let (well, said) = vekha(&["backup", "create", "tried", "--validate-only"]).await;
    assert!(well && said.trim() == "копию tried можно сделать", "{said}");
    let (well, said) = vekha(&["backup", "download", "first", "first.zip"]).await;
    assert!(well, "{said}");
    assert_eq!(std::fs::read(folder.join("first.zip")).unwrap(), bytes);
    let (well, said) = vekha(&["restore", "first.zip", "restored"]).await;
    assert!(well && said.contains("журнал цел"), "{said}");

    // So many are kept, and the oldest go.
    for id in ["second", "third"] {
        town.live_until(if id == "second" { "2026-10-06T09:40" } else { "2026-10-06T09:50" }).await;
        let (well, said) = vekha(&["backup", "create", id]).await;
        assert!(well && said.contains("готова, проверена"), "{said}");
    }
    let names = async || {
        let all = list().await;
        all.iter().map(|one| text(one, "name").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names().await, ["backups/second", "backups/third"]);
    let gone = create(of("first")).await.unwrap();
    assert_eq!(gone, json!({ "name": "backups/first" }), "what is not there is not made again");

    // A restart keeps what is ready, and nothing of what was not.
    let kept = folder.join("backups");
    std::fs::write(kept.join("torn.zip.vekha-new"), "half").unwrap();
    // What is somebody else's stays, whatever it is called, and nothing takes its place.
    let others = ["notes.zip", "package.json", "2027.json", "half.zip.new", "odd.zip"];
    for name in others {
        std::fs::write(kept.join(name), "{}").unwrap();
    }
    // Not even one that cannot be read hides what is ours.
    std::fs::create_dir(kept.join("odd.json")).unwrap();
    assert_eq!(names().await, ["backups/second", "backups/third"]);
    let taken = create(of("notes")).await.unwrap_err();
    assert_eq!((taken.code(), reason(&taken).as_str()), (Code::AlreadyExists, "NAME_TAKEN"));
    let delete = async |request: Value| stranger.call("BackupService.DeleteBackup", request).await;
    let stale = delete(json!({ "name": "backups/second", "etag": "0" })).await.unwrap_err();
    assert_eq!((stale.code(), reason(&stale).as_str()), (Code::Aborted, "STALE_ETAG"));
    let tried = json!({ "name": "backups/second", "validateOnly": true });
    delete(tried).await.unwrap();
    assert_eq!(names().await.len(), 2, "it was only tried");
    let etag = list().await[0]["etag"].clone();
    // Where the folder does not let it go, it stays, and the journal says nothing else.
    let in_the_way = kept.join("second.zip.vekha-gone");
    std::fs::create_dir(&in_the_way).unwrap();
    let refused = delete(json!({ "name": "backups/second" })).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Internal, "MACHINE_FAILED"));
    assert!(refused.message().contains("папка резервных копий"), "{refused}");
    assert_eq!(names().await.len(), 2);
    std::fs::remove_dir(&in_the_way).unwrap();
    let request =
        json!({ "name": "backups/second", "etag": etag, "requestId": "d-1", "actor": "Анна" });
    delete(request.clone()).await.unwrap();
    delete(request).await.unwrap();
    assert_eq!(names().await, ["backups/third"]);

    // All of it stands in the journal of access.
    let entries = json!({ "parent": "municipalities/-", "filter": "kind = backup-made" });
    let count = async |kind: &str| {
        let asked = merged(entries.clone(), &json!({ "filter": format!("kind = {kind}") }));
        walk(&stranger, "JournalService.ListEntries", asked, 1000).await.len()
    };
    assert_eq!(count("backup-made").await, 3);
    assert_eq!(count("backup-removed").await, 2, "by hand, and because there were enough");
    assert!(count("backup-given").await >= 4);
    let proof = json!({ "parent": "municipalities/-" });
    let proof = stranger.call("JournalService.VerifyJournal", proof).await.unwrap();
    assert_eq!(text(&proof, "reason"), "", "{proof}");

    town.daemon.stop().await.unwrap();
    // As a daemon leaves it that is killed before the journal has the removal.
    std::fs::rename(kept.join("third.zip"), kept.join("third.zip.vekha-gone")).unwrap();
    let database = format!("sqlite:{}", folder.join("vekha.db").display());
    let mut settings = town::settings(&town.folder, database, town.mail.port());
    in_a_file(&mut settings, &folder);
    let clock = vekha::clock::Clock::manual(town::instant("2026-10-06T10:00"));
    let daemon = vekha::server::Daemon::start_at(settings, Some(clock)).await.unwrap();
    let left = daemon.runtime.all_backups().unwrap();
    assert_eq!(left.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["third"]);
    assert!(!kept.join("torn.zip.vekha-new").exists());
    for name in others {
        assert_eq!(std::fs::read(kept.join(name)).unwrap(), b"{}", "{name}");
    }
    daemon.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_cannot_be_made_is_told_as_such_and_leaves_nothing() {
    let town = Town::start_as(MORNING, |settings, folder| {
        in_a_file(settings, folder);
        settings.backups.folder = Some(folder.join("elsewhere"));
    })
    .await;
    let stranger = stranger(&town).await;
    // Its road map's folder is there; its secret is not any more.
    std::fs::rename(town.folder.path().join("secret"), town.folder.path().join("hidden")).unwrap();
    let create = json!({ "backupId": "one" });
    stranger.call("BackupService.CreateBackup", create.clone()).await.unwrap();
    let failed = made(&stranger, "backups/one").await;
    assert_eq!(text(&failed, "state"), "BACKUP_STATE_FAILED", "{failed}");
    assert!(text(&failed, "error").contains("секрет"), "{failed}");
    let given =
        stranger.watch("BackupService.DownloadBackup", json!({ "name": "backups/one" })).await;
    assert_eq!(reason(&given.unwrap_err()), "BACKUP_NOT_READY");
    let left = std::fs::read_dir(town.folder.path().join("elsewhere")).unwrap();
    assert_eq!(left.count(), 0, "nothing is left of it");
    // The same name is free for another try.
    std::fs::rename(town.folder.path().join("hidden"), town.folder.path().join("secret")).unwrap();
    stranger.call("BackupService.CreateBackup", create).await.unwrap();
    let backup = made(&stranger, "backups/one").await;
    assert_eq!(text(&backup, "state"), "BACKUP_STATE_READY", "{backup}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_backups_are_others_business_it_is_said_whose_and_how() {
    let (folder, mail) = (TempDir::new().unwrap(), vekha_tests::smtp::SmtpServer::start().await);
    let town = Town::start_on(MORNING, folder, database::postgres().await, mail).await;
    let stranger = stranger(&town).await;
    let refused = stranger.call("BackupService.CreateBackup", json!({})).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::FailedPrecondition, "BACKUP_ELSEWHERE")
    );
    assert!(refused.message().contains("pg_dump"), "{refused}");
    let all = stranger.call("BackupService.ListBackups", json!({})).await.unwrap();
    assert_eq!(all, json!({}));
    town.daemon.stop().await.unwrap();
}

// --- imports ----------------------------------------------------------------------------------

const IMPORT: &str = "AssignmentService.ImportSubmissions";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_answers_come_in_one_stream_each_taken_or_refused_by_itself_and_none_twice() {
    let (town, stranger) = town().await;
    let found = start(&stranger, "low-result-schools", "2025-26").await;
    let name = |school: &str| format!("{found}/assignments/collect.{school}");
    let mut wrong = results(false);
    wrong["procedures"][1]["participants"] = "двадцать".into();
    let answer = |school: &str, answers: &Value| {
        json!({ "submission": {
            "name": name(school), "answers": answers, "requestId": format!("import-{school}") } })
    };
    let mut all: Vec<Value> =
        SCHOOLS[..4].iter().map(|school| answer(school, &results(false))).collect();
    all.insert(1, answer("school-5", &wrong));
    all.push(answer("school-99", &results(false)));
    let foreign = format!("{}/assignments/collect.school-6", run("vpr", "2025-26"));
    all.push(json!({ "submission": { "name": foreign, "answers": results(false) } }));
    all.push(merged(answer("school-6", &results(false)), &json!({ "parent": activity("vpr") })));
    let tried =
        json!({ "name": name("school-6"), "answers": results(false), "validateOnly": true });
    all.push(json!({ "submission": tried }));
    // The same school's answers are taken in their order.
    let mut second = answer("school-1", &results(true));
    second["submission"]["requestId"] = "import-school-1-again".into();
    all.push(second);
    all[0]["parent"] = found.clone().into();

    let told = stranger.send_all(IMPORT, all.clone()).await.unwrap();
    assert_eq!(told["received"], 10);
    let taken: Vec<(i64, &str)> = told["taken"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["index"].as_i64().unwrap_or(0), text(one, "name")))
        .collect();
    let of = |school: &str, version: u32| format!("{}/submissions/{version}", name(school));
    assert_eq!(
        taken,
        [
            (0, of("school-1", 1).as_str()),
            (2, &of("school-2", 1)),
            (3, &of("school-3", 1)),
            (4, &of("school-4", 1)),
            (8, &of("school-6", 1)),
            (9, &of("school-1", 2)),
        ]
    );
    let refused = told["refused"].as_array().unwrap();
    let codes: Vec<(i64, i64)> = refused
        .iter()
        .map(|one| (one["index"].as_i64().unwrap(), one["status"]["code"].as_i64().unwrap()))
        .collect();
    assert_eq!(codes, [(1, 3), (5, 5), (6, 3), (7, 3)]);
    // Each says why as it would have alone: by google.rpc's details.
    let details = refused[0]["status"]["details"].as_array().unwrap();
    let of_type =
        |kind: &str| details.iter().find(|one| text(one, "@type").ends_with(kind)).unwrap();
    assert_eq!(text(of_type("google.rpc.ErrorInfo"), "reason"), "INVALID_FIELDS");
    let violations = &of_type("google.rpc.BadRequest")["fieldViolations"];
    assert_eq!(text(&violations[0], "field"), "answers.procedures[1].participants");
    assert_eq!(text(&refused[0], "assignment"), name("school-5"));

    // Sent once more it changes nothing; and school-5 corrected is taken beside it.
    town.settle().await;
    let before = everything(&town, &stranger).await;
    let again = stranger.send_all(IMPORT, all.clone()).await.unwrap();
    assert_eq!(again, told);
    unchanged(&before, &everything(&town, &stranger).await, "a stream sent once more");
    let rest = [json!({ "parent": TOWN }), json!({})];
    let rest = rest
        .into_iter()
        .zip([answer("school-5", &results(false)), answer("school-6", &results(false))]);
    let rest: Vec<Value> = rest.map(|(parent, one)| merged(one, &parent)).collect();
    let told = stranger.send_all(IMPORT, rest).await.unwrap();
    assert_eq!(told["taken"].as_array().unwrap().len(), 2, "{told}");
    let read = stranger.call("RunService.GetRun", json!({ "name": found })).await.unwrap();
    assert_eq!(read["stages"][0]["answered"], 6, "{read}");

    let any = format!("{TOWN}/activities/-/runs/2025-26");
    let wide = stranger.send_all(IMPORT, vec![json!({ "parent": any })]).await.unwrap_err();
    let words = &wrong_fields(&wide)["parent"];
    assert!(words.contains("вместе с его муниципалитетом") && !words.contains("filter"), "{words}");
    let none = stranger.send_all(IMPORT, vec![]).await.unwrap_err();
    assert_eq!(wrong_fields(&none).into_keys().collect::<Vec<_>>(), ["parent"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_reaches_no_further_than_its_first_message_may() {
    const KEY: &str = "sesame-0123456789";
    let town = Town::start_locked(MORNING, KEY).await;
    let trusted = stranger(&town).await.with_authorization(&format!("Bearer {KEY}"));
    let found = start(&trusted, "low-result-schools", "2025-26").await;
    let role = |role: Role| {
        let role = format!("ROLE_{}", role.as_str().to_uppercase());
        json!([{ "municipality": TOWN, "role": role }])
    };
    let system = async |name: &str, roles: Value| {
        let token = json!({ "displayName": name, "roles": roles });
        let made =
            trusted.call("TokenService.CreateToken", json!({ "token": token })).await.unwrap();
        trusted.clone().with_authorization(&format!("Bearer {}", text(&made, "secret")))
    };
    let operator = system("АИС", role(Role::Operator)).await;
    let viewer = system("Витрина", role(Role::Viewer)).await;
    let answer = |school: &str, parent: &str| {
        let name = format!("{found}/assignments/collect.{school}");
        json!({ "parent": parent, "submission": { "name": name, "answers": results(false) } })
    };
    // Large enough to come in several frames.
    let all = |parent: &str| -> Vec<Value> {
        let each = SCHOOLS.iter().map(|school| answer(school, parent));
        each.map(|mut one| {
            one["submission"]["actor"] = "я".repeat(200).into();
            one
        })
        .collect()
    };
    for (who, parent) in
        [(&viewer, TOWN), (&operator, "municipalities/-"), (&operator, "municipalities/polevskoy")]
    {
        let refused = who.send_all(IMPORT, all(parent)).await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::PermissionDenied, "ROLE_NEEDED")
        );
    }
    let told = operator.send_all(IMPORT, all(TOWN)).await.unwrap();
    assert_eq!(told["taken"].as_array().unwrap().len(), 6, "{told}");
    // What its first message does not name is not reached by a later one.
    let mut sly = all(TOWN);
    let elsewhere =
        "municipalities/polevskoy/activities/vpr/runs/2025-26/assignments/collect.school-1";
    sly[1]["submission"]["name"] = elsewhere.into();
    sly[2]["parent"] = "municipalities/-".into();
    let told = operator.send_all(IMPORT, sly).await.unwrap();
    let refused = told["refused"].as_array().unwrap();
    let field = |place: usize| {
        let details = refused[place]["status"]["details"].as_array().unwrap();
        let wrong = details.iter().find_map(|one| one["fieldViolations"].as_array());
        wrong.map(|fields| text(&fields[0], "field").to_owned())
    };
    // All have answered: the stage is over for those that may be reached.
    assert_eq!(refused.len(), 6, "{told}");
    assert_eq!(
        [field(0), field(1), field(2), field(3)],
        [None, Some("name".to_owned()), Some("parent".to_owned()), None,]
    );
}

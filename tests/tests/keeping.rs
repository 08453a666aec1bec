//! What is kept between one life of the daemon and the next: one daemon at a time on an SQLite file,
//! the secret that its links were derived from, all that was acknowledged, and copies that are whole.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sea_orm::{ConnectionTrait as _, EntityTrait as _, QueryOrder as _};
use tempfile::TempDir;
use vekha::clock::Clock;
use vekha::runtime::committer::Task;
use vekha::runtime::{Ask, Runtime};
use vekha::secret::Secret;
use vekha::store::entities::{assignment, run};
use vekha::store::{OpenError, Opening, SecretFrom, Store};
use vekha_engine::{Command, Why};
use vekha_tests::base::{Base, end};
use vekha_tests::process::binary;
use vekha_tests::small::survey_run;
use vekha_tests::town::{instant, settings_in_a_file};

async fn open_run(runtime: &Runtime, part: &str) {
    let ask = Ask::Open { named: vec![], why: Why::Request, without_waiting: false };
    runtime.ask(Task::new(survey_run(part), ask, "test")).await.unwrap();
}

async fn start(base: &Base) -> Arc<Runtime> {
    base.daemon(&Clock::manual(instant("2027-03-01T10:00"))).await.0
}

/// Copies what lies in a folder under names that end so.
fn copy(from: &Path, endings: &[&str]) -> Base {
    let folder = TempDir::new().unwrap();
    for ending in endings {
        let name = format!("vekha.db{ending}");
        std::fs::copy(from.join(&name), folder.path().join(&name)).unwrap();
    }
    Base { url: format!("sqlite:{}", folder.path().join("vekha.db").display()), folder }
}

async fn opened(base: &Base) -> Result<Store, OpenError> {
    Store::open(&base.url, Secret::from_bytes([7; 32])).await
}

#[tokio::test]
async fn a_second_daemon_on_one_sqlite_file_is_refused_until_the_first_has_ended() {
    let base = Base::sqlite();
    let first = base.store().await;
    let refused = opened(&base).await.unwrap_err();
    assert!(matches!(refused, OpenError::Held(_)), "{refused}");
    assert!(refused.to_string().contains("уже работает другой демон"));
    first.close().await.unwrap();
    opened(&base).await.unwrap().close().await.unwrap();
}

#[tokio::test]
async fn a_database_that_lacks_what_was_acknowledged_is_not_opened_in_silence() {
    let base = Base::sqlite();
    let runtime = start(&base).await;
    open_run(&runtime, "a").await;
    let folder = base.folder.path();
    // As a kill leaves it: whole with all its files.
    let whole = copy(folder, &["", "-wal", "-witness"]);
    // Its log deleted; its log cut; the file alone, as a careless copy has it.
    let deleted = copy(folder, &["", "-witness"]);
    let cut = copy(folder, &["", "-wal", "-witness"]);
    let log = cut.folder.path().join("vekha.db-wal");
    let length = std::fs::metadata(&log).unwrap().len();
    std::fs::File::options().write(true).open(&log).unwrap().set_len(length / 2).unwrap();
    let alone = copy(folder, &[""]);
    end(runtime).await;

    let store = opened(&whole).await.unwrap();
    assert!(store.run(&survey_run("a")).await.unwrap().is_some());
    store.close().await.unwrap();
    for lacking in [&deleted, &cut] {
        let refused = opened(lacking).await.unwrap_err();
        assert!(matches!(refused, OpenError::Behind { .. }), "{refused}");
        // Asked again, it is refused again.
        let refused = opened(lacking).await.unwrap_err().to_string();
        assert!(refused.contains("vekha restore") && refused.contains("accept-loss"), "{refused}");
    }
    let refused = opened(&alone).await.unwrap_err();
    assert!(matches!(refused, OpenError::Torn(_)), "{refused}");
    // Whoever accepts the loss goes on.
    for lacking in [&deleted, &alone] {
        let secret = SecretFrom::Hand(Secret::from_bytes([7; 32]));
        let opening = Opening { url: &lacking.url, secret, accept_loss: true };
        Store::open_as(opening).await.unwrap().close().await.unwrap();
        opened(lacking).await.unwrap().close().await.unwrap();
    }
}

#[tokio::test]
async fn an_orderly_stop_leaves_a_file_that_is_whole_by_itself() {
    let base = Base::sqlite();
    let runtime = start(&base).await;
    open_run(&runtime, "a").await;
    end(runtime).await;
    let store = opened(&copy(base.folder.path(), &[""])).await.unwrap();
    assert!(store.run(&survey_run("a")).await.unwrap().is_some());
}

#[tokio::test]
async fn a_daemon_with_another_secret_or_none_is_refused_and_a_new_one_is_drawn_only_on_demand() {
    for base in [Base::sqlite(), Base::postgres().await] {
        let runtime = start(&base).await;
        open_run(&runtime, "a").await;
        let first =
            assignment::Entity::find().one(runtime.store().reader()).await.unwrap().unwrap();
        let (_, replaced) = first.id.rsplit_once('/').unwrap();
        let renewed = Command::SendLink {
            assignment: replaced.parse().unwrap(),
            renew: true,
            reason: "письмо переслали".into(),
        };
        let task = Task::new(survey_run("a"), Ask::Step(renewed), "test");
        runtime.ask(task).await.unwrap();
        let links = || assignment::Entity::find().order_by_asc(assignment::Column::Id);
        let before = links().all(runtime.store().reader()).await.unwrap();
        end(runtime).await;
        let file = base.folder.path().join("secret");
        let open = async |secret| {
            Store::open_as(Opening { url: &base.url, secret, accept_loss: false }).await
        };
        let missing = open(SecretFrom::File(file.clone())).await.unwrap_err();
        assert!(matches!(missing, OpenError::SecretMissing { .. }), "{missing}");
        assert!(!file.exists(), "none is drawn in silence");
        std::fs::write(&file, "00".repeat(32)).unwrap();
        let foreign = open(SecretFrom::File(file.clone())).await.unwrap_err();
        assert!(matches!(foreign, OpenError::SecretForeign { .. }), "{foreign}");
        // A database of a release that kept no fingerprint is held against its links.
        let beside = base.beside().await;
        beside.execute_unprepared("DELETE FROM deployment WHERE mark = 'secret'").await.unwrap();
        let foreign = open(SecretFrom::File(file.clone())).await.unwrap_err();
        assert!(matches!(foreign, OpenError::SecretForeign { .. }), "{foreign}");
        std::fs::remove_file(&file).unwrap();
        let missing = open(SecretFrom::File(file.clone())).await.unwrap_err();
        assert!(matches!(missing, OpenError::SecretMissing { .. }), "{missing}");
        open(SecretFrom::Renewed(file.clone())).await.unwrap().close().await.unwrap();
        let store = open(SecretFrom::File(file)).await.unwrap();
        let after = links().all(store.reader()).await.unwrap();
        assert_eq!(after.len(), before.len());
        for (old, new) in before.iter().zip(&after) {
            assert_ne!(old.token_hash, new.token_hash);
            let token = store.secret().token(&new.id, u32::from(new.id == first.id));
            assert_eq!(new.token_hash, Secret::hash(&token));
        }
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_schema_that_an_older_release_left_half_made_is_completed() {
    let base = Base::sqlite();
    opened(&base).await.unwrap().close().await.unwrap();
    let beside = base.beside().await;
    // Killed in the first migration: some tables are there, nothing is noted.
    for statement in [
        "DELETE FROM seaql_migrations",
        "DROP TABLE request",
        "DROP TABLE draft",
        "DROP TABLE file",
        "DROP TABLE deployment",
        "DROP INDEX journal_by_run",
    ] {
        beside.execute_unprepared(statement).await.unwrap();
    }
    beside.close().await.unwrap();
    let runtime = start(&base).await;
    open_run(&runtime, "a").await;
    runtime.settle().await.unwrap();
    end(runtime).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_taken_while_answers_come_holds_all_that_was_acknowledged_before() {
    let base = Base::sqlite();
    let folder = base.folder.path();
    let settings = format!("{}\n[backups]\nfolder = \"/srv/copies\"\n", settings_in_a_file());
    std::fs::write(folder.join("vekha.toml"), settings).unwrap();
    std::fs::write(folder.join("secret"), "07".repeat(32)).unwrap();
    let runtime = start(&base).await;
    open_run(&runtime, "before").await;
    let (working, stop) = (runtime.clone(), Arc::new(AtomicBool::new(false)));
    let stopped = stop.clone();
    let busy = tokio::spawn(async move {
        let mut number = 0;
        while !stopped.load(Ordering::Relaxed) {
            open_run(&working, &format!("r{number}")).await;
            number += 1;
        }
    });
    let file = folder.join("backup.zip");
    let taken = vekha(folder, &["backup", "backup.zip"]).await;
    stop.store(true, Ordering::Relaxed);
    busy.await.unwrap();
    end(runtime).await;
    assert!(taken.unwrap()["runs"].as_u64().unwrap() > 0);

    let restored = vekha(folder, &["restore", "backup.zip", "restored"]).await.unwrap();
    let home = folder.join("restored");
    let url = format!("sqlite:{}", home.join("data/vekha.db").display());
    let secret = SecretFrom::File(home.join("data/secret"));
    let store = Store::open_as(Opening { url: &url, secret, accept_loss: false }).await.unwrap();
    assert!(store.run(&survey_run("before")).await.unwrap().is_some());
    let runs = run::Entity::find().all(store.reader()).await.unwrap().len();
    assert_eq!(restored["runs"], runs);
    // What lies elsewhere the daemon that was backed up may still be at work with.
    let elsewhere = restored["elsewhere"].as_array().unwrap();
    let kept = serde_json::json!({ "key": "backups.folder", "path": "/srv/copies" });
    assert!(elsewhere.contains(&kept), "{elsewhere:?}");
    let is_own =
        |place: &serde_json::Value| place["key"] == "database" || place["key"] == "road-maps";
    assert!(!elsewhere.iter().any(is_own), "{elsewhere:?}");
    store.close().await.unwrap();
    // The settings name what lies beside them: the same commands work there.
    let settings = restored["settings"].as_str().unwrap();
    assert!(folder.join(settings).exists());
    vekha(folder, &["--config", settings, "check"]).await.unwrap();
    let again = ["--config", settings, "backup", "second.zip"];
    assert_eq!(vekha(folder, &again).await.unwrap()["runs"], runs);

    // A file that is there is not written over, nor is a folder; a damaged backup is told.
    assert!(vekha(folder, &["backup", "backup.zip"]).await.unwrap_err().contains("уже есть"));
    let refused = vekha(folder, &["restore", "backup.zip", "restored"]).await.unwrap_err();
    assert!(refused.contains("не пуста"), "{refused}");
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    assert!(vekha(folder, &["restore", "backup.zip", "elsewhere"]).await.is_err());
}

/// Runs a command in a folder. Returns what it says, or what it complains of.
async fn vekha(folder: &Path, args: &[&str]) -> Result<serde_json::Value, String> {
    let output = tokio::process::Command::new(binary())
        .current_dir(folder)
        .env_clear()
        .env("VEKHA_CONFIG", "vekha.toml")
        .args(["--format", "json"])
        .args(args)
        .output()
        .await
        .unwrap();
    match output.status.success() {
        true => Ok(serde_json::from_slice(&output.stdout).unwrap()),
        false => Err(String::from_utf8(output.stderr).unwrap()),
    }
}

#[tokio::test]
async fn a_log_that_a_reader_holds_is_told_of_and_given_back_when_it_lets_go() {
    let base = Base::sqlite();
    let store = base.store().await;
    let log = base.folder.path().join("vekha.db-wal");
    let reader = base.beside().await;
    let snapshot = sea_orm::TransactionTrait::begin(&reader).await.unwrap();
    run::Entity::find().all(&snapshot).await.unwrap();
    let now = instant("2027-03-01T10:00");
    let owner = "m/survey/2027.a/decisions";
    let mut kept = Vec::new();
    for number in 0..70_u8 {
        kept.push(store.keep_file(owner, vec![number; 1 << 20], now).await.unwrap());
    }
    let told = store.keep_up().await.unwrap().unwrap();
    assert!(told.held && told.bytes > 64 << 20, "{told:?}");
    snapshot.rollback().await.unwrap();
    let told = store.keep_up().await.unwrap().unwrap();
    assert!(!told.held, "{told:?}");
    assert_eq!(std::fs::metadata(&log).unwrap().len(), 0);
    // Everything is there.
    let hashes: Vec<&str> = kept.iter().map(String::as_str).collect();
    assert_eq!(store.hold_files(owner, &hashes, now).await.unwrap().len(), 70);
    store.close().await.unwrap();
}

//! The store's and the runtime's promises, each kept on SQLite and on PostgreSQL. Where a database
//! may be shared, callers race through two daemons at once.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};
use sea_orm::{ActiveModelTrait as _, ConnectionTrait as _, EntityTrait, Set};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::runtime::Handle;
use tokio::task::unconstrained;
use vekha::clock::Clock;
use vekha::runtime::committer::{Caller, Done, Task};
use vekha::runtime::documents::uploads::NewFile;
use vekha::runtime::request::Request;
use vekha::runtime::seen::{Seen, Thing};
use vekha::runtime::views::addresses::{AddressState, Addresses};
use vekha::runtime::{Ask, AskError, Runtime};
use vekha::secret::Secret;
use vekha::server::Daemon;
use vekha::store::Store;
use vekha::store::entities::{
    assignment, job, journal, outbox, request, road_map, run, submission,
};
use vekha::store::read::journal::Looked;
use vekha::store::read::organisation::Whose;
use vekha::store::read::waiting::Waiting;
use vekha::store::read::{Filter, Page};
use vekha::store::write::activities::{Pause, Paused};
use vekha::store::write::batch::Remembered;
use vekha::store::write::jobs::Jobs;
use vekha::store::write::outbox::{Again, Delivery, Parcel};
use vekha_engine::journal::Head;
use vekha_engine::run::{AssignmentState, Run, RunState, StageState};
use vekha_engine::world::{People, Plan, World};
use vekha_engine::{
    AssignmentKey, Command, Context, DecisionKind, Document, Entry, Job, Letter, LetterKind,
    NewDocument, NewMeasure, Origin, Outcome, RunKey, Why, open,
};
use vekha_roadmap::RoadMap;
use vekha_tests::base::{Base, end};
use vekha_tests::small::{self, survey_run};
use vekha_tests::smtp::SmtpServer;
use vekha_tests::town::{instant, settings};

vekha_tests::on_both_databases! {
    a_step_is_written_whole_or_not_at_all,
    a_request_that_the_database_refuses_does_not_harm_those_beside_it,
    what_was_carried_out_upon_a_commit_that_failed_is_carried_out_anew,
    a_run_exists_once_however_many_race_to_open_it,
    a_request_is_carried_out_once_however_often_it_is_made,
    a_stale_reader_changes_nothing,
    an_id_that_served_a_request_of_an_older_release_serves_no_other,
    what_is_stored_loads_back_equal,
    a_run_of_an_older_release_goes_on_after_the_upgrade,
    a_message_is_claimed_by_one_worker_only,
    messages_are_seen_with_the_work_that_may_bring_more_at_one_moment,
    a_claim_whose_lease_ran_out_is_tried_again_and_marked_uncertain,
    a_message_is_settled_as_its_delivery_ended,
    an_address_is_what_became_of_the_newest_letter_to_it,
    letters_that_are_held_are_neither_due_nor_claimed_whatever_was_seen_before,
    a_letter_goes_to_all_who_read_for_the_organisation,
    letters_that_come_again_and_again_name_their_list,
    claims_of_a_daemon_that_died_are_released,
    a_letter_asked_for_twice_is_the_first_one,
    a_job_asked_for_twice_is_one_job,
    a_wake_is_replaced_by_the_newest_wish,
    pages_neither_skip_nor_repeat_while_rows_come,
    a_page_reads_a_part_of_a_run_or_what_belongs_to_an_organisation,
    a_watcher_of_the_journal_misses_nothing_while_runs_are_written,
    entries_of_a_municipality_are_found_backwards_by_what_they_say,
    openings_missed_while_the_daemon_was_down_are_caught_up_by_policy,
    openings_missed_while_paused_are_caught_up_by_policy,
    what_falls_due_just_now_was_not_missed,
    a_pause_is_not_undone_by_a_turn_under_way,
    runs_that_must_not_overlap_are_skipped_or_wait,
    work_left_by_a_daemon_that_ended_is_done_by_the_next,
    a_file_that_joins_a_decision_later_stays_with_it,
    municipalities_that_share_a_site_do_not_write_over_each_other,
    a_version_that_a_release_cannot_read_any_more_keeps_its_number,
}

async fn a_version_that_a_release_cannot_read_any_more_keeps_its_number(base: Base) {
    let row = road_map::Model {
        id: "m/3".into(),
        municipality: "m".into(),
        version: 3,
        digest: "of another age".into(),
        applied_at: 0,
        actor: "test".into(),
        files: r#"{"municipality.toml":"id = 'm'"}"#.into(),
        means: "files".into(),
    };
    assert!(base.store().await.add_road_map(row, None).await.unwrap());
    let (runtime, _) = base.daemon(&Clock::manual(morning())).await;
    assert_eq!(runtime.road_maps().newest("m").unwrap().number, 4);
    assert!(runtime.road_maps().version("m", 3).is_none());
}

async fn municipalities_that_share_a_site_do_not_write_over_each_other(base: Base) {
    let clock = Clock::manual(morning());
    let (runtime, _) = base.daemon(&clock).await;
    for (id, name) in [("m", "Первый"), ("n", "Второй"), ("silent", "Молчащий")]
    {
        let mut files = small::files();
        let own = files.0.get_mut("municipality.toml").unwrap();
        *own = own.replace("id = \"m\"", &format!("id = \"{id}\""));
        *own = own.replace("name = \"М\"", &format!("name = \"{name}\""));
        let list = "{{ municipality.name }}: {% for r in reports %}{{ r.page }} {{ r.document }}{% endfor %}";
        let survey = files.0.get_mut("activities/1-survey.toml").unwrap();
        survey.push_str("\n[[stage]]\nkind = \"publish\"\nreport = \"report\"\n");
        files.0.insert("reports/index.html".into(), list.into());
        files.0.insert("reports/report.html".into(), "{{ municipality.name }}".into());
        runtime.apply(files, "test").await.unwrap();
    }
    let site = base.folder.path().join("site");
    let read = |path: &str| {
        let text = std::fs::read_to_string(site.join(path));
        text.unwrap_or_else(|e| panic!("{path}: {e}")).replace("&#x2f;", "/")
    };
    let survey = survey_run("a");
    for id in ["m", "n"] {
        let key = RunKey { municipality: id.into(), ..survey.clone() };
        runtime.ask(open_task(key.clone())).await.unwrap();
        let answer = submit("collect.school-1", json!({ "pupils": 60, "low": 30 }));
        runtime.ask(step_task(&key, answer)).await.unwrap();
        runtime.settle().await.unwrap();
        let today = jiff::civil::date(2027, 3, 1);
        runtime.ask(step_task(&key, decide("1", None, today))).await.unwrap();
        runtime.settle().await.unwrap();
        // At any time the first page leads to those that have something to show.
        assert_eq!(read("index.html").contains("href=\"n/index.html\""), id == "n");
        assert!(read("index.html").contains("href=\"m/index.html\""));
    }
    for (id, name) in [("m", "Первый"), ("n", "Второй")] {
        let place = format!("{}/survey", survey.run_id());
        assert_eq!(read(&format!("{id}/{place}.html")), name);
        assert!(site.join(format!("{id}/{place}.docx")).exists());
        let list = read(&format!("{id}/index.html"));
        assert_eq!(list.trim(), format!("{name}: {place}.html {place}.docx"));
    }
    assert!(!read("index.html").contains("Молчащий"), "it has nothing to show");
}

async fn a_file_that_joins_a_decision_later_stays_with_it(base: Base) {
    let clock = Clock::manual(morning());
    let (runtime, _) = base.daemon(&clock).await;
    let key = survey_run("a");
    runtime.ask(open_task(key.clone())).await.unwrap();
    let answer = submit("collect.school-1", json!({ "pupils": 60, "low": 30 }));
    runtime.ask(step_task(&key, answer)).await.unwrap();
    runtime.settle().await.unwrap();
    let today = jiff::civil::date(2027, 3, 1);
    runtime.ask(step_task(&key, decide("1", None, today))).await.unwrap();
    for content in [&b"%PDF one"[..], b"%PDF two"] {
        let name = format!("{}.pdf", content.len());
        let file = NewFile { name, bytes: content.to_vec() };
        runtime.attach(key.clone(), 1, file, Caller::new("test")).await.unwrap();
    }
    // Whoever reads it anew has both, and their contents.
    end(runtime).await;
    let (other, _) = base.daemon(&clock).await;
    let run = other.store().run(&key).await.unwrap().unwrap().run;
    let [decision] = run.decisions.as_slice() else { panic!("{:?}", run.decisions) };
    assert_eq!(decision.attachments.len(), 2);
    let owner = vekha::store::write::files::of_decisions(&key);
    for (file, content) in decision.attachments.iter().zip([&b"%PDF one"[..], b"%PDF two"]) {
        let kept = other.store().file(&owner, &file.sha256).await.unwrap().unwrap();
        assert_eq!((kept.as_slice(), file.size), (content, 8));
    }
}

fn morning() -> Timestamp {
    instant("2027-03-01T10:00")
}

fn open_task(key: RunKey) -> Task {
    let ask = Ask::Open { named: vec![], why: Why::Request, without_waiting: false };
    Task::new(key, ask, "test")
}

fn step_task(key: &RunKey, command: Command) -> Task {
    Task::new(key.clone(), Ask::Step(command), "test")
}

/// Stops or resumes a schedule; false if there is none.
async fn pause(runtime: &Runtime, id: &str, paused: bool, reason: &str) -> bool {
    let pause = Pause { paused, reason, actor: "test" };
    match runtime.pause("m", id, pause, None, None).await.unwrap() {
        Paused::Now => true,
        Paused::Unknown => false,
        other => panic!("{id}: {other:?}"),
    }
}

/// A request that was carried out.
fn made_once() -> request::Model {
    let (id, digest) = ("request".to_owned(), "digest".to_owned());
    request::Model { id, digest, at: morning().as_microsecond(), made: String::new() }
}

/// The same under a request id, as it may be repeated.
fn asked(id: &str, task: Task) -> Task {
    let said = format!("{} {:?}", task.run, task.ask);
    let request = Some(Request::new(id, "test", said.as_bytes()));
    Task { by: Caller { request, ..task.by }, ..task }
}

fn answers(value: serde_json::Value) -> vekha_analysis::Values {
    value.as_object().cloned().unwrap()
}

fn submit(assignment: &str, value: serde_json::Value) -> Command {
    Command::Submit {
        assignment: assignment.parse().unwrap(),
        answers: answers(value),
        origin: Origin::Api,
    }
}

fn decide(number: &str, measures: Option<Vec<NewMeasure>>, today: jiff::civil::Date) -> Command {
    Command::RecordDecision {
        stage: "decide".into(),
        document: NewDocument {
            document: Document {
                number: number.into(),
                date: today,
                outcome: "Утвердить.".into(),
                signatory: "Начальник".into(),
                ..Document::default()
            },
            kind: Some(DecisionKind::Order),
            ..NewDocument::default()
        },
        measures,
    }
}

fn small_road_map() -> RoadMap {
    vekha_roadmap::read::read(&small::files()).unwrap()
}

/// A run of the survey that has just been opened, and what that entails.
fn opened(road_map: &RoadMap, part: &str) -> (Run, Outcome) {
    let others = BTreeMap::new();
    let context = Context { others: &others, ..Context::new(road_map, 1) };
    open(&context, survey_run(part), vec![], Why::Request, "test", morning()).unwrap()
}

/// Writes an outcome as a step of a survey's run, which is opened for it if need be.
async fn write(store: &Store, part: &str, outcome: Outcome) {
    let mut batch = store.begin().await.unwrap();
    let key = survey_run(part);
    batch.load([key.clone()]).await.unwrap();
    if batch.run(&key).is_none() {
        let (run, opening) = opened(&small_road_map(), part);
        batch.insert(run);
        let assignments = opening.assignments;
        batch.record(&key, Outcome { assignments, ..Outcome::default() }, morning());
    }
    batch.record(&key, outcome, morning());
    batch.commit().await.unwrap();
}

fn letter(key: &str, not_before: Timestamp) -> Letter {
    Letter {
        key: key.into(),
        kind: LetterKind::Failure,
        to: "office".into(),
        run: survey_run("a"),
        assignment: None,
        link: 0,
        revision: 1,
        thread: None,
        due: None,
        not_before,
        facts: answers(json!({ "what": "Что-то", "reason": "не вышло" })),
    }
}

fn letters(keys: impl IntoIterator<Item = String>) -> Outcome {
    let letters = keys.into_iter().map(|key| letter(&key, morning())).collect();
    Outcome { letters, ..Outcome::default() }
}

/// How long claims hold here.
const LEASE: SignedDuration = SignedDuration::from_secs(60);

/// Claims up to so many messages that are due, each by itself.
async fn claim(store: &Store, now: Timestamp, most: u64) -> Vec<outbox::Model> {
    let due = store.due_messages(now, most).await.unwrap();
    let parcels: Vec<Parcel> =
        due.into_iter().map(|due| Parcel { keys: vec![due.key], digest: None }).collect();
    store.claim(&parcels, LEASE, now).await.unwrap().concat()
}

/// Makes a message due again. Returns whether there was one to be tried again.
async fn retry(store: &Store, key: &str, at: Timestamp) -> bool {
    let all = store.list_messages(&Filter::default(), &Page::all()).await.unwrap();
    let Some(row) = all.iter().find(|row| row.key == key) else { return false };
    store.retry(Again::One(row), None, "anna", 1, at).await.unwrap() == Some(1)
}

/// Has a message end so, whenever it would be due.
async fn conclude(store: &Store, key: &str, delivery: Delivery, at: Timestamp) {
    retry(store, key, at).await;
    let parcel = Parcel { keys: vec![key.to_owned()], digest: None };
    let claimed = store.claim(&[parcel], LEASE, at).await.unwrap().concat();
    settle(store, &claimed, key, delivery, at).await;
}

/// Settles one of the messages that were claimed.
async fn settle(
    store: &Store,
    claimed: &[outbox::Model],
    key: &str,
    delivery: Delivery,
    at: Timestamp,
) {
    let row = claimed.iter().find(|row| row.key == key).expect("it was claimed").clone();
    assert!(store.settle_messages(&[(row, delivery)], at).await.unwrap().is_empty(), "{key}");
}

async fn count<E: EntityTrait>(store: &Store) -> usize {
    E::find().all(store.reader()).await.unwrap().len()
}

/// A journal row as the engine wrote it, and whose it is.
fn entry(row: journal::Model) -> (String, Entry) {
    let journal::Model { run, sequence, at, actor, kind, data, hash, .. } = row;
    let at = vekha::store::instant(at);
    (run, Entry { sequence: sequence as u64, at, actor, kind, data, hash })
}

/// Follows every run's chain through the journal and tells of how many runs it was.
fn whole(journal: Vec<journal::Model>) -> usize {
    let mut heads: BTreeMap<String, Head> = BTreeMap::new();
    for row in journal {
        let (run, entry) = entry(row);
        let head = heads.entry(run.clone()).or_insert_with(|| Head::of(&run));
        assert!(head.verify(&entry), "{run}: {entry:?}");
    }
    heads.len()
}

// What is written.

async fn a_step_is_written_whole_or_not_at_all(base: Base) {
    let store = base.store().await;
    let road_map = small_road_map();
    let (run, outcome) = opened(&road_map, "a");
    let last = outcome.entries.last().unwrap();
    assert!(outcome.entries.len() > 1 && !outcome.letters.is_empty());
    // What the step writes last is already there.
    let obstacle = journal::ActiveModel {
        cursor: sea_orm::NotSet,
        run: Set(run.key.to_string()),
        sequence: Set(last.sequence as i64),
        at: Set(0),
        actor: Set("somebody".into()),
        kind: Set("else".into()),
        data: Set("{}".into()),
        road_map: Set(1),
        hash: Set(String::new()),
    };
    let beside = base.beside().await;
    obstacle.insert(&beside).await.unwrap();

    let mut batch = store.begin().await.unwrap();
    batch.insert(run.clone());
    batch.record(&run.key, outcome.clone(), morning());
    batch.remember(made_once());
    batch.commit().await.unwrap_err();
    assert_eq!(count::<run::Entity>(&store).await, 0);
    assert_eq!(count::<assignment::Entity>(&store).await, 0);
    assert_eq!(count::<job::Entity>(&store).await, 0);
    assert_eq!(count::<outbox::Entity>(&store).await, 0);
    assert_eq!(count::<request::Entity>(&store).await, 0);
    assert_eq!(count::<journal::Entity>(&store).await, 1, "the obstacle alone");

    beside.execute_unprepared("DELETE FROM journal").await.unwrap();
    let mut batch = store.begin().await.unwrap();
    batch.insert(run.clone());
    batch.record(&run.key, outcome.clone(), morning());
    batch.remember(made_once());
    batch.commit().await.unwrap();
    assert_eq!(store.run(&run.key).await.unwrap().unwrap().run, run);
    assert_eq!(count::<journal::Entity>(&store).await, outcome.entries.len());
    assert_eq!(count::<outbox::Entity>(&store).await, outcome.letters.len());
    assert_eq!(count::<request::Entity>(&store).await, 1);
}

/// Has the database refuse a run: the first entry of its journal is there already.
async fn poison(beside: &sea_orm::DatabaseConnection, run: &RunKey) {
    let insert = format!(
        "INSERT INTO journal (run, sequence, at, actor, kind, data, road_map, hash) \
         VALUES ('{run}', 1, 0, '', '', '{{}}', 1, '')"
    );
    beside.execute_unprepared(&insert).await.unwrap();
}

async fn a_request_that_the_database_refuses_does_not_harm_those_beside_it(base: Base) {
    let (runtime, _) = base.daemon(&Clock::manual(morning())).await;
    let beside = base.beside().await;
    let poisoned = survey_run("7");
    poison(&beside, &poisoned).await;
    let asks = (0..20).map(|n| runtime.ask(open_task(survey_run(&n.to_string()))));
    for (n, answer) in join_all(asks).await.into_iter().enumerate() {
        match n {
            7 => assert!(matches!(answer, Err(AskError::Store(_))), "{answer:?}"),
            _ => assert_eq!(answer.unwrap(), Done::Now),
        }
    }
    assert_eq!(count::<run::Entity>(runtime.store()).await, 19);
    assert_eq!(runtime.store().run(&poisoned).await.unwrap().map(|l| l.run), None);
}

async fn what_was_carried_out_upon_a_commit_that_failed_is_carried_out_anew(base: Base) {
    const RUNS: usize = 400;
    let (runtime, _) = base.daemon(&Clock::manual(morning())).await;
    let beside = base.beside().await;
    let poisoned = |n: usize| n % 90 == 50;
    for n in (0..RUNS).filter(|n| poisoned(*n)) {
        poison(&beside, &survey_run(&n.to_string())).await;
    }
    // Nobody waits for the commit before: answers are taken to runs that are being written.
    let answer = |n: usize| submit("collect.school-1", json!({ "pupils": 60, "low": n % 60 }));
    let tasks = (0..RUNS).flat_map(|n| {
        let key = survey_run(&n.to_string());
        let open = open_task(key.clone());
        [open, step_task(&key, answer(n)), step_task(&key, answer(n + 1))]
    });
    // In this order: who takes turns with other tasks may come to ask later than who follows.
    let answers = unconstrained(join_all(tasks.map(|task| runtime.ask(task)))).await;
    let store = runtime.store();
    for (n, answers) in answers.chunks(3).enumerate() {
        let key = survey_run(&n.to_string());
        let run = store.run(&key).await.unwrap().map(|loaded| loaded.run);
        if poisoned(n) {
            assert!(matches!(answers[0], Err(AskError::Store(_))), "{answers:?}");
            assert!(answers[1..].iter().all(|a| matches!(a, Err(AskError::Refused(_)))));
            assert_eq!(run, None);
            continue;
        }
        // The only school has answered: the collection is over, and the second answer too late.
        assert!(matches!(answers[..2], [Ok(Done::Now), Ok(Done::Now)]), "{n}: {answers:?}");
        assert!(matches!(answers[2], Err(AskError::Refused(_))), "{n}: {answers:?}");
        let versions = store.submissions(&format!("{key}/collect.school-1")).await.unwrap();
        assert_eq!(versions.iter().map(|s| s.version).collect::<Vec<_>>(), [1]);
        let run = run.unwrap();
        let mut chain = Head::of(&key.to_string());
        for row in store.journal_of(&key.to_string()).await.unwrap() {
            assert!(chain.verify(&entry(row).1));
        }
        assert_eq!(chain, run.journal);
    }
    end(runtime).await;
}

async fn a_run_exists_once_however_many_race_to_open_it(base: Base) {
    let daemons = base.daemons(&Clock::manual(morning())).await;
    for round in 0..10 {
        let key = survey_run(&format!("round-{round}"));
        let asks = (0..60).map(|n| {
            let (daemon, key) = (daemons[n % daemons.len()].clone(), key.clone());
            tokio::spawn(async move { daemon.ask(open_task(key)).await })
        });
        let mut opened = 0;
        for answer in join_all(asks).await {
            match answer.unwrap() {
                Ok(Done::Now) => opened += 1,
                Err(AskError::Exists(existing)) => assert_eq!(existing, key),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(opened, 1);
        let entries = daemons[0].store().journal_of(&key.to_string()).await.unwrap();
        assert_eq!(entries.iter().filter(|e| e.kind == "run-opened").count(), 1);
    }
    assert_eq!(count::<run::Entity>(daemons[0].store()).await, 10);
}

async fn a_request_is_carried_out_once_however_often_it_is_made(base: Base) {
    let daemons = base.daemons(&Clock::manual(morning())).await;
    let key = survey_run("a");
    daemons[0].ask(open_task(key.clone())).await.unwrap();
    for round in 0..10 {
        let request = format!("answer {round}");
        let answer = submit("collect.school-1", json!({ "pupils": 60, "low": round }));
        // Answering the last assignment ends the stage: only this one is not yet the last.
        let command = if round == 9 {
            answer
        } else {
            Command::Extend {
                assignment: "collect.school-1".parse().unwrap(),
                due: jiff::civil::date(2027, 4, 5 + round),
                reason: "причина".into(),
            }
        };
        // Extensions fall on any day of the week: some are refused, and then every time.
        let asks = (0..40).map(|n| {
            let daemon = daemons[n % daemons.len()].clone();
            let task = asked(&request, step_task(&key, command.clone()));
            tokio::spawn(async move { daemon.ask(task).await })
        });
        let answers: Vec<_> = join_all(asks).await.into_iter().map(Result::unwrap).collect();
        let now = answers.iter().filter(|a| matches!(a, Ok(Done::Now))).count();
        let refused = answers.iter().filter(|a| matches!(a, Err(AskError::Refused(_)))).count();
        let before = answers.iter().filter(|a| matches!(a, Ok(Done::Before))).count();
        assert!((now, before) == (1, 39) || refused == 40, "{answers:?}");
    }
    let stored = daemons[0].store().run(&key).await.unwrap().unwrap();
    let assignment = stored.run.assignments.values().next().unwrap();
    assert_eq!(assignment.version, 1);
    // The same id for something else is a mistake of the caller's, also for another run.
    let reused = asked("answer 9", open_task(survey_run("b")));
    for daemon in &daemons {
        let answer = daemon.ask(reused.clone()).await;
        assert!(matches!(answer, Err(AskError::RequestReused)), "{answer:?}");
    }
    // And so it is when both are made at once.
    for round in 0..10 {
        let asks = ["c", "d"].into_iter().enumerate().map(|(n, part)| {
            let daemon = daemons[n % daemons.len()].clone();
            let key = survey_run(&format!("{part}-{round}"));
            let task = asked(&format!("twice {round}"), open_task(key));
            tokio::spawn(async move { daemon.ask(task).await })
        });
        let answers: Vec<_> = join_all(asks).await.into_iter().map(Result::unwrap).collect();
        let reused = |a: &&Result<Done, AskError>| matches!(a, Err(AskError::RequestReused));
        assert_eq!(answers.iter().filter(|a| a.is_ok()).count(), 1, "{answers:?}");
        assert_eq!(answers.iter().filter(reused).count(), 1, "{answers:?}");
    }
}

async fn an_id_that_served_a_request_of_an_older_release_serves_no_other(base: Base) {
    let (daemon, _) = base.daemon(&Clock::manual(morning())).await;
    let key = survey_run("a");
    daemon.ask(open_task(key.clone())).await.unwrap();
    let answer = |low: u32| {
        asked("of old", step_task(&key, submit("collect.school-1", json!({ "low": low }))))
    };
    // In a form of its own: whether it is the same nobody can tell any more.
    let digest = hex::encode(Sha256::digest(b"of old"));
    let row = request::Model { id: "of old".into(), digest, at: 0, made: String::new() };
    daemon.store().remember_request(row).await.unwrap();
    let reused = daemon.ask(answer(3)).await;
    assert!(matches!(reused, Err(AskError::RequestReused)), "{reused:?}");
    assert_eq!(count::<submission::Entity>(daemon.store()).await, 0);
}

async fn a_stale_reader_changes_nothing(base: Base) {
    let daemons = base.daemons(&Clock::manual(morning())).await;
    let key = survey_run("a");
    daemons[0].ask(open_task(key.clone())).await.unwrap();
    let seen = daemons[0].store().run(&key).await.unwrap().unwrap().revision;
    let asks = (0..30).map(|n| {
        let daemon = daemons[n % daemons.len()].clone();
        let answer = submit("collect.school-1", json!({ "pupils": 60, "low": n }));
        let seen = Some(Seen { what: Thing::Run, etag: seen.to_string() });
        let mut task = step_task(&key, answer);
        task.by.seen = seen;
        tokio::spawn(async move { daemon.ask(task).await })
    });
    let answers: Vec<_> = join_all(asks).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers.iter().filter(|a| a.is_ok()).count(), 1, "{answers:?}");
    let stale = |a: &&Result<Done, AskError>| matches!(a, Err(AskError::Stale));
    assert_eq!(answers.iter().filter(stale).count(), 29, "{answers:?}");
    let now = daemons[0].store().run(&key).await.unwrap().unwrap();
    assert_eq!(now.revision, seen + 1);
    assert_eq!(count::<submission::Entity>(daemons[0].store()).await, 1);
}

/// Something that is done to a run after a while.
#[derive(Debug, Clone)]
struct Act {
    after: SignedDuration,
    what: u8,
    number: Index,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    // The ordinary course of things first of all, so that runs get far.
    let what = prop_oneof![6 => 0..5u8, 3 => 5..10u8, 1 => 10..17u8, 2 => Just(17u8)];
    let hours = prop_oneof![5 => 0..30i64, 1 => 0..900i64];
    let act = (hours, what, any::<Index>()).prop_map(|(hours, what, number)| Act {
        after: SignedDuration::from_hours(hours),
        what,
        number,
    });
    prop::collection::vec(act, 1..25)
}

impl Act {
    fn command(&self, run: &Run, today: jiff::civil::Date) -> Command {
        let school = || "school-1".to_owned();
        let key = |stage: &str| AssignmentKey::new(stage, "school-1");
        let later = today.saturating_add(jiff::Span::new().days(7 + self.number.index(40) as i64));
        let text = "причина".to_owned();
        let stage =
            run.stages.iter().find(|s| s.state == StageState::Active).map_or("", |s| s.id.as_str());
        match self.what {
            0 => submit(
                "collect.school-1",
                json!({ "pupils": 60, "low": 15 + self.number.index(46) }),
            ),
            1 => Command::Approve {
                stage: "recommend".into(),
                organisations: vec![],
                outgoing: String::new(),
            },
            2 => submit("recommend.school-1", json!({})),
            3 => {
                let texts = ["План", "Отчёт"].map(str::to_owned);
                let measures = texts
                    .into_iter()
                    .take(self.number.index(3))
                    .map(|text| NewMeasure { text, organisations: vec![school()], due: later })
                    .collect();
                decide("47-од", Some(measures), today)
            }
            4 => submit("measure-1.school-1", json!({ "report": "Готово" })),
            5 => Command::AcceptMeasure { measure: 1 },
            6 => Command::ReturnMeasure { measure: 1, comment: text, due: None },
            7 => Command::Extend { assignment: key(stage), due: later, reason: text },
            8 => Command::Revise { recommendation: key("recommend"), texts: vec![text] },
            9 => Command::Wake,
            10 => Command::Waive { assignment: key(stage), reason: text },
            11 => Command::Discard { recommendation: key("recommend"), reason: text },
            12 => Command::StageFailed { stage: stage.into(), reason: text },
            13 => Command::Retry,
            14 => Command::LetterRefused {
                letter: format!("{}/collect.school-1/asked", run.key),
                organisation: school(),
                reason: text,
            },
            17 => {
                let renew = self.number.index(3) > 0;
                Command::SendLink { assignment: key("collect"), renew, reason: text }
            }
            15 => Command::Cancel { reason: text },
            _ => Command::Skip { reason: text },
        }
    }
}

/// Notes every step of one run.
struct Notes {
    of: RunKey,
    steps: Vec<(Run, Outcome, Timestamp)>,
}

impl People for Notes {
    fn react(&mut self, world: &World<'_>, run: &Run, outcome: &Outcome) -> Vec<Plan> {
        if run.key == self.of {
            self.steps.push((run.clone(), outcome.clone(), world.now()));
        }
        vec![]
    }
}

/// A daemon's memory of runs, as its committer keeps it from batch to batch.
struct Memory {
    store: Store,
    left: Remembered,
}

async fn what_is_stored_loads_back_equal(base: Base) {
    let memories = base.stores().await.into_iter();
    let mut memories: Vec<Memory> =
        memories.map(|store| Memory { store, left: Remembered::default() }).collect();
    let road_map = small_road_map();
    let mut case = 0;
    let mut runner =
        TestRunner::new(Config { cases: 50, failure_persistence: None, ..Config::default() });
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let lived = tokio::task::block_in_place(|| {
        let case = std::cell::RefCell::new(&mut case);
        let seen = std::cell::RefCell::new(&mut seen);
        let memories = std::cell::RefCell::new(&mut memories);
        let turns = prop::collection::vec(any::<Index>(), 1..50);
        runner.run(&(acts(), turns), |(acts, turns)| {
            **case.borrow_mut() += 1;
            let key: RunKey = format!("m/careful/2027.case-{}", case.borrow()).parse().unwrap();
            let mut people = Notes { of: key.clone(), steps: vec![] };
            let mut world = World::new(&road_map, morning());
            world.open(key.clone(), vec![], Why::Request, "test", &mut people).unwrap();
            for act in acts {
                let until = world.now() + act.after;
                world.live(until, &mut people);
                let today = road_map.municipality.today(world.now());
                let command = act.command(&world.runs[&key], today);
                // What is refused changes nothing; the next act may be right.
                world.command(&key, command, "test", &mut people).ok();
            }
            seen.borrow_mut().insert(world.runs[&key].state.as_str());
            let mut memories = memories.borrow_mut();
            Handle::current().block_on(write_and_load(&mut memories, &turns, people.steps))
        })
    });
    lived.unwrap();
    assert!(seen.contains("completed"), "runs get to their end: {seen:?}");
}

/// Writes a run step by step, each by the daemon that is its turn, and compares what loads back after
/// each, and what each daemon makes of the run as it remembers it.
async fn write_and_load(
    memories: &mut [Memory],
    turns: &[Index],
    steps: Vec<(Run, Outcome, Timestamp)>,
) -> Result<(), TestCaseError> {
    let store = memories[0].store.clone();
    let mut before: Option<Run> = None;
    let mut turns = turns.iter().cycle();
    let mut entries = Vec::new();
    let mut letters = BTreeSet::new();
    let mut newest = None;
    let mut revision = 0;
    let key = steps.first().map(|(run, ..)| run.key.clone());
    for (run, outcome, at) in steps {
        entries.extend(outcome.entries.clone());
        letters.extend(outcome.letters.iter().map(|l| l.key.clone()));
        newest = outcome.submissions.last().cloned().or(newest);
        let analyses = outcome.analyses.clone();
        let Memory { store: writer, left } = turns.next().unwrap().get_mut(memories);
        let mut batch = writer.begin().await.unwrap().remembering(std::mem::take(left));
        batch.load([run.key.clone()]).await.unwrap();
        prop_assert_eq!(batch.run(&run.key), before.as_ref());
        before = Some(run.clone());
        match batch.run_mut(&run.key) {
            Some(stored) => *stored = run.clone(),
            None => batch.insert(run.clone()),
        }
        batch.record(&run.key, outcome, at);
        *left = batch.leave();
        batch.commit().await.unwrap();

        let id = run.key.to_string();
        let loaded = store.run(&run.key).await.unwrap().unwrap();
        prop_assert!(loaded.revision > revision, "the revision grows");
        revision = loaded.revision;
        for (key, assignment) in run.assignments.iter() {
            let token = store.secret().token(&format!("{id}/{key}"), assignment.link);
            let opened = store.assignment_by_token(&Secret::hash(&token)).await.unwrap();
            prop_assert_eq!(opened.map(|row| row.id), Some(format!("{id}/{key}")), "its link");
        }
        prop_assert_eq!(loaded.run, run);
        for (stage, analysis) in analyses {
            let stored = store.analyses(&id).await.unwrap();
            let row = stored.iter().find(|row| row.stage == stage).unwrap();
            let body: vekha_analysis::Outcome = serde_json::from_str(&row.body).unwrap();
            prop_assert_eq!(body, analysis);
        }
        if let Some(submission) = &newest {
            let assignment = format!("{id}/{}", submission.assignment);
            let row = store.newest_submission(&assignment).await.unwrap().unwrap();
            let stored: vekha_analysis::Values = serde_json::from_str(&row.answers).unwrap();
            prop_assert_eq!(row.version as u32, submission.version);
            prop_assert_eq!(stored, submission.answers.clone());
        }
    }
    let Some(key) = key else { return Ok(()) };
    let journal = store.journal_of(&key.to_string()).await.unwrap();
    let stored: Vec<Entry> = journal.into_iter().map(|row| entry(row).1).collect();
    prop_assert_eq!(stored, entries);
    let of_run = Filter { run: Some(key.to_string()), ..Filter::default() };
    let stored = store.list_messages(&of_run, &Page::first(999)).await.unwrap();
    let stored: BTreeSet<String> = stored.into_iter().map(|row| row.key).collect();
    prop_assert_eq!(stored, letters);
    Ok(())
}

async fn a_run_of_an_older_release_goes_on_after_the_upgrade(base: Base) {
    let store = base.store().await;
    write(&store, "a", Outcome::default()).await;
    store.close().await.unwrap();
    let beside = base.beside().await;
    if base.is_shared() {
        for statement in [
            "DROP INDEX assignment_by_revision",
            "CREATE INDEX assignment_by_run ON assignment (run)",
        ] {
            beside.execute_unprepared(statement).await.unwrap();
        }
    }
    for statement in [
        "DELETE FROM seaql_migrations WHERE version > 'm0009'",
        "ALTER TABLE assignment DROP COLUMN revision",
        "ALTER TABLE recommendation DROP COLUMN revision",
        "ALTER TABLE decision DROP COLUMN revision",
        "ALTER TABLE measure DROP COLUMN revision",
        "UPDATE run SET body = replace(body, ',\"told_since\":0', '')",
    ] {
        beside.execute_unprepared(statement).await.unwrap();
    }
    beside.close().await.unwrap();
    let daemons = base.daemons(&Clock::manual(morning())).await;
    let key = survey_run("a");
    let assignment = AssignmentKey::new("collect", "school-1");
    let due = |n: usize| jiff::civil::date(2027, 12, 6 + n as i8);
    let extend = |n| Command::Extend {
        assignment: assignment.clone(),
        due: due(n),
        reason: "причина".into(),
    };
    let answer = submit("collect.school-1", json!({ "pupils": 60, "low": 1 }));
    for (n, command) in (0..5).map(extend).chain([answer]).enumerate() {
        daemons[n % daemons.len()].ask(step_task(&key, command)).await.unwrap();
    }
    // Who answered had remembered an earlier date.
    let run = daemons[0].store().run(&key).await.unwrap().unwrap().run;
    assert_eq!(
        (run.assignments[&assignment].due, run.assignments[&assignment].version),
        (due(4), 1)
    );
}

/// Writes what an older release would: it knows nothing of revisions of what belongs to runs.
async fn write_as_an_older_release(beside: &sea_orm::DatabaseConnection) {
    for statement in [
        "UPDATE assignment SET state = 'waived', body = replace(body, '\"open\"', '\"waived\"')",
        "UPDATE run SET revision = revision + 1,
            body = regexp_replace(body, ',\"told_since\":[0-9]+', '')",
    ] {
        let done = beside.execute_unprepared(statement).await.unwrap();
        assert_eq!(done.rows_affected(), 1, "{statement}");
    }
}

#[tokio::test]
async fn what_an_older_release_wrote_is_missed_by_nobody_who_remembers_the_run() {
    let base = Base::postgres().await;
    let (store, beside) = (base.store().await, base.beside().await);
    let (run, outcome) = opened(&small_road_map(), "a");
    let key = run.key.clone();
    let mut batch = store.begin().await.unwrap();
    batch.insert(run);
    batch.record(&key, outcome, morning());
    let mut left = batch.leave();
    batch.commit().await.unwrap();
    write_as_an_older_release(&beside).await;
    // Another daemon of this release writes last.
    let mut batch = store.begin().await.unwrap();
    batch.load([key.clone()]).await.unwrap();
    batch.record(&key, Outcome::default(), morning());
    batch.commit().await.unwrap();
    let stored = store.run(&key).await.unwrap().unwrap();
    let school = AssignmentKey::new("collect", "school-1");
    assert_eq!(stored.run.assignments[&school].state, AssignmentState::Waived);
    for _ in 0..2 {
        let mut batch = store.begin().await.unwrap().remembering(left);
        batch.load([key.clone()]).await.unwrap();
        assert_eq!(batch.run(&key), Some(&stored.run));
        left = batch.leave();
        batch.rollback().await.unwrap();
    }
}

// The outbox.

async fn a_message_is_claimed_by_one_worker_only(base: Base) {
    const MESSAGES: usize = 200;
    let stores = base.stores().await;
    write(&stores[0], "a", letters((0..MESSAGES).map(|n| format!("letter-{n}")))).await;
    let workers = (0..8).map(|n| {
        let store = stores[n % stores.len()].clone();
        tokio::spawn(async move {
            let mut claimed = Vec::new();
            while !store.due_messages(morning(), 1).await.unwrap().is_empty() {
                claimed.extend(claim(&store, morning(), 3).await);
            }
            claimed
        })
    });
    let claimed: Vec<outbox::Model> =
        join_all(workers).await.into_iter().flat_map(Result::unwrap).collect();
    assert!(claimed.iter().all(|row| row.attempts == 1 && !row.uncertain));
    let keys: BTreeSet<&str> = claimed.iter().map(|row| row.key.as_str()).collect();
    assert_eq!((claimed.len(), keys.len()), (MESSAGES, MESSAGES));
}

async fn messages_are_seen_with_the_work_that_may_bring_more_at_one_moment(base: Base) {
    const PAIRS: usize = 100;
    let stores = base.stores().await;
    let (reader, writer) = (stores[0].clone(), stores[stores.len() - 1].clone());
    // Each first letter comes with a job; doing it brings the second.
    let writing = tokio::spawn(async move {
        for n in 0..PAIRS {
            let job = Job::Analyze { run: survey_run("a"), stage: n.to_string() };
            let first = Outcome { jobs: vec![job.clone()], ..letters([format!("{n}/first")]) };
            write(&writer, "a", first).await;
            let mut batch = writer.begin().await.unwrap();
            batch.load([survey_run("a")]).await.unwrap();
            batch.record(&survey_run("a"), letters([format!("{n}/second")]), morning());
            batch.done(&job.key());
            batch.commit().await.unwrap();
        }
    });
    let mut complete = 0;
    while complete < PAIRS {
        let last = writing.is_finished();
        let due = reader.due_messages(morning(), 9 * PAIRS as u64).await.unwrap();
        if due.iter().any(|message| message.work) {
            assert!(due.iter().all(|message| message.work));
            continue;
        }
        let seen = |which: &str| due.iter().filter(|m| m.key.ends_with(which)).count();
        assert_eq!(seen("first"), seen("second"), "a letter without its companion");
        complete = seen("first");
        assert!(!last || complete == PAIRS, "{complete} of {PAIRS} were written");
    }
    writing.await.unwrap();
}

async fn a_claim_whose_lease_ran_out_is_tried_again_and_marked_uncertain(base: Base) {
    let store = base.store().await;
    write(&store, "a", letters(["one".into(), "two".into()])).await;
    assert_eq!(claim(&store, morning() - LEASE, 9).await.len(), 0);
    let first = claim(&store, morning(), 1).await;
    assert_eq!(first[0].key, "one");
    let almost = morning() + LEASE - SignedDuration::from_micros(1);
    assert_eq!(claim(&store, almost, 9).await[0].key, "two");
    assert_eq!(claim(&store, almost, 9).await, []);
    let again = claim(&store, morning() + LEASE, 9).await;
    assert_eq!(again.len(), 1);
    assert_eq!((again[0].key.as_str(), again[0].uncertain, again[0].attempts), ("one", true, 2));
    let kept = store.message("one").await.unwrap().unwrap();
    assert_eq!((kept.state.as_str(), kept.uncertain, kept.attempts), ("sending", true, 2));
    // Once in doubt, always in doubt: a later certain failure does not undo it.
    let at = morning() + LEASE * 2;
    let retry = Delivery::Retry { at, uncertain: false, error: "занято".into() };
    // Whoever lost the claim changes nothing by what it says, the new holder does.
    let late = vec![(first[0].clone(), Delivery::Sent)];
    assert_eq!(store.settle_messages(&late, at).await.unwrap(), ["one"]);
    assert_eq!(store.message("one").await.unwrap().unwrap().state, "sending");
    settle(&store, &again, "one", retry, at).await;
    let third = claim(&store, at, 9).await;
    let third = third.iter().find(|row| row.key == "one").unwrap();
    assert_eq!((third.uncertain, third.attempts, third.error.as_str()), (true, 3, "занято"));
}

async fn a_message_is_settled_as_its_delivery_ended(base: Base) {
    let store = base.store().await;
    let keys = ["sent", "retried", "doubted", "failed", "obsolete"].map(str::to_owned);
    write(&store, "a", letters(keys)).await;
    let claimed = claim(&store, morning(), 9).await;
    assert_eq!(claimed.len(), 5);
    let at = morning() + SignedDuration::from_mins(1);
    let error = || "ошибка".to_owned();
    let results = [
        ("sent".to_owned(), Delivery::Sent),
        ("retried".into(), Delivery::Retry { at, uncertain: false, error: error() }),
        ("doubted".into(), Delivery::Retry { at, uncertain: true, error: error() }),
        ("failed".into(), Delivery::Failed { error: error() }),
        ("obsolete".into(), Delivery::Obsolete),
    ];
    for (key, delivery) in results {
        settle(&store, &claimed, &key, delivery, morning()).await;
    }
    let told = store.due_jobs(Jobs::Own, morning(), 9).await.unwrap();
    assert_eq!(told.len(), 0, "a notice that did not arrive is not told of by another");
    let mut states = BTreeMap::new();
    for row in store.list_messages(&Filter::default(), &Page::first(9)).await.unwrap() {
        states.insert(row.key, (row.state, row.uncertain, row.error, row.sent_at.is_some()));
    }
    let state = |state: &str, uncertain, error: &str, sent| {
        (state.to_owned(), uncertain, error.to_owned(), sent)
    };
    assert_eq!(states["sent"], state("sent", false, "", true));
    assert_eq!(states["retried"], state("pending", false, "ошибка", false));
    assert_eq!(states["doubted"], state("pending", true, "ошибка", false));
    assert_eq!(states["failed"], state("failed", false, "ошибка", false));
    assert_eq!(states["obsolete"], state("obsolete", false, "", false));
    assert_eq!(store.next_message_at().await.unwrap(), Some(at.as_microsecond()));
    // What failed or is put off can be made due at once; what is done with stays so.
    for (key, expected) in
        [("failed", true), ("retried", true), ("sent", false), ("obsolete", false), ("no", false)]
    {
        assert_eq!(retry(&store, key, morning()).await, expected, "{key}");
    }
    let due = claim(&store, morning(), 9).await;
    let due: BTreeSet<&str> = due.iter().map(|row| row.key.as_str()).collect();
    assert_eq!(due, BTreeSet::from(["failed", "retried"]));
}

async fn letters_that_are_held_are_neither_due_nor_claimed_whatever_was_seen_before(base: Base) {
    let (runtime, _) = base.daemon(&Clock::manual(morning())).await;
    let store = runtime.store();
    write(store, "a", letters(["1".to_owned(), "2".to_owned()])).await;
    let seen = store.due_messages(morning(), 9).await.unwrap();
    assert_eq!(seen.len(), 2);
    let parcels: Vec<Parcel> =
        seen.into_iter().map(|due| Parcel { keys: vec![due.key], digest: None }).collect();
    let hold = async |paused: bool| {
        let pause = Pause { paused, reason: "Не тот срок", actor: "anna" };
        assert_eq!(runtime.hold_letters("m", pause, None, None).await.unwrap(), Paused::Now);
    };
    hold(true).await;
    // Another daemon had looked before.
    let claimed = store.claim(&parcels, LEASE, morning()).await.unwrap();
    assert_eq!(claimed.concat(), []);
    assert_eq!(store.due_messages(morning(), 9).await.unwrap(), []);
    assert_eq!(store.next_message_at().await.unwrap(), None);
    hold(false).await;
    assert!(store.next_message_at().await.unwrap().is_some());
    assert_eq!(claim(store, morning(), 9).await.len(), 2);
}

async fn an_address_is_what_became_of_the_newest_letter_to_it(base: Base) {
    let clock = Clock::manual(morning());
    let (runtime, _) = base.daemon(&clock).await;
    let store = runtime.store();
    let keys = ["1", "2", "3", "4"].map(str::to_owned);
    write(store, "a", letters(keys)).await;
    let settle = async |key: &str, delivery: Delivery, minutes: i64| {
        let at = morning() + SignedDuration::from_mins(minutes);
        conclude(store, key, delivery, at).await;
    };
    let state = async |code: &str| {
        let version = runtime.road_maps().newest("m").unwrap();
        let addresses = Addresses::load(&runtime, &version).await.unwrap();
        addresses.of(version.road_map.organisation(code).unwrap())
    };
    let moment = |minutes| morning() + SignedDuration::from_mins(minutes);
    let refused = |reason: &str, minutes| AddressState::Refused {
        at: moment(minutes),
        reason: reason.to_owned(),
    };
    assert_eq!(state("office").await, AddressState::Untried);
    settle("1", Delivery::Failed { error: "нет ящика".into() }, 1).await;
    assert_eq!(state("office").await, refused("нет ящика", 1));
    // What is under way or of no use says nothing.
    let later = Delivery::Retry { at: moment(9), uncertain: false, error: "занято".into() };
    settle("2", later, 2).await;
    settle("3", Delivery::Obsolete, 3).await;
    assert_eq!(state("office").await, refused("нет ящика", 1));
    settle("4", Delivery::Sent, 4).await;
    assert_eq!(state("office").await, AddressState::Working { at: moment(4) });
    settle("2", Delivery::Failed { error: "ящик полон".into() }, 5).await;
    assert_eq!(state("office").await, refused("ящик полон", 5));
    assert_eq!(state("school-1").await, AddressState::Untried);
    // One row for each organisation, whatever else there is.
    let newest = store.newest_letters("m", &["office", "school-1"]).await.unwrap();
    assert_eq!(newest.len(), 1);
    assert_eq!(store.newest_letters("other", &["office"]).await.unwrap(), []);

    // A letter that is tried again waits for its new end.
    assert!(retry(store, "2", moment(6)).await);
    assert_eq!(state("office").await, AddressState::Working { at: moment(4) });
    settle("2", Delivery::Failed { error: "ящик полон".into() }, 7).await;

    // An address that was changed has refused nothing yet.
    let mut files = small::files();
    let registry = files.0.get_mut("organisations.toml").unwrap();
    *registry = registry.replace("office@example.org", "new@example.org");
    clock.set(moment(8));
    runtime.apply(files, "test").await.unwrap();
    assert_eq!(state("office").await, AddressState::Untried);
    end(runtime).await;
}

async fn a_letter_goes_to_all_who_read_for_the_organisation(base: Base) {
    let (runtime, letterbox) = base.daemon(&Clock::manual(morning())).await;
    let mut files = small::files();
    files.0.get_mut("organisations.toml").unwrap().push_str(
        "[[organisation.contact]]\nname = \"Орлова\"\nemail = \"orlova@example.org\"\nletters = true\n\
         [[organisation.contact]]\nname = \"Зуева\"\nemail = \"zueva@example.org\"\n",
    );
    runtime.apply(files, "test").await.unwrap();
    runtime.ask(open_task(survey_run("a"))).await.unwrap();
    runtime.settle().await.unwrap();
    let letters = letterbox.letters();
    let asked = letters.iter().find(|l| l.to[0].email == "school-1@example.org").unwrap();
    let to: Vec<_> = asked.to.iter().map(|to| (to.name.as_str(), to.email.as_str())).collect();
    assert_eq!(to, [("Школа № 1", "school-1@example.org"), ("Орлова", "orlova@example.org")]);
    end(runtime).await;
}

async fn letters_that_come_again_and_again_name_their_list(base: Base) {
    let clock = Clock::manual(morning());
    let (runtime, letterbox) = base.daemon(&clock).await;
    runtime.ask(open_task(survey_run("a"))).await.unwrap();
    runtime.settle().await.unwrap();
    // On the day, which is two weeks away.
    for day in 1..=16 {
        clock.set(morning() + SignedDuration::from_hours(24 * day));
        runtime.settle().await.unwrap();
    }
    let letters = letterbox.letters();
    let lists = |kind: &str| -> Vec<String> {
        let of = letters.iter().filter(|letter| letter.key.contains(kind));
        of.map(|letter| letter.list.clone()).collect()
    };
    assert_eq!(lists("/reminder/"), ["reminders.m"]);
    let once = letters.iter().filter(|letter| letter.list.is_empty());
    assert!(once.count() > 0, "what asks at first belongs to no list");
    runtime.ask(open_task(survey_run("b"))).await.unwrap();
    runtime.ask(open_task(survey_run("c"))).await.unwrap();
    runtime.settle().await.unwrap();
    assert_eq!(letterbox.letters().last().unwrap().list, "digests.m");
    end(runtime).await;
}

async fn claims_of_a_daemon_that_died_are_released(base: Base) {
    let store = base.store().await.named("one/127.0.0.1:7140");
    write(&store, "a", letters(["one".into(), "two".into(), "three".into(), "four".into()])).await;
    let claimed = claim(&store, morning(), 2).await;
    settle(&store, &claimed, &claimed[0].key, Delivery::Sent, morning()).await;
    // What another daemon is sending stays its own.
    let beside =
        if base.is_shared() { store.clone().named("one/127.0.0.1:71") } else { store.clone() };
    let theirs = claim(&beside, morning(), 1).await;
    let own = if base.is_shared() { 1 } else { 2 };
    assert_eq!(store.release_claims(morning()).await.unwrap(), own);
    assert_eq!(store.release_claims(morning()).await.unwrap(), 0);
    let due = claim(&store, morning(), 9).await;
    let due: BTreeMap<&str, bool> = due.iter().map(|r| (r.key.as_str(), r.uncertain)).collect();
    assert_eq!(due.len() as u64, 1 + own, "what was sent is not sent again");
    assert!(due[claimed[1].key.as_str()], "whether it went out is unknown");
    assert_eq!(due.contains_key(theirs[0].key.as_str()), !base.is_shared());
    assert_eq!(due.values().filter(|uncertain| **uncertain).count() as u64, own);
}

async fn a_letter_asked_for_twice_is_the_first_one(base: Base) {
    let store = base.store().await;
    write(&store, "a", letters(["one".into(), "one".into()])).await;
    let claimed = claim(&store, morning(), 9).await;
    assert_eq!(claimed.len(), 1);
    settle(&store, &claimed, "one", Delivery::Sent, morning()).await;
    write(&store, "a", letters(["one".into(), "two".into()])).await;
    let due = claim(&store, morning(), 9).await;
    assert_eq!(due.iter().map(|row| row.key.as_str()).collect::<Vec<_>>(), ["two"]);
    assert_eq!(store.message("one").await.unwrap().unwrap().state, "sent");
}

// Jobs.

async fn a_job_asked_for_twice_is_one_job(base: Base) {
    let store = base.store().await;
    let job = |stage: &str| Job::Analyze { run: survey_run("a"), stage: stage.into() };
    let asked = |jobs: Vec<Job>| Outcome { jobs, ..Outcome::default() };
    write(&store, "a", asked(vec![job("x"), job("y"), job("x")])).await;
    write(&store, "a", asked(vec![job("y")])).await;
    write(&store, "b", asked(vec![job("y")])).await;
    let due = store.due_jobs(Jobs::Own, morning(), 9).await.unwrap();
    let keys: Vec<&str> = due.iter().map(|row| row.key.as_str()).collect();
    let run = survey_run("a");
    assert_eq!(keys, [format!("analyze/{run}/x"), format!("analyze/{run}/y")]);
    // Done and asked for anew in one step: it is to be done once more.
    let mut batch = store.begin().await.unwrap();
    batch.load([run.clone()]).await.unwrap();
    batch.record(&run, asked(vec![job("x")]), morning());
    batch.done(&job("x").key());
    batch.done(&job("y").key());
    batch.commit().await.unwrap();
    let due = store.due_jobs(Jobs::Own, morning(), 9).await.unwrap();
    let keys: Vec<&str> = due.iter().map(|row| row.key.as_str()).collect();
    assert_eq!(keys, [job("x").key()]);
}

async fn a_wake_is_replaced_by_the_newest_wish(base: Base) {
    let store = base.store().await;
    let (_, opening) = opened(&small_road_map(), "a");
    assert!(opening.wake_at.is_some());
    let wish = |at: Option<i64>| Outcome {
        wake_at: at.map(|hours| morning() + SignedDuration::from_hours(hours)),
        ..Outcome::default()
    };
    let due = |hours: i64| (morning() + SignedDuration::from_hours(hours)).as_microsecond();
    for (hours, expected) in
        [(Some(9), Some(due(9))), (Some(3), Some(due(3))), (Some(7), Some(due(7))), (None, None)]
    {
        write(&store, "a", wish(hours)).await;
        assert_eq!(store.next_due_at().await.unwrap(), expected);
        assert_eq!(count::<job::Entity>(&store).await, usize::from(expected.is_some()));
    }
    // Within one commit, too.
    let mut batch = store.begin().await.unwrap();
    let key = survey_run("a");
    batch.load([key.clone()]).await.unwrap();
    for hours in [Some(5), None, Some(4)] {
        batch.record(&key, wish(hours), morning());
    }
    batch.commit().await.unwrap();
    assert_eq!(store.next_due_at().await.unwrap(), Some(due(4)));
    assert_eq!(store.due_jobs(Jobs::Own, morning(), 9).await.unwrap(), [], "nothing is due yet");
}

// Lists and the journal.

async fn pages_neither_skip_nor_repeat_while_rows_come(base: Base) {
    let store = base.store().await;
    let road_map = small_road_map();
    let write = async |parts: Vec<String>| {
        let mut batch = store.begin().await.unwrap();
        for part in parts {
            let (run, outcome) = opened(&road_map, &part);
            let key = run.key.clone();
            batch.insert(run);
            batch.record(&key, outcome, morning());
        }
        batch.commit().await.unwrap();
    };
    write((0..40).map(|n| format!("k{n:02}5")).collect()).await;
    let filter = Filter { activity: Some("survey".into()), ..Filter::default() };
    let mut after = None;
    let mut read = Vec::new();
    for turn in 0.. {
        let page = Page { after: after.clone(), limit: 7 };
        let rows = store.list_runs(&filter, &page).await.unwrap();
        let Some(last) = rows.last() else { break };
        after = Some(last.id.clone());
        read.extend(rows.into_iter().map(|row| row.id));
        // Others come before and after what has been read.
        if turn < 4 {
            write((0..10).map(|n| format!("k{:02}{turn}", n * 4)).collect()).await;
        }
    }
    let mut ascending = read.clone();
    ascending.sort();
    ascending.dedup();
    assert_eq!(read, ascending, "in order, none twice");
    for n in 0..40 {
        assert!(read.contains(&survey_run(&format!("k{n:02}5")).to_string()), "{n}: {read:?}");
    }
}

async fn a_page_reads_a_part_of_a_run_or_what_belongs_to_an_organisation(base: Base) {
    let store = base.store().await;
    let road_map = small_road_map();
    let mut batch = store.begin().await.unwrap();
    for part in ["a", "b"] {
        let (run, outcome) = opened(&road_map, part);
        let key = run.key.clone();
        batch.insert(run);
        batch.record(&key, outcome, morning());
    }
    batch.commit().await.unwrap();
    let run = survey_run("a").to_string();
    let whole = store.run(&survey_run("a")).await.unwrap().unwrap().run;
    let asked = store.participations(&run).await.unwrap();
    assert_eq!(asked.len(), whole.assignments.len());
    assert_eq!((asked[0].organisation.as_str(), asked[0].state.as_str()), ("school-1", "open"));
    let standings = store.standings_of(&run, &["school-1"]).await.unwrap();
    assert!(standings.iter().all(|(key, a)| whole.assignments.get(key) == Some(a)));
    assert_eq!(standings.len(), 1);
    assert!(store.standings_of(&run, &["office"]).await.unwrap().is_empty());
    let both = [run.clone(), survey_run("b").to_string()];
    let counts = store.counts(&both).await.unwrap();
    assert_eq!(counts.iter().map(|count| count.count).collect::<Vec<_>>(), [1, 1]);
    assert!(counts.iter().all(|count| count.stage == "collect" && count.state == "open"));
    // The journal in parts, and of one organisation.
    let entries = store.journal_length(&run, None).await.unwrap();
    assert_eq!(entries, whole.journal.sequence);
    let newest = store.journal_page(&run, None, 1, 1).await.unwrap();
    assert_eq!(newest[0].sequence as u64, entries - 1);
    assert_eq!(store.journal_length(&run, Some("school-1")).await.unwrap(), 1);
    assert_eq!(store.journal_length(&run, Some("school")).await.unwrap(), 0, "no part of a code");
    let about = store.journal_page(&run, Some("school-1"), 0, 9).await.unwrap();
    assert_eq!(about[0].kind, "asked");
    // All runs in a few words.
    let brief = store.brief_runs("m").await.unwrap();
    assert_eq!(brief.iter().map(|run| run.id.clone()).collect::<Vec<_>>(), both);
    assert!(brief.iter().all(|run| run.state() == Some(RunState::Active)));
    assert_eq!(store.rows_of_runs(&both).await.unwrap().len(), 2);
    assert_eq!(store.keys_of_activity("m", "survey").await.unwrap().len(), 2);
    assert_eq!(store.waiting("m", 0).await.unwrap(), Waiting::default());
    assert!(store.analysed(&both, "analyze").await.unwrap().is_empty());
    assert!(
        store.submissions_by_id(&[format!("{run}/collect.school-1/1")]).await.unwrap().is_empty()
    );
    // An organisation's own.
    let school = Whose { municipality: "m", code: "school-1" };
    assert_eq!(store.duties(school).await.unwrap().len(), 2);
    let letters = store.letters_count(school).await.unwrap();
    assert_eq!(store.letters_to(school, 1, 9).await.unwrap().len() as u64, letters - 1);
    assert!(store.recommended_to(school).await.unwrap().is_empty());
    assert!(store.ordered_from(school).await.unwrap().is_empty());
    assert_eq!(store.newest_letters("m", &["school-1"]).await.unwrap(), []);
}

async fn entries_of_a_municipality_are_found_backwards_by_what_they_say(base: Base) {
    let (daemon, _) = base.daemon(&Clock::manual(morning())).await;
    let key = survey_run("one");
    daemon.ask(open_task(key.clone())).await.unwrap();
    for remark in ["сделано 100%", "сделано 1000"] {
        let remark = Command::Remark { text: remark.to_owned() };
        daemon.ask(step_task(&key, remark)).await.unwrap();
    }
    let store = daemon.store();
    let all = store.journal(None, 0, 100).await.unwrap();
    let whole = (1, all.last().unwrap().cursor + 1);
    let found = async |looked: Looked, between, limit| {
        let rows = store.entries_back(&looked, between, limit).await.unwrap();
        rows.into_iter().map(|row| row.cursor).collect::<Vec<_>>()
    };
    let own = || Looked { municipality: small::MUNICIPALITY.to_owned(), ..Looked::default() };
    let backwards: Vec<i64> = all.iter().rev().map(|row| row.cursor).collect();
    assert_eq!(found(own(), whole, 100).await, backwards);
    assert_eq!(found(own(), (1, backwards[0]), 2).await, backwards[1..3]);
    // Neither sign that stands for others does.
    let percent = Looked { text: "100%".to_owned(), ..own() };
    assert_eq!(found(percent, whole, 100).await, backwards[1..2]);
    let opened = Looked { kind: "run-opened".to_owned(), ..own() };
    assert_eq!(found(opened, whole, 100).await.len(), 1);
    let nobody = Looked { actor: "t_st".to_owned(), ..own() };
    assert_eq!(found(nobody, whole, 100).await, Vec::<i64>::new());
    for other in ["", "mm", "m-2", "M"] {
        let other = Looked { municipality: other.to_owned(), ..Looked::default() };
        assert_eq!(found(other, whole, 100).await, Vec::<i64>::new());
    }
    let first = store.cursor_at(0).await.unwrap();
    assert!(first <= all[0].cursor);
    assert!(store.cursor_at(i64::MAX).await.unwrap() > backwards[0]);
}

async fn a_watcher_of_the_journal_misses_nothing_while_runs_are_written(base: Base) {
    let daemons = base.daemons(&Clock::manual(morning())).await;
    let done = Arc::new(AtomicBool::new(false));
    let watcher = {
        let (store, done) = (daemons[0].store().clone(), done.clone());
        tokio::spawn(async move {
            let mut read: Vec<journal::Model> = Vec::new();
            loop {
                // Asked for before looking, so that the last look comes after the last entry.
                let last = done.load(Ordering::SeqCst);
                let cursor = read.last().map_or(0, |entry| entry.cursor);
                let page = store.journal(None, cursor, 50).await.unwrap();
                if page.is_empty() && last {
                    return read;
                }
                read.extend(page);
            }
        })
    };
    let writers = (0..8).map(|writer| {
        let daemon = daemons[writer % daemons.len()].clone();
        tokio::spawn(async move {
            for n in 0..25 {
                let key = survey_run(&format!("{writer}-{n}"));
                daemon.ask(open_task(key.clone())).await.unwrap();
                let answer = submit("collect.school-1", json!({ "pupils": 60, "low": n }));
                daemon.ask(step_task(&key, answer)).await.unwrap();
            }
        })
    });
    for writer in join_all(writers).await {
        writer.unwrap();
    }
    done.store(true, Ordering::SeqCst);
    let read = watcher.await.unwrap();
    assert!(read.windows(2).all(|two| two[0].cursor < two[1].cursor));
    assert_eq!(read.len(), count::<journal::Entity>(daemons[0].store()).await, "none is missed");
    assert_eq!(whole(read), 200);
}

// Schedules.

/// Periods of an activity's runs with their states.
async fn runs_of(runtime: &Runtime, activity: &str) -> Vec<String> {
    let filter = Filter { activity: Some(activity.into()), ..Filter::default() };
    let rows = runtime.store().list_runs(&filter, &Page::first(99)).await.unwrap();
    rows.into_iter().map(|row| format!("{} {}", row.period, row.state)).collect()
}

async fn caught_up_by_policy(runtime: &Runtime) {
    assert_eq!(runs_of(runtime, "latest").await, ["2027-Q4 active"]);
    assert_eq!(
        runs_of(runtime, "all").await,
        ["2027-Q1 active", "2027-Q2 active", "2027-Q3 active", "2027-Q4 active"]
    );
    assert_eq!(runs_of(runtime, "skip").await, [""; 0]);
    assert_eq!(
        runs_of(runtime, "overlap-wait").await,
        ["2027-Q1 active", "2027-Q2 waiting", "2027-Q3 waiting", "2027-Q4 waiting"]
    );
}

async fn openings_missed_while_the_daemon_was_down_are_caught_up_by_policy(base: Base) {
    let clock = Clock::manual(instant("2027-01-05T10:00"));
    let (runtime, _) = base.daemon(&clock).await;
    runtime.settle().await.unwrap();
    assert_eq!(count::<run::Entity>(runtime.store()).await, 0, "nothing is due yet");
    end(runtime).await;
    clock.set(instant("2027-11-02T10:00"));
    let (runtime, _) = base.daemon(&clock).await;
    runtime.settle().await.unwrap();
    caught_up_by_policy(&runtime).await;
    // Once: a further look, and a further start, find nothing more.
    let entries = count::<journal::Entity>(runtime.store()).await;
    runtime.settle().await.unwrap();
    end(runtime).await;
    let (runtime, _) = base.daemon(&clock).await;
    runtime.settle().await.unwrap();
    assert_eq!(count::<journal::Entity>(runtime.store()).await, entries);
}

async fn openings_missed_while_paused_are_caught_up_by_policy(base: Base) {
    let clock = Clock::manual(instant("2027-01-05T10:00"));
    let (runtime, _) = base.daemon(&clock).await;
    let activities = ["latest", "all", "skip", "overlap-wait", "overlap-skip"];
    for id in activities {
        assert!(pause(&runtime, id, true, "ремонт").await);
    }
    assert_eq!(runtime.next_due().await.unwrap(), None);
    for moment in ["2027-01-11T10:00", "2027-04-01T10:00", "2027-07-05T10:00"] {
        clock.set(instant(moment));
        runtime.settle().await.unwrap();
    }
    assert_eq!(count::<run::Entity>(runtime.store()).await, 0, "it is paused");
    clock.set(instant("2027-11-02T10:00"));
    for id in activities {
        assert!(pause(&runtime, id, false, "").await);
    }
    assert!(!pause(&runtime, "unknown", false, "").await);
    runtime.settle().await.unwrap();
    caught_up_by_policy(&runtime).await;
}

async fn what_falls_due_just_now_was_not_missed(base: Base) {
    let clock = Clock::manual(instant("2027-01-05T10:00"));
    let (runtime, _) = base.daemon(&clock).await;
    let due = runtime.next_due().await.unwrap().unwrap();
    assert_eq!(due, instant("2027-01-11T09:00"));
    clock.set(due);
    runtime.settle().await.unwrap();
    for id in ["latest", "all", "skip"] {
        assert_eq!(runs_of(&runtime, id).await, ["2027-Q1 active"], "{id}");
    }
}

async fn a_pause_is_not_undone_by_a_turn_under_way(base: Base) {
    let clock = Clock::manual(instant("2027-01-05T10:00"));
    let daemons = base.daemons(&clock).await;
    let last = daemons.last().unwrap();
    for year in 2027..2047 {
        // Openings of all activities are due, and one of them is paused while they are opened.
        clock.set(instant(&format!("{year}-01-15T10:00")));
        let (turned, paused) =
            tokio::join!(daemons[0].settle(), pause(last, "overlap-wait", true, "ремонт"));
        turned.unwrap();
        assert!(paused);
        let rows = last.store().activities("m").await.unwrap();
        let row = rows.iter().find(|row| row.activity == "overlap-wait").unwrap();
        assert!(row.paused, "{year}: {row:?}");
        assert_eq!((row.reason.as_str(), row.actor.as_str()), ("ремонт", "test"));
        assert!(pause(last, "overlap-wait", false, "").await);
    }
}

async fn runs_that_must_not_overlap_are_skipped_or_wait(base: Base) {
    let clock = Clock::manual(instant("2027-01-05T10:00"));
    let (runtime, _) = base.daemon(&clock).await;
    let first = |activity: &str| -> RunKey { format!("m/{activity}/2027-Q1").parse().unwrap() };
    for moment in ["2027-01-11T10:00", "2027-04-01T10:00"] {
        clock.set(instant(moment));
        runtime.settle().await.unwrap();
    }
    assert_eq!(runs_of(&runtime, "overlap-skip").await, ["2027-Q1 active", "2027-Q2 skipped"]);
    assert_eq!(runs_of(&runtime, "overlap-wait").await, ["2027-Q1 active", "2027-Q2 waiting"]);
    let today = jiff::civil::date(2027, 4, 1);
    for activity in ["overlap-skip", "overlap-wait"] {
        runtime.ask(step_task(&first(activity), decide("1", None, today))).await.unwrap();
    }
    runtime.settle().await.unwrap();
    assert_eq!(runs_of(&runtime, "overlap-wait").await, ["2027-Q1 completed", "2027-Q2 active"]);
    clock.set(instant("2027-07-01T10:00"));
    runtime.settle().await.unwrap();
    assert_eq!(
        runs_of(&runtime, "overlap-skip").await,
        ["2027-Q1 completed", "2027-Q2 skipped", "2027-Q3 active"]
    );
    assert_eq!(
        runs_of(&runtime, "overlap-wait").await,
        ["2027-Q1 completed", "2027-Q2 active", "2027-Q3 waiting"]
    );
}

async fn work_left_by_a_daemon_that_ended_is_done_by_the_next(base: Base) {
    let clock = Clock::manual(morning());
    let (runtime, nothing) = base.daemon(&clock).await;
    let key = survey_run("a");
    runtime.ask(open_task(key.clone())).await.unwrap();
    let answer = submit("collect.school-1", json!({ "pupils": 60, "low": 30 }));
    runtime.ask(step_task(&key, answer)).await.unwrap();
    // It dies with a letter at the mail server, and with everything else still to be done.
    let claimed = claim(runtime.store(), morning(), 1).await.remove(0);
    assert_eq!(nothing.letters().len(), 0);
    end(runtime).await;

    let (runtime, letterbox) = base.daemon(&clock).await;
    runtime.settle().await.unwrap();
    if runtime.store().is_shared() {
        // The dead daemon's lease must run out first: it might be alive.
        assert!(letterbox.letters().iter().all(|letter| letter.key != claimed.key));
        clock.set(morning() + LEASE);
        runtime.settle().await.unwrap();
    }
    let run = runtime.store().run(&key).await.unwrap().unwrap().run;
    let active: Vec<&str> = run
        .stages
        .iter()
        .filter(|s| s.state == StageState::Active)
        .map(|s| s.id.as_str())
        .collect();
    assert_eq!(active, ["decide"]);
    assert_eq!(run.recommendations.len(), 1);
    let mut keys: Vec<String> = letterbox.letters().into_iter().map(|l| l.key).collect();
    keys.sort();
    let expected = [
        "collect.school-1/receipt/1",
        "decide/decision-due/2027-03-01",
        "recommend.school-1/asked",
    ];
    assert_eq!(keys, expected.map(|suffix| format!("{key}/{suffix}")));
    // Who has answered is not asked, though that letter may have left before the daemon died.
    let asked = format!("{key}/collect.school-1/asked");
    assert_eq!(claimed.key, asked);
    for row in runtime.store().list_messages(&Filter::default(), &Page::first(9)).await.unwrap() {
        assert_eq!(row.state, if row.key == asked { "obsolete" } else { "sent" });
        assert_eq!(row.uncertain, row.key == claimed.key, "{}", row.key);
    }
}

// Two daemons.

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn daemons_that_start_at_the_same_time_agree_on_the_schema_and_the_road_map() {
    let base = Base::postgres().await;
    let clock = Clock::manual(morning());
    let daemons = join_all((0..4).map(|_| base.daemon(&clock))).await;
    for (daemon, _) in &daemons {
        assert_eq!(daemon.road_maps().newest("m").unwrap().number, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_road_map_applied_by_one_daemon_is_in_force_for_all() {
    let base = Base::postgres().await;
    let clock = Clock::manual(morning());
    let (one, _) = base.daemon(&clock).await;
    let (other, _) = base.daemon(&clock).await;
    let mut files = small::files();
    let survey = files.0.get_mut("activities/1-survey.toml").unwrap();
    *survey = survey.replace("Об итогах", "Об итогах опроса");
    one.apply(files.clone(), "test").await.unwrap();
    // A run opened under the new version is carried on by the daemon that did not apply it.
    let key = survey_run("a");
    one.ask(open_task(key.clone())).await.unwrap();
    let answer = submit("collect.school-1", json!({ "pupils": 60, "low": 30 }));
    other.ask(step_task(&key, answer)).await.unwrap();
    other.settle().await.unwrap();
    let today = jiff::civil::date(2027, 3, 1);
    other.ask(step_task(&key, decide("1", None, today))).await.unwrap();
    let run = one.store().run(&key).await.unwrap().unwrap().run;
    assert_eq!((run.road_map, run.state), (2, RunState::Completed));
    assert_eq!(run.decisions[0].document.title, "Об итогах опроса");
    // New runs follow it everywhere, and applying it again changes nothing.
    other.ask(open_task(survey_run("b"))).await.unwrap();
    assert_eq!(other.store().run(&survey_run("b")).await.unwrap().unwrap().run.road_map, 2);
    assert_eq!(other.apply(files, "test").await.unwrap().number, 2);
}

/// A daemon of two on one database, with its loops, under the test's clock.
async fn whole_daemon(base: &Base, mail: &SmtpServer, clock: &Clock) -> Daemon {
    let settings = settings(&base.folder, base.url.clone(), mail.port());
    Daemon::start_at(settings, Some(clock.clone())).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_daemons_live_through_a_chain_and_nothing_is_done_twice() {
    let base = Base::postgres().await;
    let mail = SmtpServer::start().await;
    let clock = Clock::manual(instant("2026-10-06T10:00"));
    let daemons =
        [whole_daemon(&base, &mail, &clock).await, whole_daemon(&base, &mail, &clock).await];
    let runtimes = [daemons[0].runtime.clone(), daemons[1].runtime.clone()];
    let settle = async || {
        let (one, other) = tokio::join!(runtimes[0].settle(), runtimes[1].settle());
        one.unwrap();
        other.unwrap();
    };
    let key =
        |activity: &str| -> RunKey { format!("zarechny/{activity}/2025-26").parse().unwrap() };
    let today = jiff::civil::date(2026, 10, 6);
    // Every request is made of both at once, as by a client that lost an answer.
    let both = async |name: String, task: Task| {
        let task = asked(&name, task);
        let (one, other) =
            tokio::join!(runtimes[0].ask(task.clone()), runtimes[1].ask(task.clone()));
        let answers = [one.unwrap(), other.unwrap()];
        assert_eq!(answers.iter().filter(|a| **a == Done::Now).count(), 1, "{task:?}");
        settle().await;
    };
    let answer_all =
        async |run: &RunKey, stage: &str, value: &dyn Fn(usize) -> serde_json::Value| {
            let stored = runtimes[0].store().run(run).await.unwrap().unwrap().run;
            let names = stored.assignments.keys().filter(|key| key.stage == stage);
            for (number, name) in names.enumerate() {
                let command = submit(&name.to_string(), value(number));
                both(format!("{run} {name}"), step_task(run, command)).await;
            }
        };
    let found = key("low-result-schools");
    let start = Ask::Open { named: vec![], why: Why::Request, without_waiting: true };
    both("start".into(), Task::new(found.clone(), start, "test")).await;
    answer_all(&found, "collect", &|number| {
        let low = if number < 2 { 11 } else { 1 };
        let row = |subject: &str| {
            json!({ "procedure": "ВПР", "grade": 5, "subject": subject, "participants": 20,
                "marks_2": low, "marks_3": 9, "marks_4": 11 - low, "marks_5": 0 })
        };
        json!({ "procedures": [row("Математика"), row("Русский язык")] })
    })
    .await;
    both("decide 29".into(), step_task(&found, decide("1", None, today))).await;
    let update = key("support-programme-update");
    both("decide 30".into(), step_task(&update, decide("2", None, today))).await;
    let state = key("low-result-monitoring");
    let state_of_school: serde_json::Value =
        serde_json::from_str(include_str!("../../config/tour/state.json")).unwrap();
    answer_all(&state, "collect", &|_| state_of_school.clone()).await;
    let methods = key("equity-methods");
    let approve = Command::Approve {
        stage: "recommend".into(),
        organisations: vec![],
        outgoing: String::new(),
    };
    both("approve".into(), step_task(&methods, approve)).await;
    answer_all(&methods, "recommend", &|_| json!({})).await;
    both("decide 33".into(), step_task(&methods, decide("3", None, today))).await;
    // Reminders of a further month.
    let until = instant("2026-11-06T18:00");
    loop {
        settle().await;
        match runtimes[0].next_due().await.unwrap() {
            Some(due) if due <= until => clock.set(due.max(clock.now())),
            _ => break,
        }
    }

    let store = runtimes[0].store();
    for key in [found, update, state, key("low-result-analysis"), methods] {
        let run = store.run(&key).await.unwrap().unwrap().run;
        assert_eq!(run.state, RunState::Completed, "{key}");
    }
    let mut arrived: BTreeMap<String, usize> = BTreeMap::new();
    for letter in mail.received() {
        *arrived.entry(letter.message_id).or_default() += 1;
    }
    let messages = store.list_messages(&Filter::default(), &Page::first(9999)).await.unwrap();
    assert!(messages.len() > 20, "{}", messages.len());
    for message in messages {
        let settled = ["sent", "obsolete"].contains(&message.state.as_str());
        assert!(settled || message.next_attempt_at > until.as_microsecond(), "{message:?}");
        assert!(!message.uncertain, "{message:?}");
        let expected = usize::from(message.state == "sent");
        assert_eq!(arrived.remove(&message.message_id).unwrap_or(0), expected, "{message:?}");
    }
    assert_eq!(arrived, BTreeMap::new(), "letters that the outbox does not know");
    whole(store.journal(None, 0, 99_999).await.unwrap());
    drop(runtimes);
    for daemon in daemons {
        daemon.stop().await.unwrap();
    }
}

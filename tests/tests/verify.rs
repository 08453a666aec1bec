//! The proof of the journal raises no false alarm, and none is missed.

#![allow(clippy::unwrap_used)]

use sea_orm::ConnectionTrait as _;
use serde_json::json;
use tonic::Request;
use vekha::api::Api;
use vekha::clock::Clock;
use vekha::runtime::committer::Task;
use vekha::runtime::{Ask, Runtime};
use vekha::store::write::activities::{Pause, Paused};
use vekha_engine::{Command, Origin, Why};
use vekha_proto::v1::journal_service_server::JournalService as _;
use vekha_proto::v1::{VerifyJournalRequest, VerifyJournalResponse};
use vekha_tests::base::{Base, end};
use vekha_tests::small::{self, survey_run};
use vekha_tests::town::instant;

async fn proof(api: &Api) -> VerifyJournalResponse {
    let request = VerifyJournalRequest { parent: "municipalities/m".into() };
    api.verify_journal(Request::new(request)).await.unwrap().into_inner()
}

/// Answers given one after the other while the journal is proved.
const ANSWERS: u32 = 300;

async fn proved_while_answers_come_in(base: Base) {
    let (runtime, _) = base.daemon(&Clock::manual(instant("2027-03-01T10:00"))).await;
    let open = Ask::Open { named: vec![], why: Why::Request, without_waiting: false };
    // One that keeps silent, so that the other may answer again and again.
    runtime.apply(small::files_of(2), "test").await.unwrap();
    runtime.ask(Task::new(survey_run("a"), open, "test")).await.unwrap();
    let answering = tokio::spawn({
        let runtime = runtime.clone();
        async move {
            for pupils in 0..ANSWERS {
                let answers = json!({ "pupils": pupils, "low": 0 });
                let command = Command::Submit {
                    assignment: "collect.school-1".parse().unwrap(),
                    answers: answers.as_object().cloned().unwrap(),
                    origin: Origin::Api,
                };
                let task = Task::new(survey_run("a"), Ask::Step(command), "school");
                runtime.ask(task).await.unwrap();
            }
        }
    });
    let api = Api::new(runtime.clone());
    let mut proofs = 0;
    while !answering.is_finished() {
        let proof = proof(&api).await;
        assert_eq!(proof.reason, "", "after {proofs} proofs");
        proofs += 1;
    }
    answering.await.unwrap();
    let whole = proof(&api).await;
    assert_eq!((whole.reason.as_str(), whole.runs), ("", 1));
    assert!(whole.entries > i64::from(ANSWERS) && proofs > 3);

    // What is wrong is still told: an entry that was altered, and one too many.
    let beside = base.beside().await;
    let alter = "UPDATE journal SET actor = 'another' WHERE sequence = 2";
    beside.execute_unprepared(alter).await.unwrap();
    assert!(proof(&api).await.first_broken.is_some());
    let back = "UPDATE journal SET actor = 'school' WHERE sequence = 2";
    beside.execute_unprepared(back).await.unwrap();
    beside.execute_unprepared("UPDATE run SET journal_sequence = 3").await.unwrap();
    assert!(!proof(&api).await.reason.is_empty());
    end(runtime).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_journal_is_whole_while_answers_come_in_on_sqlite() {
    proved_while_answers_come_in(Base::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_journal_is_whole_while_answers_come_in_on_postgres() {
    proved_while_answers_come_in(Base::postgres().await).await;
}

/// The schedule of an activity stopped or resumed.
async fn pause(runtime: &Runtime, paused: bool) {
    let pause = Pause { paused, reason: "ремонт", actor: "test" };
    let done = runtime.pause("m", "survey", pause, None, None).await.unwrap();
    assert!(matches!(done, Paused::Now));
}

async fn what_is_cut_off_an_activity_s_journal_is_missed(base: Base) {
    let clock = Clock::manual(instant("2027-03-01T10:00"));
    let (runtime, _) = base.daemon(&clock).await;
    runtime.apply(small::files_of(2), "test").await.unwrap();
    runtime.settle().await.unwrap();
    pause(&runtime, true).await;
    pause(&runtime, false).await;
    let whole = proof(&Api::new(runtime.clone())).await;
    assert_eq!((whole.reason.as_str(), whole.entries), ("", 2));
    end(runtime).await;

    // An older release kept no heads; from the upgrade on they are held.
    let beside = base.beside().await;
    for statement in [
        "DELETE FROM seaql_migrations WHERE version LIKE 'm0010%'",
        "ALTER TABLE activity DROP COLUMN journal_sequence",
        "ALTER TABLE activity DROP COLUMN journal_hash",
    ] {
        beside.execute_unprepared(statement).await.unwrap();
    }
    beside.close().await.unwrap();
    let (runtime, _) = base.daemon(&clock).await;
    let api = Api::new(runtime.clone());
    assert_eq!(proof(&api).await.reason, "");
    pause(&runtime, true).await;
    let whole = proof(&api).await;
    assert_eq!((whole.reason.as_str(), whole.entries), ("", 3));

    let beside = base.beside().await;
    let cut = "DELETE FROM journal WHERE run = 'm/survey' AND sequence = 3";
    beside.execute_unprepared(cut).await.unwrap();
    assert_eq!(proof(&api).await.reason, "m/survey: записей 2, а должно быть 3");
    // What is noted afterwards does not hide it.
    pause(&runtime, false).await;
    let proof_after = proof(&api).await;
    assert_eq!(proof_after.first_broken.unwrap().sequence, 4);
    beside.execute_unprepared("DELETE FROM journal WHERE run = 'm/survey'").await.unwrap();
    assert_eq!(proof(&api).await.reason, "m/survey: записей 0, а должно быть 4");
    end(runtime).await;
}

#[tokio::test]
async fn an_end_cut_off_an_activity_s_journal_is_missed_on_sqlite() {
    what_is_cut_off_an_activity_s_journal_is_missed(Base::sqlite()).await;
}

#[tokio::test]
async fn an_end_cut_off_an_activity_s_journal_is_missed_on_postgres() {
    what_is_cut_off_an_activity_s_journal_is_missed(Base::postgres().await).await;
}

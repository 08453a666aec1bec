//! The proof of the journal raises no false alarm, and none is missed.

#![allow(clippy::unwrap_used)]

use sea_orm::ConnectionTrait as _;
use serde_json::json;
use tonic::Request;
use vekha::api::Api;
use vekha::clock::Clock;
use vekha::runtime::Ask;
use vekha::runtime::committer::Task;
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
                    earlier: Default::default(),
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

//! kill -9 at any instant: the daemon's own process is killed again and again while schools answer
//! and the department decides; then everything is finished and counted.

#![allow(clippy::print_stdout)] // how a test says what it counted

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use proptest::prelude::Rng as _;
use proptest::test_runner::{RngAlgorithm, TestRng};
use serde_json::json;
use tonic::transport::Channel;
use tonic::{Code, Status};
use vekha::api::convert;
use vekha_proto::v1::assignment_service_client::AssignmentServiceClient;
use vekha_proto::v1::decision_service_client::DecisionServiceClient;
use vekha_proto::v1::journal_service_client::JournalServiceClient;
use vekha_proto::v1::outbox_service_client::OutboxServiceClient;
use vekha_proto::v1::recommendation_service_client::RecommendationServiceClient;
use vekha_proto::v1::run_service_client::RunServiceClient;
use vekha_proto::v1::{self, RunState};
use vekha_tests::foreign::request_id;
use vekha_tests::smtp::SmtpServer;
use vekha_tests::victim::{PATIENCE, Victim};

/// How often the daemon is killed. `VEKHA_TEST_KILLS` asks for more or fewer.
const KILLS: u32 = 200;

/// Longest life between two deaths, in milliseconds after it serves.
const LONGEST_LIFE: u32 = 250;

/// People, who try again until they are answered.
#[derive(Clone)]
struct People {
    channel: Channel,
}

impl People {
    /// Repeats a call while the daemon is away. The answer may have been lost after the commit:
    /// the request id makes the repetition harmless.
    async fn insist<T, F>(&self, mut call: impl FnMut(Channel) -> F) -> Result<T, Status>
    where
        F: Future<Output = Result<tonic::Response<T>, Status>>,
    {
        let begun = Instant::now();
        loop {
            match call(self.channel.clone()).await {
                Ok(response) => return Ok(response.into_inner()),
                Err(status) => {
                    let away = matches!(
                        status.code(),
                        Code::Unavailable | Code::Unknown | Code::Cancelled | Code::Internal
                    );
                    if !away {
                        return Err(status);
                    }
                    assert!(begun.elapsed() < PATIENCE, "no answer: {status}");
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
        }
    }

    async fn run(&self, name: &str) -> Option<v1::Run> {
        let request = v1::GetRunRequest { name: name.to_owned() };
        let run = self
            .insist(|c| {
                let request = request.clone();
                async move { RunServiceClient::new(c).get_run(request).await }
            })
            .await;
        match run {
            Ok(run) => Some(run),
            Err(status) if status.code() == Code::NotFound => None,
            Err(status) => panic!("{name}: {status}"),
        }
    }

    /// Waits until a stage is at work or done.
    async fn stage_begins(&self, run: &str, stage: &str) {
        let begun = Instant::now();
        loop {
            let found = self.run(run).await;
            let state = found.iter().flat_map(|r| &r.stages).find(|s| s.id == stage);
            if state.is_some_and(|s| s.state() >= v1::StageState::Active) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{run}: {stage} never begins: {found:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn start(&self, activity: &str, period: &str) -> String {
        let parent = format!("municipalities/zarechny/activities/{activity}");
        let name = format!("{parent}/runs/{period}");
        let start = v1::StartRunRequest {
            parent,
            period: period.to_owned(),
            request_id: request_id(&format!("start {name}")),
            actor: "test".into(),
            ..Default::default()
        };
        self.insist(|c| {
            let request = start.clone();
            async move { RunServiceClient::new(c).start_run(request).await }
        })
        .await
        .expect("a run starts");
        let proceed = v1::AnswerQuestionRequest {
            name: name.clone(),
            answer: v1::Answer::Proceed.into(),
            request_id: request_id(&format!("proceed {name}")),
            actor: "test".into(),
            ..Default::default()
        };
        self.insist(|c| {
            let request = proceed.clone();
            async move { RunServiceClient::new(c).answer_question(request).await }
        })
        .await
        .expect("it need not wait");
        name
    }

    async fn assignments(&self, run: &str, stage: &str) -> Vec<v1::Assignment> {
        let request = v1::ListAssignmentsRequest {
            parent: run.to_owned(),
            page_size: 1000,
            ..Default::default()
        };
        let list = self
            .insist(|c| {
                let request = request.clone();
                async move { AssignmentServiceClient::new(c).list_assignments(request).await }
            })
            .await
            .expect("assignments are listed");
        list.assignments.into_iter().filter(|a| a.stage == stage).collect()
    }

    async fn submit(&self, assignment: &str, answers: serde_json::Value) {
        let serde_json::Value::Object(answers) = answers else { panic!("answers are an object") };
        let request = v1::SubmitAssignmentRequest {
            name: assignment.to_owned(),
            answers: Some(convert::structure(&answers)),
            request_id: request_id(&format!("submit {assignment}")),
            actor: "test".into(),
            ..Default::default()
        };
        let submission = self
            .insist(|c| {
                let request = request.clone();
                async move { AssignmentServiceClient::new(c).submit_assignment(request).await }
            })
            .await
            .unwrap_or_else(|status| panic!("{assignment}: {status}"));
        assert_eq!(submission.version, 1, "{assignment} was answered once");
    }

    async fn decide(&self, run: &str, measures: Vec<v1::NewMeasure>) {
        self.stage_begins(run, "decide").await;
        let request = v1::RecordDecisionRequest {
            parent: run.to_owned(),
            number: "1-од".into(),
            date: "2026-10-06".into(),
            outcome: "Утвердить.".into(),
            signatory: "Начальник отдела".into(),
            measures,
            request_id: request_id(&format!("decide {run}")),
            actor: "test".into(),
            ..Default::default()
        };
        self.insist(|c| {
            let request = request.clone();
            async move { DecisionServiceClient::new(c).record_decision(request).await }
        })
        .await
        .unwrap_or_else(|status| panic!("{run}: {status}"));
    }

    async fn approve(&self, run: &str) {
        self.stage_begins(run, "recommend").await;
        let begun = Instant::now();
        loop {
            let request = v1::ApproveRecommendationsRequest {
                parent: run.to_owned(),
                request_id: request_id(&format!("approve {run}")),
                actor: "test".into(),
                ..Default::default()
            };
            let approved = self
                .insist(|c| {
                    let request = request.clone();
                    async move {
                        RecommendationServiceClient::new(c).approve_recommendations(request).await
                    }
                })
                .await;
            match approved {
                Ok(_) => return,
                // The drafts are still being written.
                Err(s) if matches!(s.code(), Code::NotFound | Code::FailedPrecondition) => {}
                Err(status) => panic!("{run}: {status}"),
            }
            assert!(begun.elapsed() < PATIENCE, "{run}: no drafts");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The chain 29 → 30, 31 → 32 → 33 of one school year, every part of it.
    async fn live_through(&self, period: &str) -> Vec<String> {
        let of =
            |activity: &str| format!("municipalities/zarechny/activities/{activity}/runs/{period}");
        let found = self.start("low-result-schools", period).await;
        self.stage_begins(&found, "collect").await;
        for (number, a) in self.assignments(&found, "collect").await.iter().enumerate() {
            // Two of six schools are low-result: 55 % in two procedures.
            let low = if number < 2 { 11 } else { 1 };
            let row = |subject: &str| {
                json!({ "procedure": "ВПР", "grade": 5, "subject": subject, "participants": 20,
                    "marks_2": low, "marks_3": 9, "marks_4": 11 - low, "marks_5": 0 })
            };
            let rows = json!([row("Математика"), row("Русский язык")]);
            self.submit(&a.name, json!({ "procedures": rows })).await;
        }
        let measure = v1::NewMeasure {
            text: "Представить план".into(),
            organisations: vec!["school-1".into()],
            due: "2026-12-01".into(),
        };
        self.decide(&found, vec![measure]).await;
        self.submit(
            &format!("{found}/assignments/measure-1.school-1"),
            json!({ "report": "Готово" }),
        )
        .await;
        self.decide(&of("support-programme-update"), vec![]).await;
        let state = of("low-result-monitoring");
        self.stage_begins(&state, "collect").await;
        let asked = self.assignments(&state, "collect").await;
        assert_eq!(asked.len(), 2, "the schools that 29 found");
        for a in asked {
            self.submit(&a.name, low_result_state()).await;
        }
        let methods = of("equity-methods");
        self.approve(&methods).await;
        for a in self.assignments(&methods, "recommend").await {
            let request = v1::SubmitAssignmentRequest {
                name: a.name.clone(),
                request_id: request_id(&format!("read {}", a.name)),
                actor: "test".into(),
                ..Default::default()
            };
            self.insist(|c| {
                let request = request.clone();
                async move { AssignmentServiceClient::new(c).submit_assignment(request).await }
            })
            .await
            .expect("to be read");
        }
        self.decide(&methods, vec![]).await;
        vec![found, of("support-programme-update"), state, of("low-result-analysis"), methods]
    }
}

/// How often a daemon is killed while it starts for the first time, for each tenth kill of the chain.
const STARTS: u32 = KILLS / 10;

/// Longest life of a daemon that is killed while it starts, in milliseconds.
const LONGEST_START: u32 = 400;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_start_succeeds_however_early_in_a_first_start_or_an_upgrade_the_last_was_killed() {
    let starts = kills() * STARTS / KILLS;
    let mail = SmtpServer::start().await;
    let mut random = TestRng::from_seed(RngAlgorithm::ChaCha, &[8; 32]);
    for number in 0..starts {
        let victim = Victim::new(mail.port());
        if number % 2 == 1 {
            victim.step_back().await;
        }
        for _ in 0..2 {
            let mut child = victim.start();
            let life = u64::from(random.next_u32() % (LONGEST_START * 1000));
            tokio::time::sleep(Duration::from_micros(life)).await;
            child.kill().await.expect("to kill");
        }
        let mut child = victim.start();
        victim.serves().await;
        child.kill().await.expect("to kill");
    }
}

/// How often the daemon is to be killed.
fn kills() -> u32 {
    std::env::var("VEKHA_TEST_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(KILLS)
}

/// A whole answer to the form of activity 31.
fn low_result_state() -> serde_json::Value {
    serde_json::from_str(include_str!("../../config/tour/state.json")).expect("JSON")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_survives_kill_9_at_any_instant_and_no_letter_is_lost_or_doubled_unseen() {
    let kills = kills();
    let mail = SmtpServer::start().await;
    let victim = Arc::new(Victim::new(mail.port()));
    let mut child = victim.start();
    victim.serves().await;

    let enough = Arc::new(AtomicBool::new(false));
    let died = Arc::new(AtomicU32::new(0));
    let killer = {
        let (victim, enough, died) = (victim.clone(), enough.clone(), died.clone());
        // From a seed: the lives' lengths are the same every time.
        let mut random = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
        tokio::spawn(async move {
            while died.load(Ordering::Relaxed) < kills {
                let life =
                    Duration::from_micros(u64::from(random.next_u32() % (LONGEST_LIFE * 1000)));
                tokio::time::sleep(life).await;
                child.kill().await.expect("to kill");
                died.fetch_add(1, Ordering::Relaxed);
                child = victim.start();
                victim.serves().await;
            }
            enough.store(true, Ordering::Relaxed);
            child
        })
    };

    let channel = Channel::from_shared(format!("http://127.0.0.1:{}", victim.port))
        .expect("an address")
        .connect_lazy();
    let people = People { channel };
    let mut runs = Vec::new();
    let mut year = 2025;
    while !enough.load(Ordering::Relaxed) || runs.is_empty() {
        let period = format!("{year}-{:02}", (year + 1) % 100);
        runs.extend(people.live_through(&period).await);
        year -= 1;
    }
    let mut child = killer.await.expect("the killer ends");

    // Every run came to its end.
    for name in &runs {
        let begun = Instant::now();
        loop {
            let run = people.run(name).await.expect("it exists");
            if run.state() == RunState::Completed {
                break;
            }
            assert!(begun.elapsed() < PATIENCE, "{name} does not end: {run:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    // Every letter went out.
    let messages = loop {
        let mut all = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = v1::ListMessagesRequest {
                parent: "municipalities/zarechny".into(),
                page_size: 1000,
                page_token: page_token.clone(),
                ..Default::default()
            };
            let page = people
                .insist(|c| {
                    let request = request.clone();
                    async move { OutboxServiceClient::new(c).list_messages(request).await }
                })
                .await
                .expect("the outbox");
            all.extend(page.messages);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        let under_way = all
            .iter()
            .any(|m| matches!(m.state(), v1::MessageState::Pending | v1::MessageState::Sending));
        if !under_way {
            break all;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let mut accepted: BTreeMap<String, u32> = BTreeMap::new();
    for letter in mail.received() {
        *accepted.entry(letter.message_id).or_default() += 1;
    }
    let mut doubled = 0;
    let mut uncertain = 0;
    let mut known = BTreeSet::new();
    for message in &messages {
        // Several that were due for one address went as one.
        let id = if message.digest.is_empty() { &message.message_id } else { &message.digest };
        let times = accepted.get(id).copied().unwrap_or_default();
        // What was no longer true when it was to leave does not; it may have left before a kill.
        let overtaken = message.state() == v1::MessageState::Obsolete;
        assert!(overtaken || message.state() == v1::MessageState::Sent, "{message:?}");
        assert!(overtaken || times >= 1, "never arrived: {message:?}");
        if overtaken && times > 0 && message.digest.is_empty() {
            assert!(message.uncertain, "it was sent, and nobody knows: {message:?}");
        }
        uncertain += u32::from(message.uncertain);
        if times > 1 {
            assert!(message.uncertain, "sent {times} times and not marked so: {message:?}");
            doubled += times - 1;
        }
        known.insert(id);
    }
    accepted.retain(|id, _| !known.contains(id));
    assert!(accepted.is_empty(), "letters that the outbox does not know: {accepted:?}");

    let request = v1::VerifyJournalRequest { parent: "municipalities/zarechny".into() };
    let proof = JournalServiceClient::new(people.channel.clone())
        .verify_journal(request)
        .await
        .expect("the journal")
        .into_inner();
    assert_eq!(proof.reason, "", "{:?}", proof.first_broken);
    println!(
        "killed {} times; {} runs ended, {} journal entries whole, {} letters sent, \
         {uncertain} of them after a doubt, {doubled} twice",
        died.load(Ordering::Relaxed),
        runs.len(),
        proof.entries,
        messages.len(),
    );
    child.kill().await.expect("to kill");
}

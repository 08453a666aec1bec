//! Several daemons on one PostgreSQL that are asked about the same runs at the same time.

#![allow(clippy::unwrap_used)] // how tests fail

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream;
use serde_json::json;
use vekha::clock::Clock;
use vekha::runtime::committer::Task;
use vekha::runtime::views::verified::verify;
use vekha::runtime::{Ask, Runtime};
use vekha::store::read::Filter;
use vekha_engine::{AssignmentKey, Command, Origin, RunKey, Why};
use vekha_tests::base::{Base, end};
use vekha_tests::small::{self, survey_run};
use vekha_tests::town::instant;

const SCHOOLS: usize = 5;
const RUNS: usize = 5;
const ANSWERS: usize = 600;

fn open(run: &RunKey) -> Task {
    let open = Ask::Open { named: vec![], why: Why::Request, without_waiting: false };
    Task::new(run.clone(), open, "test")
}

fn answer(run: &RunKey, school: usize, figure: usize) -> Task {
    let answers = json!({ "pupils": 60 + figure, "low": figure % 60 });
    let command = Command::Submit {
        assignment: AssignmentKey::new("collect", &format!("school-{school}")),
        answers: answers.as_object().cloned().unwrap(),
        origin: Origin::Api,
    };
    Task::new(run.clone(), Ask::Step(command), "test")
}

/// Daemons that pass over runs which others hold, come back to them, and open new ones meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_daemons_answer_everyone_who_asks_about_the_same_runs_and_lose_and_double_nothing() {
    let base = Base::postgres().await;
    let clock = Clock::manual(instant("2027-03-01T10:00"));
    let mut daemons: Vec<Arc<Runtime>> = Vec::new();
    for _ in 0..3 {
        daemons.push(base.runtime(&clock).await.0);
    }
    daemons[0].apply(small::files_of(SCHOOLS), "test").await.unwrap();
    let runs: Vec<RunKey> = (0..RUNS).map(|run| survey_run(&format!("run-{run}"))).collect();
    for (number, run) in runs.iter().enumerate() {
        daemons[number % 3].ask(open(run)).await.unwrap();
    }
    // The last school keeps silent, so that the runs stay where they are. Which daemon, run and school
    // it is are told by numbers that share no factor.
    let asked = |n: usize| (n % 3, (n / 3) % RUNS, 1 + (n / 7) % (SCHOOLS - 1));
    stream::iter(0..ANSWERS)
        .map(|n| {
            let (daemon, run, school) = asked(n);
            let daemon = daemons[daemon].clone();
            let task = answer(&runs[run], school, n);
            let late = (n % 20 == 0).then(|| open(&survey_run(&format!("late-{n}"))));
            async move {
                daemon.ask(task).await.unwrap();
                if let Some(late) = late {
                    daemon.ask(late).await.unwrap();
                }
            }
        })
        .buffer_unordered(96)
        .count()
        .await;
    let mut wanted: BTreeMap<String, usize> = BTreeMap::new();
    for n in 0..ANSWERS {
        let (_, run, school) = asked(n);
        *wanted.entry(format!("{}/collect.school-{school}", runs[run])).or_default() += 1;
    }
    let store = daemons[0].store();
    for (assignment, count) in wanted {
        let versions: Vec<i32> =
            store.submissions(&assignment).await.unwrap().iter().map(|row| row.version).collect();
        assert_eq!(versions, (1..=count as i32).collect::<Vec<_>>(), "{assignment}");
    }
    let verified = verify(store, &Filter::default()).await.unwrap();
    assert!(verified.broken.is_none(), "{:?}", verified.broken);
    assert_eq!(verified.runs as usize, RUNS + ANSWERS.div_ceil(20));
    for daemon in daemons {
        end(daemon).await;
    }
}

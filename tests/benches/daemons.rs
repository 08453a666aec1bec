//! Answers per second on one PostgreSQL, by one daemon and by three: several must do at least as much
//! as one. Callers answer for many schools in a few runs at the same time, each through the daemon that
//! is its turn: as many at each daemon, and as many in all. The second tells what it costs to share
//! the same few callers out: daemons take turns, and a turn with a third of them costs as many ways to
//! the database and back.
//!
//! `VEKHA_BENCH_SCHOOLS=100,1000` asks for runs of other sizes, `VEKHA_BENCH_ANSWERS` for more answers,
//! `VEKHA_BENCH_ROUNDS` for more rounds.

#![allow(clippy::print_stdout)]

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use futures::StreamExt as _;
use futures::stream;
use serde_json::json;
use vekha::clock::Clock;
use vekha::runtime::committer::Task;
use vekha::runtime::{Ask, Runtime};
use vekha_engine::{AssignmentKey, Command, Origin, RunKey, Why};
use vekha_tests::base::{Base, end};
use vekha_tests::small::{self, survey_run};
use vekha_tests::town::instant;

/// Runs at the same time.
const RUNS: usize = 4;

/// Callers at the same time, at each daemon or in all.
const CALLERS: usize = 64;

fn number(variable: &str, otherwise: usize) -> usize {
    std::env::var(variable).ok().and_then(|n| n.parse().ok()).unwrap_or(otherwise)
}

fn answer(school: usize, figure: usize) -> Command {
    let answers = json!({ "pupils": 60 + figure, "low": figure % 60 });
    Command::Submit {
        assignment: AssignmentKey::new("collect", &format!("school-{school}")),
        answers: answers.as_object().cloned().expect("an object"),
        origin: Origin::Api,
    }
}

async fn measure(schools: usize, daemons: usize, callers: usize, answers: usize) -> f64 {
    let base = Base::postgres().await;
    let clock = Clock::manual(instant("2027-03-01T10:00"));
    let mut all: Vec<Arc<Runtime>> = Vec::new();
    for _ in 0..daemons {
        all.push(base.runtime(&clock).await.0);
    }
    all[0].apply(small::files_of(schools), "bench").await.expect("a road map");
    let runs: Vec<RunKey> = (0..RUNS).map(|run| survey_run(&format!("run-{run}"))).collect();
    for (number, run) in runs.iter().enumerate() {
        let open = Ask::Open { named: vec![], why: Why::Request, without_waiting: false };
        // By each daemon in turn, so that all have read the road map.
        all[number % daemons].ask(Task::new(run.clone(), open, "bench")).await.expect("a run");
    }
    let begun = Instant::now();
    stream::iter(0..answers)
        .map(|n| {
            let runtime = all[n % daemons].clone();
            // The last school keeps silent, so that the stage stays open.
            let school = 1 + (n / RUNS) % (schools - 1);
            let task = Task::new(runs[n % RUNS].clone(), Ask::Step(answer(school, n)), "bench");
            async move { runtime.ask(task).await.expect("an answer") }
        })
        .buffer_unordered(callers)
        .count()
        .await;
    let seconds = begun.elapsed().as_secs_f64();
    for runtime in all {
        end(runtime).await;
    }
    answers as f64 / seconds
}

fn main() {
    let named = std::env::var("VEKHA_BENCH_SCHOOLS").unwrap_or_else(|_| "10,100,1000".into());
    let sizes = named.split(',').filter_map(|size| size.trim().parse::<usize>().ok());
    let answers = number("VEKHA_BENCH_ANSWERS", 3000);
    let rounds = number("VEKHA_BENCH_ROUNDS", 3).max(1);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        for schools in sizes {
            let mut line = format!("{RUNS} runs of {schools:4} schools:");
            let ways = [(1, CALLERS), (3, 3 * CALLERS), (3, CALLERS)];
            let mut figures = ways.map(|_| Vec::new());
            // In turn, so that a noisy minute is everybody's.
            for _ in 0..rounds {
                for ((daemons, callers), figures) in ways.into_iter().zip(&mut figures) {
                    figures.push(measure(schools, daemons, callers, answers).await);
                }
            }
            for ((daemons, callers), mut figures) in ways.into_iter().zip(figures) {
                figures.sort_by(f64::total_cmp);
                let median = figures[figures.len() / 2];
                write!(line, "  {daemons} with {callers}: {median:6.0}/s").expect("a string");
            }
            println!("{line}");
        }
    });
}

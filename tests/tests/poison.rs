//! One row that cannot be read stops nothing but what is about it, is named, and is never dropped: as
//! soon as it is mended all goes on.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use jiff::SignedDuration;
use sea_orm::ConnectionTrait as _;
use serde_json::json;
use vekha::clock::Clock;
use vekha::runtime::committer::Task;
use vekha::runtime::request::Request;
use vekha::runtime::{Ask, AskError, Runtime};
use vekha::store::read::{Filter, Page};
use vekha_engine::run::StageState;
use vekha_engine::{Command, DecisionKind, Document, NewDocument, NewMeasure, Origin, RunKey, Why};
use vekha_roadmap::read::Files;
use vekha_tests::base::{Base, end};
use vekha_tests::small::{self, survey_run};
use vekha_tests::town::instant;

/// What happens in a run's life, in order. After each the daemon does all that follows.
const STEPS: [&str; 5] = ["open", "answer", "decide", "report", "accept"];

/// A row that is spoiled, before this step's consequences are dealt with.
struct Spoiled {
    table: &'static str,
    column: &'static str,
    /// How the row's key begins, the run's id standing for `{}`.
    key: (&'static str, &'static str),
    after: &'static str,
}

const SPOILED: [Spoiled; 9] = [
    Spoiled { table: "run", column: "body", key: ("id", "{}"), after: "open" },
    Spoiled { table: "run", column: "state", key: ("id", "{}"), after: "answer" },
    Spoiled { table: "assignment", column: "body", key: ("id", "{}/collect"), after: "open" },
    Spoiled { table: "job", column: "body", key: ("key", "analyze/{}"), after: "answer" },
    Spoiled { table: "outbox", column: "body", key: ("key", "{}"), after: "open" },
    Spoiled { table: "submission", column: "answers", key: ("id", "{}"), after: "answer" },
    Spoiled { table: "recommendation", column: "body", key: ("id", "{}"), after: "decide" },
    Spoiled { table: "decision", column: "body", key: ("id", "{}"), after: "decide" },
    Spoiled { table: "measure", column: "body", key: ("id", "{}"), after: "report" },
];

impl Spoiled {
    /// What spoils the row, or mends it.
    fn statement(&self, run: &RunKey, spoil: bool) -> String {
        let Spoiled { table, column, key: (key, begins), .. } = self;
        let value = match spoil {
            true => format!("'~' || {column}"),
            false => format!("substr({column}, 2)"),
        };
        let begins = begins.replace("{}", &run.to_string());
        format!("UPDATE \"{table}\" SET {column} = {value} WHERE {key} LIKE '{begins}%'")
    }
}

fn command(step: &str) -> Ask {
    let submit = |assignment: &str, value: serde_json::Value| Command::Submit {
        assignment: assignment.parse().unwrap(),
        answers: value.as_object().cloned().unwrap(),
        origin: Origin::Api,
    };
    Ask::Step(match step {
        "open" => {
            return Ask::Open { named: vec![], why: Why::Request, without_waiting: false };
        }
        "answer" => submit("collect.school-1", json!({ "pupils": 20, "low": 10 })),
        "decide" => Command::RecordDecision {
            stage: "decide".into(),
            document: NewDocument {
                document: Document {
                    number: "1-од".into(),
                    date: jiff::civil::date(2027, 3, 1),
                    outcome: "Утвердить.".into(),
                    signatory: "Начальник".into(),
                    ..Document::default()
                },
                kind: Some(DecisionKind::Order),
                ..NewDocument::default()
            },
            measures: Some(vec![NewMeasure {
                text: "Сделать".into(),
                organisations: vec!["school-1".into()],
                due: jiff::civil::date(2027, 3, 20),
            }]),
        },
        "report" => submit("measure-1.school-1", json!({ "report": "сделано" })),
        _ => Command::AcceptMeasure { measure: 1 },
    })
}

async fn ask(runtime: &Runtime, run: &RunKey, step: &str) -> Result<(), AskError> {
    let mut task = Task::new(run.clone(), command(step), "test");
    task.by.request = Some(Request::new(format!("{run}/{step}"), step, b"the same"));
    runtime.ask(task).await.map(drop)
}

async fn has_ended(runtime: &Runtime, run: &RunKey) -> bool {
    let run = runtime.store().bare_run(run).await;
    run.is_ok_and(|run| run.is_some_and(|run| run.state.ended()))
}

/// Has all that is left of a life done, as far as it is possible.
async fn live_on(runtime: &Arc<Runtime>, run: &RunKey, after: &str) -> Vec<AskError> {
    let mut refused = Vec::new();
    let left = STEPS.iter().skip_while(|step| **step != after).skip(1);
    runtime.settle().await.unwrap();
    for step in left {
        refused.extend(ask(runtime, run, step).await.err());
        runtime.settle().await.unwrap();
    }
    refused
}

async fn one_row_stops_nothing_but_itself(base: Base) {
    let clock = Clock::manual(instant("2027-03-01T09:00"));
    for (number, spoiled) in SPOILED.iter().enumerate() {
        let name = format!("{}.{}", spoiled.table, spoiled.column);
        let (bad, good) =
            (survey_run(&format!("bad{number}")), survey_run(&format!("good{number}")));
        let (runtime, letterbox) = base.daemon(&clock).await;
        for run in [&good, &bad] {
            for step in STEPS {
                ask(&runtime, run, step).await.unwrap();
                if step == spoiled.after {
                    break;
                }
                runtime.settle().await.unwrap();
            }
        }
        // What has been read is remembered: only the next daemon meets the row as it is.
        drop(letterbox);
        end(runtime).await;
        let beside = base.beside().await;
        let touched = beside.execute_unprepared(&spoiled.statement(&bad, true)).await.unwrap();
        assert!(touched.rows_affected() > 0, "{name}");

        let (runtime, _) = base.daemon(&clock).await;
        let refused = live_on(&runtime, &bad, spoiled.after).await;
        assert!(live_on(&runtime, &good, spoiled.after).await.is_empty(), "{name}");
        assert!(has_ended(&runtime, &good).await, "{name} stops another run");
        for e in &refused {
            let expected = matches!(e, AskError::Unreadable(_) | AskError::Refused(_));
            assert!(expected, "{name}: {e:?}");
        }
        let named = runtime.store().unreadable_rows();
        assert!(
            named
                .iter()
                .any(|(row, why)| row.contains(&bad.to_string()) && why.contains("не чита")),
            "{name}: {named:?}"
        );
        assert!(named.keys().all(|row| !row.contains(&good.to_string())), "{name}: {named:?}");
        end(runtime).await;
        beside.execute_unprepared(&spoiled.statement(&bad, false)).await.unwrap();

        let (runtime, _) = base.daemon(&clock).await;
        clock.set(clock.now() + SignedDuration::from_hours(1));
        runtime.settle().await.unwrap();
        for step in STEPS {
            ask(&runtime, &bad, step).await.unwrap();
            runtime.settle().await.unwrap();
        }
        assert!(has_ended(&runtime, &bad).await, "{name}: mended, and it does not go on");
        let of_run = Filter { run: Some(bad.to_string()), ..Filter::default() };
        for letter in runtime.store().list_messages(&of_run, &Page::all()).await.unwrap() {
            let over = matches!(letter.state.as_str(), "sent" | "obsolete");
            assert!(over, "{name}: {} {}: {}", letter.key, letter.state, letter.error);
        }
        assert_eq!(runtime.troubles(), vec![], "{name}");
        end(runtime).await;
    }
}

#[tokio::test]
async fn a_row_that_cannot_be_read_stops_nothing_but_itself_on_sqlite() {
    one_row_stops_nothing_but_itself(Base::sqlite()).await;
}

#[tokio::test]
async fn a_row_that_cannot_be_read_stops_nothing_but_itself_on_postgres() {
    one_row_stops_nothing_but_itself(Base::postgres().await).await;
}

/// The small road map, its survey ending with a report of the run.
fn with_a_report() -> Files {
    let mut files = small::files();
    let survey = files.0.get_mut("activities/1-survey.toml").unwrap();
    survey.push_str("\n[[stage]]\nkind = \"publish\"\nreport = \"survey\"\n");
    files.0.insert("reports/survey.html".into(), "{{ activity.short }}".into());
    files
}

async fn a_report_of_what_cannot_be_read(base: Base) {
    let clock = Clock::manual(instant("2027-03-01T09:00"));
    let run = survey_run("told");
    let (runtime, _) = base.runtime(&clock).await;
    runtime.apply(with_a_report(), "test").await.unwrap();
    for step in ["open", "answer"] {
        ask(&runtime, &run, step).await.unwrap();
        runtime.settle().await.unwrap();
    }
    let beside = base.beside().await;
    let spoil = "UPDATE analysis SET body = '~' || body";
    assert_eq!(beside.execute_unprepared(spoil).await.unwrap().rows_affected(), 1);
    ask(&runtime, &run, "decide").await.unwrap();
    // More often than a report may fail it is looked at, and neither published without figures nor
    // given up.
    for _ in 0..10 {
        runtime.settle().await.unwrap();
        clock.set(clock.now() + SignedDuration::from_hours(1));
    }
    let stages = async || runtime.store().bare_run(&run).await.unwrap().unwrap().stages;
    let publish = stages().await.pop().unwrap();
    assert_eq!((publish.state, publish.location.as_str()), (StageState::Active, ""));
    let named = runtime.store().unreadable_rows();
    assert!(named.keys().any(|row| row.contains(&run.to_string())), "{named:?}");

    beside.execute_unprepared("UPDATE analysis SET body = substr(body, 2)").await.unwrap();
    runtime.settle().await.unwrap();
    let publish = stages().await.pop().unwrap();
    assert_eq!(publish.state, StageState::Completed, "as soon as it can be read");
    assert!(!publish.location.is_empty());
    end(runtime).await;
}

#[tokio::test]
async fn a_report_waits_for_what_cannot_be_read_on_sqlite() {
    a_report_of_what_cannot_be_read(Base::sqlite()).await;
}

#[tokio::test]
async fn a_report_waits_for_what_cannot_be_read_on_postgres() {
    a_report_of_what_cannot_be_read(Base::postgres().await).await;
}

async fn a_version_that_cannot_be_read(base: Base) {
    let clock = Clock::manual(instant("2027-03-01T10:00"));
    let run = survey_run("old");
    let (runtime, _) = base.daemon(&clock).await;
    ask(&runtime, &run, "open").await.unwrap();
    runtime.settle().await.unwrap();
    let mut files = small::files();
    let municipality = files.0.get_mut("municipality.toml").unwrap();
    *municipality = municipality.replace("\"Отдел\"", "\"Управление\"");
    runtime.apply(files, "test").await.unwrap();
    let due = runtime.next_due().await.unwrap();
    end(runtime).await;
    let beside = base.beside().await;
    let spoil = "UPDATE road_map SET files = '~' || files WHERE version = 1";
    beside.execute_unprepared(spoil).await.unwrap();

    // The run's reminder and its term come and go; it can do nothing, and forgets nothing.
    let (runtime, _) = base.runtime(&clock).await;
    clock.set(instant("2027-04-20T10:00"));
    runtime.settle().await.unwrap();
    let newer = survey_run("new");
    ask(&runtime, &newer, "open").await.unwrap();
    runtime.settle().await.unwrap();
    let refused = ask(&runtime, &run, "answer").await;
    assert!(matches!(&refused, Err(AskError::Unreadable(why)) if why.contains("версия 1")));
    let named: Vec<_> = runtime.troubles().iter().map(|t| t.kind()).collect();
    assert!(named.contains(&"road-map-unreadable"), "{named:?}");
    assert!(due.is_some() && runtime.next_due().await.unwrap().is_some());
    end(runtime).await;

    let mend = "UPDATE road_map SET files = substr(files, 2) WHERE version = 1";
    beside.execute_unprepared(mend).await.unwrap();
    let (runtime, letterbox) = base.runtime(&clock).await;
    // The next start looks at once at what was put off for this.
    runtime.settle().await.unwrap();
    let letters: Vec<_> = letterbox.letters().into_iter().map(|letter| letter.key).collect();
    let told =
        |kind: &str| letters.iter().any(|key| key.contains(&run.to_string()) && key.contains(kind));
    assert!(told("closed"), "its term comes as soon as it can be read: {letters:?}");
    assert_eq!(runtime.troubles(), vec![]);
    end(runtime).await;
}

#[tokio::test]
async fn a_run_whose_version_cannot_be_read_keeps_its_wake_up_on_sqlite() {
    a_version_that_cannot_be_read(Base::sqlite()).await;
}

#[tokio::test]
async fn a_run_whose_version_cannot_be_read_keeps_its_wake_up_on_postgres() {
    a_version_that_cannot_be_read(Base::postgres().await).await;
}

//! A clock that is wrong for a minute does no harm: nothing is opened or sent by it, what is told in
//! the meantime keeps its time, a person or the right time ends it; and a rehearsal is no life.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tonic::Request;
use vekha::api::Api;
use vekha::api::convert::timestamp;
use vekha::clock::Clock;
use vekha::runtime::committer::Task;
use vekha::runtime::{Ask, Runtime};
use vekha::store::read::{Filter, Page};
use vekha::store::time::Time;
use vekha::store::{OpenError, instant as of_micros};
use vekha::timekeeper::{Machine, Timekeeper};
use vekha_engine::{Command, Origin, Why};
use vekha_proto::v1;
use vekha_proto::v1::status_service_server::StatusService as _;
use vekha_tests::base::{Base, end};
use vekha_tests::small::survey_run;
use vekha_tests::town::instant;

/// A machine whose clock shows what a test says.
#[derive(Clone)]
struct Played(Arc<Mutex<(Timestamp, Duration)>>);

impl Machine for Played {
    fn clock(&self) -> Timestamp {
        self.0.lock().unwrap().0
    }

    fn running(&self) -> Duration {
        self.0.lock().unwrap().1
    }
}

impl Played {
    fn new(at: &str) -> Self {
        Played(Arc::new(Mutex::new((instant(at), Duration::from_secs(1000)))))
    }

    fn pass(&self, by: Duration) {
        self.0.lock().unwrap().1 += by;
    }

    fn shows(&self, at: &str) {
        self.0.lock().unwrap().0 = instant(at);
    }

    fn clock_since(&self, known: Option<Timestamp>) -> Clock {
        Clock::Kept(Arc::new(Timekeeper::new(self.clone(), known)))
    }
}

async fn runs(runtime: &Runtime) -> BTreeSet<String> {
    let all = runtime.store().list_runs(&Filter::default(), &Page::all()).await.unwrap();
    all.into_iter().map(|row| row.id).collect()
}

async fn kinds(runtime: &Runtime) -> Vec<&'static str> {
    runtime.troubles().iter().map(|trouble| trouble.kind()).collect()
}

fn minute() -> Duration {
    Duration::from_secs(60)
}

async fn a_wrong_minute(base: Base) {
    let machine = Played::new("2027-03-01T10:00");
    let clock = machine.clock_since(None);
    let (runtime, letterbox) = base.daemon(&clock).await;
    let open = Ask::Open { named: vec![], why: Why::Request, without_waiting: false };
    runtime.ask(Task::new(survey_run("a"), open, "test")).await.unwrap();
    runtime.settle().await.unwrap();
    let (before, letters) = (runs(&runtime).await, letterbox.letters().len());
    assert_eq!(letters, 1);

    for wrong in ["2047-03-01T10:00", "1999-03-01T10:00"] {
        machine.pass(minute());
        machine.shows(wrong);
        runtime.settle().await.unwrap();
        assert_eq!(kinds(&runtime).await, ["clock-doubtful"], "{wrong}");
        assert_eq!(runs(&runtime).await, before, "{wrong} opens nothing");
        assert_eq!(letterbox.letters().len(), letters, "{wrong} sends nothing");
    }
    let answers = json!({ "pupils": 20, "low": 10 }).as_object().cloned().unwrap();
    let command = Command::Submit {
        assignment: "collect.school-1".parse().unwrap(),
        answers,
        origin: Origin::Api,
    };
    runtime.ask(Task::new(survey_run("a"), Ask::Step(command), "school")).await.unwrap();
    let assignment = format!("{}/collect.school-1", survey_run("a"));
    let at = of_micros(runtime.store().submissions(&assignment).await.unwrap()[0].at);
    assert_eq!(at, instant("2027-03-01T10:02"), "an answer has the time at which it came");

    // The clock comes to itself, and so does the daemon.
    machine.pass(minute());
    machine.shows("2027-03-01T10:03");
    runtime.settle().await.unwrap();
    assert_eq!(kinds(&runtime).await, Vec::<&str>::new());
    assert!(letterbox.letters().len() > letters, "what the answer brings goes on");

    // A person knows better.
    machine.shows("2027-08-02T10:00");
    runtime.settle().await.unwrap();
    assert_eq!(runs(&runtime).await, before);
    let api = Api::new(runtime.clone());
    let confirm = async |shows: &str, validate_only: bool| {
        let request = v1::ConfirmClockRequest {
            shows: Some(timestamp(instant(shows))),
            request_id: "the same".into(),
            validate_only,
            ..Default::default()
        };
        let status = api.confirm_clock(Request::new(request)).await;
        status.map(|status| status.into_inner().troubles.len())
    };
    // Not what the clock shows; only tried; meant; repeated.
    assert!(confirm("2047-03-01T10:00", false).await.is_err());
    assert_eq!(confirm("2027-08-02T10:00", true).await.unwrap(), 0, "as it would be");
    runtime.settle().await.unwrap();
    assert_eq!(runs(&runtime).await, before);
    for _ in 0..2 {
        assert_eq!(confirm("2027-08-02T10:00", false).await.unwrap(), 0);
    }
    runtime.settle().await.unwrap();
    assert!(runs(&runtime).await.contains("m/latest/2027-Q3"), "{:?}", runs(&runtime).await);
    end(runtime).await;
}

#[tokio::test]
async fn a_minute_of_a_wrong_clock_opens_and_sends_nothing_on_sqlite() {
    a_wrong_minute(Base::sqlite()).await;
}

#[tokio::test]
async fn a_minute_of_a_wrong_clock_opens_and_sends_nothing_on_postgres() {
    a_wrong_minute(Base::postgres().await).await;
}

#[tokio::test]
async fn a_start_with_a_wrong_clock_waits_for_a_person_or_for_the_right_time() {
    let base = Base::sqlite();
    let (runtime, _) = base.daemon(&Clock::manual(instant("2027-03-01T10:00"))).await;
    runtime.note_time().await;
    let before = runs(&runtime).await;
    end(runtime).await;
    let doubtful = ["2047-01-01T00:00", "1970-01-02T00:00"].map(|shows| (shows, true));
    for (shows, held) in doubtful.into_iter().chain([("2027-03-20T10:00", false)]) {
        let machine = Played::new(shows);
        let store = base.store().await;
        let reached = store.reached().await.unwrap();
        let schedules = store.activities("m").await.unwrap();
        store.close().await.unwrap();
        let (runtime, _) = base.daemon(&machine.clock_since(reached)).await;
        runtime.settle().await.unwrap();
        assert_eq!(kinds(&runtime).await.is_empty(), !held, "{shows}");
        if held {
            assert_eq!(runs(&runtime).await, before);
            // Nor does the time that is made do with touch what schedules have done with.
            assert_eq!(runtime.store().activities("m").await.unwrap(), schedules);
            // As a daemon does each minute: what is doubted is not noted.
            runtime.note_time().await;
            machine.shows("2027-03-19T10:00");
            runtime.settle().await.unwrap();
            assert_eq!(kinds(&runtime).await, Vec::<&str>::new());
        }
        end(runtime).await;
    }
}

#[tokio::test]
async fn schedules_that_a_wrong_clock_has_done_with_go_on_by_the_right_one() {
    let base = Base::sqlite();
    let wrong = Clock::manual(instant("2027-03-01T10:00"));
    let (runtime, _) = base.daemon(&wrong).await;
    wrong.set(instant("2047-03-01T10:00"));
    runtime.settle_runs().await.unwrap();
    assert!(runs(&runtime).await.len() > 20, "it has opened twenty years");
    end(runtime).await;

    let right = Clock::manual(instant("2027-03-01T11:00"));
    let (runtime, _) = base.daemon(&right).await;
    for row in runtime.store().activities("m").await.unwrap() {
        let next = row.next_opening.map(of_micros);
        let soon = next.is_none_or(|at| at < right.now() + SignedDuration::from_hours(24 * 100));
        assert!(soon, "{}: {next:?}", row.id);
    }
    end(runtime).await;
}

#[tokio::test]
async fn a_database_is_lived_in_or_rehearsed_with_and_never_both() {
    for base in [Base::sqlite(), Base::postgres().await] {
        let store = base.store().await;
        let now = instant("2027-03-01T10:00");
        let claim = async |time| store.claim_time(time, now, "база").await;
        claim(Time::Life).await.unwrap();
        let refused = claim(Time::Rehearsal).await.unwrap_err();
        assert!(matches!(refused, OpenError::Lived(_)));
        assert!(refused.to_string().contains("[rehearsal]"), "{refused}");
        claim(Time::Life).await.unwrap();
        store.close().await.unwrap();
    }
    // What a release without such a mark has rehearsed lies ahead.
    let base = Base::sqlite();
    let (runtime, _) = base.daemon(&Clock::manual(instant("2031-03-01T10:00"))).await;
    let open = Ask::Open { named: vec![], why: Why::Request, without_waiting: false };
    runtime.ask(Task::new(survey_run("a"), open, "test")).await.unwrap();
    let refused = runtime.store().claim_time(Time::Life, instant("2027-03-01T10:00"), "база").await;
    assert!(matches!(refused, Err(OpenError::Rehearsed(_))), "{refused:?}");
    end(runtime).await;
}

//! What callers over gRPC may rely on when calls race or are repeated: of those who saw the same
//! one wins, and a repetition is answered with what the first call made. On both databases, on
//! PostgreSQL through two daemons.

#![allow(clippy::unwrap_used)] // how tests fail

use futures::future::join_all;
use serde_json::{Value, json};
use tempfile::TempDir;
use tonic::transport::Channel;
use tonic::{Code, Status};
use vekha::clock::Clock;
use vekha::server::Daemon;
use vekha_tests::database;
use vekha_tests::smtp::SmtpServer;
use vekha_tests::stranger::{Stranger, reason};
use vekha_tests::town::{instant, settings, shipped_road_map};

const TOWN: &str = "municipalities/zarechny";
const CALLS: usize = 16;

/// One daemon or two over a database, and a client of each.
struct Place {
    daemons: Vec<Daemon>,
    strangers: Vec<Stranger>,
    clock: Clock,
    _mail: SmtpServer,
    _folder: TempDir,
}

impl Place {
    async fn sqlite() -> Self {
        let folder = TempDir::new().unwrap();
        let database = format!("sqlite:{}", folder.path().join("vekha.db").display());
        Place::of(folder, database, 1).await
    }

    async fn postgres() -> Self {
        Place::of(TempDir::new().unwrap(), database::postgres().await, 2).await
    }

    async fn of(folder: TempDir, database: String, daemons: usize) -> Self {
        let mail = SmtpServer::start().await;
        let clock = Clock::manual(instant("2026-10-06T09:30"));
        let mut place = Place {
            daemons: vec![],
            strangers: vec![],
            clock: clock.clone(),
            _mail: mail,
            _folder: folder,
        };
        for _ in 0..daemons {
            let settings = settings(&place._folder, database.clone(), place._mail.port());
            let daemon = Daemon::start_at(settings, Some(clock.clone())).await.unwrap();
            let url = format!("http://{}", daemon.address);
            let channel = Channel::from_shared(url).unwrap().connect().await.unwrap();
            place.strangers.push(Stranger::meet(channel).await);
            place.daemons.push(daemon);
        }
        place
    }

    async fn call(&self, method: &str, request: Value) -> Value {
        let called = self.strangers[0].call(method, request).await;
        called.unwrap_or_else(|status| panic!("{method}: {status}"))
    }

    async fn settle(&self) {
        self.daemons[0].runtime.settle().await.unwrap();
    }

    /// Makes calls at once, through all daemons.
    async fn at_once(
        &self,
        method: &str,
        request: impl Fn(usize) -> Value,
    ) -> Vec<Result<Value, Status>> {
        let calls = (0..CALLS).map(|n| {
            let stranger = self.strangers[n % self.strangers.len()].clone();
            let (method, request) = (method.to_owned(), request(n));
            tokio::spawn(async move { stranger.call(&method, request).await })
        });
        join_all(calls).await.into_iter().map(Result::unwrap).collect()
    }

    /// Makes calls at once, all with the etag that the thing has now: one of them must win.
    async fn one_wins(
        &self,
        method: &str,
        read: &str,
        name: &str,
        request: impl Fn(usize) -> Value,
    ) {
        let etag = self.call(read, json!({ "name": name })).await["etag"].clone();
        let with_etag = |n| {
            let mut request = request(n);
            match request.get_mut("recommendation") {
                Some(resource) => resource["etag"] = etag.clone(),
                None => request["etag"] = etag.clone(),
            }
            request
        };
        let answers = self.at_once(method, with_etag).await;
        let won = answers.iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(won, 1, "{method}: {answers:?}");
        for lost in answers.iter().filter_map(|answer| answer.as_ref().err()) {
            let told = (lost.code(), reason(lost));
            assert_eq!(told, (Code::Aborted, "STALE_ETAG".to_owned()), "{method}: {lost}");
        }
    }

    async fn stop(self) {
        for daemon in self.daemons {
            daemon.stop().await.unwrap();
        }
    }
}

macro_rules! on_both_databases {
    ($($promise:ident,)*) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                super::$promise(super::Place::sqlite().await).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                super::$promise(super::Place::postgres().await).await;
            })*
        }
    };
}

on_both_databases! {
    of_parallel_calls_with_one_etag_exactly_one_wins,
    parallel_calls_with_one_request_id_make_one_thing,
    a_repetition_is_answered_with_what_the_first_call_made,
}

fn activity(id: &str) -> String {
    format!("{TOWN}/activities/{id}")
}

/// An answer to the form of activity 29.
fn results(twos: usize) -> Value {
    let row = |subject: &str| {
        json!({ "procedure": "ВПР", "grade": 5, "subject": subject, "participants": 40,
            "marks_2": twos, "marks_3": 10, "marks_4": 30 - twos, "marks_5": 0 })
    };
    json!({ "procedures": [row("Математика"), row("Русский язык")] })
}

fn road_map_files(remark: &str) -> Value {
    let files = vekha::files::load(&shipped_road_map()).unwrap();
    let file = |(path, mut text): (String, String)| {
        if path == "municipality.toml" {
            text.push_str(&format!("\n# {remark}\n"));
        }
        json!({ "path": path, "text": text })
    };
    files.0.into_iter().map(file).collect()
}

/// Starts activity 29 without waiting for others; returns the run's name.
async fn start(place: &Place, period: &str) -> String {
    let request = json!({ "parent": activity("low-result-schools"), "period": period });
    let run = place.call("RunService.StartRun", request).await;
    let name = run["name"].as_str().unwrap().to_owned();
    let request = json!({ "name": name, "answer": "ANSWER_PROCEED" });
    place.call("RunService.AnswerQuestion", request).await;
    name
}

/// The decision on a run, with a measure for a school.
fn decision(run: &str, outcome: &str) -> Value {
    json!({ "parent": run, "number": "47-од", "date": "2026-10-06", "outcome": outcome,
        "signatory": "Начальник отдела", "measures": [{ "text": "Представить план",
        "organisations": ["school-1"], "due": "2026-12-01" }] })
}

async fn of_parallel_calls_with_one_etag_exactly_one_wins(place: Place) {
    let run = start(&place, "2025-26").await;
    let asked = |school: usize| format!("{run}/assignments/collect.school-{school}");
    let get = "AssignmentService.GetAssignment";
    place
        .one_wins(
            "AssignmentService.ExtendAssignment",
            get,
            &asked(1),
            |n| json!({ "name": asked(1), "due": "2026-11-05", "reason": format!("Карантин {n}") }),
        )
        .await;
    place
        .one_wins(
            "AssignmentService.SubmitAssignment",
            get,
            &asked(1),
            |n| json!({ "name": asked(1), "answers": results(n) }),
        )
        .await;
    for school in 2..=6 {
        let twos = if school == 2 { 20 } else { 2 };
        let request = json!({ "name": asked(school), "answers": results(twos) });
        place.call("AssignmentService.SubmitAssignment", request).await;
    }
    place.settle().await;
    place
        .one_wins("DecisionService.RecordDecision", "RunService.GetRun", &run, |n| {
            decision(&run, &format!("Утвердить {n}"))
        })
        .await;
    let measure = format!("{run}/measures/1");
    place
        .one_wins(
            "MeasureService.ReportMeasure",
            "MeasureService.GetMeasure",
            &measure,
            |n| json!({ "name": measure, "text": format!("План {n}") }),
        )
        .await;
    let vpr = activity("vpr");
    place
        .one_wins(
            "RoadMapService.PauseActivity",
            "RoadMapService.GetActivity",
            &vpr,
            |n| json!({ "name": vpr, "reason": format!("Перенос {n}") }),
        )
        .await;
    let map = format!("{TOWN}/roadMap");
    place
        .one_wins(
            "RoadMapService.ApplyRoadMap",
            "RoadMapService.GetRoadMap",
            &map,
            |n| json!({ "parent": TOWN, "files": road_map_files(&format!("правка {n}")) }),
        )
        .await;
    let state: Value = serde_json::from_str(include_str!("../../config/tour/state.json")).unwrap();
    let found = place.call("RunService.ListRuns", json!({ "parent": activity("-") + "/runs/-" }));
    let found = found.await;
    let runs: Vec<&str> =
        found["runs"].as_array().unwrap().iter().filter_map(|run| run["name"].as_str()).collect();
    let monitoring = runs.iter().find(|run| run.contains("low-result-monitoring")).unwrap();
    let owed = json!({ "parent": monitoring });
    let owed = place.call("AssignmentService.ListAssignments", owed).await;
    for assignment in owed["assignments"].as_array().unwrap() {
        let request = json!({ "name": assignment["name"], "answers": state });
        place.call("AssignmentService.SubmitAssignment", request).await;
    }
    place.settle().await;
    let draft = activity("equity-methods") + "/runs/2025-26/recommendations/recommend.school-2";
    let get = "RecommendationService.GetRecommendation";
    let items = place.call(get, json!({ "name": draft })).await["items"].as_array().unwrap().len();
    place
        .one_wins("RecommendationService.UpdateRecommendation", get, &draft, |n| {
            let items = vec![
                json!({ "recommendation": format!("Назначить наставника {n}") });
                items
            ];
            json!({ "recommendation": { "name": draft, "items": items }, "updateMask": "items" })
        })
        .await;
    place.stop().await;
}

async fn parallel_calls_with_one_request_id_make_one_thing(place: Place) {
    let made = async |method: &str, request: Value, what: &str| {
        let mut answers = place.at_once(method, |_| request.clone()).await;
        let first = answers.remove(0).unwrap_or_else(|status| panic!("{method}: {status}"));
        for answer in answers {
            let answer = answer.unwrap_or_else(|status| panic!("{method}: {status}"));
            assert_eq!(answer[what], first[what], "{method}");
        }
        first
    };
    let files = road_map_files("одна правка");
    let apply = json!({ "parent": TOWN, "files": files, "requestId": "apply" });
    let map = made("RoadMapService.ApplyRoadMap", apply.clone(), "version").await;
    assert_eq!(map["version"], 2);
    let pause = json!({ "name": activity("vpr"), "reason": "Перенос", "requestId": "pause" });
    made("RoadMapService.PauseActivity", pause, "paused").await;
    let event = json!({ "parent": TOWN, "event": "niko-sample", "label": "autumn",
        "organisations": ["school-4"], "requestId": "event" });
    made("EventService.PublishEvent", event, "runs").await;
    let run = start(&place, "2025-26").await;
    let name = format!("{run}/assignments/collect.school-1");
    let submit = json!({ "name": name, "answers": results(3), "requestId": "submit" });
    assert_eq!(made("AssignmentService.SubmitAssignment", submit, "name").await["version"], 1);
    // Newer ones change nothing of what the first made, nor does a map that no longer reads.
    let newer = json!({ "parent": TOWN, "files": road_map_files("ещё одна") });
    assert_eq!(place.call("RoadMapService.ApplyRoadMap", newer).await["version"], 3);
    assert_eq!(place.call("RoadMapService.ApplyRoadMap", apply).await["version"], 2);
    place.stop().await;
}

async fn a_repetition_is_answered_with_what_the_first_call_made(place: Place) {
    let before = start(&place, "2024-25").await;
    let run = start(&place, "2025-26").await;
    let submit = |run: &str, twos: usize, id: &str| {
        json!({ "name": format!("{run}/assignments/collect.school-1"), "answers": results(twos),
            "requestId": id })
    };
    let method = "AssignmentService.SubmitAssignment";
    place.call(method, submit(&before, 3, "the year before")).await;
    let first = place.call(method, submit(&run, 4, "first")).await;
    // What it answered a year ago is looked up for an answer, and has changed in between.
    place.call(method, submit(&before, 5, "the year before, corrected")).await;
    let second = place.call(method, submit(&run, 6, "second")).await;
    assert_eq!((&first["version"], &second["version"]), (&json!(1), &json!(2)));
    for stranger in &place.strangers {
        let again = stranger.call(method, submit(&run, 4, "first")).await.unwrap();
        assert_eq!(again, first, "its own answer, and not the newest");
        let reused = stranger.call(method, submit(&run, 7, "first")).await.unwrap_err();
        assert_eq!(reason(&reused), "REQUEST_ID_REUSED");
    }
    for school in 2..=6 {
        let name = format!("{run}/assignments/collect.school-{school}");
        place.call(method, json!({ "name": name, "answers": results(8) })).await;
    }
    place.settle().await;

    let mut record = decision(&run, "Утвердить");
    record["requestId"] = "decide".into();
    let decided = place.call("DecisionService.RecordDecision", record.clone()).await;
    // A later decision corrects it.
    let mut correction = decision(&run, "Утвердить с изменениями");
    correction["number"] = "52-од".into();
    correction["corrects"] = decided["name"].clone();
    place.call("DecisionService.RecordDecision", correction).await;
    let again = place.call("DecisionService.RecordDecision", record).await;
    assert_eq!((&again["name"], &again["outcome"]), (&decided["name"], &decided["outcome"]));

    // «The current period» is another one when the call is repeated.
    let begin = json!({ "parent": activity("external-assessments"), "requestId": "start" });
    let begun = place.call("RunService.StartRun", begin.clone()).await;
    let event = json!({ "parent": TOWN, "event": "niko-sample", "label": "autumn",
        "organisations": ["school-4"], "requestId": "event" });
    let told = place.call("EventService.PublishEvent", event.clone()).await;
    place.clock.set(instant("2027-10-06T09:30"));
    let again = place.call("RunService.StartRun", begin).await;
    assert_eq!(again["name"], begun["name"]);
    let again = place.call("EventService.PublishEvent", event).await;
    assert_eq!(again["runs"][0]["name"], told["runs"][0]["name"]);
    place.stop().await;
}

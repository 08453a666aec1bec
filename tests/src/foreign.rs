//! What another system does in a municipality: it knows the contract from the daemon's own reflection
//! alone, and drives a whole town with it.

#![allow(missing_docs, clippy::unwrap_used, clippy::missing_panics_doc, clippy::missing_errors_doc)] // how tests fail

use std::collections::BTreeMap;
use std::future::Future;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use serde_json::{Value, json};
use tonic::{Code, Status};

use crate::stranger::{Stranger, reason, wrong_fields};
use crate::town::Town;

/// A working morning.
pub const MORNING: &str = "2026-10-06T09:30";
/// How long a stream may be silent before a test fails.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub const TOWN: &str = "municipalities/zarechny";
pub const SCHOOLS: [&str; 6] =
    ["school-1", "school-2", "school-3", "school-4", "school-5", "school-6"];

pub async fn town() -> (Town, Stranger) {
    let town = Town::start(MORNING).await;
    let stranger = Stranger::meet(town.channel().await).await;
    (town, stranger)
}

pub fn activity(id: &str) -> String {
    format!("{TOWN}/activities/{id}")
}

pub fn run(id: &str, period: &str) -> String {
    format!("{TOWN}/activities/{id}/runs/{period}")
}

pub fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

/// Starts a run that need not wait for others.
pub async fn start(stranger: &Stranger, id: &str, period: &str) -> String {
    let request = json!({ "parent": activity(id), "period": period });
    let started = stranger.call("RunService.StartRun", request).await.unwrap();
    let name = run(id, period);
    if started["state"] == "RUN_STATE_WAITING" {
        let request = json!({ "name": name, "answer": "ANSWER_PROCEED" });
        stranger.call("RunService.AnswerQuestion", request).await.unwrap();
    }
    name
}

/// An answer to the form of activity 29; low results or not.
pub fn results(low: bool) -> Value {
    let twos = if low { 11 } else { 1 };
    let row = |subject: &str| {
        json!({ "procedure": "ВПР", "grade": 5, "subject": subject, "participants": 20,
            "marks_2": twos, "marks_3": 9, "marks_4": 11 - twos, "marks_5": 0 })
    };
    json!({ "procedures": [row("Математика"), row("Русский язык")] })
}

pub async fn submit(
    stranger: &Stranger,
    assignment: &str,
    answers: Value,
) -> Result<Value, Status> {
    let request = json!({ "name": assignment, "answers": answers });
    stranger.call("AssignmentService.SubmitAssignment", request).await
}

/// All pages of a list.
pub async fn walk(stranger: &Stranger, method: &str, parent: Value, size: usize) -> Vec<Value> {
    let mut request = parent;
    request["pageSize"] = size.into();
    let mut all = Vec::new();
    loop {
        let page = stranger.call(method, request.clone()).await.unwrap();
        let (rows, token) = page_of(&page);
        assert!(rows.len() <= size, "{method}: {} rows on a page of {size}", rows.len());
        all.extend(rows);
        if token.is_empty() {
            return all;
        }
        request["pageToken"] = token.into();
    }
}

/// The rows of a response and the token of the page after it.
pub fn page_of(page: &Value) -> (Vec<Value>, String) {
    let rows = page.as_object().unwrap().iter().find(|(field, _)| *field != "nextPageToken");
    let rows = rows.map(|(_, rows)| rows.as_array().unwrap().clone()).unwrap_or_default();
    (rows, text(page, "nextPageToken").to_owned())
}

/// Every list of the contract: its method and the broadest request.
pub fn lists(stranger: &Stranger) -> Vec<(String, Value)> {
    let methods = stranger.methods("vekha.v1");
    // Who is let in, who is told and what the daemon works with belongs to no municipality, and nobody is
    // where nobody is asked for anything.
    let of_access = |name: &str| {
        let told = matches!(name, "ListListeners" | "ListUndelivered");
        told || matches!(name, "ListPeople" | "ListTokens" | "ListPlugins" | "ListBackups")
    };
    let lists = methods.iter().filter(|m| m.name().starts_with("List") && !of_access(m.name()));
    lists
        .map(|method| {
            let service = method.parent_service();
            let name = format!("{}.{}", service.name(), method.name());
            let parent = match method.name() {
                "ListRoadMaps" => return (name, json!({})),
                "ListRuns" => format!("{TOWN}/activities/-"),
                "ListAssignments" | "ListRecommendations" | "ListDecisions" | "ListMeasures" => {
                    format!("{TOWN}/activities/-/runs/-")
                }
                "ListSubmissions" => format!("{TOWN}/activities/-/runs/-/assignments/-"),
                _ => TOWN.to_owned(),
            };
            (name, json!({ "parent": parent }))
        })
        .collect()
}

/// Everything that can be seen of a town that has come to rest.
pub async fn everything(town: &Town, stranger: &Stranger) -> BTreeMap<String, Vec<Value>> {
    town.settle().await;
    let mut all = BTreeMap::new();
    for (method, request) in lists(stranger) {
        let rows = walk(stranger, &method, request, 1000).await;
        all.insert(method, rows);
    }
    let listeners = walk(stranger, "ListenerService.ListListeners", json!({}), 1000).await;
    for listener in &listeners {
        let (method, of) = ("ListenerService.ListUndelivered", json!({ "name": listener["name"] }));
        let rows = walk(stranger, method, of, 1000).await;
        all.insert(format!("{method} of {}", listener["name"]), rows);
    }
    all.insert("ListenerService.ListListeners".to_owned(), listeners);
    all
}

/// Asserts that nothing changed, naming what did.
pub fn unchanged(
    before: &BTreeMap<String, Vec<Value>>,
    after: &BTreeMap<String, Vec<Value>>,
    why: &str,
) {
    for (method, rows) in before {
        assert_eq!(rows, &after[method], "{why}: {method} shows a change");
    }
}

pub fn merged(mut request: Value, more: &Value) -> Value {
    for (field, value) in more.as_object().unwrap() {
        request[field] = value.clone();
    }
    request
}

pub async fn patiently<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("in vain: {what}"))
}

/// A refusal: its code, its reason and the fields that it names.
pub async fn refusal(
    stranger: &Stranger,
    method: &str,
    request: Value,
) -> (Code, String, Vec<String>) {
    let status = stranger.call(method, request.clone()).await;
    let status = status.err().unwrap_or_else(|| panic!("{method} took {request}"));
    assert!(!status.message().is_empty(), "{method}: no words");
    let fields = wrong_fields(&status);
    assert!(fields.values().all(|words| !words.is_empty()), "{method}: {fields:?}");
    (status.code(), reason(&status), fields.into_keys().collect())
}

/// A town with something in every list: schools that answered, some twice, a decision with
/// measures, drafts of recommendations.
pub async fn busy() -> (Town, Stranger) {
    let (town, stranger) = town().await;
    let found = start(&stranger, "low-result-schools", "2025-26").await;
    for school in SCHOOLS {
        let name = format!("{found}/assignments/collect.{school}");
        let low = ["school-1", "school-2"].contains(&school);
        let answers_once = school == "school-6";
        submit(&stranger, &name, results(!low && !answers_once)).await.unwrap();
        if !answers_once {
            submit(&stranger, &name, results(low)).await.unwrap();
        }
    }
    town.settle().await;
    let measure = json!({ "text": "План", "organisations": SCHOOLS, "due": "2026-12-01" });
    let decision = json!({ "parent": found, "number": "1", "date": "2026-10-06", "outcome": "Да",
        "signatory": "Начальник", "measures": [measure] });
    stranger.call("DecisionService.RecordDecision", decision).await.unwrap();
    let waive = json!({ "name": format!("{found}/assignments/measure-2.{}", SCHOOLS[1]),
        "reason": "Школа на ремонте" });
    stranger.call("AssignmentService.WaiveAssignment", waive).await.unwrap();
    town.settle().await;
    let state: Value = serde_json::from_str(include_str!("../../config/tour/state.json")).unwrap();
    for school in ["school-1", "school-2"] {
        let run = run("low-result-monitoring", "2025-26");
        submit(&stranger, &format!("{run}/assignments/collect.{school}"), state.clone())
            .await
            .unwrap();
    }
    start(&stranger, "vpr", "2025-26").await;
    let programme = run("support-programme-update", "2025-26");
    let decision = json!({ "parent": programme, "number": "2", "date": "2026-10-06",
        "outcome": "Да", "signatory": "Начальник", "withoutMeasures": true });
    stranger.call("DecisionService.RecordDecision", decision).await.unwrap();
    town.settle().await;
    (town, stranger)
}

/// Names of filters that the contract's own comments promise: «Conditions on `state`, ...».
pub fn promised_filters(stranger: &Stranger, method: &str) -> Vec<String> {
    let input = stranger.method(method).input();
    let Some(field) = input.get_field_by_name("filter") else { return Vec::new() };
    let file = input.parent_file();
    let file = file.file_descriptor_proto();
    let locations = file.source_code_info.iter().flat_map(|info| &info.location);
    let comment = locations
        .filter(|location| location.path == field.path())
        .find_map(|location| location.leading_comments.clone())
        .unwrap_or_else(|| panic!("{method}: filter has no comment"));
    // In brackets stand remarks on the field before them.
    let outside = comment.split('(').map(|part| part.rsplit(')').next().unwrap_or_default());
    let outside: String = outside.collect();
    let promised: Vec<String> = outside.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    assert!(!promised.is_empty(), "{method}: {comment}");
    promised
}

/// The id of a call, the same for the same words.
pub fn request_id(words: &str) -> String {
    let mut hasher = DefaultHasher::new();
    words.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

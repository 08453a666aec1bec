//! What a foreign client may expect of every call, however wrong it is itself: refusals that it can
//! read, filters that mean what they say, names and tokens that are taken for nothing else.

#![allow(clippy::unwrap_used)] // how tests fail

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tonic::Code;
use tonic::transport::Endpoint;
use tonic_types::StatusExt as _;
use vekha_tests::foreign::*;
use vekha_tests::process::binary;
use vekha_tests::stranger::{Stranger, reason, wrong_fields};
use vekha_tests::town::Town;

/// As many bytes of headers as gRPC's libraries in other languages take.
const USUAL_HEADERS: u32 = 8 << 10;

/// A client that takes no more headers than those of other languages do.
async fn narrow(town: &Town) -> Stranger {
    let endpoint = Endpoint::from_shared(town.url()).unwrap();
    let endpoint = endpoint.http2_max_header_list_size(USUAL_HEADERS);
    Stranger::meet(endpoint.connect().await.unwrap()).await
}

/// Answers with as many fields that the form does not have.
fn strange(count: usize) -> Value {
    let fields = (0..count).map(|i| (format!("чужое-поле-{i:04}"), json!("двадцать")));
    Value::Object(fields.collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_of_5000_mistakes_is_refused_in_few_bytes_and_lists_them_all_when_asked() {
    let town = Town::start(MORNING).await;
    let stranger = &narrow(&town).await;
    let found = start(stranger, "low-result-schools", "2025-26").await;
    let name = format!("{found}/assignments/collect.school-1");
    let submit = "AssignmentService.SubmitAssignment";

    let mut rows = results(false);
    let row = json!({ "procedure": "ВПР", "grade": 12, "subject": "Черчение и труд",
        "participants": "двадцать", "marks_2": -1, "marks_3": 0.5, "marks_4": "нет", "marks_5": 1 });
    rows["procedures"] = vec![row; 8].into();
    for (answers, mistakes) in [(rows, 0), (strange(5000), 5000)] {
        let request = json!({ "name": name, "answers": answers });
        let refused = stranger.call(submit, request.clone()).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
        assert_eq!(reason(&refused), "INVALID_FIELDS");
        let listing = json!({ "validateOnly": true, "listMistakes": true });
        let listed = stranger.call(submit, merged(request.clone(), &listing)).await.unwrap();
        let all: BTreeMap<String, String> = (listed["mistakes"].as_array().unwrap().iter())
            .map(|m| (text(m, "field").to_owned(), text(m, "description").to_owned()))
            .collect();
        assert!(all.len() > 30 && all.len() >= mistakes, "{}", all.len());
        assert_eq!(listed.get("name"), None, "nothing else is told");
        let told = wrong_fields(&refused);
        assert!(!told.is_empty() && told.iter().all(|(field, words)| all[field] == *words));
        let omitted = refused.get_details_error_info().unwrap().metadata["omitted"].clone();
        assert_eq!(omitted.parse::<usize>().unwrap() + told.len(), all.len());
        assert!(refused.message().contains(&omitted), "{refused}");
        // Who does not ask for a list is refused as before; who only asks for it is told so.
        let tried = merged(request.clone(), &json!({ "validateOnly": true }));
        assert_eq!(stranger.call(submit, tried).await.unwrap_err().code(), Code::InvalidArgument);
        let astray = merged(request, &json!({ "listMistakes": true }));
        assert_eq!(refusal(stranger, submit, astray).await.2, ["list_mistakes"]);
    }

    // A road map's mistakes, and words that the caller brings himself.
    let activity = "[schedule]\nevery = \"yaer\"\n".repeat(200);
    let files = json!([{ "path": "municipality.toml", "text": "id = 1\n" },
        { "path": "activities/01.toml", "text": activity }]);
    let files = merged(json!({}), &json!({ "files": files }));
    let refused = stranger.call("RoadMapService.ApplyRoadMap", files.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
    let checked = stranger.call("RoadMapService.CheckRoadMap", files).await.unwrap();
    assert!(!checked["diagnostics"].as_array().unwrap().is_empty());
    let long = "длинное имя ".repeat(10_000);
    for (method, request, code) in [
        ("RunService.GetRun", json!({ "name": long }), Code::InvalidArgument),
        (
            "RoadMapService.GetRoadMap",
            json!({ "name": format!("municipalities/{long}") }),
            Code::NotFound,
        ),
        ("OutboxService.GetMessage", json!({ "name": long }), Code::NotFound),
        ("RunService.ListRuns", json!({ "parent": TOWN, "filter": long }), Code::InvalidArgument),
        (
            "EventService.PublishEvent",
            json!({ "parent": TOWN, "event": long }),
            Code::InvalidArgument,
        ),
        ("RunService.CancelRun", json!({ "name": found, "reason": long }), Code::InvalidArgument),
        ("RunService.CancelRun", json!({ "name": found, "actor": long }), Code::InvalidArgument),
    ] {
        let refused = stranger.call(method, request).await.unwrap_err();
        assert_eq!(refused.code(), code, "{method}: {refused}");
    }

    // Eight measures for nobody.
    for school in SCHOOLS {
        let name = format!("{found}/assignments/collect.{school}");
        vekha_tests::foreign::submit(stranger, &name, results(false)).await.unwrap();
    }
    town.settle().await;
    let measure =
        json!({ "text": "я".repeat(9000), "organisations": ["нет такой"], "due": "завтра" });
    let decision = json!({ "parent": found, "measures": vec![measure; 60] });
    let refused = stranger.call("DecisionService.RecordDecision", decision.clone()).await;
    assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
    let listing = json!({ "validateOnly": true, "listMistakes": true });
    let listed = stranger.call("DecisionService.RecordDecision", merged(decision, &listing)).await;
    assert!(listed.unwrap()["mistakes"].as_array().unwrap().len() > 180);

    // The command line tells them all.
    let vpr = start(stranger, "vpr", "2025-26").await;
    let file = town.folder.path().join("answers.json");
    std::fs::write(&file, strange(5000).to_string()).unwrap();
    let mut command = tokio::process::Command::new(binary());
    command
        .args(["--server", &town.url(), "submit"])
        .arg(format!("{vpr}/assignments/collect.school-1"));
    let said = command.arg("--file").arg(&file).env_clear().output().await.unwrap();
    let words = String::from_utf8(said.stderr).unwrap();
    assert_eq!(said.status.code(), Some(1), "{words}");
    assert_eq!(
        words.matches("чужое-поле-").count(),
        5000,
        "{}",
        words.chars().take(500).collect::<String>()
    );
}

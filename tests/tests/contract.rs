//! What a foreign client may expect of every call, however wrong it is itself: refusals that it can
//! read, filters that mean what they say, names and tokens that are taken for nothing else.

#![allow(clippy::unwrap_used)] // how tests fail

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tonic::Code;
use tonic::transport::Endpoint;
use tonic_types::StatusExt as _;
use vekha_tests::foreign::*;
use vekha_tests::javascript;
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
        ("OutboxService.GetMessage", json!({ "name": long }), Code::InvalidArgument),
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

// --- filters ----------------------------------------------------------------------------------

/// Calls that take a filter, each with the broadest parent.
fn filtered(stranger: &Stranger) -> Vec<(String, Value)> {
    let has_filter =
        |method: &str| stranger.method(method).input().get_field_by_name("filter").is_some();
    let all = lists(stranger).into_iter().filter(|(method, _)| has_filter(method));
    let watched = ["RunService.WatchRuns", "JournalService.WatchEntries"];
    all.chain(watched.map(|method| (method.to_owned(), json!({ "parent": TOWN })))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_that_is_not_understood_is_refused_with_its_place() {
    let (_town, stranger) = town().await;
    let known: Vec<String> = filtered(&stranger).into_iter().map(|(method, _)| method).collect();
    for method in stranger.methods("vekha.v1") {
        let name = format!("{}.{}", method.parent_service().name(), method.name());
        let filters = method.input().get_field_by_name("filter").is_some();
        assert_eq!(filters, known.contains(&name), "{name}");
    }
    for (method, request) in filtered(&stranger) {
        let field = &promised_filters(&stranger, &method)[0];
        let value = match field.as_str() {
            "state" if method.contains("Messages") => "sent",
            "state" if method.contains("Assignments") => "open",
            "state" if method.contains("Recommendations") => "draft",
            "state" if method.contains("Measures") => "done",
            "state" => "active",
            "kind" if method.contains("Organisations") => "school",
            _ => "one",
        };
        let one = format!("{field} = {value}");
        let place = one.chars().count();
        for (filter, at) in [
            (format!("{one} OR {one}"), place + 2),
            (format!("{one} and {one}"), place + 2),
            (format!("{one} AND {one}"), place + 6),
            (format!("{one} {one}"), place + 2),
            (format!("{one} AND"), place + 5),
            (format!("NOT {one}"), 1),
            (format!("({one})"), 1),
            (format!("{field} != {value}"), field.len() + 2),
            (format!("{field} : {value}"), field.len() + 2),
            (format!("{field} = \"{value}"), field.len() + 4),
            (format!("{field} = {value}*"), field.len() + 4),
            (format!("{field} = \"\""), field.len() + 4),
            (format!("{field} ="), field.len() + 3),
            (field.to_string(), field.len() + 1),
            ("  colour = red".to_owned(), 3),
        ] {
            let asked = merged(request.clone(), &json!({ "filter": filter }));
            let refused = match stranger.method(&method).is_server_streaming() {
                true => stranger.watch(&method, asked).await.map(drop),
                false => stranger.call(&method, asked).await.map(drop),
            };
            let refused = refused.expect_err(&format!("{method}: {filter}"));
            assert_eq!(refused.code(), Code::InvalidArgument, "{method}: {filter}");
            let words = wrong_fields(&refused).remove("filter").unwrap_or_default();
            assert!(words.starts_with(&format!("знак {at}: ")), "{method}: {filter}: {words}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_narrows_its_parent_and_fills_pages_with_what_holds_both() {
    let (town, stranger) = busy().await;
    town.live_until("2026-12-10T12:00").await;
    let found = run("low-result-schools", "2025-26");
    let of_activity = activity("low-result-schools");
    for (method, parent, filter, some) in [
        ("RunService.ListRuns", &of_activity, "activity = vpr", false),
        ("RunService.ListRuns", &of_activity, "activity = low-result-schools", true),
        ("RunService.ListRuns", &activity("-"), "organisation = school-3 AND late = true", true),
        ("AssignmentService.ListAssignments", &found, "activity = vpr", false),
        ("AssignmentService.ListAssignments", &found, "period = 2024-25", false),
        ("AssignmentService.ListAssignments", &found, "period = 2025-26", true),
        ("AssignmentService.ListAssignments", &run("-", "-"), "late = true", true),
        ("AssignmentService.ListAssignments", &run("-", "-"), "kind = measure", true),
        ("AssignmentService.ListSubmissions", &found, "stage = nowhere", false),
        (
            "AssignmentService.ListSubmissions",
            &format!("{found}/assignments/collect.school-1"),
            "organisation = school-2",
            false,
        ),
        ("MeasureService.ListMeasures", &found, "late = true", true),
        ("MeasureService.ListMeasures", &found, "state = waived", true),
        ("MeasureService.ListMeasures", &found, "state = waived AND late = true", false),
        ("RecommendationService.ListRecommendations", &run("-", "-"), "date = 2026-10", true),
        ("RecommendationService.ListRecommendations", &run("-", "-"), "date >= 2027", false),
        ("DecisionService.ListDecisions", &run("-", "-"), "kind = order AND date <= 2026", true),
        (
            "OutboxService.ListMessages",
            &TOWN.to_owned(),
            "activity = vpr AND kind = reminder",
            true,
        ),
        ("OutboxService.ListMessages", &TOWN.to_owned(), "uncertain = true", false),
        ("JournalService.ListEntries", &found, "kind = submitted", true),
        ("JournalService.ListEntries", &found, "activity = vpr", false),
        ("JournalService.ListEntries", &found, "period = 2024-25", false),
    ] {
        let request = json!({ "parent": parent, "filter": filter, "pageSize": 1 });
        let mut request = request;
        let mut count = 0;
        loop {
            let page = stranger.call(method, request.clone()).await.unwrap();
            let (rows, token) = page_of(&page);
            count += rows.len();
            if token.is_empty() {
                break;
            }
            assert_eq!(rows.len(), 1, "{method} {filter}: a page that is not the last is full");
            request["pageToken"] = token.into();
        }
        assert_eq!(count > 0, some, "{method} of {parent}: {filter}");
    }
}

// --- names and tokens -------------------------------------------------------------------------

/// Calls with a parent: how deep it is at least and at most, and what else they need.
fn parents() -> Vec<(&'static str, usize, usize, Value)> {
    let none = || json!({});
    let period = json!({ "period": "2024-25" });
    vec![
        ("RoadMapService.ListActivities", 1, 1, none()),
        ("RoadMapService.ListComingOpenings", 1, 1, none()),
        ("RoadMapService.ListRoadMapVersions", 1, 1, none()),
        ("NeedService.ListNeeds", 1, 1, none()),
        ("OfferService.ListOffers", 1, 3, none()),
        ("RoadMapService.Preview", 1, 1, json!({ "from": "2027-01-01", "to": "2027-01-02" })),
        ("OrganisationService.ListOrganisations", 1, 1, none()),
        ("EventService.PublishEvent", 1, 1, json!({ "event": "niko-sample" })),
        ("OutboxService.ListMessages", 1, 1, none()),
        ("OutboxService.RetryMessages", 1, 1, none()),
        ("OutboxService.HoldMessages", 1, 1, json!({ "reason": "Не тот срок" })),
        ("OutboxService.ReleaseMessages", 1, 1, none()),
        ("RunService.StartRun", 2, 2, period),
        ("RunService.BackfillRuns", 2, 2, json!({ "periods": ["2024-25"] })),
        ("RunService.ListRuns", 1, 2, none()),
        ("RunService.WatchRuns", 1, 3, none()),
        ("AssignmentService.ListAssignments", 1, 3, none()),
        ("AssignmentService.ListSubmissions", 1, 4, none()),
        ("AssignmentService.ImportSubmissions", 1, 3, none()),
        ("RecommendationService.ListRecommendations", 1, 3, none()),
        ("RecommendationService.ApproveRecommendations", 3, 3, none()),
        ("DecisionService.DraftDecision", 3, 3, none()),
        ("DecisionService.RecordDecision", 3, 3, none()),
        ("DecisionService.ListDecisions", 1, 3, none()),
        ("MeasureService.ListMeasures", 1, 3, none()),
        ("JournalService.ListEntries", 1, 3, none()),
        ("JournalService.WatchEntries", 1, 3, none()),
        ("JournalService.VerifyJournal", 1, 3, none()),
        ("CompletenessService.GetCompleteness", 1, 3, none()),
        ("EffectService.GetEffects", 1, 2, json!({ "year": 2026 })),
        // Its parent is an organisation, of which this test knows nothing.
        ("OrganisationService.CreateCalendar", 0, 0, none()),
        // Its parent is held against what the files say.
        ("RoadMapService.ApplyRoadMap", 0, 0, none()),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parent_that_is_not_there_is_not_found_and_one_too_deep_is_refused_by_every_call() {
    let (_town, stranger) = town().await;
    start(&stranger, "vpr", "2025-26").await;
    let levels = [
        ("municipalities", "zarechny", "nowhere"),
        ("activities", "vpr", "nothing"),
        ("runs", "2025-26", "2001-02"),
        ("assignments", "collect.school-1", "collect.school-99"),
        ("submissions", "1", "1"),
    ];
    let name = |depth: usize, wrong: usize| {
        let segments = levels[..depth].iter().enumerate().map(|(level, (of, right, astray))| {
            format!("{of}/{}", if level + 1 == wrong { astray } else { right })
        });
        segments.collect::<Vec<_>>().join("/")
    };
    let known = parents();
    for method in stranger.methods("vekha.v1") {
        if method.input().get_field_by_name("parent").is_none() {
            continue;
        }
        let full = format!("{}.{}", method.parent_service().name(), method.name());
        let (_, least, most, rest) = known
            .iter()
            .find(|(method, ..)| *method == full)
            .unwrap_or_else(|| panic!("{full}: say how deep its parent goes"));
        let ask = async |parent: String| {
            let request = merged(rest.clone(), &json!({ "parent": parent }));
            match method.is_server_streaming() {
                true => stranger.watch(&full, request).await.map(drop),
                false => stranger.call(&full, request).await.map(drop),
            }
        };
        for depth in (*least).max(1)..=*most {
            for wrong in 1..=depth {
                let parent = name(depth, wrong);
                let refused = ask(parent.clone()).await.expect_err(&format!("{full} of {parent}"));
                assert_eq!(refused.code(), Code::NotFound, "{full} of {parent}: {refused}");
                assert_eq!(reason(&refused), "NOT_FOUND", "{full} of {parent}");
            }
        }
        if *most > 0 {
            let deep = name(most + 1, 0);
            let refused = ask(deep.clone()).await.expect_err(&format!("{full} of {deep}"));
            let fields: Vec<String> = wrong_fields(&refused).into_keys().collect();
            assert_eq!(refused.code(), Code::InvalidArgument, "{full} of {deep}: {refused}");
            assert_eq!(fields, ["parent"], "{full} of {deep}: {refused}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_token_serves_the_list_that_it_was_given_for_and_no_other() {
    let (_town, stranger) = busy().await;
    let mut tokens = Vec::new();
    for (method, request) in lists(&stranger) {
        let first = merged(request.clone(), &json!({ "pageSize": 1 }));
        let (_, token) = page_of(&stranger.call(&method, first.clone()).await.unwrap());
        if token.is_empty() {
            // One road map in one version, and nothing that opens soon.
            let of_one = ["ListRoadMaps", "ListRoadMapVersions", "ListComingOpenings"];
            assert!(of_one.iter().any(|of| method == format!("RoadMapService.{of}")), "{method}");
            continue;
        }
        let of_token = json!({ "pageToken": token });
        let next = merged(merged(request.clone(), &of_token), &json!({ "pageSize": 7 }));
        stranger.call(&method, next).await.unwrap();
        let input = stranger.method(&method).input();
        let mut others = vec![json!({ "parent": activity("vpr") })];
        if method.starts_with("JournalService") {
            others.push(json!({ "afterCursor": 1 }));
        }
        if input.get_field_by_name("filter").is_some() {
            others.push(json!({ "filter": "period = 2025-26" }));
        }
        for other in others {
            let astray = merged(merged(request.clone(), &other), &of_token);
            let status = stranger.call(&method, astray.clone()).await.expect_err(&method);
            assert_eq!(status.code(), Code::InvalidArgument, "{method} {astray}");
        }
        tokens.push((method, token));
    }
    for (method, request) in lists(&stranger) {
        for (of, token) in tokens.iter().filter(|(of, _)| *of != method) {
            let astray = merged(request.clone(), &json!({ "pageToken": token }));
            let fields = refusal(&stranger, &method, astray).await.2;
            assert_eq!(fields, ["page_token"], "{method} with a token of {of}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mutation_refuses_ids_and_actors_that_no_journal_can_show() {
    let (_town, stranger) = town().await;
    let mut count = 0;
    for method in stranger.methods("vekha.v1") {
        if method.input().get_field_by_name("request_id").is_none() {
            continue;
        }
        count += 1;
        let name = format!("{}.{}", method.parent_service().name(), method.name());
        for id in ["x".repeat(65), "звонок".into(), "a\nb".into(), "\u{7f}".into()] {
            let told = refusal(&stranger, &name, json!({ "requestId": id })).await;
            assert_eq!(
                (told.0, told.2),
                (Code::InvalidArgument, vec!["request_id".into()]),
                "{name}"
            );
        }
        for actor in ["Отдел\nМэрия", "\u{1b}[31mОтдел", "Отдел\u{202e}", &"я".repeat(201)]
        {
            let told = refusal(&stranger, &name, json!({ "actor": actor })).await;
            assert_eq!((told.0, told.2), (Code::InvalidArgument, vec!["actor".into()]), "{name}");
        }
    }
    assert!(count > 20, "{count} mutations");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thing_has_one_name_and_a_list_names_nothing_twice() {
    let (_town, stranger) = busy().await;
    let found = run("low-result-schools", "2025-26");
    for number in ["01", "+1", "0", "1 ", "-1"] {
        for (method, collection) in [
            ("DecisionService.GetDecision", "decisions"),
            ("DecisionService.GetDecisionDocument", "decisions"),
            ("DecisionService.AttachFile", "decisions"),
            ("DecisionService.GetAttachment", "decisions/1/attachments"),
            ("MeasureService.GetMeasure", "measures"),
            ("MeasureService.ReportMeasure", "measures"),
            ("MeasureService.AcceptMeasure", "measures"),
            ("MeasureService.ReturnMeasure", "measures"),
        ] {
            let name = json!({ "name": format!("{found}/{collection}/{number}") });
            let told = refusal(&stranger, method, name).await;
            assert_eq!((told.0, told.2), (Code::InvalidArgument, vec!["name".into()]), "{method}");
        }
    }
    let many = |count: usize| {
        json!({ "parent": TOWN, "event": "niko-sample", "label": "many",
        "organisations": vec!["school-1"; count] })
    };
    for count in [2, 50_000] {
        let fields = refusal(&stranger, "EventService.PublishEvent", many(count)).await.2;
        assert_eq!(fields, ["organisations"]);
    }
    let unknown = json!({ "parent": TOWN, "event": "niko-sample", "label": "many",
        "organisations": ["school-1", "school-77", "school-88"] });
    let refused = stranger.call("EventService.PublishEvent", unknown).await.unwrap_err();
    let told = refused.get_details_bad_request().unwrap().field_violations;
    let words: String = told.into_iter().map(|one| one.description).collect();
    assert!(words.contains("school-77") && words.contains("school-88"), "{words}");
    let twice = json!({ "parent": activity("vpr"), "periods": ["2023-24", "2023-24"] });
    assert_eq!(refusal(&stranger, "RunService.BackfillRuns", twice).await.2, ["periods"]);
}

// --- what is told -----------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_tells_who_stopped_and_resumed_an_activity_and_why() {
    let (_town, stranger) = busy().await;
    let of_town = json!({ "parent": TOWN });
    let mut watched = stranger.watch("JournalService.WatchEntries", of_town.clone()).await.unwrap();
    let mut runs = stranger.watch("RunService.WatchRuns", of_town.clone()).await.unwrap();
    let name = activity("municipal-assessments");
    let pause = json!({ "name": name, "reason": "Перенос", "actor": "Анна" });
    let resume = json!({ "name": name, "reason": "Сроки известны", "actor": "Борис" });
    stranger.call("RoadMapService.PauseActivity", pause).await.unwrap();
    stranger.call("RoadMapService.ResumeActivity", resume).await.unwrap();
    let told =
        [("activity-paused", "Анна", "Перенос"), ("activity-resumed", "Борис", "Сроки известны")];
    for (kind, actor, reason) in told {
        let entry = patiently("an entry", watched.message()).await.unwrap().unwrap();
        let entry = serde_json::to_value(entry).unwrap();
        assert_eq!((text(&entry, "kind"), text(&entry, "actor")), (kind, actor));
        assert_eq!((text(&entry["data"], "reason"), text(&entry, "activity")), (reason, &*name));
        assert_eq!(entry.get("run"), None);
    }
    let of_activity = json!({ "parent": TOWN, "filter": "activity = municipal-assessments" });
    let entries = walk(&stranger, "JournalService.ListEntries", of_activity, 1).await;
    assert_eq!(entries.len(), 2, "{entries:#?}");
    let proof = stranger.call("JournalService.VerifyJournal", of_town.clone()).await.unwrap();
    assert_eq!(proof.get("reason"), None);
    let all = walk(&stranger, "JournalService.ListEntries", of_town, 1000).await;
    assert_eq!(text(&proof, "entries"), all.len().to_string(), "the chains of activities, too");
    // They are no changes of runs: who watches these sees the next one.
    let started = start(&stranger, "vpr", "2023-24").await;
    let change = patiently("a change", runs.message()).await.unwrap().unwrap();
    assert_eq!(serde_json::to_value(change).unwrap()["run"]["name"], started);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_at_its_deadline_and_with_the_daemon_and_says_which() {
    let (town, stranger) = busy().await;
    let watches = ["JournalService.WatchEntries", "RunService.WatchRuns"];
    let oldest = || json!({ "parent": TOWN, "afterCursor": 0 });
    for method in watches {
        let time = std::time::Duration::from_millis(500);
        let mut stream = stranger.watch_for(method, oldest(), time).await.unwrap();
        let end = patiently("the deadline", async {
            loop {
                match stream.message().await {
                    Ok(Some(_)) => {}
                    Ok(None) => panic!("{method} ended without a word"),
                    Err(status) => break status,
                }
            }
        });
        assert_eq!(end.await.code(), Code::DeadlineExceeded, "{method}");
    }
    // One reads on, one has read nothing yet.
    let mut streams = Vec::new();
    for method in watches {
        streams.push(stranger.watch(method, oldest()).await.unwrap());
        streams.push(stranger.watch(method, json!({ "parent": TOWN })).await.unwrap());
    }
    let read = tokio::spawn(async move {
        let mut ends = Vec::new();
        for mut stream in streams {
            let end = loop {
                match stream.message().await {
                    Ok(Some(_)) => {}
                    Ok(None) => panic!("a stream ended without a word"),
                    Err(status) => break status.code(),
                }
            };
            ends.push(end);
        }
        ends
    });
    let _town = town.restart().await;
    let ends = patiently("the ends of the streams", read).await.unwrap();
    assert_eq!(ends, [Code::Unavailable; 4]);
}

#[test]
fn the_contract_keeps_to_the_usual_rules_and_to_what_was_released() {
    let (folder, contract) = (javascript::client(), javascript::contract());
    let released = contract.join("released.binpb").display().to_string();
    let contract = contract.display().to_string();
    javascript::run(&folder, "buf", &["lint".to_owned(), contract.clone()]);
    let against = ["breaking".to_owned(), contract, "--against".to_owned(), released];
    javascript::run(&folder, "buf", &against);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_in_typescript_made_from_the_files_alone_lives_a_run() {
    const KEY: &str = "sesame-0123456789";
    let town = Town::start_locked(MORNING, KEY).await;
    let folder = tokio::task::spawn_blocking(javascript::client).await.unwrap();
    let mut client = tokio::process::Command::new("node");
    client.arg(folder.join("built/client.js")).args([&town.url(), KEY]).kill_on_drop(true);
    let done = client.output().await.unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
    let told: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(told["names"].as_array().unwrap().len(), 33, "{told}");
    assert_eq!(told["same"], true, "a call repeated under its id is the same call");
    let offered = told["offered"].as_array().unwrap();
    assert!(offered.contains(&json!("vekha.v1.RunService.CancelRun")), "{told}");
    assert_eq!(told["refused"]["code"], "InvalidArgument", "{told}");
    let details = told["refused"]["details"].as_array().unwrap();
    for detail in ["google.rpc.ErrorInfo", "google.rpc.BadRequest"] {
        assert!(details.contains(&json!(detail)), "{told}");
    }
    assert_eq!(told["ended"], "CANCELLED", "{told}");
    let kinds = told["kinds"].as_array().unwrap();
    assert_eq!(kinds.first(), Some(&json!("run-opened")), "{told}");
    assert_eq!(kinds.last(), Some(&json!("run-cancelled")), "{told}");
}

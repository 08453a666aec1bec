//! What another system may rely on when it speaks to Vekha over gRPC. All but two of these tests
//! know the contract from the daemon's own reflection alone, and the lists of what must hold are
//! drawn from it: a method that is added later is tested, or its absence here is told.

#![allow(clippy::unwrap_used)] // how tests fail

use std::collections::BTreeSet;

use sea_orm::{ActiveModelTrait as _, IntoActiveModel as _};
use serde_json::{Value, json};
use tonic::Code;
use vekha::store::entities::undelivered;
use vekha_tests::foreign::*;
use vekha_tests::letters::Letter;
use vekha_tests::smtp::{Act, At, Fault};
use vekha_tests::stranger::{Stranger, reason, wrong_fields};
use vekha_tests::town::{Town, shipped_road_map};

// --- the contract as the daemon tells it -----------------------------------------------------

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_knows_nothing_but_reflection_starts_a_run_and_answers() {
    let (town, stranger) = town().await;
    let nothing = everything(&town, &stranger).await;

    let request = json!({ "parent": activity("low-result-schools"), "period": "2025-26" });
    let tried = merged(request.clone(), &json!({ "validateOnly": true }));
    let would_be = stranger.call("RunService.StartRun", tried).await.unwrap();
    assert_eq!(text(&would_be, "name"), run("low-result-schools", "2025-26"));
    // What the contract says may be left out may be: the current period, the files' municipality.
    let current = json!({ "parent": activity("low-result-schools"), "validateOnly": true });
    let would_be = stranger.call("RunService.StartRun", current).await.unwrap();
    assert_eq!(text(&would_be, "name"), run("low-result-schools", "2025-26"), "the previous year");
    let apply = json!({ "files": road_map_files("проба"), "validateOnly": true });
    let map = stranger.call("RoadMapService.ApplyRoadMap", apply).await.unwrap();
    assert_eq!(text(&map, "name"), format!("{TOWN}/roadMap"));
    unchanged(&nothing, &everything(&town, &stranger).await, "validate_only");

    let started = stranger.call("RunService.StartRun", request).await.unwrap();
    assert_eq!(started["number"], 29);
    assert_eq!(started["state"], "RUN_STATE_WAITING");
    let waits: Vec<&str> =
        started["waitsFor"].as_array().unwrap().iter().map(|w| text(w, "run")).collect();
    let upstream = ["vpr", "gia-vpr-analysis", "external-assessments"];
    assert_eq!(waits, upstream.map(|activity| run(activity, "2025-26")));

    let name = text(&started, "name").to_owned();
    let request = json!({ "name": name, "answer": "ANSWER_PROCEED" });
    stranger.call("RunService.AnswerQuestion", request).await.unwrap();
    let read = stranger.call("RunService.GetRun", json!({ "name": name })).await.unwrap();
    assert_eq!(read["state"], "RUN_STATE_ACTIVE");
    assert_eq!(read["stages"][0]["asked"], 6);
    assert_eq!(read["stages"][0]["due"], "2026-10-20");

    // The form is told with the assignment, so that a stranger can know what to answer.
    let assignment = format!("{name}/assignments/collect.school-1");
    let asked = json!({ "name": assignment });
    let asked = stranger.call("AssignmentService.GetAssignment", asked).await.unwrap();
    let columns = asked["form"]["fields"][0]["columns"].as_array().unwrap();
    assert!(columns.iter().any(|c| c["id"] == "marks_2" && c["type"] == "FIELD_TYPE_INTEGER"));

    let mut wrong = results(false);
    wrong["procedures"][1]["participants"] = "двадцать".into();
    wrong["procedures"][0]["grade"] = 12.into();
    wrong["surname"] = "Иванов".into();
    let before = everything(&town, &stranger).await;
    let refused = submit(&stranger, &assignment, wrong).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::InvalidArgument, "INVALID_FIELDS")
    );
    let fields: Vec<String> = wrong_fields(&refused).into_keys().collect();
    assert_eq!(
        fields,
        ["answers.procedures[0].grade", "answers.procedures[1].participants", "answers.surname"]
    );
    unchanged(&before, &everything(&town, &stranger).await, "a refused answer");

    let accepted = submit(&stranger, &assignment, results(false)).await.unwrap();
    assert_eq!(accepted["version"], 1);
    assert_eq!(accepted["answers"]["procedures"][1]["participants"], 20.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn reflection_lists_what_is_served_and_nothing_else_and_health_says_serving() {
    let (town, stranger) = town().await;
    let contract: BTreeSet<String> = stranger
        .methods("vekha.v1")
        .iter()
        .map(|m| m.parent_service().full_name().into())
        .collect();
    assert_eq!(contract.len(), 22);
    // Reflection can describe what nobody serves: every method must answer for itself.
    for method in stranger.methods("vekha.v1") {
        let name = format!("{}.{}", method.parent_service().name(), method.name());
        if method.is_server_streaming() {
            let _ = stranger.watch(&name, json!({})).await.map_err(|status| {
                assert_eq!(status.code(), Code::InvalidArgument, "{name}: {status}");
            });
            continue;
        }
        if let Err(status) = stranger.call(&name, json!({})).await {
            // A backup is asked for by nothing but the call, where the settings are from a file.
            let told = match name.as_str() {
                "BackupService.CreateBackup" => [Code::FailedPrecondition; 2],
                _ => [Code::InvalidArgument, Code::NotFound],
            };
            assert!(told.contains(&status.code()), "{name} of nothing: {status}");
        }
    }
    let mut listed: BTreeSet<String> = stranger.services.iter().cloned().collect();
    assert!(listed.remove("grpc.health.v1.Health"), "{listed:?}");
    listed.retain(|name| !name.starts_with("grpc.reflection."));
    assert_eq!(listed, contract, "what is listed is what is served");

    let mut health = tonic_health::pb::health_client::HealthClient::new(town.channel().await);
    for service in ["", "vekha.v1.RunService"] {
        let request = tonic_health::pb::HealthCheckRequest { service: service.into() };
        let answer = health.check(request).await.unwrap().into_inner();
        assert_eq!(answer.status(), tonic_health::ServingStatus::Serving.into(), "{service}");
    }
}

// --- mutations --------------------------------------------------------------------------------

/// One call that changes something, and what is needed to try its promises.
struct Change {
    /// `RunService.CancelRun`
    method: &'static str,
    request: Value,
    /// Fields that make it another request.
    other: Value,
    /// How to read the etag: method and name.
    etag: Option<(&'static str, String)>,
}

fn change(method: &'static str, request: Value, other: Value) -> Change {
    Change { method, request, other, etag: None }
}

impl Change {
    fn etag_of(self, method: &'static str, name: &str) -> Self {
        Change { etag: Some((method, name.to_owned())), ..self }
    }

    /// Puts an etag where this request has it.
    fn with_etag(&self, etag: &str) -> Value {
        let mut request = self.request.clone();
        // It comes with the thing, where a call brings one.
        let brought =
            ["recommendation", "listener"].into_iter().find(|thing| request.get(thing).is_some());
        match brought {
            Some(thing) => request[thing]["etag"] = etag.into(),
            None => request["etag"] = etag.into(),
        }
        request
    }
}

/// A thing without its etags and secrets: what only would be has none.
fn without_etags(mut thing: Value) -> Value {
    match &mut thing {
        Value::Object(fields) => {
            fields.remove("etag");
            fields.remove("secret");
            fields.values_mut().for_each(|value| *value = without_etags(value.take()));
        }
        Value::Array(items) => items.iter_mut().for_each(|one| *one = without_etags(one.take())),
        _ => {}
    }
    thing
}

/// Carries a change out and proves on the way: `validate_only` changes nothing, a stale etag is
/// refused, the call repeated changes nothing, its request id serves no other call.
async fn prove(town: &Town, stranger: &Stranger, change: Change, seen: &mut BTreeSet<String>) {
    let Change { method, request, other, etag } = &change;
    seen.insert((*method).to_owned());
    let id = request_id(&format!("{method} {request}"));
    let before = everything(town, stranger).await;

    let trial = json!({ "validateOnly": true, "requestId": id, "actor": "Проверяющая система" });
    let tried = merged(request.clone(), &trial);
    let tried = stranger.call(method, tried).await;
    let tried = tried.unwrap_or_else(|status| panic!("{method}, validate_only: {status}"));
    unchanged(&before, &everything(town, stranger).await, &format!("{method}, validate_only"));

    let mut sent = request.clone();
    if let Some((read, name)) = etag {
        let stale = change.with_etag("0");
        let refused = stranger.call(method, stale).await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::Aborted, "STALE_ETAG"),
            "{method} with a stale etag: {refused}"
        );
        unchanged(&before, &everything(town, stranger).await, &format!("{method}, stale etag"));
        let current = stranger.call(read, json!({ "name": name })).await.unwrap();
        sent = change.with_etag(text(&current, "etag"));
    }
    sent["requestId"] = id.clone().into();
    sent["actor"] = "Проверяющая система".into();
    let first = stranger.call(method, sent.clone()).await;
    let first =
        first.unwrap_or_else(|status| panic!("{method}: {status} {:?}", wrong_fields(&status)));
    assert_eq!(without_etags(tried), without_etags(first.clone()), "{method} shows what would be");
    let after = everything(town, stranger).await;
    assert_ne!(before, after, "{method} changed nothing");

    let again = stranger.call(method, sent.clone()).await;
    let again = again.unwrap_or_else(|status| panic!("{method} repeated: {status}"));
    assert_eq!(first.get("name"), again.get("name"), "{method} repeated");
    unchanged(&after, &everything(town, stranger).await, &format!("{method} repeated"));

    let mut reused = merged(request.clone(), other);
    reused["requestId"] = id.into();
    let refused = stranger.call(method, reused).await.expect_err(method);
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::InvalidArgument, "REQUEST_ID_REUSED"),
        "{method} reused: {refused}"
    );
    assert!(wrong_fields(&refused).contains_key("request_id"), "{method}: {refused:?}");
    unchanged(&after, &everything(town, stranger).await, &format!("{method} reused"));
}

/// The shipped road map's files with a remark at the end of one of them.
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

#[tokio::test(flavor = "multi_thread")]
async fn every_mutation_repeated_changes_nothing_and_respects_etags_and_validate_only() {
    let (town, stranger) = town().await;
    let (town, stranger) = (&town, &stranger);
    let mut seen = BTreeSet::new();
    macro_rules! prove {
        ($($change:tt)*) => { prove(town, stranger, $($change)*, &mut seen).await };
    }
    // One letter is refused for good, so that there is something to send again.
    town.mail.inject(
        Fault::new(At::Recipient, Act::Reply(550)).to("school-3@zarechny.example.org").times(1),
    );

    // 29: from its start to its decision.
    let found = run("low-result-schools", "2025-26");
    let parent = activity("low-result-schools");
    prove!(change(
        "RunService.StartRun",
        json!({ "parent": parent, "period": "2025-26" }),
        json!({ "period": "2024-25" }),
    ));
    prove!(
        change(
            "RunService.AnswerQuestion",
            json!({ "name": found, "answer": "ANSWER_PROCEED" }),
            json!({ "answer": "ANSWER_SKIP" }),
        )
        .etag_of("RunService.GetRun", &found)
    );
    prove!(
        change(
            "RunService.EntrustRun",
            json!({ "name": found, "keeper": "Пётр Иванов" }),
            json!({ "keeper": "Анна Петрова" }),
        )
        .etag_of("RunService.GetRun", &found)
    );
    prove!(
        change(
            "RunService.RemarkRun",
            json!({ "name": found, "text": "Звонил директорам" }),
            json!({ "text": "Писал директорам" }),
        )
        .etag_of("RunService.GetRun", &found)
    );
    let asked = |school: &str| format!("{found}/assignments/collect.{school}");
    prove!(
        change(
            "AssignmentService.ExtendAssignment",
            json!({ "name": asked("school-6"), "due": "2026-11-05", "reason": "Карантин" }),
            json!({ "reason": "Ремонт" }),
        )
        .etag_of("AssignmentService.GetAssignment", &asked("school-6"))
    );
    prove!(
        change(
            "AssignmentService.SendLink",
            json!({ "name": asked("school-6"), "renew": true, "reason": "Письмо переслали" }),
            json!({ "reason": "Другая" }),
        )
        .etag_of("AssignmentService.GetAssignment", &asked("school-6"))
    );
    prove!(
        change(
            "AssignmentService.WaiveAssignment",
            json!({ "name": asked("school-6"), "reason": "Школа закрыта" }),
            json!({ "reason": "Ремонт" }),
        )
        .etag_of("AssignmentService.GetAssignment", &asked("school-6"))
    );
    prove!(
        change(
            "AssignmentService.SubmitAssignment",
            json!({ "name": asked("school-1"), "answers": results(true) }),
            json!({ "answers": results(false) }),
        )
        .etag_of("AssignmentService.GetAssignment", &asked("school-1"))
    );
    for school in &SCHOOLS[1..5] {
        submit(stranger, &asked(school), results(*school == "school-2")).await.unwrap();
    }
    town.settle().await;
    let measure = json!({ "text": "Представить план", "organisations": ["school-1", "school-2"],
        "due": "2026-12-01" });
    prove!(change(
        "DecisionService.RecordDecision",
        json!({ "parent": found, "number": "47-од", "date": "2026-10-06", "outcome": "Утвердить",
            "signatory": "Начальник отдела", "measures": [measure] }),
        json!({ "outcome": "Отклонить" }),
    )
    .etag_of("RunService.GetRun", &found));
    let file = |name: &str| json!({ "fileName": name, "content": "JVBERg==" });
    prove!(
        change(
            "DecisionService.AttachFile",
            json!({ "name": format!("{found}/decisions/1"), "file": file("скан.pdf") }),
            json!({ "file": file("другой.pdf") }),
        )
        .etag_of("RunService.GetRun", &found)
    );

    // Its measures.
    let measure = |n: u32| format!("{found}/measures/{n}");
    let report = || {
        change(
            "MeasureService.ReportMeasure",
            json!({ "name": measure(1), "text": "План представлен" }),
            json!({ "text": "Плана нет" }),
        )
        .etag_of("MeasureService.GetMeasure", &measure(1))
    };
    prove!(report());
    prove!(
        change(
            "MeasureService.ReturnMeasure",
            json!({ "name": measure(1), "comment": "Нет сроков" }),
            json!({ "comment": "Нет подписи" }),
        )
        .etag_of("MeasureService.GetMeasure", &measure(1))
    );
    let request = json!({ "name": measure(1), "text": "План со сроками" });
    stranger.call("MeasureService.ReportMeasure", request).await.unwrap();
    prove!(
        change(
            "MeasureService.AcceptMeasure",
            json!({ "name": measure(1) }),
            json!({ "name": measure(2) }),
        )
        .etag_of("MeasureService.GetMeasure", &measure(1))
    );

    // 31, 32, 33: what was found comes back as recommendations.
    let state: Value = serde_json::from_str(include_str!("../../config/tour/state.json")).unwrap();
    for school in ["school-1", "school-2"] {
        let name =
            format!("{}/assignments/collect.{school}", run("low-result-monitoring", "2025-26"));
        // A document goes with the answer and comes back as it was; one of a wrong kind does not.
        let file =
            |name: &str| json!({ "field": "programme_file", "name": name, "content": "JVBERg==" });
        let mut request = json!({ "name": name, "answers": state, "files": [file("план.exe")] });
        let refused = stranger.call("AssignmentService.SubmitAssignment", request.clone()).await;
        let wrong = wrong_fields(&refused.unwrap_err());
        assert!(wrong.contains_key("answers.programme_file"), "{wrong:?}");
        request["files"] = json!([file("план.pdf")]);
        let sent = stranger.call("AssignmentService.SubmitAssignment", request).await.unwrap();
        let hash = &sent["answers"]["programme_file"]["sha256"];
        let request = json!({ "name": name, "sha256": hash });
        let file = stranger.call("AssignmentService.GetFile", request).await.unwrap();
        assert_eq!(file["content"], "JVBERg==");
    }
    town.settle().await;
    let methods = run("equity-methods", "2025-26");
    let to = |school: &str| format!("{methods}/recommendations/recommend.{school}");
    let draft = json!({ "name": to("school-1") });
    let draft = stranger.call("RecommendationService.GetRecommendation", draft).await.unwrap();
    let texts = |words: &str| -> Vec<Value> {
        let items = draft["items"].as_array().unwrap();
        items.iter().map(|_| json!({ "recommendation": words })).collect()
    };
    let get = "RecommendationService.GetRecommendation";
    prove!(change(
        "RecommendationService.UpdateRecommendation",
        json!({ "recommendation": { "name": to("school-1"), "items": texts("Назначить наставника") },
            "updateMask": "items" }),
        json!({ "recommendation": { "name": to("school-1"), "items": texts("Подождать") } }),
    )
    .etag_of(get, &to("school-1")));
    prove!(
        change(
            "RecommendationService.DiscardRecommendation",
            json!({ "name": to("school-2"), "reason": "Школа объединяется" }),
            json!({ "reason": "Передумали" }),
        )
        .etag_of(get, &to("school-2"))
    );
    prove!(
        change(
            "RecommendationService.ApproveRecommendations",
            json!({ "parent": methods }),
            json!({ "names": [to("school-1")] }),
        )
        .etag_of("RunService.GetRun", &methods)
    );
    prove!(
        change(
            "RecommendationService.AcknowledgeRecommendation",
            json!({ "name": to("school-1") }),
            json!({ "name": to("school-2") }),
        )
        .etag_of(get, &to("school-1"))
    );

    // Schedules, other ways to open runs, other ways to end them.
    prove!(
        change(
            "RoadMapService.PauseActivity",
            json!({ "name": activity("vpr"), "reason": "Перенос ВПР" }),
            json!({ "reason": "Отмена ВПР" }),
        )
        .etag_of("RoadMapService.GetActivity", &activity("vpr"))
    );
    prove!(
        change(
            "RoadMapService.ResumeActivity",
            json!({ "name": activity("vpr") }),
            json!({ "name": activity("gia-vpr-analysis") }),
        )
        .etag_of("RoadMapService.GetActivity", &activity("vpr"))
    );
    prove!(change(
        "RunService.BackfillRuns",
        json!({ "parent": activity("external-assessments"), "periods": ["2023-24", "2024-25"] }),
        json!({ "periods": ["2022-23"] }),
    ));
    prove!(change(
        "EventService.PublishEvent",
        json!({ "parent": TOWN, "event": "niko-sample", "label": "autumn",
            "organisations": ["school-4"] }),
        json!({ "organisations": ["school-5"] }),
    ));
    let old = run("external-assessments", "2023-24");
    prove!(
        change(
            "RunService.CancelRun",
            json!({ "name": old, "reason": "Данных нет" }),
            json!({ "reason": "Ошибка" }),
        )
        .etag_of("RunService.GetRun", &old)
    );
    let old = run("external-assessments", "2024-25");
    prove!(
        change(
            "RunService.SkipRun",
            json!({ "name": old, "reason": "Данных нет" }),
            json!({ "reason": "Ошибка" }),
        )
        .etag_of("RunService.GetRun", &old)
    );

    // An answer that the department looks at before the collection closes.
    let vpr = start(stranger, "vpr", "2025-26").await;
    let asked = |school: &str| format!("{vpr}/assignments/collect.{school}");
    let get = "AssignmentService.GetAssignment";
    prove!(
        change(
            "AssignmentService.RequestExtension",
            json!({ "name": asked("school-1"), "due": "2026-11-05", "reason": "Карантин" }),
            json!({ "reason": "Ремонт" }),
        )
        .etag_of(get, &asked("school-1"))
    );
    prove!(
        change(
            "AssignmentService.DeclineExtension",
            json!({ "name": asked("school-1"), "reason": "Сроки области" }),
            json!({ "reason": "Нет" }),
        )
        .etag_of(get, &asked("school-1"))
    );
    let marks: Value =
        serde_json::from_str(include_str!("../data/answers/vpr-results.json")).unwrap();
    submit(stranger, &asked("school-1"), marks.clone()).await.unwrap();
    prove!(
        change(
            "AssignmentService.ReturnAssignment",
            json!({ "name": asked("school-1"), "comment": "Нет 5 класса" }),
            json!({ "comment": "Нет 6 класса" }),
        )
        .etag_of(get, &asked("school-1"))
    );
    submit(stranger, &asked("school-1"), marks).await.unwrap();
    for school in &SCHOOLS[1..] {
        let waive = json!({ "name": asked(school), "reason": "Проверка" });
        stranger.call("AssignmentService.WaiveAssignment", waive).await.unwrap();
    }
    prove!(
        change(
            "RunService.AcceptAnswers",
            json!({ "name": vpr, "stage": "collect" }),
            json!({ "stage": "decide" }),
        )
        .etag_of("RunService.GetRun", &vpr)
    );
    let versions = json!({ "name": asked("school-1") });
    let compared = stranger.call("AssignmentService.CompareSubmissions", versions).await.unwrap();
    assert_eq!((&compared["from"], &compared["to"]), (&json!(1), &json!(2)), "{compared}");

    // The letter that was refused.
    let failed = json!({ "parent": TOWN, "filter": "state = failed" });
    let failed = walk(stranger, "OutboxService.ListMessages", failed, 10).await;
    assert_eq!(failed.len(), 1, "{failed:?}");
    let any = json!({ "parent": TOWN, "filter": "state = sent" });
    let any = walk(stranger, "OutboxService.ListMessages", any, 1000).await.remove(0);
    prove!(change(
        "OutboxService.RetryMessage",
        json!({ "name": failed[0]["name"] }),
        json!({ "name": any["name"] }),
    ));
    let hold = format!("{TOWN}/hold");
    prove!(
        change(
            "OutboxService.HoldMessages",
            json!({ "parent": TOWN, "reason": "Не тот срок" }),
            json!({ "reason": "Не та подпись" }),
        )
        .etag_of("OutboxService.GetHold", &hold)
    );
    prove!(
        change(
            "OutboxService.ReleaseMessages",
            json!({ "parent": TOWN, "reason": "Исправлено" }),
            json!({ "reason": "Не нужно" }),
        )
        .etag_of("OutboxService.GetHold", &hold)
    );
    // What these change is there only after faults, told only once, or done only later: they are proved
    // in `delivery.rs`, `time.rs`, `mailbox.rs`, `calendars.rs` and `services.rs`.
    let elsewhere = [
        "OrganisationService.CreateCalendar",
        "OrganisationService.RevokeCalendar",
        "OutboxService.RetryMessages",
        "StatusService.ConfirmClock",
        "OrganisationService.ConfirmAddress",
        "BackupService.CreateBackup",
        "BackupService.DeleteBackup",
    ];
    for method in elsewhere {
        seen.insert(method.to_owned());
    }

    // A stage that cannot do its work: the site's folder is a file.
    std::fs::write(town.folder.path().join("site"), "").unwrap();
    let report = start(stranger, "annual-report", "2025-26").await;
    let request =
        json!({ "name": format!("{report}/assignments/collect.department"), "reason": "Проверка" });
    stranger.call("AssignmentService.WaiveAssignment", request).await.unwrap();
    town.live_until("2026-10-06T14:00").await;
    let failed = stranger.call("RunService.GetRun", json!({ "name": report })).await.unwrap();
    assert_eq!(failed["state"], "RUN_STATE_FAILED", "{failed}");
    std::fs::remove_file(town.folder.path().join("site")).unwrap();
    prove!(
        change("RunService.RetryRun", json!({ "name": report }), json!({ "name": found }))
            .etag_of("RunService.GetRun", &report)
    );

    prove!(
        change(
            "RoadMapService.ApplyRoadMap",
            json!({ "parent": TOWN, "files": road_map_files("вторая версия") }),
            json!({ "files": road_map_files("третья версия") }),
        )
        .etag_of("RoadMapService.GetRoadMap", &format!("{TOWN}/roadMap"))
    );

    // Who is told: its secret is shown to the first call alone.
    let listener = |more: Value| {
        let said = json!({ "name": "listeners/portal", "url": "http://127.0.0.1:9/" });
        json!({ "listener": merged(said, &more) })
    };
    let get = "ListenerService.GetListener";
    prove!(change(
        "ListenerService.CreateListener",
        listener(json!({})),
        listener(json!({ "kinds": ["asked"] })),
    ));
    prove!(
        change(
            "ListenerService.UpdateListener",
            merged(listener(json!({ "disabled": true })), &json!({ "updateMask": "disabled" })),
            listener(json!({ "disabled": false })),
        )
        .etag_of(get, "listeners/portal")
    );
    prove!(
        change(
            "ListenerService.RotateListenerSecret",
            json!({ "name": "listeners/portal", "overlapHours": 2 }),
            json!({ "overlapHours": 3 }),
        )
        .etag_of(get, "listeners/portal")
    );
    let given_up = undelivered::Model {
        listener: "portal".into(),
        cursor: 1,
        attempts: 5,
        error: "нет".into(),
        given_up_at: 0,
        wanted: false,
    };
    let beside = sea_orm::Database::connect(format!(
        "sqlite:{}",
        town.folder.path().join("vekha.db").display()
    ));
    let given_up = given_up.into_active_model().reset_all();
    given_up.insert(&beside.await.unwrap()).await.unwrap();
    prove!(change(
        "ListenerService.Redeliver",
        json!({ "name": "listeners/portal" }),
        json!({ "cursors": ["1"] }),
    ));
    prove!(
        change(
            "ListenerService.DeleteListener",
            json!({ "name": "listeners/portal" }),
            json!({ "name": "listeners/other" }),
        )
        .etag_of(get, "listeners/portal")
    );

    let mutations: BTreeSet<String> = stranger
        .methods("vekha.v1")
        .iter()
        .filter(|m| m.input().get_field_by_name("request_id").is_some())
        .map(|m| format!("{}.{}", m.parent_service().name(), m.name()))
        .collect();
    // Who is let in is proved where there is somebody to be let in: tests/people.rs.
    let of_access =
        |name: &&String| name.starts_with("PersonService.") || name.starts_with("TokenService.");
    seen.extend(mutations.iter().filter(of_access).cloned());
    assert_eq!(seen, mutations, "every mutation of the contract is proved");
    let proof = json!({ "parent": TOWN });
    let proof = stranger.call("JournalService.VerifyJournal", proof).await.unwrap();
    assert_eq!(text(&proof, "reason"), "");
}

// --- errors -----------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread")]
async fn refusals_say_the_code_the_reason_and_all_wrong_fields_at_once() {
    let (town, stranger) = town().await;
    let stranger = &stranger;
    let found = start(stranger, "low-result-schools", "2025-26").await;
    let asked = |school: &str| format!("{found}/assignments/collect.{school}");
    let invalid = |fields: &[&str]| {
        let fields: Vec<String> = fields.iter().map(|f| (*f).to_owned()).collect();
        (Code::InvalidArgument, "INVALID_FIELDS".to_owned(), fields)
    };
    let other = |code: Code, reason: &str| (code, reason.to_owned(), Vec::<String>::new());

    let extension = json!({ "name": asked("school-1"), "due": "2026-02-30", "reason": "" });
    assert_eq!(
        refusal(stranger, "AssignmentService.ExtendAssignment", extension).await,
        invalid(&["due", "reason"])
    );
    for school in SCHOOLS {
        submit(stranger, &asked(school), results(school == "school-1")).await.unwrap();
    }
    town.settle().await;
    let before = everything(&town, stranger).await;
    let decision = json!({ "parent": found, "date": "06.10.2026", "signatory": "Начальник",
        "measures": [
            { "text": "", "organisations": [], "due": "завтра" },
            { "text": "План", "organisations": ["school-1", "school-99"], "due": "2026-10-05" },
        ] });
    assert_eq!(
        refusal(stranger, "DecisionService.RecordDecision", decision).await,
        invalid(&[
            "date",
            "measures[0].due",
            "measures[0].organisations",
            "measures[0].text",
            "measures[1].due",
            "measures[1].organisations",
            "number",
            "outcome",
        ])
    );
    let start = json!({ "parent": activity("municipal-assessments"), "period": "2026",
        "part": "часть 1", "organisations": ["school-1", "school-99"] });
    assert_eq!(
        refusal(stranger, "RunService.StartRun", start).await,
        invalid(&["organisations", "part", "period"])
    );
    let start = json!({ "parent": activity("vpr"), "period": "позапрошлый" });
    assert_eq!(refusal(stranger, "RunService.StartRun", start).await, invalid(&["period"]));
    // Backfilling opens all or, told what is wrong, none.
    let backfill = json!({ "parent": activity("vpr"), "periods": ["2023-24", "2024", "давно"] });
    assert_eq!(
        refusal(stranger, "RunService.BackfillRuns", backfill).await,
        invalid(&["periods[1]", "periods[2]"])
    );
    let event = json!({ "parent": TOWN, "event": "niko-sampel", "organisations": ["school-1"] });
    assert_eq!(refusal(stranger, "EventService.PublishEvent", event).await, invalid(&["event"]));
    let name = json!({ "name": "runs/2026" });
    assert_eq!(refusal(stranger, "RunService.GetRun", name).await, invalid(&["name"]));
    let cancel = json!({ "name": found });
    assert_eq!(refusal(stranger, "RunService.CancelRun", cancel).await, invalid(&["reason"]));
    let long = json!({ "name": found, "reason": "Так", "actor": "я".repeat(201) });
    assert_eq!(refusal(stranger, "RunService.CancelRun", long).await, invalid(&["actor"]));
    let files = json!([{ "path": "municipality.toml", "text": "id = 1" }]);
    let apply = json!({ "parent": TOWN, "files": files });
    assert_eq!(refusal(stranger, "RoadMapService.ApplyRoadMap", apply).await, invalid(&["files"]));

    // What is not there, is there already, or is not at that point.
    for (method, name) in [
        ("RunService.GetRun", run("vpr", "2001-02")),
        ("RunService.GetFigures", run("vpr", "2001-02")),
        ("AssignmentService.GetAssignment", asked("school-99")),
        (
            "RecommendationService.GetRecommendation",
            format!("{found}/recommendations/recommend.school-1"),
        ),
        ("DecisionService.GetDecision", format!("{found}/decisions/1")),
        ("MeasureService.GetMeasure", format!("{found}/measures/1")),
        ("OrganisationService.GetOrganisation", format!("{TOWN}/organisations/school-99")),
        ("OutboxService.GetMessage", format!("{TOWN}/messages/0")),
        ("RoadMapService.GetActivity", activity("nothing")),
        ("RoadMapService.GetRoadMap", "municipalities/nowhere/roadMap".to_owned()),
    ] {
        let told = refusal(stranger, method, json!({ "name": name })).await;
        assert_eq!(told, other(Code::NotFound, "NOT_FOUND"), "{method}");
    }
    let again = json!({ "parent": activity("low-result-schools"), "period": "2025-26" });
    assert_eq!(
        refusal(stranger, "RunService.StartRun", again).await,
        other(Code::AlreadyExists, "RUN_EXISTS")
    );
    for (method, request) in [
        ("RunService.RetryRun", json!({ "name": found })),
        ("RunService.AnswerQuestion", json!({ "name": found, "answer": "ANSWER_SKIP" })),
        (
            "AssignmentService.WaiveAssignment",
            json!({ "name": asked("school-1"), "reason": "Нет" }),
        ),
    ] {
        let told = refusal(stranger, method, request).await;
        assert_eq!(told, other(Code::FailedPrecondition, "WRONG_STATE"), "{method}");
    }
    unchanged(&before, &everything(&town, stranger).await, "refusals");

    // Fields are named as the request has them, whatever the engine calls them.
    let measure = json!({ "text": "План", "organisations": ["school-1"], "due": "2026-12-01" });
    let decision = json!({ "parent": found, "number": "1", "date": "2026-10-06", "outcome": "Да",
        "signatory": "Начальник", "measures": [measure] });
    stranger.call("DecisionService.RecordDecision", decision).await.unwrap();
    let report = json!({ "name": format!("{found}/measures/1"), "text": " " });
    assert_eq!(refusal(stranger, "MeasureService.ReportMeasure", report).await, invalid(&["text"]));
    let state: Value = serde_json::from_str(include_str!("../../config/tour/state.json")).unwrap();
    town.settle().await;
    let name = format!("{}/assignments/collect.school-1", run("low-result-monitoring", "2025-26"));
    submit(stranger, &name, state).await.unwrap();
    town.settle().await;
    let name = format!("{}/recommendations/recommend.school-1", run("equity-methods", "2025-26"));
    let draft = json!({ "name": name });
    let draft = stranger.call("RecommendationService.GetRecommendation", draft).await.unwrap();
    let mut items: Vec<Value> = draft["items"].as_array().unwrap().clone();
    items[0]["recommendation"] = "".into();
    let update = json!({ "recommendation": { "name": name, "items": items } });
    assert_eq!(
        refusal(stranger, "RecommendationService.UpdateRecommendation", update).await,
        invalid(&["recommendation.items[0].recommendation"])
    );
}

// --- lists ------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread")]
async fn the_text_of_a_decision_is_drafted_recorded_and_given_as_a_document() {
    let (town, stranger) = town().await;
    let found = start(&stranger, "low-result-schools", "2025-26").await;
    for school in SCHOOLS {
        let name = format!("{found}/assignments/collect.{school}");
        submit(&stranger, &name, results(school == "school-1")).await.unwrap();
    }
    town.settle().await;
    let draft = json!({ "parent": found, "asDocument": true });
    let draft = stranger.call("DecisionService.DraftDecision", draft).await.unwrap();
    assert_eq!(text(&draft, "stage"), "decide");
    let drafted = text(&draft, "text").to_owned();
    assert!(drafted.contains("ПРИКАЗЫВАЮ:") && drafted.contains("СОШ № 1"), "{drafted}");
    let words = document_words(&draft["document"]);
    assert!(words.contains("№ ________") && words.contains("ПРИКАЗЫВАЮ:"), "{words}");
    let of = |request: Value| refusal(&stranger, "DecisionService.DraftDecision", request);
    for request in [
        json!({ "parent": found, "stage": "collect" }),
        json!({ "parent": found, "stage": "nowhere" }),
    ] {
        assert_eq!(of(request).await.2, ["stage"]);
    }
    let signed = format!("{drafted}\n\nНачальник отдела");
    let decision = json!({ "parent": found, "number": "47-од", "date": "2026-10-06",
        "outcome": "Утвердить", "signatory": "Начальник", "text": signed });
    let long = merged(decision.clone(), &json!({ "text": "я".repeat(30_001) }));
    assert_eq!(refusal(&stranger, "DecisionService.RecordDecision", long).await.2, ["text"]);
    // An order's words in a decree: what it is, and what it says, must be of one kind.
    let decree = merged(decision.clone(), &json!({ "kind": "DECISION_KIND_DECREE" }));
    assert_eq!(refusal(&stranger, "DecisionService.RecordDecision", decree).await.2, ["text"]);
    let decree = json!({ "parent": found, "kind": "DECISION_KIND_DECREE" });
    let decree = stranger.call("DecisionService.DraftDecision", decree).await.unwrap();
    let decree = text(&decree, "text");
    assert!(decree.contains("ПОСТАНОВЛЯЮ:") && !decree.contains("ПРИКАЗ"), "{decree}");
    let recorded = stranger.call("DecisionService.RecordDecision", decision).await.unwrap();
    assert_eq!(text(&recorded, "text"), signed);
    let name = json!({ "name": text(&recorded, "name") });
    let got = stranger.call("DecisionService.GetDecision", name.clone()).await.unwrap();
    assert_eq!(text(&got, "text"), signed);
    let file = stranger.call("DecisionService.GetDecisionDocument", name).await.unwrap();
    assert_eq!(text(&file, "fileName"), "low-result-schools-2025-26-decision-1.docx");
    let words = document_words(&file);
    for expected in ["ПРИКАЗ", "№ 47-од", "Начальник отдела", "6 октября 2026 года"]
    {
        assert!(words.contains(expected), "{expected}: {words}");
    }
    let none = json!({ "name": format!("{found}/decisions/2") });
    assert_eq!(
        refusal(&stranger, "DecisionService.GetDecisionDocument", none).await.0,
        Code::NotFound
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_attached_to_a_decision_and_given_back() {
    use base64::Engine as _;
    let content = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    let (_town, stranger) = town().await;
    let programme = start(&stranger, "adopt-indicators", "2026").await;
    let scan = json!({ "fileName": "приказ.pdf", "content": content(b"%PDF scan") });
    let decision = json!({ "parent": programme, "number": "1", "date": "2026-10-05",
        "outcome": "Да", "signatory": "Начальник", "withoutMeasures": true,
        "attachments": [scan] });
    let evil = json!({ "attachments": [{ "fileName": "a.exe", "content": content(b"MZ") }] });
    let wrong = merged(decision.clone(), &evil);
    let told = refusal(&stranger, "DecisionService.RecordDecision", wrong).await;
    assert_eq!(told.2, ["attachments[0].file_name"]);
    let recorded = stranger.call("DecisionService.RecordDecision", decision).await.unwrap();
    let name = text(&recorded, "name").to_owned();
    assert_eq!(text(&recorded["attachments"][0], "fileName"), "приказ.pdf");
    let id = "6f1e0a86-52a4-4a1d-8a0a-5a3f35d0a001";
    let annex = json!({ "name": name, "requestId": id, "actor": "секретарь",
        "file": { "fileName": "перечень.xlsx", "content": content(b"PK\x03\x04 annex") } });
    let tried = merged(annex.clone(), &json!({ "validateOnly": true, "requestId": "" }));
    let tried = stranger.call("DecisionService.AttachFile", tried).await.unwrap();
    assert_eq!(tried["attachments"].as_array().unwrap().len(), 2, "as it would be");
    for _ in 0..2 {
        let attached = stranger.call("DecisionService.AttachFile", annex.clone()).await.unwrap();
        let files = attached["attachments"].as_array().unwrap();
        assert_eq!(files.len(), 2, "repeated, it changes nothing");
        assert_eq!(text(&files[1], "attachedBy"), "секретарь");
    }
    let wanted = [("приказ.pdf", &b"%PDF scan"[..]), ("перечень.xlsx", b"PK\x03\x04 annex")];
    for (number, (file_name, bytes)) in (1..).zip(wanted) {
        let request = json!({ "name": format!("{name}/attachments/{number}") });
        let given = stranger.call("DecisionService.GetAttachment", request).await.unwrap();
        assert_eq!(
            (text(&given, "fileName"), text(&given, "content")),
            (file_name, &*content(bytes))
        );
    }
    let gone = |request: Value| refusal(&stranger, "DecisionService.GetAttachment", request);
    assert_eq!(gone(json!({ "name": format!("{name}/attachments/3") })).await.0, Code::NotFound);
    assert_eq!(gone(json!({ "name": name })).await.2, ["name"]);
    let none = json!({ "name": name, "file": { "fileName": "", "content": "" } });
    let told = refusal(&stranger, "DecisionService.AttachFile", none).await;
    assert_eq!(told.2, ["file.file_name"]);
    let stale = merged(annex, &json!({ "etag": "x", "requestId": "" }));
    assert_eq!(refusal(&stranger, "DecisionService.AttachFile", stale).await.0, Code::Aborted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_on_a_measure_takes_a_file_and_a_refused_one_keeps_none() {
    use base64::Engine as _;
    let content = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    let (_town, stranger) = town().await;
    let run = start(&stranger, "adopt-indicators", "2026").await;
    let measure = json!({ "text": "План", "organisations": ["school-1"], "due": "2026-12-01" });
    let decision = json!({ "parent": run, "number": "1", "date": "2026-10-05", "outcome": "Да",
        "signatory": "Начальник", "measures": [measure] });
    stranger.call("DecisionService.RecordDecision", decision).await.unwrap();
    let name = format!("{run}/measures/1");
    let report = |text: &str, file: &str, bytes: &[u8]| {
        json!({ "name": name, "text": text,
            "document": { "fileName": file, "content": content(bytes) } })
    };
    let method = "MeasureService.ReportMeasure";
    let told = refusal(&stranger, method, report(" ", "акт.exe", b"MZ")).await;
    assert_eq!(told.2, ["document.file_name", "text"], "all that is wrong at once");
    assert_eq!(refusal(&stranger, method, report(" ", "акт.pdf", b"%PDF")).await.2, ["text"]);
    let assignment = format!("{run}/assignments/measure-1.school-1");
    let file_of = async |sha256: &str| {
        let wanted = json!({ "name": assignment, "sha256": sha256 });
        stranger.call("AssignmentService.GetFile", wanted).await
    };
    let tried = merged(report("Готов", "акт.pdf", b"%PDF"), &json!({ "validateOnly": true }));
    let tried = stranger.call(method, tried).await.unwrap();
    let sha256 = text(&tried["document"], "sha256").to_owned();
    assert_eq!(file_of(&sha256).await.unwrap_err().code(), Code::NotFound, "nothing was kept");
    let id = json!({ "requestId": "6f1e0a86-52a4-4a1d-8a0a-5a3f35d0a0f1" });
    for _ in 0..2 {
        let call = merged(report("Готов", "акт.pdf", b"%PDF"), &id);
        let told = stranger.call(method, call).await.unwrap();
        assert_eq!(
            told["document"],
            json!({ "fileName": "акт.pdf", "size": "4", "sha256": sha256 })
        );
        assert_eq!(text(&told, "assignment"), assignment);
    }
    assert_eq!(text(&file_of(&sha256).await.unwrap(), "content"), content(b"%PDF"));
    // Said better, it is proved by the same file; by another, where one comes.
    let again = json!({ "name": name, "text": "Готов и утверждён" });
    let told = stranger.call(method, again).await.unwrap();
    assert_eq!(text(&told["document"], "sha256"), sha256);
    let told = stranger.call(method, report("Готов", "приказ.pdf", b"%PDF 2")).await.unwrap();
    assert_eq!(text(&told["document"], "fileName"), "приказ.pdf");
    // Through the assignment it is the same report, with the form that is asked for.
    let asked = json!({ "name": assignment });
    let asked = stranger.call("AssignmentService.GetAssignment", asked).await.unwrap();
    let fields: Vec<&str> = (asked["form"]["fields"].as_array().unwrap().iter())
        .map(|field| text(field, "id"))
        .collect();
    assert_eq!(fields, ["report", "document"]);
    let answer = json!({ "name": assignment, "answers": { "report": "Вот" },
        "files": [{ "field": "document", "name": "акт.pdf", "content": content(b"%PDF 3") }] });
    stranger.call("AssignmentService.SubmitAssignment", answer).await.unwrap();
    let told = stranger.call("MeasureService.GetMeasure", json!({ "name": name })).await.unwrap();
    let sha256 = text(&told["document"], "sha256").to_owned();
    assert_eq!(text(&file_of(&sha256).await.unwrap(), "content"), content(b"%PDF 3"));
    // A file that never came proves nothing.
    let unkept = json!({ "name": "акт.pdf", "size": 4, "sha256": "a".repeat(64) });
    let answer = json!({ "name": assignment, "answers": { "report": "Вот", "document": unkept } });
    let told = refusal(&stranger, "AssignmentService.SubmitAssignment", answer).await;
    assert_eq!(told.2, ["answers.document"]);
}

/// What a document says, as XML.
fn document_words(file: &Value) -> String {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(text(file, "content")).unwrap();
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    let mut words = String::new();
    let mut part = archive.by_name("word/document.xml").unwrap();
    std::io::Read::read_to_string(&mut part, &mut words).unwrap();
    words
}

#[tokio::test(flavor = "multi_thread")]
async fn small_pages_give_every_row_once_and_wrong_pages_and_filters_are_refused_by_field() {
    let (_town, stranger) = busy().await;
    for (method, request) in lists(&stranger) {
        let whole = walk(&stranger, &method, request.clone(), 1000).await;
        let few = match method.as_str() {
            "RoadMapService.ListRoadMaps" | "RoadMapService.ListRoadMapVersions" => 1,
            // Nothing opens within two weeks of that morning; the command line's tests see some.
            "RoadMapService.ListComingOpenings" => 0,
            _ => 2,
        };
        assert!(whole.len() >= few, "{method} shows too little to prove anything: {whole:?}");
        let names: BTreeSet<String> = whole.iter().map(|row| name_of(row).to_owned()).collect();
        assert_eq!(names.len(), whole.len(), "{method}: a row is shown twice");
        for size in [1, 7] {
            let walked = walk(&stranger, &method, request.clone(), size).await;
            assert_eq!(walked, whole, "{method} by pages of {size}");
        }
        for (wrong, field) in [
            (json!({ "pageToken": "не токен" }), "page_token"),
            (json!({ "pageToken": "abc" }), "page_token"),
            (json!({ "pageSize": -1 }), "page_size"),
            (json!({ "filter": "colour = red" }), "filter"),
            (json!({ "filter": "state" }), "filter"),
            (json!({ "filter": "late = perhaps" }), "filter"),
            (json!({ "filter": "state = nonsense" }), "filter"),
            (json!({ "filter": "date >= spring" }), "filter"),
            (json!({ "filter": "state >= ordered" }), "filter"),
            (json!({ "parent": "municipalities" }), "parent"),
            (json!({ "parent": format!("{TOWN}/activities/-/runs/2025-26") }), "parent"),
        ] {
            let input = stranger.method(&method).input();
            if wrong.as_object().unwrap().keys().any(|f| input.get_field_by_json_name(f).is_none())
            {
                continue;
            }
            let wanted = (Code::InvalidArgument, "INVALID_FIELDS".to_owned(), vec![field.into()]);
            let told = refusal(&stranger, &method, merged(request.clone(), &wrong)).await;
            assert_eq!(told, wanted, "{method} with {wrong}");
        }
    }
}

fn name_of(row: &Value) -> String {
    match text(row, "name") {
        // What has no name of its own: a journal entry, an offer.
        "" => ["run", "sequence", "method", "target"].map(|field| text(row, field)).join(" "),
        name => name.to_owned(),
    }
}

/// What a row shows under the name of a filter.
fn shown(row: &Value, field: &str) -> Option<String> {
    let current = &row["currentRun"];
    let segment = |n: usize| {
        let name = ["run", "activity", "name"].iter().map(|f| text(row, f)).find(|n| !n.is_empty());
        name.and_then(|name| name.split('/').nth(n)).map(str::to_owned)
    };
    let word = |value: &Value| {
        let word = value.as_str()?.to_lowercase();
        ["_state_", "_kind_"]
            .iter()
            .find_map(|mark| Some(word.split_once(mark)?.1.to_owned()))
            .or(Some(word))
    };
    match field {
        "state" if row.get("nextOpeningAt").is_some() || row.get("deadline").is_some() => {
            word(&current["state"])
        }
        "state" | "kind" => word(&row[field]),
        "address_state" => word(&row["addressState"]),
        "late" | "uncertain" | "paused" => {
            let at = if row.get("deadline").is_some() && field == "late" { current } else { row };
            Some(at[field].as_bool().unwrap_or_default().to_string())
        }
        "period" if row.get("deadline").is_some() => word(&current["period"]),
        "period" if row.get("period").is_some() => word(&row["period"]),
        "period" => segment(5).map(|run| run.split('.').next().unwrap_or_default().to_owned()),
        "activity" => segment(3),
        "stage" if row.get("assignment").is_some() && row.get("version").is_some() => {
            segment(7).and_then(|below| Some(below.split_once('.')?.0.to_owned()))
        }
        // As of today: all that have not left the registry.
        "active" => Some(row["until"].as_str().is_none_or(str::is_empty).to_string()),
        _ => row[field].as_str().map(str::to_owned),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_filter_that_the_contract_promises_holds() {
    let (town, stranger) = busy().await;
    // Later: some are late by now.
    town.live_until("2026-10-28T12:00").await;
    // Offers show less than they are told apart by: they have a test of their own.
    let all =
        lists(&stranger).into_iter().filter(|(method, _)| method != "OfferService.ListOffers");
    for (method, request) in all {
        let whole = walk(&stranger, &method, request.clone(), 1000).await;
        for field in promised_filters_of(&stranger, &method) {
            // A run does not show its participants; those of the assignments are asked for below.
            if (method.as_str(), field.as_str()) == ("RunService.ListRuns", "organisation") {
                continue;
            }
            let values: BTreeSet<String> =
                whole.iter().filter_map(|row| shown(row, &field)).collect();
            assert!(!values.is_empty(), "{method} shows no {field}: {:?}", whole.first());
            for value in values {
                let wanted: Vec<&Value> = whole
                    .iter()
                    .filter(|row| shown(row, &field).as_ref() == Some(&value))
                    .collect();
                let filtered =
                    merged(request.clone(), &json!({ "filter": format!("{field} = {value}") }));
                let found = walk(&stranger, &method, filtered, 5).await;
                let found: Vec<&Value> = found.iter().collect();
                assert_eq!(
                    found.iter().map(|r| name_of(r)).collect::<Vec<_>>(),
                    wanted.iter().map(|r| name_of(r)).collect::<Vec<_>>(),
                    "{method}: {field} = {value}"
                );
            }
        }
    }
    let of_school = json!({ "parent": format!("{TOWN}/activities/-"),
        "filter": "organisation = school-3 AND state = ACTIVE" });
    let found = walk(&stranger, "RunService.ListRuns", of_school, 1000).await;
    let found: Vec<&str> = found.iter().map(|run| text(run, "name")).collect();
    assert_eq!(found, [run("vpr", "2025-26")]);
    // Days are compared, too, by whole months and years.
    for (filter, count) in [
        ("date = 2026", 2),
        ("date = 2026-10 AND kind = order", 2),
        ("date >= 2026-10-06 AND date <= 2026-10-06", 2),
        ("date >= 2026-10-07", 0),
        ("date <= 2025", 0),
        ("kind = MINUTES", 0),
    ] {
        let request = json!({ "parent": run("-", "-"), "filter": filter });
        let found = walk(&stranger, "DecisionService.ListDecisions", request, 1).await;
        assert_eq!(found.len(), count, "{filter}");
    }
    // A decision names the runs that it rests on.
    let found = run("low-result-schools", "2025-26");
    let request = json!({ "name": format!("{found}/decisions/1") });
    let decision = stranger.call("DecisionService.GetDecision", request).await.unwrap();
    assert_eq!(decision["basis"], json!([{ "run": found, "findings": 2 }]));
    let request = json!({ "name": format!("{found}/measures/2") });
    let waived = stranger.call("MeasureService.GetMeasure", request).await.unwrap();
    assert_eq!(waived["state"], "MEASURE_STATE_WAIVED");
}

fn promised_filters_of(stranger: &Stranger, method: &str) -> Vec<String> {
    match stranger.method(method).input().get_field_by_name("filter") {
        None => Vec::new(),
        Some(_) => promised_filters(stranger, method),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dataset_read_by_pages_is_whole_though_schools_answer_meanwhile() {
    let (_town, stranger) = town().await;
    let vpr = start(&stranger, "low-result-schools", "2025-26").await;
    let name = |school: &str| format!("{vpr}/assignments/collect.{school}");
    for school in &SCHOOLS[..5] {
        submit(&stranger, &name(school), results(false)).await.unwrap();
    }
    let mut request = json!({ "parent": format!("{vpr}/assignments/-"),
        "filter": "stage = collect", "latestOnly": true, "pageSize": 1 });
    let mut seen = Vec::new();
    loop {
        let page = stranger.call("AssignmentService.ListSubmissions", request.clone()).await;
        let (rows, token) = page_of(&page.unwrap());
        for row in rows {
            let school = text(&row, "organisation").to_owned();
            // Corrected just after it was read: its newest version is another row now.
            submit(&stranger, &name(&school), results(true)).await.unwrap();
            seen.push(school);
        }
        if token.is_empty() {
            break;
        }
        request["pageToken"] = token.into();
    }
    assert_eq!(seen, SCHOOLS[..5]);
    // A page may end between two answers of one school: none is shown twice, or left out.
    let mut request = json!({ "parent": format!("{vpr}/assignments/-"), "pageSize": 1 });
    let (mut seen, mut pages) = (Vec::new(), 0);
    loop {
        let page = stranger.call("AssignmentService.ListSubmissions", request.clone()).await;
        let (rows, token) = page_of(&page.unwrap());
        seen.extend(
            rows.iter().map(|row| text(row, "name").rsplit_once('/').unwrap().1.to_owned()),
        );
        pages += 1;
        if token.is_empty() || pages > 20 {
            break;
        }
        request["pageToken"] = token.into();
    }
    assert_eq!(seen, ["2", "1"].repeat(5), "each school's, the newest first");
    // Nor does a token that was changed lead beyond its list.
    let mut request = json!({ "parent": name("school-1"), "pageSize": 1 });
    let page = stranger.call("AssignmentService.ListSubmissions", request.clone()).await.unwrap();
    let own = hex::encode("school-1 2");
    let token = page_of(&page).1;
    assert!(token.ends_with(&own), "{token}");
    request["pageToken"] = token.replace(&own, &hex::encode("school-2 9")).into();
    let page = stranger.call("AssignmentService.ListSubmissions", request).await.unwrap();
    assert_eq!(page_of(&page), (vec![], String::new()));
}

// --- streams ----------------------------------------------------------------------------------

type Stream = tonic::Streaming<prost_reflect::DynamicMessage>;

/// The next message of a stream, which must come.
async fn next(stream: &mut Stream) -> Value {
    let message = patiently("a message of the stream", stream.message()).await;
    serde_json::to_value(message.unwrap().expect("streams do not end")).unwrap()
}

/// An entry's cursor, in a journal entry or beside it.
fn cursor(message: &Value) -> i64 {
    text(message, "cursor").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_resumes_from_its_cursor_over_a_restart_without_loss_or_repetition() {
    let (town, stranger) = town().await;
    let from_now = json!({ "parent": TOWN });
    let from_the_oldest = json!({ "parent": TOWN, "afterCursor": 0 });
    let only_answers = json!({ "parent": TOWN, "afterCursor": 0, "filter": "kind = submitted AND period = 2025-26" });
    start(&stranger, "vpr", "2024-25").await;
    town.settle().await;
    let mut young = stranger.watch("JournalService.WatchEntries", from_now).await.unwrap();
    let mut runs = stranger.watch("RunService.WatchRuns", from_the_oldest.clone()).await.unwrap();
    let mut entries = stranger.watch("JournalService.WatchEntries", from_the_oldest).await.unwrap();

    let found = start(&stranger, "low-result-schools", "2025-26").await;
    let first = next(&mut young).await;
    assert_eq!((text(&first, "run"), text(&first, "kind")), (found.as_str(), "run-opened"));
    let name = |school: &str| format!("{found}/assignments/collect.{school}");
    submit(&stranger, &name("school-1"), results(false)).await.unwrap();
    town.settle().await;
    let all = || json!({ "parent": TOWN });
    let before: Vec<i64> = walk(&stranger, "JournalService.ListEntries", all(), 1000)
        .await
        .iter()
        .map(cursor)
        .collect();
    let (mut of_runs, mut of_entries) = (Vec::new(), Vec::new());
    while of_runs.last() != before.last() {
        let change = next(&mut runs).await;
        assert_eq!(change["run"]["name"], change["entry"]["run"]);
        assert_eq!(cursor(&change), cursor(&change["entry"]));
        of_runs.push(cursor(&change));
    }
    while of_entries.last() != before.last() {
        of_entries.push(cursor(&next(&mut entries).await));
    }

    let town = town.restart().await;
    for mut stream in [young, runs, entries] {
        // It ends, so that a watcher knows that it must come again; nothing is invented meanwhile.
        let rest = patiently("the end of the stream", async {
            while let Ok(Some(message)) = stream.message().await {
                let message = serde_json::to_value(message).unwrap();
                assert!(cursor(&message) <= *before.last().unwrap(), "{message}");
            }
        });
        rest.await;
    }
    let stranger = Stranger::meet(town.channel().await).await;
    submit(&stranger, &name("school-2"), results(false)).await.unwrap();
    let seen = *before.last().unwrap();
    let resumed = json!({ "parent": TOWN, "afterCursor": seen });
    let mut runs = stranger.watch("RunService.WatchRuns", resumed.clone()).await.unwrap();
    let mut entries = stranger.watch("JournalService.WatchEntries", resumed).await.unwrap();
    submit(&stranger, &name("school-3"), results(false)).await.unwrap();
    town.settle().await;
    let now: Vec<i64> = walk(&stranger, "JournalService.ListEntries", all(), 1000)
        .await
        .iter()
        .map(cursor)
        .collect();
    assert!(now.len() > before.len());
    while of_runs.last() != now.last() {
        of_runs.push(cursor(&next(&mut runs).await));
    }
    while of_entries.last() != now.last() {
        of_entries.push(cursor(&next(&mut entries).await));
    }
    assert_eq!(of_runs, now);
    assert_eq!(of_entries, now);
    assert!(now.is_sorted_by(|a, b| a < b), "{now:?}");

    let mut answers = stranger.watch("JournalService.WatchEntries", only_answers).await.unwrap();
    for school in ["school-1", "school-2", "school-3"] {
        let entry = next(&mut answers).await;
        assert_eq!(text(&entry, "kind"), "submitted");
        assert!(text(&entry, "dataText").contains(school), "{entry}");
    }
    let wrong = json!({ "parent": TOWN, "filter": "colour = red" });
    let refused = stranger.watch("RunService.WatchRuns", wrong).await.unwrap_err();
    assert_eq!(wrong_fields(&refused).into_keys().collect::<Vec<_>>(), ["filter"]);
}

// --- access -----------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread")]
async fn a_token_locks_calls_and_pages_but_neither_health_nor_the_schools_links() {
    const TOKEN: &str = "sesame-0123456789";
    let town = Town::start_locked(MORNING, TOKEN).await;
    // What is offered may be asked by anybody.
    let stranger = Stranger::meet(town.channel().await).await;
    let mut health = tonic_health::pb::health_client::HealthClient::new(town.channel().await);
    health.check(tonic_health::pb::HealthCheckRequest::default()).await.unwrap();

    let start = json!({ "parent": activity("vpr"), "period": "2025-26" });
    for wrong in ["", "Bearer", "Bearer sesame", "sesame-0123456789", "Basic sesame-0123456789"] {
        let stranger = stranger.clone().with_authorization(wrong);
        for method in stranger.methods("vekha.v1") {
            let name = format!("{}.{}", method.parent_service().name(), method.name());
            let status = match method.is_server_streaming() {
                true => stranger.watch(&name, json!({})).await.map(drop),
                false => stranger.call(&name, json!({})).await.map(drop),
            };
            let refused = status.unwrap_err();
            assert_eq!(refused.code(), Code::Unauthenticated, "{name} «{wrong}»");
            assert_eq!(reason(&refused), "KEY_UNKNOWN", "{name} «{wrong}»");
        }
    }
    let nothing = stranger.call("RunService.ListRuns", json!({})).await.unwrap_err();
    assert_eq!((nothing.code(), reason(&nothing).as_str()), (Code::Unauthenticated, "KEY_NEEDED"));
    let trusted = stranger.clone().with_authorization(&format!("Bearer {TOKEN}"));
    trusted.call("RunService.StartRun", start).await.unwrap();
    town.settle().await;

    let http = reqwest::Client::new();
    let get = |path: &str| http.get(format!("{}{path}", town.url()));
    let status =
        |request: reqwest::RequestBuilder| async { request.send().await.unwrap().status() };
    for page in ["/", "/m/zarechny", "/runs/zarechny/vpr", "/runs/zarechny/vpr/2025-26"] {
        assert_eq!(status(get(page)).await, 401, "{page}");
        assert_eq!(status(get(page).basic_auth("anna", Some("sesame"))).await, 401, "{page}");
        assert_eq!(status(get(page).basic_auth("anna", Some(TOKEN))).await, 200, "{page}");
    }
    assert_eq!(status(get("/healthz")).await, 200);
    let link = town.letters_to("school-1")[0].link();
    assert_eq!(http.get(&link).send().await.unwrap().status(), 200, "{link}");
    // gRPC-web is no way around.
    let (message, trailers) = web_call(&town, "RoadMapService/ListRoadMaps", &[], None).await;
    assert!(message.is_empty() && trailers.contains("grpc-status:16"), "{trailers}");
}

/// A unary call as a browser makes it: gRPC-web frames over HTTP/1.1.
async fn web_call(
    town: &Town,
    method: &str,
    request: &[u8],
    token: Option<&str>,
) -> (Vec<u8>, String) {
    let mut body = vec![0];
    body.extend(u32::try_from(request.len()).unwrap().to_be_bytes());
    body.extend(request);
    let client = reqwest::Client::builder().http1_only().build().unwrap();
    let mut call = client
        .post(format!("{}/vekha.v1.{method}", town.url()))
        .header("content-type", "application/grpc-web+proto")
        .header("x-grpc-web", "1")
        .body(body);
    if let Some(token) = token {
        call = call.bearer_auth(token);
    }
    let response = call.send().await.unwrap();
    assert_eq!(response.version(), reqwest::Version::HTTP_11);
    let kind = response.headers().get("content-type").cloned();
    assert!(kind.unwrap().to_str().unwrap().starts_with("application/grpc-web"));
    // A call that is refused before it begins says so in its headers.
    let mut trailers: String = response
        .headers()
        .iter()
        .filter(|(name, _)| name.as_str().starts_with("grpc-"))
        .map(|(name, value)| format!("{name}:{}\r\n", value.to_str().unwrap()))
        .collect();
    let bytes = response.bytes().await.unwrap();
    let (mut rest, mut message) = (bytes.as_ref(), Vec::new());
    while let [flag, a, b, c, d, tail @ ..] = rest {
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        match flag {
            0 => message.extend(&tail[..length]),
            0x80 => trailers.push_str(std::str::from_utf8(&tail[..length]).unwrap()),
            other => panic!("a frame that is neither message nor trailers: {other}"),
        }
        rest = &tail[length..];
    }
    (message, trailers)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_reaches_the_same_calls_by_grpc_web_over_http_1_1() {
    let (town, stranger) = town().await;
    let (message, trailers) = web_call(&town, "RoadMapService/ListRoadMaps", &[], None).await;
    assert!(trailers.contains("grpc-status:0"), "{trailers}");
    let output = stranger.method("RoadMapService.ListRoadMaps").output();
    let read = prost_reflect::DynamicMessage::decode(output, message.as_slice()).unwrap();
    let by_web = serde_json::to_value(read).unwrap();
    let by_grpc = stranger.call("RoadMapService.ListRoadMaps", json!({})).await.unwrap();
    assert_eq!(by_web, by_grpc);
    let (message, trailers) = web_call(&town, "RunService/GetRun", &[], None).await;
    assert!(message.is_empty() && trailers.contains("grpc-status:3"), "{trailers}");
}

// --- events and the ways of runs --------------------------------------------------------------

#[tokio::test(flavor = "multi_thread")]
async fn an_event_opens_exactly_the_assignments_of_the_schools_that_it_names() {
    let (mut town, stranger) = town().await;
    town.new_letters();
    let event = |label: &str, schools: Value| json!({ "parent": TOWN, "event": "niko-sample", "label": label, "organisations": schools });
    let drawn = event("math", json!(["school-2", "school-5"]));
    let told = stranger.call("EventService.PublishEvent", drawn.clone()).await.unwrap();
    let runs = told["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 1);
    let name = run("niko-sample", "2026-27.math");
    assert_eq!(text(&runs[0], "name"), name);
    assert_eq!(runs[0]["organisations"], json!(["school-2", "school-5"]));
    let assignments = walk(
        &stranger,
        "AssignmentService.ListAssignments",
        json!({ "parent": format!("{TOWN}/activities/-/runs/-") }),
        1000,
    )
    .await;
    let asked: Vec<&str> = assignments.iter().map(|a| text(a, "organisation")).collect();
    assert_eq!(asked, ["school-2", "school-5"]);
    town.settle().await;
    let letters: Vec<String> = town.new_letters().into_iter().map(|l| l.to).collect();
    assert_eq!(letters, ["school-2@zarechny.example.org", "school-5@zarechny.example.org"]);

    // Told again it is no news, even by a system that does not remember that it told.
    let before = everything(&town, &stranger).await;
    let again = stranger.call("EventService.PublishEvent", drawn).await.unwrap();
    assert_eq!(text(&again["runs"][0], "name"), name);
    // But other schools under the same label must not be lost unseen.
    let other = event("math", json!(["school-1"]));
    let (code, why, _) = refusal(&stranger, "EventService.PublishEvent", other).await;
    assert_eq!((code, why.as_str()), (Code::AlreadyExists, "RUN_EXISTS"));
    for (wrong, field) in [
        (event("russian", json!(["school-1", "school-77"])), "organisations"),
        (event("russian", json!([])), "organisations"),
        (event("русский", json!(["school-1"])), "label"),
    ] {
        let (code, _, fields) = refusal(&stranger, "EventService.PublishEvent", wrong).await;
        assert_eq!((code, fields), (Code::InvalidArgument, vec![field.to_owned()]));
    }
    unchanged(&before, &everything(&town, &stranger).await, "events that are no news or wrong");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_schedule_opens_nothing_until_it_is_resumed() {
    let (town, stranger) = town().await;
    let vpr = json!({ "name": activity("vpr") });
    let opens = stranger.call("RoadMapService.GetActivity", vpr.clone()).await.unwrap();
    assert_eq!(opens["nextOpeningAt"], "2027-06-10T04:00:00Z", "9:00 in Yekaterinburg");
    let pause = json!({ "name": activity("vpr"), "reason": "Перенос ВПР", "actor": "Отдел" });
    let paused = stranger.call("RoadMapService.PauseActivity", pause).await.unwrap();
    assert_eq!(paused["paused"], true);
    assert_eq!((text(&paused, "pausedBy"), text(&paused, "pauseReason")), ("Отдел", "Перенос ВПР"));
    assert_eq!(paused.get("nextOpeningAt"), None);
    town.live_until("2027-06-15T12:00").await;
    let name = json!({ "name": run("vpr", "2026-27") });
    let (code, ..) = refusal(&stranger, "RunService.GetRun", name.clone()).await;
    assert_eq!(code, Code::NotFound, "it is paused");
    stranger.call("RoadMapService.ResumeActivity", vpr).await.unwrap();
    town.settle().await;
    let opened = stranger.call("RunService.GetRun", name).await.unwrap();
    assert_eq!(opened["state"], "RUN_STATE_ACTIVE", "what was missed is caught up");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_run_puts_a_question_to_those_that_wait_for_it() {
    let (town, stranger) = town().await;
    // Backfilled: a past period opens as the schedule would have opened it.
    let request = json!({ "parent": activity("low-result-schools"), "periods": ["2024-25"] });
    let opened = stranger.call("RunService.BackfillRuns", request.clone()).await.unwrap();
    let found = run("low-result-schools", "2024-25");
    assert_eq!(text(&opened["runs"][0], "name"), found);
    let again = stranger.call("RunService.BackfillRuns", request).await.unwrap();
    assert_eq!(again, json!({ "existing": [found] }));
    town.settle().await;
    let programme = run("support-programme-update", "2024-25");
    let monitoring = run("low-result-monitoring", "2024-25");
    let state = |name: &str| {
        let request = json!({ "name": name });
        let stranger = stranger.clone();
        async move {
            let run = stranger.call("RunService.GetRun", request).await.unwrap();
            text(&run, "state").trim_start_matches("RUN_STATE_").to_owned()
        }
    };
    assert_eq!(state(&programme).await, "WAITING", "opened by the run that it waits for");

    let cancel = json!({ "name": found, "reason": "Данных за тот год нет" });
    stranger.call("RunService.CancelRun", cancel).await.unwrap();
    town.settle().await;
    assert_eq!(state(&found).await, "CANCELLED");
    assert_eq!(state(&programme).await, "QUESTION");
    assert_eq!(state(&monitoring).await, "QUESTION");
    let letters = town.letters_to("department");
    let asked = |l: &Letter| l.text.matches("29. Школы с низкими результатами").count();
    assert_eq!(letters.iter().map(asked).sum::<usize>(), 2, "{letters:#?}");

    let answer = |name: &str, answer: &str| json!({ "name": name, "answer": answer });
    let proceed = answer(&programme, "ANSWER_PROCEED");
    let going = stranger.call("RunService.AnswerQuestion", proceed).await.unwrap();
    assert_eq!(going["state"], "RUN_STATE_ACTIVE");
    assert_eq!(going.get("waitsFor"), None);
    let skip = answer(&monitoring, "ANSWER_SKIP");
    let left_out = stranger.call("RunService.AnswerQuestion", skip).await.unwrap();
    assert_eq!(left_out["state"], "RUN_STATE_SKIPPED");
    // Down the chain the same question is put again.
    town.settle().await;
    assert_eq!(state(&run("low-result-analysis", "2024-25")).await, "QUESTION");
    let nothing = answer(&monitoring, "ANSWER_UNSPECIFIED");
    let (_, _, fields) = refusal(&stranger, "RunService.AnswerQuestion", nothing).await;
    assert_eq!(fields, ["answer"]);
}

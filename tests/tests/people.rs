//! Who is let in, by the contract, by the command line and in browsers: each does what their role
//! allows where they have it, under their own name.

#![allow(clippy::unwrap_used)] // how tests fail

use std::process::Stdio;

use fantoccini::Locator;
use prost_reflect::Kind;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;
use tonic::{Code, Status};
use vekha::access::methods::{Scope, needed};
use vekha::access::{ALL, Role};
use vekha_proto::v1::Method;
use vekha_tests::axe;
use vekha_tests::browser::Browser;
use vekha_tests::foreign::{MORNING, activity, busy, results, run, text};
use vekha_tests::process::{binary, free_port};
use vekha_tests::stranger::{Stranger, reason, wrong_fields};
use vekha_tests::town::{self, Town, shipped_road_map};

const KEY: &str = "sesame-0123456789";
const PASSWORD: &str = "четыре кита везут самовар";

/// A town with a key, and who knows it.
async fn locked() -> (Town, Stranger) {
    let town = Town::start_locked(MORNING, KEY).await;
    let stranger = Stranger::meet(town.channel().await).await;
    (town, stranger.with_authorization(&format!("Bearer {KEY}")))
}

fn grants(roles: &[(&str, Role)]) -> Value {
    let one = |(place, role): &(&str, Role)| {
        let (municipality, organisation) = place.split_once('/').unwrap_or((place, ""));
        let municipality = if municipality == ALL { "-" } else { municipality };
        let role = format!("ROLE_{}", role.as_str().to_uppercase());
        json!({ "municipality": format!("municipalities/{municipality}"), "role": role,
            "organisation": organisation })
    };
    roles.iter().map(one).collect()
}

/// A token of this name, and a client that brings it.
async fn system(of: &Stranger, name: &str, roles: &[(&str, Role)]) -> (Value, Stranger) {
    let token = json!({ "displayName": name, "roles": grants(roles) });
    let made = of.call("TokenService.CreateToken", json!({ "token": token })).await.unwrap();
    let secret = text(&made, "secret").to_owned();
    (made, of.clone().with_authorization(&format!("Bearer {secret}")))
}

fn is_denied(answer: &Result<(), Status>) -> bool {
    answer.as_ref().is_err_and(|status| {
        let denied = status.code() == Code::PermissionDenied;
        assert!(!denied || reason(status) == "ROLE_NEEDED", "{status}");
        denied
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_makes_the_calls_of_its_role_where_it_has_it_and_no_others() {
    let (_town, trusted) = locked().await;
    let places = [("own", "zarechny"), ("foreign", "polevskoy"), ("any", "-")];
    // Whoever represents an organisation has a test of their own.
    for role in Role::ALL.iter().copied().filter(|role| *role >= Role::Viewer) {
        let own = [("zarechny", role)];
        // A role elsewhere says nothing of here: there is but one municipality to give it in.
        let (_, stranger) = system(&trusted, role.as_str(), &own).await;
        for method in stranger.methods("vekha.v1") {
            let name = format!("{}.{}", method.parent_service().name(), method.name());
            let known = Method::of_path(&format!("/vekha.v1.{}", name.replace('.', "/"))).unwrap();
            let table = needed(known);
            for (place, municipality) in places {
                let named = format!("municipalities/{municipality}/x");
                let input = method.input();
                let field =
                    ["parent", "name"].into_iter().find(|f| input.get_field_by_name(f).is_some());
                let thing = input.fields().find_map(|f| {
                    let Kind::Message(thing) = f.kind() else { return None };
                    (!f.is_list() && thing.get_field_by_name("name").is_some())
                        .then(|| f.json_name().to_owned())
                });
                let request = match (field, thing) {
                    (Some(field), _) => json!({ field: named }),
                    (None, Some(thing)) => json!({ thing: { "name": named } }),
                    (None, None) => json!({}),
                };
                let answer = match method.is_server_streaming() {
                    true => stranger.watch(&name, request).await.map(drop),
                    false => stranger.call(&name, request).await.map(drop),
                };
                let may = role >= table.role
                    && match table.scope {
                        Scope::Named => place == "own",
                        Scope::Anywhere => true,
                        Scope::All => false,
                    };
                assert_eq!(is_denied(&answer), !may, "{role:?} {name} {place}: {answer:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_represents_a_school_answers_for_it_and_learns_nothing_of_the_others() {
    let (town, trusted) = locked().await;
    town::ask_schools_as(town.channel().await, KEY).await;
    town.settle().await;
    let own = [("zarechny/school-1", Role::Representative)];
    let (made, school) = system(&trusted, "Школа 1", &own).await;
    let held = json!([{ "municipality": "municipalities/zarechny", "role": "ROLE_REPRESENTATIVE",
        "organisation": "school-1" }]);
    assert_eq!(made["roles"], held);
    let identity = school.call("AccessService.GetIdentity", json!({})).await.unwrap();
    assert_eq!(identity["roles"], held);
    let run = run("low-result-schools", "2025-26");
    let of = |school: &str| format!("{run}/assignments/collect.{school}");

    // It sees its own, wherever it looks, and is not given links.
    let every = "municipalities/zarechny/activities/-/runs/-";
    for parent in [run.as_str(), every] {
        let request = json!({ "parent": parent });
        let listed = school.call("AssignmentService.ListAssignments", request).await.unwrap();
        let names: Vec<&str> =
            listed["assignments"].as_array().unwrap().iter().map(|a| text(a, "name")).collect();
        assert_eq!(names, [of("school-1")], "{parent}");
        assert_eq!(text(&listed, "nextPageToken"), "");
    }
    let other = json!({ "parent": run, "filter": "organisation = \"school-2\"" });
    let listed = school.call("AssignmentService.ListAssignments", other).await.unwrap();
    assert_eq!(listed["assignments"].as_array().map_or(0, Vec::len), 0, "{listed}");
    let assignment =
        school.call("AssignmentService.GetAssignment", json!({ "name": of("school-1") })).await;
    assert!(assignment.unwrap()["form"].is_object());
    let link = json!({ "name": of("school-1"), "showLink": true });
    let refused = school.call("AssignmentService.GetAssignment", link).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::PermissionDenied, "ROLE_NEEDED")
    );

    // It answers under its name, and asks for time.
    let answers = results(false);
    let answer = json!({ "name": of("school-1"), "answers": answers, "requestId": "s-1" });
    let sent = school.call("AssignmentService.SubmitAssignment", answer).await.unwrap();
    assert_eq!(text(&sent, "actor"), "token:Школа 1");
    let sent = json!({ "parent": of("school-1") });
    let sent = school.call("AssignmentService.ListSubmissions", sent).await.unwrap();
    assert_eq!(sent["submissions"].as_array().unwrap().len(), 1);
    let compressed = json!({ "name": of("school-2"), "answers": answers });
    let refused = school.call("AssignmentService.SubmitAssignment", compressed).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    // A name that holds two: whichever of them is looked at, nothing is done to the other's.
    let twice = format!("{}/assignments/collect.school-2", of("school-1"));
    for (method, field) in
        [("SubmitAssignment", "name"), ("GetAssignment", "name"), ("ListSubmissions", "parent")]
    {
        let answer =
            school.call(&format!("AssignmentService.{method}"), json!({ field: twice })).await;
        assert_eq!(answer.unwrap_err().code(), Code::InvalidArgument, "{method}");
    }

    // Whatever else there is, is the department's: each call with the name of its own thing, of another's.
    let mine = [
        "AssignmentService.GetAssignment",
        "AssignmentService.SubmitAssignment",
        "AssignmentService.RequestExtension",
        "AssignmentService.ListAssignments",
        "AssignmentService.ListSubmissions",
        "MeasureService.GetMeasure",
        "MeasureService.ReportMeasure",
        "RecommendationService.GetRecommendation",
        "RecommendationService.AcknowledgeRecommendation",
        "AccessService.GetIdentity",
    ];
    for method in school.methods("vekha.v1") {
        let called = format!("{}.{}", method.parent_service().name(), method.name());
        for (organisation, is_own) in [("school-1", true), ("school-2", false)] {
            let input = method.input();
            let field =
                ["parent", "name"].into_iter().find(|f| input.get_field_by_name(f).is_some());
            let request = field.map_or_else(|| json!({}), |f| json!({ f: of(organisation) }));
            let answer = match method.is_server_streaming() {
                true => school.watch(&called, request).await.map(drop),
                false => school.call(&called, request).await.map(drop),
            };
            // A list of assignments is cut, a caller asks about itself: neither is of one organisation.
            // Of a measure whoever serves the call looks whose it is.
            let is_anybodys = ["Assignments", "Identity", "Measure"];
            let is_anybodys = is_anybodys.iter().any(|name| called.ends_with(name));
            let may = mine.contains(&called.as_str()) && (is_own || is_anybodys);
            assert_eq!(is_denied(&answer), !may, "{called} {organisation}: {answer:?}");
        }
    }

    // Such a role is of an organisation that there is, and of nothing else.
    for (place, role, why) in [
        ("zarechny", Role::Representative, "представитель отвечает за одну организацию"),
        ("zarechny/school-1", Role::Viewer, "роль в муниципалитете, а не в организации"),
        ("zarechny/school-11", Role::Representative, "организации «school-11» в «zarechny» нет"),
        ("polevskoy/school-1", Role::Representative, "муниципалитета «polevskoy» нет"),
    ] {
        let token = json!({ "displayName": "Лишний", "roles": grants(&[(place, role)]) });
        let wrong = trusted.call("TokenService.CreateToken", json!({ "token": token })).await;
        let wrong = wrong.unwrap_err();
        assert!(wrong_fields(&wrong)["token.roles"].contains(why), "{wrong}");
    }
    town.daemon.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_school_s_system_reads_what_is_ordered_of_it_reports_and_acknowledges_and_nothing_else() {
    let (town, trusted) = busy().await;
    let own = [("zarechny/school-1", Role::Representative)];
    // Whoever looks at everything else may report for the own school alone.
    let both = [("zarechny", Role::Viewer), own[0]];
    let found = run("low-result-schools", "2025-26");
    // The second school's measure is waived, the third one's stands.
    let [mine, others] = [1, 3].map(|number| format!("{found}/measures/{number}"));
    for (name, roles) in [("Школа 1", &own[..]), ("Методист школы 1", &both[..])]
    {
        let (_, school) = system(&trusted, name, roles).await;
        let get = async |name: &str| {
            school.call("MeasureService.GetMeasure", json!({ "name": name })).await
        };
        let measure = get(&mine).await.unwrap();
        assert_eq!((text(&measure, "organisation"), text(&measure, "text")), ("school-1", "План"));
        let looks = get(&others).await.map(drop);
        assert_eq!(is_denied(&looks), roles.len() == 1, "{name}: {looks:?}");
        let nobodys = get(&format!("{found}/measures/999")).await.map(drop);
        assert_eq!(is_denied(&nobodys), roles.len() == 1, "{name}: {nobodys:?}");
        let report = async |name: &str| {
            let request = json!({ "name": name, "text": "Сделано", "validateOnly": true });
            school.call("MeasureService.ReportMeasure", request).await.map(drop)
        };
        assert!(report(&mine).await.is_ok(), "{name}");
        let denied = report(&others).await;
        assert!(is_denied(&denied), "{name}: {denied:?}");
        let sent = json!({ "name": format!("{found}/assignments/measure-3.school-3"), "answers": { "report": "Сделано" } });
        let denied = school.call("AssignmentService.SubmitAssignment", sent).await.map(drop);
        assert!(is_denied(&denied), "{name}: {denied:?}");
    }
    town.daemon.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_some_services_reaches_no_others_and_gives_no_way_to_them() {
    let (_town, trusted) = locked().await;
    let make = async |by: &Stranger, name: &str, services: &[&str]| {
        let token = json!({
            "displayName": name, "roles": grants(&[(ALL, Role::Administrator)]), "services": services,
        });
        by.call("TokenService.CreateToken", json!({ "token": token })).await
    };
    let made = make(&trusted, "Рассылки", &["OutboxService", "TokenService"]).await.unwrap();
    assert_eq!(made["services"], json!(["OutboxService", "TokenService"]));
    let secret = text(&made, "secret").to_owned();
    let limited = trusted.clone().with_authorization(&format!("Bearer {secret}"));
    for method in limited.methods("vekha.v1") {
        let service = method.parent_service().name().to_owned();
        let name = format!("{service}.{}", method.name());
        let answer = match method.is_server_streaming() {
            true => limited.watch(&name, json!({})).await.map(drop),
            false => limited.call(&name, json!({})).await.map(drop),
        };
        let shut = answer.as_ref().is_err_and(|status| {
            status.code() == Code::PermissionDenied && reason(status) == "SERVICE_NEEDED"
        });
        let open = ["OutboxService", "TokenService", "AccessService"].contains(&service.as_str());
        assert_eq!(shut, !open, "{name}: {answer:?}");
    }
    // What it may not call itself it gives to nobody, nor takes more by making another.
    for services in [&[][..], &["RunService"], &["OutboxService", "RunService"]] {
        let refused = make(&limited, "Ещё", services).await.unwrap_err();
        assert!(wrong_fields(&refused).contains_key("token.services"), "{refused}");
    }
    make(&limited, "Ещё", &["OutboxService"]).await.unwrap();
    let unknown = make(&trusted, "Третий", &["OutboxServise", "RunService"]).await.unwrap_err();
    assert!(unknown.message().contains("OutboxServise"), "{unknown}");
    // Nor does it get at another's secret, or let somebody in who may more.
    let wide = make(&trusted, "Для всех служб", &[]).await.unwrap();
    let rotate = json!({ "name": text(&wide, "name") });
    let refused = limited.call("TokenService.RotateToken", rotate).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied, "{refused}");
    let made_of_people = make(&trusted, "Кадры", &["PersonService"]).await.unwrap();
    let secret = text(&made_of_people, "secret").to_owned();
    let of_people = trusted.clone().with_authorization(&format!("Bearer {secret}"));
    let somebody = json!({
        "email": "eve@example.org", "displayName": "Ева",
        "roles": grants(&[(ALL, Role::Administrator)]),
    });
    let hire = json!({ "person": somebody });
    let refused = of_people.call("PersonService.CreatePerson", hire.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied, "{refused}");
    let hired = trusted.call("PersonService.CreatePerson", hire).await.unwrap();
    let name = text(&hired, "name");
    let invite = json!({ "name": name });
    let change = json!({ "person": { "name": name, "post": "x" }, "updateMask": "post" });
    for (call, request) in [("InvitePerson", invite), ("UpdatePerson", change)] {
        let refused = of_people.call(&format!("PersonService.{call}"), request).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "{call}: {refused}");
    }
    of_people.call("PersonService.ListPeople", json!({})).await.unwrap();
    // A replaced one is for the same.
    let name = text(&made, "name");
    let rotated = trusted.call("TokenService.RotateToken", json!({ "name": name })).await.unwrap();
    assert_eq!(rotated["services"], made["services"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_token_does_stands_under_its_name_and_a_replaced_one_ends_when_it_was_said_to() {
    let (town, trusted) = locked().await;
    let (made, system) = system(&trusted, "Контингент", &[("zarechny", Role::Operator)]).await;
    let who = system.call("AccessService.GetIdentity", json!({})).await.unwrap();
    assert_eq!(
        (text(&who, "actor"), text(&who, "name")),
        ("token:Контингент", text(&made, "name"))
    );
    let start = json!({ "parent": activity("vpr"), "period": "2025-26", "actor": "Ирина" });
    system.call("RunService.StartRun", start).await.unwrap();
    let entries = json!({ "parent": run("vpr", "2025-26") });
    let entries = trusted.call("JournalService.ListEntries", entries).await.unwrap();
    assert_eq!(entries["entries"][0]["actor"], "token:Контингент, Ирина");
    // Nobody says of themselves what only a sign-in proves.
    let claimed = json!({ "parent": activity("vpr"), "period": "2024-25", "actor": "person:Анна" });
    let refused = trusted.call("RunService.StartRun", claimed).await.unwrap_err();
    assert!(wrong_fields(&refused).contains_key("actor"), "{refused}");
    for name in ["root, person:Глеб", "person:Глеб"] {
        let token = json!({ "displayName": name, "roles": grants(&[(ALL, Role::Viewer)]) });
        let refused = trusted.call("TokenService.CreateToken", json!({ "token": token })).await;
        assert!(wrong_fields(&refused.unwrap_err()).contains_key("token.display_name"), "{name}");
    }
    // A link answers for a school: only looking is not answering.
    let assignments = json!({ "parent": run("vpr", "2025-26"), "showLink": true });
    let (_, viewer) = self::system(&trusted, "Витрина", &[("zarechny", Role::Viewer)]).await;
    let refused = viewer.call("AssignmentService.ListAssignments", assignments.clone()).await;
    assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
    system.call("AssignmentService.ListAssignments", assignments).await.unwrap();
    // The list of road maps is what one may see, and a token gives no roles that its maker lacks.
    let maps = viewer.call("RoadMapService.ListRoadMaps", json!({})).await.unwrap();
    assert_eq!(maps["roadMaps"].as_array().unwrap().len(), 1);

    let name = text(&made, "name");
    let rotate =
        json!({ "name": name, "overlapHours": 2, "requestId": "r-1", "etag": made["etag"] });
    let rotated = trusted.call("TokenService.RotateToken", rotate.clone()).await.unwrap();
    let again = trusted.call("TokenService.RotateToken", rotate).await.unwrap();
    assert_eq!((text(&again, "name"), text(&again, "secret")), (name, ""), "it is shown once");
    let sooner = json!({ "name": name, "overlapHours": 2 });
    let refused = trusted.call("TokenService.RotateToken", sooner).await.unwrap_err();
    assert!(refused.message().contains("закрыла бы его раньше"), "{refused:?}");
    let stale = json!({ "name": name, "etag": made["etag"] });
    let refused = trusted.call("TokenService.RotateToken", stale.clone()).await.unwrap_err();
    assert_eq!(reason(&refused), "STALE_ETAG");
    let new = format!("Bearer {}", text(&rotated, "secret"));
    let new = system.clone().with_authorization(&new);
    let ask = async |who: &Stranger| {
        who.call("AccessService.GetIdentity", json!({})).await.map_err(|e| e.code()).map(drop)
    };
    assert_eq!((ask(&system).await, ask(&new).await), (Ok(()), Ok(())));
    town.live_until("2026-10-06T11:31").await;
    assert_eq!((ask(&system).await, ask(&new).await), (Err(Code::Unauthenticated), Ok(())));
    let refused = trusted.call("TokenService.RevokeToken", stale).await.unwrap_err();
    assert_eq!(reason(&refused), "STALE_ETAG");
    let revoke = json!({ "name": name, "requestId": "r-2" });
    let tried = json!({ "name": name, "validateOnly": true });
    trusted.call("TokenService.RevokeToken", tried).await.unwrap();
    assert_eq!(ask(&new).await, Ok(()), "it was only tried");
    let watched = json!({ "parent": run("vpr", "2025-26"), "afterCursor": "0" });
    let mut watching = new.watch("JournalService.WatchEntries", watched).await.unwrap();
    watching.message().await.unwrap().unwrap();
    trusted.call("TokenService.RevokeToken", revoke.clone()).await.unwrap();
    trusted.call("TokenService.RevokeToken", revoke).await.unwrap();
    assert_eq!(ask(&new).await, Err(Code::Unauthenticated));
    // What it watches ends with it.
    let ended = loop {
        match watching.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("a watcher is told why"),
            Err(status) => break status,
        }
    };
    let why = reason(&ended);
    assert_eq!((ended.code(), why.as_str()), (Code::Unauthenticated, "ACCESS_CHANGED"), "{ended}");
    // One that ends by itself.
    let until = json!({ "displayName": "Временный", "expiresAt": "2026-10-06T07:00:00Z",
        "roles": grants(&[(ALL, Role::Viewer)]) });
    let made = trusted.call("TokenService.CreateToken", json!({ "token": until })).await.unwrap();
    let brief = system.clone().with_authorization(&format!("Bearer {}", text(&made, "secret")));
    assert_eq!(ask(&brief).await, Ok(()));
    town.live_until("2026-10-06T12:01").await;
    assert_eq!(ask(&brief).await, Err(Code::Unauthenticated));
    let proof =
        trusted.call("JournalService.VerifyJournal", json!({ "parent": "municipalities/-" }));
    let proof = proof.await.unwrap();
    assert_eq!(text(&proof, "reason"), "", "{proof}");
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_changed_once_by_each_request_and_never_unseen() {
    let (town, trusted) = locked().await;
    let call = async |method: &str, request: Value| {
        trusted.call(&format!("PersonService.{method}"), request).await
    };
    let count = async || {
        let people = call("ListPeople", json!({})).await.unwrap();
        people["people"].as_array().map_or(0, Vec::len)
    };
    let person = |email: &str, roles: &[(&str, Role)]| json!({ "email": email, "displayName": "Анна Петрова", "post": "Начальник", "roles": grants(roles) });
    let whole = [(ALL, Role::Administrator)];
    // All that is wrong is told at once.
    let wrong = json!({ "person": { "email": "anna", "roles": [
        { "municipality": "zarechny", "role": "ROLE_VIEWER" },
        { "municipality": "municipalities/nowhere" } ] } });
    let refused = call("CreatePerson", wrong).await.unwrap_err();
    let fields: Vec<String> = wrong_fields(&refused).into_keys().collect();
    assert_eq!(
        fields,
        [
            "person.display_name",
            "person.email",
            "person.roles[0].municipality",
            "person.roles[1].role"
        ]
    );
    // The first must be able to give roles.
    let first = json!({ "person": person("anna@example.org", &[("zarechny", Role::Viewer)]) });
    assert_eq!(reason(&call("CreatePerson", first).await.unwrap_err()), "LAST_ADMINISTRATOR");
    let create = json!({ "person": person("Anna@example.org", &whole), "requestId": "p-1" });
    let mut tried = create.clone();
    tried["validateOnly"] = true.into();
    let would = call("CreatePerson", tried).await.unwrap();
    assert_eq!(
        (text(&would, "email"), text(&would, "link"), count().await),
        ("anna@example.org", "", 0)
    );
    let made = call("CreatePerson", create.clone()).await.unwrap();
    let link = text(&made, "link");
    assert!(link.starts_with(&format!("{}/welcome/", town.url())), "{link}");
    let again = call("CreatePerson", create.clone()).await.unwrap();
    assert_eq!((text(&again, "name"), text(&again, "link")), (text(&made, "name"), ""));
    assert_eq!(count().await, 1);
    let mut other = create;
    other["person"]["post"] = "Никто".into();
    assert_eq!(reason(&call("CreatePerson", other).await.unwrap_err()), "REQUEST_ID_REUSED");
    let taken = json!({ "person": person("anna@EXAMPLE.org", &whole) });
    let refused = call("CreatePerson", taken).await.unwrap_err();
    assert_eq!(wrong_fields(&refused).into_keys().collect::<Vec<_>>(), ["person.email"]);

    let name = text(&made, "name");
    let update = |etag: &Value, post: &str, id: &str| json!({ "person": { "name": name, "post": post, "etag": etag }, "updateMask": "post", "requestId": id });
    let changed = call("UpdatePerson", update(&made["etag"], "Директор", "p-2")).await.unwrap();
    assert_eq!(
        (text(&changed, "post"), text(&changed, "displayName")),
        ("Директор", "Анна Петрова")
    );
    let again = call("UpdatePerson", update(&made["etag"], "Директор", "p-2")).await.unwrap();
    assert_eq!(again, changed, "repeated, it is answered with what it made");
    let refused = call("UpdatePerson", update(&made["etag"], "Иное", "p-3")).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Aborted, "STALE_ETAG"));
    let unknown = json!({ "person": { "name": name }, "updateMask": "hasPassword" });
    let refused = call("UpdatePerson", unknown).await.unwrap_err();
    assert_eq!(wrong_fields(&refused).into_keys().collect::<Vec<_>>(), ["update_mask"]);
    let closed = json!({ "person": { "name": name, "disabled": true }, "updateMask": "disabled" });
    assert_eq!(reason(&call("UpdatePerson", closed).await.unwrap_err()), "LAST_ADMINISTRATOR");
    // A new link closes the one before.
    let open = async |link: &str| reqwest::get(link).await.unwrap().status().as_u16();
    assert_eq!(open(link).await, 200);
    let invite = json!({ "name": name, "requestId": "p-4" });
    let invited = call("InvitePerson", invite.clone()).await.unwrap();
    assert_eq!((open(link).await, open(text(&invited, "link")).await), (404, 200));
    assert_eq!(text(&call("InvitePerson", invite).await.unwrap(), "link"), "");
    assert_eq!(open(text(&invited, "link")).await, 200);
    town.live_until("2026-10-09T09:31").await;
    assert_eq!(open(text(&invited, "link")).await, 404, "it opens for three days");
    let missing = call("GetPerson", json!({ "name": "people/nobody" })).await.unwrap_err();
    assert_eq!(missing.code(), Code::NotFound);
}

/// What a command printed, and whether it did what it was told.
async fn vekha(arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(binary());
    command.args(arguments).env_clear().stdin(Stdio::null());
    let output = command.output().await.unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_hires_and_gives_tokens_and_whoever_is_at_the_machine_gets_in_again() {
    let folder = TempDir::new().unwrap();
    let port = free_port();
    let settings = format!(
        r#"
        listen = "127.0.0.1:{port}"
        database = "sqlite:data/vekha.db"
        secret-file = "data/secret"
        road-maps = ["{}"]
        mail = {{ transport = "file", folder = "data/mail", from = {{ name = "Отдел", email = "v@example.org" }} }}
        site = {{ folder = "data/site" }}
        "#,
        shipped_road_map().display()
    );
    let file = folder.path().join("vekha.toml");
    std::fs::write(&file, settings).unwrap();
    let config = file.to_str().unwrap();
    let url = format!("http://127.0.0.1:{port}");
    let serve = || {
        let mut command = Command::new(binary());
        command.args(["--config", config]).env_clear().stderr(Stdio::piped()).kill_on_drop(true);
        command.spawn().unwrap()
    };
    let ready = async || {
        while reqwest::get(format!("{url}/healthz")).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    let say = async |arguments: &[&str]| vekha(&[&["--server", &url], arguments].concat()).await;
    let stop = async |mut daemon: tokio::process::Child| {
        let id = daemon.id().unwrap().to_string();
        assert!(Command::new("kill").arg(id).status().await.unwrap().success());
        assert!(daemon.wait().await.unwrap().success());
    };
    let daemon = serve();
    ready().await;
    // As long as there is nobody, whoever is at this machine may; the first one closes the house.
    let (done, said) =
        say(&["people", "add", "anna@example.org", "--name", "Анна", "--role", "boss"]).await;
    assert!(!done && said.contains("роли «boss» нет; бывает representative, viewer"), "{said}");
    let (done, key) = say(&["token", "create", "Настройка", "--role", "administrator"]).await;
    assert!(done, "{key}");
    let secret = key.split("Ключ: ").nth(1).unwrap().trim().to_owned();
    let hire = ["people", "add", "anna@example.org", "--name", "Анна", "--role", "administrator"];
    let (done, said) = say(&hire).await;
    assert!(done && said.contains("/welcome/") && said.contains("администратор"), "{said}");
    let (done, said) = say(&["status"]).await;
    assert!(!done && said.contains("ключ"), "{said}");
    let (done, said) = say(&["--token", &secret, "people", "list"]).await;
    assert!(
        done && said.contains("anna@example.org") && said.contains("пароль не задан"),
        "{said}"
    );
    let peter = ["people", "add", "p@example.org", "--name", "Пётр", "--role", "operator@zarechny"];
    let (done, said) = say(&[&["--token", &secret], &peter[..]].concat()).await;
    assert!(done && said.contains("специалист@zarechny"), "{said}");
    let set =
        ["--token", &secret, "people", "set", "p@example.org", "--post", "Методист", "--disable"];
    let (done, said) = say(&set).await;
    assert!(done && said.contains("Методист") && said.contains("вход закрыт"), "{said}");
    let (done, said) =
        say(&["--token", &secret, "token", "rotate", "Настройка", "--overlap", "0"]).await;
    assert!(done, "{said}");
    let newer = said.split("Ключ: ").nth(1).unwrap().trim().to_owned();
    let (done, _) = say(&["--token", &secret, "token", "list"]).await;
    assert!(!done, "the one before opens nothing");
    let (done, said) = say(&["--token", &newer, "token", "list"]).await;
    assert!(done && said.contains("Настройка") && said.contains("бессрочно"), "{said}");
    // The way in that is left when all others are lost.
    let reset = ["--config", config, "people", "reset", "P@example.org"];
    let (done, said) = vekha(&reset).await;
    assert!(!done && said.contains("уже работает другой демон"), "{said}");
    stop(daemon).await;
    let (done, said) = vekha(&reset).await;
    assert!(done, "{said}");
    let link = said.trim().rsplit(' ').next().unwrap().to_owned();
    let daemon = serve();
    ready().await;
    let (done, said) = say(&["--token", &newer, "journal", "list", "--municipality", "-"]).await;
    assert!(done && said.contains("vekha people reset") && said.contains("выдан ключ"), "{said}");
    let page = reqwest::get(&link).await.unwrap();
    assert_eq!(page.status(), 200);
    assert!(page.text().await.unwrap().contains("p@example.org"));
    let (done, said) = say(&["--token", &newer, "journal", "verify"]).await;
    assert!(done, "{said}");
    stop(daemon).await;
}

/// Fills a page's form and sends it.
async fn filled(browser: &Browser, fields: &[(&str, &str)]) {
    for (name, value) in fields {
        browser.fill(name, value).await;
    }
    browser.press("button.primary").await;
}

/// Signs a person in who was given a link.
async fn taken_up(browser: &Browser, link: &str) {
    browser.open(link).await;
    filled(browser, &[("password", PASSWORD)]).await;
    browser.wait_for(".person a[href=\"/me\"]").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_department_works_in_its_browsers_each_in_their_own_place() {
    let town = Town::start(MORNING).await;
    town::ask_schools(town.channel().await).await;
    town.settle().await;
    let run = format!("{}/runs/zarechny/low-result-schools/2025-26", town.url());
    let head = axe::browser().await;
    let sound = async |page: &str| {
        assert_eq!(axe::violations(&head).await, [] as [&str; 0], "{page}");
    };
    let link = town.daemon.runtime.first_link().await.unwrap().unwrap();
    head.open(&link).await;
    let first = [
        ("display_name", "Анна Петрова"),
        ("email", "anna@example.org"),
        ("password", "qwerty123456"),
    ];
    filled(&head, &first).await;
    head.wait_for("#summary").await;
    sound("the first administrator").await;
    assert!(head.text().await.contains("такой пароль угадают"), "{}", head.text().await);
    filled(&head, &[("password", PASSWORD)]).await;
    head.wait_for(".person a[href=\"/me\"]").await;
    // She hires a specialist and somebody who only looks.
    let mut links = Vec::new();
    for (name, email, role) in [
        ("Пётр Иванов", "peter@example.org", "operator"),
        ("Зоя Смирнова", "zoya@example.org", "viewer"),
    ] {
        head.open(&format!("{}/people", town.url())).await;
        let select =
            head.client.find(Locator::Css("select[name=\"role:zarechny\"]")).await.unwrap();
        select.select_by_value(role).await.unwrap();
        filled(&head, &[("display_name", name), ("email", email)]).await;
        head.wait_for("#link").await;
        let link = head.client.find(Locator::Css("#link")).await.unwrap();
        links.push(link.prop("value").await.unwrap().unwrap());
        sound("a person").await;
    }
    for page in ["people", "me", "sign-in"] {
        head.open(&format!("{}/{page}", town.url())).await;
        sound(page).await;
    }
    let (clerk, guest) = (Browser::start(1280, 900).await, Browser::start(390, 800).await);
    taken_up(&clerk, &links[0]).await;
    taken_up(&guest, &links[1]).await;
    guest.open(&run).await;
    assert!(guest.text().await.contains("МБОУ СОШ № 1"));
    assert_eq!(guest.overflowing().await, "", "a head with people in it fits a phone");
    assert!(guest.client.find(Locator::Css("[name=\"_form\"]")).await.is_err(), "nothing to press");
    guest.open(&format!("{}/people", town.url())).await;
    assert!(guest.text().await.contains("Нет доступа"), "{}", guest.text().await);
    // Both in one run at the same time: the specialist gives more time, the head calls it off.
    clerk.open(&run).await;
    head.open(&run).await;
    assert!(clerk.client.find(Locator::Css("[value=\"cancel\"]")).await.is_err());
    assert!(head.client.find(Locator::Css("[value=\"cancel\"]")).await.is_ok());
    // The clerk goes home with a form half filled; in the morning it is not lost.
    clerk.open(&format!("{}/runs/zarechny/vpr", town.url())).await;
    axe::unfold(&clerk).await;
    clerk.fill("period", "2025-26").await;
    town.live_until("2026-10-07T08:00").await;
    clerk.press("input[value=\"start\"] ~ .actions button").await;
    clerk.wait_for("#password").await;
    assert!(clerk.text().await.contains("введённое не пропало"), "{}", clerk.text().await);
    filled(&clerk, &[("email", "peter@example.org"), ("password", PASSWORD)]).await;
    clerk.wait_for("h1").await;
    clerk.press("button.primary").await;
    clerk.wait_for(".good[role=\"status\"]").await;
    let begun = town.daemon.runtime.store().journal_tail("zarechny/vpr/2025-26", 5).await.unwrap();
    let actors: Vec<&str> = begun.iter().map(|entry| entry.actor.as_str()).collect();
    assert!(actors.contains(&"person:Пётр Иванов <peter@example.org>"), "{actors:?}");
    for browser in [head, clerk, guest] {
        browser.close().await;
    }
}

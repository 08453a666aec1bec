//! Calendars to subscribe to, as programs read them: they move, cancel and end with what they tell of,
//! and tell nobody what is not theirs.

#![allow(clippy::unwrap_used)]

use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use serde_json::{Value, json};
use vekha::runtime::acts::calendars::{NewCalendar, NoCalendar};
use vekha::store::read::calendars::Reader;
use vekha_tests::foreign::MORNING;
use vekha_tests::ics;
use vekha_tests::stranger::Stranger;
use vekha_tests::town::{Town, ask_schools};
use vekha_tests::visitor::{Page, Visitor};

const RUN: &str = "municipalities/zarechny/activities/low-result-schools/runs/2025-26";
const SCHOOL: &str = "municipalities/zarechny/organisations/school-2";
const KEY: &str = "sesame-0123456789";

/// A town whose schools have been asked.
async fn asked() -> (Town, Stranger) {
    let town = Town::start("2026-10-06T10:00").await;
    ask_schools(town.channel().await).await;
    town.settle().await;
    let stranger = Stranger::meet(town.channel().await).await;
    (town, stranger)
}

async fn get(url: &str) -> reqwest::Response {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    http.get(url).send().await.unwrap()
}

/// What a calendar says, and its text.
async fn read(url: &str) -> (Value, String) {
    let answer = get(url).await;
    assert_eq!(answer.status(), StatusCode::OK, "{url}");
    assert_eq!(answer.headers()[CONTENT_TYPE], "text/calendar; charset=utf-8");
    let text = answer.text().await.unwrap();
    (ics::read(&text), text)
}

/// The one event about the run.
fn event(calendar: &Value) -> Value {
    let events = calendar["events"].as_array().unwrap();
    let of = |event: &&Value| event["uid"].as_str().unwrap().contains("low-result-schools");
    let own: Vec<&Value> = events.iter().filter(of).collect();
    assert_eq!(own.len(), 1, "{calendar:#}");
    own[0].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schools_calendar_follows_its_terms_until_it_is_taken_back() {
    let (town, stranger) = asked().await;
    let letter = town.letters_to("school-2").remove(0);
    let create = json!({ "parent": SCHOOL, "requestId": "c1" });
    let made = stranger.call("OrganisationService.CreateCalendar", create.clone()).await.unwrap();
    let url = made["url"].as_str().unwrap();
    let again = stranger.call("OrganisationService.CreateCalendar", create).await.unwrap();
    assert_eq!(again["url"].as_str().unwrap_or_default(), "", "its address is told once");
    let organisation = async || {
        let request = json!({ "name": SCHOOL });
        stranger.call("OrganisationService.GetOrganisation", request).await.unwrap()
    };
    assert_eq!(organisation().await["calendars"][0]["name"], made["name"]);

    let (calendar, text) = read(url).await;
    assert_eq!(
        (&calendar["method"], &calendar["zone"]),
        (&json!("PUBLISH"), &json!("Asia/Yekaterinburg"))
    );
    let first = event(&calendar);
    assert_eq!((&first["start"], &first["end"]), (&json!("2026-10-20"), &json!("2026-10-21")));
    let (_, file) = letter.attachments.iter().find(|(name, _)| name.ends_with(".ics")).unwrap();
    let file = String::from_utf8(file.clone()).unwrap().replace("\r\n ", "");
    assert!(file.contains(&format!("UID:{}", first["uid"].as_str().unwrap())), "one event: {file}");
    // Calendars are kept by others: no form is opened from one, and no other school is in it.
    let whole = text.replace("\r\n ", "");
    assert!(!whole.contains("/a/") && !whole.contains("school-1"), "{whole}");

    let answer = get(url).await;
    let etag = answer.headers()[ETAG].clone();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let same = http.get(url).header(IF_NONE_MATCH, &etag).send().await.unwrap();
    assert_eq!(same.status(), StatusCode::NOT_MODIFIED);

    let extend = json!({
        "name": format!("{RUN}/assignments/collect.school-2"), "due": "2026-10-27", "reason": "Просили",
    });
    stranger.call("AssignmentService.ExtendAssignment", extend).await.unwrap();
    let same = http.get(url).header(IF_NONE_MATCH, &etag).send().await.unwrap();
    assert_eq!(same.status(), StatusCode::OK, "it is another one");
    let moved = event(&read(url).await.0);
    assert_eq!((&moved["uid"], &moved["start"]), (&first["uid"], &json!("2026-10-27")));
    let sequence = |event: &Value| event["sequence"].as_u64().unwrap();
    assert!(sequence(&moved) > sequence(&first));
    let cancel = json!({ "name": RUN, "reason": "Уже собрано" });
    stranger.call("RunService.CancelRun", cancel).await.unwrap();
    let cancelled = event(&read(url).await.0);
    assert_eq!(cancelled["status"], "CANCELLED");
    assert!(sequence(&cancelled) > sequence(&moved));

    let foreign = made["name"].as_str().unwrap().replace("school-2", "school-1");
    let revoke = async |name: &str, more: Value| {
        let mut request = json!({ "name": name });
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        stranger.call("OrganisationService.RevokeCalendar", request).await
    };
    revoke(&foreign, json!({})).await.expect_err("it is no calendar of that school");
    let name = made["name"].as_str().unwrap();
    revoke(name, json!({ "validateOnly": true })).await.unwrap();
    assert_eq!(get(url).await.status(), StatusCode::OK, "only tried");
    revoke(name, json!({ "requestId": "r1" })).await.unwrap();
    assert_eq!(get(url).await.status(), StatusCode::NOT_FOUND);
    revoke(name, json!({ "requestId": "r1" })).await.unwrap();
    assert_eq!(organisation().await["calendars"], Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_school_and_the_department_get_its_address_on_their_pages_once() {
    let (town, _) = asked().await;
    let mut visitor = Visitor::default();
    let address =
        |page: &Page| page.attribute("<input id=\"calendar\"", "value").replace("&#x2f;", "/");
    let link = town.letters_to("school-2")[0].link();
    let given = visitor.post(&format!("{link}/calendar"), &[]).await;
    let of_school = address(&given);
    assert_eq!(event(&read(&of_school).await.0)["start"], "2026-10-20");
    // Of two that are given at one moment neither is the older.
    town.live_until("2026-10-06T10:01").await;
    let page = format!("{}/m/zarechny/organisations/school-2", town.url());
    let given = visitor.post(&page, &[("_once", ""), ("_action", "calendar-give")]).await;
    let of_department = address(&given);
    assert_ne!(of_school, of_department);
    let seen = visitor.open(&page).await;
    assert!(!seen.text.contains("<input id=\"calendar\""), "never again");
    // The older one is the school's own.
    let id = seen.attribute("<input type=\"hidden\" name=\"calendar\"", "value");
    let back = [("_once", ""), ("_action", "calendar-take-back"), ("calendar", id.as_str())];
    let posted = visitor.post(&page, &back).await;
    let seen = visitor.follow(posted).await;
    assert!(seen.text.contains("Календарь отозван"), "{}", seen.text);
    assert_eq!(get(&of_school).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(get(&of_department).await.status(), StatusCode::OK);
    // As many as there may be, and no more, whoever has the link.
    let runtime = &town.daemon.runtime;
    let reader = Reader::Organisation("school-2");
    let mut refused = None;
    for _ in 0..20 {
        refused = runtime.give_calendar("zarechny", reader, None, "test").await.err();
    }
    assert!(matches!(refused, Some(NoCalendar::Enough)), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schools_button_that_is_pressed_twice_gives_one_calendar() {
    let (town, _) = asked().await;
    let mut visitor = Visitor::default();
    let link = town.letters_to("school-2")[0].link();
    let page = visitor.open(&link).await;
    let form = page.text.split("/calendar\"").nth(1).expect("a button");
    let once = form.split("name=\"_once\" value=\"").nth(1).expect("a mark");
    let mark = [("_once", once.split('"').next().unwrap())];
    let given = visitor.post(&format!("{link}/calendar"), &mark).await;
    assert!(given.text.contains("<input id=\"calendar\""), "{}", given.text);
    let again = visitor.post(&format!("{link}/calendar"), &mark).await;
    assert!(again.text.contains("Это уже сделано"), "{}", again.text);
    let store = town.daemon.runtime.store();
    let all = store.calendars_of("zarechny", Reader::Organisation("school-2")).await.unwrap();
    assert_eq!(all.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_departments_calendar_opens_no_form_and_ends_with_the_role() {
    let town = Town::start_locked(MORNING, KEY).await;
    let stranger = Stranger::meet(town.channel().await).await;
    let stranger = stranger.with_authorization(&format!("Bearer {KEY}"));
    let start = json!({ "parent": "municipalities/zarechny/activities/vpr", "period": "2025-26" });
    let run = stranger.call("RunService.StartRun", start).await.unwrap();
    town.settle().await;
    let hire = async |name: &str, municipality: &str, role: &str| {
        let person = json!({
            "displayName": name, "email": format!("{name}@example.org"),
            "roles": [{ "municipality": format!("municipalities/{municipality}"), "role": role }],
        });
        stranger.call("PersonService.CreatePerson", json!({ "person": person })).await.unwrap()
    };
    hire("boss", "-", "ROLE_ADMINISTRATOR").await;
    let made = hire("anna", "zarechny", "ROLE_VIEWER").await;
    let name = made["name"].as_str().unwrap();
    let id = name.strip_prefix("people/").unwrap();
    let runtime = &town.daemon.runtime;
    let new = runtime.give_calendar("zarechny", Reader::Person(id), None, "test").await;
    let NewCalendar { url, .. } = new.unwrap();
    let (calendar, text) = read(&url).await;
    let whole = text.replace("\r\n ", "");
    assert!(!whole.contains("/a/"), "{whole}");
    let events = calendar["events"].as_array().unwrap();
    assert!(!events.is_empty(), "{run:#}");
    for event in events {
        assert!(event["url"].as_str().unwrap().contains("/runs/zarechny/"), "{event:#}");
    }
    let cancel = json!({ "name": run["name"], "reason": "Не нужно" });
    stranger.call("RunService.CancelRun", cancel).await.unwrap();
    let (calendar, _) = read(&url).await;
    let events = calendar["events"].as_array().unwrap();
    assert!(events.iter().any(|event| event["status"] == "CANCELLED"), "{calendar:#}");

    let nobody = json!({ "person": { "name": name, "disabled": true }, "updateMask": "disabled" });
    stranger.call("PersonService.UpdatePerson", nobody).await.unwrap();
    assert_eq!(get(&url).await.status(), StatusCode::NOT_FOUND);
    for guess in ["x.ics", "", "../../etc/passwd.ics", &format!("{}.ics", "A".repeat(43))] {
        let status = get(&format!("{}/calendar/{guess}", town.url())).await.status();
        assert_eq!(status, StatusCode::NOT_FOUND, "{guess}");
    }
}

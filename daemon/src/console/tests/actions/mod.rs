//! What the department does on its pages.

mod decisions;
mod drafts;
mod guards;
mod runs;

use axum::http::StatusCode;
use vekha_engine::run::Run;
use vekha_engine::{Command, RunKey};

use super::House;
use super::house::{Fetched, RUN};

/// Posts from a page of its own.
pub(super) async fn send(house: &House, path: &str, pairs: &[(&str, &str)]) -> Fetched {
    let once = uuid::Uuid::now_v7().to_string();
    let mut all = vec![("_once", once.as_str())];
    all.extend_from_slice(pairs);
    house.act(path, &all, &[]).await
}

pub(super) async fn act(house: &House, pairs: &[(&str, &str)]) -> Fetched {
    send(house, &format!("/runs/{RUN}"), pairs).await
}

/// Does what must succeed, and shows the page that follows.
pub(super) async fn done(house: &House, pairs: &[(&str, &str)]) -> Fetched {
    let sent = act(house, pairs).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text);
    house.runtime.settle().await.unwrap();
    let page = house.look(sent.headers["location"].to_str().unwrap()).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("class=\"notice good\" role=\"status\""), "{}", page.text);
    page
}

async fn run_of(house: &House, key: &str) -> Run {
    let key: RunKey = key.parse().unwrap();
    house.runtime.store().run(&key).await.unwrap().unwrap().run
}

pub(super) async fn run(house: &House) -> Run {
    run_of(house, RUN).await
}

/// Who did what, newest first.
async fn journal(house: &House) -> Vec<(String, String)> {
    let entries = house.runtime.store().journal_tail(RUN, 50).await.unwrap();
    entries.into_iter().map(|e| (e.kind, e.actor)).collect()
}

pub(super) async fn did(house: &House, kind: &str) -> bool {
    journal(house).await.contains(&(kind.to_owned(), "console:anna".to_owned()))
}

/// With both schools' drafts waiting.
async fn drafted() -> House {
    let house = House::new().await;
    house.answer("school-1", "38", "").await;
    house.answer("school-2", "30", "").await;
    house.runtime.settle().await.unwrap();
    house
}

/// What the page says was in a draft when it was shown.
fn seen(page: &Fetched, code: &str) -> String {
    let name = format!("name=\"{code}&#x2f;seen\" value=\"");
    let at = page.text.find(&name).unwrap_or_else(|| panic!("{name}: {}", page.text)) + name.len();
    page.text[at..at + 16].to_owned()
}

/// With a decision awaited.
async fn deciding() -> House {
    let house = drafted().await;
    house
        .step(Command::Approve {
            stage: "recommend".into(),
            organisations: vec![],
            outgoing: String::new(),
        })
        .await;
    house.at("2027-10-15T09:00:00+05:00").await;
    for school in ["school-1", "school-2"] {
        house.post(&house.link(&format!("recommend.{school}")), &[]).await;
    }
    house.runtime.settle().await.unwrap();
    house
}

pub fn decision<'a>(number: &'a str, date: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("_form", "decision:decide"),
        ("kind", "order"),
        ("number", number),
        ("date", date),
        ("title", "О мерах"),
        ("outcome", "Провести проверки\r\nдо конца месяца"),
        ("signatory", "Начальник отдела"),
    ]
}

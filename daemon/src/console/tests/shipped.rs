//! The shipped road map: a year of it passes, nobody answers, and every page opens.

use std::collections::BTreeSet;
use std::path::Path;

use axum::http::StatusCode;
use vekha_engine::{Command, RunKey};

use super::House;
use crate::runtime::Ask;
use crate::runtime::committer::Task;
use crate::store::read::{Filter, Page};

#[tokio::test]
async fn every_page_of_the_shipped_road_map_opens() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/road-map");
    let house = House::with(crate::files::load(&folder).unwrap()).await;
    for month in 9..=12 {
        house.at(&format!("2027-{month:02}-20T12:00:00+05:00")).await;
    }
    for month in 1..=8 {
        house.at(&format!("2028-{month:02}-20T12:00:00+05:00")).await;
        approve_all(&house).await;
    }
    let page = house.look("/").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("просрочено"));
    let store = house.runtime.store();
    let all = Filter::default();
    let runs = store.list_runs(&all, &Page::first(10_000)).await.unwrap();
    assert!(runs.len() > 20, "{} runs", runs.len());
    for run in &runs {
        let page = house.look(&format!("/runs/{}", run.id)).await;
        assert_eq!(page.status, StatusCode::OK, "{}: {}", run.id, page.text);
    }
    // One school's link for every stage of every run tells as much as all of them.
    let mut seen = BTreeSet::new();
    for row in store.list_assignments(&all, &Page::first(100_000)).await.unwrap() {
        if seen.insert((row.run.clone(), row.stage.clone())) {
            let page = house.get(&format!("/a/{}", store.secret().token(&row.id, 0))).await;
            assert_eq!(page.status, StatusCode::OK, "{}: {}", row.id, page.text);
        }
    }
    assert!(seen.len() >= 10, "{} stages with assignments", seen.len());
}

async fn approve_all(house: &House) {
    let drafts = Filter { state: Some("draft".into()), ..Filter::default() };
    let store = house.runtime.store();
    let rows = store.list_recommendations(&drafts, &Page::first(10_000)).await.unwrap();
    let stages: BTreeSet<_> = rows.into_iter().map(|row| (row.run, row.stage)).collect();
    for (run, stage) in stages {
        let run: RunKey = run.parse().unwrap();
        let approve = Command::Approve { stage, organisations: vec![], outgoing: String::new() };
        // A run that was ended meanwhile releases nothing.
        house.runtime.ask(Task::new(run, Ask::Step(approve), "test")).await.ok();
    }
    house.runtime.settle().await.unwrap();
}

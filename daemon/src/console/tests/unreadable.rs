//! A row that cannot be read leaves every page that is not about it as it was, and is named to the
//! administrator; pages that are about it say so.

use sea_orm::ConnectionTrait as _;
use vekha_engine::Document;
use vekha_engine::command::{NewDocument, NewMeasure};
use vekha_engine::{Command, DecisionKind, RunKey, Why};

use super::House;
use super::house::{answer, files};
use crate::runtime::Ask;
use crate::runtime::committer::Task;

/// A run that nothing is wrong with, and one of which a row is.
const GOOD: &str = "zarechny/results/2026";
const BAD: &str = "zarechny/results/2027";

/// A run that was just opened; school-2 has kept a draft.
const OPEN: &str = "zarechny/results/2028";

/// Table, column, and the key's column of each row that pages read of a run, and which run's is spoilt.
const ROWS: [(&str, &str, &str, &str); 9] = [
    ("run", "body", "id", BAD),
    ("run", "state", "id", BAD),
    ("assignment", "body", "id", BAD),
    ("submission", "answers", "id", BAD),
    ("analysis", "body", "id", BAD),
    ("recommendation", "body", "id", BAD),
    ("decision", "body", "id", BAD),
    ("measure", "body", "id", BAD),
    ("draft", "answers", "assignment", OPEN),
];

fn link(house: &House, run: &str, assignment: &str) -> String {
    format!("/a/{}", house.runtime.store().secret().token(&format!("{run}/{assignment}"), 0))
}

async fn open(house: &House, run: &str) {
    let ask = Ask::Open { named: vec![], why: Why::Request, without_waiting: false };
    house.runtime.ask(Task::new(run.parse().unwrap(), ask, "test")).await.unwrap();
    house.runtime.settle().await.unwrap();
}

/// A run in the middle of its life: answered, analysed, decided.
async fn live(house: &House, run: &str) {
    open(house, run).await;
    let run: RunKey = run.parse().unwrap();
    let ask = async |ask: Ask| {
        house.runtime.ask(Task::new(run.clone(), ask, "test")).await.unwrap();
        house.runtime.settle().await.unwrap();
    };
    for (school, low) in [("school-1", "38"), ("school-2", "1")] {
        let page = link(house, &run.to_string(), &format!("collect.{school}"));
        assert!(house.post(&page, &answer(low, "")).await.status.is_redirection());
    }
    house.runtime.settle().await.unwrap();
    ask(Ask::Step(Command::Approve {
        stage: "recommend".into(),
        organisations: vec![],
        outgoing: String::new(),
    }))
    .await;
    house.post(&link(house, &run.to_string(), "recommend.school-1"), &[]).await;
    house.runtime.settle().await.unwrap();
    let document = NewDocument {
        document: Document {
            number: format!("{}-од", run.period),
            date: "2027-09-01".parse().unwrap(),
            outcome: "Провести проверки".into(),
            signatory: "Начальник отдела".into(),
            ..Document::default()
        },
        kind: Some(DecisionKind::Order),
        ..NewDocument::default()
    };
    let measure = NewMeasure {
        text: "Составить план".into(),
        organisations: vec!["school-1".into()],
        due: "2027-10-01".parse().unwrap(),
    };
    let (stage, measures) = ("decide".to_owned(), Some(vec![measure]));
    ask(Ask::Step(Command::RecordDecision { stage, document, measures })).await;
}

/// A page's address, or of what its link is.
fn named(house: &House, page: &str) -> String {
    let names =
        ["collect.school-1", "collect.school-2", "recommend.school-1", "measure-1.school-1"];
    let behind =
        names.iter().find(|name| [BAD, OPEN].iter().any(|run| link(house, run, name) == *page));
    behind.map_or_else(|| page.to_owned(), |name| format!("link of {name}"))
}

/// Pages of the whole, then those of a run.
fn pages(house: &House, run: &str) -> (Vec<String>, Vec<String>) {
    let whole = [
        "/",
        "/m/zarechny",
        "/m/zarechny/completeness",
        "/m/zarechny/completeness.xlsx",
        "/m/zarechny/decisions",
        "/m/zarechny/decisions.xlsx",
        "/m/zarechny/effects",
        "/m/zarechny/effects.xlsx",
        "/m/zarechny/recommendations",
        "/m/zarechny/recommendations.xlsx",
        "/m/zarechny/organisations",
        "/runs/zarechny/results",
    ];
    let period = run.rsplit('/').next().unwrap();
    let below = format!("/runs/zarechny/results/{period}");
    let own = [
        String::new(),
        "/reports/analyze".into(),
        "/decisions/1/correction".into(),
        "/decisions/1/document.docx".into(),
        "/answers/collect.school-1".into(),
    ];
    let links =
        ["collect.school-1", "collect.school-2", "recommend.school-1", "measure-1.school-1"];
    let own = own.into_iter().map(|page| below.clone() + &page);
    let own = own.chain(links.map(|name| link(house, run, name)));
    (whole.map(str::to_owned).to_vec(), own.collect())
}

/// A house with these runs, and the pages of the whole and the good run, then those of the others.
async fn house() -> (House, Vec<String>, Vec<String>) {
    let house = House::with(files()).await;
    for run in [GOOD, BAD] {
        live(&house, run).await;
    }
    open(&house, OPEN).await;
    let draft = link(&house, OPEN, "collect.school-2");
    let mut kept = answer("1", "");
    kept.push(("_save", "1"));
    house.post(&draft, &kept).await;
    let (mut sound, good) = pages(&house, GOOD);
    sound.extend(good);
    let (_, mut bad) = pages(&house, BAD);
    bad.push(draft);
    (house, sound, bad)
}

#[tokio::test]
async fn a_row_that_cannot_be_read_leaves_the_other_pages_as_they_were() {
    let mut told = String::new();
    for (table, column, key, run) in ROWS {
        let (house, sound, bad) = house().await;
        let all_are_shown = async |when: &str| {
            for page in sound.iter().chain(&bad) {
                let shown = house.look(page).await;
                assert!(shown.status.is_success(), "{table}.{column}, {when}: {page}");
            }
        };
        all_are_shown("before").await;
        let spoil = |value: &str| {
            format!("UPDATE {table} SET {column} = {value} WHERE {key} LIKE '{run}%'")
        };
        let writer = house.runtime.store().writer();
        let spoilt = writer.execute_unprepared(&spoil(&format!("'~' || {column}"))).await.unwrap();
        assert!(spoilt.rows_affected() > 0, "{table}.{column}");
        for page in &sound {
            let shown = house.look(page).await;
            assert!(shown.status.is_success(), "{table}.{column}: {page}: {}", shown.status);
        }
        told += &format!("{table}.{column}\n");
        for page in &bad {
            let shown = house.look(page).await;
            if !shown.status.is_success() {
                told += &format!("  {} {}\n", shown.status.as_u16(), named(&house, page));
            }
        }
        let named = house.runtime.store().unreadable_rows();
        assert!(named.keys().any(|row| row.contains(run)), "{named:?}:\n{told}");
        assert!(named.keys().all(|row| !row.contains(GOOD)), "{table}.{column}: {named:?}");
        let troubles = house.look("/").await.text.replace("&#x2f;", "/");
        assert!(troubles.contains(named.keys().next().unwrap()), "{table}.{column}: {troubles}");
        writer.execute_unprepared(&spoil(&format!("substr({column}, 2)"))).await.unwrap();
        all_are_shown("mended").await;
    }
    insta::assert_snapshot!(told);
}

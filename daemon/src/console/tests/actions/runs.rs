//! Runs that stand still, assignments that are late, schedules.

use axum::http::StatusCode;
use vekha_engine::run::{AssignmentState, RunState};
use vekha_engine::{AssignmentKey, Command};

use super::super::House;
use super::super::house::{RUN, files};
use super::{act, did, done, run, run_of, send};

#[tokio::test]
async fn who_is_late_gets_more_time_or_is_let_off() {
    let house = House::new().await;
    let both = |action| {
        vec![
            ("_form", "assignments"),
            ("_do", action),
            ("assignments", "collect.school-1"),
            ("assignments", "collect.school-2"),
            ("reason", "Карантин"),
        ]
    };
    let page = act(&house, &both("extend")).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.text.contains("href=\"#f-assignments-due\""), "{}", page.text);
    let mut pairs = both("extend");
    pairs.push(("due", "2027-09-26"));
    let page = act(&house, &pairs).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(page.text.matches("это нерабочий день").count(), 2, "{}", page.text);
    assert!(page.text.contains("value=\"collect.school-2\" checked"));
    assert!(page.text.contains("value=\"Карантин\""));
    *pairs.last_mut().unwrap() = ("due", "2027-09-28");
    done(&house, &pairs).await;
    let now = run(&house).await;
    assert!(now.assignments.values().all(|a| a.due.to_string() == "2027-09-28"));
    assert!(did(&house, "extended").await);
    let mut pairs = both("waive");
    pairs.remove(2);
    done(&house, &pairs).await;
    let now = run(&house).await;
    let state = |code: &str| now.assignments[&AssignmentKey::new("collect", code)].state;
    assert_eq!(state("school-2"), AssignmentState::Waived);
    assert_eq!(state("school-1"), AssignmentState::Open);
    // One that has been settled spoils the whole: nothing is done by halves.
    let mut pairs = both("extend");
    pairs.push(("due", "2027-10-05"));
    let page = act(&house, &pairs).await;
    assert_eq!(page.status, StatusCode::CONFLICT);
    assert!(page.text.contains("поручение уже не открыто"), "{}", page.text);
    let now = run(&house).await;
    assert!(now.assignments.values().all(|a| a.due.to_string() == "2027-09-28"));
}

#[tokio::test]
async fn a_failed_stage_is_tried_again_and_a_run_is_called_off_for_a_reason() {
    let house = House::new().await;
    let failed =
        Command::StageFailed { stage: "collect".into(), reason: "нет связи".into() };
    house.step(failed).await;
    let page = house.look(&format!("/runs/{RUN}")).await;
    assert!(page.text.contains("name=\"_form\" value=\"retry\""), "{}", page.text);
    done(&house, &[("_form", "retry")]).await;
    assert_eq!(run(&house).await.state, RunState::Active);
    assert!(did(&house, "stage-retried").await);
    let page = act(&house, &[("_form", "cancel"), ("reason", "")]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.text.contains("href=\"#f-cancel-reason\""), "{}", page.text);
    done(&house, &[("_form", "cancel"), ("reason", "Ошибочно")]).await;
    assert_eq!(run(&house).await.state, RunState::Cancelled);
    let page = house.look(&format!("/runs/{RUN}")).await;
    let forms: Vec<&str> = page.text.split("name=\"_form\" value=\"").skip(1).collect();
    assert!(
        matches!(forms.as_slice(), [one] if one.starts_with("remark\"")),
        "nothing is left to do"
    );
    let late = act(&house, &[("_form", "retry")]).await;
    assert_eq!(late.status, StatusCode::CONFLICT);
    assert_eq!(act(&house, &[("_form", "nonsense")]).await.status, StatusCode::CONFLICT);
}

const FOLLOWING: &str = r#"
title = "Выборочная проверка"
short = "Проверка"
section = "objectivity"
deadline = "по мере необходимости"
responsible = ["department", "schools"]
[schedule]
every = "on-demand"
after = ["results"]
[[stage]]
kind = "collect"
form = "marks"
participants = { named = true }
due = "10 working days"
"#;

#[tokio::test]
async fn a_run_is_started_by_hand_waits_and_is_started_without_waiting() {
    let mut files = files();
    files.0.insert("activities/3-check.toml".into(), FOLLOWING.into());
    let house = House::with(files).await;
    let page = house.look("/runs/zarechny/check").await;
    assert!(page.text.contains("например, 2027 — это 2027 год"), "{}", page.text);
    let path = "/runs/zarechny/check";
    let wrong = [("_form", "start"), ("period", "сентябрь"), ("part", "первая")];
    let page = send(&house, path, &wrong).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.text.contains("value=\"сентябрь\"") && page.text.contains("value=\"первая\""));
    assert!(page.text.contains("href=\"#f-start-organisations\""), "{}", page.text);
    let right =
        [("_form", "start"), ("period", "2027"), ("part", "a"), ("organisations", "school-2")];
    let sent = send(&house, path, &right).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text);
    let run = "/runs/zarechny/check/2027.a";
    assert_eq!(sent.headers["location"], format!("{run}?done=started"));
    let again = send(&house, path, &right).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    let page = house.look(run).await;
    assert!(page.text.contains("Начать, не дожидаясь") && page.text.contains("Пропустить"));
    let sent = send(&house, run, &[("_form", "proceed")]).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text);
    assert_eq!(run_of(&house, &run[6..]).await.state, RunState::Active);
    let mut other = right;
    other[2].1 = "b";
    send(&house, path, &other).await;
    let skip = [("_form", "skip"), ("reason", "Не нужно")];
    send(&house, "/runs/zarechny/check/2027.b", &skip).await;
    assert_eq!(run_of(&house, "zarechny/check/2027.b").await.state, RunState::Skipped);
}

#[tokio::test]
async fn a_schedule_is_stopped_for_a_reason_and_goes_on() {
    let house = House::new().await;
    let path = "/runs/zarechny/annual-report";
    let page = send(&house, path, &[("_form", "pause"), ("reason", "")]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    let sent = send(&house, path, &[("_form", "pause"), ("reason", "Ремонт")]).await;
    assert_eq!(sent.headers["location"], format!("{path}?done=paused"));
    let page = house.look(path).await;
    assert!(page.text.contains("Ремонт") && page.text.contains("Возобновить расписание"));
    let rows = house.runtime.store().activities("zarechny").await.unwrap();
    let row = rows.iter().find(|row| row.activity == "annual-report").unwrap();
    assert!(row.paused);
    assert_eq!(row.actor, "console:anna");
    send(&house, path, &[("_form", "resume")]).await;
    assert!(!house.look(path).await.text.contains("Возобновить"));
    let other = house.look("/runs/zarechny/results").await;
    assert!(!other.text.contains("Приостановить"), "on demand there is nothing to stop");
}

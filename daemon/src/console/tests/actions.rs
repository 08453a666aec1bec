//! What the department does on its pages.

use axum::http::StatusCode;
use vekha_engine::run::{AssignmentState, MeasureState, RecommendationState, Run, RunState};
use vekha_engine::{AssignmentKey, Command, RunKey};

use super::House;
use super::house::{Fetched, RUN, files};

/// Posts from a page of its own.
async fn send(house: &House, path: &str, pairs: &[(&str, &str)]) -> Fetched {
    let once = uuid::Uuid::now_v7().to_string();
    let mut all = vec![("_once", once.as_str())];
    all.extend_from_slice(pairs);
    house.act(path, &all, &[]).await
}

pub async fn act(house: &House, pairs: &[(&str, &str)]) -> Fetched {
    send(house, &format!("/runs/{RUN}"), pairs).await
}

/// Does what must succeed, and shows the page that follows.
pub async fn done(house: &House, pairs: &[(&str, &str)]) -> Fetched {
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

async fn run(house: &House) -> Run {
    run_of(house, RUN).await
}

/// Who did what, newest first.
async fn journal(house: &House) -> Vec<(String, String)> {
    let entries = house.runtime.store().journal_tail(RUN, 50).await.unwrap();
    entries.into_iter().map(|e| (e.kind, e.actor)).collect()
}

async fn did(house: &House, kind: &str) -> bool {
    journal(house).await.contains(&(kind.to_owned(), "console:anna".to_owned()))
}

/// With both schools' drafts waiting.
pub async fn drafted() -> House {
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
pub async fn deciding() -> House {
    let house = drafted().await;
    house.step(Command::Approve { stage: "recommend".into(), organisations: vec![] }).await;
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
        ("number", number),
        ("date", date),
        ("title", "О мерах"),
        ("outcome", "Провести проверки\r\nдо конца месяца"),
        ("signatory", "Начальник отдела"),
    ]
}

#[tokio::test]
async fn drafts_are_mended_kept_and_released_under_the_persons_name() {
    let house = drafted().await;
    let page = house.look(&format!("/runs/{RUN}")).await;
    assert!(page.text.contains("Вы вошли как anna"));
    assert!(page.text.contains("утвердить проекты рекомендаций: 2"), "{}", page.text);
    assert!(page.text.contains("Доля низких результатов, %"));
    let (one, two) = (seen(&page, "school-1"), seen(&page, "school-2"));
    let old = "Провести анализ причин и составить план повышения качества.";
    let mended = [
        ("_form", "drafts:recommend"),
        ("_do", "save"),
        ("school-1/seen", one.as_str()),
        ("school-1/texts[0]", "Первая строка\r\nвторая"),
        ("school-2/seen", two.as_str()),
        ("school-2/texts[0]", old),
    ];
    let page = done(&house, &mended).await;
    assert!(page.text.contains("Первая строка\nвторая"));
    let text = |run: &Run, code: &str| {
        let key = AssignmentKey::new("recommend", code);
        run.recommendations[&key].items[0].recommendation.clone().unwrap()
    };
    assert_eq!(text(&run(&house).await, "school-1"), "Первая строка\nвторая");
    let revised = journal(&house).await.into_iter().filter(|(kind, _)| kind == "revised").count();
    assert_eq!(revised, 1, "what nobody touched is not rewritten");
    assert!(did(&house, "revised").await);

    // One is released, with a change made in the same breath; the other is kept back.
    let one = seen(&page, "school-1");
    let mut pairs = mended.to_vec();
    pairs[1].1 = "approve:school-1";
    pairs[2].1 = &one;
    pairs[3].1 = "Третья";
    done(&house, &pairs).await;
    let now = run(&house).await;
    let state = |code: &str| now.recommendations[&AssignmentKey::new("recommend", code)].state;
    assert_eq!(text(&now, "school-1"), "Третья");
    assert_eq!(state("school-1"), RecommendationState::Issued);
    assert_eq!(state("school-2"), RecommendationState::Draft);
    assert!(did(&house, "approved").await);

    pairs[1].1 = "discard:school-2";
    pairs.drain(2..4);
    let refused = act(&house, &pairs).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("укажите причину"), "{}", refused.text);
    pairs.push(("school-2/reason", "Данные уточняются"));
    done(&house, &pairs).await;
    let now = run(&house).await;
    let key = AssignmentKey::new("recommend", "school-2");
    assert_eq!(now.recommendations[&key].state, RecommendationState::Discarded);
    assert!(did(&house, "discarded").await);
}

#[tokio::test]
async fn two_people_at_one_draft_do_not_undo_each_other() {
    let house = drafted().await;
    let page = house.look(&format!("/runs/{RUN}")).await;
    let seen_first = seen(&page, "school-1");
    let recommendation = AssignmentKey::new("recommend", "school-1");
    house.step(Command::Revise { recommendation, texts: vec!["Чужой текст".into()] }).await;
    let mut pairs = vec![
        ("_form", "drafts:recommend"),
        ("_do", "approve"),
        ("school-1/seen", seen_first.as_str()),
        ("school-1/texts[0]", "Мой текст"),
    ];
    let page = act(&house, &pairs).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.text.contains("теперь в нём: «Чужой текст»"), "{}", page.text);
    assert!(page.text.contains("Мой текст</textarea>"));
    // Knowing of it, the person may insist.
    let seen_now = seen(&page, "school-1");
    pairs[2].1 = &seen_now;
    done(&house, &pairs).await;
    let now = run(&house).await;
    let key = AssignmentKey::new("recommend", "school-1");
    assert_eq!(now.recommendations[&key].items[0].recommendation.as_deref(), Some("Мой текст"));
    assert!(now.recommendations.values().all(|r| r.state == RecommendationState::Issued));
}

#[tokio::test]
async fn a_decision_is_recorded_with_the_maps_measures_or_others_or_none() {
    let house = deciding().await;
    let page = house.look(&format!("/runs/{RUN}")).await;
    for expected in [
        "внести решение",
        "Дорожная карта сама предписывает меры",
        "Провести внутреннюю проверку объективности оценивания — Школа № 1, 10 рабочих дней",
        "name=\"date\" value=\"2027-10-15\"",
        "value=\"О мерах по итогам мониторинга\"",
        "name=\"measures[2].text\"",
        "все участники (2)",
        "без мер",
    ] {
        assert!(page.text.contains(expected), "{expected}:\n{}", page.text);
    }
    done(&house, &decision("47-од", "2027-10-15")).await;
    let now = run(&house).await;
    assert_eq!(now.decisions[0].outcome, "Провести проверки\nдо конца месяца");
    assert_eq!(now.decisions[0].recorded_by, "console:anna");
    assert_eq!(now.measures.len(), 1);
    assert_eq!(now.state, RunState::Completed);

    let house = deciding().await;
    let mut pairs = decision("48-од", "15.10.2027");
    pairs.extend([
        ("measures[1].text", "Провести семинар"),
        ("measures[1].organisations", "*"),
        ("measures[1].organisations", "department"),
        ("measures[1].due", "2027-11-15"),
        ("measures[2].text", " "),
    ]);
    done(&house, &pairs).await;
    let now = run(&house).await;
    let holders: Vec<&str> = now.measures.iter().map(|m| m.organisation.as_str()).collect();
    assert_eq!(holders, ["department", "school-1", "school-2"]);

    let house = deciding().await;
    let mut pairs = decision("49-од", "2027-10-15");
    pairs.push(("without", "none"));
    done(&house, &pairs).await;
    assert!(run(&house).await.measures.is_empty());
}

#[tokio::test]
async fn a_wrong_decision_keeps_all_that_was_typed_and_names_every_mistake() {
    let house = deciding().await;
    let mut pairs = decision("", "2028-01-01");
    pairs.extend([
        ("measures[0].text", "Провести \"семинар\""),
        ("measures[0].organisations", "school-2"),
        ("measures[0].due", "завтра"),
    ]);
    let page = act(&house, &pairs).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    for expected in [
        "role=\"alert\"",
        "href=\"#f-decision-decide-number\"",
        "href=\"#f-decision-decide-measures-0-due\"",
        "id=\"f-decision-decide-measures-0-due\" name=\"measures[0].due\" value=\"завтра\"",
        "Провести &quot;семинар&quot;</textarea>",
        "name=\"measures[0].organisations\" value=\"school-2\" checked",
        "до конца месяца</textarea>",
    ] {
        assert!(page.text.contains(expected), "{expected}:\n{}", page.text);
    }
    // What only the engine knows stands at its field, too.
    let page = act(&house, &decision("47-од", "2028-01-01")).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.text.contains("id=\"f-decision-decide-date-error\""), "{}", page.text);
    let mut pairs = decision("47-од", "2027-10-15");
    pairs.push(("_add", "measures"));
    let page = act(&house, &pairs).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("value=\"47-од\""));
    assert!(run(&house).await.decisions.is_empty());
}

#[tokio::test]
async fn more_rows_come_to_the_measures_that_were_typed() {
    let house = deciding().await;
    let mut pairs = decision("47-од", "2027-10-15");
    pairs.extend([("measures[2].text", "Третья"), ("measures[0].text", ""), ("_add", "measures")]);
    let page = act(&house, &pairs).await;
    assert!(page.text.contains("name=\"measures[5].text\""), "{}", page.text);
    assert!(page.text.contains("Третья</textarea>"));
}

#[tokio::test]
async fn measures_are_returned_and_accepted() {
    let house = deciding().await;
    done(&house, &decision("47-од", "2027-10-15")).await;
    house.post(&house.link("measure-1.school-1"), &[("report", "Сделано")]).await;
    let page = house.look(&format!("/runs/{RUN}")).await;
    assert!(page.text.contains("проверить отчёты об исполнении мер: 1"), "{}", page.text);
    let mut pairs = [("_form", "measure:1"), ("_do", "return"), ("comment", " ")];
    let refused = act(&house, &pairs).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("href=\"#f-measure-1-comment\""), "{}", refused.text);
    pairs[2].1 = "Приложите акт";
    done(&house, &pairs).await;
    assert_eq!(run(&house).await.measures[0].comment, "Приложите акт");
    pairs[1].1 = "accept";
    let refused = act(&house, &pairs).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.text.contains("исполнитель ещё не отчитался"), "{}", refused.text);
    assert!(refused.text.contains("Приложите акт"), "what was typed is not lost with the form");
    house.post(&house.link("measure-1.school-1"), &[("report", "Вот акт")]).await;
    done(&house, &pairs).await;
    assert_eq!(run(&house).await.measures[0].state, MeasureState::Done);
    assert!(did(&house, "measure-returned").await && did(&house, "measure-accepted").await);
}

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
    assert!(!page.text.contains("<form"), "nothing is left to do");
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

#[tokio::test]
async fn a_button_pressed_twice_acts_once() {
    let house = deciding().await;
    let once = uuid::Uuid::now_v7().to_string();
    let mut pairs = decision("47-од", "2027-10-15");
    pairs.push(("_once", &once));
    for _ in 0..2 {
        let sent = house.act(&format!("/runs/{RUN}"), &pairs, &[]).await;
        assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text);
    }
    assert_eq!(run(&house).await.decisions.len(), 1);

    let house = drafted().await;
    let page = house.look(&format!("/runs/{RUN}")).await;
    let one = seen(&page, "school-1");
    let pairs = [
        ("_once", once.as_str()),
        ("_form", "drafts:recommend"),
        ("_do", "approve"),
        ("school-1/seen", &one),
        ("school-1/texts[0]", "Новый текст"),
    ];
    for _ in 0..2 {
        let sent = house.act(&format!("/runs/{RUN}"), &pairs, &[]).await;
        assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text);
    }
    let kinds = journal(&house).await;
    assert_eq!(kinds.iter().filter(|(kind, _)| kind == "approved").count(), 1);
}

#[tokio::test]
async fn nobody_acts_without_the_token_nor_from_another_site() {
    let house = House::new().await;
    let pairs = [("_form", "cancel"), ("reason", "Чужие")];
    for path in [format!("/runs/{RUN}"), "/runs/zarechny/results".to_owned()] {
        assert_eq!(house.post(&path, &pairs).await.status, StatusCode::UNAUTHORIZED);
        for header in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("origin", "https://evil.example"),
            ("origin", "null"),
        ] {
            let page = house.act(&path, &pairs, &[("host", "vekha.example.org"), header]).await;
            assert_eq!(page.status, StatusCode::FORBIDDEN, "{header:?}");
            assert!(page.text.contains("не со страницы Вехи"));
        }
    }
    assert_eq!(run(&house).await.state, RunState::Active);
    let own = [("host", "vekha.example.org"), ("origin", "https://vekha.example.org")];
    let sent = house.act(&format!("/runs/{RUN}"), &pairs, &own).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text);
    // Otherwise browsers would name no origin in our own posts.
    let page = house.look(&format!("/runs/{RUN}")).await;
    assert_eq!(page.headers["referrer-policy"], "same-origin");
}

#[tokio::test]
async fn while_the_database_is_away_what_was_typed_to_the_department_stays() {
    let house = House::new().await;
    house.runtime.store().clone().close().await.unwrap();
    let page = act(&house, &[("_form", "cancel"), ("reason", "Долгая причина")]).await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(page.text.contains("name=\"reason\" value=\"Долгая причина\""), "{}", page.text);
}

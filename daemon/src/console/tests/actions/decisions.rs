//! Decisions, and the measures that they order.

use axum::http::StatusCode;
use vekha_engine::run::{MeasureState, RunState};

use super::super::house::RUN;
use super::{act, deciding, decision, did, done, run};

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
        "Провести &#34;семинар&#34;</textarea>",
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

//! Who may act, and how often.

use axum::http::StatusCode;
use vekha_engine::run::RunState;

use super::super::House;
use super::super::house::RUN;
use super::{act, deciding, decision, drafted, journal, run, seen};

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

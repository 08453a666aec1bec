//! The page of the daemon itself: what it runs with, and whether mail leaves.

use axum::http::StatusCode;

use super::House;
use super::actions::send;
use crate::runtime::configured::Configured;

const DAEMON: &str = "/daemon";

#[tokio::test]
async fn mail_is_tried_where_it_is_looked_at_and_settings_are_shown() {
    let house = House::new().await;
    let told = |key: &str, value: &str, by_variable| Configured {
        key: key.to_owned(),
        value: value.to_owned(),
        by_variable,
    };
    let settings = vec![told("listen", "127.0.0.1:7140", false), told("database", "•••", true)];
    house.runtime.runs_with(settings);
    let page = house.look(DAEMON).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    for words in ["SQLite", "127.0.0.1:7140", "переменная", "Плагинов отдельными", "Слушателей нет"]
    {
        assert!(page.text.contains(words), "{words}: {}", page.text);
    }
    let sent = send(&house, DAEMON, &[("_action", "mail"), ("to", "anna@example.org")]).await;
    assert_eq!(sent.status, StatusCode::OK, "{}", sent.text);
    assert!(sent.text.contains("Письмо на anna@example.org принято"), "{}", sent.text);
    for (to, why) in [("nowhere@example.org", "такого ящика нет"), ("никуда", "нужен один адрес")]
    {
        let refused = send(&house, DAEMON, &[("_action", "mail"), ("to", to)]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.text.contains(why) && refused.text.contains(to), "{}", refused.text);
    }
    let none = send(&house, DAEMON, &[("_action", "plugin"), ("plugin", "none")]).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    let none = send(&house, DAEMON, &[("_action", "redeliver"), ("listener", "none")]).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_listener_is_added_where_listeners_are_looked_at_and_its_secret_is_shown_once() {
    let house = House::new().await;
    let add = async |name: &str, url: &str| {
        let once = "0198c3a4-0000-7000-8000-000000000001";
        let form = [("_action", "listen"), ("_once", once), ("name", name), ("url", url)];
        house.act(DAEMON, &form, &[]).await
    };
    // The same is refused as by the contract, and what was typed stays.
    let wrong = add("Портал", "ftp://portal.example.org/x").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", wrong.text);
    for words in
        [">имя слушателя — от 1 до 40", "нужен адрес вида", "ftp:&#x2f;&#x2f;portal.example"]
    {
        assert!(wrong.text.contains(words), "{words}: {}", wrong.text);
    }
    assert!(house.runtime.store().listeners().await.unwrap().is_empty());
    let added = add("portal", "https://portal.example.org/vekha").await;
    assert_eq!(added.status, StatusCode::OK, "{}", added.text);
    assert!(added.text.contains("whsec_") && added.text.contains("«portal» добавлен"));
    let again = add("portal", "https://portal.example.org/vekha").await;
    assert_eq!(again.status, StatusCode::OK, "{}", again.text);
    assert!(!again.text.contains("whsec_") && again.text.contains("уже добавлен"));
    let all = house.runtime.store().listeners().await.unwrap();
    assert_eq!(all.len(), 1, "a second press of the button is the same request");
    let page = house.look(DAEMON).await;
    assert!(page.text.contains("portal.example.org") && !page.text.contains("whsec_"));
}

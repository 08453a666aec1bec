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

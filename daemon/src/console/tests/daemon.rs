//! The page of the daemon itself: what it runs with, and whether mail leaves.

use axum::http::StatusCode;

use super::House;
use super::actions::send;
use crate::runtime::configured::Configured;

const DAEMON: &str = "/daemon";
const LISTENER: &str = "/daemon/listeners/portal";

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

#[tokio::test]
async fn a_listener_is_told_what_is_ticked_is_disabled_and_enabled_and_goes_with_a_warning() {
    let house = House::new().await;
    let row = async || house.runtime.store().listener("portal").await.unwrap();
    let url = "https://portal.example.org/vekha?key=s3cret";
    let form = [("_action", "listen"), ("name", "portal"), ("url", url)];
    let ticked = [("municipality", "zarechny"), ("activities", "results"), ("kinds", "submitted")];
    let wrong = [&form[..], &ticked, &[("kinds", "submited")]].concat();
    let refused = send(&house, DAEMON, &wrong).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("может быть, submitted?"), "{}", refused.text);
    let checked = |value: &str| format!("value=\"{value}\" checked> <span>");
    for value in ["results", "submitted"] {
        assert!(refused.text.contains(&checked(value)), "what was ticked stays: {value}");
    }
    assert!(row().await.is_none());
    send(&house, DAEMON, &[&form[..], &ticked, &[("kinds", "decided")]].concat()).await;
    let added = row().await.unwrap();
    assert_eq!(added.municipality, "zarechny");
    assert_eq!(
        (added.activities(), added.kinds()),
        (vec!["results"], vec!["decided", "submitted"])
    );

    // Its page shows that, and the address without what others keep secrets in.
    let page = house.look(LISTENER).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    for value in ["results", "submitted", "decided"] {
        assert!(page.text.contains(&checked(value)), "{value}: {}", page.text);
    }
    assert!(page.text.contains("Получен ответ") && !page.text.contains("s3cret"), "{}", page.text);
    let etag = |text: &str| {
        let (_, rest) = text.split_once("name=\"_etag\" value=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    let seen = etag(&page.text);
    let print = page.text.split_once("name=\"_shown\" value=\"").unwrap().1;
    let print = print.split('"').next().unwrap();
    let shown = "https://portal.example.org/vekha";
    let save = [("_action", "save"), ("_etag", &seen), ("url", shown), ("kinds", "analyzed")];
    let saved = send(&house, LISTENER, &save).await;
    assert_eq!(saved.status, StatusCode::OK, "{}", saved.text);
    let now = row().await.unwrap();
    assert_eq!(
        (now.municipality.as_str(), now.activities(), now.kinds()),
        ("", vec![], vec!["analyzed"])
    );
    assert_eq!(now.url, url, "what was not shown is not lost");
    // Somebody else, whose page is older, adds a kind: both are shown, and what stays is in the form.
    let late = [
        ("_action", "save"),
        ("_etag", &seen),
        ("_shown", print),
        ("url", shown),
        ("municipality", "zarechny"),
        ("activities", "results"),
        ("kinds", "submitted"),
        ("kinds", "decided"),
        ("kinds", "run-opened"),
    ];
    let stale = send(&house, LISTENER, &late).await;
    assert_eq!(stale.status, StatusCode::CONFLICT, "{}", stale.text);
    assert!(stale.text.contains("Пока страница была открыта"), "{}", stale.text);
    for value in ["submitted", "decided", "run-opened"] {
        assert!(stale.text.contains(&checked(value)), "{value}: {}", stale.text);
    }
    assert!(!stale.text.contains(&checked("results")), "what only the other changed is taken");
    assert_eq!(row().await.unwrap().kinds(), vec!["analyzed"], "and nothing is written over");

    // Nothing is lost while it is disabled.
    for (action, disabled) in [("disable", true), ("enable", false)] {
        let done = send(&house, LISTENER, &[("_action", action)]).await;
        assert_eq!(done.status, StatusCode::OK, "{}", done.text);
        assert!(done.text.contains("class=\"notice good\" role=\"status\""), "{}", done.text);
        assert_eq!(row().await.unwrap().disabled, disabled);
    }
    let rotated = send(&house, LISTENER, &[("_action", "rotate")]).await;
    assert!(rotated.text.contains("whsec_"), "{}", rotated.text);
    assert_eq!(row().await.unwrap().rotated, 1);

    // What is lost with it is said before; the second press of the button finds it gone.
    house.answer("school-1", "38", "").await;
    let waiting = house.runtime.store().entries_after(now.cursor).await.unwrap();
    let page = house.look(LISTENER).await;
    assert!(
        waiting > 0 && page.text.contains(&format!("что его ждёт: {waiting} запис")),
        "{}",
        page.text
    );
    for _ in 0..2 {
        let gone = send(&house, LISTENER, &[("_action", "remove")]).await;
        assert_eq!(gone.status, StatusCode::SEE_OTHER, "{}", gone.text);
        assert_eq!(gone.headers["location"], "/daemon#listeners");
    }
    assert!(row().await.is_none());
    assert_eq!(house.look(LISTENER).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_listener_whose_activity_has_left_the_road_map_can_still_be_disabled() {
    let house = House::new().await;
    let form = [("_action", "listen"), ("name", "portal"), ("url", "https://portal.example.org/x")];
    send(&house, DAEMON, &[&form[..], &[("activities", "annual-report")]].concat()).await;
    let mut files = super::files();
    files.0.retain(|path, _| !path.contains("annual"));
    house.runtime.apply(files, "anna").await.unwrap();
    let page = house.look(LISTENER).await;
    assert!(page.text.contains("annual-report (такого больше нет)"), "{}", page.text);
    let done = send(&house, LISTENER, &[("_action", "disable")]).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text);
    let row = house.runtime.store().listener("portal").await.unwrap().unwrap();
    assert_eq!((row.disabled, row.activities()), (true, vec!["annual-report"]));
    // Others that are not there are not.
    let save = [("_action", "save"), ("activities", "annual-report"), ("activities", "nothing")];
    let refused = send(&house, LISTENER, &save).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("мероприятия «nothing» нет"), "{}", refused.text);
    assert!(!refused.text.contains("мероприятия «annual-report» нет"), "{}", refused.text);
}

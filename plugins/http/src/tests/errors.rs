//! What may get better is tried again, and what will not is not.

use axum::body::Body;
use vekha_plugin::{Health, Plugin, SourceError};

use super::server::{Server, answer, ok};
use super::{fetched, http, refused};

#[tokio::test]
async fn a_server_in_trouble_is_asked_again() {
    let server = Server::start(|before, _| match before {
        0 => answer(503, &[("retry-after", "0")], ""),
        1 => answer(429, &[], ""),
        _ => ok(r#"[{ "organisation": "school-1", "marks": 4 }]"#),
    })
    .await;
    let source = http(&server.url("/"), "");
    assert_eq!(fetched(&source).await.unwrap(), r#"school-1: {"marks":4}"#);
    assert_eq!(server.count(), 3);
}

#[tokio::test]
async fn attempts_come_to_an_end() {
    let server = Server::start(|_, _| answer(500, &[], "")).await;
    let failed = fetched(&http(&server.url("/?key=s3cret"), "attempts = 2")).await.unwrap_err();
    assert!(matches!(failed, SourceError::Failed(_)), "{failed:?}");
    assert_eq!(failed.to_string(), format!("{}: на сервере неполадка (код 500)", server.url("/")));
    assert_eq!(server.count(), 2);
}

#[tokio::test]
async fn a_server_that_wants_to_be_left_alone_is() {
    let server = Server::start(|_, _| answer(503, &[("retry-after", "3600")], "")).await;
    let failed = fetched(&http(&server.url("/"), "")).await.unwrap_err();
    assert!(matches!(failed, SourceError::Failed(_)), "{failed:?}");
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn a_mistake_of_ours_is_told_at_once() {
    let server = Server::start(|_, parts| {
        answer(parts.uri.path().trim_start_matches('/').parse().unwrap(), &[], "")
    })
    .await;
    for (at, (status, words)) in [
        (404, "по этому адресу ничего нет"),
        (401, "сервер не принял секрет"),
        (403, "не разрешает доступ"),
        (418, "сервер отклонил запрос (код 418)"),
        // It was not asked whether anything had changed.
        (304, "сервер ответил не данными"),
    ]
    .into_iter()
    .enumerate()
    {
        let why = refused(&http(&server.url(&format!("/{status}")), "")).await;
        assert!(why.contains(words), "{why}");
        assert_eq!(server.count(), at + 1);
    }
}

#[tokio::test]
async fn nobody_at_an_address_may_come_back() {
    let server = Server::start(|_, _| ok("[]")).await;
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", free.local_addr().unwrap());
    drop(free);
    let failed = fetched(&http(&url, "")).await.unwrap_err();
    assert!(matches!(&failed, SourceError::Failed(why) if why.contains("нет связи")), "{failed:?}");
    assert!(!http(&url, "").health().await.is_healthy());
    assert_eq!(http(&server.url("/{form}"), "").health().await, Health::Healthy);
    assert_eq!(server.path(), "/");
}

#[tokio::test]
async fn an_answer_that_is_too_big_is_not_read_to_its_end() {
    fn endless() -> Body {
        let megabyte = axum::body::Bytes::from(vec![b' '; 1 << 20]);
        let pieces = std::iter::repeat_with(move || Ok::<_, std::io::Error>(megabyte.clone()));
        Body::from_stream(futures::stream::iter(pieces))
    }
    let server = Server::start(|_, parts| match parts.uri.path() {
        "/endless" => answer(200, &[], endless()),
        "/claimed" => answer(200, &[("content-length", "3000000")], endless()),
        _ => answer(200, &[], format!("[{}]", " ".repeat((1 << 20) - 2))),
    })
    .await;
    for path in ["/endless", "/claimed"] {
        let why = refused(&http(&server.url(path), "max-megabytes = 1")).await;
        assert!(why.contains("ответ больше 1 МБ"), "{why}");
    }
    assert_eq!(server.count(), 2);
    let just_fits = fetched(&http(&server.url("/fits"), "max-megabytes = 1")).await;
    assert_eq!(just_fits.unwrap(), "");
}

#[tokio::test]
async fn health_asks_where_it_is_told() {
    let server = Server::start(|_, parts| match parts.uri.path() {
        "/well" => ok("well"),
        "/get-only" => answer(405, &[], ""),
        "/ill" => answer(500, &[], ""),
        _ => answer(404, &[], ""),
    })
    .await;
    for (path, well) in [("/well", true), ("/get-only", true), ("/ill", false), ("/no", false)] {
        let more = format!("health-url = \"{}\"", server.url(path));
        let health = http(&server.url("/data"), &more).health().await;
        assert_eq!(health.is_healthy(), well, "{path}: {health:?}");
    }
}

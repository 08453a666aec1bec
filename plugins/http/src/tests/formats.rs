//! What is asked, and what is understood of the answer.

use axum::http::header::{AUTHORIZATION, IF_MODIFIED_SINCE, IF_NONE_MATCH};

use super::server::{Server, answer, ok};
use super::{fetched, http, refused};

#[tokio::test]
async fn json_is_read_by_names_and_pointers() {
    let server = Server::start(|_, _| {
        ok(r#"{ "data": { "items": [
            { "org": { "code": "17" }, "count": { "total": 25 }, "marks": [{ "grade": 5 }] },
            { "org": { "code": 18 }, "count": { "total": "1,5" }, "marks": null },
            { "org": { "code": "of another town" } }
        ] } }"#)
    })
    .await;
    let source = http(
        &server.url("/{activity}/{form}?p={period}&m={municipality}"),
        r#"
        records = "/data/items"
        organisation = "/org/code"
        [codes]
        17 = "school-1"
        18 = "school-2"
        [fields]
        participants = "/count/total"
        "#,
    );
    assert_eq!(
        fetched(&source).await.unwrap(),
        r#"school-1: {"participants":25,"marks":[{"grade":5}]}; school-2: {"participants":"1,5"}"#
    );
    assert_eq!(server.path(), "/vpr/vpr-results?p=2026-27&m=zarechny");
    assert!(!server.headers(0).contains_key(AUTHORIZATION));
}

#[tokio::test]
async fn csv_is_read_whatever_its_separator_and_encoding() {
    let server = Server::start(|_, parts| {
        let text = "Код ОО;Участников;marks\r\nschool-1;10,5;\"5; 4\"\r\n\r\nschool-2;;\r\n";
        match parts.uri.path() {
            "/utf-8" => answer(200, &[], format!("\u{feff}{text}")),
            "/tabs" => answer(200, &[], text.replace(';', "\t").replace("5\t 4", "5; 4")),
            "/commas" => answer(200, &[], text.replace("10,5", "\"10,5\"").replace(';', ",")),
            _ => answer(200, &[], encoding_rs::WINDOWS_1251.encode(text).0.into_owned()),
        }
    })
    .await;
    for path in ["/utf-8", "/windows-1251", "/tabs", "/commas"] {
        let source = http(
            &server.url(path),
            "format = \"csv\"\norganisation = \"код ОО\"\n[fields]\nparticipants = \"участников\"",
        );
        let marks = if path == "/commas" { "5, 4" } else { "5; 4" };
        assert_eq!(
            fetched(&source).await.unwrap(),
            format!(r#"school-1: {{"participants":"10,5","marks":"{marks}"}}; school-2: {{}}"#),
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_other_system_is_told_who_asks() {
    let server = Server::start(|_, _| ok("[]")).await;
    for (auth, name, value) in [
        ("kind = \"bearer\"\nsecret = \"key\"", "authorization", "Bearer key"),
        ("kind = \"basic\"\nusername = \"u\"\nsecret = \"p\"", "authorization", "Basic dTpw"),
        ("kind = \"header\"\nheader = \"X-Api-Key\"\nsecret = \"key\"", "x-api-key", "key"),
    ] {
        let source = http(&server.url("/"), &format!("[auth]\n{auth}"));
        assert_eq!(fetched(&source).await.unwrap(), "");
        assert_eq!(server.headers(server.count() - 1)[name], value);
        assert!(!format!("{source:?}").contains("key\""), "{source:?}");
    }
}

#[tokio::test]
async fn what_has_not_changed_is_not_sent_again() {
    let server = Server::start(|_, parts| match parts.headers.get(IF_NONE_MATCH) {
        Some(tag) if tag == "\"v1\"" => answer(304, &[], ""),
        _ => {
            let headers = [("etag", "\"v1\""), ("last-modified", "Wed, 15 Sep 2027 07:00:00 GMT")];
            answer(200, &headers, r#"[{ "organisation": "school-1", "participants": 1 }]"#)
        }
    })
    .await;
    let source = http(&server.url("/"), "");
    let first = fetched(&source).await.unwrap();
    assert_eq!(first, r#"school-1: {"participants":1}"#);
    assert_eq!(fetched(&source).await.unwrap(), first);
    assert!(!server.headers(0).contains_key(IF_NONE_MATCH));
    assert_eq!(server.headers(1)[IF_MODIFIED_SINCE], "Wed, 15 Sep 2027 07:00:00 GMT");
    // Another request is another matter.
    let mut other = super::request();
    other.key.push_str("/2");
    vekha_plugin::Source::fetch(&source, &other).await.unwrap();
    assert!(!server.headers(2).contains_key(IF_NONE_MATCH));
}

#[tokio::test]
async fn an_answer_of_another_shape_is_refused_with_what_to_do() {
    let server = Server::start(|_, parts| {
        ok(match parts.uri.path() {
            "/html" => "<html>",
            "/object" => r#"{ "items": [] }"#,
            "/numbers" => "[1, 2]",
            "/nobody" => r#"[{ "code": "school-1" }]"#,
            "/nothing" => r#"[{ "organisation": "school-1", "count": 1 }]"#,
            "/twice" => {
                r#"[{ "organisation": "school-1", "marks": 1 },
                            { "organisation": "school-1", "marks": 2 }]"#
            }
            _ => {
                r#"[{ "organisation": "school-1", "marks": 1 }, { "organisation": "" },
                     { "organisation": "school-2" }]"#
            }
        })
    })
    .await;
    for (path, more, words) in [
        ("/html", "", "это не JSON (строка 1, знак 1)"),
        ("/object", "", "укажите в настройке records"),
        ("/object", "records = \"/data\"", "в ответе нет ничего по указателю /data"),
        ("/numbers", "", "запись 1: это не объект; запись 2: это не объект"),
        ("/nobody", "", "запись 1: нет кода организации («organisation»)"),
        ("/nothing", "", "нет ни одного нужного поля (participants, marks)"),
        ("/twice", "", "запись 2: вторая запись об организации «school-1»"),
        (
            "/some",
            "[fields]\nmarks = \"marks\"",
            "запись 2: нет кода организации («organisation»); запись 3: нет поля «marks»",
        ),
        ("/html", "format = \"csv\"", "в первой строке нет заголовка «organisation»"),
    ] {
        let why = refused(&http(&server.url(path), more)).await;
        assert!(why.contains(words), "{path}: {why}");
    }
}

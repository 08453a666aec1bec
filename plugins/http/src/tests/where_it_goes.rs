//! Where a request ends up: redirects, forbidden addresses, names that change their mind.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::header::AUTHORIZATION;

use super::server::{Server, answer, ok};
use super::{config, fetched, http, refused};
use crate::guard::{self, Guard, LookUp, LookedUp};
use crate::{Http, HttpConfig};

/// An address of this machine that the tests' guard forbids.
const FORBIDDEN: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// A source that takes 127.0.0.1 for the public internet, and nothing else of this machine.
fn guarded(url: &str, look_up: LookUp) -> Http {
    let guard = Guard::new(|address| address == IpAddr::V4(Ipv4Addr::LOCALHOST));
    Http::guarded(config(url, ""), guard, look_up).unwrap()
}

#[tokio::test]
async fn redirects_are_followed_a_few_times() {
    let server = Server::start(|_, parts| match parts.uri.path() {
        "/loop" => answer(302, &[("location", "/loop")], ""),
        "/a" => answer(301, &[("location", "/b?x=1")], ""),
        "/b" => answer(307, &[("location", "c#part")], ""),
        "/c" => ok(r#"[{ "organisation": "school-1", "marks": 4 }]"#),
        "/nowhere" => answer(302, &[], ""),
        "/file" => answer(302, &[("location", "file:///etc/passwd")], ""),
        _ => answer(302, &[("location", "//user:word@localhost/")], ""),
    })
    .await;
    let found = fetched(&http(&server.url("/a"), "")).await.unwrap();
    assert_eq!(found, r#"school-1: {"marks":4}"#);
    for (path, words) in [
        ("/loop", "больше 3 перенаправлений"),
        ("/nowhere", "неизвестно куда"),
        ("/file", "не начинается с https://"),
        ("/user", "с именем или паролем"),
    ] {
        let why = refused(&http(&server.url(path), "")).await;
        assert!(why.contains(words), "{why}");
    }
}

#[tokio::test]
async fn a_secret_stays_on_its_site() {
    let other = Server::start(|_, _| ok("[]")).await;
    // The location depends on a port that a plain function cannot know.
    let server = Server::start(|_, parts| {
        let location = parts.uri.query().unwrap_or_default();
        answer(302, &[("location", location)], "")
    })
    .await;
    let url = server.url(&format!("/?{}", other.url("/")));
    let source = http(&url, "[auth]\nkind = \"bearer\"\nsecret = \"key\"");
    fetched(&source).await.unwrap();
    assert!(server.headers(0).contains_key(AUTHORIZATION));
    assert!(!other.headers(0).contains_key(AUTHORIZATION));
}

#[tokio::test]
async fn a_redirect_to_a_forbidden_address_is_refused() {
    let inside = Server::start_at(FORBIDDEN, |_, _| ok("[]")).await;
    let server = Server::start(|_, parts| {
        let location = parts.uri.query().unwrap_or_default();
        answer(302, &[("location", location)], "")
    })
    .await;
    for target in [inside.url("/"), "http://[::ffff:10.0.0.1]/".into(), "http://2130706434/".into()]
    {
        let source = guarded(&server.url(&format!("/?{target}")), guard::system);
        let why = refused(&source).await;
        assert!(why.contains("не в открытом интернете"), "{why}");
    }
    assert_eq!((server.count(), inside.count()), (3, 0));
}

#[tokio::test]
async fn a_forbidden_address_is_a_mistake_of_the_configuration() {
    let server = Server::start(|_, _| ok("[]")).await;
    let config = HttpConfig { url: server.url("/"), ..HttpConfig::default() };
    let problems = Http::new(config).unwrap_err();
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].field, "url");
    assert!(problems[0].message.contains("allow-private = true"), "{}", problems[0]);
    assert_eq!(server.count(), 0);
}

#[tokio::test]
async fn a_name_that_leads_to_a_forbidden_address_is_refused() {
    let server = Server::start(|_, _| ok("[]")).await;
    let url = format!("http://localhost:{}/", server.address.port());
    let config = HttpConfig { url, ..HttpConfig::default() };
    let why = refused(&Http::new(config).unwrap()).await;
    assert!(why.contains("«localhost»") && why.contains("не в открытом интернете"), "{why}");
    assert_eq!(server.count(), 0);
}

#[tokio::test]
async fn a_name_that_changes_its_mind_is_refused() {
    fn rebinding(_: String) -> LookedUp {
        static LATER: AtomicBool = AtomicBool::new(false);
        let later = LATER.swap(true, Ordering::SeqCst);
        let address = if later { FORBIDDEN } else { Ipv4Addr::LOCALHOST.into() };
        Box::pin(async move { Ok(vec![SocketAddr::new(address, 0)]) })
    }
    let server = Server::start(|_, _| ok("[]")).await;
    let url = format!("http://school.example:{}/", server.address.port());
    let source = guarded(&url, rebinding);
    assert_eq!(fetched(&source).await.unwrap(), "");
    let why = refused(&source).await;
    assert!(why.contains("«school.example» (адрес 127.0.0.2)"), "{why}");
    assert_eq!(server.count(), 1);
}

//! The port as others reach it: by TLS, with certificates of their own, from pages of other sites, and
//! with packed messages.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, Method, StatusCode};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::Code;
use tonic::codec::CompressionEncoding;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Identity};
use vekha::settings::Settings;
use vekha_proto::v1::run_service_client::RunServiceClient;
use vekha_proto::v1::{ListRunsRequest, WatchRunsRequest};
use vekha_tests::authority::{Authority, Signed};
use vekha_tests::process::binary;
use vekha_tests::stranger::{Stranger, reason};
use vekha_tests::town::{self, Town};

const MORNING: &str = "2026-10-06T10:00";
const KEY: &str = "correct horse battery staple";

/// How long anything may take that must happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// A town whose port speaks TLS with a certificate of this authority, under a key.
async fn town(authority: &Authority, adapt: impl FnOnce(&mut Settings)) -> Town {
    Town::start_as(MORNING, |settings, folder: &Path| {
        let (certificate, key) = authority.for_daemon(2040).write(folder);
        settings.tls.certificate = Some(certificate);
        settings.tls.key = Some(key);
        settings.access.token = KEY.to_owned();
        settings.limits.patience.renewal = Duration::from_millis(20);
        adapt(settings);
    })
    .await
}

fn url(town: &Town) -> String {
    format!("https://localhost:{}", town.daemon.address.port())
}

/// A connection for calls, with a system's certificate or without.
async fn channel(town: &Town, authority: &Authority, system: Option<&Signed>) -> Channel {
    let mut tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(&authority.certificate))
        .domain_name("localhost");
    if let Some(system) = system {
        tls = tls.identity(Identity::from_pem(&system.certificate, &system.key));
    }
    let endpoint = Channel::from_shared(url(town)).unwrap().tls_config(tls).unwrap();
    endpoint.connect_lazy()
}

/// A browser that trusts this authority.
fn browser(authority: &Authority) -> Client {
    let root = reqwest::Certificate::from_pem(authority.certificate.as_bytes()).unwrap();
    Client::builder().tls_certs_only([root]).build().unwrap()
}

/// The certificate that the daemon shows.
async fn shown(town: &Town, authority: &Authority) -> CertificateDer<'static> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.certificate.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect(town.daemon.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].clone()
}

/// Asks until it is so.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let so = async {
        while !is_so().await {
            tokio::task::yield_now().await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, so).await.is_ok(), "{what}");
}

fn troubles(town: &Town) -> Vec<String> {
    let zone = jiff::tz::TimeZone::UTC;
    let of_port = town.daemon.runtime.troubles();
    let of_port = of_port.iter().filter(|trouble| trouble.kind() == "certificate-ends");
    of_port.map(|trouble| trouble.words(&zone)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn browsers_systems_and_the_command_line_reach_the_daemon_by_tls_and_nobody_without_it() {
    let authority = Authority::new("Центр");
    let town = town(&authority, |_| {}).await;
    town::ask_schools_as(channel(&town, &authority, None).await, KEY).await;
    town.settle().await;
    // Letters lead where people are answered.
    let link = town.letters_to("school-1")[0].link();
    assert!(link.starts_with(&format!("https://{}/a/", town.daemon.address)), "{link}");
    let page = browser(&authority).get(&link).send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    let signing_in = browser(&authority).get(format!("{}/sign-in", url(&town)));
    assert!(signing_in.send().await.unwrap().status().is_success());

    let mut vekha = tokio::process::Command::new(binary());
    let root = town.folder.path().join("root.pem");
    std::fs::write(&root, &authority.certificate).unwrap();
    let server = url(&town);
    vekha.env_clear().stdin(Stdio::null()).args(["--server", &server, "--token", KEY]);
    let plain = vekha.args(["status"]).output().await.unwrap();
    assert!(!plain.status.success(), "nobody trusts an authority that was not named");
    let said = String::from_utf8(plain.stderr).unwrap();
    assert!(said.contains("которого эта машина не знает") && said.contains("--ca"), "{said}");
    let named = vekha.env("VEKHA_CA", &root).output().await.unwrap();
    assert!(named.status.success(), "{}", String::from_utf8_lossy(&named.stderr));

    // Whoever goes astray is told where to go.
    let say = async |server: &str, ca: &str| {
        let mut vekha = tokio::process::Command::new(binary());
        vekha.env_clear().stdin(Stdio::null()).args(["--server", server, "--token", KEY]);
        vekha.args(["--ca", ca, "people", "list"]);
        let done = vekha.output().await.unwrap();
        assert!(!done.status.success(), "{server} {ca}");
        let said = String::from_utf8(done.stderr).unwrap();
        assert_eq!(said.lines().count(), 1, "{said}");
        said
    };
    let ca = root.display().to_string();
    let said = say(&server.replace("https://", "http://"), &ca).await;
    assert!(said.contains("говорит по TLS") && said.contains(&server), "{said}");
    let other = Authority::new("Другой центр");
    let foreign = other.for_daemon(2040);
    for (name, text, words) in [
        ("other.pem", other.certificate.as_str(), "выдал не тот удостоверяющий центр"),
        ("key.pem", foreign.key.as_str(), "закрытый ключ, а не сертификат"),
        ("empty.pem", "", "нет ни одного сертификата"),
        ("torn.pem", "-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n", "повреждён"),
    ] {
        let file = town.folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        let file = file.display().to_string();
        let said = say(&server, &file).await;
        assert!(said.contains(words) && said.contains(&file), "{name}: {said}");
    }
    let said = say(&server, "/nowhere/ca.pem").await;
    assert!(said.contains("не читается") && said.contains("/nowhere/ca.pem"), "{said}");
    let clear = Town::start_locked(MORNING, KEY).await;
    let said = say(&clear.url().replace("http://", "https://"), &ca).await;
    assert!(said.contains("говорит без TLS") && said.contains(&clear.url()), "{said}");

    // In the clear nothing is answered; and what is no greeting holds nobody up.
    let mut clear = TcpStream::connect(town.daemon.address).await.unwrap();
    clear.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    clear.read_to_end(&mut answer).await.ok();
    assert!(!String::from_utf8_lossy(&answer).contains("HTTP"), "{answer:?}");
    town.daemon.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_begins_tls_and_does_not_go_on_is_ended_and_others_are_served_meanwhile() {
    let authority = Authority::new("Центр");
    let town = town(&authority, |settings| {
        settings.limits.patience.headers = Duration::from_secs(2);
        settings.limits.connections = 64;
    })
    .await;
    let mut slow = Vec::new();
    // Nothing, half a greeting, one that promises more than comes.
    for text in [&b""[..], &[0x16, 0x03, 0x01], &[0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01]] {
        for _ in 0..10 {
            let mut stream = TcpStream::connect(town.daemon.address).await.unwrap();
            stream.write_all(text).await.unwrap();
            slow.push(stream);
        }
    }
    let page = browser(&authority).get(format!("{}/healthz", url(&town))).send().await.unwrap();
    assert_eq!(page.text().await.unwrap(), "ok");
    for stream in &mut slow {
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "a greeting that does not end is ended");
    }
    town.daemon.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewed_certificate_is_shown_without_a_restart_and_a_broken_one_leaves_the_one_before() {
    let authority = Authority::new("Центр");
    let town = town(&authority, |_| {}).await;
    let folder = town.folder.path();
    let first = shown(&town, &authority).await;
    assert_eq!(troubles(&town), [""; 0]);
    let client = browser(&authority);
    let asked = async || client.get(format!("{}/healthz", url(&town))).send().await.is_ok();
    assert!(asked().await);

    authority.for_daemon(2041).write(folder);
    until("the new one is shown", async || shown(&town, &authority).await != first).await;
    let second = shown(&town, &authority).await;
    // A connection that was made before goes on.
    assert!(asked().await);

    std::fs::write(folder.join("key.pem"), authority.for_daemon(2042).key).unwrap();
    until("another one's key is told", async || !troubles(&town).is_empty()).await;
    assert!(troubles(&town)[0].contains("не подходят"), "{:?}", troubles(&town));
    std::fs::write(folder.join("certificate.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n").unwrap();
    until("half a file is told", async || troubles(&town)[0].contains("certificate.pem")).await;
    assert_eq!(shown(&town, &authority).await, second);
    std::fs::remove_file(folder.join("key.pem")).unwrap();
    until("a missing file is told", async || troubles(&town)[0].contains("key.pem")).await;
    assert_eq!(shown(&town, &authority).await, second);

    // One that has ended takes no better one's place. By the daemon's clock it is October 2026.
    authority.for_daemon(2026).write(folder);
    until("an old one is told", async || {
        troubles(&town).first().is_some_and(|words| words.contains("уже истёк"))
    })
    .await;
    assert_eq!(shown(&town, &authority).await, second);

    // Ten days before its end, by the daemon's clock.
    authority.for_daemon(2027).write(folder);
    until("all is well again", async || troubles(&town).is_empty()).await;
    town.live_until("2026-12-10T10:00").await;
    assert_eq!(troubles(&town), [""; 0]);
    town.live_until("2026-12-22T10:00").await;
    assert!(troubles(&town)[0].contains("действует до 01.01.2027"), "{:?}", troubles(&town));
    town.live_until("2027-01-11T10:00").await;
    assert!(troubles(&town)[0].contains("истёк 01.01.2027"), "{:?}", troubles(&town));
    town.daemon.stop().await.unwrap();
}

/// Gives a token of this name to a system.
async fn token(all: &Stranger, name: &str, role: &str) -> Value {
    let roles = json!([{ "municipality": "municipalities/zarechny", "role": role }]);
    let token = json!({ "displayName": name, "roles": roles });
    all.call("TokenService.CreateToken", json!({ "token": token })).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_systems_certificate_stands_for_the_token_of_its_name_and_for_nothing_else() {
    let (authority, systems, others) =
        (Authority::new("Центр"), Authority::new("Системы"), Authority::new("Чужие"));
    let town = town(&authority, |settings| {
        let file = settings.secret_file.with_file_name("systems.pem");
        std::fs::write(&file, &systems.certificate).unwrap();
        settings.tls.clients = Some(file);
    })
    .await;
    let meet = async |system: Option<&Signed>| {
        Stranger::meet(channel(&town, &authority, system).await).await
    };
    let all = meet(None).await.with_authorization(&format!("Bearer {KEY}"));
    let list = json!({ "parent": "municipalities/zarechny/activities/-" });

    let certificate = systems.for_system(Some("sis.example.org"), "АИС «Контингент»");
    let system = meet(Some(&certificate)).await;
    let refused = system.call("RunService.ListRuns", list.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    assert_eq!(reason(&refused), "CERTIFICATE_UNKNOWN");
    assert!(refused.message().contains("«sis.example.org»"), "{}", refused.message());
    let made = token(&all, "sis.example.org", "ROLE_VIEWER").await;
    system.call("RunService.ListRuns", list.clone()).await.unwrap();
    let who = system.call("AccessService.GetIdentity", json!({})).await.unwrap();
    assert!(who.to_string().contains("sis.example.org"), "{who}");
    // What the token may not, the certificate may not.
    let named = json!({ "parent": "municipalities/zarechny/activities/vpr", "period": "2026-27" });
    let denied = system.call("RunService.StartRun", named).await.unwrap_err();
    assert_eq!(denied.code(), Code::PermissionDenied, "{}", denied.message());

    // A name in the subject counts where there is no other; one beside a better one does not.
    token(&all, "Учёт", "ROLE_VIEWER").await;
    let by_subject = meet(Some(&systems.for_system(None, "Учёт"))).await;
    by_subject.call("RunService.ListRuns", list.clone()).await.unwrap();
    let beside = meet(Some(&systems.for_system(Some("other.example.org"), "Учёт"))).await;
    let refused = beside.call("RunService.ListRuns", list.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    // A wrong key is a wrong key, whatever certificate is beside it.
    let both = system.clone().with_authorization("Bearer vekha_0000");
    let refused = both.call("RunService.ListRuns", list.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    // Somebody else's authority opens not even the connection.
    let foreign = others.for_system(Some("sis.example.org"), "АИС");
    let mut runs = RunServiceClient::new(channel(&town, &authority, Some(&foreign)).await);
    let refused = runs.list_runs(ListRunsRequest::default()).await.unwrap_err();
    assert!(std::error::Error::source(&refused).is_some(), "no answer of the daemon: {refused:?}");
    // A browser shows none, and is not asked for one.
    let page = browser(&authority).get(format!("{}/sign-in", url(&town))).send().await.unwrap();
    assert!(page.status().is_success());

    // Who is watching when the token is revoked is told so.
    let mut runs = RunServiceClient::new(channel(&town, &authority, Some(&certificate)).await);
    let parent = "municipalities/zarechny/activities/-".to_owned();
    let watched = runs.watch_runs(WatchRunsRequest { parent, ..Default::default() }).await;
    let mut watched = watched.unwrap().into_inner();
    let name = made["name"].as_str().unwrap();
    all.call("TokenService.RevokeToken", json!({ "name": name })).await.unwrap();
    let ended = async {
        while watched.message().await?.is_some() {}
        Ok::<(), tonic::Status>(())
    };
    let ended = tokio::time::timeout(PATIENCE, ended).await.expect("the watch ends");
    assert_eq!(ended.unwrap_err().code(), Code::Unauthenticated);
    let refused = system.call("RunService.ListRuns", list).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    town.daemon.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_sites_that_the_settings_name_may_call_and_those_of_others_may_not() {
    let portal = "https://portal.example.org";
    let town = Town::start_as(MORNING, |settings, _: &Path| {
        settings.access.token = KEY.to_owned();
        settings.access.origins = vec![portal.to_owned()];
    })
    .await;
    let client = Client::new();
    let call = format!("{}/vekha.v1.RunService/ListRuns", town.url());
    let ask = async |origin: &str| {
        let asked = client.request(Method::OPTIONS, &call).header("origin", origin);
        let asked = asked.header("access-control-request-method", "POST");
        let wanted = "authorization,content-type,x-grpc-web,grpc-timeout";
        asked.header("access-control-request-headers", wanted).send().await.unwrap()
    };
    let post = async |origin: &str, key: &str| {
        let called = client.post(&call).header("origin", origin);
        let called = called.header("content-type", "application/grpc-web+proto");
        let called = called.header("authorization", format!("Bearer {key}"));
        called.body(vec![0; 5]).send().await.unwrap()
    };
    let may = |answer: &reqwest::Response| {
        let allowed = answer.headers().get("access-control-allow-origin");
        allowed.map(|origin| origin.to_str().unwrap().to_owned())
    };
    let asked = ask(portal).await;
    assert!(asked.status().is_success(), "{}", asked.status());
    assert_eq!(may(&asked).as_deref(), Some(portal));
    let headers = asked.headers()["access-control-allow-headers"].to_str().unwrap();
    assert!(headers.contains("authorization") && headers.contains("x-grpc-web"), "{headers}");
    assert_eq!(asked.headers()["access-control-allow-methods"], "POST");
    assert!(!asked.headers().contains_key("access-control-allow-credentials"), "no cookie counts");
    let called = post(portal, KEY).await;
    assert_eq!(may(&called).as_deref(), Some(portal));
    let told = called.headers()["access-control-expose-headers"].to_str().unwrap();
    assert!(told.contains("grpc-status-details-bin"), "{told}");
    // A page reads why it was refused, too.
    let refused = post(portal, "wrong").await;
    assert_eq!(refused.headers()["grpc-status"], (Code::Unauthenticated as i32).to_string());
    assert_eq!(may(&refused).as_deref(), Some(portal));
    for other in ["https://evil.example", "https://portal.example.org.evil.example", "null"] {
        assert_eq!(may(&ask(other).await), None, "{other}");
        assert_eq!(may(&post(other, KEY).await), None, "{other}");
    }
    // Pages of the console are nobody else's, whatever is named.
    let page = client.get(format!("{}/sign-in", town.url())).header("origin", portal);
    assert_eq!(may(&page.send().await.unwrap()), None);
    town.daemon.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_go_packed_both_ways_to_whoever_says_so_and_are_looked_into_all_the_same() {
    let town = Town::start_locked(MORNING, KEY).await;
    town::ask_schools_as(town.channel().await, KEY).await;
    let all = Stranger::meet(town.channel().await).await;
    let all = all.with_authorization(&format!("Bearer {KEY}"));
    let made = token(&all, "Система", "ROLE_VIEWER").await;
    let secret = made["secret"].as_str().unwrap().to_owned();
    let asked = |parent: &str| {
        let mut request = tonic::Request::new(ListRunsRequest {
            parent: parent.to_owned(),
            ..Default::default()
        });
        let key = format!("Bearer {secret}").parse().unwrap();
        request.metadata_mut().insert("authorization", key);
        request
    };
    let mut packed = RunServiceClient::new(town.channel().await)
        .send_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Gzip);
    // What the request names is read out of the packed message: this is what the token may see, and
    // that is not.
    let answer = packed.list_runs(asked("municipalities/zarechny/activities/-")).await.unwrap();
    assert_eq!(answer.metadata().get("grpc-encoding").unwrap(), "gzip");
    let mut plain = RunServiceClient::new(town.channel().await);
    let same = plain.list_runs(asked("municipalities/zarechny/activities/-")).await.unwrap();
    assert!(same.metadata().get("grpc-encoding").is_none());
    assert_eq!(answer.into_inner(), same.into_inner());
    let denied = packed.list_runs(asked("municipalities/other/activities/-")).await.unwrap_err();
    assert_eq!(denied.code(), Code::PermissionDenied, "{denied:?}");
    // However small it was made, a message is as large as it is.
    let large = "a".repeat(64 << 20);
    let refused = packed.list_runs(asked(&large)).await.unwrap_err();
    assert_ne!(refused.code(), Code::Ok);
    let again = packed.list_runs(asked("municipalities/zarechny/activities/-")).await;
    again.expect("and nobody is the worse for it");
    town.daemon.stop().await.unwrap();
}

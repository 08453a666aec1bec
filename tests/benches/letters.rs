//! Letters per second: the first ones of a run and its reminders, each rendered, judged, claimed and
//! settled on SQLite, into memory and to a mail server on loopback. The mark is 500 a second whatever
//! the size of the run; whether it grows with the run shows in the lines below each other.
//!
//! `VEKHA_BENCH_SCHOOLS=100,1000` asks for other sizes.

#![allow(clippy::print_stdout)]

use std::sync::Arc;
use std::time::Instant;

use tempfile::TempDir;
use vekha::clock::Clock;
use vekha::runtime::committer::Task;
use vekha::runtime::integrations::Integrations;
use vekha::runtime::{Ask, Parts, Runtime};
use vekha::secret::Secret;
use vekha::store::Store;
use vekha::store::read::{Filter, Page};
use vekha_engine::Why;
use vekha_plugin::{Address, Notifier};
use vekha_plugin_mail::{Mail, MailConfig, Tls, Transport};
use vekha_plugin_site::{Site, SiteConfig};
use vekha_tests::letterbox::Letterbox;
use vekha_tests::small::{self, survey_run};
use vekha_tests::smtp::SmtpServer;
use vekha_tests::town::instant;

fn sizes() -> Vec<usize> {
    let named = std::env::var("VEKHA_BENCH_SCHOOLS").unwrap_or_else(|_| "100,1000,3000".into());
    named.split(',').filter_map(|size| size.trim().parse().ok()).collect()
}

/// Sends all that waits. Returns letters per second.
async fn send(runtime: &Runtime, sent_before: usize) -> (usize, f64) {
    runtime.settle_runs().await.expect("the database works");
    let begun = Instant::now();
    runtime.settle().await.expect("the database works");
    let seconds = begun.elapsed().as_secs_f64();
    let wanted = Filter { state: Some("sent".into()), ..Filter::default() };
    let sent = runtime.store().list_messages(&wanted, &Page::all()).await.expect("to read").len();
    (sent, (sent - sent_before) as f64 / seconds)
}

async fn measure(schools: usize, to: &str, notifier: Arc<dyn Notifier>) {
    let folder = TempDir::new().expect("a folder");
    let url = format!("sqlite:{}", folder.path().join("vekha.db").display());
    let clock = Clock::manual(instant("2027-03-01T10:00"));
    let site = SiteConfig { folder: folder.path().join("site"), url: None };
    let runtime = Runtime::start(Parts {
        store: Store::open(&url, Secret::from_bytes([7; 32])).await.expect("a database"),
        clock: clock.clone(),
        integrations: Integrations::new(
            notifier,
            Arc::new(Site::new(site).expect("a site")),
            vekha_tests::base::listeners(),
        ),
        public_url: "http://localhost".into(),
    })
    .await
    .expect("a runtime");
    runtime.apply(small::files_of(schools), "bench").await.expect("a road map");
    let open = Ask::Open { named: vec![], why: Why::Request, without_waiting: false };
    runtime.ask(Task::new(survey_run("a"), open, "bench")).await.expect("a run");
    let (sent, first) = send(&runtime, 0).await;
    assert_eq!(sent, schools);
    // The day on which the answer is due.
    clock.set(instant("2027-03-16T10:00"));
    let (all, reminders) = send(&runtime, sent).await;
    assert!(all >= 2 * schools, "{all}");
    println!(
        "{to:8} {schools:5} schools: {first:6.0} first letters/s, {reminders:6.0} reminders/s"
    );
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        rustls::crypto::ring::default_provider().install_default().ok();
        for schools in sizes() {
            measure(schools, "memory", Arc::new(Letterbox::default())).await;
        }
        for schools in sizes() {
            let server = SmtpServer::start().await;
            let config = MailConfig {
                transport: Transport::Smtp,
                from: Address::new("Отдел", "vekha@example.org"),
                host: Some("127.0.0.1".into()),
                port: Some(server.port()),
                tls: Tls::None,
                ..MailConfig::default()
            };
            measure(schools, "smtp", Arc::new(Mail::new(config).expect("a mail plugin"))).await;
        }
    });
}

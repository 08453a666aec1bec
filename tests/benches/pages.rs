//! A school's page under load: how long a form of 200 fields takes with 50 schools at once, and how
//! many answers a minute are accepted, through real HTTP over loopback into SQLite on a disk. The
//! schools' browsers run on the same cores as the daemon, so what is printed is a lower bound.
//!
//! `VEKHA_BENCH_PAGES` and `VEKHA_BENCH_ANSWERS` ask for more or fewer.

#![allow(clippy::print_stdout)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use vekha_proto::v1;
use vekha_proto::v1::assignment_service_client::AssignmentServiceClient;
use vekha_proto::v1::run_service_client::RunServiceClient;
use vekha_tests::small;
use vekha_tests::town::Town;

/// Fields of the form.
const FIELDS: usize = 200;

/// Schools at their pages at the same time.
const AT_ONCE: usize = 50;

/// Schools in all.
const SCHOOLS: usize = 100;

const RUN: &str = "municipalities/m/activities/survey/runs/2027.load";

fn number(variable: &str, otherwise: usize) -> usize {
    std::env::var(variable).ok().and_then(|n| n.parse().ok()).unwrap_or(otherwise)
}

/// The small road map with many schools and a long form.
async fn town() -> Town {
    Town::start_as("2027-03-01T10:00", |settings, folder| {
        let mut files = small::files();
        let organisations = files.0.get_mut("organisations.toml").expect("the registry");
        for n in 2..=SCHOOLS {
            organisations.push_str(&format!(
                "\n[[organisation]]\ncode = \"school-{n}\"\nkind = \"school\"\n\
                 name = \"Школа № {n}\"\nemail = \"school-{n}@example.org\"\n"
            ));
        }
        let form = files.0.get_mut("forms/sums.toml").expect("the form");
        for n in 2..FIELDS {
            form.push_str(&format!(
                "\n[[field]]\nid = \"f{n}\"\nlabel = \"Показатель {n}\"\ntype = \"integer\"\n\
                 unit = \"чел.\"\nmin = 0\nmax = 5000\n"
            ));
        }
        let own = folder.join("road-map");
        for (path, text) in &files.0 {
            let path = own.join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("to create");
            std::fs::write(path, text).expect("to write");
        }
        settings.road_maps = vec![own];
    })
    .await
}

async fn links(town: &Town) -> Vec<String> {
    let request = v1::StartRunRequest {
        parent: "municipalities/m/activities/survey".into(),
        period: "2027".into(),
        part: "load".into(),
        ..Default::default()
    };
    let channel = town.channel().await;
    RunServiceClient::new(channel.clone()).start_run(request).await.expect("a run");
    let request = v1::ListAssignmentsRequest {
        parent: RUN.into(),
        page_size: 1000,
        show_link: true,
        ..Default::default()
    };
    let list = AssignmentServiceClient::new(channel).list_assignments(request).await;
    list.expect("assignments").into_inner().assignments.into_iter().map(|a| a.link).collect()
}

/// Asks so often, always so many in the same moment; returns how long each took, sorted.
async fn open(http: &reqwest::Client, links: &[String], pages: usize) -> Vec<Duration> {
    let visit = |n: usize| async move {
        let begun = Instant::now();
        let page = http.get(&links[n % links.len()]).send().await.expect("an answer");
        assert!(page.status().is_success());
        let text = page.text().await.expect("a page");
        assert!(text.contains("name=\"f199\""));
        begun.elapsed()
    };
    let mut took = Vec::with_capacity(pages);
    let all: Vec<usize> = (0..pages).collect();
    for together in all.chunks(AT_ONCE) {
        took.extend(join_all(together.iter().map(|n| visit(*n))).await);
    }
    took.sort();
    took
}

async fn answer(http: &reqwest::Client, links: &[String], answers: usize) -> Duration {
    let next = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let begun = Instant::now();
    let schools = (0..AT_ONCE).map(|_| {
        let next = next.clone();
        async move {
            loop {
                let n = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                if n >= answers {
                    return;
                }
                let mut pairs = vec![("pupils".to_owned(), "60".to_owned())];
                pairs.push(("low".to_owned(), (n % 60).to_string()));
                pairs.extend((2..FIELDS).map(|f| (format!("f{f}"), (n % 1000).to_string())));
                let sent = http.post(&links[n % links.len()]).form(&pairs).send().await;
                let sent = sent.expect("an answer");
                assert!(sent.status().is_redirection(), "{}", sent.status());
            }
        }
    });
    join_all(schools).await;
    begun.elapsed()
}

#[tokio::main]
async fn main() {
    let (pages, answers) = (number("VEKHA_BENCH_PAGES", 5000), number("VEKHA_BENCH_ANSWERS", 4000));
    let town = town().await;
    let links = links(&town).await;
    let stay = reqwest::redirect::Policy::none();
    let http = reqwest::Client::builder().redirect(stay).build().expect("a browser");
    // One is left out, so that the collection stays open however often the others answer.
    let links = &links[1..];
    open(&http, links, 200).await;
    let alone = {
        let mut took = Vec::new();
        for n in 0..200 {
            took.extend(open(&http, &links[n % links.len()..][..1], 1).await);
        }
        took.sort();
        took
    };
    let took = open(&http, links, pages).await;
    let at = |took: &[Duration], share: f64| {
        took[((took.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0
    };
    println!("a form of {FIELDS} fields, ms              median     95 %     99 %");
    for (who, took) in [("one school", &alone), ("50 schools at once", &took)] {
        let [median, most, nearly] = [0.5, 0.95, 0.99].map(|share| at(took, share));
        println!("{who:<38} {median:8.1} {most:8.1} {nearly:8.1}");
    }
    let seconds = answer(&http, links, answers).await.as_secs_f64();
    let mut kept = 0;
    let request =
        v1::ListAssignmentsRequest { parent: RUN.into(), page_size: 1000, ..Default::default() };
    let list = AssignmentServiceClient::new(town.channel().await).list_assignments(request).await;
    for assignment in list.expect("assignments").into_inner().assignments {
        kept += assignment.version as usize;
    }
    assert_eq!(kept, answers, "nothing is lost");
    println!(
        "\n{answers} answers of {FIELDS} fields in {seconds:.1} s: {:.0} a minute, all of them kept",
        answers as f64 * 60.0 / seconds
    );
}

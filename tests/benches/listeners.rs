//! Entries per second that a listener is told which waits far behind: by webhook, signed and answered on
//! loopback, each settled on SQLite; and what the daemon holds meanwhile. The mark is 500 a second, and
//! memory that does not grow with what waits.
//!
//! `VEKHA_BENCH_ENTRIES=1000,10000` asks for other sizes.

#![allow(clippy::print_stdout)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use sea_orm::ConnectionTrait as _;
use vekha::access::{Identity, Role, Roles, Who};
use vekha::clock::Clock;
use vekha::runtime::acts::access::Asker;
use vekha::runtime::acts::listeners::Wishes;
use vekha_tests::base::{Base, end};
use vekha_tests::town::instant;

/// Bytes of an entry's facts: an answer of some questions.
const FACTS: usize = 1 << 10;

/// What the process holds, in kilobytes: now, and at most so far.
fn held() -> [usize; 2] {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    ["VmRSS:", "VmHWM:"].map(|name| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
        line.trim().trim_end_matches(" kB").trim().parse().expect("a number")
    })
}

/// A receiver that takes everything and keeps nothing.
async fn sink() -> (String, Arc<AtomicUsize>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    let taken = Arc::new(AtomicUsize::new(0));
    let counted = taken.clone();
    let app = Router::new().fallback(move |_: Bytes| {
        counted.fetch_add(1, Ordering::Relaxed);
        async { StatusCode::NO_CONTENT }
    });
    tokio::spawn(async move { axum::serve(listener, app).await.expect("to serve") });
    (url, taken)
}

async fn measure(entries: usize) {
    let base = Base::sqlite();
    let clock = Clock::manual(instant("2027-03-01T10:00"));
    let (runtime, _) = base.daemon(&clock).await;
    let beside = base.beside().await;
    let fill = format!(
        "INSERT INTO journal (run, sequence, at, actor, kind, data, road_map, hash)
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {entries})
         SELECT 'm/survey/2027.a', i, 0, 'bench', 'submitted',
            '{{\"much\":\"' || hex(zeroblob({})) || '\"}}', 1, hex(randomblob(32)) FROM n",
        FACTS / 2
    );
    beside.execute_unprepared(&fill).await.expect("to fill");
    beside.close().await.expect("to close");
    let (url, taken) = sink().await;
    let identity = Identity { who: Who::Anyone, roles: Roles::everywhere(Role::Administrator) };
    let by = Asker {
        identity: &identity,
        actor: "bench",
        request: None,
        etag: "",
        validate_only: false,
    };
    let wishes = Wishes { url, ..Wishes::default() };
    runtime.add_listener(&by, "sink", wishes, Some(0)).await.expect("a listener");
    let [before, _] = held();
    let begun = Instant::now();
    runtime.settle().await.expect("the database works");
    let seconds = begun.elapsed().as_secs_f64();
    let [after, most] = held();
    assert_eq!(taken.load(Ordering::Relaxed), entries, "once each");
    println!(
        "{entries:6} entries: {:6.0}/s, {:4} MB before, {:4} MB after, {:4} MB at most so far",
        entries as f64 / seconds,
        before >> 10,
        after >> 10,
        most >> 10
    );
    end(runtime).await;
}

fn main() {
    let named = std::env::var("VEKHA_BENCH_ENTRIES").unwrap_or_else(|_| "1000,10000".into());
    let sizes = named.split(',').filter_map(|size| size.trim().parse::<usize>().ok());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        for entries in sizes {
            measure(entries).await;
        }
    });
}

//! Watchers who are gone, and watchers who take nothing, over real sockets to the real daemon.

#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait as _, Database};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Streaming};
use vekha::clock::Clock;
use vekha::server::Daemon;
use vekha_proto::v1::journal_service_client::JournalServiceClient;
use vekha_proto::v1::{JournalEntry, WatchEntriesRequest};
use vekha_tests::database;
use vekha_tests::smtp::SmtpServer;
use vekha_tests::town::{self, Town};

/// How long anything may take that must happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// A wire that forwards to the daemon until it is cut: then nothing goes over it any more, and neither
/// end is told.
struct Wire {
    address: SocketAddr,
    cut: watch::Sender<bool>,
    /// Comes once the daemon has let its end go.
    let_go: oneshot::Receiver<()>,
}

async fn wire(daemon: SocketAddr) -> Wire {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (cut, is_cut) = watch::channel(false);
    let (gone, let_go) = oneshot::channel();
    tokio::spawn(async move {
        let (client, _) = listener.accept().await.unwrap();
        let server = TcpStream::connect(daemon).await.unwrap();
        let (mut client_in, mut client_out) = client.into_split();
        let (mut server_in, mut server_out) = server.into_split();
        let mut cut_there = is_cut.clone();
        let there = tokio::spawn(async move {
            tokio::select! {
                _ = tokio::io::copy(&mut client_in, &mut server_out) => {}
                _ = cut_there.wait_for(|cut| *cut) => {}
            }
            // Nobody says that it is over.
            (client_in, server_out)
        });
        let mut buffer = vec![0; 64 << 10];
        // What comes after the cut is taken from the daemon, so that only silence tells it.
        while let Ok(count @ 1..) = server_in.read(&mut buffer).await {
            if !*is_cut.borrow() && client_out.write_all(&buffer[..count]).await.is_err() {
                break;
            }
        }
        gone.send(()).ok();
        drop(there.await);
    });
    Wire { address, cut, let_go }
}

async fn channel(address: SocketAddr) -> Channel {
    Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap()
}

/// All entries of the town from the first one on, as they come.
async fn watched(channel: Channel) -> Streaming<JournalEntry> {
    let request = WatchEntriesRequest {
        parent: "municipalities/zarechny".into(),
        after_cursor: Some(0),
        ..WatchEntriesRequest::default()
    };
    let mut journal = JournalServiceClient::new(channel).max_decoding_message_size(64 << 20);
    journal.watch_entries(request).await.unwrap().into_inner()
}

async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it happens in time")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watcher_whose_machine_is_gone_is_let_go_and_one_who_is_there_is_kept() {
    let town = Town::start_as("2026-10-06T10:00", |settings, _: &Path| {
        settings.limits.patience.ping = Duration::from_millis(200);
    })
    .await;
    town::ask_schools(town.channel().await).await;
    let Wire { address, cut, mut let_go } = wire(town.daemon.address).await;
    let mut gone = watched(channel(address).await).await;
    let mut there = watched(channel(town.daemon.address).await).await;
    for watcher in [&mut gone, &mut there] {
        assert!(in_time(watcher.message()).await.unwrap().is_some());
    }
    assert!(let_go.try_recv().is_err(), "who answers is kept");

    let begun = Instant::now();
    cut.send_replace(true);
    in_time(let_go).await.unwrap();
    let took = begun.elapsed();
    // A question and its answer's time, with room for a busy machine.
    assert!(took < Duration::from_secs(5), "{took:?}");

    // Many questions later the other still hears what happens.
    town.settle().await;
    let mut last = 0;
    let newest = town.daemon.runtime.store().newest_entry().await.unwrap().unwrap().cursor;
    while last < newest {
        last = in_time(there.message()).await.unwrap().unwrap().cursor;
    }
    town.daemon.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watcher_goes_on_where_it_was_over_a_restart_and_at_another_daemon_of_the_database() {
    let database = database::postgres().await;
    let (folder, mail) = (TempDir::new().unwrap(), SmtpServer::start().await);
    let clock = Clock::manual(town::instant("2026-10-06T10:00"));
    let start = async || {
        let settings = town::settings(&folder, database.clone(), mail.port());
        Daemon::start_at(settings, Some(clock.clone())).await.unwrap()
    };
    let after = async |daemon: &Daemon, cursor: i64| {
        let request = WatchEntriesRequest {
            parent: "municipalities/zarechny".into(),
            after_cursor: Some(cursor),
            ..WatchEntriesRequest::default()
        };
        let channel = channel(daemon.address).await;
        let mut journal = JournalServiceClient::new(channel).max_decoding_message_size(64 << 20);
        journal.watch_entries(request).await.unwrap().into_inner()
    };
    let (one, other) = (start().await, start().await);
    one.runtime.settle().await.unwrap();
    let mut seen = Vec::new();
    let mut watcher = after(&one, 0).await;
    town::ask_schools(channel(one.address).await).await;
    while seen.len() < 3 {
        seen.push(in_time(watcher.message()).await.unwrap().unwrap().cursor);
    }
    // The daemon ends: the watcher is told within a second, whatever it has still to be told.
    let begun = Instant::now();
    let stopping = tokio::spawn(one.stop());
    let status = loop {
        match in_time(watcher.message()).await {
            Ok(Some(entry)) => seen.push(entry.cursor),
            Ok(None) => panic!("it ends without a word"),
            Err(status) => break status,
        }
    };
    assert_eq!(status.code(), Code::Unavailable);
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    in_time(stopping).await.unwrap().unwrap();
    // It goes on at the other one, and hears there what a third one does.
    let mut watcher = after(&other, *seen.last().unwrap()).await;
    let third = start().await;
    in_time(third.runtime.settle()).await.unwrap();
    in_time(other.runtime.settle()).await.unwrap();
    let all = other.runtime.store().journal(None, 0, 10_000).await.unwrap();
    while seen.last() < all.last().map(|entry| &entry.cursor) {
        seen.push(in_time(watcher.message()).await.unwrap().unwrap().cursor);
    }
    assert_eq!(seen, all.iter().map(|entry| entry.cursor).collect::<Vec<_>>());
    for daemon in [other, third] {
        in_time(daemon.stop()).await.unwrap();
    }
}

/// How many entries there are to watch, and of how many bytes each tells.
const MANY: usize = 4_000;
const LARGE: usize = 16 << 10;

/// What the process holds, in bytes.
fn held() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<usize>().unwrap() << 10
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watcher_who_takes_nothing_costs_little_and_holds_up_no_end() {
    let mut database = String::new();
    let town = Town::start_as("2026-10-06T10:00", |settings, _: &Path| {
        database.clone_from(&settings.database);
    })
    .await;
    // More than anybody could keep for watchers.
    let beside = Database::connect(&database).await.unwrap();
    let fill = format!(
        "INSERT INTO journal (run, sequence, at, actor, kind, data, road_map, hash)
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {MANY})
         SELECT 'zarechny/low-result-schools', i, 0, 'test', 'test',
            '{{\"much\":\"' || hex(zeroblob({})) || '\"}}', 1, '' FROM n",
        LARGE / 2
    );
    beside.execute_unprepared(&fill).await.unwrap();
    beside.close().await.unwrap();

    let before = held();
    let mut silent = Vec::new();
    for _ in 0..8 {
        silent.push(watched(channel(town.daemon.address).await).await);
    }
    // One who takes all shows that the others had their turns, too.
    let mut eager = watched(channel(town.daemon.address).await).await;
    let mut seen = 0;
    while seen < MANY {
        seen += usize::from(in_time(eager.message()).await.unwrap().unwrap().kind == "test");
    }
    let grown = held().saturating_sub(before);
    let all = 8 * MANY * LARGE;
    assert!(grown < all / 4, "{} MB for 8 who take nothing", grown >> 20);

    // One begins to take when the daemon is to end, the others never do.
    let mut late = silent.pop().unwrap();
    let mut ending = town.daemon.runtime.ending();
    let last = tokio::spawn(async move {
        ending.wait_for(|ending| *ending).await.unwrap();
        loop {
            match late.message().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("it ends without a word"),
                Err(status) => return status,
            }
        }
    });
    let begun = Instant::now();
    in_time(town.daemon.stop()).await.unwrap();
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(6), "{took:?}");
    assert_eq!(in_time(last).await.unwrap().code(), Code::Unavailable);
    for mut watcher in silent {
        // It ends for them as well, once they look.
        while in_time(watcher.message()).await.is_ok_and(|entry| entry.is_some()) {}
    }
}

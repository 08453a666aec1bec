//! What comes in at the port is bounded: whoever sends too much, too slowly or too often harms
//! nobody else, and it passes by itself. Over real connections to the real daemon.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Command;
use vekha::settings::Settings;
use vekha_tests::school::School;
use vekha_tests::town::{self, Town};

/// How long anything may take that must happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the tests' browsers send at a time.
const PIECE: usize = 64 << 10;

async fn town(adapt: impl FnOnce(&mut Settings)) -> Town {
    Town::start_as("2026-10-06T10:00", |settings, _: &Path| adapt(settings)).await
}

/// Starts activity 29; the path of school 1's link.
async fn link(town: &Town) -> String {
    town::ask_schools(town.channel().await).await;
    town.settle().await;
    let link = town.letters_to("school-1")[0].link();
    link[link.find("/a/").unwrap()..].to_owned()
}

/// A connection on which this was sent.
async fn say(town: &Town, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(town.daemon.address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

/// The head of a post of a form with a file.
fn post(path: &str, length: usize) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\
         Content-Type: multipart/form-data; boundary=x\r\n\r\n\
         --x\r\nContent-Disposition: form-data; name=\"procedures\"; filename=\"a.pdf\"\r\n\r\n"
    )
}

/// The answer as far as it comes until the connection is silent or ends.
async fn answer(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let mut buffer = vec![0; PIECE];
    let read = async {
        loop {
            match stream.read(&mut buffer).await {
                Ok(0) | Err(_) => break,
                Ok(count) => answer.extend_from_slice(&buffer[..count]),
            }
            if String::from_utf8_lossy(&answer).contains("</html>") {
                break;
            }
        }
    };
    tokio::time::timeout(PATIENCE, read).await.expect("an answer, or an end");
    String::from_utf8_lossy(&answer).into_owned()
}

/// Sends as many bytes, or as many as are taken.
async fn pour(stream: &mut TcpStream, bytes: usize) {
    let piece = vec![b'x'; PIECE];
    for _ in 0..bytes / PIECE {
        if stream.write_all(&piece).await.is_err() {
            break;
        }
    }
}

/// Whether the other end has ended the connection within the patience.
async fn ends(stream: &mut TcpStream) -> bool {
    let mut buffer = [0; 1024];
    let read = async { while matches!(stream.read(&mut buffer).await, Ok(1..)) {} };
    tokio::time::timeout(PATIENCE, read).await.is_ok()
}

/// How long a school waits for its page.
async fn page(town: &Town, link: &str) -> Duration {
    let begun = Instant::now();
    let (school, link) = (School::default(), format!("{}{link}", town.url()));
    let page = tokio::time::timeout(PATIENCE, school.open(&link)).await;
    let page = page.expect("a school gets its page");
    assert_eq!(page.status.as_u16(), 200, "{}", page.html);
    begun.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_send_is_told_so_before_the_body_comes() {
    let town = Town::start_locked("2026-10-06T10:00", "correct horse battery staple").await;
    let unknown = "0".repeat(64);
    for (path, status) in [
        (format!("/a/{unknown}"), "404"),
        (format!("/a/{unknown}/table"), "404"),
        (format!("/a/{unknown}/extension"), "404"),
        ("/a/short".to_owned(), "404"),
        ("/runs/zarechny/low-result-schools/2025-26".to_owned(), "401"),
        ("/runs/zarechny/low-result-schools".to_owned(), "401"),
    ] {
        // Of 30 MB not one more byte is sent.
        let mut stream = say(&town, &post(&path, 30 << 20)).await;
        let answer = answer(&mut stream).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{path}: {answer}");
        assert!(answer.contains("</html>"), "whole: {answer}");
    }
    // Whoever goes on sending all the same reads the answer, too.
    let mut stream = say(&town, &post(&format!("/a/{unknown}"), 4 << 20)).await;
    pour(&mut stream, 4 << 20).await;
    assert!(answer(&mut stream).await.contains("Ссылка не открывается"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_headers_are_ended_and_others_are_served_meanwhile() {
    let town = town(|settings| {
        settings.limits.patience.headers = Duration::from_secs(2);
        settings.limits.connections = 64;
    })
    .await;
    let link = link(&town).await;
    let mut slow = Vec::new();
    for text in ["", "GET / HT", "PRI * HTTP", "GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "] {
        for _ in 0..10 {
            slow.push(say(&town, text).await);
        }
    }
    page(&town, &link).await;
    for stream in &mut slow {
        assert!(ends(stream).await, "a connection without a request is ended");
    }
    page(&town, &link).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_idle_connections_than_there_are_places_stop_nobodys_page() {
    let own = std::process::id().to_string();
    let raise = Command::new("prlimit").args(["--pid", &own, "--nofile=4096:"]).status().await;
    assert!(raise.unwrap().success(), "the test itself needs 2,400 descriptors");
    // Nobody is ended by time.
    let town = town(|settings| settings.limits.patience.headers = Duration::from_secs(3600)).await;
    let link = link(&town).await;
    let mut idle = Vec::new();
    for _ in 0..1200 {
        idle.push(say(&town, "GET / HTTP/1.1\r\n").await);
        if idle.len() % 400 == 0 {
            page(&town, &link).await;
        }
    }
    let waited = page(&town, &link).await;
    assert!(waited < Duration::from_secs(5), "{waited:?}");
    // Those who have been idle longest have made room, and no more of them than was needed.
    let mut buffer = [0; 16];
    let mut left = 0;
    for stream in &idle {
        left += usize::from(!matches!(stream.try_read(&mut buffer), Ok(0)));
    }
    assert!((900..=1000).contains(&left), "{left}");
    assert!(matches!(idle[0].try_read(&mut buffer), Ok(0)), "the first goes first");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_post_of_thousands_of_rows_is_refused_at_once_with_a_small_page() {
    let town = town(|_| {}).await;
    let link = link(&town).await;
    let mut body = String::new();
    for row in 0..4999 {
        for column in ["procedure", "grade", "subject", "participants", "marks_2"] {
            body.push_str(&format!("procedures%5B{row}%5D.{column}=5&"));
        }
    }
    let head = format!(
        "POST {link} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\r\n",
        body.len()
    );
    let begun = Instant::now();
    let mut stream = say(&town, &head).await;
    stream.write_all(body.as_bytes()).await.unwrap();
    let answer = answer(&mut stream).await;
    let took = begun.elapsed();
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains("4999") && answer.contains("не больше 80"), "{answer}");
    assert!(answer.contains("осталось в браузере"), "{answer}");
    assert!(answer.len() < 8 << 10, "{} bytes", answer.len());
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_bytes_than_may_be_received_at_a_time_are_refused_and_it_passes_by_itself() {
    let town = town(|settings| settings.limits.receiving = 32).await;
    let link = link(&town).await;
    let mut both = Vec::new();
    for _ in 0..2 {
        both.push(say(&town, &post(&link, 30 << 20)).await);
    }
    // Neither ends; together they are more than there is room for.
    let (first, second) = both.split_at_mut(1);
    tokio::time::timeout(PATIENCE, async {
        tokio::join!(pour(&mut first[0], 20 << 20), pour(&mut second[0], 20 << 20))
    })
    .await
    .expect("what is sent is taken or refused");
    let refused = tokio::select! {
        answer = answer(&mut first[0]) => answer,
        answer = answer(&mut second[0]) => answer,
    };
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
    assert!(refused.to_lowercase().contains("retry-after: "), "{refused}");
    assert!(refused.contains("Сервер сейчас занят"), "{refused}");
    drop(both);
    let school = School::default();
    let fields = [("_save".to_owned(), "1".to_owned())];
    let begun = Instant::now();
    let address = format!("{}{link}", town.url());
    while school.send(&address, &fields).await.status.as_u16() != 200 {
        assert!(begun.elapsed() < PATIENCE, "it does not pass");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_stops_or_never_ends_is_refused_in_words() {
    let town = town(|settings| {
        settings.limits.patience.pause = Duration::from_secs(1);
        settings.limits.patience.body = Duration::from_secs(3);
    })
    .await;
    let link = link(&town).await;
    let mut stops = say(&town, &post(&link, 1 << 20)).await;
    let mut drips = say(&town, &post(&link, 1 << 20)).await;
    let dripping = async {
        let (mut reads, mut writes) = drips.split();
        let mut begun = [0; 12];
        let drops = async {
            while writes.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            read = reads.read_exact(&mut begun) => { read.unwrap(); }
            () = drops => {}
        }
        begun
    };
    let (stopped, dripped) = tokio::join!(answer(&mut stops), dripping);
    assert!(stopped.starts_with("HTTP/1.1 408"), "{stopped}");
    assert!(stopped.contains("Ответ не получен целиком"), "{stopped}");
    assert_eq!(&dripped, b"HTTP/1.1 408");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_daemon_ends_within_its_grace_though_slow_connections_stand_open() {
    let town = town(|_| {}).await;
    let link = link(&town).await;
    let mut open = Vec::new();
    for text in ["", "GET / HTTP/1.1\r\nX-Slow: ", post(&link, 1 << 20).as_str()] {
        open.push(say(&town, text).await);
    }
    page(&town, &link).await;
    let begun = Instant::now();
    town.daemon.stop().await.unwrap();
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(6), "{took:?}");
    for stream in &mut open {
        assert!(ends(stream).await);
    }
}

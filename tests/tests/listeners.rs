//! Other systems are told of the journal's entries: at least once, in order, each at its own pace, on
//! both databases, on PostgreSQL by two daemons.

#![allow(clippy::unwrap_used)] // how tests fail

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use vekha::access::{Identity, Role, Roles, Who};
use vekha::clock::Clock;
use vekha::runtime::acts::access::tokens::NewToken;
use vekha::runtime::acts::access::{AccessError, Asker};
use vekha::runtime::acts::listeners::{MadeListener, Wishes};
use vekha::runtime::committer::Task;
use vekha::runtime::integrations::Integrations;
use vekha::runtime::listeners::Listeners;
use vekha::runtime::{Ask, Parts, Runtime};
use vekha::secret::Secret;
use vekha::store::entities::{journal, listener, undelivered};
use vekha::store::read::Page;
use vekha_engine::{EntryKind, Why};
use vekha_plugin_site::{Site, SiteConfig};
use vekha_tests::base::{Base, end};
use vekha_tests::letterbox::Letterbox;
use vekha_tests::letters::Letter;
use vekha_tests::receiver::{Answer, Receiver};
use vekha_tests::small::survey_run;
use vekha_tests::town::{Town, ask_schools, instant};

vekha_tests::on_both_databases! {
    every_entry_is_told_once_in_order_signed_under_its_hash,
    who_takes_nothing_is_tried_again_later_and_misses_nothing,
    who_says_when_to_come_again_is_not_asked_before,
    what_is_refused_is_given_up_and_can_be_delivered_again,
    what_was_not_taken_for_days_is_given_up_and_what_is_newer_is_not,
    who_is_gone_is_told_no_more_until_somebody_enables_it,
    one_that_hangs_holds_up_no_other,
    two_secrets_sign_side_by_side_for_a_while,
    a_restart_tells_again_what_was_not_settled_and_nothing_else,
}

/// A moment on a Monday.
fn morning() -> Clock {
    Clock::manual(instant("2027-03-01T10:00"))
}

fn administrator() -> Identity {
    Identity { who: Who::Anyone, roles: Roles::everywhere(Role::Administrator) }
}

fn asker(identity: &Identity) -> Asker<'_> {
    Asker { identity, actor: "test", request: None, etag: "", validate_only: false }
}

async fn try_add(
    runtime: &Runtime,
    name: &str,
    wishes: Wishes,
) -> Result<MadeListener, AccessError> {
    let by = administrator();
    runtime.add_listener(&asker(&by), name, wishes, Some(0)).await
}

/// Adds a listener that begins with the oldest entry. Returns its secret.
async fn add(runtime: &Runtime, name: &str, url: String) -> String {
    let made = try_add(runtime, name, Wishes { url, ..Wishes::default() }).await.unwrap();
    made.secret.unwrap()
}

async fn row(runtime: &Runtime, name: &str) -> listener::Model {
    runtime.store().listener(name).await.unwrap().unwrap()
}

async fn given_up(runtime: &Runtime, name: &str) -> Vec<undelivered::Model> {
    runtime.store().undelivered(name, false, &Page::all()).await.unwrap()
}

/// Opens a run: it is opened, begun, and one school is asked.
async fn open(runtime: &Runtime, part: &str) {
    let open = Ask::Open { named: vec![], why: Why::Request, without_waiting: false };
    runtime.ask(Task::new(survey_run(part), open, "test")).await.unwrap();
}

/// The entries that anybody is told who asks for nothing special.
async fn entries(runtime: &Runtime) -> Vec<journal::Model> {
    let all = runtime.store().journal(None, 0, 10_000).await.unwrap();
    all.into_iter().filter(|entry| entry.run != "access").collect()
}

async fn cursors(runtime: &Runtime) -> Vec<i64> {
    entries(runtime).await.iter().map(|entry| entry.cursor).collect()
}

fn pass(clock: &Clock, seconds: i64) {
    clock.set(clock.now() + SignedDuration::from_secs(seconds));
}

fn troubles(runtime: &Runtime) -> Vec<String> {
    let zone = jiff::tz::TimeZone::UTC;
    runtime.troubles().iter().map(|trouble| trouble.words(&zone)).collect()
}

async fn every_entry_is_told_once_in_order_signed_under_its_hash(base: Base) {
    let clock = morning();
    let daemons = base.daemons(&clock).await;
    let receiver = Receiver::start().await;
    open(&daemons[0], "a").await;
    let secret = add(&daemons[0], "portal", receiver.url()).await;
    for n in 0..20 {
        open(&daemons[n % daemons.len()], &format!("b{n}")).await;
    }
    // All daemons tell at the same time; only one of them does.
    let tellers: Vec<_> =
        daemons.iter().cloned().map(|d| tokio::spawn(async move { d.settle().await })).collect();
    for teller in tellers {
        teller.await.unwrap().unwrap();
    }
    daemons[0].settle().await.unwrap();
    let (got, wanted) = (receiver.got(), entries(&daemons[0]).await);
    assert!(wanted.len() > 60, "{}", wanted.len());
    assert_eq!(receiver.cursors(), cursors(&daemons[0]).await, "once each, in order");
    for (got, entry) in got.iter().zip(&wanted) {
        assert!(got.is_signed_with(&secret));
        assert_eq!(got.timestamp, clock.now().as_second());
        let event = got.event();
        assert_eq!((&got.id, event["id"].as_str()), (&entry.hash, Some(&*entry.hash)));
        assert_eq!(event["type"], format!("vekha.v1.{}", entry.kind));
        let facts: serde_json::Value = serde_json::from_str(&entry.data).unwrap();
        assert_eq!(event["data"]["facts"], facts);
        assert_eq!(got.headers["content-type"], "application/cloudevents+json; charset=utf-8");
    }
    let told = row(&daemons[0], "portal").await;
    assert_eq!((told.attempts, told.claim), (0, None));
    assert!(troubles(&daemons[0]).is_empty());
}

async fn who_takes_nothing_is_tried_again_later_and_misses_nothing(base: Base) {
    let clock = morning();
    let (runtime, _) = base.daemon(&clock).await;
    let receiver = Receiver::start().await;
    add(&runtime, "portal", receiver.url()).await;
    open(&runtime, "a").await;
    for (attempts, answer) in
        [Answer::Status(500), Answer::Elsewhere, Answer::Flood, Answer::Status(403)]
            .into_iter()
            .enumerate()
    {
        receiver.forget();
        receiver.answer(answer);
        runtime.settle().await.unwrap();
        assert_eq!(receiver.got().len(), 1, "{answer:?} is tried once");
        let told = row(&runtime, "portal").await;
        assert_eq!(told.attempts, i32::try_from(attempts).unwrap() + 1);
        assert!(!told.error.is_empty() && told.error.chars().count() < 400, "{}", told.error);
        runtime.settle().await.unwrap();
        assert_eq!(receiver.got().len(), 1, "not before its time");
        let next = runtime.next_due().await.unwrap().unwrap();
        assert!(next > clock.now());
        clock.set(next);
    }
    let told = troubles(&runtime);
    assert!(told.is_empty(), "what lasts a moment is nobody's concern: {told:?}");
    receiver.answer(Answer::Status(500));
    pass(&clock, 600);
    runtime.settle().await.unwrap();
    let told = troubles(&runtime);
    assert!(told[0].contains("«portal» не принимает событий"), "{told:?}");
    receiver.forget();
    receiver.answer(Answer::Status(200));
    pass(&clock, 3600);
    runtime.settle().await.unwrap();
    assert_eq!(receiver.cursors(), cursors(&runtime).await);
    assert!(troubles(&runtime).is_empty());
    assert!(given_up(&runtime, "portal").await.is_empty());
}

async fn who_says_when_to_come_again_is_not_asked_before(base: Base) {
    let clock = morning();
    let (runtime, _) = base.daemon(&clock).await;
    let receiver = Receiver::start().await;
    add(&runtime, "portal", receiver.url()).await;
    open(&runtime, "a").await;
    receiver.answer(Answer::Wait(1000));
    runtime.settle().await.unwrap();
    assert_eq!(row(&runtime, "portal").await.error.matches("занято").count(), 1);
    pass(&clock, 999);
    runtime.settle().await.unwrap();
    assert_eq!(receiver.got().len(), 1);
    receiver.answer(Answer::Status(200));
    pass(&clock, 1);
    runtime.settle().await.unwrap();
    assert_eq!(receiver.cursors()[1..], cursors(&runtime).await);
}

async fn what_is_refused_is_given_up_and_can_be_delivered_again(base: Base) {
    let clock = morning();
    let (runtime, _) = base.daemon(&clock).await;
    let receiver = Receiver::start().await;
    add(&runtime, "portal", receiver.url()).await;
    open(&runtime, "a").await;
    let all = cursors(&runtime).await;
    let bad = all[1];
    receiver.answer_by(move |got| match got.cursor() == bad {
        true => Answer::Status(422),
        false => Answer::Status(200),
    });
    for _ in 0..5 {
        runtime.settle().await.unwrap();
        pass(&clock, 3600);
    }
    runtime.settle().await.unwrap();
    let taken: Vec<i64> = receiver.cursors();
    assert_eq!(taken.iter().filter(|cursor| **cursor == bad).count(), 5);
    assert_eq!(row(&runtime, "portal").await.attempts, 0, "the others go on");
    assert_eq!(taken.last(), all.last());
    let lost = given_up(&runtime, "portal").await;
    assert_eq!(lost.iter().map(|one| (one.cursor, one.attempts)).collect::<Vec<_>>(), [(bad, 5)]);
    assert!(lost[0].error.contains("422"), "{}", lost[0].error);
    assert!(troubles(&runtime)[0].contains("не принял 1 событие"), "{:?}", troubles(&runtime));

    // Once more, in vain; and again, with success, under the same id.
    receiver.forget();
    assert_eq!(runtime.store().redeliver("portal", &[], false).await.unwrap(), 1);
    runtime.settle().await.unwrap();
    let lost = given_up(&runtime, "portal").await;
    assert_eq!((lost[0].attempts, lost[0].wanted), (6, false));
    receiver.answer(Answer::Status(200));
    assert_eq!(runtime.store().redeliver("portal", &[bad], false).await.unwrap(), 1);
    runtime.settle().await.unwrap();
    let got = receiver.got();
    assert_eq!((got.len(), got[0].id == got[1].id), (2, true));
    assert_eq!(got[0].body, got[1].body);
    assert!(given_up(&runtime, "portal").await.is_empty());
    assert!(troubles(&runtime).is_empty());
}

async fn what_was_not_taken_for_days_is_given_up_and_what_is_newer_is_not(base: Base) {
    let clock = morning();
    let (runtime, _) = base.daemon(&clock).await;
    let receiver = Receiver::start().await;
    add(&runtime, "portal", receiver.url()).await;
    for n in 0..300 {
        open(&runtime, &format!("a{n}")).await;
    }
    let old = cursors(&runtime).await;
    assert!(old.len() > 800, "{}", old.len());
    receiver.answer(Answer::Status(503));
    runtime.settle().await.unwrap();
    pass(&clock, 71 * 3600);
    open(&runtime, "late").await;
    runtime.settle().await.unwrap();
    assert!(given_up(&runtime, "portal").await.is_empty());
    pass(&clock, 3600);
    runtime.settle().await.unwrap();
    let lost: Vec<i64> = given_up(&runtime, "portal").await.iter().map(|one| one.cursor).collect();
    assert_eq!(lost, old);
    receiver.forget();
    receiver.answer(Answer::Status(200));
    pass(&clock, 3600);
    runtime.settle().await.unwrap();
    let newer: Vec<i64> =
        cursors(&runtime).await.into_iter().filter(|cursor| !old.contains(cursor)).collect();
    let mut got = receiver.cursors();
    got.sort_unstable();
    got.dedup();
    assert_eq!(got, newer);
    assert_eq!(runtime.store().redeliver("portal", &[], false).await.unwrap(), old.len() as u64);
    receiver.forget();
    runtime.settle().await.unwrap();
    assert_eq!(receiver.cursors(), old);
}

async fn who_is_gone_is_told_no_more_until_somebody_enables_it(base: Base) {
    let clock = morning();
    let (runtime, _) = base.daemon(&clock).await;
    let receiver = Receiver::start().await;
    add(&runtime, "portal", receiver.url()).await;
    open(&runtime, "a").await;
    receiver.answer(Answer::Status(410));
    runtime.settle().await.unwrap();
    pass(&clock, 100 * 3600);
    open(&runtime, "b").await;
    runtime.settle().await.unwrap();
    assert_eq!(receiver.got().len(), 1);
    let told = row(&runtime, "portal").await;
    assert!(told.disabled && told.reason.contains("410"), "{told:?}");
    assert!(troubles(&runtime)[0].contains("«portal» отключён"), "{:?}", troubles(&runtime));
    let all = runtime.store().journal(Some("access"), 0, 100).await.unwrap();
    let kinds: Vec<&str> = all.iter().map(|entry| entry.kind.as_str()).collect();
    assert_eq!(kinds, ["listener-set", "listener-disabled"]);

    receiver.forget();
    receiver.answer(Answer::Status(200));
    let (by, wishes) = (administrator(), Wishes::default());
    runtime.set_listener(&asker(&by), &told, wishes).await.unwrap();
    runtime.settle().await.unwrap();
    assert_eq!(receiver.cursors(), cursors(&runtime).await, "from where it was");
    assert!(troubles(&runtime).is_empty());
}

async fn one_that_hangs_holds_up_no_other(base: Base) {
    let clock = morning();
    let (runtime, _) = base.daemon(&clock).await;
    let (hangs, well) = (Receiver::start().await, Receiver::start().await);
    hangs.answer(Answer::Never);
    add(&runtime, "hangs", hangs.url()).await;
    add(&runtime, "well", well.url()).await;
    let running = tokio::spawn(runtime.clone().run());
    open(&runtime, "a").await;
    hangs.wait_for(1).await;
    well.wait_for(3).await;
    // While the first one still hangs, what comes is told to the other.
    let before = well.got().len();
    open(&runtime, "b").await;
    well.wait_for(before + 3).await;
    let begun = Instant::now();
    runtime.end();
    running.await.unwrap().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

async fn two_secrets_sign_side_by_side_for_a_while(base: Base) {
    let clock = morning();
    let (runtime, _) = base.daemon(&clock).await;
    let receiver = Receiver::start().await;
    let first = add(&runtime, "portal", receiver.url()).await;
    let by = administrator();
    let seen = row(&runtime, "portal").await;
    let hours = SignedDuration::from_hours(24);
    let made = runtime.rotate_listener(&asker(&by), &seen, hours).await.unwrap();
    let second = made.secret.unwrap();
    assert_ne!(first, second);
    // Once more would shut the first one out before its time.
    let seen = row(&runtime, "portal").await;
    let again = runtime.rotate_listener(&asker(&by), &seen, hours).await;
    assert!(matches!(&again, Err(AccessError::Wrong(wrong)) if wrong[0].field == "overlap"));
    open(&runtime, "a").await;
    runtime.settle().await.unwrap();
    let got = receiver.got().pop().unwrap();
    assert!(got.is_signed_with(&first) && got.is_signed_with(&second));
    pass(&clock, 24 * 3600);
    open(&runtime, "b").await;
    runtime.settle().await.unwrap();
    let got = receiver.got().pop().unwrap();
    assert!(!got.is_signed_with(&first) && got.is_signed_with(&second));
    // Another one of the same name has another secret.
    let seen = row(&runtime, "portal").await;
    runtime.remove_listener(&asker(&by), &seen).await.unwrap();
    let third = add(&runtime, "portal", receiver.url()).await;
    assert!(![first, second].contains(&third));
}

async fn a_restart_tells_again_what_was_not_settled_and_nothing_else(base: Base) {
    let clock = morning();
    let (runtime, _) = base.daemon(&clock).await;
    let receiver = Receiver::start().await;
    add(&runtime, "portal", receiver.url()).await;
    open(&runtime, "a").await;
    runtime.settle().await.unwrap();
    let all = cursors(&runtime).await;
    // It dies under way: the claim stays, nothing is settled.
    let now = clock.now();
    let lease = SignedDuration::from_secs(4);
    open(&runtime, "b").await;
    runtime.store().claim_listener("portal", lease, now).await.unwrap().unwrap();
    end(runtime).await;
    let (again, _) = base.runtime(&clock).await;
    again.settle_runs().await.unwrap();
    again.settle().await.unwrap();
    if base.is_shared() {
        // It may be alive: after its lease it is taken over.
        assert_eq!(receiver.cursors(), all);
        pass(&clock, 4);
        again.settle().await.unwrap();
    }
    assert_eq!(receiver.cursors(), cursors(&again).await);
    end(again).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_daemons_the_one_that_lost_its_claim_settles_nothing_and_the_other_goes_on() {
    let base = Base::postgres().await;
    let clock = morning();
    let daemons = base.daemons(&clock).await;
    let receiver = Receiver::start().await;
    add(&daemons[0], "portal", receiver.url()).await;
    open(&daemons[0], "a").await;
    let held = Arc::new(AtomicBool::new(true));
    let hold = held.clone();
    receiver.answer_by(move |_| match hold.load(Ordering::SeqCst) {
        true => Answer::Never,
        false => Answer::Status(200),
    });
    let frozen = daemons[0].clone();
    let first = tokio::spawn(async move { frozen.settle().await });
    receiver.wait_for(1).await;
    // For the other one the first is silent for longer than its lease.
    pass(&clock, 60);
    held.store(false, Ordering::SeqCst);
    daemons[1].settle().await.unwrap();
    let all = cursors(&daemons[1]).await;
    assert_eq!(receiver.cursors()[1..], all);
    first.await.unwrap().unwrap();
    let told = row(&daemons[1], "portal").await;
    assert_eq!(
        (told.attempts, told.failing_since),
        (0, None),
        "the first one's failure is nothing"
    );
    assert_eq!(receiver.cursors().len(), all.len() + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_a_listener_is_refused_with_all_its_mistakes() {
    // Its folder is there as long as it is.
    let base = Base::sqlite();
    let (runtime, _) = base.daemon(&morning()).await;
    let wrong = Wishes {
        url: "https://u:p@portal.example.org/".into(),
        municipality: "nowhere".into(),
        activities: vec!["survy".into()],
        kinds: vec!["submited".into(), "asked".into()],
        disabled: false,
    };
    let refused = try_add(&runtime, "Портал", wrong).await.unwrap_err();
    let AccessError::Wrong(errors) = refused else { panic!("{refused}") };
    let told: Vec<String> = errors.iter().map(|e| format!("{}: {}", e.field, e.message)).collect();
    insta::assert_snapshot!(told.join("\n"));
    for url in ["ftp://a.example.org/", "portal", ""] {
        let wishes = Wishes { url: url.into(), ..Wishes::default() };
        assert!(
            matches!(try_add(&runtime, "a", wishes).await, Err(AccessError::Wrong(_))),
            "{url}"
        );
    }
    let url = "http://127.0.0.1:9/".to_owned();
    for n in 0..32 {
        add(&runtime, &format!("n{n}"), url.clone()).await;
    }
    let wishes = Wishes { url, ..Wishes::default() };
    assert!(matches!(try_add(&runtime, "more", wishes).await, Err(AccessError::Wrong(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_event_tells_a_link_or_a_secret_or_what_is_kept_of_one() {
    let town = Town::start("2026-10-06T10:00").await;
    let runtime = &town.daemon.runtime;
    let (portal, guard) = (Receiver::start().await, Receiver::start().await);
    let mut secrets = vec![add(runtime, "portal", portal.url()).await];
    let kinds = EntryKind::ALL.iter().filter(|kind| kind.is_of_access());
    let kinds = kinds.map(|kind| kind.as_str().to_owned()).collect();
    let wishes = Wishes { url: guard.url(), kinds, ..Wishes::default() };
    secrets.extend(try_add(runtime, "guard", wishes).await.unwrap().secret);
    let by = administrator();
    let roles = Ok(Roles::everywhere(Role::Viewer));
    let wanted = NewToken { name: "АИС", roles, services: &[], until: None };
    let token = runtime.add_token(&asker(&by), wanted).await.unwrap();
    secrets.extend([token.secret.unwrap(), token.of.row.hash]);
    ask_schools(town.channel().await).await;
    town.settle().await;
    let links: Vec<String> = town
        .mail
        .received()
        .iter()
        .flat_map(|letter| {
            let text = Letter::read(letter).text;
            let tokens = text.split("/a/").skip(1);
            tokens.map(|rest| rest.chars().take(64).collect()).collect::<Vec<String>>()
        })
        .collect();
    assert!(links.len() >= 6 && links.iter().all(|link| link.len() == 64), "{links:?}");
    secrets.extend(links.iter().map(|link| Secret::hash(link)));
    secrets.extend(links);
    let told = [portal.got(), guard.got()].concat();
    for got in &told {
        let body = String::from_utf8(got.body.to_vec()).unwrap();
        let leaked = secrets.iter().find(|secret| body.contains(secret.as_str()));
        assert_eq!(leaked, None, "{body}");
    }
    assert!(portal.got().iter().all(|got| got.event()["source"] == "/municipalities/zarechny"));
    let kinds: Vec<String> = guard.got().iter().map(|got| got.kind()).collect();
    assert_eq!(kinds, ["listener-set", "listener-set", "token-set"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn into_our_own_network_requests_go_only_where_the_settings_let_them() {
    let base = Base::sqlite();
    let receiver = Receiver::start().await;
    let clock = morning();
    let (runtime, _) = base.daemon(&clock).await;
    add(&runtime, "portal", receiver.url()).await;
    open(&runtime, "a").await;
    end(runtime).await;
    // The same database, under settings that do not let them any more.
    let site = SiteConfig { folder: base.folder.path().join("site"), url: None };
    let runtime = Runtime::start(Parts {
        store: base.store().await,
        clock: clock.clone(),
        integrations: Integrations::new(
            Arc::new(Letterbox::default()),
            Arc::new(Site::new(site).unwrap()),
            Listeners::new(&Default::default(), Default::default()).unwrap(),
        ),
        public_url: "http://localhost".into(),
    })
    .await
    .unwrap();
    runtime.settle().await.unwrap();
    assert!(receiver.got().is_empty());
    let told = row(&runtime, "portal").await;
    assert!(told.error.contains("не в открытом интернете"), "{}", told.error);
    for url in ["http://portal.example.org/", "https://10.0.0.1/", "https://[::1]/"] {
        let wishes = Wishes { url: url.into(), ..Wishes::default() };
        assert!(
            matches!(try_add(&runtime, "a", wishes).await, Err(AccessError::Wrong(_))),
            "{url}"
        );
    }
}

//! What waits comes in the morning to whoever wants it, once, and to nobody else.

#![allow(clippy::unwrap_used)] // how tests fail

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::SignedDuration;
use vekha_tests::base::Base;
use vekha_tests::letters::Letter;
use vekha_tests::smtp::{Act, At, Fault};
use vekha_tests::town::{self, Town, instant};
use vekha_tests::visitor::Visitor;

const PASSWORD: &str = "четыре кита везут самовар";
const ANNA: &str = "anna@example.org";

/// A Tuesday.
const MORNING: &str = "2026-10-06T10:00";

/// The first administrator, signed in.
async fn anna(town: &Town) -> Visitor {
    let link = town.daemon.runtime.first_link().await.unwrap().unwrap();
    let mut anna = Visitor::default();
    let first = [("display_name", "Анна Петрова"), ("email", ANNA), ("password", PASSWORD)];
    anna.post(&link, &first).await;
    anna
}

async fn says(anna: &mut Visitor, town: &Town, action: &str) -> String {
    let page = anna.post(&format!("{}/me", town.url()), &[("_action", action)]).await;
    anna.follow(page).await.text
}

/// She signs in again: in the meantime days have passed.
async fn again(anna: &mut Visitor, town: &Town) {
    let fields = [("to", "/me"), ("email", ANNA), ("password", PASSWORD)];
    let page = anna.post(&format!("{}/sign-in", town.url()), &fields).await;
    assert_eq!(anna.follow(page).await.url.path(), "/me");
}

fn to_anna(town: &Town) -> Vec<Letter> {
    let received = town.mail.received();
    received.iter().filter(|r| r.to == [ANNA]).map(Letter::read).collect()
}

fn days(letters: &[Letter]) -> Vec<&str> {
    letters.iter().map(|l| l.subject.split(':').next().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_comes_on_mornings_of_working_days_to_whoever_wants_it() {
    let town = Town::start(MORNING).await;
    town::ask_schools(town.channel().await).await;
    let mut anna = anna(&town).await;
    town.live_until("2026-10-08T12:00").await;
    assert_eq!(to_anna(&town).len(), 0, "nobody asked for it");
    again(&mut anna, &town).await;
    let page = says(&mut anna, &town, "summary").await;
    assert!(page.contains("Следующая — 09.10.2026 09:00"), "{page}");
    // Asked for twice it comes once.
    says(&mut anna, &town, "summary").await;

    town.live_until("2026-10-27T08:00").await;
    let letters = to_anna(&town);
    let shown = days(&letters);
    assert!(shown.contains(&"Сводка на 26 октября 2026 года"), "{shown:?}");
    assert_eq!(shown.iter().collect::<BTreeSet<_>>().len(), shown.len(), "one a day: {shown:?}");
    for free in ["10", "11", "17", "18", "24", "25"] {
        let free = format!("Сводка на {free} октября 2026 года");
        assert!(!shown.contains(&free.as_str()), "{free} is no working day");
    }
    let last = letters.last().unwrap();
    let url = town.url();
    insta::assert_snapshot!("subject", last.subject);
    insta::assert_snapshot!("text", last.text.replace(&url, "https://vekha.example.org"));
    assert!(last.html.contains(&format!("href=\"{url}/runs/zarechny/low-result-schools/2025-26")));
    assert!(last.html.contains("Здравствуйте, Анна Петрова!"), "{}", last.html);

    let near = letters.iter().find(|l| l.text.contains("БЛИЖАЙШИЕ СРОКИ"));
    let near = near.unwrap_or_else(|| panic!("no term was near: {shown:?}"));
    assert!(near.text.contains("2025/26 учебный год"), "{}", near.text);

    // What somebody else sees to waits for them.
    again(&mut anna, &town).await;
    let run = format!("{url}/runs/zarechny/low-result-schools/2025-26");
    let keeper = [("_form", "entrust"), ("to", "Пётр Иванов"), ("_once", "1")];
    anna.post(&run, &keeper).await;
    town.live_until("2026-10-27T12:00").await;
    let letters = to_anna(&town);
    let text = &letters.last().unwrap().text;
    let (own, others) = text.split_once("ЖДЁТ ДРУГИХ").unwrap_or_else(|| panic!("{text}"));
    assert!(others.contains("(следит: Пётр Иванов)"), "{text}");
    assert!(!own.contains("low-result-schools/2025-26"), "{text}");

    let before = letters.len();
    let page = says(&mut anna, &town, "no-summary").await;
    assert!(page.contains("Присылать сводку"), "{page}");
    town.live_until("2026-10-29T12:00").await;
    assert_eq!(to_anna(&town).len(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_summary_that_is_not_taken_is_tried_on_that_morning_and_the_next_one_tells_anew() {
    let town = Town::start(MORNING).await;
    town::ask_schools(town.channel().await).await;
    let mut anna = anna(&town).await;
    town.live_until("2026-10-22T12:00").await;
    again(&mut anna, &town).await;
    says(&mut anna, &town, "summary").await;

    // Put off twice, then taken: the same letter.
    town.mail.inject(Fault::new(At::Recipient, Act::Reply(450)).to(ANNA).times(2));
    town.live_until("2026-10-23T12:00").await;
    let letters = to_anna(&town);
    assert_eq!(days(&letters), ["Сводка на 23 октября 2026 года"]);
    again(&mut anna, &town).await;
    let page = anna.open(&format!("{}/me", town.url())).await.text;
    assert!(!page.contains("не доставлена"), "{page}");

    // Refused: said on her page, and the next working day is another one.
    town.mail.inject(Fault::new(At::Recipient, Act::Reply(550)).to(ANNA).times(1));
    town.live_until("2026-10-26T12:00").await;
    assert_eq!(to_anna(&town).len(), 1);
    again(&mut anna, &town).await;
    let page = anna.open(&format!("{}/me", town.url())).await.text;
    assert!(page.contains("не доставлена") && page.contains("550"), "{page}");
    assert!(page.contains("Следующая — 27.10.2026 09:00"), "{page}");
    town.live_until("2026-10-27T12:00").await;
    assert_eq!(to_anna(&town).len(), 2);

    // Who is let in no more is told no more.
    let people = town.daemon.runtime.store().people().await.unwrap();
    let id = &people[0].row.id;
    let next = town.daemon.runtime.summaries_of(id).await.unwrap().unwrap();
    assert_eq!((next.attempts, next.error.as_str()), (0, ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_daemons_that_come_at_a_time_one_sends_a_summary_and_one_that_died_holds_it_up_for_minutes()
 {
    for base in [Base::sqlite(), Base::postgres().await] {
        let stores = base.stores().await;
        let (first, last) = (&stores[0], &stores[stores.len() - 1]);
        let at = instant("2026-10-07T09:00");
        first.begin_summaries("anna", at).await.unwrap();
        let lease = SignedDuration::try_from(Duration::from_secs(60)).unwrap();
        let claims = [first, last].map(|store| store.claim_summary(lease, at));
        let claimed = futures::future::try_join_all(claims).await.unwrap();
        assert_eq!(claimed.iter().flatten().count(), 1);
        assert_eq!(last.claim_summary(lease, at).await.unwrap(), None);
        let later = last.claim_summary(lease, at + lease).await.unwrap();
        let later = later.expect("whoever died with it holds it no longer");
        assert_eq!(later.attempts, 1, "somebody may have sent it");
        // However long it takes to send one, another is not held up meanwhile, nor sent twice.
        first.begin_summaries("boris", at).await.unwrap();
        let other = last.claim_summary(lease, at + lease).await.unwrap().unwrap();
        assert_eq!(other.person, "boris");
        assert_eq!(first.claim_summary(lease, at + lease).await.unwrap(), None);
    }
}

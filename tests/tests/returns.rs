//! What came back: each report is taken once, only about what really left, and what follows from it is
//! seen everywhere. On both databases, on PostgreSQL by two daemons.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use vekha::clock::Clock;
use vekha::runtime::committer::Task;
use vekha::runtime::{Ask, Runtime};
use vekha::store::entities::outbox;
use vekha::store::read::Filter;
use vekha_engine::Why;
use vekha_plugin::{Cause, Failure, Message, Report, Settled};
use vekha_tests::base::{Base, end};
use vekha_tests::letterbox::Letterbox;
use vekha_tests::small::{self, survey_run};
use vekha_tests::town::instant;

vekha_tests::on_both_databases! {
    a_report_is_taken_once_however_often_and_by_whomever_it_is_read,
    a_report_about_what_never_left_to_that_address_changes_nothing,
    nothing_goes_to_an_address_that_does_not_exist_until_somebody_vouches_for_it,
    what_is_only_full_late_or_unwanted_does_not_condemn_the_address,
    all_letters_of_a_digest_came_back_with_it,
}

fn morning() -> Timestamp {
    instant("2027-03-01T10:00")
}

fn report(id: &str, message_id: &str, failures: &[(&str, Cause)]) -> Report {
    let failure = |(address, cause): &(&str, Cause)| Failure {
        addresses: vec![(*address).to_owned()],
        cause: *cause,
        detail: "550 5.1.1 User unknown".into(),
    };
    Report {
        id: id.into(),
        message_id: message_id.into(),
        failures: failures.iter().map(failure).collect(),
    }
}

/// Starts a survey, and returns the letter that asks the school.
async fn ask(runtime: &Runtime, letterbox: &Letterbox, part: &str) -> Option<Message> {
    let before = letterbox.letters().len();
    let ask = Ask::Open { named: vec![], why: Why::Request, without_waiting: false };
    runtime.ask(Task::new(survey_run(part), ask, "test")).await.unwrap();
    runtime.settle().await.unwrap();
    let new = letterbox.letters().split_off(before);
    new.into_iter().find(|letter| letter.key.contains("school-1"))
}

async fn take(runtime: &Runtime, letterbox: &Letterbox, reports: Vec<Report>) -> Settled {
    let before = letterbox.settled();
    letterbox.send_back(reports);
    runtime.take_returned().await.unwrap();
    letterbox.send_back(vec![]);
    runtime.settle().await.unwrap();
    let mut after = letterbox.settled();
    after.taken.drain(..before.taken.len());
    after.left.drain(..before.left.len());
    after
}

async fn row(runtime: &Runtime, key: &str) -> outbox::Model {
    runtime.store().message(key).await.unwrap().unwrap()
}

async fn dead(runtime: &Runtime) -> Vec<String> {
    let dead = runtime.store().dead_addresses("m", &["school-1", "office"]).await.unwrap();
    dead.into_keys().map(|(_, address)| address).collect()
}

/// Entries of a kind.
async fn entries(runtime: &Runtime, kind: &str) -> usize {
    let filter = Filter { kind: Some(kind.into()), ..Filter::default() };
    runtime.store().entries(&filter, 0, 100).await.unwrap().len()
}

const SCHOOL: &str = "school-1@example.org";
const GONE: &[(&str, Cause)] = &[("School-1@Example.ORG", Cause::NoSuchAddress)];

async fn a_report_is_taken_once_however_often_and_by_whomever_it_is_read(base: Base) {
    let clock = Clock::manual(morning());
    let (runtime, letterbox) = base.daemon(&clock).await;
    let letter = ask(&runtime, &letterbox, "a").await.unwrap();
    assert_eq!(row(&runtime, &letter.key).await.sent_to, SCHOOL);
    let mut daemons: Vec<(Arc<Runtime>, Arc<Letterbox>)> = vec![(runtime, letterbox)];
    if base.is_shared() {
        daemons.push(base.runtime(&clock).await);
    }
    // Both read it, and one dies before it has said so: it comes again.
    for _ in 0..2 {
        for (_, letterbox) in &daemons {
            letterbox.send_back(vec![report("r1", &letter.message_id, GONE)]);
        }
        let looks = daemons.iter().map(|(runtime, _)| runtime.take_returned());
        futures::future::try_join_all(looks).await.unwrap();
    }
    for (_, letterbox) in &daemons {
        letterbox.send_back(vec![]);
        assert_eq!(letterbox.settled().taken, ["r1", "r1"], "each is told that it was taken");
    }
    let (runtime, letterbox) = &daemons[0];
    runtime.settle().await.unwrap();
    let returned = row(runtime, &letter.key).await;
    assert_eq!(returned.state, "failed");
    assert_eq!(returned.error.matches("вернулось").count(), 1, "{}", returned.error);
    assert!(returned.error.contains("такого адреса нет (550 5.1.1 User unknown)"));
    assert_eq!(dead(runtime).await, [SCHOOL]);
    assert_eq!(entries(runtime, "address-returned").await, 1);
    assert_eq!(entries(runtime, "letter-refused").await, 1);
    let all = daemons.iter().flat_map(|(_, letterbox)| letterbox.letters());
    assert_eq!(all.filter(|letter| letter.to[0].email == "office@example.org").count(), 1);
    assert!(letterbox.settled().left.is_empty());
    for (runtime, _) in daemons {
        end(runtime).await;
    }
}

async fn a_report_about_what_never_left_to_that_address_changes_nothing(base: Base) {
    let (runtime, letterbox) = base.daemon(&Clock::manual(morning())).await;
    let letter = ask(&runtime, &letterbox, "a").await.unwrap();
    let forged = [
        // A letter of somebody else's, and an address to which ours never went.
        report("f1", "0123456789abcdef0123456789abcdef@m.vekha", GONE),
        report("f2", &letter.message_id, &[("office@example.org", Cause::NoSuchAddress)]),
        report("f3", &letter.message_id, &[("school-1@example.com", Cause::NoSuchAddress)]),
        report("f4", "", GONE),
    ];
    let settled = take(&runtime, &letterbox, forged.to_vec()).await;
    assert_eq!((settled.taken.len(), settled.left.len()), (0, 4));
    assert_eq!(row(&runtime, &letter.key).await.state, "sent");
    assert_eq!(dead(&runtime).await, [""; 0]);
    assert_eq!(entries(&runtime, "address-returned").await, 0);
    end(runtime).await;
}

async fn nothing_goes_to_an_address_that_does_not_exist_until_somebody_vouches_for_it(base: Base) {
    let clock = Clock::manual(morning());
    let (runtime, letterbox) = base.daemon(&clock).await;
    let mut files = small::files();
    let second = "[[organisation.contact]]\nname = \"Орлова\"\nemail = \"orlova@example.org\"\nletters = true\n";
    files.0.get_mut("organisations.toml").unwrap().push_str(second);
    runtime.apply(files, "test").await.unwrap();
    let emails = |letter: &Message| letter.to.iter().map(|to| to.email.clone()).collect::<Vec<_>>();
    let letter = ask(&runtime, &letterbox, "a").await.unwrap();
    assert_eq!(emails(&letter), [SCHOOL, "orlova@example.org"]);

    // One of two is gone: the letter has arrived at the other, and the next goes there alone.
    take(&runtime, &letterbox, vec![report("r1", &letter.message_id, GONE)]).await;
    let kept = row(&runtime, &letter.key).await;
    assert_eq!(kept.state, "sent");
    assert!(kept.error.contains(SCHOOL), "{}", kept.error);
    let letter = ask(&runtime, &letterbox, "b").await.unwrap();
    assert_eq!(emails(&letter), ["orlova@example.org"]);

    // Both are: the next fails at once, and the department is told.
    let other = [("orlova@example.org", Cause::NoSuchAddress)];
    take(&runtime, &letterbox, vec![report("r2", &letter.message_id, &other)]).await;
    assert_eq!(row(&runtime, &letter.key).await.state, "failed");
    assert!(ask(&runtime, &letterbox, "c").await.is_none());
    let key = letter.key.replace("2027.b", "2027.c");
    let failed = row(&runtime, &key).await;
    assert_eq!(failed.state, "failed");
    assert!(failed.error.contains("такого адреса нет"), "{}", failed.error);
    assert_eq!(entries(&runtime, "letter-refused").await, 3);

    // Somebody knows better.
    let whose = ("m", "school-1");
    let confirmed = runtime.confirm_addresses(whose, Some(SCHOOL), None, "anna").await.unwrap();
    assert_eq!(confirmed, Some(1));
    assert_eq!(dead(&runtime).await, ["orlova@example.org"]);
    let letter = ask(&runtime, &letterbox, "d").await.unwrap();
    assert_eq!(emails(&letter), [SCHOOL]);
    let again = runtime.confirm_addresses(whose, Some(SCHOOL), None, "anna").await.unwrap();
    assert_eq!(again, Some(0));
    assert_eq!(entries(&runtime, "address-confirmed").await, 1);

    // What takes an address's place is another address.
    clock.set(morning() + SignedDuration::from_mins(1));
    take(&runtime, &letterbox, vec![report("r3", &letter.message_id, GONE)]).await;
    assert!(ask(&runtime, &letterbox, "e").await.is_none());
    let mut files = small::files();
    let registry = files.0.get_mut("organisations.toml").unwrap();
    *registry = registry.replace(SCHOOL, "new@example.org");
    runtime.apply(files, "test").await.unwrap();
    let letter = ask(&runtime, &letterbox, "f").await.unwrap();
    assert_eq!(emails(&letter), ["new@example.org"]);
    end(runtime).await;
}

async fn what_is_only_full_late_or_unwanted_does_not_condemn_the_address(base: Base) {
    let (runtime, letterbox) = base.daemon(&Clock::manual(morning())).await;
    let causes = [
        (Cause::Full, "почтовый ящик переполнен"),
        (Cause::Refused, "почтовый сервер получателя не принял письмо"),
        (Cause::Other, "доставить не удалось"),
    ];
    for (number, (cause, words)) in causes.into_iter().enumerate() {
        let part = ["a", "b", "c"][number];
        let letter = ask(&runtime, &letterbox, part).await.unwrap();
        let late = report(&format!("late{number}"), &letter.message_id, &[]);
        let settled = take(&runtime, &letterbox, vec![late]).await;
        assert_eq!(settled.taken.len(), 1);
        assert_eq!(row(&runtime, &letter.key).await.state, "sent", "it may still arrive");
        let back = report(&format!("r{number}"), &letter.message_id, &[(SCHOOL, cause)]);
        take(&runtime, &letterbox, vec![back]).await;
        let returned = row(&runtime, &letter.key).await;
        assert_eq!(returned.state, "failed", "this letter did not arrive");
        assert!(returned.error.contains(&format!("вернулось: {SCHOOL} — {words}")));
    }
    assert_eq!(dead(&runtime).await, [""; 0]);
    assert_eq!(entries(&runtime, "address-returned").await, 0);
    end(runtime).await;
}

async fn all_letters_of_a_digest_came_back_with_it(base: Base) {
    let (runtime, letterbox) = base.daemon(&Clock::manual(morning())).await;
    let open = |part: &str| {
        let ask = Ask::Open { named: vec![], why: Why::Request, without_waiting: false };
        Task::new(survey_run(part), ask, "test")
    };
    runtime.ask(open("a")).await.unwrap();
    runtime.ask(open("b")).await.unwrap();
    runtime.settle().await.unwrap();
    let letters = letterbox.letters();
    let [digest] = letters.as_slice() else { panic!("{}", letters.len()) };
    let settled = take(&runtime, &letterbox, vec![report("r", &digest.message_id, GONE)]).await;
    assert_eq!(settled.taken, ["r"]);
    let filter = Filter { organisation: Some("school-1".into()), ..Filter::default() };
    let page = vekha::store::read::Page::all();
    let rows = runtime.store().list_messages(&filter, &page).await.unwrap();
    let states: Vec<_> = rows.iter().map(|row| row.state.as_str()).collect();
    assert_eq!(states, ["failed", "failed"]);
    end(runtime).await;
}

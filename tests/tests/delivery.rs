//! Letters against a mail server that errs: tried again, never silently, refused for good visibly.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use reqwest::StatusCode;
use vekha_proto::v1::assignment_service_client::AssignmentServiceClient;
use vekha_proto::v1::journal_service_client::JournalServiceClient;
use vekha_proto::v1::outbox_service_client::OutboxServiceClient;
use vekha_proto::v1::{self, MessageState};
use vekha_tests::letters::Letter;
use vekha_tests::smtp::{Act, At, Fault};
use vekha_tests::town::{self, Town, instant, shipped_road_map};

const RUN: &str = "municipalities/zarechny/activities/low-result-schools/runs/2025-26";

/// Starts activity 29: six letters are due.
async fn ask_schools(town: &Town) {
    town::ask_schools(town.channel().await).await;
}

async fn messages(town: &Town) -> Vec<v1::Message> {
    let request = v1::ListMessagesRequest {
        parent: "municipalities/zarechny".into(),
        page_size: 1000,
        ..Default::default()
    };
    let mut outbox = OutboxServiceClient::new(town.channel().await);
    outbox.list_messages(request).await.unwrap().into_inner().messages
}

async fn message_to(town: &Town, school: &str) -> v1::Message {
    let all = messages(town).await;
    let of = |m: &&v1::Message| m.organisation == school && m.kind == "assignment";
    all.iter().find(of).expect("a letter").clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_is_refused_for_good_is_told_to_the_department_and_can_be_tried_again() {
    let town = Town::start("2026-10-06T10:00").await;
    town.mail
        .inject(Fault::new(At::Recipient, Act::Reply(550)).to("school-2@zarechny.example.org"));
    ask_schools(&town).await;
    town.settle().await;
    let refused = message_to(&town, "school-2").await;
    assert_eq!(refused.state(), MessageState::Failed);
    assert_eq!(refused.attempts, 1, "a permanent refusal is not tried again by itself");
    assert!(refused.error.contains("550"), "{}", refused.error);
    for school in ["school-1", "school-3", "school-6"] {
        assert_eq!(message_to(&town, school).await.state(), MessageState::Sent);
    }
    let told = town.letters_to("department");
    assert_eq!(told.len(), 1);
    assert!(told[0].subject.contains("Не доставлено"), "{}", told[0].subject);
    assert!(told[0].text.contains("школа № 2"), "{}", told[0].text);

    // The address works again; the administrator tries once more.
    town.mail.heal();
    let mut outbox = OutboxServiceClient::new(town.channel().await);
    let request = v1::RetryMessageRequest { name: refused.name, ..Default::default() };
    outbox.retry_message(request).await.unwrap();
    town.settle().await;
    assert_eq!(message_to(&town, "school-2").await.state(), MessageState::Sent);
    assert_eq!(town.letters_to("school-2").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_busy_is_tried_again_later_and_given_up_in_the_end_and_said_so() {
    let town = Town::start("2026-10-06T10:00").await;
    let busy = |school: &str| {
        Fault::new(At::Recipient, Act::Reply(451)).to(&format!("{school}@zarechny.example.org"))
    };
    town.mail.inject(busy("school-3").times(2));
    town.mail.inject(busy("school-4"));
    ask_schools(&town).await;
    town.settle().await;
    let waiting = message_to(&town, "school-3").await;
    assert_eq!((waiting.state(), waiting.attempts), (MessageState::Pending, 1));
    town.live_until("2026-10-06T10:00:59").await;
    assert_eq!(message_to(&town, "school-3").await.attempts, 1, "not before its time");
    town.live_until("2026-10-06T10:06:30").await;
    let sent = message_to(&town, "school-3").await;
    assert_eq!((sent.state(), sent.attempts), (MessageState::Sent, 3));
    assert!(!sent.uncertain, "refused is not in doubt");
    // A minute, five, fifteen, an hour, four, twelve, a day: then it has failed.
    town.live_until("2026-10-08T12:00").await;
    let given_up = message_to(&town, "school-4").await;
    assert_eq!((given_up.state(), given_up.attempts), (MessageState::Failed, 8));
    assert!(town.letters_to("department").iter().any(|l| l.subject.contains("Не доставлено")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn letters_that_wait_for_their_domain_wait_without_a_try() {
    let town = Town::start_as("2026-10-06T10:00", |settings, _| {
        settings.mail.rate = [("zarechny.example.org".to_owned(), 1)].into();
    })
    .await;
    ask_schools(&town).await;
    town.settle().await;
    let all = messages(&town).await;
    let (sent, waiting): (Vec<_>, Vec<_>) =
        all.iter().partition(|m| m.state() == MessageState::Sent);
    assert_eq!((sent.len(), waiting.len()), (1, 5));
    for message in waiting {
        assert_eq!((message.state(), message.attempts), (MessageState::Pending, 0));
        assert!(message.error.contains("ждёт своей очереди"), "{}", message.error);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_in_doubt_is_sent_again_under_its_id_and_marked() {
    let town = Town::start("2026-10-06T10:00").await;
    let lost = Fault::new(At::Text, Act::Drop).to("school-5@zarechny.example.org").times(1);
    town.mail.inject(lost);
    ask_schools(&town).await;
    town.settle().await;
    assert_eq!(message_to(&town, "school-5").await.state(), MessageState::Pending);
    town.live_until("2026-10-06T10:02").await;
    let sent = message_to(&town, "school-5").await;
    assert_eq!(sent.state(), MessageState::Sent);
    assert!(sent.uncertain, "it may have come twice, and the outbox says so");
    let twice = town.letters_to("school-5");
    assert_eq!(twice.len(), 2);
    assert_eq!(twice[0].message_id, twice[1].message_id);
    assert_eq!(twice[0].text, twice[1].text);
    let raw = town.mail.received().remove(0);
    let head = String::from_utf8_lossy(&raw.data).into_owned();
    for header in ["Auto-Submitted: auto-generated", "multipart/alternative"] {
        assert!(head.contains(header), "{header} in {head}");
    }
    assert!(Letter::read(&raw).html.contains("lang=\"ru\""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reminder_is_not_sent_once_the_answer_is_there() {
    let town = Town::start("2026-10-06T10:00").await;
    ask_schools(&town).await;
    town.settle().await;
    // The server is away on the morning of the reminder; the school answers in the meantime.
    town.live_until("2026-10-15T08:59").await;
    let away = Fault::new(At::Recipient, Act::Reply(451)).to("school-1@zarechny.example.org");
    town.mail.inject(away.times(1));
    town.live_until("2026-10-15T09:00").await;
    let row = serde_json::json!({ "procedures": [{ "procedure": "ВПР", "grade": 5,
        "subject": "Математика", "participants": 2, "marks_2": 0, "marks_3": 1, "marks_4": 1,
        "marks_5": 0 }] });
    let request = v1::SubmitAssignmentRequest {
        name: format!("{RUN}/assignments/collect.school-1"),
        answers: Some(vekha::api::convert::structure(row.as_object().unwrap())),
        ..Default::default()
    };
    use v1::assignment_service_client::AssignmentServiceClient;
    let mut assignments = AssignmentServiceClient::new(town.channel().await);
    assignments.submit_assignment(request).await.unwrap();
    town.live_until("2026-10-15T09:30").await;
    let all = messages(&town).await;
    let reminder = |m: &&v1::Message| m.organisation == "school-1" && m.kind == "reminder";
    assert_eq!(all.iter().find(reminder).unwrap().state(), MessageState::Obsolete);
    assert_eq!(town.letters_to("school-1").len(), 2, "asked, and thanked");
    assert_eq!(town.letters_to("school-2").len(), 2, "asked, and reminded");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_of_the_mail_server_fails_no_letter_and_is_over_by_itself() {
    for fault in [
        Fault::new(At::Greeting, Act::Drop),
        Fault::new(At::Greeting, Act::Reply(421)),
        // It does not like our own address: no letter would fare better.
        Fault::new(At::Mail, Act::Reply(550)),
    ] {
        let town = Town::start("2026-10-06T10:00").await;
        town.mail.inject(fault);
        ask_schools(&town).await;
        town.settle().await;
        town.live_until("2026-10-06T10:05").await;
        let waiting = messages(&town).await;
        assert!(!waiting.is_empty());
        for message in &waiting {
            assert_eq!((message.state(), message.attempts), (MessageState::Pending, 0));
        }
        assert!(waiting.iter().any(|m| !m.error.is_empty()), "the outbox says what is wrong");
        let away = town.daemon.runtime.mail_is_away().expect("it is known");
        assert_eq!(away.since, instant("2026-10-06T10:00"));
        assert!(town.letters_to("department").is_empty());

        let home = reqwest::get(town.url()).await.unwrap().text().await.unwrap();
        assert!(home.contains("Почтовый сервер недоступен с 06.10.2026 10:00"), "{home}");
        let health = reqwest::get(format!("{}/healthz", town.url())).await.unwrap();
        assert_eq!(
            (health.status(), &*health.text().await.unwrap()),
            (StatusCode::OK, "mail-away")
        );

        town.mail.heal();
        town.live_until("2026-10-06T10:05:10").await;
        assert!(town.daemon.runtime.mail_is_away().is_none());
        for message in messages(&town).await {
            assert_eq!((message.state(), message.attempts), (MessageState::Sent, 1));
            assert!(message.error.is_empty() && !message.uncertain);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_that_failed_is_tried_again_by_one_call() {
    let town = Town::start("2026-10-06T10:00").await;
    town.mail.inject(Fault::new(At::Recipient, Act::Reply(550)));
    ask_schools(&town).await;
    town.settle().await;
    town.mail.heal();
    let mut outbox = OutboxServiceClient::new(town.channel().await);
    let mut retry = async |request: v1::RetryMessagesRequest| {
        let parent = "municipalities/zarechny".into();
        let request = v1::RetryMessagesRequest { parent, ..request };
        outbox.retry_messages(request).await.unwrap().into_inner().messages
    };
    let count = retry(v1::RetryMessagesRequest { validate_only: true, ..Default::default() }).await;
    let failed = messages(&town).await.iter().filter(|m| m.state() == MessageState::Failed).count();
    assert_eq!(usize::try_from(count).unwrap(), failed);
    assert!(failed >= 6, "six schools, and the notices of it");
    let organisation = "school-1".to_owned();
    assert_eq!(retry(v1::RetryMessagesRequest { organisation, ..Default::default() }).await, 1);
    let request_id = "0198c0de-0000-7000-8000-000000000001".to_owned();
    let all = v1::RetryMessagesRequest { request_id, ..Default::default() };
    assert_eq!(retry(all.clone()).await, count - 1);
    town.settle().await;
    assert!(messages(&town).await.iter().all(|m| m.state() == MessageState::Sent));
    assert_eq!(retry(all).await, count - 1, "a repeated call answers what the first one did");
    town.settle().await;
    assert!(messages(&town).await.iter().all(|m| m.state() == MessageState::Sent));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn letters_that_are_held_wait_for_their_release_and_what_is_no_longer_true_then_stays() {
    let town = Town::start("2026-10-06T10:00").await;
    let mut outbox = OutboxServiceClient::new(town.channel().await);
    let parent = || "municipalities/zarechny".to_owned();
    let hold = v1::HoldMessagesRequest {
        parent: parent(),
        reason: "В письме не тот срок".into(),
        ..Default::default()
    };
    let unexplained = v1::HoldMessagesRequest { reason: " ".into(), ..hold.clone() };
    let refused = outbox.hold_messages(unexplained).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::InvalidArgument, "{refused:?}");
    let held = outbox.hold_messages(hold).await.unwrap().into_inner();
    assert!(held.held, "{held:?}");
    ask_schools(&town).await;
    town.live_until("2026-10-07T10:00").await;
    assert_eq!(town.letters_to("school-1").len(), 0);
    let waiting = messages(&town).await;
    assert!(waiting.iter().all(|m| m.state() == MessageState::Pending && m.attempts == 0));

    // One of them is asked for nothing any more.
    let request = v1::WaiveAssignmentRequest {
        name: format!("{RUN}/assignments/collect.school-2"),
        reason: "Реорганизация".into(),
        ..Default::default()
    };
    AssignmentServiceClient::new(town.channel().await).waive_assignment(request).await.unwrap();
    town.settle().await;
    // Who has not seen that they are held lets nothing go.
    let stale = v1::ReleaseMessagesRequest {
        parent: parent(),
        etag: "another".into(),
        ..Default::default()
    };
    let refused = outbox.release_messages(stale).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Aborted, "{refused:?}");
    let release =
        v1::ReleaseMessagesRequest { parent: parent(), etag: held.etag, ..Default::default() };
    assert!(!outbox.release_messages(release).await.unwrap().into_inner().held);
    town.settle().await;
    assert_eq!(town.letters_to("school-1").len(), 1);
    assert_eq!(town.letters_to("school-2").len(), 0);
    assert_eq!(message_to(&town, "school-2").await.state(), MessageState::Obsolete);
    let journal =
        v1::ListEntriesRequest { parent: parent(), page_size: 1000, ..Default::default() };
    let mut client = JournalServiceClient::new(town.channel().await);
    let entries = client.list_entries(journal).await.unwrap().into_inner().entries;
    let told: Vec<_> = entries.iter().filter(|e| e.kind.starts_with("letters-")).collect();
    let kinds: Vec<&str> = told.iter().map(|e| e.kind.as_str()).collect();
    assert_eq!(kinds, ["letters-held", "letters-released"]);
    assert!(told.iter().all(|e| e.activity.is_empty() && e.run.is_empty()), "{told:?}");
    let whole = v1::VerifyJournalRequest { parent: parent() };
    assert_eq!(client.verify_journal(whole).await.unwrap().into_inner().reason, "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_several_addresses_that_is_refused_keeps_the_letter_from_nobody_and_is_told() {
    let town = Town::start_as("2026-10-06T10:00", |settings, folder| {
        let road_map = folder.join("road-map");
        copy(&shipped_road_map(), &road_map);
        let registry = road_map.join("organisations.toml");
        let text = std::fs::read_to_string(&registry).unwrap();
        let director = "email = \"director@school-2.example.org\", ";
        let also = text.replace(director, &format!("{director}letters = true, "));
        assert_ne!(also, text);
        std::fs::write(&registry, also).unwrap();
        settings.road_maps = vec![road_map];
    })
    .await;
    town.mail
        .inject(Fault::new(At::Recipient, Act::Reply(550)).to("director@school-2.example.org"));
    ask_schools(&town).await;
    town.settle().await;
    let sent = message_to(&town, "school-2").await;
    assert_eq!((sent.state(), sent.attempts), (MessageState::Sent, 1));
    assert!(sent.error.contains("director@school-2.example.org"), "{}", sent.error);
    assert_eq!(town.letters_to("school-2").len(), 1);
    let told = town.letters_to("department");
    assert!(told.iter().any(|l| l.text.contains("director@school-2.example.org")), "{told:?}");
}

/// Copies a folder with all in it.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target)
        } else {
            std::fs::copy(&path, &target).map(|_| ()).unwrap()
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_that_hangs_holds_up_neither_the_others_nor_the_end_of_the_daemon() {
    let town = Town::start("2026-10-06T10:00").await;
    town.mail.inject(Fault::new(At::Recipient, Act::Hang).to("school-1@zarechny.example.org"));
    ask_schools(&town).await;
    // The daemon's own loops send; the five others arrive while the first one hangs.
    town.mail.wait_for(5).await;
    town.mail.heal();
    let begun = std::time::Instant::now();
    let town = town.restart().await;
    assert!(begun.elapsed() < std::time::Duration::from_secs(15), "{:?}", begun.elapsed());
    let doubtful = message_to(&town, "school-1").await;
    assert_eq!(doubtful.state(), MessageState::Sent);
    assert!(doubtful.uncertain, "it may have gone out, and is marked so");
    assert_eq!(town.letters_to("school-1").len(), 1);
}

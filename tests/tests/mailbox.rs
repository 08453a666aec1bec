//! Returned letters as they really come: from a mailbox of Dovecot by IMAP, from a Maildir, into the
//! daemon and to everybody who should see it.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use serde_json::json;
use vekha_plugin::{Notifier as _, Secret, Settled};
use vekha_plugin_mail::{Bounces, Mail, MailConfig, Tls};
use vekha_tests::dovecot::{Dovecot, PASSWORD, USER, bring};
use vekha_tests::stranger::{Stranger, wrong_fields};
use vekha_tests::town::{Town, ask_schools};
use vekha_tests::visitor::Visitor;

/// A report as Postfix writes it.
fn bounce(message_id: &str, to: &str, status: &str, said: &str) -> String {
    format!(
        "Return-Path: <>\r\n\
         From: MAILER-DAEMON@mx.example.org (Mail Delivery System)\r\n\
         Subject: Undelivered Mail Returned to Sender\r\n\
         To: vekha@zarechny.example.org\r\n\
         Auto-Submitted: auto-replied\r\n\
         MIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status;\r\n\
         \tboundary=\"b/mx\"\r\n\r\n\
         --b/mx\r\nContent-Type: text/plain\r\n\r\n<{to}>: {said}\r\n\r\n\
         --b/mx\r\nContent-Type: message/delivery-status\r\n\r\n\
         Reporting-MTA: dns; mx.example.org\r\n\r\n\
         Final-Recipient: rfc822; {to}\r\nAction: failed\r\nStatus: {status}\r\n\
         Diagnostic-Code: smtp; {said}\r\n\r\n\
         --b/mx\r\nContent-Type: message/rfc822\r\n\r\n\
         From: vekha@zarechny.example.org\r\nTo: {to}\r\nMessage-ID: <{message_id}>\r\n\
         Subject: =?utf-8?b?0KHRgNC+0Lo=?=\r\n\r\ntext\r\n\r\n--b/mx--\r\n"
    )
}

fn mail(bounces: Bounces) -> Mail {
    let config = MailConfig {
        from: vekha_plugin::Address::new("", "vekha@zarechny.example.org"),
        folder: Some("unused".into()),
        bounces: Some(bounces),
        timeout_seconds: Some(10),
        ..MailConfig::default()
    };
    Mail::new(config).unwrap()
}

fn imap(address: String, certificate: &Path) -> Bounces {
    let ca_file = Some(certificate.to_owned());
    let password = Some(Secret(PASSWORD.into()));
    Bounces { imap: Some(address), password, ca_file, ..Bounces::default() }
}

/// How often each of these marks stands at the letters that lie there.
fn marked_seen(maildir: &Path) -> usize {
    let cur = std::fs::read_dir(maildir.join("cur")).unwrap();
    let names = cur.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names
        .filter(|name| name.split_once(":2,").is_some_and(|(_, marks)| marks.contains('S')))
        .count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reports_of_a_mailbox_stay_unseen_until_they_are_taken_and_other_letters_stay_so() {
    let server = Dovecot::start().await;
    server.bring("1.note", b"From: a@b.ru\r\nSubject: Delivery failed\r\n\r\nHello\r\n");
    server.bring("2.first", bounce("one@m.vekha", "a@b.ru", "5.1.1", "550 5.1.1 no").as_bytes());
    // Fifty megabytes, of which only the beginning is read.
    let mut large = bounce("two@m.vekha", "a@b.ru", "5.2.2", "552 5.2.2 full").into_bytes();
    large.resize(50 << 20, b'x');
    server.bring("3.large", &large);
    let certificate = server.certificate();
    let ways = [
        imap(format!("imaps://{USER}@localhost:{}/INBOX", server.imaps), &certificate),
        imap(format!("imap://{USER}@localhost:{}", server.imap), &certificate),
        Bounces {
            tls: Some(Tls::None),
            ca_file: None,
            ..imap(format!("imap://{USER}@127.0.0.1:{}", server.imap), &certificate)
        },
    ];
    let mut ids = Vec::new();
    for way in ways {
        let mail = mail(way);
        let found = mail.returned().await.unwrap();
        let told: Vec<_> = found.reports.iter().map(|report| report.message_id.as_str()).collect();
        assert_eq!((told, found.more), (vec!["one@m.vekha", "two@m.vekha"], false));
        // Whoever settled nothing hears it again.
        assert_eq!(mail.returned().await.unwrap(), found);
        ids = found.reports.into_iter().map(|report| report.id).collect();
    }
    assert_eq!(marked_seen(&server.maildir()), 0);
    let mail = mail(imap(format!("imaps://{USER}@localhost:{}", server.imaps), &certificate));
    mail.returned().await.unwrap();
    let settled = Settled { taken: vec![ids[0].clone()], left: vec![ids[1].clone()] };
    mail.settle_returned(&settled).await.unwrap();
    assert_eq!(marked_seen(&server.maildir()), 1);
    assert_eq!(mail.returned().await.unwrap().reports, [], "what was left is not looked at again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mailbox_that_is_closed_to_us_says_why() {
    let server = Dovecot::start().await;
    let address = format!("imaps://{USER}@localhost:{}", server.imaps);
    let wrong = Bounces {
        password: Some(Secret("не то".into())),
        ..imap(address.clone(), &server.certificate())
    };
    let why = mail(wrong).returned().await.unwrap_err();
    assert!(why.contains("не открывается") && !why.contains("не то"), "{why}");
    let unknown = Bounces { ca_file: None, ..imap(address, &server.certificate()) };
    let why = mail(unknown).returned().await.unwrap_err();
    assert!(why.contains("certificate"), "{why}");
    let nowhere =
        imap(format!("imaps://{USER}@localhost:{}/Nowhere", server.imaps), &server.certificate());
    let why = mail(nowhere).returned().await.unwrap_err();
    assert!(why.contains("Nowhere"), "{why}");
    let folder = Bounces { maildir: Some("/nowhere".into()), ..Bounces::default() };
    let why = mail(folder).returned().await.unwrap_err();
    assert!(why.contains("Maildir"), "{why}");
}

/// The one message to a school, as the API tells it.
async fn message_to(stranger: &Stranger, school: &str) -> serde_json::Value {
    let filter = format!("organisation = {school} AND kind = assignment");
    let request = json!({ "parent": "municipalities/zarechny", "filter": filter });
    let listed = stranger.call("OutboxService.ListMessages", request).await.unwrap();
    listed["messages"][0].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_returned_letter_is_seen_by_all_who_should_until_the_address_works_again() {
    let town = Town::start_as("2026-10-06T10:00", |settings, folder| {
        let maildir = folder.join("returned");
        for part in ["new", "cur", "tmp"] {
            std::fs::create_dir_all(maildir.join(part)).unwrap();
        }
        settings.mail.bounces = Some(Bounces { maildir: Some(maildir), ..Bounces::default() });
    })
    .await;
    ask_schools(town.channel().await).await;
    town.settle().await;
    let stranger = Stranger::meet(town.channel().await).await;
    let maildir = town.folder.path().join("returned");
    let message = message_to(&stranger, "school-2").await;
    assert_eq!(message["state"], "MESSAGE_STATE_SENT");
    let (id, to) = (message["messageId"].as_str().unwrap(), "school-2@zarechny.example.org");
    // A thousand at once, about what is not ours, and one that is.
    for number in 0..1000 {
        let other = bounce(&format!("{number}@example.org"), to, "5.1.1", "550 5.1.1 no");
        bring(&maildir, &format!("1.{number:04}"), other.as_bytes());
    }
    let said = "550 5.1.1 <school-2>: User unknown";
    bring(&maildir, "2.ours", bounce(id, to, "5.1.1", said).as_bytes());
    town.daemon.runtime.take_returned().await.unwrap();
    town.settle().await;
    assert_eq!(marked_seen(&maildir), 1, "what is not ours stays as it was");
    assert_eq!(std::fs::read_dir(maildir.join("new")).unwrap().count(), 1000);

    let message = message_to(&stranger, "school-2").await;
    assert_eq!(message["state"], "MESSAGE_STATE_FAILED");
    assert!(message["error"].as_str().unwrap().contains(said), "{message}");
    let name = "municipalities/zarechny/organisations/school-2";
    let get = async || {
        stranger.call("OrganisationService.GetOrganisation", json!({ "name": name })).await
    };
    let organisation = get().await.unwrap();
    assert_eq!(organisation["addressState"], "ADDRESS_STATE_REFUSED");
    assert_eq!(organisation["deadAddresses"][0]["address"], to);
    let told = town.letters_to("department");
    assert!(
        told.iter().any(|letter| letter.text.contains("User unknown")),
        "the department is told"
    );

    let mut visitor = Visitor::default();
    let page = format!("{}/m/zarechny/organisations/school-2", town.url());
    let seen = visitor.open(&page).await;
    assert!(seen.text.contains(&format!("Такого адреса нет: {to}")), "{}", seen.text);
    let today = visitor.open(&format!("{}/today", town.url())).await;
    assert!(today.text.contains("не доставлено 1 письмо"), "{}", today.text);
    let listed =
        visitor.open(&format!("{}/m/zarechny/organisations?state=broken", town.url())).await;
    assert!(listed.text.contains("такого адреса нет"), "{}", listed.text);
    let letters = visitor.open(&format!("{}/m/zarechny/letters", town.url())).await;
    assert!(letters.text.contains("вернулось"), "{}", letters.text);
    let journal = visitor.open(&format!("{}/m/zarechny/journal", town.url())).await;
    assert!(journal.text.contains("письмо вернулось: такого адреса нет"), "{}", journal.text);

    let form = [("_once", ""), ("_action", "confirm"), ("address", to)];
    let posted = visitor.post(&page, &form).await;
    let seen = visitor.follow(posted).await;
    assert!(seen.text.contains("Письма снова идут на этот адрес"), "{}", seen.text);
    assert_eq!(get().await.unwrap()["deadAddresses"], serde_json::Value::Null);
    let retry = json!({ "name": message["name"] });
    stranger.call("OutboxService.RetryMessage", retry).await.unwrap();
    town.settle().await;
    assert_eq!(message_to(&stranger, "school-2").await["state"], "MESSAGE_STATE_SENT");
    assert_eq!(town.letters_to("school-2").len(), 2);

    // It comes back once more; another system says that the address works.
    let returns = async |name: &str| {
        let again = bounce(id, to, "5.1.1", &format!("550 5.1.1 {name}"));
        bring(&maildir, name, again.as_bytes());
        town.daemon.runtime.take_returned().await.unwrap();
        assert_eq!(get().await.unwrap()["deadAddresses"][0]["address"], to);
    };
    returns("3.again").await;
    let confirm = async |more: serde_json::Value| {
        let mut request = json!({ "name": name });
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        stranger.call("OrganisationService.ConfirmAddress", request).await
    };
    let dead = async || get().await.unwrap()["deadAddresses"].clone();
    let tried = confirm(json!({ "validateOnly": true })).await.unwrap();
    assert_eq!(tried["deadAddresses"], serde_json::Value::Null, "as it would be");
    assert_eq!(dead().await[0]["address"], to, "only tried");
    let wrong = confirm(json!({ "address": "other@example.org" })).await.unwrap_err();
    assert!(wrong_fields(&wrong).contains_key("address"), "{wrong:?}");
    let once = json!({ "address": to.to_uppercase(), "requestId": "r1" });
    confirm(once.clone()).await.unwrap();
    assert_eq!(dead().await, serde_json::Value::Null);
    returns("4.again").await;
    confirm(once).await.unwrap();
    assert_eq!(dead().await[0]["address"], to, "the same request is carried out once");
    confirm(json!({})).await.unwrap();
    assert_eq!(dead().await, serde_json::Value::Null, "all of the organisation's");
}

use super::*;
use vekha_plugin::Cause;

const ID: &str = "0123456789abcdef0123456789abcdef@zarechny.vekha";

fn report(head: &str) -> Report {
    match read(head.replace('\n', "\r\n").as_bytes()) {
        Read::Report(report) => report,
        other => panic!("{other:?}"),
    }
}

fn only(head: &str) -> (Vec<String>, Cause, String) {
    let report = report(head);
    assert_eq!(report.message_id, ID);
    let [failure] = report.failures.try_into().unwrap();
    (failure.addresses, failure.cause, failure.detail)
}

/// As Postfix writes it, which also tells what the letter's address was at first.
fn postfix(status: &str, said: &str, action: &str) -> String {
    format!(
        "Return-Path: <>
From: MAILER-DAEMON@mx.otdel.ru (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: post@otdel.ru
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary=\"4Bx1.1700/mx.otdel.ru\"
Message-Id: <20270915070101.4Bx2@mx.otdel.ru>

This is a MIME-encapsulated message.

--4Bx1.1700/mx.otdel.ru
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

<school-1@school.ru>: host mx.school.ru[10.0.0.1] said: {said}

--4Bx1.1700/mx.otdel.ru
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.otdel.ru
X-Postfix-Queue-ID: 4Bx1
X-Postfix-Sender: rfc822; post@otdel.ru
Arrival-Date: Wed, 15 Sep 2027 10:00:00 +0300 (MSK)

Final-Recipient: rfc822; school-1@school.ru
Original-Recipient: rfc822;school-1@school.ru
Action: {action}
Status: {status}
Remote-MTA: dns; mx.school.ru
Diagnostic-Code: smtp; {said}

--4Bx1.1700/mx.otdel.ru
Content-Description: Undelivered Message
Content-Type: message/rfc822

Return-Path: <post@otdel.ru>
From: =?utf-8?b?0J7RgtC00LXQuw==?= <otdel@otdel.ru>
To: school-1@school.ru
Subject: =?utf-8?b?0KHRgNC+0Lo=?=
Message-ID: <{ID}>
Content-Type: multipart/mixed; boundary=\"vekha-1\"

--vekha-1
Content-Type: text/plain

"
    )
}

#[test]
fn postfix_says_whom_and_why() {
    let said = "550 5.1.1 <school-1@school.ru>: Recipient address rejected:
    User unknown in virtual mailbox table (in reply to RCPT TO command)";
    let (to, cause, detail) = only(&postfix("5.1.1", said, "failed"));
    assert_eq!((to, cause), (vec!["school-1@school.ru".to_owned()], Cause::NoSuchAddress));
    assert!(detail.starts_with("550 5.1.1 ") && detail.contains("rejected: User"), "{detail}");
}

#[test]
fn of_exim_the_remote_reply_tells_and_only_the_header_is_returned() {
    let (to, cause, _) = only(&format!(
        "X-Failed-Recipients: dir@school.ru
Auto-Submitted: auto-replied
From: Mail Delivery System <Mailer-Daemon@otdel.ru>
To: post@otdel.ru
References: <{ID}>
Content-Type: multipart/report; report-type=delivery-status; boundary=1700-eximdsn-804289383
MIME-Version: 1.0
Subject: Mail delivery failed: returning message to sender

--1700-eximdsn-804289383
Content-type: text/plain; charset=us-ascii

This message was created automatically by mail delivery software.

--1700-eximdsn-804289383
Content-type: message/delivery-status

Reporting-MTA: dns; otdel.ru

Action: failed
Final-Recipient: rfc822;dir@school.ru
Status: 5.0.0
Remote-MTA: dns; mx.mail.ru
Diagnostic-Code: smtp; 550 Message was not accepted -- invalid mailbox.  Local mailbox dir@school.ru is unavailable: user not found

--1700-eximdsn-804289383
Content-type: text/rfc822-headers

Received: from vekha by otdel.ru
Message-ID: <{ID}>
To: dir@school.ru

--1700-eximdsn-804289383--
"
    ));
    assert_eq!((to, cause), (vec!["dir@school.ru".to_owned()], Cause::NoSuchAddress));
}

#[test]
fn exchange_names_several_and_not_all_have_failed() {
    let report = report(&format!(
        "From: postmaster@otdel.onmicrosoft.com
To: post@otdel.ru
Content-Type: multipart/report; report-type=delivery-status;
\tboundary=\"b2\"
X-MS-Exchange-Message-Is-Ndr:
In-Reply-To: <{ID}>
Subject: Undeliverable: x
Auto-Submitted: auto-replied
MIME-Version: 1.0

--b2
Content-Type: multipart/alternative; differences=Content-Type; boundary=\"b3\"

--b3
Content-Type: text/html; charset=\"utf-8\"

<p>Your message could not be delivered.</p>
--b3--

--b2
Content-Type: message/delivery-status

Reporting-MTA: dns;DB9PR01.eurprd01.prod.outlook.com
Received-From-MTA: dns;AM0PR.outlook.com
Arrival-Date: Wed, 15 Sep 2027 07:00:00 +0000

Final-Recipient: rfc822;one@school.ru
Action: failed
Status: 5.1.10
Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup
X-Display-Name: one@school.ru

Original-Recipient: rfc822;two+40school.ru
Final-Recipient: rfc822;Second@school.ru
Action: failed
Status: 5.2.2
Diagnostic-Code: smtp;554 5.2.2 mailbox full

Final-Recipient: rfc822;three@school.ru
Action: expanded
Status: 2.0.0

--b2
Content-Type: message/rfc822

Received: from vekha
Message-ID:
\t<{ID}>
Subject: x

--b2--
"
    ));
    assert_eq!(report.message_id, ID);
    let told: Vec<_> = report.failures.iter().map(|f| (f.addresses.join(" "), f.cause)).collect();
    let wanted = [
        ("one@school.ru".to_owned(), Cause::NoSuchAddress),
        ("two@school.ru Second@school.ru".to_owned(), Cause::Full),
    ];
    assert_eq!(told, wanted);
}

#[test]
fn gmail_may_return_nothing_but_the_message_id() {
    let gmail = |returned: &str| {
        format!(
            "From: Mail Delivery Subsystem <mailer-daemon@googlemail.com>
To: post@otdel.ru
Auto-Submitted: auto-replied
Subject: Delivery Status Notification (Failure)
References: <{ID}>
In-Reply-To: <{ID}>
X-Failed-Recipients: nobody@gmail.com
MIME-Version: 1.0
Content-Type: multipart/report; boundary=\"000000\"; report-type=delivery-status

--000000
Content-Type: multipart/related; boundary=\"000001\"

--000001
Content-Type: text/plain; charset=\"UTF-8\"
Content-Transfer-Encoding: quoted-printable

** Address not found **
--000001--
--000000
Content-Type: message/delivery-status

Reporting-MTA: dns; googlemail.com
Arrival-Date: Wed, 15 Sep 2027 00:00:00 -0700 (PDT)
X-Original-Message-ID: <{ID}>

Final-Recipient: rfc822; nobody@gmail.com
Action: failed
Status: 5.1.1
Remote-MTA: dns; gmail-smtp-in.l.google.com. (2a00:1450:4010:c0f::1a, the
 server for the domain gmail.com.)
Diagnostic-Code: smtp; 550-5.1.1 The email account that you tried to reach does not exist. Please try
 550-5.1.1 double-checking the recipient's email address for typos or unnecessary
 550 5.1.1 spaces. For more information, go to https://support.google.com/mail/?p=NoSuchUser
Last-Attempt-Date: Wed, 15 Sep 2027 00:00:01 -0700 (PDT)

{returned}--000000--
"
        )
    };
    let whole = format!(
        "--000000\nContent-Type: message/rfc822\n\nMessage-ID: <{ID}>\nTo: a@b.ru\n\nЗдравствуйте\n\n"
    );
    for returned in [whole.as_str(), ""] {
        let (to, cause, detail) = only(&gmail(returned));
        assert_eq!((to, cause), (vec!["nobody@gmail.com".to_owned()], Cause::NoSuchAddress));
        assert!(detail.contains("double-checking"), "{detail}");
    }
}

#[test]
fn yandex_calls_a_missing_address_a_policy() {
    let gone = postfix("5.7.1", "550 5.7.1 No such user!", "failed");
    assert_eq!(only(&gone).1, Cause::NoSuchAddress);
    let spam = postfix("5.7.1", "554 5.7.1 [2] Message rejected under suspicion of SPAM", "failed");
    assert_eq!(only(&spam).1, Cause::Refused);
}

#[test]
fn who_is_late_has_not_failed() {
    for action in ["delayed", "relayed", "delivered"] {
        let report = report(&postfix("4.4.1", "connect timed out", action));
        assert_eq!((report.message_id.as_str(), report.failures.len()), (ID, 0), "{action}");
    }
    let late = only(&postfix("4.4.7", "delivery time expired", "failed"));
    assert_eq!(late.1, Cause::Other);
}

#[test]
fn what_is_no_report_is_none_and_a_report_that_says_nothing_is_told() {
    let absent = format!(
        "From: director@school.ru\nSubject: Delivery failed: 5.1.1\nAuto-Submitted: auto-replied\n\
         In-Reply-To: <{ID}>\nContent-Type: text/plain\n\nЯ в отпуске. Status: 5.1.1\n"
    );
    let forwarded = postfix("5.1.1", "550 5.1.1 x", "failed")
        .replace("multipart/report; report-type=delivery-status", "multipart/mixed");
    for other in
        [absent.as_str(), forwarded.as_str(), "", "\0\u{1}", "Content-Type: multipart/report"]
    {
        assert_eq!(read(other.as_bytes()), Read::Other, "{other}");
    }
    let whole = postfix("5.1.1", "550 5.1.1 x", "failed");
    for cut in [whole.replace(ID, ""), whole.replace("Final-Recipient", "X-Recipient")] {
        assert!(matches!(read(cut.as_bytes()), Read::Unreadable(_)), "{cut}");
    }
    // Wherever a letter ends, it is read without harm.
    for end in 0..whole.len() {
        if whole.is_char_boundary(end) {
            let _ = read(&whole.as_bytes()[..end]);
        }
    }
}

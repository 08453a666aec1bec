//! What a recipient's mail client reads in a letter, and what an administrator finds in the folder.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

use mail_parser::{Message as Read, MessageParser, MimeHeaders};
use vekha_plugin::{Address, Attachment, DeliveryErrorKind, Message, Notifier, Plugin};
use vekha_plugin_mail::{Dkim, Mail, MailConfig};

const SEPTEMBER_15: i64 = 1_820_991_600_000;

fn config(folder: &Path) -> MailConfig {
    MailConfig {
        from: Address::new("Отдел образования, г. Заречный", "otdel@example.ru"),
        folder: Some(folder.to_path_buf()),
        ..MailConfig::default()
    }
}

fn reminder() -> Message {
    Message {
        key: "zarechny/vpr/2026-27/collect/school-1/reminder-2".into(),
        message_id: "9f86d081884c7d65@zarechny.vekha".into(),
        to: vec![Address::new("МБОУ «СОШ № 1»", "school-1@example.ru")],
        reply_to: Some(Address::new("Иванова Мария Петровна", "ivanova@example.ru")),
        subject: "Напоминание: сведения о ВПР ожидаются до 20 сентября 2027 года".into(),
        text: "Здравствуйте!\n\nСведения ожидаются до 20 сентября.\n.\nС уважением,\nотдел".into(),
        html: Some("<p>Здравствуйте!</p>\n<p>Сведения ожидаются <b>до 20 сентября</b>.</p>".into()),
        references: vec!["first@zarechny.vekha".into(), "second@zarechny.vekha".into()],
        date: SEPTEMBER_15,
        ..Message::default()
    }
}

/// Delivers into a new folder and reads the only file there.
async fn written(message: &Message) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let mail = Mail::new(config(folder.path())).unwrap();
    let receipt = mail.deliver(message).await.unwrap();
    let files = files(folder.path());
    assert_eq!(files, [PathBuf::from(receipt.detail)]);
    fs::read(&files[0]).unwrap()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

fn read(letter: &[u8]) -> Read<'_> {
    MessageParser::default().parse(letter).unwrap()
}

/// The header's lines as they stand, unfolded.
fn header(letter: &[u8], name: &str) -> Vec<String> {
    let text = String::from_utf8(letter.to_vec()).unwrap();
    let head = text.split("\r\n\r\n").next().unwrap().replace("\r\n ", " ");
    let prefix = format!("{}:", name.to_lowercase());
    let found = head.lines().filter(|line| line.to_lowercase().starts_with(&prefix));
    found.map(|line| line[prefix.len()..].trim().to_owned()).collect()
}

/// What any mail server takes: ASCII, CRLF at the ends of lines and nowhere else, 998 bytes a line.
fn assert_fit_for_smtp(letter: &[u8]) {
    let text = std::str::from_utf8(letter).unwrap();
    assert!(text.is_ascii());
    for line in text.split("\r\n") {
        assert!(line.len() <= 998, "{} bytes: {line}", line.len());
        assert!(!line.contains(['\r', '\n', '\0']), "{line:?}");
    }
}

#[tokio::test]
async fn a_client_reads_the_letter_as_it_was_written() {
    let message = reminder();
    let letter = written(&message).await;
    assert_fit_for_smtp(&letter);
    let read = read(&letter);
    assert_eq!(read.subject(), Some(message.subject.as_str()));
    let crlf = |text: &str| text.replace('\n', "\r\n");
    assert_eq!(read.body_text(0).unwrap().trim_end(), crlf(&message.text));
    assert_eq!(read.body_html(0).unwrap().trim_end(), crlf(message.html.as_deref().unwrap()));
    let from = read.from().unwrap().first().unwrap();
    assert_eq!(from.name(), Some("Отдел образования, г. Заречный"));
    assert_eq!(from.address(), Some("otdel@example.ru"));
    let to = read.to().unwrap().first().unwrap();
    assert_eq!((to.name(), to.address()), (Some("МБОУ «СОШ № 1»"), Some("school-1@example.ru")));
    let reply_to = read.reply_to().unwrap().first().unwrap();
    assert_eq!(reply_to.address(), Some("ivanova@example.ru"));
    assert_eq!(read.date().unwrap().to_timestamp() * 1000, SEPTEMBER_15);
    assert!(header(&letter, "Content-Type")[0].starts_with("multipart/alternative"));
}

#[tokio::test]
async fn a_letter_joins_its_thread_and_no_robot_answers_it() {
    let letter = written(&reminder()).await;
    let read = read(&letter);
    assert_eq!(read.message_id(), Some("9f86d081884c7d65@zarechny.vekha"));
    assert_eq!(read.in_reply_to().as_text(), Some("second@zarechny.vekha"));
    let references = read.references().as_text_list().unwrap();
    assert_eq!(references, ["first@zarechny.vekha", "second@zarechny.vekha"]);
    assert_eq!(header(&letter, "Auto-Submitted"), ["auto-generated"]);
    assert_eq!(header(&letter, "X-Auto-Response-Suppress"), ["All"]);
    assert_eq!(header(&letter, "MIME-Version"), ["1.0"]);
    assert_eq!(header(&letter, "List-Id"), [""; 0]);
}

#[tokio::test]
async fn a_letter_of_a_list_names_it_within_the_senders_domain_and_nothing_else() {
    let letter = written(&Message { list: "reminders.zarechny".into(), ..reminder() }).await;
    assert_eq!(header(&letter, "List-Id"), ["<reminders.zarechny.example.ru>"]);
    let folder = tempfile::tempdir().unwrap();
    let mail = Mail::new(config(folder.path())).unwrap();
    for list in ["a b", "a..b", ".", "x>\r\nBcc: all@example.ru", &"long".repeat(100)] {
        let message = Message { list: list.into(), ..reminder() };
        let error = mail.deliver(&message).await.unwrap_err();
        assert_eq!(error.kind, DeliveryErrorKind::Permanent, "{list}");
    }
}

#[tokio::test]
async fn the_first_letter_of_a_thread_refers_to_nothing() {
    let letter = written(&Message { references: Vec::new(), ..reminder() }).await;
    assert!(header(&letter, "In-Reply-To").is_empty());
    assert!(header(&letter, "References").is_empty());
}

#[tokio::test]
async fn a_long_thread_keeps_its_first_letter_and_the_last_ones() {
    let references: Vec<_> = (0..500).map(|n| format!("letter-{n}@zarechny.vekha")).collect();
    let letter = written(&Message { references, ..reminder() }).await;
    assert_fit_for_smtp(&letter);
    let read = read(&letter);
    let kept = read.references().as_text_list().unwrap();
    assert_eq!(kept.len(), 20);
    assert_eq!(kept[0], "letter-0@zarechny.vekha");
    assert_eq!(kept[19], "letter-499@zarechny.vekha");
}

#[tokio::test]
async fn files_arrive_byte_for_byte_under_their_russian_names() {
    let calendar = Attachment {
        file_name: "Срок сдачи сведений о всероссийских проверочных работах.ics".into(),
        content_type: "text/calendar; method=PUBLISH; charset=utf-8".into(),
        bytes: b"BEGIN:VCALENDAR\nEND:VCALENDAR\n".to_vec(),
    };
    let form = Attachment {
        file_name: "form.xlsx".into(),
        content_type: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet".into(),
        bytes: (0..=255).cycle().take(100_000).collect(),
    };
    for html in [None, reminder().html] {
        let attachments = vec![calendar.clone(), form.clone()];
        let letter = written(&Message { attachments, html, ..reminder() }).await;
        assert_fit_for_smtp(&letter);
        assert!(header(&letter, "Content-Type")[0].starts_with("multipart/mixed"));
        let read = read(&letter);
        assert!(read.body_text(0).unwrap().starts_with("Здравствуйте!"));
        let files: Vec<_> = read.attachments().collect();
        assert_eq!(files.len(), 2);
        for (file, sent) in files.iter().zip([&calendar, &form]) {
            assert_eq!(file.attachment_name(), Some(sent.file_name.as_str()));
            assert_eq!(file.contents(), sent.bytes);
        }
    }
}

#[tokio::test]
async fn long_lines_and_odd_line_ends_travel_safely() {
    let long = "Очень длинная строка без переносов. ".repeat(500);
    let ascii = "https://vekha.example.ru/".to_owned() + &"a".repeat(5000);
    for text in [long.as_str(), &ascii, "a\rb\nc\r\nd\r.\r\n.\n..\nFrom here\n", "", "\n\n"] {
        let message = Message { text: text.into(), html: Some(text.into()), ..reminder() };
        let letter = written(&message).await;
        assert_fit_for_smtp(&letter);
        let lines = text.replace("\r\n", "\n").replace('\r', "\n");
        let read = read(&letter);
        let body = read.body_text(0).unwrap().replace("\r\n", "\n");
        assert_eq!(body.trim_end_matches('\n'), lines.trim_end_matches('\n'));
    }
}

#[tokio::test]
async fn nothing_in_a_letter_becomes_a_header() {
    let evil = "x\r\nBcc: thief@example.com\r\n\r\nbody";
    let letter = written(&Message {
        subject: format!("Тема {evil}"),
        to: vec![Address::new(evil, "school-1@example.ru")],
        reply_to: Some(Address::new(format!("Имя\n{evil}"), "ivanova@example.ru")),
        attachments: vec![Attachment {
            file_name: format!("{evil}\".exe"),
            content_type: "text/plain".into(),
            bytes: Vec::new(),
        }],
        ..reminder()
    })
    .await;
    assert_fit_for_smtp(&letter);
    assert!(header(&letter, "Bcc").is_empty());
    assert!(read(&letter).bcc().is_none());
    assert_eq!(read(&letter).subject(), Some("Тема x Bcc: thief@example.com body"));
    for name in ["Subject", "To", "From", "Reply-To", "Date", "Message-ID"] {
        assert_eq!(header(&letter, name).len(), 1, "{name}");
    }
}

#[tokio::test]
async fn an_address_or_an_id_that_is_none_is_refused_for_good() {
    let folder = tempfile::tempdir().unwrap();
    let mail = Mail::new(config(folder.path())).unwrap();
    let to = |email: &str| Message { to: vec![Address::new("", email)], ..reminder() };
    let wrong = [
        Message { to: Vec::new(), ..reminder() },
        to(""),
        to("school-1"),
        to("school-1@example.ru\r\nRCPT TO:<thief@example.com>"),
        to("a@b.ru>, <thief@example.com"),
        to("a b@example.ru"),
        Message { message_id: "a@b>\r\nBcc: thief@example.com".into(), ..reminder() },
        Message { message_id: "no-domain".into(), ..reminder() },
        Message { references: vec!["a b@c".into()], ..reminder() },
        Message { date: -1, ..reminder() },
        Message { date: i64::MAX, ..reminder() },
        Message {
            attachments: vec![Attachment {
                file_name: "a".into(),
                content_type: "text/plain\r\nBcc: thief@example.com".into(),
                bytes: Vec::new(),
            }],
            ..reminder()
        },
    ];
    for message in wrong {
        let error = mail.deliver(&message).await.unwrap_err();
        assert_eq!(error.kind, DeliveryErrorKind::Permanent, "{message:?}");
    }
    assert!(files(folder.path()).is_empty());
}

#[tokio::test]
async fn the_same_letter_is_the_same_file_with_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("not/yet/there");
    let mail = Mail::new(config(&folder)).unwrap();
    mail.deliver(&reminder()).await.unwrap();
    let once = fs::read(&files(&folder)[0]).unwrap();
    mail.deliver(&Message { uncertain: true, ..reminder() }).await.unwrap();
    assert_eq!(files(&folder).len(), 1);
    assert_eq!(fs::read(&files(&folder)[0]).unwrap(), once);

    mail.deliver(&Message { key: "another".into(), ..reminder() }).await.unwrap();
    assert_eq!(files(&folder).len(), 2);
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_tried_again() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mail = Mail::new(config(&file.path().join("mail"))).unwrap();
    assert_eq!(mail.check().await.unwrap_err()[0].field, "folder");
    assert!(!mail.health().await.is_healthy());
    let error = mail.deliver(&reminder()).await.unwrap_err();
    assert_eq!(error.kind, DeliveryErrorKind::Unavailable);
}

#[tokio::test]
async fn a_cyrillic_domain_is_written_so_that_every_server_understands_it() {
    let to = vec![Address::new("Школа", "director@школа.рф")];
    let letter = written(&Message { to, ..reminder() }).await;
    assert_fit_for_smtp(&letter);
    assert!(header(&letter, "To")[0].ends_with("<director@xn--80atdl2c.xn--p1ai>"));
}

#[tokio::test]
async fn a_signed_letter_names_what_the_signature_covers() {
    let folder = tempfile::tempdir().unwrap();
    let key_file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dkim-test-key.pem");
    let dkim = Dkim { selector: "vekha".into(), domain: "example.ru".into(), key_file };
    let config = MailConfig { dkim: Some(dkim), ..config(&folder.path().join("mail")) };
    Mail::new(config).unwrap().deliver(&reminder()).await.unwrap();
    let letter = fs::read(&files(&folder.path().join("mail"))[0]).unwrap();
    let signature = header(&letter, "DKIM-Signature").remove(0);
    assert!(signature.contains("d=example.ru; s=vekha; c=relaxed/relaxed"), "{signature}");
    let covered =
        "h=from:to:reply-to:subject:date:message-id:in-reply-to:references:list-id:mime-version;";
    assert!(signature.contains(covered), "{signature}");
    assert_fit_for_smtp(&letter);
}

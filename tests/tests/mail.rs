//! Mail over real SMTP: what arrives, and what the plugin says of each failure, so that the outbox
//! neither loses a letter nor sends one twice without need.

#![allow(clippy::unwrap_used)] // how tests fail

use std::sync::Arc;
use std::time::Duration;

use mail_parser::MessageParser;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{self, ServerConfig};
use vekha_plugin::{Address, DeliveryError, DeliveryErrorKind, Message, Notifier, Plugin, Receipt};
use vekha_plugin_mail::{Mail, MailConfig, Secret, Tls, Transport};
use vekha_tests::smtp::{Act, At, Fault, SmtpServer};

fn config(port: u16) -> MailConfig {
    MailConfig {
        transport: Transport::Smtp,
        from: Address::new("Отдел образования", "otdel@example.ru"),
        host: Some("127.0.0.1".into()),
        port: Some(port),
        tls: Tls::None,
        timeout_seconds: Some(1),
        ..MailConfig::default()
    }
}

fn mail(server: &SmtpServer) -> Mail {
    Mail::new(config(server.port())).unwrap()
}

fn letter(to: &str) -> Message {
    Message {
        key: format!("letter to {to}"),
        message_id: format!("{}@zarechny.vekha", to.replace(['@', ' '], "-")),
        to: vec![Address::new("Школа", to)],
        subject: "Сведения о всероссийских проверочных работах".into(),
        text: "Здравствуйте!\n.\n..\nЖдём сведений.".into(),
        date: 1_820_991_600_000,
        ..Message::default()
    }
}

fn kind(outcome: Result<Receipt, DeliveryError>) -> (DeliveryErrorKind, Option<u16>) {
    let error = outcome.expect_err("the delivery fails");
    (error.kind, error.code)
}

#[tokio::test]
async fn a_letter_arrives_as_it_was_written() {
    let server = SmtpServer::start().await;
    let message = letter("school-1@example.ru");
    let receipt = mail(&server).deliver(&message).await.unwrap();
    assert_eq!(receipt.detail, "250 2.0.0 Accepted");

    let received = server.wait_for(1).await.remove(0);
    assert_eq!(received.from, "otdel@example.ru");
    assert_eq!(received.to, ["school-1@example.ru"]);
    assert_eq!(received.message_id, message.message_id);
    let read = MessageParser::default().parse(&received.data).unwrap();
    assert_eq!(read.subject(), Some(message.subject.as_str()));
    assert_eq!(read.body_text(0).unwrap().replace("\r\n", "\n").trim_end(), message.text);
}

#[tokio::test]
async fn ascii_lines_that_begin_with_dots_arrive_whole() {
    let server = SmtpServer::start().await;
    let text = ".\n..\n.hidden\nend".to_owned();
    let message = Message { text: text.clone(), ..letter("school-1@example.ru") };
    mail(&server).deliver(&message).await.unwrap();
    let received = server.wait_for(1).await.remove(0);
    let read = MessageParser::default().parse(&received.data).unwrap();
    assert_eq!(read.body_text(0).unwrap().replace("\r\n", "\n").trim_end(), text);
}

#[tokio::test]
async fn replies_tell_what_to_do_next() {
    use DeliveryErrorKind::{Permanent, Transient, Unavailable};
    let server = SmtpServer::start().await;
    let mail = mail(&server);
    for at in [At::Mail, At::Recipient, At::Data, At::Text] {
        // What is said of the sender is about us and not about the letter, but for its own size.
        let (later, never) = match at {
            At::Mail => (Unavailable, Unavailable),
            _ => (Transient, Permanent),
        };
        for (code, wanted) in [(421, Unavailable), (450, later), (550, never), (552, Permanent)] {
            server.inject(Fault::new(at, Act::Reply(code)).times(1));
            let outcome = mail.deliver(&letter("school-1@example.ru")).await;
            assert_eq!(kind(outcome), (wanted, Some(code)), "{at:?}");
        }
    }
    assert!(server.received().is_empty());
    mail.deliver(&letter("school-1@example.ru")).await.unwrap();
}

#[tokio::test]
async fn a_refused_address_does_not_hinder_others() {
    let server = SmtpServer::start().await;
    server.inject(Fault::new(At::Recipient, Act::Reply(550)).to("gone@example.ru"));
    let mail = mail(&server);
    let error = mail.deliver(&letter("gone@example.ru")).await.unwrap_err();
    assert_eq!(error.kind, DeliveryErrorKind::Permanent);
    assert!(error.message.contains("gone@example.ru"), "{error}");
    mail.deliver(&letter("school-1@example.ru")).await.unwrap();
    assert_eq!(server.connections(), 1, "the connection outlives the refusal");

    let both = ["gone@example.ru", "school-2@example.ru"].map(|email| Address::new("", email));
    let message = Message { to: both.into(), ..letter("both@example.ru") };
    let receipt = mail.deliver(&message).await.unwrap();
    let [refused] = receipt.refused.as_slice() else { panic!("{receipt:?}") };
    assert!(refused.contains("gone@example.ru") && refused.contains("550"), "{refused}");
    assert_eq!(server.received()[1].to, ["school-2@example.ru"], "the other one has it");

    // Where all are refused, but one only for now, all are tried again.
    server.inject(Fault::new(At::Recipient, Act::Reply(451)).to("busy@example.ru"));
    let both = ["gone@example.ru", "busy@example.ru"].map(|email| Address::new("", email));
    let message = Message { to: both.into(), ..letter("none@example.ru") };
    assert_eq!(kind(mail.deliver(&message).await).0, DeliveryErrorKind::Transient);
}

#[tokio::test]
async fn a_domain_that_has_had_enough_holds_up_no_other() {
    let server = SmtpServer::start().await;
    let rate = [("slow.ru".to_owned(), 2), ("*".to_owned(), 60_000)].into();
    let mail = Mail::new(MailConfig { rate, ..config(server.port()) }).unwrap();
    mail.deliver(&letter("school-1@slow.ru")).await.unwrap();
    let wait = kind(mail.deliver(&letter("school-2@SLOW.ru")).await).0;
    assert!(matches!(wait, DeliveryErrorKind::Later { seconds: 29 | 30 }), "{wait:?}");
    let both = ["school-3@slow.ru", "school-3@quick.ru"].map(|email| Address::new("", email));
    let both = Message { to: both.into(), ..letter("both@slow.ru") };
    let wait = kind(mail.deliver(&both).await).0;
    assert!(matches!(wait, DeliveryErrorKind::Later { seconds: 59 | 60 }), "{wait:?}");
    mail.deliver(&letter("school-4@quick.ru")).await.unwrap();
    assert_eq!(server.received().len(), 2, "what waits was not begun");
}

/// A server of which each connection is a script: what it says at once, and then in reply to each line.
async fn scripted(connections: Vec<Vec<&'static str>>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        for script in connections {
            let (stream, _) = listener.accept().await.unwrap();
            let (read, mut write) = stream.into_split();
            let mut lines = BufReader::new(read).lines();
            for reply in script {
                write.write_all(reply.as_bytes()).await.unwrap();
                if reply.ends_with("bye\r\n") {
                    break;
                }
                let mut line = lines.next_line().await.unwrap();
                while reply.starts_with("354") && line.as_deref() != Some(".") {
                    line = lines.next_line().await.unwrap();
                }
            }
        }
    });
    port
}

#[tokio::test]
async fn a_server_that_says_farewell_while_nothing_is_sent_costs_no_failed_try() {
    const GREETING: &str = "220 mail.example.ru\r\n";
    const OK: &str = "250 ok\r\n";
    const GO: &str = "354 go\r\n";
    let first = vec![GREETING, OK, OK, OK, GO, "250 taken\r\n221 bye\r\n"];
    let second = vec![GREETING, OK, OK, OK, GO, OK];
    let config = config(scripted(vec![first, second]).await);
    let mail = Mail::new(config).unwrap();
    mail.deliver(&letter("school-1@example.ru")).await.unwrap();
    mail.deliver(&letter("school-2@example.ru")).await.unwrap();
}

#[tokio::test]
async fn a_server_that_never_ends_its_line_is_not_listened_to_for_long() {
    for tls in [Tls::None, Tls::Implicit] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let said = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut said = 0_usize;
            // Bounded, should nobody hang up.
            while said < 256 << 20 && stream.write_all(&[b'x'; 1 << 16]).await.is_ok() {
                said += 1 << 16;
            }
            said
        });
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        let (door, certificate) = door(port).await;
        std::fs::write(&file, certificate).unwrap();
        let config = match tls {
            Tls::Implicit => {
                let (host, ca_file) = (Some("localhost".to_owned()), Some(file));
                MailConfig { tls, host, ca_file, ..config(door) }
            }
            _ => config(port),
        };
        let outcome = Mail::new(config).unwrap().deliver(&letter("school-1@example.ru")).await;
        assert_eq!(kind(outcome), (DeliveryErrorKind::Unavailable, None));
        let said = said.await.unwrap();
        assert!(said < 32 << 20, "{said} bytes were listened to");
    }
}

#[tokio::test]
async fn a_connection_lost_before_the_text_is_only_a_reason_to_try_again() {
    let server = SmtpServer::start().await;
    let mail = mail(&server);
    for at in [At::Greeting, At::Mail, At::Recipient, At::Data] {
        for act in [Act::Drop, Act::Hang] {
            server.heal();
            server.inject(Fault::new(at, act).times(1));
            let outcome = mail.deliver(&letter("school-1@example.ru")).await;
            let wanted = match at {
                At::Greeting => DeliveryErrorKind::Unavailable,
                _ => DeliveryErrorKind::Transient,
            };
            assert_eq!(kind(outcome), (wanted, None), "{at:?} {act:?}");
        }
    }
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn a_reply_lost_after_the_text_leaves_the_result_unknown() {
    for act in [Act::Drop, Act::Hang] {
        let server = SmtpServer::start().await;
        server.inject(Fault::new(At::Text, act).times(1));
        let mail = mail(&server);
        let message = letter("school-1@example.ru");
        assert_eq!(kind(mail.deliver(&message).await), (DeliveryErrorKind::Unknown, None));
        assert_eq!(server.received().len(), 1, "the server did accept it");

        let again = Message { uncertain: true, ..message };
        mail.deliver(&again).await.unwrap();
        let received = server.wait_for(2).await;
        assert_eq!(received[0].data, received[1].data, "byte for byte the same letter");
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_tried_again_and_found_when_it_is_back() {
    let server = SmtpServer::start().await;
    let port = server.port();
    let mail = mail(&server);
    mail.deliver(&letter("school-1@example.ru")).await.unwrap();
    assert!(mail.health().await.is_healthy());

    server.stop().await;
    let outcome = mail.deliver(&letter("school-2@example.ru")).await;
    assert_eq!(kind(outcome), (DeliveryErrorKind::Unavailable, None));
    assert!(!mail.health().await.is_healthy());
    assert!(mail.check().await.is_ok(), "the configuration is right all the same");

    let server = SmtpServer::start_on(port).await;
    mail.deliver(&letter("school-2@example.ru")).await.unwrap();
    assert!(mail.health().await.is_healthy());
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn connections_are_reused_and_bounded() {
    let server = SmtpServer::start().await;
    let config = MailConfig { pool_size: Some(2), ..config(server.port()) };
    let mail = Arc::new(Mail::new(config).unwrap());
    let deliveries = (0..40).map(|n| {
        let mail = mail.clone();
        tokio::spawn(async move { mail.deliver(&letter(&format!("school-{n}@example.ru"))).await })
    });
    for delivery in deliveries.collect::<Vec<_>>() {
        delivery.await.unwrap().unwrap();
    }
    assert_eq!(server.received().len(), 40);
    assert!(server.connections() <= 2, "{} connections", server.connections());
}

#[tokio::test]
async fn a_delivery_that_is_given_up_does_not_spoil_the_next_one() {
    let server = SmtpServer::start().await;
    let mail = mail(&server);
    server.inject(Fault::new(At::Text, Act::Hang).times(1));
    let message = letter("school-1@example.ru");
    tokio::select! {
        _ = mail.deliver(&message) => panic!("the server hangs"),
        () = server.wait_for_faults(1) => {}
    }
    mail.deliver(&letter("school-2@example.ru")).await.unwrap();
    assert_eq!(server.connections(), 2, "the broken conversation is not continued");
}

#[tokio::test]
async fn a_wrong_password_is_not_the_letters_fault() {
    let server = SmtpServer::start_with_account("vekha", "тайна").await;
    let with_password = |password: &str| {
        let account = MailConfig {
            username: Some("vekha".into()),
            password: Some(Secret(password.into())),
            ..config(server.port())
        };
        Mail::new(account).unwrap()
    };
    let message = letter("school-1@example.ru");
    let wrong = with_password("не та").deliver(&message).await.unwrap_err();
    assert_eq!((wrong.kind, wrong.code), (DeliveryErrorKind::Unavailable, Some(535)));
    assert!(wrong.message.contains("password"), "{wrong}");
    let none = mail(&server).deliver(&message).await;
    assert_eq!(kind(none), (DeliveryErrorKind::Unavailable, Some(530)));
    with_password("тайна").deliver(&message).await.unwrap();
}

#[tokio::test]
async fn nothing_is_sent_in_the_clear_where_tls_is_asked_for() {
    let server = SmtpServer::start().await;
    for tls in [Tls::Starttls, Tls::Implicit] {
        let config = MailConfig { tls, ..config(server.port()) };
        let outcome = Mail::new(config).unwrap().deliver(&letter("school-1@example.ru")).await;
        assert_eq!(kind(outcome), (DeliveryErrorKind::Unavailable, None), "{tls:?}");
    }
    assert!(server.received().is_empty());
}

/// A door of TLS before a server on loopback, with a certificate of its own making. Returns its port
/// and that certificate in PEM.
async fn door(server: u16) -> (u16, String) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut caller) = acceptor.accept(stream).await else { return };
                let Ok(mut server) = TcpStream::connect(("127.0.0.1", server)).await else {
                    return;
                };
                copy_bidirectional(&mut caller, &mut server).await.ok();
            });
        }
    });
    (port, made.cert.pem())
}

#[tokio::test]
async fn tls_from_the_first_byte_reaches_who_is_known_and_nobody_else() {
    let server = SmtpServer::start().await;
    let (port, certificate) = door(server.port()).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, certificate).unwrap();
    let through = |host: &str, ca_file| {
        let host = Some(host.to_owned());
        Mail::new(MailConfig { tls: Tls::Implicit, host, ca_file, ..config(port) }).unwrap()
    };
    let to = letter("school-1@example.ru");
    through("localhost", Some(file.clone())).deliver(&to).await.unwrap();
    assert_eq!(server.received().len(), 1);
    // Nobody vouches for it; it is not who it should be.
    for stranger in [through("localhost", None), through("127.0.0.1", Some(file))] {
        let refused = stranger.deliver(&to).await;
        assert_eq!(kind(refused), (DeliveryErrorKind::Unavailable, None));
    }
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn an_address_that_the_server_cannot_have_is_refused_for_good() {
    let server = SmtpServer::start().await;
    let outcome = mail(&server).deliver(&letter("директор@example.ru")).await;
    assert_eq!(kind(outcome), (DeliveryErrorKind::Permanent, None));
}

#[tokio::test]
async fn a_slow_server_does_not_hold_a_delivery_for_ever() {
    let server = SmtpServer::start().await;
    server.inject(Fault::new(At::Text, Act::Hang));
    let mail = mail(&server);
    let message = letter("school-1@example.ru");
    let delivery = tokio::time::timeout(Duration::from_secs(10), mail.deliver(&message));
    let outcome = delivery.await.expect("the delivery ends by itself");
    assert_eq!(kind(outcome).0, DeliveryErrorKind::Unknown);
}

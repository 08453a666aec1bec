//! Reports in a mailbox of a mail server, by IMAP: letters without the mark `\Seen`, which is set once
//! they were taken. Nothing else of the mailbox changes.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::net::SocketAddr;

use async_imap::Session;
use async_imap::error::Error;
use futures::TryStreamExt as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::{AT_ONCE, HEAD, Look, Lying};
use crate::bounded::Bounded;
use crate::tls::Implicit;

/// What a server may say on one connection, in bytes: the beginnings of as many letters as are read at a
/// time, and as much again.
const MOST: usize = 2 * AT_ONCE * HEAD;

/// A mailbox and how to get to it.
#[derive(Clone)]
pub(crate) struct Mailbox {
    pub host: String,
    pub port: u16,
    pub protection: Protection,
    pub username: String,
    pub password: String,
    pub folder: String,
}

/// How the connection is protected.
#[derive(Clone)]
pub(crate) enum Protection {
    None,
    Starttls(Implicit),
    Implicit(Implicit),
}

/// What a connection is, whatever protects it.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send + Debug {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + Debug> Stream for S {}

/// Letters that nobody has seen, but for those that are known. A place is the mailbox's generation and
/// the letter's number in it.
pub(super) async fn look(mailbox: &Mailbox, known: &BTreeSet<String>) -> Result<Look, String> {
    let (mut session, generation) = open(mailbox).await?;
    let looked = async {
        let place = |uid: &u32| format!("{generation}/{uid}");
        let mut uids: Vec<u32> = session.uid_search("UNSEEN").await?.into_iter().collect();
        uids.sort_unstable();
        let unseen = uids.iter().map(place).collect();
        uids.retain(|uid| !known.contains(&place(uid)));
        uids.truncate(AT_ONCE);
        let mut letters = Vec::with_capacity(uids.len());
        if !uids.is_empty() {
            let query = format!("(UID BODY.PEEK[]<0.{HEAD}>)");
            let mut fetched = session.uid_fetch(list(&uids), query).await?;
            while let Some(letter) = fetched.try_next().await? {
                let Some(uid) = letter.uid.filter(|uid| uids.contains(uid)) else { continue };
                let head = letter.body().map(<[u8]>::to_vec);
                let head = head.ok_or_else(|| "сервер не отдаёт письмо".to_owned());
                letters.push((uid, Lying { place: place(&uid), head }));
            }
        }
        letters.sort_by_key(|(uid, _)| *uid);
        Ok(Look { unseen, letters: letters.into_iter().map(|(_, letter)| letter).collect() })
    };
    let looked = looked.await.map_err(|error: Error| explain(mailbox, &error));
    close(session).await;
    looked
}

/// Marks letters as seen. What another generation of the mailbox called so is left alone: it comes
/// again under its new number.
pub(super) async fn mark(mailbox: &Mailbox, places: &[String]) -> Result<(), String> {
    let (mut session, generation) = open(mailbox).await?;
    let of_now = places.iter().filter_map(|place| place.strip_prefix(&format!("{generation}/")));
    let uids: Vec<u32> = of_now.filter_map(|uid| uid.parse().ok()).collect();
    let marked = async {
        if !uids.is_empty() {
            let marked = session.uid_store(list(&uids), "+FLAGS.SILENT (\\Seen)").await?;
            marked.try_collect::<Vec<_>>().await?;
        }
        Ok(())
    };
    let marked = marked.await.map_err(|error: Error| explain(mailbox, &error));
    close(session).await;
    marked
}

fn list(uids: &[u32]) -> String {
    uids.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

/// The mailbox, opened, and its generation: numbers of letters hold within one.
async fn open(mailbox: &Mailbox) -> Result<(Session<Box<dyn Stream>>, u32), String> {
    let Mailbox { host, port, protection, username, password, folder } = mailbox;
    let away = |error: std::io::Error| {
        format!("нет связи с почтовым ящиком возвращённых писем {host}:{port}: {error}")
    };
    let stream = TcpStream::connect((host.as_str(), *port)).await.map_err(away)?;
    let peer = stream.peer_addr().map_err(away)?;
    let stream: Box<dyn Stream> = match protection {
        Protection::None => Box::new(Bounded::within(MOST, stream, peer)),
        Protection::Implicit(tls) => {
            Box::new(Bounded::within(MOST, tls.secure(stream).await.map_err(away)?, peer))
        }
        Protection::Starttls(tls) => secured(mailbox, tls, stream, peer).await?,
    };
    let mut client = async_imap::Client::new(stream);
    if !matches!(protection, Protection::Starttls(_)) {
        greeted(client.read_response().await.map_err(away)?.is_some(), mailbox)?;
    }
    let mut session = client.login(username, password).await.map_err(|(error, _)| {
        format!("почтовый ящик {username} на {host}:{port} не открывается: {error}")
    })?;
    let selected = session.select(folder).await.map_err(|error| explain(mailbox, &error))?;
    let generation = selected.uid_validity.unwrap_or_default();
    Ok((session, generation))
}

/// Begins in the clear and turns to TLS before anything is said; where that is not offered, nothing is.
async fn secured(
    mailbox: &Mailbox,
    tls: &Implicit,
    stream: TcpStream,
    peer: SocketAddr,
) -> Result<Box<dyn Stream>, String> {
    let Mailbox { host, port, .. } = mailbox;
    let mut client = async_imap::Client::new(Bounded::within(HEAD, stream, peer));
    let greeting = client.read_response().await;
    greeted(greeting.is_ok_and(|greeting| greeting.is_some()), mailbox)?;
    let agreed = client.run_command_and_check_ok("STARTTLS", None).await;
    agreed.map_err(|error| explain(mailbox, &error))?;
    let stream = client.into_inner().into_inner();
    let secured = tls.secure(stream).await;
    let secured = secured.map_err(|error| format!("{host}:{port}: нет защиты TLS: {error}"))?;
    Ok(Box::new(Bounded::within(MOST, secured, peer)))
}

fn greeted(greeted: bool, Mailbox { host, port, .. }: &Mailbox) -> Result<(), String> {
    let silent = || format!("{host}:{port} не отвечает как сервер IMAP");
    greeted.then_some(()).ok_or_else(silent)
}

/// Politeness only.
async fn close(mut session: Session<Box<dyn Stream>>) {
    session.logout().await.ok();
}

fn explain(Mailbox { host, port, folder, .. }: &Mailbox, error: &Error) -> String {
    format!("почтовый ящик возвращённых писем {folder} на {host}:{port}: {error}")
}

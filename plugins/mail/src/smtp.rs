//! Sends letters to a mail server: a few connections, a bound on every wait, and for each failure
//! an answer to the question whether the letter may have been taken all the same.
//!
//! lettre speaks the protocol ([`AsyncSmtpConnection`]), but the conversation and the pool are
//! ours, because its ready-made transport cannot give that answer: it bounds only the wait for the
//! connection, and its errors do not say whether the letter's text had gone out. Here each step
//! has its own reading:
//!
//! | step | reply 4xx | reply 5xx | no reply in time, connection lost |
//! | --- | --- | --- | --- |
//! | connect, TLS, greeting, AUTH | unavailable | unavailable | unavailable |
//! | MAIL | unavailable | unavailable | transient |
//! | RCPT, DATA | transient | permanent | transient |
//! | the text and its closing dot | transient | permanent | **unknown** |
//!
//! What a server says before it has heard of the letter's addressee is about itself, our account or
//! our own address, and so are 421, and 530 to 538, at any time: it is no fault of the letter, and no
//! other letter would fare better. A size (552) or a form of the letter (501, 555) that MAIL announces
//! is the letter's own. What breaks off after the first byte of the text counts as unknown, even if
//! the closing dot had not gone out: nobody can tell how much arrived. Of several addressees one that
//! is refused does not keep the letter from the others.
//!
//! Waits: `timeout-seconds` for the connection as a whole and for each reply; three times that
//! for the reply to the text, since giving up there means a second letter (RFC 5321, 4.5.3.2.6).

use std::error::Error as _;
use std::fmt::Display;
use std::io;
use std::time::{Duration, Instant};

use lettre::Address;
use lettre::address::Envelope;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::DEFAULT_MECHANISMS;
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::{Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::{Response, Severity};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, Semaphore};
use vekha_plugin::{DeliveryError, DeliveryErrorKind, Receipt};

use crate::bounded::Bounded;
use crate::config::{Protection, Server};

/// A connection that was idle for longer is not used again; servers close theirs after minutes.
const MAX_IDLE: Duration = Duration::from_secs(60);
/// Servers dislike connections that never end.
const MAX_LETTERS: u32 = 50;
/// The most of a server's reply that is shown, in characters.
const MAX_SAID: usize = 300;

/// A mail server and the connections to it.
pub(crate) struct Smtp {
    server: Server,
    /// One permit for each connection in use.
    slots: Semaphore,
    /// Connections between two letters, the one used last at the end.
    idle: Mutex<Vec<Connection>>,
}

struct Connection {
    smtp: AsyncSmtpConnection,
    letters: u32,
    idle_since: Instant,
}

/// Where a conversation failed.
#[derive(Clone, Copy)]
enum Step<'a> {
    Connect,
    Login,
    Sender(Option<&'a Address>),
    Recipient(&'a Address),
    Data,
    Text,
}

/// How it failed.
enum Trouble {
    Timeout,
    Smtp(Error),
    /// There is no way to the server.
    Network(io::Error),
    /// A reply that makes no sense at this step.
    Nonsense(String),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Trouble::Smtp(error)
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Trouble::Network(error)
    }
}

impl Smtp {
    pub(crate) fn new(server: Server) -> Self {
        let slots = Semaphore::new(server.pool_size);
        Smtp { server, slots, idle: Mutex::new(Vec::new()) }
    }

    /// Hands a letter over. If the future is dropped on the way, so is its connection.
    pub(crate) async fn deliver(
        &self,
        envelope: &Envelope,
        letter: &[u8],
    ) -> Result<Receipt, DeliveryError> {
        let _slot = self.slot().await?;
        let mut connection = self.connection().await?;
        let mut begun = self.begin(&mut connection.smtp, envelope, letter).await;
        let had_enough = |e: &DeliveryError| matches!(e.code, None | Some(421));
        if connection.letters > 0 && begun.as_ref().is_err_and(had_enough) {
            // The server had enough of this connection, not of this letter.
            connection = self.new_connection().await?;
            begun = self.begin(&mut connection.smtp, envelope, letter).await;
        }
        let sent = match begun {
            Ok(()) => self.converse(&mut connection.smtp, envelope, letter).await,
            Err(e) => Err(e),
        };
        connection.letters += 1;
        match &sent {
            Ok(_) => self.park(connection).await,
            // The server answered no: it is ready for the next letter once told to forget this.
            Err(error) if error.code.is_some() => {
                if self.within(1, connection.smtp.command(Rset)).await.is_ok() {
                    self.park(connection).await;
                }
            }
            // The connection is in an unknown state: it is dropped.
            Err(_) => {}
        }
        sent
    }

    /// Whether the server can be reached and accepts our account; if not, why, in Russian.
    pub(crate) async fn probe(&self) -> Result<(), String> {
        let probed = async {
            let _slot = self.slot().await?;
            let connection = self.connection().await?;
            self.park(connection).await;
            Ok(())
        };
        probed.await.map_err(|error: DeliveryError| error.message)
    }

    async fn slot(&self) -> Result<tokio::sync::SemaphorePermit<'_>, DeliveryError> {
        // The semaphore is never closed.
        self.slots.acquire().await.map_err(|error| DeliveryError::transient(error.to_string()))
    }

    /// Tells the server from whom a letter comes.
    async fn begin(
        &self,
        smtp: &mut AsyncSmtpConnection,
        envelope: &Envelope,
        letter: &[u8],
    ) -> Result<(), DeliveryError> {
        let sender = Step::Sender(envelope.from());
        let mail = Mail::new(envelope.from().cloned(), parameters(smtp, envelope, letter)?);
        self.say(smtp, mail, sender).await.map(|_| ())
    }

    /// Tells it to whom the letter goes, and what it says.
    async fn converse(
        &self,
        smtp: &mut AsyncSmtpConnection,
        envelope: &Envelope,
        letter: &[u8],
    ) -> Result<Receipt, DeliveryError> {
        let mut refused: Vec<DeliveryError> = Vec::new();
        for to in envelope.to() {
            match self.say(smtp, Rcpt::new(to.clone(), Vec::new()), Step::Recipient(to)).await {
                Ok(_) => {}
                // A reply about this addressee alone.
                Err(e) if e.code.is_some() && e.kind != DeliveryErrorKind::Unavailable => {
                    refused.push(e);
                }
                Err(e) => return Err(e),
            }
        }
        if refused.len() == envelope.to().len() {
            // Where one may be taken later, all are tried again.
            let hopeful = refused.iter().position(|e| e.kind == DeliveryErrorKind::Transient);
            return Err(refused.swap_remove(hopeful.unwrap_or(0)));
        }
        let go_ahead = self.say(smtp, Data, Step::Data).await?;
        if !go_ahead.has_code(354) {
            let trouble = Trouble::Nonsense(said(&go_ahead));
            return Err(self.explain(Step::Data, trouble));
        }
        let reply = self
            .within(3, smtp.message(letter))
            .await
            .map_err(|trouble| self.explain(Step::Text, trouble))?;
        if reply.code().severity != Severity::PositiveCompletion {
            let trouble = Trouble::Nonsense(said(&reply));
            return Err(self.explain(Step::Text, trouble));
        }
        let refused = refused.into_iter().map(|e| e.message).collect();
        Ok(Receipt { detail: said(&reply), refused })
    }

    async fn say(
        &self,
        smtp: &mut AsyncSmtpConnection,
        command: impl Display,
        step: Step<'_>,
    ) -> Result<Response, DeliveryError> {
        let reply = self.within(1, smtp.command(command)).await;
        reply.map_err(|trouble| self.explain(step, trouble))
    }

    /// A connection that the server still answers on: one used before, or a new one.
    async fn connection(&self) -> Result<Connection, DeliveryError> {
        loop {
            // The lock must not be held while the server is asked.
            let Some(mut used) = self.idle.lock().await.pop() else { break };
            let fresh = used.idle_since.elapsed() < MAX_IDLE;
            if fresh && self.within(1, alive(&mut used.smtp)).await.is_ok() {
                return Ok(used);
            }
        }
        self.new_connection().await
    }

    async fn new_connection(&self) -> Result<Connection, DeliveryError> {
        let mut smtp = self
            .within(1, self.connect())
            .await
            .map_err(|trouble| self.explain(Step::Connect, trouble))?;
        if let Some(credentials) = &self.server.credentials {
            self.within(1, smtp.auth(DEFAULT_MECHANISMS, credentials))
                .await
                .map_err(|trouble| self.explain(Step::Login, trouble))?;
        }
        Ok(Connection { smtp, letters: 0, idle_since: Instant::now() })
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Trouble> {
        let Server { host, port, tls, hello, timeout, .. } = &self.server;
        // A name may have several addresses, and the first of them may be dead.
        let each = *timeout / 3;
        let server = (host.as_str(), *port);
        let stream = reach(server, each).await?;
        // The end of a letter is a packet of its own: it must not wait for the server's word about the
        // one before it, which takes 40 ms.
        stream.set_nodelay(true)?;
        let peer = stream.peer_addr()?;
        let stream: Box<dyn AsyncTokioStream> = match tls {
            Protection::Implicit(tls) => Box::new(Bounded::new(tls.secure(stream).await?, peer)),
            Protection::None | Protection::Starttls(_) => Box::new(Bounded::new(stream, peer)),
        };
        let mut smtp = AsyncSmtpConnection::connect_with_transport(stream, hello).await?;
        if let Protection::Starttls(parameters) = tls {
            // Fails if the server does not offer it: nothing is ever sent in the clear instead.
            smtp.starttls(parameters.clone(), hello).await?;
        }
        Ok(smtp)
    }

    async fn park(&self, mut connection: Connection) {
        if connection.letters < MAX_LETTERS {
            connection.idle_since = Instant::now();
            self.idle.lock().await.push(connection);
        } else {
            // Politeness only: the connection is done with.
            let _ = self.within(1, connection.smtp.quit()).await;
        }
    }

    /// Waits, but no longer than so many times the timeout.
    async fn within<T, E: Into<Trouble>>(
        &self,
        times: u32,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Trouble> {
        match tokio::time::timeout(self.server.timeout * times, work).await {
            Ok(outcome) => outcome.map_err(Into::into),
            Err(_) => Err(Trouble::Timeout),
        }
    }

    /// The table at the head of this file, in words for the administrator.
    fn explain(&self, step: Step<'_>, trouble: Trouble) -> DeliveryError {
        let code = match &trouble {
            Trouble::Smtp(error) => error.status().map(u16::from),
            Trouble::Timeout | Trouble::Network(_) | Trouble::Nonsense(_) => None,
        };
        let kind = kind(step, code);
        let Server { host, port, .. } = &self.server;
        let what = match step {
            Step::Connect => {
                format!("не удаётся установить связь с почтовым сервером {host}:{port}")
            }
            Step::Login => format!(
                "почтовый сервер {host}:{port} не принял учётную запись, проверьте username и \
                 password"
            ),
            Step::Sender(Some(from)) => format!("почтовый сервер не принял отправителя {from}"),
            Step::Sender(None) => "почтовый сервер не принял отправителя".to_owned(),
            Step::Recipient(to) => format!("почтовый сервер не принял адресата {to}"),
            Step::Data => "почтовый сервер не готов принять письмо".to_owned(),
            Step::Text if kind == DeliveryErrorKind::Unknown => {
                "связь с почтовым сервером прервалась до его ответа, письмо могло быть принято"
                    .to_owned()
            }
            Step::Text => "почтовый сервер не принял письмо".to_owned(),
        };
        let why = match trouble {
            Trouble::Timeout => "время ожидания истекло".to_owned(),
            Trouble::Nonsense(reply) => format!("неожиданный ответ: {reply}"),
            Trouble::Network(error) => bounded(&error.to_string()),
            Trouble::Smtp(error) => match (code, error.source()) {
                (Some(code), Some(text)) => bounded(&format!("{code} {text}")),
                (_, Some(cause)) => bounded(&cause.to_string()),
                (_, None) => bounded(&error.to_string()),
            },
        };
        DeliveryError { kind, code, message: format!("{what}: {why}") }
    }
}

/// The table at the head of this file.
fn kind(step: Step<'_>, code: Option<u16>) -> DeliveryErrorKind {
    use DeliveryErrorKind::{Permanent, Transient, Unavailable, Unknown};
    match (step, code) {
        (Step::Connect | Step::Login, _) | (_, Some(421 | 530..=538)) => Unavailable,
        (Step::Sender(_), Some(501 | 552 | 555)) => Permanent,
        (Step::Sender(_), Some(_)) => Unavailable,
        (_, Some(500..)) => Permanent,
        (_, Some(_)) => Transient,
        (Step::Text, None) => Unknown,
        (_, None) => Transient,
    }
}

/// What MAIL must announce.
///
/// # Errors
///
/// An address is not ASCII and the server cannot have that: no try will mend it.
fn parameters(
    smtp: &AsyncSmtpConnection,
    envelope: &Envelope,
    letter: &[u8],
) -> Result<Vec<MailParameter>, DeliveryError> {
    let mut parameters = Vec::new();
    let mut addresses = envelope.to().iter().chain(envelope.from());
    if let Some(address) = addresses.find(|address| !address.to_string().is_ascii()) {
        if !smtp.server_info().supports_feature(Extension::SmtpUtfEight) {
            return Err(DeliveryError::permanent(format!(
                "почтовый сервер не принимает адреса не латиницей: {address}"
            )));
        }
        parameters.push(MailParameter::SmtpUtfEight);
    }
    if !letter.is_ascii() {
        parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    Ok(parameters)
}

/// Asks a connection that was idle. A farewell that came meanwhile is no answer.
async fn alive(smtp: &mut AsyncSmtpConnection) -> Result<(), Trouble> {
    let reply = smtp.command(lettre::transport::smtp::commands::Noop).await?;
    if reply.has_code(250) { Ok(()) } else { Err(Trouble::Nonsense(said(&reply))) }
}

/// Opens a connection to the first of a name's addresses that answers in time.
async fn reach(server: (&str, u16), each: Duration) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for address in tokio::net::lookup_host(server).await? {
        match tokio::time::timeout(each, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(last)
}

fn said(reply: &Response) -> String {
    let lines: Vec<&str> = reply.message().collect();
    bounded(&format!("{} {}", reply.code(), lines.join(" ")))
}

/// Another system's words, fit to be shown.
fn bounded(text: &str) -> String {
    text.chars().take(MAX_SAID).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

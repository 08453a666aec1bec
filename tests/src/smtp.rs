//! A mail server for tests: a real SMTP conversation over loopback TCP, letters kept in memory,
//! and faults on demand.
//!
//! It is stricter than most servers: lines end with CRLF, text lines have at most 998 bytes, and
//! 8-bit text must be announced; a client that errs is told so with a 5xx reply. Nothing here
//! sleeps: a test waits for what it expects ([`SmtpServer::wait_for`]), and a wait that is in vain
//! fails after [`PATIENCE`].
//!
//! ```no_run
//! # use vekha_tests::smtp::*;
//! # async fn example() {
//! let server = SmtpServer::start().await;
//! server.inject(Fault::new(At::Text, Act::Drop).to("school-1@example.ru").times(1));
//! // ... deliver twice ...
//! let letters = server.wait_for(2).await;
//! assert_eq!(letters[0].message_id, letters[1].message_id);
//! # }
//! ```

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use mail_parser::decoders::base64::base64_decode;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// How long a test waits in vain before it fails.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The longest command, in bytes with its CRLF; AUTH needs the most.
const MAX_COMMAND: usize = 12_288;
/// The longest line of a letter, in bytes with its CRLF.
const MAX_LINE: usize = 1000;
/// The largest letter, in bytes.
const MAX_LETTER: usize = 32 << 20;
/// The most recipients of one letter.
const MAX_RECIPIENTS: usize = 100;

/// A letter that the server accepted.
#[derive(Debug, Clone)]
pub struct Received {
    /// Address in MAIL FROM.
    pub from: String,
    /// Addresses in RCPT TO.
    pub to: Vec<String>,
    /// The letter as it was written, without the dots that SMTP adds.
    pub data: Vec<u8>,
    /// Its Message-ID without angle brackets; empty if it has none.
    pub message_id: String,
    /// When the server accepted it.
    pub at: SystemTime,
}

/// Where in the conversation a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// Instead of the greeting.
    Greeting,
    /// In reply to AUTH.
    Auth,
    /// In reply to MAIL FROM.
    Mail,
    /// In reply to RCPT TO.
    Recipient,
    /// In reply to DATA, before the text.
    Data,
    /// In reply to the text. A letter refused here is not kept; one whose reply is dropped or
    /// hangs is accepted and kept, and only the client does not know.
    Text,
}

/// What happens instead of the usual reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// This reply code: 450, 550.
    Reply(u16),
    /// The connection is closed without a reply.
    Drop,
    /// No reply ever; the connection stays open until the server is dropped.
    Hang,
}

/// A fault on demand: for all letters, unless narrowed with [`Fault::to`], and for ever, unless
/// limited with [`Fault::times`].
#[derive(Debug, Clone)]
pub struct Fault {
    at: At,
    act: Act,
    to: Option<String>,
    left: Option<u32>,
}

impl Fault {
    /// A fault at a place of the conversation.
    pub fn new(at: At, act: Act) -> Self {
        Fault { at, act, to: None, left: None }
    }

    /// Only for letters to this address. Meaningful at [`At::Recipient`], for that recipient
    /// alone, and later.
    pub fn to(self, address: &str) -> Self {
        Fault { to: Some(address.to_owned()), ..self }
    }

    /// Only so many times.
    pub fn times(self, times: u32) -> Self {
        Fault { left: Some(times), ..self }
    }
}

/// A running server. It stops, with all its connections, when it is dropped.
pub struct SmtpServer {
    port: u16,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

/// What connections share with the test.
struct Shared {
    log: watch::Sender<Log>,
    faults: Mutex<Vec<Fault>>,
    credentials: Option<(String, String)>,
}

/// What has happened so far.
#[derive(Default)]
struct Log {
    received: Vec<Received>,
    connections: usize,
    faults: usize,
}

impl SmtpServer {
    /// Starts a server on a free port of 127.0.0.1.
    pub async fn start() -> Self {
        Self::run(0, None).await
    }

    /// Starts a server on a port that an earlier one had: the mail server is back.
    pub async fn start_on(port: u16) -> Self {
        Self::run(port, None).await
    }

    /// Starts a server that takes letters only after AUTH PLAIN with this account.
    pub async fn start_with_account(username: &str, password: &str) -> Self {
        Self::run(0, Some((username.to_owned(), password.to_owned()))).await
    }

    async fn run(port: u16, credentials: Option<(String, String)>) -> Self {
        let listener =
            TcpListener::bind(("127.0.0.1", port)).await.expect("a port of 127.0.0.1 to listen on");
        let port = listener.local_addr().expect("the port listened on").port();
        let log = watch::Sender::new(Log::default());
        let shared = Arc::new(Shared { log, faults: Mutex::default(), credentials });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        SmtpServer { port, shared, accepting }
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Closes the port and all connections; what follows is refused.
    pub async fn stop(mut self) {
        self.accepting.abort();
        // The only error is that it was aborted.
        let _ = (&mut self.accepting).await;
    }

    /// Adds a fault. Of several that fit, the first added strikes.
    pub fn inject(&self, fault: Fault) {
        self.shared.faults().push(fault);
    }

    /// Removes all faults.
    pub fn heal(&self) {
        self.shared.faults().clear();
    }

    /// The letters accepted so far, in the order of their acceptance.
    pub fn received(&self) -> Vec<Received> {
        self.shared.log.borrow().received.clone()
    }

    /// How many connections there have been.
    pub fn connections(&self) -> usize {
        self.shared.log.borrow().connections
    }

    /// Waits until at least so many letters have been accepted, and returns them all.
    pub async fn wait_for(&self, letters: usize) -> Vec<Received> {
        self.wait_until(|received| received.len() >= letters).await
    }

    /// Waits until the accepted letters are as wanted, and returns them all.
    pub async fn wait_until(&self, wanted: impl Fn(&[Received]) -> bool) -> Vec<Received> {
        self.wait(|log| wanted(&log.received)).await;
        self.received()
    }

    /// Waits until faults have struck so many times.
    pub async fn wait_for_faults(&self, faults: usize) {
        self.wait(|log| log.faults >= faults).await;
    }

    async fn wait(&self, wanted: impl Fn(&Log) -> bool) {
        let mut log = self.shared.log.subscribe();
        let waited = tokio::time::timeout(PATIENCE, log.wait_for(|log| wanted(log))).await;
        if waited.is_err() {
            let log = self.shared.log.borrow();
            panic!(
                "waited in vain: {} letters, {} faults, {} connections; letters to {:?}",
                log.received.len(),
                log.faults,
                log.connections,
                log.received.iter().map(|letter| &letter.to).collect::<Vec<_>>()
            );
        }
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Shared {
    fn faults(&self) -> std::sync::MutexGuard<'_, Vec<Fault>> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The fault that strikes here, if any; it is counted.
    fn strike(&self, at: At, to: &[String]) -> Option<Act> {
        let mut faults = self.faults();
        let fits = |fault: &Fault| {
            let meant = |address: &String| to.iter().any(|to| to.eq_ignore_ascii_case(address));
            fault.at == at && fault.left != Some(0) && fault.to.as_ref().is_none_or(meant)
        };
        let fault = faults.iter_mut().find(|fault| fits(fault))?;
        fault.left = fault.left.map(|left| left - 1);
        Some(fault.act)
    }
}

/// Takes connections; they end with this task.
async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut conversations = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        shared.log.send_modify(|log| log.connections += 1);
        let conversation = Conversation::new(stream, Arc::clone(&shared));
        // An error is a client that went away.
        conversations.spawn(async move { drop(conversation.hold().await) });
        while conversations.try_join_next().is_some() {}
    }
}

/// One connection.
struct Conversation {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    shared: Arc<Shared>,
    authenticated: bool,
    letter: Option<Envelope>,
}

/// A letter that is being announced.
struct Envelope {
    from: String,
    to: Vec<String>,
    eight_bit: bool,
}

/// Whether the conversation goes on.
type Next = io::Result<bool>;

const GO_ON: Next = Ok(true);
const END: Next = Ok(false);

impl Conversation {
    fn new(stream: TcpStream, shared: Arc<Shared>) -> Self {
        let (reader, writer) = stream.into_split();
        let authenticated = shared.credentials.is_none();
        let reader = BufReader::new(reader);
        Conversation { reader, writer, shared, authenticated, letter: None }
    }

    async fn hold(mut self) -> io::Result<()> {
        let mut goes_on = self.answer(At::Greeting, &[], "220 vekha-tests ESMTP").await?;
        while goes_on {
            goes_on = match self.line(MAX_COMMAND).await? {
                Line::Good(line) => self.command(&String::from_utf8_lossy(&line)).await?,
                Line::Bad => self.reply("500 5.5.6 Line too long or without CRLF").await?,
                Line::End => false,
            };
        }
        Ok(())
    }

    async fn command(&mut self, line: &str) -> Next {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" => self.hello().await,
            "HELO" => {
                self.letter = None;
                self.reply("250 vekha-tests").await
            }
            "AUTH" => self.auth(rest).await,
            "MAIL" => self.mail(rest).await,
            "RCPT" => self.recipient(rest).await,
            "DATA" => self.data().await,
            "RSET" => {
                self.letter = None;
                self.reply("250 2.0.0 Forgotten").await
            }
            "NOOP" => self.reply("250 2.0.0 Here").await,
            "QUIT" => {
                self.reply("221 2.0.0 Bye").await?;
                END
            }
            _ => self.reply("500 5.5.1 Unknown command").await,
        }
    }

    async fn hello(&mut self) -> Next {
        self.letter = None;
        let auth = if self.shared.credentials.is_some() { "250-AUTH PLAIN\r\n" } else { "" };
        let hello = format!(
            "250-vekha-tests\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n\
             {auth}250 SIZE {MAX_LETTER}"
        );
        self.reply(&hello).await
    }

    /// AUTH PLAIN, with the account in the same line or after a 334.
    async fn auth(&mut self, rest: &str) -> Next {
        let Some((username, password)) = self.shared.credentials.clone() else {
            return self.reply("503 5.5.1 AUTH is not offered").await;
        };
        let (mechanism, initial) = rest.split_once(' ').unwrap_or((rest, ""));
        if !mechanism.eq_ignore_ascii_case("PLAIN") {
            return self.reply("504 5.5.4 Only PLAIN").await;
        }
        let mut response = initial.as_bytes().to_vec();
        if response.is_empty() {
            self.reply("334 ").await?;
            match self.line(MAX_COMMAND).await? {
                Line::Good(line) => response = line,
                Line::Bad => return self.reply("500 5.5.6 Line too long").await,
                Line::End => return END,
            }
        }
        let expected = format!("\0{username}\0{password}").into_bytes();
        if base64_decode(&response) == Some(expected) {
            self.authenticated = true;
            self.answer(At::Auth, &[], "235 2.7.0 Welcome").await
        } else {
            self.reply("535 5.7.8 Wrong username or password").await
        }
    }

    async fn mail(&mut self, rest: &str) -> Next {
        if !self.authenticated {
            return self.reply("530 5.7.0 Authentication required").await;
        }
        if self.letter.is_some() {
            return self.reply("503 5.5.1 One letter at a time").await;
        }
        let Some((from, parameters)) = path(rest, "FROM:") else {
            return self.reply("501 5.5.4 MAIL FROM:<address>").await;
        };
        let eight_bit = parameters.to_ascii_uppercase().contains("BODY=8BITMIME");
        let from = from.to_owned();
        match self.shared.strike(At::Mail, &[]) {
            Some(act) => self.act(act).await,
            None => {
                self.letter = Some(Envelope { from, to: Vec::new(), eight_bit });
                self.reply("250 2.1.0 Sender ok").await
            }
        }
    }

    async fn recipient(&mut self, rest: &str) -> Next {
        let Some(letter) = &mut self.letter else {
            return self.reply("503 5.5.1 MAIL first").await;
        };
        let Some((to, _)) = path(rest, "TO:").filter(|(to, _)| to.contains('@')) else {
            return self.reply("501 5.5.4 RCPT TO:<address>").await;
        };
        if letter.to.len() == MAX_RECIPIENTS {
            return self.reply("452 4.5.3 Too many recipients").await;
        }
        let to = to.to_owned();
        match self.shared.strike(At::Recipient, std::slice::from_ref(&to)) {
            Some(act) => self.act(act).await,
            None => {
                letter.to.push(to);
                self.reply("250 2.1.5 Recipient ok").await
            }
        }
    }

    async fn data(&mut self) -> Next {
        let Some(letter) = self.letter.take_if(|letter| !letter.to.is_empty()) else {
            return self.reply("503 5.5.1 RCPT first").await;
        };
        if let Some(act) = self.shared.strike(At::Data, &letter.to) {
            return self.act(act).await;
        }
        self.reply("354 End with a lone dot").await?;
        let data = match self.text(letter.eight_bit).await? {
            Text::Good(data) => data,
            Text::Bad(reply) => return self.reply(reply).await,
            Text::End => return END,
        };
        let act = self.shared.strike(At::Text, &letter.to);
        if let Some(act @ Act::Reply(400..)) = act {
            return self.act(act).await;
        }
        let message_id = mail_parser::MessageParser::default()
            .parse(&data)
            .and_then(|letter| letter.message_id().map(str::to_owned))
            .unwrap_or_default();
        let Envelope { from, to, .. } = letter;
        let received = Received { from, to, data, message_id, at: SystemTime::now() };
        self.shared.log.send_modify(|log| log.received.push(received));
        match act {
            Some(act) => self.act(act).await,
            None => self.reply("250 2.0.0 Accepted").await,
        }
    }

    /// The letter's text up to the lone dot, without the dots that SMTP adds. A text that is not
    /// as it must be is read to its end all the same, so that the conversation can go on.
    async fn text(&mut self, eight_bit: bool) -> io::Result<Text> {
        let mut data = Vec::new();
        let mut wrong = None;
        loop {
            let line = match self.line(MAX_LINE + 1).await? {
                Line::Good(line) if line == b"." => break,
                Line::Good(line) => line,
                Line::Bad => {
                    wrong = Some("554 5.6.0 Line too long or without CRLF");
                    continue;
                }
                Line::End => return Ok(Text::End),
            };
            let line = line.strip_prefix(b".").unwrap_or(&line);
            if !eight_bit && !line.is_ascii() {
                wrong = Some("554 5.6.3 8-bit text that was not announced");
            }
            if line.len() + 2 > MAX_LINE {
                wrong = Some("554 5.6.0 Line too long");
            }
            if data.len() + line.len() > MAX_LETTER {
                wrong = Some("552 5.3.4 Letter too big");
                data.clear();
            }
            if wrong.is_none() {
                data.extend_from_slice(line);
                data.extend_from_slice(b"\r\n");
            }
        }
        Ok(wrong.map_or(Text::Good(data), Text::Bad))
    }

    /// A line without its CRLF. Reads no further than the line, so a client may send several
    /// commands at once, and keeps no more than `limit` bytes of it.
    async fn line(&mut self, limit: usize) -> io::Result<Line> {
        let mut line = Vec::new();
        let mut bad = false;
        loop {
            let room = (limit - line.len()) as u64;
            (&mut self.reader).take(room).read_until(b'\n', &mut line).await?;
            if line.ends_with(b"\r\n") {
                line.truncate(line.len() - 2);
                // A lone CR is as wrong as a lone LF: it is how letters are smuggled.
                bad |= line.contains(&b'\r');
                return Ok(if bad { Line::Bad } else { Line::Good(line) });
            }
            if line.ends_with(b"\n") {
                return Ok(Line::Bad);
            }
            if line.len() < limit {
                return Ok(Line::End);
            }
            // Too long: forget all but what may be half of its CRLF.
            bad = true;
            line.drain(..limit - 1);
        }
    }

    /// The usual reply, unless a fault strikes.
    async fn answer(&mut self, at: At, to: &[String], usual: &str) -> Next {
        match self.shared.strike(at, to) {
            Some(act) => self.act(act).await,
            None => self.reply(usual).await,
        }
    }

    async fn act(&mut self, act: Act) -> Next {
        self.shared.log.send_modify(|log| log.faults += 1);
        match act {
            Act::Reply(code) => {
                let reply = format!("{code} {}.0.0 As the test wishes", code / 100);
                self.reply(&reply).await?;
                // As servers do after 421, and a refused greeting leaves nothing to say.
                Ok(code != 421)
            }
            Act::Drop => END,
            Act::Hang => std::future::pending().await,
        }
    }

    async fn reply(&mut self, reply: &str) -> Next {
        self.writer.write_all(format!("{reply}\r\n").as_bytes()).await?;
        GO_ON
    }
}

/// A line of the client's.
enum Line {
    Good(Vec<u8>),
    /// Too long, or not ended by CRLF.
    Bad,
    /// The client went away.
    End,
}

/// A letter's text.
enum Text {
    Good(Vec<u8>),
    /// The reply that says what is wrong.
    Bad(&'static str),
    /// The client went away.
    End,
}

/// The address of `FROM:<address> parameters`, and the parameters.
fn path<'a>(rest: &'a str, word: &str) -> Option<(&'a str, &'a str)> {
    let head = rest.get(..word.len()).filter(|head| head.eq_ignore_ascii_case(word))?;
    rest[head.len()..].trim_start().strip_prefix('<')?.split_once('>')
}

//! Notifiers deliver messages: once for each key as far as that can be known, and they say so when
//! it cannot.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::Plugin;

/// Delivers messages.
#[async_trait]
pub trait Notifier: Plugin {
    /// Hands one message over to the next system. Called again with the same key when an earlier
    /// try failed or its result was lost.
    ///
    /// # Errors
    ///
    /// [`DeliveryError`] whose kind tells the caller whether to try again. A call that is dropped
    /// before it ends counts as [`DeliveryErrorKind::Unknown`].
    async fn deliver(&self, message: &Message) -> Result<Receipt, DeliveryError>;

    /// What the next systems have sent back since: reports that nobody has settled yet, the oldest
    /// first, so many at a time. The same report comes again until it is settled. Notifiers that hear of
    /// nothing need not say so.
    ///
    /// # Errors
    ///
    /// Why nothing can be heard at the moment, in Russian.
    async fn returned(&self) -> Result<Returned, String> {
        Ok(Returned::default())
    }

    /// What became of reports that [`Notifier::returned`] told of. What is lost here does no harm: a
    /// report that was taken comes again, and is known then.
    ///
    /// # Errors
    ///
    /// Why it could not be noted, in Russian.
    async fn settle_returned(&self, _settled: &Settled) -> Result<(), String> {
        Ok(())
    }
}

/// Reports of messages that came back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Returned {
    /// The reports.
    pub reports: Vec<Report>,
    /// More are there already: once these are settled, ask again at once.
    pub more: bool,
    /// How long to wait before asking again; none where nothing is ever heard.
    pub again: Option<Duration>,
}

/// What some system says of a message that it had taken over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Names the report: the same one has the same name, wherever it lies; up to 100 characters.
    pub id: String,
    /// The Message-ID of what it is about, without angle brackets.
    pub message_id: String,
    /// To whom it was not delivered for good. Nobody, if the report says that it is late, or anything
    /// else by which nothing is lost.
    pub failures: Vec<Failure>,
}

/// A recipient whom a message did not reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The recipient's address, and what it was called on the way; domains in ASCII.
    pub addresses: Vec<String>,
    /// Why.
    pub cause: Cause,
    /// What was said: `550 5.1.1 User unknown`.
    pub detail: String,
}

/// Why a message came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// There is no such address: no message will ever arrive there.
    NoSuchAddress,
    /// The mailbox is full.
    Full,
    /// This message was not wanted, or its sender is not trusted.
    Refused,
    /// Anything else: the time was up, it was too large.
    Other,
}

/// What became of reports, by their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settled {
    /// Taken: they need never come again.
    pub taken: Vec<String>,
    /// About nothing that is known here: they stay where they are, untouched.
    pub left: Vec<String>,
}

/// A letter, ready to be sent. Whom it comes from is the plugin's configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// Unique name: the same key is the same message.
    pub key: String,
    /// The Message-ID, without angle brackets, derived from the key.
    pub message_id: String,
    /// To whom; at least one. Whoever is refused does not keep it from the others.
    pub to: Vec<Address>,
    /// Where answers go; to the sender if none.
    pub reply_to: Option<Address>,
    /// Subject, one line.
    pub subject: String,
    /// The plain text; lines end with `\n`.
    pub text: String,
    /// The same as HTML.
    pub html: Option<String>,
    /// Message-IDs of the thread's earlier messages, oldest first, without angle brackets.
    pub references: Vec<String>,
    /// When the message was written, in milliseconds since the Unix epoch. The same for every try.
    pub date: i64,
    /// Files that go with it.
    pub attachments: Vec<Attachment>,
    /// The list that it belongs to if it is one of a kind that comes again and again: dot-separated
    /// words of Latin letters and hyphens, `reminders.zarechny`; empty for others. Recipients sort by it.
    pub list: String,
    /// An earlier try ended without its result being known, so this may be a repetition.
    pub uncertain: bool,
}

/// A person or an office with an e-mail address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Address {
    /// What people call them; may be empty.
    #[serde(default)]
    pub name: String,
    /// The e-mail address.
    pub email: String,
}

impl Address {
    /// An address with a name; an empty name is none.
    pub fn new(name: impl Into<String>, email: impl Into<String>) -> Self {
        Address { name: name.into(), email: email.into() }
    }
}

/// A file that goes with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Its name, as the recipient sees it: `срок.ics`.
    pub file_name: String,
    /// Its media type: `text/calendar; method=PUBLISH; charset=utf-8`.
    pub content_type: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// The next system has taken the message over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Receipt {
    /// What it said, for the administrator: `250 2.0.0 Ok: queued as 4Bx1`.
    pub detail: String,
    /// Which of several addresses were refused, each with what was said, in Russian.
    pub refused: Vec<String>,
}

/// The message was not delivered, or nobody knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DeliveryError {
    /// Whether to try again.
    pub kind: DeliveryErrorKind,
    /// The other side's reply code, if it replied: 550.
    pub code: Option<u16>,
    /// What happened and what to do, in Russian.
    pub message: String,
}

/// What a failed delivery means for the next try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeliveryErrorKind {
    /// Refused for good: trying again is of no use.
    Permanent,
    /// Not delivered this time: try again later.
    Transient,
    /// Not tried: the next system is away or does not take anything from us. That is no fault of the
    /// message; no other will fare better before it is back.
    Unavailable,
    /// Not tried: so many have gone to the same domain that this one has to wait so many seconds. That
    /// is no fault of the message, and no reason for those to other domains to wait.
    Later {
        /// How long, in seconds.
        seconds: u32,
    },
    /// The connection was lost after the message had gone out and before the answer came in: it
    /// may have been accepted. Try again under the same Message-ID, marked `uncertain`.
    Unknown,
}

impl DeliveryError {
    /// Refused for good.
    pub fn permanent(message: impl Into<String>) -> Self {
        DeliveryError { kind: DeliveryErrorKind::Permanent, code: None, message: message.into() }
    }

    /// Not delivered this time.
    pub fn transient(message: impl Into<String>) -> Self {
        DeliveryError { kind: DeliveryErrorKind::Transient, code: None, message: message.into() }
    }

    /// Nothing can be delivered now.
    pub fn unavailable(message: impl Into<String>) -> Self {
        let kind = DeliveryErrorKind::Unavailable;
        DeliveryError { kind, code: None, message: message.into() }
    }

    /// Not before so many seconds have passed.
    pub fn later(seconds: u32, message: impl Into<String>) -> Self {
        let kind = DeliveryErrorKind::Later { seconds };
        DeliveryError { kind, code: None, message: message.into() }
    }

    /// Perhaps delivered.
    pub fn unknown(message: impl Into<String>) -> Self {
        DeliveryError { kind: DeliveryErrorKind::Unknown, code: None, message: message.into() }
    }

    /// The same with the other side's reply code.
    pub fn with_code(self, code: u16) -> Self {
        DeliveryError { code: Some(code), ..self }
    }
}

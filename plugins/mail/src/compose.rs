//! Makes of a message the text that travels: RFC 5322 and MIME, pure ASCII but for addresses that
//! cannot be written in ASCII, the same bytes for the same message (a DKIM signature aside, which
//! carries the time of signing).
//!
//! Nothing that a message says can become a header of its own: control characters in subjects,
//! names and file names turn to spaces, and addresses and Message-IDs that contain what they must
//! not are refused.

use std::time::{Duration, SystemTime};

use lettre::message::header::{
    ContentDisposition, ContentTransferEncoding, ContentType, Header, HeaderName, HeaderValue,
};
use lettre::message::{Body, Mailbox, MultiPart, SinglePart};
use sha2::{Digest, Sha256};
use vekha_plugin::{Address, Attachment, DeliveryError, Message};

/// What goes into a header after its name must leave room for it in 998 bytes.
const MAX_MESSAGE_ID: usize = 900;
/// Long threads name their first letter and the last ones, as RFC 5322 lets clients do.
const MAX_REFERENCES: usize = 20;

/// The letter as lettre sends it.
///
/// # Errors
///
/// Always [`Permanent`](vekha_plugin::DeliveryErrorKind::Permanent): an address, a Message-ID or a
/// media type that no try will mend.
pub(crate) fn compose(message: &Message, from: &Mailbox) -> Result<lettre::Message, DeliveryError> {
    letter(message, from).map_err(DeliveryError::permanent)
}

fn letter(message: &Message, from: &Mailbox) -> Result<lettre::Message, String> {
    let mut builder = lettre::Message::builder().from(from.clone());
    for address in &message.to {
        builder = builder.to(mailbox(address)?);
    }
    if let Some(address) = &message.reply_to {
        builder = builder.reply_to(mailbox(address)?);
    }
    builder = builder
        .subject(one_line(&message.subject))
        .date(time(message.date)?)
        .message_id(Some(bracketed(&message.message_id)?));
    if let Some(last) = message.references.last() {
        builder = builder.in_reply_to(bracketed(last)?).references(thread(&message.references)?);
    }
    builder = builder.header(AutoSubmitted).header(AutoResponseSuppress);
    if !message.list.is_empty() {
        builder = builder.header(ListId::new(&message.list, from.email.domain())?);
    }

    let text = part(ContentType::TEXT_PLAIN, &message.text);
    let letter = match (&message.html, message.attachments.as_slice()) {
        (None, []) => builder.singlepart(text),
        (Some(html), []) => builder.multipart(alternative(message, text, html)),
        (None, files) => builder.multipart(with_files(mixed(message).singlepart(text), files)?),
        (Some(html), files) => {
            let body = mixed(message).multipart(alternative(message, text, html));
            builder.multipart(with_files(body, files)?)
        }
    };
    letter.map_err(|error| match error {
        lettre::error::Error::MissingTo => "у письма нет адресата".to_owned(),
        error => format!("письмо не составляется: {error}"),
    })
}

fn alternative(message: &Message, text: SinglePart, html: &str) -> MultiPart {
    MultiPart::alternative()
        .boundary(boundary("alternative", message))
        .singlepart(text)
        .singlepart(part(ContentType::TEXT_HTML, html))
}

fn mixed(message: &Message) -> lettre::message::MultiPartBuilder {
    MultiPart::mixed().boundary(boundary("mixed", message))
}

/// A text part. lettre writes it as 7bit if it is ASCII with short lines, otherwise as
/// quoted-printable or base64, whichever is shorter, so no line is ever too long for SMTP.
fn part(content_type: ContentType, text: &str) -> SinglePart {
    // A lone CR must not travel: some servers take it for the end of a line.
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    SinglePart::builder().header(content_type).body(text)
}

/// Files travel as base64 whatever they are, so that they arrive byte for byte.
fn with_files(mut body: MultiPart, files: &[Attachment]) -> Result<MultiPart, String> {
    for file in files {
        let name = one_line(&file.file_name);
        let content_type = ContentType::parse(&file.content_type)
            .map_err(|_| format!("у файла «{name}» неверный тип «{}»", file.content_type))?;
        let content = Body::new_with_encoding(file.bytes.clone(), ContentTransferEncoding::Base64)
            .map_err(|_| format!("файл «{name}» не кодируется"))?;
        body = body.singlepart(
            SinglePart::builder()
                .header(content_type)
                .header(ContentDisposition::attachment(&name))
                .body(content),
        );
    }
    Ok(body)
}

/// An address as lettre has it. A domain in Cyrillic is written in its ASCII form, which every
/// server understands.
///
/// # Errors
///
/// What is wrong with it, in Russian.
pub(crate) fn mailbox(address: &Address) -> Result<Mailbox, String> {
    let wrong = || format!("неверный адрес «{}»: нужен адрес вида name@example.ru", address.email);
    let unfit = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>' | '"');
    if address.email.contains(unfit) || address.email.len() > 320 {
        return Err(wrong());
    }
    let (user, domain) = address.email.rsplit_once('@').ok_or_else(wrong)?;
    let domain = match idna::domain_to_ascii(domain) {
        Ok(ascii) if !domain.is_ascii() => ascii,
        _ => domain.to_owned(),
    };
    let email = lettre::Address::new(user, domain).map_err(|_| wrong())?;
    let name = one_line(&address.name);
    Ok(Mailbox::new((!name.is_empty()).then_some(name), email))
}

/// The text without line breaks and other control characters.
fn one_line(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    spaced.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

fn bracketed(id: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_graphic() && !matches!(c, '<' | '>');
    let halves = id
        .split_once('@')
        .is_some_and(|(left, right)| !left.is_empty() && !right.is_empty() && !right.contains('@'));
    if id.chars().all(fits) && halves && id.len() <= MAX_MESSAGE_ID {
        Ok(format!("<{id}>"))
    } else {
        Err(format!("неверный Message-ID «{id}»"))
    }
}

fn thread(ids: &[String]) -> Result<String, String> {
    let last = ids.len().saturating_sub(MAX_REFERENCES - 1).max(1).min(ids.len());
    let kept = ids[..1].iter().chain(&ids[last..]);
    Ok(kept.map(|id| bracketed(id)).collect::<Result<Vec<_>, _>>()?.join(" "))
}

fn time(millis: i64) -> Result<SystemTime, String> {
    u64::try_from(millis)
        .ok()
        .and_then(|millis| SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(millis)))
        // The year 9999, the last that a Date header can say.
        .filter(|_| millis < 253_402_300_800_000)
        .ok_or_else(|| format!("неверная дата письма: {millis}"))
}

/// A line that no part contains: it is the hash of what the parts contain.
fn boundary(kind: &str, message: &Message) -> String {
    let mut hash = Sha256::new();
    let html = message.html.as_deref().unwrap_or_default();
    for text in [kind, &message.message_id, &message.text, html] {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
    format!("vekha-{}", hex::encode(&hash.finalize()[..16]))
}

/// Names the list that a letter belongs to: RFC 2919. A list's name stands within the sender's domain,
/// so that it is nobody else's.
#[derive(Clone)]
struct ListId(String);

impl ListId {
    fn new(list: &str, domain: &str) -> Result<Self, String> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let word = |word: &str| !word.is_empty() && word.chars().all(fits);
        match list.split('.').all(word) && list.len() + domain.len() < 250 {
            true => Ok(ListId(format!("<{list}.{domain}>"))),
            false => Err(format!("неверное название списка писем «{list}»")),
        }
    }
}

impl Header for ListId {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("List-Id")
    }

    fn parse(text: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(ListId(text.to_owned()))
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), self.0.clone())
    }
}

/// Headers with a constant value.
macro_rules! constant_header {
    ($(#[$doc:meta])* $type:ident, $name:literal, $value:literal) => {
        $(#[$doc])*
        #[derive(Clone)]
        struct $type;

        impl Header for $type {
            fn name() -> HeaderName {
                HeaderName::new_from_ascii_str($name)
            }

            fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
                Ok($type)
            }

            fn display(&self) -> HeaderValue {
                HeaderValue::new(Self::name(), $value.to_owned())
            }
        }
    };
}

constant_header!(
    /// Asks out-of-office robots to be silent: RFC 3834.
    AutoSubmitted,
    "Auto-Submitted",
    "auto-generated"
);
constant_header!(
    /// Asks the same of Exchange.
    AutoResponseSuppress,
    "X-Auto-Response-Suppress",
    "All"
);

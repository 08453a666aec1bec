//! A letter that came in, read as a report on another that was not delivered (RFC 3464): about which
//! letter, to whom, and why. What it is about is known by the Message-ID in what it returns, never by
//! words of a subject.

use mail_parser::{Message, MessageParser, MessagePart, MimeHeaders as _};
use sha2::{Digest, Sha256};
use vekha_plugin::{Failure, Report};

use super::cause;

/// Recipients that one report may name.
const RECIPIENTS: usize = 100;

/// The most of a server's words that is kept, in characters.
const SAID: usize = 300;

/// What a letter is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    Report(Report),
    /// Anything else: an answer, an absence note, advertising.
    Other,
    /// A report by its type that does not say what one must.
    Unreadable(String),
}

/// Reads the beginning of a letter.
pub(super) fn read(head: &[u8]) -> Read {
    let Some(letter) = MessageParser::default().parse(head) else { return Read::Other };
    let reports = letter.content_type().is_some_and(|kind| {
        kind.ctype().eq_ignore_ascii_case("multipart")
            && kind.subtype().is_some_and(|subtype| subtype.eq_ignore_ascii_case("report"))
    });
    let part = |wanted: &[(&str, &str)]| letter.parts.iter().find(|part| is(part, wanted));
    let status = part(&[("message", "delivery-status"), ("message", "global-delivery-status")]);
    let Some(status) = status.filter(|_| reports) else { return Read::Other };
    let groups = groups(status.contents());
    let field = |name: &str| groups.iter().find_map(|group| field(group, name));
    let returned = part(&[
        ("message", "rfc822"),
        ("message", "global"),
        ("text", "rfc822-headers"),
        ("message", "global-headers"),
        ("message", "rfc822-headers"),
    ]);
    let message_id = returned
        .and_then(message_id)
        // Who returns nothing may say it here.
        .or_else(|| field("X-Original-Message-ID"));
    let Some(message_id) = message_id.map(|id| bare(&id)).filter(|id| !id.is_empty()) else {
        return Read::Unreadable("в отчёте о доставке нет Message-ID исходного письма".to_owned());
    };
    let mut recipients = groups.iter().filter(|group| group.header("Final-Recipient").is_some());
    let failures: Vec<Failure> = recipients.by_ref().take(RECIPIENTS).filter_map(failed).collect();
    if !groups.iter().any(|group| group.header("Final-Recipient").is_some()) {
        return Read::Unreadable("в отчёте о доставке не названо ни одного получателя".to_owned());
    }
    let id = hex::encode(&Sha256::digest(head)[..16]);
    Read::Report(Report { id, message_id, failures })
}

fn is(part: &MessagePart<'_>, wanted: &[(&str, &str)]) -> bool {
    part.content_type().is_some_and(|kind| {
        wanted.iter().any(|(ctype, subtype)| {
            kind.ctype().eq_ignore_ascii_case(ctype)
                && kind.subtype().is_some_and(|own| own.eq_ignore_ascii_case(subtype))
        })
    })
}

/// The groups of fields: of the whole, then of each recipient.
fn groups(status: &[u8]) -> Vec<Message<'_>> {
    let parser = MessageParser::new().default_header_text();
    let mut groups = Vec::new();
    let mut rest = status;
    while groups.len() <= RECIPIENTS && !rest.is_empty() {
        let (group, after) = cut(rest);
        groups.extend(parser.parse_headers(group).filter(|group| !group.headers().is_empty()));
        rest = after;
    }
    groups
}

/// What stands before the next empty line, and after it.
fn cut(text: &[u8]) -> (&[u8], &[u8]) {
    let mut from = 0;
    while let Some(end) = text[from..].iter().position(|byte| *byte == b'\n') {
        let line = &text[from..from + end];
        from += end + 1;
        if line.iter().all(u8::is_ascii_whitespace) {
            return text.split_at(from);
        }
    }
    (text, &[])
}

fn field(group: &Message<'_>, name: &str) -> Option<String> {
    let raw = group.header_raw(name.to_owned())?;
    Some(raw.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn message_id(returned: &MessagePart<'_>) -> Option<String> {
    if let Some(letter) = returned.message() {
        return letter.message_id().map(str::to_owned);
    }
    let letter = MessageParser::default().parse_headers(returned.contents())?;
    letter.message_id().map(str::to_owned)
}

fn bare(id: &str) -> String {
    id.trim().trim_start_matches('<').trim_end_matches('>').to_owned()
}

/// Whom it did not reach for good; none if it did, or still may.
fn failed(group: &Message<'_>) -> Option<Failure> {
    if !field(group, "Action")?.eq_ignore_ascii_case("failed") {
        return None;
    }
    let status = field(group, "Status").unwrap_or_default();
    let status = status.split_whitespace().next().unwrap_or_default();
    let said = field(group, "Diagnostic-Code").unwrap_or_default();
    let said = typed(&said);
    let cause = cause::of(status, said);
    let mut addresses: Vec<String> = Vec::new();
    for name in ["Original-Recipient", "Final-Recipient"] {
        let address = field(group, name).map(|value| address(typed(&value)));
        addresses.extend(address.filter(|address| address.contains('@')));
    }
    addresses.dedup();
    let detail = if said.is_empty() { status } else { said };
    let detail = detail.chars().filter(|c| !c.is_control()).take(SAID).collect();
    Some(Failure { addresses, cause, detail })
}

/// What follows a value's type: `rfc822; a@b`, `smtp; 550 5.1.1 …`.
fn typed(value: &str) -> &str {
    match value.split_once(';') {
        Some((kind, rest)) if !kind.trim().contains(' ') => rest.trim(),
        _ => value.trim(),
    }
}

fn address(value: &str) -> String {
    let address = value.trim().trim_start_matches('<').trim_end_matches('>').trim();
    // RFC 3461 writes what is no plain letter as its code; an address with a plus of its own has no
    // such code behind it in practice, and is then one that no letter went to.
    match address.contains('@') {
        true => address.to_owned(),
        false => address.replace("+40", "@"),
    }
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;

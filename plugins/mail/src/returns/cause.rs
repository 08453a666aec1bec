//! Why a letter came back, by the codes of RFC 3463 as they are used. Exim says 5.0.0 whatever it was,
//! and Mail.ru no code at all: then the remote server's own reply tells, by the code in it, or, where
//! there is none either, by the few words that large systems have for an address that does not exist.

use vekha_plugin::Cause;

/// Codes by which there is no such address. 5.2.1 is a mailbox that was closed, 5.4.4 and Exchange's
/// 5.4.310 a domain that is not in DNS.
const NO_SUCH_ADDRESS: [&str; 9] =
    ["5.1.1", "5.1.2", "5.1.3", "5.1.4", "5.1.6", "5.1.10", "5.2.1", "5.4.4", "5.4.310"];

/// What is said of an address that does not exist, in lower case: Yandex (which calls it 5.7.1),
/// Postfix and Sendmail, Mail.ru, Google, Exim.
const NOBODY: [&str; 7] = [
    "no such user",
    "user unknown",
    "unknown user",
    "user not found",
    "does not exist",
    "invalid mailbox",
    "unrouteable address",
];

/// The cause by a report's status and the remote server's reply.
pub(super) fn of(status: &str, said: &str) -> Cause {
    let said = said.to_lowercase();
    let nobody = || NOBODY.iter().any(|words| said.contains(words));
    // A status that says only that it failed says less than the reply.
    let code = match code(status) {
        Some(code) if !code.ends_with(".0.0") => Some(code),
        _ => in_reply(&said),
    };
    let Some(code) = code else {
        let refused_for_good = said.starts_with("55");
        return if refused_for_good && nobody() { Cause::NoSuchAddress } else { Cause::Other };
    };
    match code {
        code if NO_SUCH_ADDRESS.contains(&code) => Cause::NoSuchAddress,
        "5.7.1" if said.contains("no such user") => Cause::NoSuchAddress,
        "5.2.2" | "4.2.2" => Cause::Full,
        code if code.starts_with("5.7.") => Cause::Refused,
        _ => Cause::Other,
    }
}

/// The text, if it is a code: three numbers.
fn code(text: &str) -> Option<&str> {
    let text = text.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let mut numbers = text.split('.');
    let class = matches!(numbers.next(), Some("2" | "4" | "5"));
    let number = |n: Option<&str>| {
        n.is_some_and(|n| (1..=3).contains(&n.len()) && n.bytes().all(|b| b.is_ascii_digit()))
    };
    let whole = class && number(numbers.next()) && number(numbers.next());
    (whole && numbers.next().is_none()).then_some(text)
}

/// The code at the beginning of a reply: `550 5.1.1 …`, `550-5.1.1 …`, `550 #5.1.1 …`.
fn in_reply(said: &str) -> Option<&str> {
    said.split([' ', '-']).take(3).find_map(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_telling_code_is_told_by_the_reply_and_what_nothing_tells_is_not_guessed() {
        for (status, said, cause) in [
            ("5.1.1", "", Cause::NoSuchAddress),
            ("5.1.10", "550 5.1.10 RESOLVER.ADR.RecipientNotFound", Cause::NoSuchAddress),
            ("5.0.0", "550-5.1.1 The email account that you tried", Cause::NoSuchAddress),
            ("5.0.0", "550 #5.1.1 unknown", Cause::NoSuchAddress),
            ("5.0.0", "550 invalid mailbox. user not found", Cause::NoSuchAddress),
            ("5.7.1", "550 5.7.1 No such user!", Cause::NoSuchAddress),
            ("5.7.1", "550 5.7.1 Message rejected under suspicion of SPAM", Cause::Refused),
            ("5.7.26", "", Cause::Refused),
            ("5.2.2", "552-5.2.2 over quota", Cause::Full),
            ("4.2.2", "452 4.2.2 mailbox full: no such user matters", Cause::Full),
            ("4.4.7", "", Cause::Other),
            ("5.4.1", "550 5.4.1 Recipient address rejected: Access denied", Cause::Other),
            ("5.0.0", "451 user unknown for now", Cause::Other),
            ("5.0.0", "", Cause::Other),
            ("", "connect to 5.188.12.1: refused", Cause::Other),
        ] {
            assert_eq!(of(status, said), cause, "{status} {said}");
        }
    }
}

//! How much an error may say. It travels in the headers that end a call, and clients take 8 KB of
//! those (gRPC's own libraries by default): what does not fit would reach nobody. So words are cut,
//! mistakes are told as far as there is room, and the others are counted.

use prost::Message as _;
use tonic_types::pb::{BadRequest, bad_request::FieldViolation};
use vekha_roadmap::answers::FieldError;

/// Bytes of `grpc-message` as it is sent: every byte that is not ASCII is three.
const MESSAGE: usize = 1200;

/// Bytes of all mistakes; `grpc-status-details-bin` holds a third more of them, and the message.
const MISTAKES: usize = 2200;

/// Bytes of a mistake's path, and of its words.
const FIELD: usize = 200;
const WORDS: usize = 600;

/// Words as far as a message has room for them.
pub fn message(text: &str) -> String {
    cut(text, MESSAGE, sent)
}

/// Words as far as a detail has room for them.
pub fn words(text: &str) -> String {
    cut(text, WORDS, char::len_utf8)
}

/// Words as far as a message has room for them and for what follows.
pub fn beginning(text: &str) -> String {
    cut(text, MESSAGE - 200, sent)
}

/// The mistakes for which there is room, each cut to a bearable length; never none of some.
pub fn mistakes(all: &[FieldError]) -> Vec<FieldError> {
    let mut room = MISTAKES;
    let short = |e: &FieldError| FieldError {
        field: cut(&e.field, FIELD, char::len_utf8),
        message: words(&e.message),
    };
    all.iter()
        .map(short)
        .map_while(|e| {
            room = room.checked_sub(encoded(&e))?;
            Some(e)
        })
        .collect()
}

fn encoded(e: &FieldError) -> usize {
    let (field, description) = (e.field.clone(), e.message.clone());
    let one = FieldViolation { field, description, ..FieldViolation::default() };
    BadRequest { field_violations: vec![one] }.encoded_len()
}

/// Bytes of a letter as `grpc-message` sends it.
fn sent(c: char) -> usize {
    if c.is_ascii_graphic() && c != '%' { 1 } else { 3 * c.len_utf8() }
}

fn cut(text: &str, room: usize, length: impl Fn(char) -> usize) -> String {
    const MARK: char = '…';
    if text.chars().map(&length).sum::<usize>() <= room {
        return text.to_owned();
    }
    let mut left = room.saturating_sub(length(MARK));
    let fits = |c: &char| match left.checked_sub(length(*c)) {
        Some(rest) => {
            left = rest;
            true
        }
        None => false,
    };
    let mut short: String = text.chars().take_while(fits).collect();
    short.push(MARK);
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_by_what_they_take_on_the_way() {
        assert_eq!(message("коротко"), "коротко");
        for long in ["я".repeat(10_000), "a".repeat(10_000), "%я".repeat(10_000)] {
            let cut = message(&long);
            assert!(
                cut.ends_with('…') && cut.chars().map(sent).sum::<usize>() <= MESSAGE,
                "{}",
                cut.len()
            );
        }
    }

    #[test]
    fn of_mistakes_there_is_at_least_one() {
        let huge = FieldError { field: "a".repeat(9000), message: "я".repeat(9000) };
        let kept = mistakes(&vec![huge; 5000]);
        assert!((1..10).contains(&kept.len()), "{}", kept.len());
    }
}

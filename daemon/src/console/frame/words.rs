//! Moments, terms and states as people read them.

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Value, json};
use vekha_roadmap::model::Municipality;
use vekha_roadmap::russian;

use crate::glossary::date;
use crate::runtime::views::addresses::AddressState;

/// «1 октября 2027 года, 14:05»
pub fn moment(municipality: &Municipality, at: Timestamp) -> String {
    let local = municipality.time_zone.to_datetime(at);
    format!("{}, {:02}:{:02}", russian::date_words(local.date()), local.hour(), local.minute())
}

/// «01.10.2027 14:05», for tables.
pub fn short_moment(municipality: &Municipality, at: Timestamp) -> String {
    let local = municipality.time_zone.to_datetime(at);
    format!("{} {:02}:{:02}", date(local.date()), local.hour(), local.minute())
}

/// «осталось 5 дней», «срок прошёл 2 дня назад».
pub fn left(municipality: &Municipality, due: Date, now: Timestamp) -> String {
    let days = due.duration_since(municipality.today(now)).as_hours() / 24;
    let noun = russian::plural(days, "день", "дня", "дней");
    let closes = municipality.closes;
    match days {
        0 if now > municipality.closing(due) => "срок истёк сегодня".to_owned(),
        0 => format!("сегодня последний день, до {:02}:{:02}", closes.hour(), closes.minute()),
        1.. => {
            let verb = russian::plural(days, "остался", "осталось", "осталось");
            format!("{verb} {days} {noun}")
        }
        _ => format!("срок прошёл {} {noun} назад", -days),
    }
}

/// Whether letters reach an address: in words, how it looks, since when and why.
pub fn address(municipality: &Municipality, address: &AddressState) -> Value {
    let (words, tag, at, reason) = match address {
        AddressState::Working { at } => ("доходят", "completed", Some(at), ""),
        AddressState::Refused { at, reason } => ("не доходят", "late", Some(at), reason.as_str()),
        AddressState::Missing => ("нет адреса", "late", None, ""),
        AddressState::Untried => ("ещё не писали", "", None, ""),
    };
    let at = at.map(|at| short_moment(municipality, *at));
    json!({ "words": words, "tag": tag, "at": at, "reason": reason })
}

/// How large a file is: «1,2 МБ».
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} Б"),
        1024..1_048_576 => format!("{} КБ", bytes.div_ceil(1024)),
        _ => format!("{} МБ", russian::number(bytes as f64 / 1_048_576.0, 1)),
    }
}

/// With a capital letter at its beginning.
pub fn capital(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

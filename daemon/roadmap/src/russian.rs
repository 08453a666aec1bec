//! Dates and numbers as Russian letters write them.

use jiff::civil::{Date, Weekday};

/// Months in the nominative: «август 2027 года».
pub(crate) const MONTHS_NOMINATIVE: [&str; 12] = [
    "январь",
    "февраль",
    "март",
    "апрель",
    "май",
    "июнь",
    "июль",
    "август",
    "сентябрь",
    "октябрь",
    "ноябрь",
    "декабрь",
];

const MONTHS_GENITIVE: [&str; 12] = [
    "января",
    "февраля",
    "марта",
    "апреля",
    "мая",
    "июня",
    "июля",
    "августа",
    "сентября",
    "октября",
    "ноября",
    "декабря",
];

/// «1 октября 2027 года»
pub fn date_words(date: Date) -> String {
    let month = MONTHS_GENITIVE[date.month() as usize - 1];
    format!("{} {month} {} года", date.day(), date.year())
}

/// «пятница, 1 октября 2027 года»
pub fn date_words_with_weekday(date: Date) -> String {
    format!("{}, {}", weekday(date.weekday()), date_words(date))
}

/// «пятница»
pub fn weekday(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "понедельник",
        Weekday::Tuesday => "вторник",
        Weekday::Wednesday => "среда",
        Weekday::Thursday => "четверг",
        Weekday::Friday => "пятница",
        Weekday::Saturday => "суббота",
        Weekday::Sunday => "воскресенье",
    }
}

/// The form of a noun that goes with `n`: 1 день, 2 дня, 5 дней, 11 дней, 21 день.
pub fn plural<'a>(n: i64, one: &'a str, few: &'a str, many: &'a str) -> &'a str {
    let n = n.unsigned_abs();
    match (n % 10, n % 100) {
        (_, 11..=14) => many,
        (1, _) => one,
        (2..=4, _) => few,
        _ => many,
    }
}

/// A threshold: whole if it is, or else with two digits after the comma.
pub fn threshold(value: f64) -> String {
    number(value, if value.fract() == 0.0 { 0 } else { 2 })
}

/// A number with a decimal comma and, from 10 000 on, no-break spaces between thousands.
pub fn number(value: f64, decimals: u8) -> String {
    let rounded = format!("{value:.*}", usize::from(decimals.min(9)));
    // What rounds to nothing has no sign.
    let rounded = match rounded.strip_prefix('-') {
        Some(rest) if rest.bytes().all(|b| b == b'0' || b == b'.') => rest.to_owned(),
        _ => rounded,
    };
    let (sign, digits) = match rounded.strip_prefix('-') {
        Some(digits) => ("−", digits),
        None => ("", rounded.as_str()),
    };
    let (whole, fraction) = match digits.split_once('.') {
        Some((whole, fraction)) => (whole, format!(",{fraction}")),
        None => (digits, String::new()),
    };
    let mut grouped = String::new();
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && whole.len() > 4 && (whole.len() - i) % 3 == 0 {
            grouped.push('\u{a0}');
        }
        grouped.push(digit);
    }
    format!("{sign}{grouped}{fraction}")
}

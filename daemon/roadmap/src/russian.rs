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
    let rounded = rounded(value, usize::from(decimals.min(9)));
    let (negative, digits) = match rounded.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, rounded.as_str()),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mut number = String::with_capacity(rounded.len() + 8);
    // What rounds to nothing has no sign.
    if negative && digits.bytes().any(|b| b != b'0' && b != b'.') {
        number.push('−');
    }
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && whole.len() > 4 && (whole.len() - i) % 3 == 0 {
            number.push('\u{a0}');
        }
        number.push(digit);
    }
    if !fraction.is_empty() {
        number.push(',');
        number.push_str(fraction);
    }
    number
}

/// With so many digits after the point, a half to the even digit.
fn rounded(value: f64, decimals: usize) -> String {
    let scaled = value.abs() * 10f64.powi(decimals as i32);
    // So far from a half, and so small, that the product rounds as the number itself would: an
    // integer is put into digits much sooner.
    let certain = scaled < 1e9 && (scaled.fract() - 0.5).abs() > 1e-6;
    if !certain {
        return format!("{value:.decimals$}");
    }
    let units = scaled.round() as u64;
    let scale = 10u64.pow(decimals as u32);
    let sign = if value.is_sign_negative() { "-" } else { "" };
    match decimals {
        0 => format!("{sign}{units}"),
        _ => format!("{sign}{}.{:0decimals$}", units / scale, units % scale),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_are_rounded_as_the_standard_library_rounds(
            value in prop_oneof![-1e6..1e6f64, (-4000..4000i32).prop_map(|n| f64::from(n) / 8.0)],
            decimals in 0..5usize,
        ) {
            prop_assert_eq!(rounded(value, decimals), format!("{value:.decimals$}"));
        }
    }
}

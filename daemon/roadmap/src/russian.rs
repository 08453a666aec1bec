//! Dates and numbers as Russian letters write them.

use jiff::civil::{Date, Weekday};

/// Months in the nominative: «август 2027 года».
pub const MONTHS_NOMINATIVE: [&str; 12] = [
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

/// Months in the genitive: «1 августа».
pub const MONTHS_GENITIVE: [&str; 12] = [
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

/// Units that are words and not abbreviations: of one, of two, of five.
const UNITS: [[&str; 3]; 6] = [
    ["балл", "балла", "баллов"],
    ["школа", "школы", "школ"],
    ["час", "часа", "часов"],
    ["день", "дня", "дней"],
    ["место", "места", "мест"],
    ["работа", "работы", "работ"],
];

/// A unit as it is said after a number that is written so: 1 балл, 62 балла, 3,5 балла, 70 баллов.
/// What is an abbreviation, or no number, stays as it is.
pub fn of_unit<'u>(number: &str, unit: &'u str) -> &'u str {
    let Some([one, few, many]) = UNITS.iter().find(|forms| forms.contains(&unit)) else {
        return unit;
    };
    let is_blank = |c: char| c.is_whitespace() || matches!(c, '−' | '-');
    let digits: String = number.chars().filter(|c| !is_blank(*c)).collect();
    match digits.parse::<i64>() {
        Ok(n) => plural(n, one, few, many),
        // A part of one is said as two are.
        Err(_) if digits.replace(',', ".").parse::<f64>().is_ok() => few,
        Err(_) => unit,
    }
}

/// Some of so many, as one names them: «а, б и в», «а, б и ещё 4».
pub fn listed(named: &[String], count: usize) -> String {
    let more = count.saturating_sub(named.len());
    match named {
        named if more > 0 => format!("{} и ещё {more}", named.join(", ")),
        [one] => one.clone(),
        [first @ .., last] => format!("{} и {last}", first.join(", ")),
        [] => String::new(),
    }
}

/// A threshold: whole if it is, or else with two digits after the comma.
pub fn threshold(value: f64) -> String {
    number(value, if value.fract() == 0.0 { 0 } else { 2 })
}

/// A number with a decimal comma and, from 10 000 on, no-break spaces between thousands. It has so
/// many digits after the comma; a half goes to the even digit.
pub fn number(value: f64, decimals: u8) -> String {
    let decimals = usize::from(decimals.min(9));
    let scaled = value.abs() * 10f64.powi(decimals as i32);
    // So far from a half, and so small, that the product rounds as the number itself would: an
    // integer is put into digits much sooner.
    if scaled < 1e9 && (scaled.fract() - 0.5).abs() > 1e-6 {
        let mut buffer = [b'0'; 20];
        let (mut units, mut start) = (scaled.round() as u64, buffer.len());
        while units > 0 || buffer.len() - start <= decimals {
            start -= 1;
            buffer[start] = b'0' + (units % 10) as u8;
            units /= 10;
        }
        let (whole, fraction) = buffer[start..].split_at(buffer.len() - start - decimals);
        return spelt(value.is_sign_negative(), whole, fraction);
    }
    let rounded = format!("{:.decimals$}", value.abs());
    let (whole, fraction) = rounded.split_once('.').unwrap_or((&rounded, ""));
    spelt(value.is_sign_negative(), whole.as_bytes(), fraction.as_bytes())
}

/// A number from its digits.
fn spelt(negative: bool, whole: &[u8], fraction: &[u8]) -> String {
    let mut number = String::with_capacity(whole.len() + fraction.len() + 8);
    // What rounds to nothing has no sign.
    if negative && whole.iter().chain(fraction).any(|digit| *digit != b'0') {
        number.push('−');
    }
    for (i, digit) in whole.iter().enumerate() {
        if i > 0 && whole.len() > 4 && (whole.len() - i).is_multiple_of(3) {
            number.push('\u{a0}');
        }
        number.push(char::from(*digit));
    }
    if !fraction.is_empty() {
        number.push(',');
        number.extend(fraction.iter().map(|digit| char::from(*digit)));
    }
    number
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_are_rounded_as_the_standard_library_rounds(
            value in prop_oneof![-1e12..1e12f64, -1e6..1e6f64, (-4000..4000i32).prop_map(|n| f64::from(n) / 8.0)],
            decimals in 0..5u8,
        ) {
            let rounded = format!("{value:.*}", usize::from(decimals));
            let nothing = !rounded.contains(|c: char| ('1'..='9').contains(&c));
            let expected = if nothing { rounded.trim_start_matches('-') } else { &rounded };
            let back = number(value, decimals).replace('\u{a0}', "").replace(',', ".");
            prop_assert_eq!(back.replace('−', "-"), expected);
        }
    }

    #[test]
    fn a_unit_that_is_a_word_agrees_with_its_number() {
        for (number, unit, said) in [
            ("1", "баллов", "балл"),
            ("62", "балл", "балла"),
            ("1\u{a0}011", "балл", "баллов"),
            ("3,5", "баллов", "балла"),
            ("1,0", "баллов", "балла"),
            ("−21", "школ", "школа"),
            ("нет данных", "баллов", "баллов"),
            ("2", "чел.", "чел."),
            ("2,5", "%", "%"),
        ] {
            assert_eq!(of_unit(number, unit), said, "{number} {unit}");
        }
    }

    #[test]
    fn numbers_are_spelt_as_russian_letters_spell_them() {
        let spelt = [(0.0, 0), (-0.04, 1), (35.55, 1), (9999.5, 1), (-12345.678, 2), (1e6, 0)];
        let expected = ["0", "0,0", "35,5", "9999,5", "−12\u{a0}345,68", "1\u{a0}000\u{a0}000"];
        assert_eq!(spelt.map(|(value, decimals)| number(value, decimals)), expected);
    }

    #[test]
    fn nouns_go_with_their_numbers_and_days_with_their_months() {
        let days = |n: i64| plural(n, "день", "дня", "дней");
        for (numbers, expected) in [
            (vec![1, 21, 101, 1001, -1], "день"),
            (vec![2, 3, 4, 22, 24, 102, -3], "дня"),
            (vec![0, 5, 9, 10, 11, 12, 14, 15, 19, 20, 25, 111, 112, 114, 1011, -11], "дней"),
        ] {
            for n in numbers {
                assert_eq!(days(n), expected, "{n}");
            }
        }
        assert_eq!([30.0, 0.5, 12.345].map(threshold), ["30", "0,50", "12,35"]);
        let first = jiff::civil::date(2027, 2, 1);
        let week: Vec<String> = (0..7)
            .map(|n| date_words_with_weekday(first.saturating_add(jiff::Span::new().days(n))))
            .collect();
        assert_eq!(week[0], "понедельник, 1 февраля 2027 года");
        assert_eq!(week[6], "воскресенье, 7 февраля 2027 года");
        assert_eq!(date_words(jiff::civil::date(2026, 12, 31)), "31 декабря 2026 года");
    }
}

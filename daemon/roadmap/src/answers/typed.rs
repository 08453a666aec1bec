//! One answer, from what a person typed or a system sent to its typed form.

use jiff::civil::Date;
use serde_json::Value;

use super::writing::{check_file_name, check_text, meant};
use crate::model::{FileRule, Range};
use crate::pattern::alike;
use crate::period::Period;
use crate::russian;

pub(super) fn number(raw: &Value) -> Result<f64, String> {
    let number = match raw {
        Value::Number(n) => n.as_f64(),
        Value::String(s) if s.len() <= 64 => {
            let plain: String = s
                .trim()
                .chars()
                .filter(|c| !matches!(c, ' ' | '\u{a0}' | '\u{202f}'))
                .map(|c| match c {
                    ',' => '.',
                    '−' => '-',
                    c => c,
                })
                .collect();
            // Not everything that parses as a float is a number that people write.
            let written = plain.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'-');
            plain.parse().ok().filter(|_| written)
        }
        _ => None,
    };
    number
        .filter(|n: &f64| n.is_finite() && n.abs() < 1e15)
        .ok_or_else(|| "нужно число, например 12,5".to_owned())
}

pub(super) fn integer(raw: &Value) -> Result<f64, String> {
    number(raw).ok().filter(|n| n.fract() == 0.0).ok_or_else(|| "нужно целое число".to_owned())
}

pub(super) fn within(n: f64, range: Range) -> Result<Value, String> {
    let show = |n: f64| russian::number(n, if n.fract() == 0.0 { 0 } else { 2 });
    match range {
        Range { min: Some(min), max: Some(max) } if n < min || n > max => {
            Err(format!("от {} до {}", show(min), show(max)))
        }
        Range { min: Some(min), .. } if n < min => Err(format!("не меньше {}", show(min))),
        Range { max: Some(max), .. } if n > max => Err(format!("не больше {}", show(max))),
        _ if n.fract() == 0.0 => Ok(Value::from(n as i64)),
        _ => Ok(Value::from(n)),
    }
}

pub(super) fn text(raw: &Value, longest: usize, lines: bool) -> Result<Value, String> {
    let Value::String(s) = raw else { return Err("нужен текст".into()) };
    let s = meant(s, lines);
    if s.chars().count() > longest {
        return Err(format!("не длиннее {longest} знаков"));
    }
    check_text(&s, lines)?;
    Ok(Value::String(s))
}

pub(super) fn date(raw: &Value) -> Result<Value, String> {
    let parsed = raw.as_str().map(str::trim).and_then(|s| {
        s.parse::<Date>().ok().filter(|_| s.len() == 10).or_else(|| {
            let mut parts = s.split('.').map(|p| p.parse::<i16>().ok());
            let (day, month, year) = (parts.next()??, parts.next()??, parts.next()??);
            let rest = parts.next();
            let (month, day) = (i8::try_from(month).ok()?, i8::try_from(day).ok()?);
            Date::new(year, month, day).ok().filter(|_| rest.is_none())
        })
    });
    parsed
        .filter(|d| (1900..=2200).contains(&d.year()))
        .map(|d| Value::String(d.to_string()))
        .ok_or_else(|| "нужна дата, например 15.09.2027".into())
}

/// A day that lies within a run's period.
pub(super) fn within_period(day: Value, period: Period) -> Result<Value, String> {
    let said = day.as_str().and_then(|day| day.parse::<Date>().ok());
    let (first, last) = (period.first_day(), period.last_day());
    match said {
        Some(said) if said < first || said > last => {
            let day = |day: Date| day.strftime("%d.%m.%Y").to_string();
            let (first, last) = (day(first), day(last));
            Err(format!("{} — это с {first} по {last}: проверьте дату", period.words()))
        }
        _ => Ok(day),
    }
}

/// What is said to whoever names several classes in the place of one.
fn many_classes(letter: &str) -> Option<String> {
    if ["все", "вся"].contains(&letter.to_lowercase().as_str()) {
        return Some("вся параллель — это пустая литера".to_owned());
    }
    let listed = letter.contains([',', ';', '+', '&']);
    let apart = |c: char| c.is_whitespace() || ",;+&-–—/".contains(c);
    let mut parts = letter.split(apart).filter(|part| !part.is_empty());
    let single = parts.clone().count() > 1 && parts.all(|part| part.chars().count() == 1);
    (listed || single).then(|| {
        format!("«{letter}» — несколько классов: по строке каждому, вся параллель — пустая литера")
    })
}

/// A class's letter, in capitals and in our alphabet if it is one: «5А», «5-а», «a» of the fifth grade
/// are its «А». A dash is no letter.
pub(super) fn letter(said: &str, grade: Option<f64>) -> Result<String, String> {
    let apart = |c: char| c.is_whitespace() || "-–—_./«»\"".contains(c);
    let plain = said.trim_matches(apart);
    let digits = plain.find(|c: char| !c.is_ascii_digit()).unwrap_or(plain.len());
    let (number, rest) = plain.split_at(digits);
    let rest = rest.trim_matches(apart);
    // «1» may be the letter of a class «5-1»; what follows a number makes it the grade's.
    let letter = match (number.parse::<f64>().ok(), rest) {
        (Some(_), "") | (None, _) => plain,
        (Some(number), rest) if grade.is_none_or(|grade| grade == number) => rest,
        (Some(_), rest) => {
            let grade = grade.unwrap_or_default();
            return Err(format!("класс {grade}, а здесь «{said}»: напишите одну литеру — {rest}"));
        }
    };
    if let Some(message) = many_classes(letter) {
        return Err(message);
    }
    let mut characters = letter.chars();
    Ok(match (characters.next(), characters.next()) {
        (Some(_), None) => alike(letter),
        _ => letter.to_owned(),
    })
}

pub(super) fn yes_no(raw: &Value) -> Result<Value, String> {
    let yes = match raw {
        Value::Bool(b) => Some(*b),
        Value::String(s) => match s.trim().to_lowercase().as_str() {
            "yes" | "да" => Some(true),
            "no" | "нет" => Some(false),
            _ => None,
        },
        _ => None,
    };
    yes.map(|yes| Value::from(if yes { "yes" } else { "no" }))
        .ok_or_else(|| "выберите «да» или «нет»".into())
}

/// A file that was kept before: its name, size and SHA-256. Whether it was, the caller knows.
///
/// # Errors
/// That it is none, or why it may not be what is asked for; for people.
pub fn named_file(raw: &Value, rule: &FileRule) -> Result<Value, String> {
    let again = || "выберите файл ещё раз".to_owned();
    let name = raw.get("name").and_then(Value::as_str).ok_or_else(again)?;
    let size = raw.get("size").and_then(Value::as_u64).ok_or_else(again)?;
    let hash = raw.get("sha256").and_then(Value::as_str).ok_or_else(again)?;
    let hex = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
    if hash.len() != 64 || !hash.bytes().all(hex) {
        return Err(again());
    }
    check_file(name, size, rule)?;
    Ok(serde_json::json!({ "name": name, "size": size, "sha256": hash }))
}

/// Whether a file may be what is asked for.
///
/// # Errors
/// Why not, for people.
pub fn check_file(name: &str, size: u64, rule: &FileRule) -> Result<(), String> {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending).to_lowercase();
    check_file_name(name)?;
    if !rule.endings.contains(&ending) {
        return Err(format!("нужен файл .{}", rule.endings.join(", .")));
    }
    if size == 0 {
        return Err("файл пуст".to_owned());
    }
    if size > rule.max_bytes {
        return Err(format!("файл больше {} МБ", rule.max_bytes >> 20));
    }
    Ok(())
}

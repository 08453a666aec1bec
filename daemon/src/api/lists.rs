//! Pages and filters of lists.

use tonic::Status;

use super::names::Parent;
use super::status::invalid;
use crate::store::queries::{Filter, Page};

/// Things on a page when the caller does not say.
const USUAL: u64 = 50;

/// Most things on a page.
const MOST: u64 = 1000;

/// Which page a request asks for.
pub fn page(size: i32, token: &str) -> Result<Page, Status> {
    let limit = match size {
        0 => USUAL,
        n if n < 0 => return Err(invalid("page_size", "не может быть отрицательным")),
        n => u64::from(n.unsigned_abs()).min(MOST),
    };
    let after = match token {
        "" => None,
        token => Some(unhex(token).ok_or_else(|| invalid("page_token", "не наш page_token"))?),
    };
    Ok(Page { after, limit })
}

/// The token of the page after this one; empty at the end.
pub fn next_token<T>(rows: &[T], page: &Page, key: impl Fn(&T) -> &str) -> String {
    match rows.last() {
        Some(last) if rows.len() as u64 >= page.limit => {
            vekha_engine::journal::hex(key(last).as_bytes())
        }
        _ => String::new(),
    }
}

fn unhex(text: &str) -> Option<String> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    let bytes: Option<Vec<u8>> =
        (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).ok()).collect();
    String::from_utf8(bytes?).ok()
}

/// A page of things that are all in memory, in the order of their keys. A page begins after the
/// last key of the one before, whether or not that still exists: nothing is left out while things
/// come and go.
pub fn slice<T>(
    mut all: Vec<T>,
    size: i32,
    token: &str,
    key: impl Fn(&T) -> String,
) -> Result<(Vec<T>, String), Status> {
    let page = page(size, token)?;
    all.retain(|item| page.after.as_ref().is_none_or(|after| key(item) > *after));
    all.sort_by_key(&key);
    let more = all.len() as u64 > page.limit;
    all.truncate(page.limit as usize);
    let token = match all.last() {
        Some(last) if more => vekha_engine::journal::hex(key(last).as_bytes()),
        _ => String::new(),
    };
    Ok((all, token))
}

/// A field whose values are those of an enum of the contract: its name, the enum's prefix, and
/// whether a name is one of it.
pub type Words = (&'static str, &'static str, fn(&str) -> bool);

/// The words of an enum of the contract: `words!("state", "RUN_STATE_", RunState)`.
macro_rules! words {
    ($field:literal, $prefix:literal, $words:ident) => {{
        let is_word: fn(&str) -> bool =
            |name| vekha_proto::v1::$words::from_str_name(name).is_some();
        ($field, $prefix, is_word)
    }};
}
pub(super) use words;

/// Fields that are true or false.
const TRUE_OR_FALSE: [&str; 4] = ["late", "paused", "active", "uncertain"];

/// Fields that are days; these can be compared, too: `date >= 2027-03-01 AND date <= 2027-05`.
const DAYS: [&str; 1] = ["date"];

/// Conditions joined by AND: `state = active AND period = 2026-27`. What is compared stands under
/// its field with the sign: `date>=`.
#[derive(Debug, Clone, Default)]
pub struct Conditions(Vec<(String, String)>);

impl Conditions {
    /// Reads a filter. Words of enums are understood as the contract spells them and without their
    /// prefix, in capitals or not.
    pub fn parse(text: &str, known: &[&str], words: &[Words]) -> Result<Self, Status> {
        let mut found = Vec::new();
        for condition in text.split(" AND ").map(str::trim).filter(|c| !c.is_empty()) {
            let (field, value) = condition.split_once('=').ok_or_else(|| {
                invalid("filter", format!("«{condition}»: нужно поле = значение"))
            })?;
            let (field, value) = (field.trim(), value.trim().trim_matches('"'));
            let sign = field.chars().last().filter(|sign| matches!(sign, '<' | '>'));
            let field = field.trim_end_matches(['<', '>']).trim_end();
            if !known.contains(&field) {
                let message = format!("по «{field}» не отбирают; можно по {}", known.join(", "));
                return Err(invalid("filter", message));
            }
            if sign.is_some() && !DAYS.contains(&field) {
                return Err(invalid("filter", format!("«{condition}»: нужно поле = значение")));
            }
            if DAYS.contains(&field) && !is_day(value) {
                let message =
                    format!("{field}: день, месяц или год, например 2027-03-01, не «{value}»");
                return Err(invalid("filter", message));
            }
            if TRUE_OR_FALSE.contains(&field) && !["true", "false"].contains(&value) {
                return Err(invalid("filter", format!("{field}: true или false, не «{value}»")));
            }
            let mut value = value.to_owned();
            if let Some((_, prefix, is_word)) = words.iter().find(|(of, ..)| *of == field) {
                let word = value.to_uppercase();
                let word = word.strip_prefix(prefix).unwrap_or(&word);
                if !is_word(&format!("{prefix}{word}")) {
                    return Err(invalid("filter", format!("{field}: нет значения «{value}»")));
                }
                value = word.to_lowercase();
            }
            let sign = sign.map(|sign| format!("{sign}=")).unwrap_or_default();
            found.push((format!("{field}{sign}"), value));
        }
        Ok(Conditions(found))
    }

    /// The value that a field must have.
    pub fn value(&self, field: &str) -> Option<&str> {
        self.0.iter().find(|(of, _)| of == field).map(|(_, value)| value.as_str())
    }

    /// Whether a thing holds all the conditions; `holds` says it of one field and its value.
    pub fn hold(&self, holds: impl Fn(&str, &str) -> bool) -> bool {
        self.0.iter().all(|(field, value)| holds(field, value))
    }

    /// What of a parent and of these the database can tell by itself.
    pub fn filter(&self, parent: &Parent) -> Filter {
        let value = |field: &str| self.value(field).map(str::to_owned);
        Filter {
            municipality: parent.municipality.clone(),
            activity: parent.activity.clone().or_else(|| value("activity")),
            run: parent.run_id(),
            period: value("period"),
            organisation: value("organisation"),
            state: value("state"),
            stage: value("stage"),
            ..Filter::default()
        }
    }
}

/// A day, a month or a year: `2027-03-01`, `2027-03`, `2027`.
fn is_day(value: &str) -> bool {
    let rest = match value.len() {
        4 => "-01-01",
        7 => "-01",
        _ => "",
    };
    value.len() <= 10 && format!("{value}{rest}").parse::<jiff::civil::Date>().is_ok()
}

/// Whether a day holds a condition on it, whose field is as [`Conditions`] has it.
pub fn of_day(day: jiff::civil::Date, field: &str, wanted: &str) -> bool {
    // As text, days stand in their order, and begin with their month and year.
    let day = day.to_string();
    let day = &day[..wanted.len().min(day.len())];
    match field.get(field.len().saturating_sub(2)..) {
        Some(">=") => day >= wanted,
        Some("<=") => day <= wanted,
        _ => day == wanted,
    }
}

/// Whether a run, by its id, is of an activity or a period.
pub fn of_run(id: &str, field: &str, wanted: &str) -> bool {
    let mut segments = id.split('/').skip(1);
    let (activity, run) = (segments.next(), segments.next());
    match field {
        "activity" => activity == Some(wanted),
        "period" => run.and_then(|run| run.split('.').next()) == Some(wanted),
        _ => true,
    }
}

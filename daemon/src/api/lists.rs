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

/// A page of things that are all in memory.
pub fn slice<T>(
    all: Vec<T>,
    size: i32,
    token: &str,
    key: impl Fn(&T) -> String,
) -> Result<(Vec<T>, String), Status> {
    let page = page(size, token)?;
    let mut rest: Vec<T> = all
        .into_iter()
        .skip_while(|item| page.after.as_ref().is_some_and(|after| key(item) != *after))
        .skip(usize::from(page.after.is_some()))
        .collect();
    let more = rest.len() as u64 > page.limit;
    rest.truncate(page.limit as usize);
    let token = match rest.last() {
        Some(last) if more => vekha_engine::journal::hex(key(last).as_bytes()),
        _ => String::new(),
    };
    Ok((rest, token))
}

/// Conditions joined by AND: `state = active AND period = 2026-27`.
pub fn conditions(text: &str, known: &[&str]) -> Result<Vec<(String, String)>, Status> {
    let mut found = Vec::new();
    for condition in text.split(" AND ").map(str::trim).filter(|c| !c.is_empty()) {
        let (field, value) = condition
            .split_once('=')
            .ok_or_else(|| invalid("filter", format!("«{condition}»: нужно поле = значение")))?;
        let (field, value) = (field.trim(), value.trim().trim_matches('"'));
        if !known.contains(&field) {
            let message = format!("по «{field}» не отбирают; можно по {}", known.join(", "));
            return Err(invalid("filter", message));
        }
        found.push((field.to_owned(), value.to_owned()));
    }
    Ok(found)
}

/// A parent and a filter as the store understands them.
pub fn filter(parent: &Parent, text: &str, known: &[&str]) -> Result<Filter, Status> {
    let mut filter = Filter {
        municipality: parent.municipality.clone(),
        activity: parent.activity.clone(),
        run: parent.run_id(),
        ..Filter::default()
    };
    for (field, value) in conditions(text, known)? {
        let place = match field.as_str() {
            "state" => &mut filter.state,
            "period" => &mut filter.period,
            "organisation" => &mut filter.organisation,
            "activity" => &mut filter.activity,
            "run" => &mut filter.run,
            _ => continue,
        };
        *place = Some(value);
    }
    Ok(filter)
}

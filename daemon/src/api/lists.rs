//! Pages of lists, and what the database is asked for them.

use jiff::ToSpan as _;
use prost::{Message, Name};
use sha2::{Digest as _, Sha256};
use tonic::Status;

use super::filter::Conditions;
use super::names::Parent;
use super::status::invalid;
use crate::store::read::{Filter, Page};

/// Things on a page when the caller does not say.
const USUAL: u64 = 50;

/// Most things on a page.
const MOST: u64 = 1000;

/// Most rows that are looked at for one page. A page of which few are wanted then ends before it is
/// full, with a token: one call costs no more than this, and the next goes on from there.
const LOOKED: u64 = 10_000;

/// Bytes of a token that tell which list it is of.
const MARK: usize = 8;

/// Which page of which list a request asks for. A token is good for the list that it was given for,
/// and no other: with another parent or filter it would begin somewhere and tell nobody.
#[derive(Debug)]
pub struct Paging {
    /// Where the page begins, and how long it is.
    pub page: Page,
    list: [u8; MARK],
}

/// Which page a request of a list asks for; the list is all else that it says.
macro_rules! paging {
    ($request:ident) => {{
        let mut list = $request.clone();
        let (size, token) = (list.page_size, std::mem::take(&mut list.page_token));
        list.page_size = 0;
        $crate::api::lists::Paging::of(&list, size, &token)
    }};
}
pub(super) use paging;

impl Paging {
    /// The page after this token, of at most this size.
    pub fn of<M: Message + Name>(list: &M, size: i32, token: &str) -> Result<Self, Status> {
        let limit = match size {
            0 => USUAL,
            n if n < 0 => return Err(invalid("page_size", "не может быть отрицательным")),
            n => u64::from(n.unsigned_abs()).min(MOST),
        };
        let digest = Sha256::new().chain_update(M::full_name()).chain_update(list.encode_to_vec());
        let list = *digest.finalize().first_chunk().expect("a digest is longer");
        let after = match token {
            "" => None,
            token => Some(key(token, list)?),
        };
        Ok(Paging { page: Page { after, limit }, list })
    }

    /// The token of the page that begins after a key.
    pub fn after(&self, key: &str) -> String {
        hex::encode([&self.list, key.as_bytes()].concat())
    }

    /// A page of things that are all in memory, in the order of their keys. A page begins after the
    /// last key of the one before, whether or not that still exists: nothing is left out while
    /// things come and go.
    pub fn slice<T>(&self, mut all: Vec<T>, key: impl Fn(&T) -> String) -> (Vec<T>, String) {
        all.retain(|item| self.page.after.as_ref().is_none_or(|after| key(item) > *after));
        all.sort_by_key(&key);
        let more = all.len() as u64 > self.page.limit;
        all.truncate(self.page.limit as usize);
        let token = all.last().filter(|_| more).map(|last| self.after(&key(last)));
        (all, token.unwrap_or_default())
    }

    /// A page of rows that is read on until it is full of things that the caller wants.
    pub fn walk<T>(&self) -> Walk<'_, T> {
        Walk {
            paging: self,
            next: Some(self.page.clone()),
            looked: 0,
            found: vec![],
            token: String::new(),
        }
    }
}

/// A page that fills: what the database cannot tell of its rows is told before they are counted, as
/// far as a call may look.
#[derive(Debug)]
pub struct Walk<'p, T> {
    paging: &'p Paging,
    next: Option<Page>,
    looked: u64,
    found: Vec<T>,
    token: String,
}

impl<T> Walk<'_, T> {
    /// Which rows are to be read next; none once the page is full or the rows have ended.
    pub fn next(&self) -> Option<&Page> {
        self.next.as_ref()
    }

    /// Takes all rows that were read, each with its key and what it came to: nothing where it is not
    /// wanted.
    pub fn take(&mut self, rows: impl IntoIterator<Item = (String, Option<T>)>) {
        let Some(mut page) = self.next.take() else { return };
        let (mut count, mut last) = (0, None);
        for (key, thing) in rows {
            count += 1;
            self.found.extend(thing);
            if self.found.len() as u64 == self.paging.page.limit {
                self.token = self.paging.after(&key);
                return;
            }
            last = Some(key);
        }
        self.looked += count;
        if count < page.limit {
            return;
        }
        if self.looked >= LOOKED {
            self.token = last.map(|key| self.paging.after(&key)).unwrap_or_default();
        } else {
            // Few were wanted: the next ones are looked for by more at a time.
            (page.after, page.limit) = (last, MOST);
            self.next = Some(page);
        }
    }

    /// What was found, and the token of the page after it.
    pub fn end(self) -> (Vec<T>, String) {
        (self.found, self.token)
    }
}

/// The key in a token of this list.
fn key(token: &str, list: [u8; MARK]) -> Result<String, Status> {
    let not_ours = || invalid("page_token", "не наш page_token");
    let bytes = unhex(token).ok_or_else(not_ours)?;
    let (mark, key) = bytes.split_at_checked(MARK).ok_or_else(not_ours)?;
    if mark != list {
        let why = "он другого списка: остальные поля запроса от страницы к странице те же";
        return Err(invalid("page_token", why));
    }
    String::from_utf8(key.to_vec()).map_err(|_| not_ours())
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).ok()).collect()
}

/// What of a parent and of conditions the database can tell. It never leaves out what is wanted; it
/// may leave in what only a look at the thing itself can tell.
pub fn filter(parent: &Parent, conditions: &Conditions) -> Filter {
    let value = |field: &str| conditions.value(field).map(str::to_owned);
    let (date_from, date_to) = conditions.days("date");
    let mut filter = Filter {
        municipality: parent.municipality.clone(),
        activity: parent.activity.clone(),
        run: parent.run_id(),
        period: value("period"),
        organisation: value("organisation"),
        state: value("state"),
        stage: value("stage"),
        kind: value("kind"),
        actor: value("actor"),
        uncertain: conditions.flag("uncertain"),
        date_from,
        date_to,
        ..Filter::default()
    };
    // Both hold, or nothing does.
    filter.nothing |= !joined(&mut filter.activity, value("activity"));
    filter.nothing |= !joined(&mut filter.run, value("run"));
    if let Some(below) = &parent.assignment {
        within(&mut filter, below);
    }
    filter
}

/// The same of one assignment alone, by its id: nothing if the list does not hold it.
pub fn narrowed(filter: &Filter, assignment: &str) -> Filter {
    let mut own = filter.clone();
    let (run, below) = assignment.rsplit_once('/').unwrap_or_default();
    own.nothing |= !joined(&mut own.run, Some(run.to_owned()));
    within(&mut own, below);
    own
}

/// Has a filter hold for this assignment of a run, too.
fn within(filter: &mut Filter, below: &str) {
    if let Some((stage, organisation)) = below.rsplit_once('.') {
        filter.nothing |= !joined(&mut filter.stage, Some(stage.to_owned()));
        filter.nothing |= !joined(&mut filter.organisation, Some(organisation.to_owned()));
    }
}

/// Has a value be this one, too; false where it is another one.
fn joined(value: &mut Option<String>, wanted: Option<String>) -> bool {
    let agrees = wanted.is_none() || value.is_none() || *value == wanted;
    *value = value.take().or(wanted);
    agrees
}

/// The last day on which something may be due that is late by now, wherever that is.
pub fn latest_late(now: jiff::Timestamp) -> jiff::civil::Date {
    let today = jiff::tz::TimeZone::UTC.to_datetime(now).date();
    today.saturating_add(1.day())
}

#[cfg(test)]
mod tests {
    use vekha_proto::v1::ListRunsRequest;

    use super::*;

    /// A page of numbers up to a million, of which so many are wanted: what was found, how many were
    /// looked at, and the token.
    fn page(token: &str, wanted: impl Fn(u64) -> bool) -> (Vec<u64>, u64, String) {
        let paging = Paging::of(&ListRunsRequest::default(), 3, token).expect("a page");
        let (mut walk, mut looked) = (paging.walk(), 0);
        while let Some(page) = walk.next() {
            let after = page.after.as_ref().map_or(0, |key| key.parse().expect("a number"));
            let rows: Vec<u64> = (after + 1..=1_000_000).take(page.limit as usize).collect();
            looked += rows.len() as u64;
            walk.take(rows.into_iter().map(|n| (format!("{n:07}"), wanted(n).then_some(n))));
        }
        let (found, token) = walk.end();
        (found, looked, token)
    }

    #[test]
    fn a_page_is_full_unless_that_would_take_more_than_a_call_may_look_at() {
        let (found, looked, _) = page("", |n| n % 7 == 0);
        assert_eq!(found, [7, 14, 21]);
        assert!(looked < 2 * MOST);

        // Nobody is wanted for long: the calls go on from where the ones before them ended.
        let (mut all, mut calls, mut token) = (vec![], 0, String::new());
        loop {
            let (found, looked, next) = page(&token, |n| n == 25_000 || n == 999_999);
            assert!(looked < LOOKED + MOST, "{looked}");
            (calls, token) = (calls + 1, next);
            all.extend(found);
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(all, [25_000, 999_999]);
        assert!((90..=110).contains(&calls), "{calls}");
    }
}

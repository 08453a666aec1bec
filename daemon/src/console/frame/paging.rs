//! One page of a long list: which of its rows, and the ways to the others. By what a list is filtered
//! and sorted stands in the page's address and nowhere else, so that what one sees can be linked.

use std::collections::BTreeMap;
use std::ops::Range;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

/// What stands in an address after the question mark.
pub type Asked = BTreeMap<String, String>;

/// Rows of a list that a page shows.
pub const ROWS: usize = 50;

/// Pages on each side of the present one that are linked by their numbers.
const BESIDE: usize = 2;

/// What was asked for under a name; empty if nothing was.
pub fn asked<'a>(asked: &'a Asked, name: &str) -> &'a str {
    asked.get(name).map(|text| text.trim()).unwrap_or_default()
}

/// The end of an address: what was asked for, with one thing changed. Empty things and what was
/// done before are left out.
pub fn address(asked: &Asked, name: &str, value: &str) -> String {
    let kept = asked.iter().filter(|(n, v)| *n != name && *n != "done" && !v.is_empty());
    let kept = kept.map(|(n, v)| (n.as_str(), v.as_str()));
    let changed = (!value.is_empty()).then_some((name, value));
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pairs: Vec<String> = kept
        .chain(changed)
        .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
        .collect();
    format!("?{}", pairs.join("&"))
}

/// Which page of a list, of how many.
#[derive(Debug, Clone, Copy)]
pub struct Paging<'a> {
    asked: &'a Asked,
    name: &'a str,
    /// From 0.
    place: usize,
    size: usize,
    total: usize,
}

impl<'a> Paging<'a> {
    /// The page that is asked for under this name, of a list of so many rows. One that is not there
    /// (any more) is the last one.
    pub fn new(asked: &'a Asked, name: &'a str, size: usize, total: usize) -> Self {
        let wanted: usize = self::asked(asked, name).parse().unwrap_or(1);
        let last = total.saturating_sub(1) / size;
        Paging { asked, name, place: wanted.saturating_sub(1).min(last), size, total }
    }

    /// Which rows it shows.
    pub fn range(&self) -> Range<usize> {
        let first = self.place * self.size;
        first.min(self.total)..(first + self.size).min(self.total)
    }

    /// The rows that it shows, of all.
    pub fn of<T>(&self, all: impl IntoIterator<Item = T>) -> impl Iterator<Item = T> {
        let Range { start, end } = self.range();
        all.into_iter().skip(start).take(end - start)
    }

    /// For `paging.html`; `place` is where the list begins on the page.
    pub fn show(&self, place: &str) -> Value {
        let pages = self.total.div_ceil(self.size);
        let link = |page: usize| {
            // The first page is the one without a number.
            let number = if page == 0 { String::new() } else { (page + 1).to_string() };
            format!("{}#{place}", address(self.asked, self.name, &number))
        };
        let near =
            |page: &usize| *page == 0 || page + 1 == pages || page.abs_diff(self.place) <= BESIDE;
        let mut before = None;
        let numbers: Vec<Value> = (0..pages)
            .filter(near)
            .map(|page| {
                let gap = before.replace(page).is_some_and(|before| before + 1 < page);
                let current = page == self.place;
                json!({ "number": page + 1, "link": link(page), "gap": gap, "current": current })
            })
            .collect();
        let range = self.range();
        json!({
            "total": self.total,
            "first": range.start + 1,
            "last": range.end,
            "numbers": if pages > 1 { numbers } else { vec![] },
            "before": (self.place > 0).then(|| link(self.place - 1)),
            "after": (self.place + 1 < pages).then(|| link(self.place + 1)),
        })
    }
}

/// A heading by which a table is sorted when it is pressed: once upwards, again downwards.
pub fn heading(asked: &Asked, id: &str, place: &str) -> Value {
    let sort = self::asked(asked, "sort");
    let (up, down) = (sort == id, sort.strip_prefix('-') == Some(id));
    let next = if up { format!("-{id}") } else { id.to_owned() };
    let unpaged: Asked =
        asked.iter().filter(|(n, _)| *n != "page").map(|(n, v)| (n.clone(), v.clone())).collect();
    json!({
        "link": format!("{}#{place}", address(&unpaged, "sort", &next)),
        "order": if up { "ascending" } else if down { "descending" } else { "" },
    })
}

/// A choice among what a list may be narrowed to, for `filters.html`; the empty one narrows nothing.
pub fn choice<'v>(
    asked: &Asked,
    name: &str,
    label: &str,
    options: impl IntoIterator<Item = (&'v str, String)>,
) -> Value {
    let chosen = self::asked(asked, name);
    let options: Vec<Value> = options
        .into_iter()
        .map(|(value, label)| json!({ "value": value, "label": label, "chosen": value == chosen }))
        .collect();
    json!({ "name": name, "label": label, "options": options })
}

/// Words that a list is searched for, for `filters.html`.
pub fn words(asked: &Asked, name: &str, label: &str) -> Value {
    json!({ "name": name, "label": label, "value": self::asked(asked, name) })
}

/// The form of all that narrows a list; how it is sorted is kept. If less than the whole list is shown,
/// there is a way back to that, and the page at `path` as it is narrowed can be saved.
pub fn filters(path: &str, asked: &Asked, fields: Vec<Value>) -> Value {
    let narrowed = fields.iter().any(|field| {
        field["name"].as_str().is_some_and(|name| !self::asked(asked, name).is_empty())
    });
    let sort = self::asked(asked, "sort");
    let saved = narrowed.then(|| {
        let mut kept = asked.clone();
        kept.remove("before");
        format!("{path}{}", address(&kept, "page", ""))
    });
    json!({ "fields": fields, "sort": sort, "narrowed": narrowed, "saved": saved })
}

/// Whether a text has all the words that it is searched for, however they are written.
pub fn has_words(text: &str, words: &str) -> bool {
    let text = plain(text);
    plain(words).split_whitespace().all(|word| text.contains(word))
}

/// Letters as one looks for them: small, and «ё» is often written as «е».
pub fn plain(text: &str) -> String {
    text.to_lowercase().replace('ё', "е")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Asked {
        pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn a_page_that_is_not_there_is_the_last_one() {
        for (wanted, total, range) in [
            ("", 120, 0..50),
            ("1", 120, 0..50),
            ("3", 120, 100..120),
            ("4", 120, 100..120),
            ("0", 120, 0..50),
            ("none", 120, 0..50),
            ("9999999999999999999999", 120, 0..50),
            ("2", 50, 0..50),
            ("1", 0, 0..0),
        ] {
            let asked = of(&[("page", wanted)]);
            assert_eq!(Paging::new(&asked, "page", ROWS, total).range(), range, "{wanted}");
        }
    }

    #[test]
    fn what_else_is_asked_for_stays_in_the_addresses_of_other_pages() {
        let asked = of(&[("done", "saved"), ("q", "№ 5 & 6"), ("state", ""), ("page", "4")]);
        let shown = Paging::new(&asked, "page", 10, 95).show("rows");
        assert_eq!(shown["before"], "?q=%E2%84%96%205%20%26%206&page=3#rows");
        assert_eq!(shown["numbers"][0]["link"], "?q=%E2%84%96%205%20%26%206#rows");
        let numbers = shown["numbers"].as_array().unwrap().iter();
        let numbers: Vec<_> = numbers.map(|n| n["number"].as_u64().unwrap()).collect();
        assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 10]);
        assert_eq!(shown["numbers"][6]["gap"], true);
        assert_eq!((&shown["first"], &shown["last"]), (&json!(31), &json!(40)));
    }
}

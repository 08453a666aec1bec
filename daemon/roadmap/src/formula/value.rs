//! Values under way: nothing of the answers is copied to compute with it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value as Json;

use super::Values;
use super::selection::{Columns, Selection};

/// So many elements of a list count as much as a step.
const ELEMENTS_PER_STEP: usize = 4;

/// So many bytes of a text are copied in the time of a step; this bounds memory, too.
const BYTES_PER_STEP: usize = 16;

/// So many fields are found sooner by looking at one after the other than by a hash.
const FEW: usize = 24;

/// A value under way.
#[derive(Debug, Clone)]
pub(super) enum Value<'a> {
    Missing,
    Number(f64),
    Text(Cow<'a, str>),
    Bool(bool),
    List(List<'a>),
    /// Fields; those that the first map lacks are in the second.
    Record(&'a Values, Option<&'a Values>),
    /// A row of a selection, and what `others` have beside it.
    Row(&'a Arc<Columns>, Option<&'a Arc<Columns>>, usize),
    /// Row sets by their ids; those that are none of them are among the numbers.
    Sets(&'a [(&'a str, Selection)], &'a Values),
}

/// A list: of the answers, or made on the way.
#[derive(Debug, Clone)]
pub(super) enum List<'a> {
    Given(&'a [Json]),
    Rows(&'a Selection),
    Own(Vec<Value<'a>>),
}

impl<'a> List<'a> {
    pub(super) fn len(&self) -> usize {
        match self {
            List::Given(items) => items.len(),
            List::Rows(rows) => rows.len(),
            List::Own(items) => items.len(),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Value<'a>> {
        let (given, rows, own): (&'a [Json], Option<&'a Selection>, &[Value<'a>]) = match self {
            List::Given(items) => (items, None, &[]),
            List::Rows(rows) => (&[], Some(*rows), &[]),
            List::Own(items) => (&[], None, items),
        };
        let rows = rows.into_iter().flat_map(Selection::iter);
        given.iter().map(Value::from).chain(rows).chain(own.iter().cloned())
    }

    /// The numbers, gaps left out; none if it holds anything else.
    pub(super) fn numbers(&self) -> Option<impl Iterator<Item = f64>> {
        let fits = |value: Value<'_>| matches!(value, Value::Number(_) | Value::Missing);
        let number = |value: Value<'_>| match value {
            Value::Number(number) => Some(number),
            _ => None,
        };
        self.iter().all(fits).then(|| self.iter().filter_map(number))
    }
}

impl PartialEq for Value<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Value::Missing, Value::Missing) => true,
            (Value::Number(one), Value::Number(other)) => one == other,
            (Value::Text(one), Value::Text(other)) => one == other,
            (Value::Bool(one), Value::Bool(other)) => one == other,
            (Value::List(one), Value::List(other)) => one == other,
            // A row is the same whether it was selected or not.
            (one, other) => match (one.cells(), other.cells()) {
                (Some(one), Some(other)) => one == other,
                _ => false,
            },
        }
    }
}

impl PartialEq for List<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl<'a> From<&'a Json> for Value<'a> {
    fn from(json: &'a Json) -> Self {
        match json {
            Json::Null => Value::Missing,
            Json::Bool(b) => Value::Bool(*b),
            Json::Number(n) => n.as_f64().map_or(Value::Missing, Value::Number),
            Json::String(s) => Value::Text(Cow::Borrowed(s)),
            Json::Array(items) => Value::List(List::Given(items)),
            Json::Object(map) => Value::Record(map, None),
        }
    }
}

impl<'a> Value<'a> {
    /// A number, if it is one: what is divided by nothing is missing.
    pub(super) fn finite(number: f64) -> Self {
        if number.is_finite() { Value::Number(number) } else { Value::Missing }
    }

    /// How many steps it is worth beside the one that made it.
    pub(super) fn weight(&self) -> usize {
        match self {
            Value::Text(Cow::Owned(text)) => text.len() / BYTES_PER_STEP,
            Value::List(List::Given(items)) => items.len() / ELEMENTS_PER_STEP,
            Value::List(List::Rows(rows)) => rows.len() / ELEMENTS_PER_STEP,
            Value::List(List::Own(items)) => {
                items.len() / ELEMENTS_PER_STEP + items.iter().map(Value::weight).sum::<usize>()
            }
            _ => 0,
        }
    }

    /// As it leaves the formula.
    pub(super) fn into_json(self) -> Json {
        match self {
            Value::Missing => Json::Null,
            Value::Number(n) => serde_json::Number::from_f64(n).map_or(Json::Null, Json::Number),
            Value::Text(text) => Json::String(text.into_owned()),
            Value::Bool(b) => Json::Bool(b),
            Value::List(List::Given(items)) => Json::Array(items.to_vec()),
            Value::List(List::Rows(rows)) => rows.iter().map(Value::into_json).collect(),
            Value::List(List::Own(items)) => items.into_iter().map(Value::into_json).collect(),
            Value::Record(map, None) => Json::Object(map.clone()),
            record => {
                let cells = record.cells().into_iter().flatten();
                cells.map(|(name, value)| (name.to_owned(), value.into_json())).collect()
            }
        }
    }

    /// What is in it by name; none if it is no record.
    fn cells(&self) -> Option<BTreeMap<&'a str, Value<'a>>> {
        let mut cells: BTreeMap<&str, Value<'_>> = match *self {
            Value::Record(map, more) => {
                let fields = more.into_iter().flatten().chain(map);
                fields.map(|(name, value)| (name.as_str(), Value::from(value))).collect()
            }
            Value::Row(rows, others, row) => {
                let others = others.map(|others| ("others", Value::Row(others, None, row)));
                rows.cells(row).chain(others).collect()
            }
            Value::Sets(sets, numbers) => {
                let numbers = numbers.iter().map(|(id, value)| (id.as_str(), Value::from(value)));
                let rows = sets.iter().map(|(id, set)| (*id, Value::List(List::Rows(set))));
                numbers.chain(rows).collect()
            }
            _ => return None,
        };
        cells.retain(|_, value| !matches!(value, Value::Missing));
        Some(cells)
    }

    /// The one map that it is, if it is.
    pub(super) fn plain_record(&self) -> Option<&'a Values> {
        match self {
            Value::Record(map, None) => Some(map),
            _ => None,
        }
    }
}

/// A value by its name.
pub(super) fn find<'a>(map: &'a Values, name: &str) -> Option<&'a Json> {
    if map.len() > FEW {
        return map.get(name);
    }
    map.iter().find_map(|(known, value)| (known == name).then_some(value))
}

/// A field of records. The rows of a table have their fields in the same order: where it stood in one
/// row, it is looked for first in the next.
pub(super) struct Field {
    name: String,
    place: AtomicUsize,
}

impl Field {
    pub(super) fn new(name: &str) -> Self {
        Field { name: name.to_owned(), place: AtomicUsize::new(0) }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What a record has in it; none if it is no record.
    pub(super) fn of<'a>(&self, record: &Value<'a>) -> Option<Value<'a>> {
        Some(match *record {
            Value::Missing => Value::Missing,
            Value::Record(map, more) => {
                let found = self.in_map(map).or_else(|| self.in_map(more?));
                found.map_or(Value::Missing, Value::from)
            }
            Value::Row(rows, others, row) => {
                match rows.place(&self.name, self.place.load(Ordering::Relaxed)) {
                    Some(column) => {
                        self.keep(column);
                        rows.get(column, row)
                    }
                    None => match others {
                        Some(others) if self.name == "others" => Value::Row(others, None, row),
                        _ => Value::Missing,
                    },
                }
            }
            Value::Sets(sets, numbers) => match sets.iter().find(|(id, _)| *id == self.name) {
                Some((_, set)) => Value::List(List::Rows(set)),
                None => self.in_map(numbers).map_or(Value::Missing, Value::from),
            },
            _ => return None,
        })
    }

    /// Threads share the place: it is written only where it changes.
    fn keep(&self, place: usize) {
        if self.place.load(Ordering::Relaxed) != place {
            self.place.store(place, Ordering::Relaxed);
        }
    }

    fn in_map<'a>(&self, map: &'a Values) -> Option<&'a Json> {
        if map.len() > FEW {
            return map.get(&self.name);
        }
        let place = self.place.load(Ordering::Relaxed);
        if let Some((name, value)) = map.iter().nth(place)
            && *name == self.name
        {
            return Some(value);
        }
        let (place, (_, value)) =
            map.iter().enumerate().find(|(_, (name, _))| **name == self.name)?;
        self.keep(place);
        Some(value)
    }
}

//! Values of rows, small enough to count equal rows by them.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use serde_json::{Number, Value as Json};

/// A value. Texts are numbered by [`Texts`], so that it is copied and compared like a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Atom {
    Missing,
    /// The bits of a finite number.
    Number(u64),
    /// The text of this number.
    Text(u32),
}

impl Atom {
    pub fn of(number: f64) -> Self {
        // There are two noughts, and people know one.
        Atom::Number(if number == 0.0 { 0 } else { number.to_bits() })
    }

    pub fn number(self) -> Option<f64> {
        match self {
            Atom::Number(bits) => Some(f64::from_bits(bits)),
            Atom::Missing | Atom::Text(_) => None,
        }
    }

    pub fn text(self, texts: &Texts) -> Option<&str> {
        match self {
            Atom::Text(at) => texts.all.get(at as usize).map(String::as_str),
            Atom::Missing | Atom::Number(_) => None,
        }
    }

    /// As formulas and answers take it: whole numbers as such.
    pub fn json(self, texts: &Texts) -> Json {
        match self {
            Atom::Missing => Json::Null,
            Atom::Number(bits) => number(f64::from_bits(bits)),
            Atom::Text(_) => self.text(texts).map_or(Json::Null, Json::from),
        }
    }
}

/// A number as answers have it.
pub fn number(number: f64) -> Json {
    if number.fract() == 0.0 && number.abs() < 1e15 {
        return Json::from(number as i64);
    }
    Number::from_f64(number).map_or(Json::Null, Json::Number)
}

/// The texts that were met, each once.
#[derive(Debug, Default)]
pub struct Texts {
    all: Vec<String>,
    places: HashMap<String, u32>,
}

impl Texts {
    pub fn atom(&mut self, text: &str) -> Atom {
        if let Some(known) = self.places.get(text) {
            return Atom::Text(*known);
        }
        let at = self.all.len() as u32;
        self.all.push(text.to_owned());
        self.places.insert(text.to_owned(), at);
        Atom::Text(at)
    }
}

/// How many rows had the same values. A large file is counted in millions of times: the usual hash took a
/// third of the work.
#[derive(Debug, Default)]
pub struct Counts(HashMap<Box<[Atom]>, u64, RandomState>);

impl Counts {
    pub fn add(&mut self, values: &[Atom]) {
        match self.0.get_mut(values) {
            Some(count) => *count += 1,
            None => drop(self.0.insert(values.into(), 1)),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (&[Atom], u64)> {
        self.0.iter().map(|(values, count)| (values.as_ref(), *count))
    }
}

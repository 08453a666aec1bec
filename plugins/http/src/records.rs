//! From the body of an answer to records.

mod csv;
mod json;

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use vekha_plugin::{FetchRequest, Record};

use crate::config::{Format, Shape};

/// Most mistakes that are told of one answer: people read the first ones.
const MOST_TOLD: usize = 20;

/// The records of the organisations asked for.
///
/// # Errors
/// All that is wrong with the answer, in one Russian text.
pub(crate) fn read(
    shape: &Shape,
    request: &FetchRequest,
    body: &[u8],
) -> Result<Vec<Record>, String> {
    let mut reading = Reading::of(shape, request);
    match shape.format {
        Format::Json => json::read(&mut reading, body)?,
        Format::Csv => csv::read(&mut reading, body)?,
    }
    reading.finish()
}

/// What is looked for, and what was found so far.
struct Reading<'a> {
    shape: &'a Shape,
    wanted: BTreeSet<&'a str>,
    /// Each wanted field: its id, where it stands, and whether it must be there.
    fields: Vec<(&'a str, &'a str, bool)>,
    seen: BTreeSet<String>,
    /// Whether any field was found in any record.
    any: bool,
    records: Vec<Record>,
    mistakes: Vec<String>,
    untold: usize,
}

impl<'a> Reading<'a> {
    fn of(shape: &'a Shape, request: &'a FetchRequest) -> Self {
        let fields = request.fields.iter().map(|field| {
            let place = shape.fields.get(&field.id);
            (field.id.as_str(), place.unwrap_or(&field.id).as_str(), place.is_some())
        });
        Reading {
            shape,
            wanted: request.organisations.iter().map(String::as_str).collect(),
            fields: fields.collect(),
            seen: BTreeSet::new(),
            any: false,
            records: Vec::new(),
            mistakes: Vec::new(),
            untold: 0,
        }
    }

    fn mistake(&mut self, place: &str, what: &str) {
        if self.mistakes.len() < MOST_TOLD {
            self.mistakes.push(format!("{place}: {what}"));
        } else {
            self.untold += 1;
        }
    }

    /// Takes a record in. `place` names it to people; `find` finds a value of it, none if the
    /// record has no such place.
    fn record(&mut self, place: &str, find: impl Fn(&str) -> Option<Value>) {
        let code = match find(&self.shape.organisation) {
            Some(Value::String(code)) if !code.trim().is_empty() => code.trim().to_owned(),
            Some(Value::Number(code)) => code.to_string(),
            _ => {
                let what = format!("нет кода организации («{}»)", self.shape.organisation);
                return self.mistake(place, &what);
            }
        };
        let ours = self.shape.codes.get(&code).unwrap_or(&code);
        // The other system may know of organisations that nobody asks us about.
        if !self.wanted.contains(ours.as_str()) {
            return;
        }
        if !self.seen.insert(ours.clone()) {
            return self.mistake(place, &format!("вторая запись об организации «{ours}»"));
        }
        let mut answers = Map::new();
        let mut missing = Vec::new();
        for (id, at, must) in &self.fields {
            match find(at) {
                Some(value) => {
                    self.any = true;
                    if !value.is_null() {
                        answers.insert((*id).to_owned(), value);
                    }
                }
                None if *must => missing.push(format!("нет поля «{at}»")),
                None => {}
            }
        }
        self.records.push(Record { organisation: ours.clone(), answers });
        for what in missing {
            self.mistake(place, &what);
        }
    }

    fn finish(mut self) -> Result<Vec<Record>, String> {
        if self.mistakes.is_empty() && !self.any && !self.records.is_empty() {
            let names: Vec<&str> = self.fields.iter().map(|(_, at, _)| *at).take(10).collect();
            return Err(format!(
                "в записях нет ни одного нужного поля ({}): укажите в настройке fields, как они \
                 называются",
                names.join(", ")
            ));
        }
        if self.mistakes.is_empty() {
            return Ok(self.records);
        }
        if self.untold > 0 {
            self.mistakes.push(format!("и ещё ошибок: {}", self.untold));
        }
        Err(self.mistakes.join("; "))
    }
}

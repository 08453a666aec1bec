//! A TOML table that remembers where everything stands and what it was asked for: what nobody
//! asked for is an unknown key.

use std::cell::RefCell;
use std::ops::Range;

use jiff::civil::{Date, Time};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Findings;
use crate::diagnostic::{Diagnostic, perhaps};
use crate::formula::Formula;
use crate::model::{Available, Due, MonthDay, Offset, Span};

/// A place in a file.
#[derive(Debug, Clone)]
pub(super) struct Place {
    file: String,
    line: u32,
    column: u32,
}

impl Place {
    pub fn file(&self) -> &str {
        &self.file
    }

    pub fn start_of(file: &str) -> Self {
        Place { file: file.to_owned(), line: 1, column: 1 }
    }

    pub fn diagnostic(&self, message: String, help: Option<String>) -> Diagnostic {
        let Place { file, line, column } = self.clone();
        Diagnostic { file, line, column, message, help }
    }

    pub fn on_line(&self, line: u32) -> Self {
        Place { line, ..self.clone() }
    }

    /// So many characters further on the same line.
    pub fn further(&self, characters: usize) -> Self {
        Place { column: self.column + characters as u32, ..self.clone() }
    }
}

/// A file that was parsed as far as it could be.
pub(super) struct File<'f> {
    path: &'f str,
    text: &'f str,
    root: Spanned<DeTable<'f>>,
    findings: &'f Findings,
}

impl<'f> File<'f> {
    pub fn parse(path: &'f str, text: &'f str, findings: &'f Findings) -> Self {
        let (root, errors) = DeTable::parse_recoverable(text);
        let file = File { path, text, root, findings };
        for error in errors {
            let at = error.span().unwrap_or(0..0);
            findings.error(&file.place(&at), format!("это не TOML: {}", error.message()), None);
        }
        file
    }

    pub fn table(&'f self) -> Table<'f> {
        Table { file: self, span: 0..0, entries: self.root.get_ref(), asked: RefCell::default() }
    }

    fn place(&self, span: &Range<usize>) -> Place {
        let mut start = span.start.min(self.text.len());
        while !self.text.is_char_boundary(start) {
            start -= 1;
        }
        let before = &self.text[..start];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        Place { file: self.path.to_owned(), line: line as u32, column: column as u32 }
    }
}

/// A table within a file.
pub(super) struct Table<'t> {
    file: &'t File<'t>,
    span: Range<usize>,
    entries: &'t DeTable<'t>,
    asked: RefCell<Vec<&'static str>>,
}

type Entry<'t> = &'t Spanned<DeValue<'t>>;

impl<'t> Table<'t> {
    pub fn findings(&self) -> &'t Findings {
        self.file.findings
    }

    /// Where the table begins.
    pub fn here(&self) -> Place {
        self.file.place(&self.span)
    }

    /// Where the value of a key stands, or the table if it has none.
    pub fn at(&self, key: &str) -> Place {
        self.entries.get(key).map_or_else(|| self.here(), |v| self.file.place(&v.span()))
    }

    pub fn error(&self, key: &str, message: impl Into<String>, help: Option<String>) {
        self.findings().error(&self.at(key), message, help);
    }

    /// Notes that a key is known, and gets its value.
    fn ask(&self, key: &'static str) -> Option<Entry<'t>> {
        self.asked.borrow_mut().push(key);
        self.entries.get(key)
    }

    pub fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    fn missing(&self, key: &str) {
        self.findings().error(&self.here(), format!("не хватает ключа «{key}»"), None);
    }

    fn wrong_type(&self, key: &str, entry: Entry<'t>, wanted: &str) {
        let place = self.file.place(&entry.span());
        let message = format!("«{key}» — {wanted}, а здесь {}", type_name(entry.get_ref()));
        self.findings().error(&place, message, None);
    }

    /// A text that must be there and not be blank.
    pub fn text(&self, key: &'static str) -> Option<String> {
        let value = self.text_or(key, None);
        match value.as_deref().map(str::trim) {
            Some("") => {
                self.error(key, format!("«{key}» пуст"), None);
                None
            }
            Some(_) => value,
            None => {
                if !self.has(key) {
                    self.missing(key);
                }
                None
            }
        }
    }

    /// A text, or what to take without one.
    pub fn text_or(&self, key: &'static str, otherwise: Option<&str>) -> Option<String> {
        let Some(entry) = self.ask(key) else { return otherwise.map(str::to_owned) };
        match entry.get_ref() {
            DeValue::String(s) => Some(s.to_string()),
            _ => {
                self.wrong_type(key, entry, "текст в кавычках");
                None
            }
        }
    }

    /// A text that may be missing.
    pub fn optional(&self, key: &'static str) -> String {
        self.text_or(key, Some("")).unwrap_or_default()
    }

    pub fn flag(&self, key: &'static str, otherwise: bool) -> bool {
        let Some(entry) = self.ask(key) else { return otherwise };
        match entry.get_ref() {
            DeValue::Boolean(b) => *b,
            _ => {
                self.wrong_type(key, entry, "true или false");
                otherwise
            }
        }
    }

    pub fn number(&self, key: &'static str) -> Option<f64> {
        let entry = self.ask(key)?;
        let number = number(entry.get_ref());
        if number.is_none() {
            self.wrong_type(key, entry, "число");
        }
        number
    }

    /// A whole number within bounds.
    pub fn whole(&self, key: &'static str, bounds: std::ops::RangeInclusive<i64>) -> Option<i64> {
        let entry = self.ask(key)?;
        let value = match entry.get_ref() {
            DeValue::Integer(i) => {
                i64::from_str_radix(&i.as_str().replace('_', ""), i.radix()).ok()
            }
            _ => {
                self.wrong_type(key, entry, "целое число");
                return None;
            }
        };
        match value.filter(|v| bounds.contains(v)) {
            None => {
                let message = format!("«{key}» — от {} до {}", bounds.start(), bounds.end());
                self.error(key, message, None);
                None
            }
            value => value,
        }
    }

    pub fn date(&self, key: &'static str) -> Option<Date> {
        let entry = self.ask(key)?;
        let date = date(entry.get_ref());
        if date.is_none() {
            self.wrong_type(key, entry, "дата вида 2027-09-15");
        }
        date.filter(|d| self.plausible(key, *d))
    }

    fn plausible(&self, key: &str, date: Date) -> bool {
        let plausible = (1900..=2200).contains(&date.year());
        if !plausible {
            self.error(key, "год от 1900 до 2200", None);
        }
        plausible
    }

    /// A word out of a list.
    pub fn word<T: Copy>(
        &self,
        key: &'static str,
        words: &[(&'static str, T)],
        otherwise: Option<T>,
    ) -> Option<T> {
        if otherwise.is_some() && !self.has(key) {
            self.ask(key);
            return otherwise;
        }
        let text = self.text(key)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let help = perhaps(&text, names.iter());
            self.error(key, format!("«{text}»: нужно одно из {}", names.join(", ")), help);
        }
        found.or(otherwise)
    }

    /// A word out of a list, if the key is there.
    pub fn word_if<T: Copy>(&self, key: &'static str, words: &[(&'static str, T)]) -> Option<T> {
        if self.has(key) {
            self.word(key, words, None)
        } else {
            self.ask(key);
            None
        }
    }

    /// A text that is read into something.
    pub fn parsed<T>(
        &self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.text(key)?;
        self.read(key, &text, parse)
    }

    pub fn parsed_if<T>(
        &self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        if self.has(key) {
            self.parsed(key, parse)
        } else {
            self.ask(key);
            None
        }
    }

    fn read<T>(
        &self,
        key: &str,
        text: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        parse(text).map_err(|message| self.error(key, message, None)).ok()
    }

    /// A list of texts; empty if the key is missing.
    pub fn texts(&self, key: &'static str) -> Vec<String> {
        self.list(key).into_iter().filter_map(|(_, entry)| self.text_of(key, entry)).collect()
    }

    /// Texts with their places.
    pub fn placed_texts(&self, key: &'static str) -> Vec<(Place, String)> {
        let list = self.list(key);
        list.into_iter().filter_map(|(at, e)| Some((at, self.text_of(key, e)?))).collect()
    }

    fn text_of(&self, key: &str, entry: Entry<'t>) -> Option<String> {
        match entry.get_ref() {
            DeValue::String(s) => Some(s.to_string()),
            _ => {
                self.wrong_type(key, entry, "список текстов в кавычках");
                None
            }
        }
    }

    pub fn dates(&self, key: &'static str) -> Vec<(Place, Date)> {
        let mut dates = Vec::new();
        for (place, entry) in self.list(key) {
            match date(entry.get_ref()) {
                Some(date) if self.plausible(key, date) => dates.push((place, date)),
                Some(_) => {}
                None => self.wrong_type(key, entry, "список дат вида 2027-09-15"),
            }
        }
        dates
    }

    fn list(&self, key: &'static str) -> Vec<(Place, Entry<'t>)> {
        let Some(entry) = self.ask(key) else { return vec![] };
        match entry.get_ref() {
            DeValue::Array(items) => {
                items.iter().map(|item| (self.file.place(&item.span()), item)).collect()
            }
            _ => {
                self.wrong_type(key, entry, "список в квадратных скобках");
                vec![]
            }
        }
    }

    /// Items that may be texts or tables.
    pub fn texts_or_tables(&self, key: &'static str) -> Vec<(Place, Result<String, Table<'t>>)> {
        let mut items = Vec::new();
        for (place, entry) in self.list(key) {
            match entry.get_ref() {
                DeValue::String(s) => items.push((place, Ok(s.to_string()))),
                DeValue::Table(t) => items.push((place, Err(self.sub(entry, t)))),
                _ => self.wrong_type(key, entry, "список текстов или таблиц"),
            }
        }
        items
    }

    fn sub(&self, entry: Entry<'t>, entries: &'t DeTable<'t>) -> Table<'t> {
        Table { file: self.file, span: entry.span(), entries, asked: RefCell::default() }
    }

    /// A table under a key.
    pub fn table(&self, key: &'static str) -> Option<Table<'t>> {
        let entry = self.ask(key)?;
        match entry.get_ref() {
            DeValue::Table(t) => Some(self.sub(entry, t)),
            _ => {
                self.wrong_type(key, entry, "таблица");
                None
            }
        }
    }

    /// The tables of a list.
    pub fn tables(&self, key: &'static str) -> Vec<Table<'t>> {
        let mut tables = Vec::new();
        for (_, entry) in self.list(key) {
            match entry.get_ref() {
                DeValue::Table(t) => tables.push(self.sub(entry, t)),
                _ => self.wrong_type(key, entry, "список таблиц"),
            }
        }
        tables
    }

    /// Keys and tables of a table whose keys are free.
    pub fn any_tables(&self) -> Vec<(String, Table<'t>)> {
        let mut all = Vec::new();
        for (key, entry) in self.entries.iter() {
            match entry.get_ref() {
                DeValue::Table(t) => all.push((key.get_ref().to_string(), self.sub(entry, t))),
                _ => self.wrong_type(key.get_ref(), entry, "таблица"),
            }
        }
        all
    }

    /// Keys, places and values of a table whose keys are free, where each value is a text or a whole
    /// number, as texts.
    pub fn plain_values(&self) -> Vec<(String, Place, String)> {
        let mut all = Vec::new();
        for (key, entry) in self.entries.iter() {
            let text = match entry.get_ref() {
                DeValue::String(s) => s.to_string(),
                DeValue::Integer(i) => i.as_str().to_owned(),
                DeValue::Float(f) => f.as_str().to_owned(),
                _ => {
                    self.wrong_type(key.get_ref(), entry, "текст или число");
                    continue;
                }
            };
            all.push((key.get_ref().to_string(), self.file.place(&entry.span()), text));
        }
        all
    }

    /// Keys and numbers of a table whose keys are free.
    pub fn numbers(&self) -> Vec<(String, f64)> {
        let mut all = Vec::new();
        for (key, entry) in self.entries.iter() {
            match number(entry.get_ref()) {
                Some(n) => all.push((key.get_ref().to_string(), n)),
                None => self.wrong_type(key.get_ref(), entry, "число"),
            }
        }
        all
    }

    /// The same where a text may stand for a number: it is looked up, or told why it cannot be. What
    /// is not known is nought, so that nobody who names the key is told that there is none.
    pub fn numbers_or(
        &self,
        look_up: impl Fn(&str) -> Result<f64, (String, Option<String>)>,
    ) -> Vec<(String, f64)> {
        let mut all = Vec::new();
        for (key, entry) in self.entries.iter() {
            let key = key.get_ref();
            let known = match entry.get_ref() {
                DeValue::String(name) => look_up(name)
                    .map_err(|(message, help)| self.error(key, message, help))
                    .unwrap_or_default(),
                value => number(value).unwrap_or_else(|| {
                    self.wrong_type(key, entry, "число или имя порога из thresholds.toml");
                    0.0
                }),
            };
            all.push((key.to_string(), known));
        }
        all
    }

    /// Keys and texts of a table whose keys are free.
    pub fn pairs(&self) -> Vec<(String, Place, String)> {
        let mut all = Vec::new();
        for (key, entry) in self.entries.iter() {
            match entry.get_ref() {
                DeValue::String(s) => all.push((
                    key.get_ref().to_string(),
                    self.file.place(&entry.span()),
                    s.to_string(),
                )),
                _ => self.wrong_type(key.get_ref(), entry, "текст в кавычках"),
            }
        }
        all
    }

    /// Whether the value under a key is a text.
    pub fn is_text(&self, key: &str) -> bool {
        self.entries.get(key).is_some_and(|e| e.get_ref().is_str())
    }

    /// Whether the value under a key is a table.
    pub fn is_table(&self, key: &str) -> bool {
        self.entries.get(key).is_some_and(|e| e.get_ref().is_table())
    }

    /// Whether the value under a key is a list.
    pub fn is_list(&self, key: &str) -> bool {
        self.entries.get(key).is_some_and(|e| e.get_ref().is_array())
    }

    /// A formula that must be there.
    pub fn formula(&self, key: &'static str) -> Option<Formula> {
        let text = self.text(key)?;
        match Formula::parse(&text) {
            Ok(formula) => Some(formula),
            Err(e) => {
                // One character for the opening quote.
                let place = self.at(key).further(1 + e.offset.unwrap_or(0));
                self.findings().error(&place, e.message, None);
                None
            }
        }
    }

    /// Tells of keys that nobody asked for.
    pub fn finish(&self) {
        let asked = self.asked.borrow();
        for (key, _) in self.entries.iter() {
            let name = key.get_ref().as_ref();
            if !asked.contains(&name) {
                let place = self.file.place(&key.span());
                let help = perhaps(name, asked.iter());
                self.findings().error(&place, format!("неизвестный ключ «{name}»"), help);
            }
        }
    }
}

fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "текст",
        DeValue::Integer(_) => "целое число",
        DeValue::Float(_) => "дробное число",
        DeValue::Boolean(_) => "true или false",
        DeValue::Datetime(at) => match (at.date, at.time) {
            (Some(_), Some(_)) => "дата со временем",
            (Some(_), None) => "дата",
            (None, _) => "время",
        },
        DeValue::Array(_) => "список",
        DeValue::Table(_) => "таблица",
    }
}

fn number(value: &DeValue<'_>) -> Option<f64> {
    match value {
        DeValue::Integer(i) => {
            i64::from_str_radix(&i.as_str().replace('_', ""), i.radix()).ok().map(|i| i as f64)
        }
        DeValue::Float(f) => {
            f.as_str().replace('_', "").parse().ok().filter(|f: &f64| f.is_finite())
        }
        _ => None,
    }
}

fn date(value: &DeValue<'_>) -> Option<Date> {
    match value {
        DeValue::Datetime(d) if d.time.is_none() => {
            let d = d.date?;
            Date::new(d.year as i16, d.month as i8, d.day as i8).ok()
        }
        _ => None,
    }
}

/// Reads an id or a code: Latin letters, digits and hyphens.
///
/// # Errors
/// What an id must be, in Russian.
pub fn id(text: &str) -> Result<String, String> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    match text {
        text if (1..=64).contains(&text.len()) && text.chars().all(good) => Ok(text.to_owned()),
        _ => Err(format!("«{text}»: id — строчная латиница, цифры и дефис, до 64 знаков")),
    }
}

/// Names in formulas: Latin letters, digits and underscores, a letter first.
pub(crate) fn name(text: &str) -> Result<String, String> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let letter_first = text.starts_with(|c: char| c.is_ascii_lowercase());
    let reserved = [
        "row",
        "threshold",
        "earlier",
        "municipality",
        "rank",
        "organisation",
        "explanations",
        "true",
        "false",
        "null",
        "in",
    ];
    if reserved.contains(&text) {
        Err(format!("«{text}» в формулах занято"))
    } else if letter_first && text.len() <= 64 && text.chars().all(good) {
        Ok(text.to_owned())
    } else {
        Err(format!("«{text}»: имя — строчная латиница, цифры и подчёркивание, сначала буква"))
    }
}

pub(super) fn id_of_file(stem: &str, path: &str, findings: &Findings) {
    if let Err(message) = id(stem) {
        findings.error(&Place::start_of(path), format!("имя файла: {message}"), None);
    }
}

/// Reads a day of the year: `09-15`.
///
/// # Errors
/// What it must be, in Russian.
pub fn month_day(text: &str) -> Result<MonthDay, String> {
    let wrong = || format!("«{text}»: нужны месяц и день, например \"09-15\"");
    let (month, day) = text.split_once('-').ok_or_else(wrong)?;
    let two = |t: &str| if t.len() == 2 { t.parse::<i8>().ok() } else { None };
    let (month, day) = two(month).zip(two(day)).ok_or_else(wrong)?;
    // 2028 is a leap year: 29 February is a day of the year.
    Date::new(2028, month, day).map_err(|_| format!("«{text}»: такого дня нет"))?;
    Ok(MonthDay { month, day })
}

pub(super) fn available(text: &str) -> Result<Available, String> {
    match text.parse::<Date>() {
        Ok(date) if text.len() == 10 => Ok(Available::On(date)),
        _ => month_day(text).map(Available::Each),
    }
}

pub(super) fn time(text: &str) -> Result<Time, String> {
    let parsed = text
        .split_once(':')
        .and_then(|(h, m)| Time::new(h.parse().ok()?, m.parse().ok()?, 0, 0).ok());
    parsed.ok_or_else(|| format!("«{text}»: нужно время, например 09:00"))
}

/// Reads a length of time: `10 working days`.
///
/// # Errors
/// What it must be, in Russian.
pub fn span(text: &str) -> Result<Span, String> {
    let wrong = || format!("«{text}»: нужно, например, \"10 working days\" или \"14 days\"");
    let (n, unit) = text.trim().split_once(' ').ok_or_else(wrong)?;
    let n: u16 = n.parse().ok().filter(|n| *n <= 1000).ok_or_else(wrong)?;
    match unit {
        "day" | "days" => Ok(Span::Days(n)),
        "working day" | "working days" => Ok(Span::WorkingDays(n)),
        _ => Err(wrong()),
    }
}

/// Reads a term: `10 working days`, `on 10-01`.
///
/// # Errors
/// What it must be, in Russian.
pub fn due(text: &str) -> Result<Due, String> {
    match text.strip_prefix("on ") {
        Some(day) => month_day(day).map(Due::On),
        None => span(text).map(Due::After).map_err(|e| format!("{e}, или \"on 10-01\"")),
    }
}

/// Reads a moment around a term: `3 working days before`, `on the day`.
///
/// # Errors
/// What it must be, in Russian.
pub fn offset(text: &str) -> Result<Offset, String> {
    if text == "on the day" {
        return Ok(Offset::OnTheDay);
    }
    let parsed = match text.rsplit_once(' ') {
        Some((span_text, "before")) => span(span_text).ok().map(Offset::Before),
        Some((span_text, "after")) => span(span_text).ok().map(Offset::After),
        _ => None,
    };
    parsed.ok_or_else(|| {
        format!(
            "«{text}»: нужно \"3 working days before\", \"on the day\" или \"2 working days after\""
        )
    })
}

/// All values, by the words of definitions.
pub(super) fn words_of<T: Copy + Into<&'static str>>(all: &[T]) -> Vec<(&'static str, T)> {
    all.iter().map(|one| ((*one).into(), *one)).collect()
}

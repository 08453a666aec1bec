//! Where a value stands in the text of a TOML file, and the text with another value there. What is not
//! meant stays as it was written, byte by byte: comments, order, blanks and line ends.

use std::ops::Range;

use toml_edit::{Array, Document, Item, Key, TableLike, Value};

/// A step down from a table or a list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// By this key.
    Key(String),
    /// The table of this number in a list of tables, from 0.
    Number(usize),
}

/// The way to a value from the top of its file; it ends in a key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Way(pub Vec<Step>);

impl Way {
    /// The way by these keys.
    pub fn of(keys: &[&str]) -> Self {
        Way(keys.iter().map(|key| Step::Key((*key).to_owned())).collect())
    }

    /// The way to a key of the table of this number in a list of tables.
    pub fn within(list: &str, number: usize, key: &str) -> Self {
        Way(vec![Step::Key(list.to_owned()), Step::Number(number), Step::Key(key.to_owned())])
    }

    fn split(&self) -> Option<(&[Step], &str)> {
        match self.0.split_last()? {
            (Step::Key(key), before) => Some((before, key)),
            (Step::Number(_), _) => None,
        }
    }
}

/// What is to stand there.
#[derive(Debug, Clone, PartialEq)]
pub enum Wanted {
    /// Nothing: the key goes.
    Nothing,
    /// One text.
    Text(String),
    /// These texts, as a list.
    Texts(Vec<String>),
    /// A number, as TOML writes it.
    Number(String),
    /// A value that is written as it is.
    Literal(String),
}

/// A file that parses.
pub struct Parsed<'t> {
    text: &'t str,
    document: Document<&'t str>,
}

impl<'t> Parsed<'t> {
    /// Parses it.
    ///
    /// # Errors
    /// When it is not TOML.
    pub fn of(text: &'t str) -> Result<Self, String> {
        let document =
            Document::parse(text).map_err(|e| format!("это не TOML: {}", e.message()))?;
        Ok(Parsed { text, document })
    }

    /// The value at the end of a way.
    pub fn value(&self, way: &Way) -> Option<&Value> {
        let (before, key) = way.split()?;
        self.table(before)?.0.get(key)?.as_value()
    }

    /// The value as it is written.
    pub fn written(&self, way: &Way) -> &'t str {
        let span = self.value(way).and_then(Value::span);
        span.and_then(|span| self.text.get(span)).unwrap_or_default()
    }

    /// The lines on which the value stands, from 1, the last one included.
    pub fn lines(&self, way: &Way) -> Option<(u32, u32)> {
        let span = self.value(way)?.span()?;
        let line = |at: usize| 1 + self.text.get(..at).unwrap_or("").matches('\n').count() as u32;
        Some((line(span.start), line(span.end)))
    }

    /// The comment at the end of the value's line, without its sign.
    pub fn comment(&self, way: &Way) -> Option<&'t str> {
        let rest = self.text.get(self.value(way)?.span()?.end..)?;
        let line = rest.lines().next()?;
        let words = line.split_once('#')?.1.trim();
        (!words.is_empty()).then_some(words)
    }

    /// A table, and whether it stands within a line.
    fn table(&self, steps: &[Step]) -> Option<(&dyn TableLike, bool)> {
        let (mut table, mut inline): (&dyn TableLike, bool) = (self.document.as_table(), false);
        let mut steps = steps.iter();
        while let Some(step) = steps.next() {
            let Step::Key(key) = step else { return None };
            let item = table.get(key)?;
            table = match item {
                Item::ArrayOfTables(list) => {
                    let Some(Step::Number(number)) = steps.next() else { return None };
                    list.get(*number)?
                }
                item => {
                    inline |= item.is_value();
                    item.as_table_like()?
                }
            };
        }
        Some((table, inline))
    }

    /// How many tables a list of tables at the top has.
    pub fn count(&self, list: &str) -> usize {
        self.document.get(list).and_then(Item::as_array_of_tables).map_or(0, |list| list.len())
    }

    /// The whole text with something else at the end of a way. A key that is new comes below the last
    /// of `after` that is there.
    ///
    /// # Errors
    /// Where the file is written in a way that cannot be changed piece by piece, in Russian.
    pub fn with(&self, way: &Way, wanted: &Wanted, after: &[&str]) -> Result<String, String> {
        let elsewise =
            || "записано необычно: измените сам файл и загрузите карту архивом".to_owned();
        let (before, key) = way.split().ok_or_else(elsewise)?;
        let (table, inline) = self.table(before).ok_or_else(elsewise)?;
        let Some(item) = table.get(key) else {
            if *wanted == Wanted::Nothing {
                return Ok(self.text.to_owned());
            }
            let literal = fresh(wanted);
            let near = after.iter().rev().find_map(|key| table.get(key)?.as_value()?.span());
            let near = near.filter(|_| !inline).ok_or_else(elsewise)?;
            let end = self.end_of_line(near.end);
            let (start, line_end) = match self.text.get(..end) {
                Some(text) if text.ends_with('\n') => ("", self.line_end()),
                _ => (self.line_end(), ""),
            };
            return self.spliced(end..end, &format!("{start}{key} = {literal}{line_end}"));
        };
        let value = item.as_value().ok_or_else(elsewise)?;
        let span = value.span().ok_or_else(elsewise)?;
        match (wanted, value) {
            (Wanted::Nothing, _) => {
                let named = table.key(key).and_then(Key::span).ok_or_else(elsewise)?;
                if inline {
                    return Err(elsewise());
                }
                self.without_line(named.start, span.end)
            }
            (Wanted::Text(text), Value::String(old)) => {
                if old.value() == text {
                    return Ok(self.text.to_owned());
                }
                let quoted = self.text.get(span.clone()).is_some_and(|old| {
                    old.starts_with('\'') && !old.starts_with("'''") && !text.contains(['\'', '\n'])
                });
                let literal = if quoted { format!("'{text}'") } else { fresh(wanted) };
                self.spliced(span, &literal)
            }
            (Wanted::Text(text), Value::Array(old)) => {
                self.list(old, std::slice::from_ref(text), span)
            }
            (Wanted::Texts(texts), Value::Array(old)) => self.list(old, texts, span),
            _ => self.spliced(span, &fresh(wanted)),
        }
    }

    /// A list with other texts: those that stay at its beginning and its end are not touched.
    fn list(&self, old: &Array, texts: &[String], span: Range<usize>) -> Result<String, String> {
        let was: Vec<&str> = old.iter().map(|item| item.as_str().unwrap_or("\u{0}")).collect();
        let spans: Vec<Range<usize>> = old.iter().filter_map(Value::span).collect();
        if spans.len() != was.len() {
            return Err("список записан необычно".to_owned());
        }
        if was.iter().eq(texts.iter()) {
            return Ok(self.text.to_owned());
        }
        let same = was.iter().zip(texts).take_while(|(a, b)| *a == b).count();
        let rest = (was.len() - same).min(texts.len() - same);
        let tail = was.iter().rev().zip(texts.iter().rev()).take(rest);
        let tail = tail.take_while(|(a, b)| *a == *b).count();
        let (gone, new) = (same..was.len() - tail, &texts[same..texts.len() - tail]);
        let between = match spans.as_slice() {
            [first, second, ..] => self.text.get(first.end..second.start).unwrap_or(", "),
            _ => ", ",
        };
        let between = if between.contains('#') { ", " } else { between };
        let literals: Vec<String> =
            new.iter().map(|text| fresh(&Wanted::Text(text.clone()))).collect();
        let joined = literals.join(between);
        let (range, literal) = match (gone.is_empty(), new.is_empty()) {
            _ if spans.is_empty() => (span.start + 1..span.start + 1, joined),
            (false, false) => (spans[gone.start].start..spans[gone.end - 1].end, joined),
            (true, _) if same == 0 => {
                (spans[0].start..spans[0].start, format!("{joined}{between}"))
            }
            (true, _) => (spans[same - 1].end..spans[same - 1].end, format!("{between}{joined}")),
            (false, true) if gone.start > 0 => {
                (spans[gone.start - 1].end..spans[gone.end - 1].end, String::new())
            }
            (false, true) if gone.end < spans.len() => {
                (spans[0].start..spans[gone.end].start, String::new())
            }
            (false, true) => (spans[0].start..spans[spans.len() - 1].end, String::new()),
        };
        if self.text.get(range.clone()).is_some_and(|text| text.contains('#')) {
            let words =
                "внутри списка стоят примечания: измените сам файл и загрузите карту архивом";
            return Err(words.to_owned());
        }
        self.spliced(range, &literal)
    }

    /// Without a key and its value; a comment at the end of their line becomes one of its own.
    fn without_line(&self, start: usize, end: usize) -> Result<String, String> {
        let line = self.text.get(..start).and_then(|text| text.rfind('\n')).map_or(0, |at| at + 1);
        let after = self.end_of_line(end);
        let comment = self.text.get(end..after).unwrap_or("").trim_start();
        self.spliced(line..after, if comment.starts_with('#') { comment } else { "" })
    }

    /// Just behind the line on which something ends.
    fn end_of_line(&self, at: usize) -> usize {
        let rest = self.text.get(at..).unwrap_or("");
        rest.find('\n').map_or(self.text.len(), |end| at + end + 1)
    }

    fn line_end(&self) -> &'static str {
        if self.text.contains("\r\n") { "\r\n" } else { "\n" }
    }

    fn spliced(&self, range: Range<usize>, with: &str) -> Result<String, String> {
        let parts = self.text.get(..range.start).zip(self.text.get(range.end..));
        let (before, after) = parts.ok_or("файл не читается")?;
        let text = format!("{before}{with}{after}");
        // Whatever is typed, a file stays one.
        Parsed::of(&text).map(drop)?;
        Ok(text)
    }
}

/// A value as it is written where none stood.
fn fresh(wanted: &Wanted) -> String {
    match wanted {
        Wanted::Nothing => String::new(),
        Wanted::Text(text) => Value::from(text.as_str()).to_string(),
        Wanted::Texts(texts) => {
            let items: Vec<String> =
                texts.iter().map(|text| Value::from(text.as_str()).to_string()).collect();
            format!("[{}]", items.join(", "))
        }
        Wanted::Number(literal) | Wanted::Literal(literal) => literal.clone(),
    }
}

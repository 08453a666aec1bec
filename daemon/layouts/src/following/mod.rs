//! A file, row by row, by one layout.

mod before_data;
mod data;
mod whose;

use std::collections::HashMap;

use vekha_plugin_tables::{Cell, SeenRow};
use vekha_roadmap::model::{Layout, Required, Target};
use vekha_roadmap::pattern::{Captured, plain, tidied};

use crate::Purpose;
use crate::atoms::{Atom, Counts, Texts};
use crate::compiled::Compiled;
use crate::heads::Heads;
use crate::notes::{At, Notes, short};
use crate::understood::{FileRead, NoteKind};

/// Whom rows are about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Who {
    /// The organisation at this place.
    Organisation(usize),
    /// More than one organisation: the place of the level, and what the file calls it.
    Level(usize, String),
    /// Somebody whom the registry does not know.
    Stranger(String),
    /// The file does not say.
    Unnamed,
}

/// A place in a file.
#[derive(Debug, Clone)]
pub struct Met {
    pub sheet: String,
    pub row: u32,
    pub column: u32,
}

/// A file to its end: how many rows had the same values.
#[derive(Debug)]
pub struct Followed<'a> {
    /// Its position among the files.
    pub at: usize,
    pub file: FileRead,
    pub notes: Notes,
    pub compiled: Option<Compiled<'a>>,
    pub texts: Texts,
    /// Where texts were met first, by their numbers.
    pub met: Vec<Met>,
    /// Whom rows are about; the first value of each count is a position here.
    pub whos: Vec<Who>,
    /// Rows of an organisation came that is not the one whose own file it is.
    pub others: bool,
    /// Rows of each of them, and where the first stands.
    pub rows: Vec<(u64, Met)>,
    pub counts: Vec<Counts>,
    pub borders: Vec<Counts>,
}

impl Followed<'_> {
    /// A file of which nothing is known.
    pub fn nothing(name: &str, at: usize) -> Self {
        Followed {
            at,
            file: FileRead { name: name.to_owned(), ..FileRead::default() },
            notes: Notes::of(name),
            compiled: None,
            texts: Texts::default(),
            met: Vec::new(),
            whos: Vec::new(),
            others: false,
            rows: Vec::new(),
            counts: Vec::new(),
            borders: Vec::new(),
        }
    }

    /// Nothing of a file counts that could not be read to its end.
    pub fn unreadable(&mut self, message: String) {
        let name = self.file.name.clone();
        *self = Followed::nothing(&name, self.at);
        self.notes.add(NoteKind::Unclear, None, message);
    }
}

/// What a label says of the rows under it.
#[derive(Debug, Clone)]
enum Label {
    /// They are about somebody.
    About(usize),
    /// They are a part of what the label above is about.
    Part(Atom),
}

/// So many rows were announced, and so many came.
#[derive(Debug)]
struct Announced {
    rows: f64,
    at: Met,
    came: u64,
}

/// A file on its way.
#[derive(Debug)]
pub struct Following<'a> {
    purpose: Purpose<'a>,
    compiled: Compiled<'a>,
    done: Followed<'a>,
    sheet: Option<String>,
    reads_sheet: bool,
    heads: Option<Heads>,
    /// No row has come under the headings yet.
    fresh: bool,
    /// The last row that said nothing by itself: perhaps the upper half of headings.
    above: Option<(u32, Vec<(u32, Cell)>)>,
    /// What every row has before anything is said, by place.
    nothing: Vec<Atom>,
    /// What lines have said.
    said: Vec<Atom>,
    /// What the row says over it.
    values: Vec<Atom>,
    about: Option<usize>,
    announced: Option<Announced>,
    whos: HashMap<Who, usize>,
    by_identity: HashMap<(Atom, Atom), usize>,
    labels: HashMap<String, Label>,
    skips: HashMap<Box<[Atom]>, Option<usize>>,
    /// Of each target, which values of its key no row of the form can be without.
    needed_keys: Vec<Vec<bool>>,
    tuple: Vec<Atom>,
}

impl<'a> Following<'a> {
    pub fn new(purpose: Purpose<'a>, compiled: Compiled<'a>, name: &str, at: usize) -> Self {
        let layout: &'a Layout = compiled.layout;
        let mut done = Followed::nothing(name, at);
        done.file.layout = Some(layout.id.clone());
        done.file.title.clone_from(&layout.title);
        done.counts.resize_with(compiled.targets.len(), Counts::default);
        done.borders.resize_with(compiled.borders.len(), Counts::default);
        let mut nothing = vec![Atom::Missing; compiled.len()];
        for (name, text) in &layout.always {
            if let Some(slot) = compiled.slot(name) {
                nothing[slot] = done.texts.atom(text);
                let new = matches!(nothing[slot], Atom::Text(at) if at as usize == done.met.len());
                if new {
                    done.met.push(Met { sheet: String::new(), row: 0, column: 0 });
                }
            }
        }
        let needed = |target: &Target| {
            let fields = target.fields(purpose.form).unwrap_or_default();
            let optional = |column: &str| {
                let field = fields.iter().find(|field| field.id == column);
                field.is_some_and(|field| matches!(field.required, Required::Optional))
            };
            target.key.iter().map(|(column, _)| !optional(column)).collect()
        };
        let needed_keys = layout.tables.iter().map(needed).collect();
        Following {
            purpose,
            compiled,
            done,
            sheet: None,
            reads_sheet: true,
            heads: None,
            fresh: false,
            above: None,
            said: nothing.clone(),
            values: nothing.clone(),
            nothing,
            about: None,
            announced: None,
            whos: HashMap::new(),
            by_identity: HashMap::new(),
            labels: HashMap::new(),
            skips: HashMap::new(),
            needed_keys,
            tuple: Vec::new(),
        }
    }

    pub fn end(mut self) -> Followed<'a> {
        self.count_off();
        self.done.compiled = Some(self.compiled);
        self.done
    }

    pub fn row(&mut self, row: SeenRow<'_>) {
        if self.sheet.as_deref() != Some(row.sheet) {
            self.begin_sheet(row.sheet);
        }
        if !self.reads_sheet || self.is_data(row) || self.says_something(row) {
            return;
        }
        if self.heads.is_some() {
            self.tell_unclear(row);
        }
        self.above = Some((row.number, row.cells.to_vec()));
    }

    pub(super) fn begin_sheet(&mut self, name: &str) {
        self.count_off();
        let sheets = &self.compiled.layout.sheets;
        let tidy = tidied(name);
        self.reads_sheet = sheets.is_empty() || sheets.iter().any(|s| s.matches(&tidy).is_some());
        if !self.reads_sheet {
            let text = format!("лист «{}» по раскладке не читается", short(name));
            self.done.notes.add(NoteKind::Left, None, text);
        }
        self.sheet = Some(name.to_owned());
        self.heads = None;
        self.above = None;
        self.about = None;
        self.said.copy_from_slice(&self.nothing);
    }

    pub(super) fn met(&self, row: u32, column: u32) -> Met {
        Met { sheet: self.sheet.clone().unwrap_or_default(), row, column }
    }

    pub(super) fn note(&mut self, kind: NoteKind, row: u32, column: u32, text: impl Into<String>) {
        let sheet = self.sheet.as_deref().unwrap_or_default();
        self.done.notes.add(kind, Some(At { sheet, row, column }), text);
    }

    /// A text as a value: in the form's words where they are told.
    pub(super) fn text(&mut self, slot: usize, text: &str, row: u32, column: u32) -> Atom {
        let words = self.compiled.words(slot);
        let word = words.and_then(|words| words.get(&plain(text)));
        let atom = self.done.texts.atom(word.map_or(text.trim(), String::as_str));
        if let Atom::Text(at) = atom
            && at as usize == self.done.met.len()
        {
            let met = self.met(row, column);
            self.done.met.push(met);
        }
        atom
    }

    /// Takes what gaps say.
    pub(super) fn take(
        &mut self,
        captured: &Captured,
        pattern_numbers: &[&str],
        row: u32,
        column: u32,
    ) -> Vec<(usize, Atom)> {
        let mut taken = Vec::new();
        for (name, text) in captured {
            let Some(slot) = self.compiled.slot(name) else { continue };
            if !self.compiled.is_needed(slot) {
                continue;
            }
            let atom = if pattern_numbers.contains(&name.as_str()) {
                text.replace(',', ".").parse().map_or(Atom::Missing, Atom::of)
            } else {
                self.text(slot, text, row, column)
            };
            taken.push((slot, atom));
        }
        taken
    }

    // Rows under headings.
}

//! A layout made ready: each name a place in a row, each formula with the places that it looks at.

use std::collections::{BTreeMap, HashMap};

use serde_json::Map;
use vekha_roadmap::formula::{Formula, Values};
use vekha_roadmap::model::{Layout, PART, Target};

use crate::atoms::{Atom, Texts};

/// A layout made ready.
#[derive(Debug)]
pub struct Compiled<'l> {
    pub layout: &'l Layout,
    /// Values by place.
    names: Vec<&'l str>,
    /// Whether anybody looks at the value there: others are never read.
    needed: Vec<bool>,
    pub login: Option<usize>,
    pub name: Option<usize>,
    pub year: Option<usize>,
    pub announced: Option<usize>,
    pub part: Option<usize>,
    pub targets: Vec<Ready<'l>>,
    /// Of each border: the values of which it is another one, the value that is looked at, and those
    /// of its condition.
    pub borders: Vec<Vec<usize>>,
    /// The values by which rows are left out.
    pub skips: Vec<usize>,
    places: HashMap<&'l str, usize>,
}

/// What is filled, made ready.
#[derive(Debug)]
pub struct Ready<'l> {
    pub target: &'l Target,
    /// The position among the layout's columns of the one whose many values are gone through.
    pub each: Option<usize>,
    /// The values by which rows are counted: those of the key first.
    pub slots: Vec<usize>,
}

impl<'l> Compiled<'l> {
    pub fn of(layout: &'l Layout) -> Self {
        let mut compiled = Compiled {
            layout,
            names: Vec::new(),
            needed: Vec::new(),
            login: None,
            name: None,
            year: None,
            announced: None,
            part: None,
            targets: Vec::new(),
            borders: Vec::new(),
            skips: Vec::new(),
            places: HashMap::new(),
        };
        compiled.fill();
        compiled
    }

    fn fill(&mut self) {
        let layout = self.layout;
        let groups = layout.groups.iter().flat_map(|groups| &groups.organisations);
        let lines = layout.lines.iter().flat_map(|line| &line.patterns);
        for pattern in lines.chain(groups) {
            for (name, _) in pattern.names() {
                self.place(name);
            }
        }
        for column in &layout.columns {
            self.place(&column.id);
            let gaps = column.headings.iter().flat_map(|heading| heading.names());
            for (name, _) in gaps {
                self.place(name);
            }
            if let Some(below) = &column.below {
                self.place(&below.id);
            }
        }
        for name in layout.always.keys() {
            self.place(name);
        }
        self.part = layout.groups.is_some().then(|| self.place(PART));
        let by = &layout.organisation;
        self.login = by.login.as_deref().and_then(|name| self.need(name));
        self.name = by.name.as_deref().and_then(|name| self.need(name));
        self.year = layout.year.as_deref().and_then(|name| self.need(name));
        self.announced = layout.announced.as_deref().and_then(|name| self.need(name));
        self.skips = self.names_of(layout.skips.iter().map(|skip| &skip.when));
        for border in &layout.borders {
            let mut slots: Vec<usize> = Vec::new();
            slots.extend(border.per.iter().filter_map(|name| self.need(name)));
            slots.extend(self.need(&border.of));
            slots.extend(self.names_of([&border.when]));
            self.borders.push(slots);
        }
        for target in &layout.tables {
            let mut slots: Vec<usize> = Vec::new();
            slots.extend(target.key.iter().filter_map(|(_, value)| self.need(value)));
            let formulas = || target.measures.iter().flat_map(|m| m.when.iter().chain(&m.value));
            slots.extend(self.names_of(formulas()));
            for border in &layout.borders {
                if formulas().any(|formula| formula.names().contains(&border.id)) {
                    slots.extend(border.per.iter().filter_map(|name| self.need(name)));
                }
            }
            let key = target.key.len();
            let mut seen = Vec::new();
            for (at, slot) in slots.into_iter().enumerate() {
                if at < key || !seen.contains(&slot) {
                    seen.push(slot);
                }
            }
            let each = target.each.as_deref();
            let each = each.and_then(|each| layout.columns.iter().position(|c| c.id == each));
            self.targets.push(Ready { target, each, slots: seen });
        }
    }

    /// The place of a value, made if it has none.
    fn place(&mut self, name: &'l str) -> usize {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        let place = self.names.len();
        self.names.push(name);
        self.needed.push(false);
        self.places.insert(name, place);
        place
    }

    /// The same for one that is looked at; borders have none.
    fn need(&mut self, name: &str) -> Option<usize> {
        let place = *self.places.get(name)?;
        self.needed[place] = true;
        Some(place)
    }

    fn names_of<'f>(&mut self, formulas: impl IntoIterator<Item = &'f Formula>) -> Vec<usize> {
        let mut slots = Vec::new();
        for name in formulas.into_iter().flat_map(Formula::names) {
            slots.extend(self.need(&name).filter(|slot| !slots.contains(slot)));
        }
        slots
    }

    pub fn slot(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }

    pub fn len(&self) -> usize {
        self.names.len()
    }

    pub fn is_needed(&self, slot: usize) -> bool {
        self.needed[slot]
    }

    pub fn name_of(&self, slot: usize) -> &'l str {
        self.names[slot]
    }

    /// What the file's words for a value are in the form's, if any of them is told.
    pub fn words(&self, slot: usize) -> Option<&'l BTreeMap<String, String>> {
        self.layout.words.get(self.names[slot])
    }

    /// Values as formulas take them.
    pub fn values(&self, slots: &[usize], atoms: &[Atom], texts: &Texts) -> Values {
        let pairs = slots.iter().zip(atoms);
        pairs
            .map(|(slot, atom)| (self.names[*slot].to_owned(), atom.json(texts)))
            .collect::<Map<_, _>>()
    }
}

//! From counts of equal rows to figures.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value as Json;
use vekha_roadmap::formula::Formula;
use vekha_roadmap::model::{Layout, Take};
use vekha_roadmap::pattern::plain;

use crate::atoms::{Atom, Texts};
use crate::compiled::Ready;
use crate::following::Followed;

/// What is known of a border.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Known {
    /// It is there.
    At(f64),
    /// Below it stand values up to this one, from this one on all are above: between them nobody is.
    Between(f64, f64),
    /// What is below reaches as high as this, what is above as low as that.
    Crossed(f64, f64),
    /// Nothing was above, or nothing below.
    OneSided,
}

/// Which border: by layout, position, and the values that make each another one, in plain form.
pub type Which = (String, usize, Vec<String>);

/// The borders.
pub type Borders = BTreeMap<Which, Known>;

/// Finds the borders in all files together: a school alone may have nobody on a score.
pub fn borders(files: &[Followed<'_>]) -> Borders {
    let mut ends: BTreeMap<Which, (Option<f64>, Option<f64>)> = BTreeMap::new();
    for file in files {
        let Some(compiled) = &file.compiled else { continue };
        for (at, (border, slots)) in
            compiled.layout.borders.iter().zip(&compiled.borders).enumerate()
        {
            let per = border.per.len();
            for (atoms, _) in file.borders[at].iter() {
                let Some(value) = atoms[per].number() else { continue };
                let values = compiled.values(&slots[per + 1..], &atoms[per + 1..], &file.texts);
                let Ok(Some(above)) = border.when.holds(&values) else { continue };
                let key = atoms[..per].iter().map(|atom| said(*atom, &file.texts)).collect();
                let ends = ends.entry((compiled.layout.id.clone(), at, key)).or_default();
                if above {
                    ends.1 = Some(ends.1.map_or(value, |known| known.min(value)));
                } else {
                    ends.0 = Some(ends.0.map_or(value, |known| known.max(value)));
                }
            }
        }
    }
    let known = |(below, above): (Option<f64>, Option<f64>)| match (below, above) {
        (Some(below), Some(above)) if above <= below => Known::Crossed(below, above),
        // Scores are whole numbers: next to each other there is no room for another border.
        (Some(below), Some(above)) if above - below <= 1.0 => Known::At(above),
        (Some(below), Some(above)) => Known::Between(below, above),
        _ => Known::OneSided,
    };
    let mut all: Borders = ends.into_iter().map(|(key, ends)| (key, known(ends))).collect();
    for layout in files.iter().filter_map(|file| Some(file.compiled.as_ref()?.layout)) {
        for (at, border) in layout.borders.iter().enumerate() {
            for given in &border.given {
                let key = (layout.id.clone(), at, given.values.clone());
                all.insert(key, Known::At(given.border));
            }
        }
    }
    all
}

/// A value as it is compared with what a layout says.
pub fn said(atom: Atom, texts: &Texts) -> String {
    match (atom.number(), atom.text(texts)) {
        (Some(number), _) => number.to_string(),
        (_, Some(text)) => plain(text),
        _ => String::new(),
    }
}

/// A row of the form under way: whose it is, its key, and its figures in the order of the measures.
#[derive(Debug)]
pub struct Counted {
    pub who: usize,
    pub key: Vec<Atom>,
    pub figures: Vec<Option<f64>>,
    /// Borders that were needed and are not known, by position.
    pub unknown: Vec<usize>,
}

/// The figures of a target, in the order of organisations and keys.
pub fn figures(file: &Followed<'_>, target: usize, borders: &Borders) -> Vec<Counted> {
    let Some(compiled) = &file.compiled else { return vec![] };
    let ready = &compiled.targets[target];
    let key = ready.target.key.len();
    let mut measures: Vec<Measuring<'_>> = ready
        .target
        .measures
        .iter()
        .map(|m| Measuring::of(file, ready, m.when.as_ref(), m.value.as_ref()))
        .collect();
    let mut rows: BTreeMap<Vec<Atom>, (Vec<Sum>, Vec<usize>)> = BTreeMap::new();
    let mut found = FoundBorders {
        layout: compiled.layout,
        slots: &ready.slots,
        borders,
        known: HashMap::new(),
    };
    for (atoms, count) in file.counts[target].iter() {
        let entry = rows.entry(atoms[..=key].to_vec());
        let (sums, unknown) =
            entry.or_insert_with(|| (vec![Sum::default(); measures.len()], Vec::new()));
        for (measure, sum) in measures.iter_mut().zip(sums) {
            match measure.value(file, &atoms[1..], &mut found) {
                Yield::Nothing => {}
                Yield::Value(value) => sum.add(value, count),
                Yield::Unknown(border) => {
                    sum.unknown = true;
                    if !unknown.contains(&border) {
                        unknown.push(border);
                    }
                }
            }
        }
    }
    let counted = |(atoms, (sums, unknown)): (Vec<Atom>, (Vec<Sum>, Vec<usize>))| {
        let Atom::Number(who) = atoms[0] else { return None };
        let measured = sums.iter().zip(&ready.target.measures);
        let figures = measured.map(|(sum, m)| sum.figure(m.take, m.value.is_none())).collect();
        Some(Counted { who: who as usize, key: atoms[1..].to_vec(), figures, unknown })
    };
    rows.into_iter().filter_map(counted).collect()
}

/// Numbers put together.
#[derive(Debug, Clone, Default)]
struct Sum {
    sum: f64,
    largest: Option<f64>,
    count: u64,
    /// What it rests on is not known.
    unknown: bool,
}

impl Sum {
    fn add(&mut self, value: f64, count: u64) {
        self.sum += value * count as f64;
        self.largest = Some(self.largest.map_or(value, |known| known.max(value)));
        self.count += count;
    }

    fn figure(&self, take: Take, counts: bool) -> Option<f64> {
        // Of values that nobody has there is no sum; of rows there is: none.
        if self.unknown || (self.count == 0 && !counts) {
            return None;
        }
        match take {
            Take::Sum => Some(rounded(self.sum, 1e6)),
            Take::Largest => self.largest,
            Take::Mean => Some(rounded(self.sum / self.count as f64, 1e2)),
        }
    }
}

/// Without what binary fractions add.
fn rounded(value: f64, places: f64) -> f64 {
    (value * places).round() / places
}

/// What a row yields to a measure.
#[derive(Debug, Clone, Copy)]
enum Yield {
    Nothing,
    Value(f64),
    /// The border at this position is not known.
    Unknown(usize),
}

/// A measure with what is known of it: rows of the same values yield the same.
struct Measuring<'f> {
    when: Option<&'f Formula>,
    value: Option<&'f Formula>,
    /// Positions in a count's values, and the places of those values.
    positions: Vec<usize>,
    slots: Vec<usize>,
    /// Borders that it names, by position.
    borders: Vec<usize>,
    known: HashMap<Vec<Atom>, Yield>,
}

impl<'f> Measuring<'f> {
    fn of(
        file: &Followed<'_>,
        ready: &Ready<'_>,
        when: Option<&'f Formula>,
        value: Option<&'f Formula>,
    ) -> Self {
        let mut measuring = Measuring {
            when,
            value,
            positions: Vec::new(),
            slots: Vec::new(),
            borders: Vec::new(),
            known: HashMap::new(),
        };
        let Some(compiled) = &file.compiled else { return measuring };
        for name in when.iter().chain(&value).flat_map(|formula| formula.names()) {
            if let Some(border) = compiled.layout.borders.iter().position(|b| b.id == name) {
                measuring.borders.push(border);
            } else if let Some(slot) = compiled.slot(&name)
                && let Some(position) = ready.slots.iter().position(|known| *known == slot)
            {
                measuring.positions.push(position);
                measuring.slots.push(slot);
            }
        }
        measuring
    }

    fn value(
        &mut self,
        file: &Followed<'_>,
        atoms: &[Atom],
        found: &mut FoundBorders<'_>,
    ) -> Yield {
        let mut given: Vec<Atom> = self.positions.iter().map(|at| atoms[*at]).collect();
        for border in &self.borders {
            match found.find(file, *border, atoms) {
                Some(Known::At(at)) => given.push(Atom::of(at)),
                _ => return Yield::Unknown(*border),
            }
        }
        if let Some(known) = self.known.get(&given) {
            return *known;
        }
        let yielded = self.computed(file, &given);
        self.known.insert(given, yielded);
        yielded
    }

    fn computed(&self, file: &Followed<'_>, given: &[Atom]) -> Yield {
        let Some(compiled) = &file.compiled else { return Yield::Nothing };
        let mut values = compiled.values(&self.slots, given, &file.texts);
        for (border, atom) in self.borders.iter().zip(&given[self.slots.len()..]) {
            let id = compiled.layout.borders[*border].id.clone();
            values.insert(id, atom.json(&file.texts));
        }
        // A condition that cannot be told does not hold.
        if self.when.is_some_and(|when| !matches!(when.holds(&values), Ok(Some(true)))) {
            return Yield::Nothing;
        }
        match self.value.map(|value| value.evaluate(&values)) {
            None => Yield::Value(1.0),
            Some(Ok(Some(Json::Number(number)))) => {
                number.as_f64().map_or(Yield::Nothing, Yield::Value)
            }
            Some(_) => Yield::Nothing,
        }
    }
}

/// Borders by the values that make them another one.
struct FoundBorders<'b> {
    layout: &'b Layout,
    /// The places of a count's values.
    slots: &'b [usize],
    borders: &'b Borders,
    known: HashMap<(usize, Vec<Atom>), Option<Known>>,
}

impl FoundBorders<'_> {
    fn find(&mut self, file: &Followed<'_>, border: usize, atoms: &[Atom]) -> Option<Known> {
        let compiled = file.compiled.as_ref()?;
        let per = &self.layout.borders[border].per;
        let position = |name: &String| {
            let slot = compiled.slot(name)?;
            self.slots.iter().position(|known| *known == slot)
        };
        let values: Option<Vec<Atom>> =
            per.iter().map(|name| Some(atoms[position(name)?])).collect();
        let values = values?;
        if let Some(known) = self.known.get(&(border, values.clone())) {
            return *known;
        }
        let said = values.iter().map(|atom| said(*atom, &file.texts)).collect();
        let known = self.borders.get(&(self.layout.id.clone(), border, said)).copied();
        self.known.insert((border, values), known);
        known
    }
}

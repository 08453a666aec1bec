//! Whom a row is about, and whether it is one of those that count.

use vekha_roadmap::model::Groups;
use vekha_roadmap::pattern::{Pattern, tidied};

use super::{Following, Label, Who};
use crate::atoms::Atom;
use crate::understood::NoteKind;

impl<'a> Following<'a> {
    pub(super) fn who(&mut self, row: u32, column: u32) -> Option<usize> {
        if self.compiled.layout.groups.is_some() {
            return self.about;
        }
        let value = |slot: Option<usize>| slot.map_or(Atom::Missing, |slot| self.values[slot]);
        let identity = (value(self.compiled.login), value(self.compiled.name));
        if let Some(known) = self.by_identity.get(&identity) {
            return Some(*known);
        }
        let texts = &self.done.texts;
        let who = self.identified(identity.0.text(texts), identity.1.text(texts));
        let at = self.somebody(who, row, column);
        self.by_identity.insert(identity, at);
        Some(at)
    }

    pub(super) fn identified(&self, login: Option<&str>, name: Option<&str>) -> Who {
        let known = self.purpose.organisations;
        let both = |text: &str| known.by_login(text).or_else(|| known.by_name(text));
        match login.and_then(both).or_else(|| name.and_then(both)) {
            Some(at) => Who::Organisation(at),
            None => match (name, login) {
                (Some(name), Some(login)) if name != login => {
                    Who::Stranger(format!("{name} ({login})"))
                }
                (Some(only), _) | (None, Some(only)) => Who::Stranger(only.to_owned()),
                (None, None) => Who::Unnamed,
            },
        }
    }

    pub(super) fn somebody(&mut self, who: Who, row: u32, column: u32) -> usize {
        if let Some(known) = self.whos.get(&who) {
            return *known;
        }
        let at = self.done.whos.len();
        let met = self.met(row, column);
        self.done.whos.push(who.clone());
        self.done.rows.push((0, met));
        self.whos.insert(who, at);
        at
    }

    /// Takes a label: from here on rows are about somebody, or about a part of that.
    pub(super) fn label(&mut self, groups: &Groups, label: &str, row: u32, column: u32) {
        let tidy = tidied(label);
        let label = match self.labels.get(&tidy) {
            Some(known) => known.clone(),
            None => {
                let found = self.labelled(groups, &tidy, row, column);
                self.labels.insert(tidy, found.clone());
                found
            }
        };
        let part = self.compiled.part;
        match label {
            Label::About(who) => {
                self.about = Some(who);
                part.into_iter().for_each(|part| self.values[part] = Atom::Missing);
            }
            Label::Part(word) => part.into_iter().for_each(|part| self.values[part] = word),
        }
    }

    pub(super) fn labelled(&mut self, groups: &Groups, tidy: &str, row: u32, column: u32) -> Label {
        let fits = |patterns: &[Pattern]| patterns.iter().find_map(|p| p.matches(tidy));
        if let Some(part) = groups.parts.iter().find(|part| fits(&part.patterns).is_some()) {
            let slot = self.compiled.part.unwrap_or_default();
            return Label::Part(self.text(slot, &part.name, row, column));
        }
        let captured = fits(&groups.organisations).unwrap_or_default();
        let by = &self.compiled.layout.organisation;
        let said = |name: &Option<String>| {
            let name = name.as_deref()?;
            captured.iter().find(|(known, _)| known == name).map(|(_, text)| text.as_str())
        };
        let whole = if captured.is_empty() { Some(tidy) } else { None };
        let who = self.identified(said(&by.login), said(&by.name).or(whole));
        let level = || groups.levels.iter().position(|level| fits(&level.patterns).is_some());
        let who = match (&who, level()) {
            (Who::Organisation(_), _) | (_, None) => who,
            (_, Some(level)) => Who::Level(level, tidy.to_owned()),
        };
        Label::About(self.somebody(who, row, column))
    }

    pub(super) fn is_of_another_year(&mut self, row: u32, column: u32) -> bool {
        let (Some(slot), Some(years)) = (self.compiled.year, self.purpose.years) else {
            return false;
        };
        let Some(year) = self.values[slot].number() else { return false };
        if years.contains(&(year as i64)) {
            return false;
        }
        let (from, to) = (years.start(), years.end());
        let wanted = if from == to { from.to_string() } else { format!("{from} или {to}") };
        let text = format!("работа {year} года, а нужен {wanted}: не взята");
        self.note(NoteKind::Left, row, column, text);
        true
    }

    pub(super) fn is_of_another(&mut self, who: usize, row: u32, column: u32) -> bool {
        let Who::Organisation(at) = self.done.whos[who] else { return false };
        let code = self.purpose.organisations.code(at);
        if self.purpose.own.is_none_or(|own| own == code) {
            return false;
        }
        self.done.others = true;
        self.note(NoteKind::Left, row, column, "строки другой организации не взяты");
        true
    }

    pub(super) fn is_skipped(&mut self, row: u32, column: u32) -> bool {
        let skips = &self.compiled.layout.skips;
        if skips.is_empty() {
            return false;
        }
        let slots = &self.compiled.skips;
        self.tuple.clear();
        self.tuple.extend(slots.iter().map(|slot| self.values[*slot]));
        let skipped = match self.skips.get(self.tuple.as_slice()) {
            Some(known) => *known,
            None => {
                let values = self.compiled.values(slots, &self.tuple, &self.done.texts);
                let holds = |skip: &vekha_roadmap::model::Skip| {
                    skip.when.holds(&values).ok().flatten().unwrap_or(false)
                };
                let skipped = skips.iter().position(holds);
                self.skips.insert(self.tuple.as_slice().into(), skipped);
                skipped
            }
        };
        let Some(skipped) = skipped else { return false };
        let reason = skips[skipped].reason.clone();
        self.note(NoteKind::Left, row, column, reason);
        true
    }
}

//! Rows of data: their values, and how many had the same.

use vekha_plugin_tables::{Cell, SeenRow};
use vekha_roadmap::model::LayoutColumn;
use vekha_roadmap::pattern::plain;

use super::{Announced, Following};
use crate::atoms::Atom;
use crate::heads::{Head, Heads};
use crate::notes::{At, short};
use crate::understood::NoteKind;

impl<'a> Following<'a> {
    /// Takes a row as one under the headings. Says whether it is.
    pub(super) fn is_data(&mut self, row: SeenRow<'_>) -> bool {
        let Some(heads) = self.heads.take() else { return false };
        let taken = self.data(&heads, row);
        self.heads = Some(heads);
        if taken {
            self.fresh = false;
            self.above = None;
        }
        taken
    }

    pub(super) fn data(&mut self, heads: &Heads, row: SeenRow<'_>) -> bool {
        let layout = self.compiled.layout;
        self.values.copy_from_slice(&self.said);
        let mut cells = row.cells.iter().peekable();
        let mut label = None;
        let mut whole = true;
        let mut wrong: Vec<(u32, String)> = Vec::new();
        for head in &heads.columns {
            while cells.next_if(|(at, _)| *at < head.at).is_some() {}
            let cell = cells.peek().filter(|(at, _)| *at == head.at).map(|(_, cell)| cell);
            let column = &layout.columns[head.column];
            if column.many {
                continue;
            }
            let is_label = layout.groups.as_ref().is_some_and(|g| g.column == column.id);
            let Some(cell) = cell else {
                whole &= !column.required;
                continue;
            };
            if is_label {
                label = Some((cell.text(), head.at));
                continue;
            }
            let slot = self.compiled.slot(&column.id);
            let Some(slot) = slot.filter(|slot| self.compiled.is_needed(*slot) || column.required)
            else {
                continue;
            };
            match self.value(slot, column, cell, row.number, head) {
                Ok(atom) => self.values[slot] = atom,
                Err(_) if column.required => whole = false,
                Err(message) => wrong.push((head.at, message)),
            }
        }
        // A label may stand alone, above the rows that it is about.
        if let (Some(groups), Some((label, at))) = (&layout.groups, label)
            && (whole || row.cells.len() == 1)
        {
            self.label(groups, &label, row.number, at);
        }
        if !whole {
            return false;
        }
        for (at, message) in wrong {
            self.note(NoteKind::Unclear, row.number, at, message);
        }
        self.count(heads, row);
        true
    }

    /// The value of a cell, or why it has none.
    pub(super) fn value(
        &mut self,
        slot: usize,
        column: &LayoutColumn,
        cell: &Cell,
        row: u32,
        head: &Head,
    ) -> Result<Atom, String> {
        if let Some(trouble) = cell.trouble() {
            return Err(trouble);
        }
        if column.number
            && let Some(number) = cell.number()
        {
            return Ok(Atom::of(number));
        }
        let text = cell.text();
        if !column.nothing.is_empty() && column.nothing.contains(&plain(&text)) {
            return Ok(Atom::Missing);
        }
        if column.number {
            return Err(format!("столбец «{}»: «{}» — не число", short(&head.text), short(&text)));
        }
        // What nobody looks at is not kept.
        if !self.compiled.is_needed(slot) {
            return Ok(Atom::Missing);
        }
        Ok(self.text(slot, &text, row, head.at))
    }

    /// Counts a row in.
    pub(super) fn count(&mut self, heads: &Heads, row: SeenRow<'_>) {
        if let Some(announced) = &mut self.announced {
            announced.came += 1;
        }
        let first = row.cells.first().map_or(0, |(at, _)| *at);
        let Some(who) = self.who(row.number, first) else {
            let text = "непонятно, чья это строка: подписи над ней нет";
            return self.note(NoteKind::Unclear, row.number, first, text);
        };
        if self.is_of_another_year(row.number, first)
            || self.is_of_another(who, row.number, first)
            || self.is_skipped(row.number, first)
        {
            return;
        }
        let mut counted = false;
        for target in 0..self.compiled.targets.len() {
            let ready = &self.compiled.targets[target];
            let key = ready.target.key.len();
            match ready.each {
                None => counted |= self.count_in(target, key, who, row.number, first),
                Some(each) => {
                    for head in heads.columns.iter().filter(|head| head.column == each) {
                        counted |= self.count_each(target, key, who, head, row);
                    }
                }
            }
        }
        for border in 0..self.compiled.borders.len() {
            self.tuple.clear();
            let slots = &self.compiled.borders[border];
            self.tuple.extend(slots.iter().map(|slot| self.values[*slot]));
            self.done.borders[border].add(&self.tuple);
        }
        if counted {
            self.done.file.rows += 1;
            self.done.rows[who].0 += 1;
        }
    }

    /// Counts the values of the row for a target; not if nothing says which of its rows they are of.
    pub(super) fn count_in(
        &mut self,
        target: usize,
        key: usize,
        who: usize,
        row: u32,
        column: u32,
    ) -> bool {
        self.tuple.clear();
        self.tuple.push(Atom::Number(who as u64));
        let slots = &self.compiled.targets[target].slots;
        self.tuple.extend(slots.iter().map(|slot| self.values[*slot]));
        let needed = &self.needed_keys[target];
        let missing = (0..key).find(|at| self.tuple[1 + at] == Atom::Missing && needed[*at]);
        if let Some(missing) = missing {
            let value = self.compiled.name_of(slots[missing]);
            let text = format!(
                "нет значения «{value}»: ни в строке, ни над таблицей его не нашлось, и к какой \
                 строке формы отнести эту, неизвестно"
            );
            self.note(NoteKind::Unclear, row, column, text);
            return false;
        }
        self.done.counts[target].add(&self.tuple);
        true
    }

    pub(super) fn count_each(
        &mut self,
        target: usize,
        key: usize,
        who: usize,
        head: &Head,
        row: SeenRow<'_>,
    ) -> bool {
        let found = row.cells.binary_search_by_key(&head.at, |(at, _)| *at);
        let column = &self.compiled.layout.columns[head.column];
        let (Ok(place), Some(slot)) = (found, self.compiled.slot(&column.id)) else { return false };
        let value = self.value(slot, column, &row.cells[place].1, row.number, head);
        let value = value.unwrap_or_else(|message| {
            self.note(NoteKind::Unclear, row.number, head.at, message);
            Atom::Missing
        });
        self.values[slot] = value;
        for (slot, atom) in &head.values {
            self.values[*slot] = *atom;
        }
        self.count_in(target, key, who, row.number, head.at)
    }

    // Whose the row is, and whether it is taken.

    /// Tells if other than the announced number of rows has come.
    pub(super) fn count_off(&mut self) {
        let Some(Announced { rows, at, came }) = self.announced.take() else { return };
        if (rows - came as f64).abs() > 0.5 {
            let text = format!("объявлено строк: {rows}, а есть: {came}");
            let at = At { sheet: &at.sheet, row: at.row, column: at.column };
            self.done.notes.add(NoteKind::Unclear, Some(at), text);
        }
    }
}

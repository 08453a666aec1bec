//! Rows before the data: headings, titles, and what is said of those that are not understood.

use vekha_plugin_tables::{SeenRow, column_letters};
use vekha_roadmap::pattern::{Pattern, plain, tidied};

use super::{Announced, Following};
use crate::atoms::Atom;
use crate::heads::{Head, Heads};
use crate::notes::short;
use crate::understood::{ColumnRead, NoteKind};

impl<'a> Following<'a> {
    /// Makes values of what headings say, once for all rows under them.
    pub(super) fn ready(&mut self, heads: &mut Heads) {
        let row = heads.row;
        for head in &mut heads.columns {
            let column = &self.compiled.layout.columns[head.column];
            let numbers = numbers_of(&column.headings);
            head.values = self.take(&head.captured, &numbers, row, head.at);
            if let Some(below) = &column.below
                && let Some(slot) = self.compiled.slot(&below.id)
            {
                let word = head.below.as_deref();
                let atom = word.map_or(Atom::Missing, |word| self.text(slot, word, row, head.at));
                head.values.push((slot, atom));
            }
        }
    }

    // Rows that stand alone.

    /// Takes what a row says of those that follow. Says whether it says anything.
    pub(super) fn says_something(&mut self, row: SeenRow<'_>) -> bool {
        let above = self.above.as_ref().map(|(_, cells)| cells.as_slice());
        let mut heads = Heads::find(&self.compiled, row.number, row.cells, above);
        // Headings come first: «Предмет» beside «Участников» names columns, not a subject.
        if heads.are_whole(&self.compiled) {
            self.ready(&mut heads);
            self.tell_heads(&heads);
            self.heads = Some(heads);
            self.fresh = true;
            self.above = None;
            return true;
        }
        if self.lines(row) {
            self.above = None;
            return true;
        }
        if self.fresh
            && let Some(mut heads) = self.heads.take()
        {
            let below = heads.take_below(&self.compiled, row.cells);
            let more = !below && heads.extend(&self.compiled, row.number, row.cells);
            if below || more {
                self.ready(&mut heads);
                self.tell_heads(&heads);
            }
            self.heads = Some(heads);
            if below || more {
                return true;
            }
        }
        self.is_label(row)
    }

    /// A row of a label alone: it was taken when the row was looked at as one of figures.
    pub(super) fn is_label(&self, row: SeenRow<'_>) -> bool {
        let Some(groups) = &self.compiled.layout.groups else { return false };
        let Some(heads) = &self.heads else { return false };
        let is = |at: u32| {
            heads.columns.iter().any(|head| {
                head.at == at && self.compiled.layout.columns[head.column].id == groups.column
            })
        };
        !row.cells.is_empty() && row.cells.iter().all(|(at, _)| is(*at))
    }

    pub(super) fn lines(&mut self, row: SeenRow<'_>) -> bool {
        let layout = self.compiled.layout;
        let mut texts: Vec<(u32, String)> = Vec::new();
        for (at, (column, cell)) in row.cells.iter().enumerate() {
            let text = tidied(&cell.text());
            // A name may stand in one cell, and what it names in the next.
            if let Some((_, next)) = row.cells.get(at + 1) {
                texts.push((*column, format!("{text} {}", tidied(&next.text()))));
            }
            texts.push((*column, text));
        }
        let mut any = false;
        for line in &layout.lines {
            let found = line.patterns.iter().find_map(|pattern| {
                let found =
                    |(column, text): &(u32, String)| Some((*column, pattern.matches(text)?));
                Some((pattern, texts.iter().find_map(found)?))
            });
            let Some((pattern, (column, captured))) = found else { continue };
            if line.begins {
                self.count_off();
                self.said.copy_from_slice(&self.nothing);
                self.about = None;
            }
            let numbers = numbers_of(std::slice::from_ref(pattern));
            for (slot, atom) in self.take(&captured, &numbers, row.number, column) {
                self.said[slot] = atom;
                if Some(slot) == self.compiled.announced
                    && let Some(rows) = atom.number()
                {
                    self.count_off();
                    let at = self.met(row.number, column);
                    self.announced = Some(Announced { rows, at, came: 0 });
                }
            }
            any = true;
        }
        any
    }

    pub(super) fn tell_heads(&mut self, heads: &Heads) {
        let sheet = self.sheet.clone().unwrap_or_default();
        for head in &heads.columns {
            let told = ColumnRead {
                sheet: sheet.clone(),
                row: heads.row + 1,
                column: column_letters(head.at),
                heading: head.text.clone(),
                value: self.compiled.layout.columns[head.column].id.clone(),
            };
            let same = |known: &ColumnRead| {
                (&known.sheet, &known.column, &known.heading)
                    == (&told.sheet, &told.column, &told.heading)
            };
            let columns = &self.done.file.columns;
            if !columns.iter().any(same) && columns.len() < 1000 {
                self.done.file.columns.push(told);
            }
        }
        for (_, heading) in &heads.unread {
            if !self.done.file.unread.contains(heading) && self.done.file.unread.len() < 100 {
                self.done.file.unread.push(short(heading));
            }
        }
        for (at, heading) in &heads.twice {
            let text = format!("столбец «{}» здесь второй раз: не прочитан", short(heading));
            self.note(NoteKind::Unclear, heads.row, *at, text);
        }
    }

    /// Tells of a row under headings that is nothing the layout knows.
    pub(super) fn tell_unclear(&mut self, row: SeenRow<'_>) {
        let Some(heads) = &self.heads else { return };
        let columns = &self.compiled.layout.columns;
        let required = |head: &&Head| columns[head.column].required && !columns[head.column].many;
        let trouble = heads.columns.iter().filter(required).find_map(|head| {
            let column = &columns[head.column];
            match row.cells.binary_search_by_key(&head.at, |(at, _)| *at) {
                Err(_) => Some((head.at, format!("в столбце «{}» пусто", head.text))),
                Ok(place) => {
                    let cell = &row.cells[place].1;
                    let text = cell.text();
                    let good = !column.number
                        || cell.number().is_some()
                        || column.nothing.contains(&plain(&text));
                    let why = || {
                        cell.trouble().unwrap_or_else(|| format!("«{}» — не число", short(&text)))
                    };
                    (!good).then(|| (head.at, format!("столбец «{}»: {}", head.text, why())))
                }
            }
        });
        let (at, text) = trouble.unwrap_or_else(|| {
            let first = row.cells.first().map_or(0, |(at, _)| *at);
            (first, "строка не понята".to_owned())
        });
        self.note(NoteKind::Unclear, row.number, at, format!("{text}: строка не взята"));
    }
}

/// The names of the gaps in which numbers stand.
fn numbers_of(patterns: &[Pattern]) -> Vec<&str> {
    let names = patterns.iter().flat_map(Pattern::names);
    names.filter(|(_, number)| *number).map(|(name, _)| name).collect()
}

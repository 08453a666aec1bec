//! A file, row by row, by one layout.

use std::collections::HashMap;

use vekha_plugin_tables::{Cell, SeenRow, column_letters};
use vekha_roadmap::model::{Groups, Layout, LayoutColumn, Required, Target};
use vekha_roadmap::pattern::{Captured, Pattern, plain, tidied};

use crate::Purpose;
use crate::atoms::{Atom, Counts, Texts};
use crate::compiled::Compiled;
use crate::heads::{Head, Heads};
use crate::notes::{At, Notes, short};
use crate::understood::{ColumnRead, FileRead, NoteKind};

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

    fn begin_sheet(&mut self, name: &str) {
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

    fn met(&self, row: u32, column: u32) -> Met {
        Met { sheet: self.sheet.clone().unwrap_or_default(), row, column }
    }

    fn note(&mut self, kind: NoteKind, row: u32, column: u32, text: impl Into<String>) {
        let sheet = self.sheet.as_deref().unwrap_or_default();
        self.done.notes.add(kind, Some(At { sheet, row, column }), text);
    }

    /// A text as a value: in the form's words where they are told.
    fn text(&mut self, slot: usize, text: &str, row: u32, column: u32) -> Atom {
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
    fn take(
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

    /// Takes a row as one under the headings. Says whether it is.
    fn is_data(&mut self, row: SeenRow<'_>) -> bool {
        let Some(heads) = self.heads.take() else { return false };
        let taken = self.data(&heads, row);
        self.heads = Some(heads);
        if taken {
            self.fresh = false;
            self.above = None;
        }
        taken
    }

    fn data(&mut self, heads: &Heads, row: SeenRow<'_>) -> bool {
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
    fn value(
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
    fn count(&mut self, heads: &Heads, row: SeenRow<'_>) {
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
    fn count_in(&mut self, target: usize, key: usize, who: usize, row: u32, column: u32) -> bool {
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

    fn count_each(
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

    fn who(&mut self, row: u32, column: u32) -> Option<usize> {
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

    fn identified(&self, login: Option<&str>, name: Option<&str>) -> Who {
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

    fn somebody(&mut self, who: Who, row: u32, column: u32) -> usize {
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
    fn label(&mut self, groups: &Groups, label: &str, row: u32, column: u32) {
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

    fn labelled(&mut self, groups: &Groups, tidy: &str, row: u32, column: u32) -> Label {
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

    fn is_of_another_year(&mut self, row: u32, column: u32) -> bool {
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

    fn is_of_another(&mut self, who: usize, row: u32, column: u32) -> bool {
        let Who::Organisation(at) = self.done.whos[who] else { return false };
        let code = self.purpose.organisations.code(at);
        if self.purpose.own.is_none_or(|own| own == code) {
            return false;
        }
        self.done.others = true;
        self.note(NoteKind::Left, row, column, "строки другой организации не взяты");
        true
    }

    fn is_skipped(&mut self, row: u32, column: u32) -> bool {
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

    /// Makes values of what headings say, once for all rows under them.
    fn ready(&mut self, heads: &mut Heads) {
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
    fn says_something(&mut self, row: SeenRow<'_>) -> bool {
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
    fn is_label(&self, row: SeenRow<'_>) -> bool {
        let Some(groups) = &self.compiled.layout.groups else { return false };
        let Some(heads) = &self.heads else { return false };
        let is = |at: u32| {
            heads.columns.iter().any(|head| {
                head.at == at && self.compiled.layout.columns[head.column].id == groups.column
            })
        };
        !row.cells.is_empty() && row.cells.iter().all(|(at, _)| is(*at))
    }

    fn lines(&mut self, row: SeenRow<'_>) -> bool {
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

    /// Tells if other than the announced number of rows has come.
    fn count_off(&mut self) {
        let Some(Announced { rows, at, came }) = self.announced.take() else { return };
        if (rows - came as f64).abs() > 0.5 {
            let text = format!("объявлено строк: {rows}, а есть: {came}");
            let at = At { sheet: &at.sheet, row: at.row, column: at.column };
            self.done.notes.add(NoteKind::Unclear, Some(at), text);
        }
    }

    fn tell_heads(&mut self, heads: &Heads) {
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
    fn tell_unclear(&mut self, row: SeenRow<'_>) {
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

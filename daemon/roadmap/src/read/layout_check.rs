//! What no layout can tell alone: whether its values are there, its formulas type, and the form has
//! what it fills.

use std::collections::BTreeMap;

use super::Findings;
use crate::diagnostic::perhaps;
use crate::formula::{Formula, FormulaError, Scope, Type, field_type};
use crate::model::{Field, FieldKind, Form, Layout, RoadMap, Rows, SCORE, Table, Target};
use crate::pattern::Pattern;

/// Stands for names that nobody could read: any name may be among them.
pub(super) const SOME: &str = "?";

/// What does not fit in a layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// Where, below the layout: `table/0/key/subject`.
    at: String,
    /// So many characters into the text that stands there.
    offset: Option<usize>,
    /// What the form lacks: `results/marks_2`.
    lacks: Option<String>,
    /// What is wrong, in Russian.
    pub message: String,
    help: Option<String>,
}

pub(super) fn check(road_map: &RoadMap, findings: &Findings) {
    for layout in road_map.layouts.values() {
        let path = format!("layouts/{}", layout.id);
        let form = road_map.forms.get(&layout.form);
        let stands = findings.stands(&format!("forms/{}", layout.form));
        if form.is_none() && !stands && !layout.form.is_empty() {
            let help = perhaps(&layout.form, road_map.forms.keys());
            let message = format!("формы «{}» нет", layout.form);
            findings.error(&findings.place(&format!("{path}/form")), message, help);
        }
        let mut unread = findings.below(&format!("{path}/unread"));
        if unread.iter().any(|name| name == SOME) {
            unread.extend(named(layout));
        }
        for misfit in misfits_with(layout, form, &unread) {
            let lacked = misfit.lacks.map(|lacks| format!("forms/{}/{lacks}", layout.form));
            // What was read badly is not missing.
            if lacked.is_some_and(|lacked| findings.stands(&lacked)) {
                continue;
            }
            let place = findings.place(&format!("{path}/{}", misfit.at));
            // One character for the opening quote.
            let place = misfit.offset.map_or_else(|| place.clone(), |at| place.further(at + 1));
            findings.error(&place, misfit.message, misfit.help);
        }
    }
}

/// Every name that the layout uses.
fn named(layout: &Layout) -> Vec<String> {
    let by = &layout.organisation;
    let single = [&by.login, &by.name, &layout.year, &layout.announced];
    let mut names: Vec<String> = single.into_iter().flatten().cloned().collect();
    names.extend(layout.words.keys().cloned());
    names.extend(layout.skips.iter().flat_map(|skip| skip.when.names()));
    for border in &layout.borders {
        names.extend(border.when.names());
        names.push(border.of.clone());
        names.extend(border.per.iter().cloned());
    }
    for target in &layout.tables {
        names.extend(target.each.clone());
        names.extend(target.key.iter().map(|(_, value)| value.clone()));
        let measured = target.measures.iter().flat_map(|m| m.when.iter().chain(&m.value));
        names.extend(measured.flat_map(Formula::names));
    }
    names
}

/// What does not fit between a layout and a form, which may be of another version.
pub fn misfits(layout: &Layout, form: &Form) -> Vec<Misfit> {
    misfits_with(layout, Some(form), &[])
}

fn misfits_with(layout: &Layout, form: Option<&Form>, unread: &[String]) -> Vec<Misfit> {
    let mut checking = Checking { layout, unread, found: Vec::new() };
    checking.values();
    checking.formulas();
    for (i, target) in layout.tables.iter().enumerate() {
        checking.target(&format!("table/{i}"), target, form);
    }
    checking.found
}

struct Checking<'a> {
    layout: &'a Layout,
    unread: &'a [String],
    found: Vec<Misfit>,
}

impl Checking<'_> {
    fn tell(&mut self, at: &str, message: String, help: Option<String>) {
        self.found.push(Misfit { at: at.to_owned(), offset: None, lacks: None, message, help });
    }

    fn lacks(&mut self, at: &str, lacks: String, message: String, help: Option<String>) {
        let lacks = Some(lacks);
        self.found.push(Misfit { at: at.to_owned(), offset: None, lacks, message, help });
    }

    fn scope(&self, mut scope: Scope) -> Scope {
        scope.extend(self.unread.iter().map(|name| (name.clone(), Type::Any)));
        scope
    }

    /// That a value is there and is what is wanted of it.
    fn value(&mut self, at: &str, value: &str, each: Option<&str>, wanted: &Type) {
        let scope = self.scope(self.layout.values(each));
        match scope.get(value) {
            None => {
                let help = perhaps(value, scope.keys());
                self.tell(at, format!("значения «{value}» в раскладке нет"), help);
            }
            Some(kind) if *kind != Type::Any && *wanted != Type::Any && kind != wanted => {
                self.tell(at, format!("«{value}» — {kind}, а нужно {wanted}"), None);
            }
            Some(_) => {}
        }
    }

    fn typed(&mut self, at: &str, formula: &Formula, scope: &Scope, wanted: &Type) {
        for FormulaError { message, offset } in
            formula.check_as(scope, wanted).err().into_iter().flatten()
        {
            self.found.push(Misfit { at: at.to_owned(), offset, lacks: None, message, help: None });
        }
    }

    fn values(&mut self) {
        let layout = self.layout;
        let by = &layout.organisation;
        for (key, value) in [("login", &by.login), ("name", &by.name)] {
            if let Some(value) = value {
                self.value(&format!("organisation/{key}"), value, None, &Type::Text);
            }
        }
        for (key, value) in [("year", &layout.year), ("announced", &layout.announced)] {
            if let Some(value) = value {
                self.value(key, value, None, &Type::Number);
            }
        }
        for value in layout.words.keys() {
            let each = layout.columns.iter().find(|column| {
                column.many && column.headings.iter().flat_map(Pattern::names).any(|n| n.0 == value)
            });
            let each = each.map(|column| column.id.as_str());
            self.value(&format!("words/{value}"), value, each, &Type::Text);
        }
        if let Some(groups) = &layout.groups {
            match layout.column(&groups.column) {
                Some(column) if column.number || column.many => {
                    let message = format!("«{}» — не одна подпись строки", groups.column);
                    self.tell("groups/column", message, None);
                }
                Some(_) => {}
                None if self.unread.contains(&groups.column) || groups.column.is_empty() => {}
                None => {
                    let help = perhaps(&groups.column, layout.columns.iter().map(|c| &c.id));
                    let message = format!("столбца «{}» в раскладке нет", groups.column);
                    self.tell("groups/column", message, help);
                }
            }
        }
        let unread = self.unread.iter().any(|name| name == SOME);
        let required = unread || layout.columns.iter().any(|column| column.required);
        if !required && !layout.columns.is_empty() {
            let message = "ни один столбец не обязателен: заголовков не узнать".to_owned();
            self.tell(&format!("column/{}", layout.columns[0].id), message, None);
        }
        self.one_kind_each();
    }

    /// A value of one name is of one kind, wherever it comes from.
    fn one_kind_each(&mut self) {
        let layout = self.layout;
        let mut kinds: BTreeMap<&str, bool> = BTreeMap::new();
        let lines = layout.lines.iter().flat_map(|line| &line.patterns);
        let groups = layout.groups.iter().flat_map(|groups| &groups.organisations);
        for (name, number) in lines.chain(groups).flat_map(Pattern::names) {
            if kinds.insert(name, number).is_some_and(|known| known != number) {
                self.tell("", format!("«{name}» — то число, то слова"), None);
            }
        }
        for column in &layout.columns {
            let gaps = column.headings.iter().flat_map(Pattern::names);
            for (name, number) in gaps.chain([(column.id.as_str(), column.number)]) {
                if kinds.insert(name, number).is_some_and(|known| known != number) {
                    let message = format!("«{name}» — то число, то слова");
                    self.tell(&format!("column/{}", column.id), message, None);
                }
            }
        }
    }

    fn formulas(&mut self) {
        let layout = self.layout;
        let scope = self.scope(layout.values(None));
        for (i, skip) in layout.skips.iter().enumerate() {
            self.typed(&format!("skip/{i}/when"), &skip.when, &scope, &Type::Bool);
        }
        for (i, border) in layout.borders.iter().enumerate() {
            self.value(&format!("border/{i}/of"), &border.of, None, &Type::Number);
            self.typed(&format!("border/{i}/when"), &border.when, &scope, &Type::Bool);
            for value in &border.per {
                self.value(&format!("border/{i}/per"), value, None, &Type::Any);
            }
        }
    }

    fn target(&mut self, at: &str, target: &Target, form: Option<&Form>) {
        let layout = self.layout;
        if let Some(each) = &target.each
            && !layout.column(each).is_some_and(|column| column.many)
            && !self.unread.contains(each)
        {
            let many = layout.columns.iter().filter(|column| column.many);
            let help = perhaps(each, many.map(|column| &column.id));
            let message = format!("столбца «{each}» с many = true в раскладке нет");
            self.tell(&format!("{at}/each"), message, help);
            return;
        }
        let each = target.each.as_deref();
        let scope = self.scope(layout.measured(each));
        for (i, measure) in target.measures.iter().enumerate() {
            let at = format!("{at}/column/{i}");
            if let Some(when) = &measure.when {
                self.typed(&format!("{at}/when"), when, &scope, &Type::Bool);
            }
            if let Some(value) = &measure.value {
                self.typed(&format!("{at}/value"), value, &scope, &Type::Number);
            }
        }
        let fields = form.map(|form| self.fields(at, target, form));
        for (column, value) in &target.key {
            let key = format!("{at}/key/{column}");
            let histogram = form.and_then(|form| form.field(&target.field));
            if histogram.is_some_and(|f| matches!(f.kind, FieldKind::Histogram(_))) {
                self.value(&key, value, each, &Type::Number);
                continue;
            }
            let field = match &fields {
                None => None,
                Some(None) => continue,
                Some(Some(fields)) => match self.field(&key, target, column, fields) {
                    None => continue,
                    field => field,
                },
            };
            let wanted = field.map_or(Type::Any, field_type);
            self.value(&key, value, each, &wanted);
            if let (Some(field), Some(words)) = (field, layout.words.get(value)) {
                self.options(value, words, field);
            }
        }
        let Some(Some(fields)) = fields else { return };
        for (i, measure) in target.measures.iter().enumerate() {
            let at = format!("{at}/column/{i}/id");
            let Some(field) = self.field(&at, target, &measure.id, fields) else { continue };
            let counts = matches!(field.kind, FieldKind::Histogram(_));
            if field_type(field) != Type::Number && !counts {
                let message = format!("«{}» в форме — не число", measure.id);
                self.tell(&at, message, None);
            }
            if target.key.iter().any(|(column, _)| *column == measure.id) {
                self.tell(&at, format!("«{}» уже в key", measure.id), None);
            }
        }
    }

    /// The columns of what is filled; none if that cannot be filled.
    fn fields<'f>(&mut self, at: &str, target: &Target, form: &'f Form) -> Option<&'f [Field]> {
        if target.field.is_empty() {
            return None;
        }
        let at = format!("{at}/field");
        let Some(field) = form.field(&target.field) else {
            let help = perhaps(&target.field, form.fields.iter().map(|field| &field.id));
            let message = format!("поля «{}» в форме «{}» нет", target.field, form.id);
            self.lacks(&at, target.field.clone(), message, help);
            return None;
        };
        match &field.kind {
            FieldKind::Table(_) if target.key.is_empty() => {
                let message = "какие строки? назовите key".to_owned();
                self.tell(&at, message, None);
                None
            }
            FieldKind::Table(Table { rows: Rows::Fixed(_), .. }) => {
                let message = format!("«{}»: строки этой таблицы заданы формой", target.field);
                self.tell(&at, message, None);
                None
            }
            FieldKind::Table(_) => target.fields(form),
            FieldKind::Histogram(_) => {
                if !matches!(target.key.as_slice(), [(column, _)] if column == SCORE) {
                    let message = format!(
                        "«{}»: скажите, какое значение — балл: key = {{ {SCORE} = \"…\" }}",
                        target.field
                    );
                    self.tell(&at, message, None);
                    return None;
                }
                target.fields(form)
            }
            _ if field_type(field) == Type::Number && target.key.is_empty() => target.fields(form),
            _ => {
                let message =
                    format!("«{}»: раскладка заполняет таблицы и отдельные числа", target.field);
                self.tell(&at, message, None);
                None
            }
        }
    }

    fn field<'f>(
        &mut self,
        at: &str,
        target: &Target,
        column: &str,
        fields: &'f [Field],
    ) -> Option<&'f Field> {
        let found = fields.iter().find(|field| field.id == column);
        if found.is_none() {
            let help = perhaps(column, fields.iter().map(|field| &field.id));
            let message = format!("столбца «{column}» у «{}» в форме нет", target.field);
            self.lacks(at, format!("{}/{column}", target.field), message, help);
        }
        found
    }

    /// That words are translated into options that are there.
    fn options(&mut self, value: &str, words: &BTreeMap<String, String>, field: &Field) {
        let FieldKind::Choice(options) = &field.kind else { return };
        for (word, option) in words {
            if !options.iter().any(|known| known.value == *option) {
                let help = perhaps(option, options.iter().map(|known| &known.value));
                let message = format!("варианта «{option}» у «{}» в форме нет", field.id);
                self.tell(&format!("words/{value}/{word}"), message, help);
            }
        }
    }
}

//! What several files say together, organisation by organisation.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value as Json};
use vekha_plugin_tables::Values;
use vekha_roadmap::answers::single;
use vekha_roadmap::model::{Field, FieldKind, Layout, SCORE, Scores, Target};
use vekha_roadmap::pattern::plain;

use crate::Purpose;
use crate::atoms::number;
use crate::counting::{Borders, Counted, Known, borders, figures, said};
use crate::following::{Followed, Who};
use crate::notes::At;
use crate::understood::{Beside, NoteKind, OrganisationRead, Understood};

/// A row of the form: its columns, and which file said each.
type Row = BTreeMap<String, (Json, usize)>;

/// Whose answers: an organisation's, or those of a level under its label.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Whose {
    Organisation(String),
    Level(String, String),
}

pub fn merge(purpose: Purpose<'_>, mut files: Vec<Followed<'_>>) -> Understood {
    let borders = borders(&files);
    let own = own_strangers(purpose, &files);
    // Who counted most himself is believed first.
    files.sort_by_key(|file| {
        let tables = file.compiled.iter().flat_map(|compiled| &compiled.layout.tables);
        usize::MAX - tables.map(|target| target.measures.len()).sum::<usize>()
    });
    let mut merging =
        Merging { purpose, borders, own, answers: BTreeMap::new(), rows: BTreeMap::new() };
    let names: BTreeMap<usize, String> =
        files.iter().map(|file| (file.at, file.file.name.clone())).collect();
    for file in &mut files {
        merging.file(file, &names);
    }
    files.sort_by_key(|file| file.at);
    let mut understood = merging.end();
    for file in files {
        understood.files.push(file.file);
        understood.notes.extend(file.notes.end());
    }
    understood
}

/// Whether rows of somebody unknown are the organisation's whose own files these are: they are if no
/// file names it, and only one is unknown.
fn own_strangers(purpose: Purpose<'_>, files: &[Followed<'_>]) -> bool {
    if purpose.own.is_none() {
        return false;
    }
    if files.iter().any(|file| file.others) {
        return false;
    }
    let mut strangers: Vec<String> = Vec::new();
    for (who, (rows, _)) in files.iter().flat_map(|file| file.whos.iter().zip(&file.rows)) {
        match who {
            Who::Organisation(_) if *rows > 0 => return false,
            Who::Stranger(label) if *rows > 0 && !strangers.contains(&plain(label)) => {
                strangers.push(plain(label));
            }
            _ => {}
        }
    }
    strangers.len() <= 1
}

struct Merging<'a> {
    purpose: Purpose<'a>,
    borders: Borders,
    own: bool,
    /// By whom, field and key.
    answers: BTreeMap<(Whose, String), BTreeMap<Vec<String>, Row>>,
    rows: BTreeMap<String, u64>,
}

impl Merging<'_> {
    fn file(&mut self, file: &mut Followed<'_>, names: &BTreeMap<usize, String>) {
        let Some(layout) = file.compiled.as_ref().map(|compiled| compiled.layout) else { return };
        let whose = self.whose(file, layout);
        for (at, target) in layout.tables.iter().enumerate() {
            let Some(fields) = target.fields(self.purpose.form) else { continue };
            for counted in figures(file, at, &self.borders) {
                let Some(whose) = whose[counted.who].clone() else { continue };
                let bounded = matches!(whose, Whose::Organisation(_));
                let row = self.answered(file, target, fields, &counted, bounded);
                let Some(row) = row else { continue };
                self.tell_borders(file, layout, target, &counted);
                self.join(file, whose, target, row, names);
            }
        }
    }

    /// Whose answers each of the file's counts is; what is nobody's is told.
    fn whose(&mut self, file: &mut Followed<'_>, layout: &Layout) -> Vec<Option<Whose>> {
        let mut whose = Vec::new();
        for (who, (rows, met)) in file.whos.iter().zip(&file.rows) {
            let at = Some(At { sheet: &met.sheet, row: met.row, column: met.column });
            let own = || Some(Whose::Organisation(self.purpose.own?.to_owned()));
            let found = match who {
                Who::Organisation(at) => {
                    Some(Whose::Organisation(self.purpose.organisations.code(*at).to_owned()))
                }
                Who::Level(level, label) => {
                    let groups = layout.groups.as_ref();
                    let name = groups.map(|groups| groups.levels[*level].name.clone());
                    Some(Whose::Level(name.unwrap_or_default(), label.clone()))
                }
                Who::Unnamed if self.purpose.own.is_some() => own(),
                Who::Stranger(label) if self.own && *rows > 0 => {
                    let text = format!(
                        "«{label}» в реестре нет; строки приняты за ваши — проверьте, ваш ли это файл"
                    );
                    file.notes.add_rows(NoteKind::Told, at, text, *rows);
                    own()
                }
                Who::Stranger(label) => {
                    if *rows > 0 {
                        let text = format!(
                            "«{label}» — такой организации в реестре нет: впишите логин или \
                             название в organisations.toml (logins, other-names)"
                        );
                        file.notes.add_rows(NoteKind::Unclear, at, text, *rows);
                    }
                    None
                }
                Who::Unnamed => {
                    let text = "чьи это строки, в файле не сказано";
                    file.notes.add_rows(NoteKind::Unclear, at, text, *rows);
                    None
                }
            };
            if found.is_none() {
                file.file.rows -= rows;
            }
            if let Some(Whose::Organisation(code)) = &found {
                *self.rows.entry(code.clone()).or_default() += rows;
            }
            whose.push(found);
        }
        whose
    }

    /// Tells of borders that were not found, once for each work.
    fn tell_borders(
        &self,
        file: &mut Followed<'_>,
        layout: &Layout,
        target: &Target,
        counted: &Counted,
    ) {
        let mut troubles = Vec::new();
        let mut work = Vec::new();
        for at in &counted.unknown {
            let border = &layout.borders[*at];
            let key = target.key.iter().zip(&counted.key);
            let named = key.filter(|((_, value), _)| border.per.contains(value));
            work = named.map(|(_, atom)| shown(&atom.json(&file.texts))).collect();
            // The key may name the values in another order than the border does.
            let said = border.per.iter().map(|value| {
                let place = target.key.iter().position(|(_, known)| known == value);
                place.map(|at| said(counted.key[at], &file.texts)).unwrap_or_default()
            });
            let known = self.borders.get(&(layout.id.clone(), *at, said.collect()));
            let why = match known {
                Some(Known::Between(below, above)) => {
                    format!("до неё есть {below}, с неё — {above}, между ними никого")
                }
                Some(Known::Crossed(below, above)) => {
                    format!("до неё есть {below}, а с неё — уже {above}: одно противоречит другому")
                }
                _ => "по одну сторону никого".to_owned(),
            };
            troubles.push(format!("{} ({why})", border.title));
        }
        if !troubles.is_empty() {
            let text = format!(
                "{}: границы не видны — {}; поля о них не заполнены",
                work.join(", "),
                troubles.join(", ")
            );
            file.notes.once(NoteKind::Told, None, text);
        }
    }

    /// A row as the form takes it; none if its key is nothing that the form has. Figures of a region
    /// are not `bounded` by what one organisation may answer.
    fn answered(
        &self,
        file: &mut Followed<'_>,
        target: &Target,
        fields: &[Field],
        counted: &Counted,
        bounded: bool,
    ) -> Option<Row> {
        // A row of which nothing is known is none.
        if counted.figures.iter().all(Option::is_none) {
            return None;
        }
        let mut row = Row::new();
        if let [Field { kind: FieldKind::Histogram(scores), label, .. }] = fields {
            let score = counted.key.first()?.json(&file.texts);
            if score.is_null() {
                return None;
            }
            if position(*scores, &score).is_none() {
                let text = format!(
                    "«{label}»: балл {} — не от {} до {}; не сосчитан",
                    shown(&score),
                    scores.from,
                    scores.to
                );
                file.notes.once(NoteKind::Unclear, None, text);
                return None;
            }
            row.insert(SCORE.to_owned(), (score, file.at));
        }
        let columns = target.key.iter().zip(&counted.key).filter(|_| row.is_empty());
        for ((column, value), atom) in columns.collect::<Vec<_>>() {
            let field = fields.iter().find(|field| field.id == *column)?;
            let json = atom.json(&file.texts);
            if json.is_null() {
                continue;
            }
            let Some(json) = taken(field, &json) else {
                let met = match atom {
                    crate::atoms::Atom::Text(at) => file.met.get(*at as usize).cloned(),
                    _ => None,
                };
                let at = met.as_ref().map(|m| At { sheet: &m.sheet, row: m.row, column: m.column });
                let text = format!(
                    "«{}» в форме нет среди вариантов «{}»: впишите в раскладку, что это, \
                     под [words.{value}]",
                    shown(&json),
                    field.label
                );
                file.notes.once(NoteKind::Unclear, at, text);
                return None;
            };
            // What the form would refuse when it is sent is told here, where it can still be mended.
            if let Err(message) = single(field, &json) {
                let text =
                    format!("{}: {} — {message}; строка не взята", field.label, shown(&json));
                file.notes.once(NoteKind::Unclear, None, text);
                return None;
            }
            row.insert(column.clone(), (json, file.at));
        }
        for (measure, figure) in target.measures.iter().zip(&counted.figures) {
            let Some(figure) = figure else { continue };
            let field = fields.iter().find(|field| field.id == measure.id)?;
            let json = number(*figure);
            let held = bounded && !matches!(field.kind, FieldKind::Histogram(_));
            if let (true, Err(message)) = (held, single(field, &json)) {
                let text = format!("{}: {} — {message}; не заполнено", field.label, shown(&json));
                file.notes.once(NoteKind::Unclear, None, text);
                continue;
            }
            row.insert(measure.id.clone(), (json, file.at));
        }
        Some(row)
    }

    /// Joins a row with what other files said of the same: what was said first stays.
    fn join(
        &mut self,
        file: &mut Followed<'_>,
        whose: Whose,
        target: &Target,
        row: Row,
        names: &BTreeMap<usize, String>,
    ) {
        let key: Vec<String> = target
            .key
            .iter()
            .map(|(column, _)| row.get(column).map(|(json, _)| sortable(json)).unwrap_or_default())
            .collect();
        let rows = self.answers.entry((whose.clone(), target.field.clone())).or_default();
        let Some(known) = rows.get_mut(&key) else {
            rows.insert(key, row);
            return;
        };
        let mut other: HashMap<usize, Vec<String>> = HashMap::new();
        for (column, (json, at)) in row {
            match known.get(&column) {
                None => drop(known.insert(column, (json, at))),
                Some((said, from)) if *said != json && *from != at => {
                    let text = format!("{column}: {} и {}", shown(said), shown(&json));
                    other.entry(*from).or_default().push(text);
                }
                Some(_) => {}
            }
        }
        for (from, differ) in other {
            let name = names.get(&from).map_or("", String::as_str);
            let about = match &whose {
                Whose::Organisation(code) => code.clone(),
                Whose::Level(_, label) => label.clone(),
            };
            let text = format!(
                "{about}: в файле «{name}» о том же сказано другое ({}): взято оттуда",
                differ.join("; ")
            );
            file.notes.add(NoteKind::Told, None, text);
        }
    }

    fn end(self) -> Understood {
        let mut understood = Understood::default();
        let mut levels: BTreeMap<(String, String), Values> = BTreeMap::new();
        for ((whose, field), rows) in self.answers {
            let answer = self.purpose.form.field(&field).map(|field| &field.kind);
            let mut rows = rows.into_values().map(|row| {
                row.into_iter().map(|(column, (json, _))| (column, json)).collect::<Map<_, _>>()
            });
            let json = match answer {
                Some(FieldKind::Table(_)) => Json::Array(rows.map(Json::Object).collect()),
                Some(FieldKind::Histogram(scores)) => {
                    let mut counts = vec![Json::from(0); scores.count()];
                    for mut row in rows {
                        let place = row.get(SCORE).and_then(|score| position(*scores, score));
                        if let (Some(place), Some(count)) = (place, row.remove(&field)) {
                            counts[place] = count;
                        }
                    }
                    Json::Array(counts)
                }
                _ => match rows.next().and_then(|mut row| row.remove(&field)) {
                    Some(json) => json,
                    None => continue,
                },
            };
            match whose {
                Whose::Organisation(code) => {
                    let read: &mut OrganisationRead =
                        understood.organisations.entry(code.clone()).or_default();
                    read.rows = self.rows.get(&code).copied().unwrap_or_default();
                    read.answers.insert(field, json);
                }
                Whose::Level(level, label) => {
                    levels.entry((level, label)).or_default().insert(field, json);
                }
            }
        }
        let beside = |((level, label), answers)| Beside { level, label, answers };
        understood.beside = levels.into_iter().map(beside).collect();
        understood
    }
}

/// The place of a score in a histogram.
fn position(scores: Scores, score: &Json) -> Option<usize> {
    let score = score.as_f64().filter(|score| score.fract() == 0.0)? as i64;
    let place = usize::try_from(score - scores.from).ok()?;
    (place < scores.count()).then_some(place)
}

/// A key as the form's column takes it.
fn taken(field: &Field, json: &Json) -> Option<Json> {
    let FieldKind::Choice(options) = &field.kind else { return Some(json.clone()) };
    let text = plain(&shown(json));
    let found = options.iter().find(|o| plain(&o.value) == text || plain(&o.label) == text);
    found.map(|option| Json::from(option.value.clone()))
}

fn shown(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        Json::Null => String::new(),
        other => other.to_string().replace('.', ","),
    }
}

/// A key in the order in which people count: 5 before 10.
fn sortable(json: &Json) -> String {
    match json.as_f64() {
        Some(number) => format!("{number:020.6}"),
        None => {
            let text = shown(json);
            // Tasks are numbered: 2 and 9.1 before 10.
            let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            format!("{:0>8}{}", &text[..digits], &text[digits..])
        }
    }
}

//! What two versions of a road map differ in, in words: «Срок сбора: 10 → 12 рабочих дней».

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use toml_edit::{Document, Item, TableLike};
use vekha_engine::LetterKind;
use vekha_roadmap::RoadMap;
use vekha_roadmap::read::{Files, REGISTRY, THRESHOLDS, read_organisations};

use super::fields::{self, Field};
use super::kind::Kind;
use super::place::{Parsed, Way};
use crate::glossary;
use crate::registry::changes::{Changed, changes};

/// Most lines of a text that are shown of each side.
const MOST_LINES: usize = 12;

/// A version: its files, and what they say if they can be read.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// The files.
    pub files: &'a Files,
    /// What they say.
    pub map: &'a RoadMap,
}

/// What differs in one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The thing: «29. Школы с низкими результатами».
    pub of: String,
    /// What of it.
    pub lines: Vec<Line>,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// What: «Сбор сведений: срок сбора».
    pub what: String,
    /// What it was and what it becomes: «10 → 12 рабочих дней».
    pub how: String,
}

/// All that differs, thing by thing.
pub fn differences(was: Side<'_>, becomes: Side<'_>) -> Vec<Difference> {
    let paths: BTreeSet<&String> = was.files.0.keys().chain(becomes.files.0.keys()).collect();
    let mut all: Vec<(String, Difference)> = Vec::new();
    for path in paths {
        let texts = (was.files.0.get(path), becomes.files.0.get(path));
        if texts.0 == texts.1 {
            continue;
        }
        let lines = match texts {
            (Some(_), None) => vec![line("файл", "удалён")],
            (None, Some(_)) => vec![line("файл", "добавлен")],
            (Some(before), Some(after)) if path == REGISTRY => registry(before, after),
            (Some(before), Some(after)) if path.ends_with(".toml") => {
                document(path, (was, before), (becomes, after))
            }
            (Some(before), Some(after)) => vec![text(before, after)],
            (None, None) => continue,
        };
        let of = name(path, if texts.1.is_some() { becomes } else { was });
        all.push((path.clone(), Difference { of, lines }));
    }
    all.into_iter().map(|(_, difference)| difference).collect()
}

fn line(what: impl Into<String>, how: impl Into<String>) -> Line {
    Line { what: what.into(), how: how.into() }
}

/// What a file is about.
pub fn name(path: &str, side: Side<'_>) -> String {
    let (folder, rest) = path.split_once('/').unwrap_or(("", path));
    let stem = rest.strip_suffix(".toml").unwrap_or(rest);
    let map = side.map;
    match folder {
        "activities" => {
            let id = stem.split_once('-').map_or(stem, |(_, id)| id);
            let activity = map.activity(id);
            activity.map_or(path.to_owned(), |a| format!("{}. {}", a.number, a.short))
        }
        "forms" => {
            map.forms.get(stem).map_or(path.to_owned(), |form| format!("Форма «{}»", form.title))
        }
        "analyses" => {
            map.analyses.get(stem).map_or(path.to_owned(), |a| format!("Анализ «{}»", a.title))
        }
        "layouts" => format!("Раскладка выгрузки {stem}"),
        "evidence" => map.evidence.get(stem).map_or(path.to_owned(), |method| {
            format!("Методика «{}» с {} года", method.title, method.from)
        }),
        "letters" => letter_name(rest),
        "reports" => format!("Отчёт {rest}"),
        "decisions" => format!("Текст решения {rest}"),
        _ => match path {
            "municipality.toml" => "Муниципалитет".to_owned(),
            "calendar.toml" => "Производственный календарь".to_owned(),
            THRESHOLDS => "Общие пороги".to_owned(),
            REGISTRY => "Организации".to_owned(),
            other => other.to_owned(),
        },
    }
}

/// «Письмо «напоминание»: тема»
fn letter_name(rest: &str) -> String {
    let (kind, part) = rest.split_once('/').unwrap_or(("", rest));
    let words = letter_words(kind);
    match part {
        "subject.txt" => format!("Письмо «{words}»: тема"),
        "body.txt" => format!("Письмо «{words}»: текст"),
        "body.html" => format!("Письмо «{words}»: вид в почте"),
        other if kind.is_empty() => format!("Общая обёртка писем, {other}"),
        other => format!("Письмо «{words}»: {other}"),
    }
}

/// What a letter's folder is about.
pub fn letter_words(folder: &str) -> String {
    // Folders are called as the kinds are.
    let kind = serde_json::from_value::<LetterKind>(folder.into()).ok();
    match (kind, folder) {
        (Some(kind), _) => glossary::letter(kind).to_owned(),
        (None, "digest") => "несколько писем в одном".to_owned(),
        (None, other) => other.to_owned(),
    }
}

/// «10 → 12 рабочих дней»
pub fn arrow(was: &str, becomes: &str) -> String {
    if let (Some((n, unit)), Some((_, other))) = (was.split_once(' '), becomes.split_once(' '))
        && unit == other
        && n.bytes().all(|b| b.is_ascii_digit())
    {
        return format!("{n} → {becomes}");
    }
    let shown = |text: &str| if text.is_empty() { "нет".to_owned() } else { text.to_owned() };
    format!("{} → {}", shown(was), shown(becomes))
}

/// What differs in a file of values.
fn document(path: &str, was: (Side<'_>, &str), becomes: (Side<'_>, &str)) -> Vec<Line> {
    let (Some(before), Some(after)) = (leaves(was.1), leaves(becomes.1)) else {
        return vec![text(was.1, becomes.1)];
    };
    let fields = |side: Side<'_>| -> BTreeMap<String, Field> {
        let of = side.map.activities.iter().find(|a| fields::file_of(a, side.files) == path);
        let all = of.map(|a| fields::of_activity(side.map, side.files, &a.id)).unwrap_or_default();
        all.into_iter().filter(|f| f.file == path).map(|f| (f.name.clone(), f)).collect()
    };
    let known = (fields(was.0), fields(becomes.0));
    let mut lines = Vec::new();
    let keys: Vec<&String> = {
        // In the order of the file, what is gone last.
        let new = after.iter().map(|(key, _)| key);
        let gone = before.iter().map(|(key, _)| key);
        let gone = gone.filter(|key| !after.iter().any(|(other, _)| other == *key));
        new.chain(gone).collect()
    };
    let at = |leaves: &[(String, String)], key: &str| {
        leaves.iter().find(|(other, _)| other == key).map(|(_, value)| value.clone())
    };
    let tables = |leaves: &[(String, String)]| -> BTreeSet<String> {
        leaves.iter().filter_map(|(key, _)| table_of(key)).collect()
    };
    let (old_tables, new_tables) = (tables(&before), tables(&after));
    let mut told: BTreeSet<String> = BTreeSet::new();
    for key in keys {
        let (a, b) = (at(&before, key), at(&after, key));
        if a == b {
            continue;
        }
        // A whole table that came or went is one difference.
        if let Some(table) = table_of(key) {
            let how = match (old_tables.contains(&table), new_tables.contains(&table)) {
                (true, false) => Some("удалено"),
                (false, true) => Some("добавлено"),
                _ => None,
            };
            if let Some(how) = how {
                if told.insert(table.clone()) {
                    lines.push(line(table_words(&table), how));
                }
                continue;
            }
        }
        let field = (known.0.get(key), known.1.get(key));
        let (what, how) = match field.1.or(field.0) {
            Some(any) => {
                let words = |field: Option<&Field>, side: Side<'_>| {
                    field.map_or("нет".to_owned(), |f| f.kind.words(&f.said, Some(side.map)))
                };
                let (a, b) = (words(field.0, was.0), words(field.1, becomes.0));
                (format!("{}: {}", any.group, lower_first(&any.label)), arrow(&a, &b))
            }
            None => {
                let side = if b.is_some() { becomes.1 } else { was.1 };
                let (a, b) = (a.unwrap_or_default(), b.unwrap_or_default());
                (meaning(path, key, side), short(&a, &b))
            }
        };
        lines.push(line(what, how));
    }
    if lines.is_empty() {
        lines.push(line("примечания и порядок", "изменены, значения прежние"));
    }
    lines
}

fn lower_first(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| first.to_lowercase().chain(rest).collect())
}

/// A threshold is called by its comment; other keys are called as they are.
fn meaning(path: &str, key: &str, text: &str) -> String {
    let way = match key.strip_prefix("thresholds.") {
        Some(name) => Way::of(&["thresholds", name]),
        None if path == THRESHOLDS => Way::of(&[key]),
        None => return key.to_owned(),
    };
    let parsed = Parsed::of(text).ok();
    let comment = parsed.as_ref().and_then(|parsed| parsed.comment(&way));
    comment.map_or_else(|| key.to_owned(), |words| format!("порог: {words}"))
}

/// Two values as they are written; of long ones what differs.
fn short(was: &str, becomes: &str) -> String {
    if was.chars().count() + becomes.chars().count() <= 160 {
        let plain = |text: &str| match text.parse::<toml_edit::Value>() {
            Ok(value) if value.is_integer() || value.is_float() => Kind::Number.said(Some(&value)),
            Ok(value) => value.as_str().map_or_else(|| text.to_owned(), str::to_owned),
            Err(_) => text.to_owned(),
        };
        return arrow(&plain(was), &plain(becomes));
    }
    let Line { how, .. } = text(was, becomes);
    how
}

/// The table of a list in which a key stands: `stage.collect` of `stage.collect.due`.
fn table_of(key: &str) -> Option<String> {
    key.contains('.').then(|| key.rsplit_once('.').map(|(table, _)| table.to_owned())).flatten()
}

/// «этап decide», «вопрос pupils»
fn table_words(table: &str) -> String {
    let (list, rest) = table.split_once('.').unwrap_or((table, ""));
    let what = match list {
        "stage" => "этап",
        "field" => "вопрос",
        "rule" => "правило",
        "indicator" => "показатель",
        "rows" => "набор строк",
        "section" => "раздел",
        "year" => "год",
        other => other,
    };
    format!("{what} {rest}").trim_end().to_owned()
}

/// Every value of a file with the way to it; tables of lists go by their ids.
fn leaves(text: &str) -> Option<Vec<(String, String)>> {
    let document = Document::parse(text).ok()?;
    let mut all = Vec::new();
    walk("", document.as_table(), &mut all);
    Some(all)
}

fn walk(above: &str, table: &dyn TableLike, all: &mut Vec<(String, String)>) {
    for (key, item) in table.iter() {
        let path = if above.is_empty() { key.to_owned() } else { format!("{above}.{key}") };
        match item {
            Item::Value(value) => {
                let mut value = value.clone();
                value.decor_mut().clear();
                all.push((path, value.to_string()));
            }
            Item::Table(table) => walk(&path, table, all),
            Item::ArrayOfTables(tables) => {
                let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
                for (number, table) in tables.iter().enumerate() {
                    let text = |key: &str| table.get(key).and_then(Item::as_str).map(str::to_owned);
                    // A stage without an id is called by its kind, as everywhere.
                    let kind = text("kind").filter(|_| key == "stage").map(|kind| {
                        let count = kinds.entry(kind.clone()).or_default();
                        *count += 1;
                        if *count == 1 { kind } else { format!("{kind}-{count}") }
                    });
                    let id = text("id").or(text("code")).or(kind);
                    let id = id.unwrap_or_else(|| (number + 1).to_string());
                    walk(&format!("{path}.{id}"), table, all);
                }
            }
            Item::None => {}
        }
    }
}

/// What differs in a text: the lines between what is the same at its beginning and at its end.
fn text(was: &str, becomes: &str) -> Line {
    let (before, after): (Vec<&str>, Vec<&str>) =
        (was.lines().collect(), becomes.lines().collect());
    let same = before.iter().zip(&after).take_while(|(a, b)| a == b).count();
    let rest = before.len().min(after.len()) - same;
    let tail = before.iter().rev().zip(after.iter().rev()).take(rest);
    let tail = tail.take_while(|(a, b)| a == b).count();
    let part = |lines: &[&str]| {
        let middle = &lines[same..lines.len() - tail];
        let more = middle.len().saturating_sub(MOST_LINES);
        let mut shown: Vec<String> =
            middle.iter().take(MOST_LINES).map(|line| line.trim_end().to_owned()).collect();
        if more > 0 {
            shown.push(format!("… и ещё строк: {more}"));
        }
        shown.join("\n")
    };
    let (old, new) = (part(&before), part(&after));
    let what = format!("со строки {}", same + 1);
    let how = match (old.is_empty(), new.is_empty()) {
        (true, true) => "изменены концы строк".to_owned(),
        (true, false) => format!("добавлено: {new}"),
        (false, true) => format!("убрано: {old}"),
        (false, false) => arrow(&old, &new),
    };
    line(what, how)
}

/// What differs in the registry.
fn registry(was: &str, becomes: &str) -> Vec<Line> {
    let read = |text: &str| {
        let files = Files([(REGISTRY.to_owned(), text.to_owned())].into());
        read_organisations(&files).ok()
    };
    let (Some(before), Some(after)) = (read(was), read(becomes)) else {
        return vec![text(was, becomes)];
    };
    let all = changes(&before, &after);
    let fields = |one: &Changed| -> Vec<Line> {
        let field = |change: &crate::registry::changes::FieldChange| {
            let person = match change.person.as_str() {
                "" => String::new(),
                person => format!(", {person}"),
            };
            let what = format!("{}{person}: {}", one.short, change.field.to_lowercase());
            line(what, arrow(&change.was, &change.becomes))
        };
        one.fields.iter().map(field).collect()
    };
    let mut lines: Vec<Line> = all
        .added
        .iter()
        .map(|one| line(format!("{} ({})", one.short, one.code), "добавлено"))
        .collect();
    lines.extend(all.changed.iter().flat_map(fields));
    let closed = all.closed.iter();
    lines.extend(closed.map(|one| line(one.short.clone(), format!("закрыта с {}", one.from))));
    let name = |code: &String| {
        before.iter().find(|o| o.code == *code).map_or(code.clone(), |o| o.short.clone())
    };
    lines.extend(
        all.absent.iter().map(|code| line(format!("{} ({code})", name(code)), "убрана из реестра")),
    );
    if lines.is_empty() {
        lines.push(line("примечания и порядок", "изменены, значения прежние"));
    }
    lines
}

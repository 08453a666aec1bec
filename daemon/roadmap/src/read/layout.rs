//! One layout: how another system's file is read into a form.

use std::collections::{BTreeMap, BTreeSet};

use super::layout_check::SOME;
use super::table::{Place, Table, name};
use crate::model::{
    Below, Border, Given, Groups, Layout, LayoutColumn, Line, Measure, Named, Recognition, Skip,
    Take, Target,
};
use crate::pattern::{Pattern, plain};

pub(super) fn read(id: &str, table: &Table<'_>) -> Layout {
    let path = format!("layouts/{id}");
    let keep = |key: &'static str| table.findings().keep(format!("{path}/{key}"), table.at(key));
    ["form", "year", "announced", "organisation"].into_iter().for_each(keep);
    let title = table.text("title");
    let about = table.optional("about");
    let form = table.text("form");
    let sheets = patterns(table, "sheets");
    let year = table.text_or("year", None);
    let announced = table.text_or("announced", None);
    let organisation = recognition(table, &path);
    let always = table.table("always").map(|always| self::always(&always)).unwrap_or_default();
    let lines = table.tables("line").iter().map(line).collect();
    let columns = columns(table, &path);
    let groups = table.table("groups").map(|groups| self::groups(&groups, &path));
    let words = words(table, &path);
    let skips = skips(table, &path);
    let borders = borders(table, &path);
    let tables = targets(table, &path);
    for (key, what) in [("column", "столбца"), ("table", "ответа формы")] {
        if !table.has(key) {
            table.error(key, format!("нет ни одного {what} [[{key}]]"), None);
        }
    }
    table.finish();
    Layout {
        id: id.to_owned(),
        title: title.unwrap_or_default(),
        about,
        form: form.unwrap_or_default(),
        sheets,
        lines,
        columns,
        groups,
        organisation,
        year,
        announced,
        always,
        words,
        skips,
        borders,
        tables,
    }
}

/// Notes a name that could not be read, so that nobody is told that it is not there.
fn unread(table: &Table<'_>, name: &str) {
    let place = table.here();
    let id = place.file().trim_start_matches("layouts/").trim_end_matches(".toml");
    table.findings().keep(format!("layouts/{id}/unread/{name}"), place.clone());
}

/// The wordings under a key; each mistake where it stands.
fn patterns(table: &Table<'_>, key: &'static str) -> Vec<Pattern> {
    let read = |(place, text): (Place, String)| match Pattern::parse(&text) {
        Ok(pattern) => Some(pattern),
        Err(message) => {
            table.findings().error(&place, message, None);
            unread(table, SOME);
            None
        }
    };
    table.placed_texts(key).into_iter().filter_map(read).collect()
}

/// The same where there must be one.
fn some_patterns(table: &Table<'_>, key: &'static str) -> Vec<Pattern> {
    if !table.has(key) || (table.is_list(key) && table.placed_texts(key).is_empty()) {
        let help = Some(format!("{key} = [\"…\"]"));
        table.error(key, format!("назовите, как это бывает написано: «{key}»"), help);
        unread(table, SOME);
    }
    patterns(table, key)
}

fn recognition(table: &Table<'_>, path: &str) -> Recognition {
    let Some(by) = table.table("organisation") else {
        if !table.has("organisation") {
            let help = Some("organisation = { login = \"login\", name = \"name\" }".to_owned());
            table.error("organisation", "по чему узнаётся организация?", help);
        }
        return Recognition::default();
    };
    for key in ["login", "name"] {
        table.findings().keep(format!("{path}/organisation/{key}"), by.at(key));
    }
    let found = Recognition { login: by.text_or("login", None), name: by.text_or("name", None) };
    if !by.has("login") && !by.has("name") {
        by.error("login", "нужен login или name", None);
    }
    by.finish();
    found
}

fn always(table: &Table<'_>) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for (key, place, text) in table.pairs() {
        match name(&key) {
            Ok(key) => drop(all.insert(key, text)),
            Err(message) => table.findings().error(&place, message, None),
        }
    }
    all
}

fn line(table: &Table<'_>) -> Line {
    let line =
        Line { patterns: some_patterns(table, "patterns"), begins: table.flag("begins", false) };
    table.finish();
    line
}

fn columns(table: &Table<'_>, path: &str) -> Vec<LayoutColumn> {
    let mut columns: Vec<LayoutColumn> = Vec::new();
    for column in table.tables("column") {
        let id = column.parsed("id", name);
        if id.is_none() {
            unread(&column, SOME);
        }
        if let Some(id) = &id {
            table.findings().keep(format!("{path}/column/{id}"), column.here());
            if columns.iter().any(|known| known.id == *id) {
                column.error("id", format!("столбец «{id}» уже есть"), None);
            }
        }
        let headings = some_patterns(&column, "headings");
        let number = column.word_if("type", &[("number", true), ("text", false)]);
        if column.has("type") && number.is_none() {
            unread(&column, id.as_deref().unwrap_or(SOME));
        }
        let required = column.flag("required", true);
        let many = column.flag("many", false);
        let nothing: BTreeSet<String> =
            column.texts("nothing").iter().map(|sign| plain(sign)).collect();
        let below = column.table("below").and_then(|below| self::below(&below));
        if below.is_none() && column.has("below") {
            unread(&column, SOME);
        }
        if below.is_some() && !many {
            column.error("below", "«below» бывает у столбцов many = true", None);
        }
        column.finish();
        let Some(id) = id else { continue };
        let number = number.unwrap_or_default();
        columns.push(LayoutColumn { id, headings, number, required, many, nothing, below });
    }
    columns
}

fn below(table: &Table<'_>) -> Option<Below> {
    let id = table.parsed("id", name);
    let words = table.table("words").map(|words| pairs(&words)).unwrap_or_default();
    if words.is_empty() {
        table.error("words", "назовите, что там бывает: words = { \"Б\" = \"базовый\" }", None);
    }
    table.finish();
    Some(Below { id: id?, words })
}

/// Words and what they mean; the words in plain form.
fn pairs(table: &Table<'_>) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for (word, place, meaning) in table.pairs() {
        if all.insert(plain(&word), meaning).is_some() {
            table.findings().error(&place, format!("«{word}» здесь уже есть"), None);
        }
    }
    all
}

fn groups(table: &Table<'_>, path: &str) -> Groups {
    table.findings().keep(format!("{path}/groups/column"), table.at("column"));
    let groups = Groups {
        column: table.text("column").unwrap_or_default(),
        organisations: patterns(table, "organisations"),
        parts: table.tables("part").iter().map(|part| named(part, "id", true)).collect(),
        levels: table.tables("level").iter().map(|level| named(level, "title", false)).collect(),
    };
    table.finish();
    groups
}

fn named(table: &Table<'_>, key: &'static str, latin: bool) -> Named {
    let found = if latin { table.parsed(key, name) } else { table.text(key) };
    let patterns = some_patterns(table, "patterns");
    table.finish();
    Named { name: found.unwrap_or_default(), patterns }
}

fn words(table: &Table<'_>, path: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    let Some(words) = table.table("words") else { return BTreeMap::new() };
    let mut all = BTreeMap::new();
    for (value, of) in words.any_tables() {
        table.findings().keep(format!("{path}/words/{value}"), of.here());
        for (word, place, _) in of.pairs() {
            table.findings().keep(format!("{path}/words/{value}/{}", plain(&word)), place);
        }
        all.insert(value, pairs(&of));
    }
    all
}

fn skips(table: &Table<'_>, path: &str) -> Vec<Skip> {
    let mut skips = Vec::new();
    for skip in table.tables("skip") {
        table.findings().keep(format!("{path}/skip/{}/when", skips.len()), skip.at("when"));
        let when = skip.formula("when");
        let reason = skip.text("reason");
        skip.finish();
        if let (Some(when), Some(reason)) = (when, reason) {
            skips.push(Skip { when, reason });
        }
    }
    skips
}

fn borders(table: &Table<'_>, path: &str) -> Vec<Border> {
    let mut borders: Vec<Border> = Vec::new();
    for border in table.tables("border") {
        let at = format!("{path}/border/{}", borders.len());
        for key in ["of", "when", "per"] {
            table.findings().keep(format!("{at}/{key}"), border.at(key));
        }
        let id = border.parsed("id", name);
        if let Some(id) = &id
            && borders.iter().any(|known| known.id == *id)
        {
            border.error("id", format!("граница «{id}» уже есть"), None);
        }
        let title = border.text("title");
        let of = border.text("of");
        let when = border.formula("when");
        let per = border.texts("per");
        let given = border.tables("given").iter().filter_map(|one| given(one, &per)).collect();
        border.finish();
        let name = id.clone().unwrap_or_else(|| SOME.to_owned());
        if let (Some(id), Some(title), Some(of), Some(when)) = (id, title, of, when) {
            borders.push(Border { id, title, of, when, per, given });
        } else {
            unread(&border, &name);
        }
    }
    borders
}

fn given(table: &Table<'_>, per: &[String]) -> Option<Given> {
    let border = table.number("border");
    if !table.has("border") {
        table.error("border", "не хватает ключа «border»", None);
    }
    let mut values = Vec::new();
    let said = table.plain_values();
    for value in per {
        match said.iter().find(|(key, _, _)| key == value) {
            Some((_, _, text)) => values.push(plain(text)),
            None => table.error(value, format!("не сказано, при каком «{value}»"), None),
        }
    }
    for (key, place, _) in &said {
        if key != "border" && !per.contains(key) {
            let message = format!("«{key}» нет среди per");
            table.findings().error(place, message, None);
        }
    }
    (values.len() == per.len()).then_some(Given { values, border: border? })
}

fn targets(table: &Table<'_>, path: &str) -> Vec<Target> {
    let mut targets = Vec::new();
    for (i, target) in table.tables("table").into_iter().enumerate() {
        let at = format!("{path}/table/{i}");
        for key in ["field", "each", "key"] {
            table.findings().keep(format!("{at}/{key}"), target.at(key));
        }
        let field = target.text("field");
        let each = target.text_or("each", None);
        let mut key = Vec::new();
        if let Some(keys) = target.table("key") {
            for (column, place, value) in keys.pairs() {
                table.findings().keep(format!("{at}/key/{column}"), place);
                key.push((column, value));
            }
        }
        let mut measures: Vec<Measure> = Vec::new();
        for measure in target.tables("column") {
            let at = format!("{at}/column/{}", measures.len());
            for key in ["id", "when", "value"] {
                table.findings().keep(format!("{at}/{key}"), measure.at(key));
            }
            let id = measure.text("id");
            let optional =
                |key| if measure.has(key) { measure.formula(key).map(Some) } else { Some(None) };
            let (when, value) = (optional("when"), optional("value"));
            let words = [("sum", Take::Sum), ("largest", Take::Largest), ("mean", Take::Mean)];
            let take = measure.word("take", &words, Some(Take::Sum)).unwrap_or(Take::Sum);
            if take != Take::Sum && !measure.has("value") {
                measure.error("take", "чего? назовите value", None);
            }
            for key in ["when", "value"] {
                // An optional formula is a known key even when it is not there.
                measure.text_or(key, None);
            }
            measure.finish();
            if let (Some(id), Some(when), Some(value)) = (id, when, value) {
                if measures.iter().any(|known| known.id == id) {
                    measure.error("id", format!("столбец «{id}» уже есть"), None);
                }
                measures.push(Measure { id, when, value, take });
            }
        }
        target.finish();
        targets.push(Target { field: field.unwrap_or_default(), each, key, measures });
    }
    targets
}

//! What was answered in a stage of a run, as a table: a row for each organisation, a column for each
//! question. Sorted and narrowed by what stands in it; as a spreadsheet, too.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use vekha_engine::AssignmentKey;
use vekha_engine::run::{Assignment, Run};
use vekha_plugin_tables::ListCell;
use vekha_roadmap::RoadMap;
use vekha_roadmap::answers::{self, Values};
use vekha_roadmap::model::{Field, FieldKind, Form, Work};
use vekha_roadmap::russian::plural;

use crate::console::department::administrator;
use crate::console::department::run::{self, Missing, refused};
use crate::console::frame::access::Person;
use crate::console::frame::paging::{self, Asked, Paging, ROWS, address, asked, has_words};
use crate::console::frame::{downloads, view};
use crate::forms::XLSX;
use crate::glossary;
use crate::runtime::Runtime;
use crate::runtime::road_maps::Version;
use crate::store::{StoreError, document};

/// Municipality, activity and run.
type Names = Path<(String, String, String)>;

/// Characters of a long text that the table shows.
const LONGEST: usize = 120;

/// One organisation's answer.
struct Answer {
    code: String,
    standing: Assignment,
    values: Values,
}

/// The stage that is asked for, or the first that collects: its id, title and form.
struct Collected<'m> {
    id: &'m str,
    title: &'m str,
    form: &'m Form,
}

fn collecting<'m>(map: &'m RoadMap, run: &Run) -> Vec<Collected<'m>> {
    let stages = map.activity(&run.key.activity).into_iter().flat_map(|a| &a.stages);
    let collect = stages.filter(|stage| matches!(stage.work, Work::Collect(_)));
    collect
        .filter_map(|stage| {
            let form = map.form_of(&run.key.activity, &stage.id)?;
            Some(Collected { id: &stage.id, title: &stage.title, form })
        })
        .collect()
}

/// Where a run's answers are a table; none if it asks for none.
pub fn place(map: &RoadMap, run: &Run) -> Option<String> {
    (!collecting(map, run).is_empty()).then(|| format!("/runs/{}/answers", run.key))
}

/// What is found, before any of it is shown.
struct Found<'q> {
    version: Arc<Version>,
    run: Run,
    stage: String,
    query: &'q Asked,
}

async fn find<'q>(
    runtime: &Runtime,
    path: &(String, String, String),
    query: &'q Asked,
) -> Result<Found<'q>, Response> {
    let (run, version) = run::load_bare(runtime, path).await.map_err(refused)?;
    let wanted = asked(query, "stage");
    let stage = collecting(&version.road_map, &run)
        .into_iter()
        .find(|stage| wanted.is_empty() || stage.id == wanted)
        .map(|stage| stage.id.to_owned());
    let stage = stage.ok_or_else(|| refused(Missing::Unknown))?;
    Ok(Found { version, run, stage, query })
}

impl Found<'_> {
    /// Its stage is one of those that collect.
    fn stage(&self) -> Option<Collected<'_>> {
        collecting(&self.version.road_map, &self.run).into_iter().find(|s| s.id == self.stage)
    }

    /// Those of the organisations that have answered, in the order of their codes.
    async fn read(&self, runtime: &Runtime, codes: &[&str]) -> Result<Vec<Answer>, StoreError> {
        let store = runtime.store();
        let id = self.run.key.to_string();
        let key = |code: &str| AssignmentKey::new(&self.stage, code);
        let mut standings = store.standings_of(&id, codes).await?;
        let newest = |(key, a): (&AssignmentKey, &Assignment)| {
            (a.version > 0 && key.stage == self.stage).then(|| format!("{id}/{key}/{}", a.version))
        };
        let wanted: Vec<String> = standings.iter().filter_map(newest).collect();
        let mut answers = Vec::new();
        let mut given = BTreeMap::new();
        for row in store.submissions_by_id(&wanted).await? {
            if let Some(values) =
                store.readable(&row.id, document::<Values>(&row.id, &row.answers))?
            {
                given.insert(row.assignment, values);
            }
        }
        for code in codes {
            let values = given.remove(&format!("{id}/{}", key(code)));
            if let (Some(values), Some(standing)) = (values, standings.remove(&key(code))) {
                answers.push(Answer { code: (*code).to_owned(), standing, values });
            }
        }
        Ok(answers)
    }

    /// All who have answered, by code.
    async fn codes(&self, runtime: &Runtime) -> Result<Vec<String>, StoreError> {
        let rows = runtime.store().participations(&self.run.key.to_string()).await?;
        let own = rows.into_iter().filter(|row| row.stage == self.stage);
        let mut codes: Vec<String> = own
            .filter(|row| matches!(row.state.as_str(), "answered" | "returned"))
            .map(|row| row.organisation)
            .collect();
        codes.sort();
        Ok(codes)
    }

    /// All answers, as they are sorted and narrowed.
    async fn all(&self, runtime: &Runtime, form: &Form) -> Result<Vec<Answer>, StoreError> {
        let codes = self.codes(runtime).await?;
        let codes: Vec<&str> = codes.iter().map(String::as_str).collect();
        let mut answers = self.read(runtime, &codes).await?;
        let map = &self.version.road_map;
        let words = asked(self.query, "q");
        if !words.is_empty() {
            answers.retain(|answer| {
                let mut text = format!("{} {}", answer.code, map.short_name(&answer.code));
                for field in &form.fields {
                    text.push(' ');
                    text.push_str(&shown(field, &answer.values));
                }
                for (_, why) in answers::explained(form, &answer.values) {
                    text.push(' ');
                    text.push_str(why);
                }
                has_words(&text, words)
            });
        }
        let sort = asked(self.query, "sort");
        let (down, id) = sort.strip_prefix('-').map_or((false, sort), |id| (true, id));
        match (id, form.fields.iter().find(|field| field.id == id)) {
            ("", _) => {}
            ("name", _) => answers.sort_by_cached_key(|a| map.short_name(&a.code)),
            ("at", _) => answers.sort_by_key(|a| a.standing.answered_at),
            (_, Some(field)) => answers.sort_by(|a, b| in_order(field, &a.values, &b.values)),
            (_, None) => {}
        }
        if down {
            answers.reverse();
        }
        Ok(answers)
    }
}

/// Numbers by their size, everything else by its letters.
fn in_order(field: &Field, a: &Values, b: &Values) -> std::cmp::Ordering {
    let number = |values: &Values| values.get(&field.id).and_then(Value::as_f64);
    match (number(a), number(b)) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        (None, None) => shown(field, a).cmp(&shown(field, b)),
        (a, b) => a.is_some().cmp(&b.is_some()),
    }
}

/// An answer in a cell: of a table, how many rows it has.
fn shown(field: &Field, values: &Values) -> String {
    let Some(value) = values.get(&field.id) else { return String::new() };
    match (&field.kind, value) {
        (FieldKind::Table(_), Value::Array(rows)) => {
            format!("{} {}", rows.len(), plural(rows.len() as i64, "строка", "строки", "строк"))
        }
        _ => answers::display(field, value),
    }
}

/// What was explained, in a cell: the first words of it, and how many more there are.
fn explained(form: &Form, values: &Values) -> String {
    let all = answers::explained(form, values);
    let Some((place, text)) = all.first() else { return String::new() };
    match all.len() {
        1 => format!("{place}: {text}"),
        count => format!("{place}: {} и ещё {}", short((*text).to_owned()), count - 1),
    }
}

/// Whether the form asks about what is unlikely.
fn asks_why(form: &Form) -> bool {
    form.compares() || form.rules.iter().any(|rule| rule.soft)
}

fn short(text: String) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text,
    }
}

/// `GET /runs/{municipality}/{activity}/{run}/answers?stage=collect&q=…&sort=-low&page=2`
pub async fn show(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Path(path): Names,
    Query(query): Query<Asked>,
) -> Result<Response, Response> {
    let found = find(&runtime, &path, &query).await?;
    let context = describe(&runtime, &found, &person).await;
    let context = context.map_err(|e| refused(Missing::Unavailable(e)))?;
    Ok(view::page(StatusCode::OK, "answers.html", &context))
}

async fn describe(
    runtime: &Runtime,
    found: &Found<'_>,
    person: &Person,
) -> Result<Value, StoreError> {
    let Found { version, run, query, .. } = found;
    let map = &version.road_map;
    let mut context = administrator::context(runtime, version, person);
    context["run"] = run::named(map, run);
    let Some(stage) = found.stage() else { return Ok(context) };
    let form = stage.form;
    // In the order of codes only those who are shown are read.
    let plain = asked(query, "q").is_empty() && asked(query, "sort").is_empty();
    let (paging, answers) = if plain {
        let codes = found.codes(runtime).await?;
        let paging = Paging::new(query, "page", ROWS, codes.len());
        let shown: Vec<&str> = paging.of(codes.iter().map(String::as_str)).collect();
        (paging, found.read(runtime, &shown).await?)
    } else {
        let all = found.all(runtime, form).await?;
        let paging = Paging::new(query, "page", ROWS, all.len());
        (paging, paging.of(all).collect())
    };
    let day = |a: &Assignment| a.answered_at.map(|at| glossary::date(map.municipality.today(at)));
    let row = |answer: &Answer| {
        let key = AssignmentKey::new(&found.stage, &answer.code);
        let cells = form.fields.iter().map(|field| short(shown(field, &answer.values)));
        let why = asks_why(form).then(|| short(explained(form, &answer.values)));
        json!({
            "organisation": administrator::name(map, &answer.code),
            "link": format!("/runs/{}/answers/{key}", run.key),
            "at": day(&answer.standing),
            "late": answer.standing.late,
            "cells": cells.collect::<Vec<_>>(),
            "why": why,
        })
    };
    let heads = form.fields.iter().map(|field| {
        let number = is_number(field);
        let heading = paging::heading(query, &field.id, "list");
        json!({ "title": field.label, "unit": field.unit, "number": number, "heading": heading })
    });
    context["answers"] = json!({
        "title": stage.title,
        "form": form.title,
        "heads": heads.collect::<Vec<_>>(),
        "name": paging::heading(query, "name", "list"),
        "at": paging::heading(query, "at", "list"),
        "asks_why": asks_why(form),
        "rows": answers.iter().map(row).collect::<Vec<_>>(),
        "file": format!("/runs/{}/answers.xlsx{}", run.key, address(query, "page", "")),
    });
    context["paging"] = paging.show("list");
    let stages = collecting(map, run);
    let mut fields = vec![];
    if stages.len() > 1 {
        let options = stages.iter().map(|stage| (stage.id, stage.title.to_owned()));
        fields.push(paging::choice(query, "stage", "Этап", options));
    }
    fields.push(paging::words(query, "q", "Организация или слова ответа"));
    context["filters"] = paging::filters(&format!("/runs/{}/answers", run.key), query, fields);
    Ok(context)
}

fn is_number(field: &Field) -> bool {
    matches!(field.kind, FieldKind::Integer(_) | FieldKind::Decimal(_) | FieldKind::Percent(_))
}

/// `GET /runs/{municipality}/{activity}/{run}/answers.xlsx?stage=collect&q=…&sort=-low`
pub async fn as_spreadsheet(
    State(runtime): State<Arc<Runtime>>,
    Path(path): Names,
    Query(query): Query<Asked>,
) -> Result<Response, Response> {
    let found = find(&runtime, &path, &query).await?;
    let form = found.stage().ok_or_else(|| refused(Missing::Unknown))?.form.clone();
    let answers = found.all(&runtime, &form).await;
    let answers = answers.map_err(|e| refused(Missing::Unavailable(e)))?;
    let map = &found.version.road_map;
    let titled = |field: &Field| match field.unit.is_empty() {
        true => field.label.clone(),
        false => format!("{}, {}", field.label, field.unit),
    };
    let mut columns = vec![("Код".to_owned(), 16.0), ("Организация".to_owned(), 34.0)];
    columns.push(("Ответ получен".to_owned(), 14.0));
    columns.extend(form.fields.iter().map(|field| (titled(field), 24.0)));
    columns.extend(asks_why(&form).then(|| ("Пояснения".to_owned(), 60.0)));
    let row = |answer: &Answer| -> Vec<ListCell> {
        let at = answer.standing.answered_at.map(|at| map.municipality.today(at));
        let mut row = vec![
            answer.code.clone().into(),
            administrator::name(map, &answer.code).into(),
            downloads::day(at),
        ];
        row.extend(form.fields.iter().map(|field| match is_number(field) {
            true => ListCell::Number(answer.values.get(&field.id).and_then(Value::as_f64)),
            false => shown(field, &answer.values).into(),
        }));
        row.extend(asks_why(&form).then(|| explained(&form, &answer.values).into()));
        row
    };
    let rows: Vec<Vec<ListCell>> = answers.iter().map(row).collect();
    let name = format!("answers-{}-{}.xlsx", found.run.key.activity, found.stage);
    let title = form.title.clone();
    let made = move || {
        let columns: Vec<(&str, f64)> = columns.iter().map(|(t, w)| (t.as_str(), *w)).collect();
        vekha_plugin_tables::list(&title, &columns, &rows).map_err(|e| e.to_string())
    };
    Ok(downloads::give(&name, XLSX, made).await)
}

//! Who was asked in which stage of a run, and what came of it: organisations down, stages across. The
//! run's page begins the list and counts it; the list has a page of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Value, json};
use vekha_engine::AssignmentKey;
use vekha_engine::run::{Assignment, AssignmentKind, AssignmentState, Run};
use vekha_roadmap::RoadMap;

use crate::console::department::actions::sheet::Page;
use crate::console::department::actions::{Scene, awaited};
use crate::console::department::administrator;
use crate::console::department::run::{self, refused};
use crate::console::frame::access::Person;
use crate::console::frame::paging::{self, Asked, Paging, ROWS, address, asked, has_words};
use crate::console::frame::view;
use crate::glossary;
use crate::runtime::Runtime;
use crate::runtime::road_maps::Version;
use crate::store::StoreError;
use crate::store::read::participants::Participation;

/// How one stands in a stage, as the list is narrowed by it.
const STATES: [(&str, &str); 6] = [
    ("awaited", "ждём ответа"),
    ("late", "срок прошёл"),
    ("answered", "ответили"),
    ("returned", "возвращены на исправление"),
    ("missing", "не ответили"),
    ("waived", "сняты"),
];

/// One who was asked in a stage: in so few columns that a thousand cost nothing.
struct One<'a> {
    stage: &'a str,
    code: &'a str,
    state: AssignmentState,
    due: Date,
}

impl One<'_> {
    fn is(&self, state: &str, map: &RoadMap, now: Timestamp) -> bool {
        match state {
            "" => true,
            "awaited" => self.state.is_awaited(),
            "late" => self.state.is_awaited() && now > map.municipality.closing(self.due),
            other => self.state.as_str() == other,
        }
    }
}

/// What measures are reported under is no stage.
fn asks(stage: &str) -> bool {
    !stage.starts_with("measure-")
}

/// All who were asked, of a run that is loaded whole.
fn of_run(run: &Run) -> Vec<One<'_>> {
    let asked =
        run.assignments.iter().filter(|(_, a)| !matches!(a.kind, AssignmentKind::Measure(_)));
    asked
        .map(|(key, a)| One {
            stage: &key.stage,
            code: &key.organisation,
            state: a.state,
            due: a.due,
        })
        .collect()
}

/// The same from rows of the database. What says nothing to us is left out: it is told of where it is
/// looked at.
fn of_rows(rows: &[Participation]) -> Vec<One<'_>> {
    rows.iter().filter(|row| asks(&row.stage)).filter_map(read).collect()
}

fn read(row: &Participation) -> Option<One<'_>> {
    let state = AssignmentState::ALL.iter().find(|state| state.as_str() == row.state)?;
    Some(One {
        stage: &row.stage,
        code: &row.organisation,
        state: *state,
        due: row.due.parse().ok()?,
    })
}

/// Stages in which anybody was asked, in the run's order.
fn stages<'r>(run: &'r Run, all: &[One<'_>]) -> Vec<&'r str> {
    let asked: BTreeSet<&str> = all.iter().map(|one| one.stage).collect();
    run.stages.iter().map(|stage| stage.id.as_str()).filter(|id| asked.contains(id)).collect()
}

fn title<'m>(map: &'m RoadMap, run: &Run, stage: &'m str) -> &'m str {
    let activity = map.activity(&run.key.activity);
    activity.and_then(|a| a.stage(stage)).map_or(stage, |(_, s)| s.title.as_str())
}

/// Where the list has its own page.
pub fn place(run: &Run) -> String {
    format!("/runs/{}/participants", run.key)
}

/// How many were asked in each stage, and how they stand; each number leads to those whom it counts.
fn counts(map: &RoadMap, run: &Run, all: &[One<'_>], now: Timestamp) -> Value {
    let of_stage = |stage: &&str| {
        let own = || all.iter().filter(|one| one.stage == *stage);
        let link = |state: &str| {
            let asked = Asked::from([("stage".to_owned(), (*stage).to_owned())]);
            format!("{}{}", place(run), address(&asked, "state", state))
        };
        let states: Vec<Value> = STATES
            .iter()
            .map(|(state, words)| (own().filter(|one| one.is(state, map, now)).count(), state, words))
            .filter(|(count, ..)| *count > 0)
            .map(|(count, state, words)| {
                json!({ "count": count, "words": words, "link": link(state), "late": *state == "late" })
            })
            .collect();
        json!({ "title": title(map, run, stage), "asked": own().count(), "states": states })
    };
    stages(run, all).iter().map(of_stage).collect()
}

/// What the run's page shows: the counts and the beginning of the list; without rows if nobody was
/// asked.
pub fn beginning(map: &RoadMap, run: &Run, now: Timestamp) -> Value {
    let all = of_run(run);
    let stages = stages(run, &all);
    let codes: BTreeSet<&str> = all.iter().map(|one| one.code).collect();
    let shown = codes.iter().take(ROWS);
    let rows: Vec<Value> = shown
        .map(|code| row(map, run, &stages, code, |key| run.assignments.get(key), now))
        .collect();
    json!({
        "stages": heads(map, run, &stages),
        "rows": rows,
        "total": codes.len(),
        "counts": counts(map, run, &all, now),
        "place": place(run),
    })
}

fn heads(map: &RoadMap, run: &Run, stages: &[&str]) -> Value {
    stages.iter().map(|stage| title(map, run, stage)).collect()
}

/// `GET /runs/{municipality}/{activity}/{run}/participants?stage=collect&state=late&q=…&sort=due`
pub async fn show(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Path(path): Path<(String, String, String)>,
    Query(query): Query<Asked>,
) -> Result<Response, Response> {
    let (run, version) = run::load_bare(&runtime, &path).await.map_err(refused)?;
    let context = describe(&runtime, &version, run, &person, &query).await;
    let context = context.map_err(|e| refused(run::Missing::Unavailable(e)))?;
    Ok(view::page(StatusCode::OK, "participants.html", &context))
}

async fn describe(
    runtime: &Runtime,
    version: &Version,
    mut run: Run,
    person: &Person,
    query: &Asked,
) -> Result<Value, StoreError> {
    let map = &version.road_map;
    let now = runtime.clock().now();
    let rows = runtime.store().participations(&run.key.to_string()).await?;
    let all = of_rows(&rows);
    let run_stages: Vec<String> = stages(&run, &all).into_iter().map(str::to_owned).collect();
    let (stage, state, words) = (asked(query, "stage"), asked(query, "state"), asked(query, "q"));
    // The earliest day of what is asked for: who is most urgent comes first when it is sorted so.
    let mut found: BTreeMap<&str, Date> = BTreeMap::new();
    for one in &all {
        let meant = (stage.is_empty() || one.stage == stage) && one.is(state, map, now);
        if meant && has_words(&format!("{} {}", one.code, map.short_name(one.code)), words) {
            let due = found.entry(one.code).or_insert(one.due);
            *due = one.due.min(*due);
        }
    }
    let mut codes: Vec<&str> = found.keys().copied().collect();
    match asked(query, "sort") {
        "name" => codes.sort_by_cached_key(|code| map.short_name(code)),
        "-name" => codes.sort_by_cached_key(|code| std::cmp::Reverse(map.short_name(code))),
        "due" => codes.sort_by_key(|code| found[code]),
        "-due" => codes.sort_by_key(|code| std::cmp::Reverse(found[code])),
        _ => {}
    }
    let paging = Paging::new(query, "page", ROWS, codes.len());
    let shown: Vec<&str> = paging.of(codes.iter().copied()).collect();
    let standings = runtime.store().standings_of(&run.key.to_string(), &shown).await?;
    let stage_ids: Vec<&str> = run_stages.iter().map(String::as_str).collect();
    let rows: Vec<Value> = shown
        .iter()
        .map(|code| row(map, &run, &stage_ids, code, |key| standings.get(key), now))
        .collect();
    let mut context = administrator::context(runtime, version, person);
    context["run"] = run::named(map, &run);
    context["matrix"] = json!({ "stages": heads(map, &run, &stage_ids), "rows": rows });
    context["counts"] = counts(map, &run, &all, now);
    context["paging"] = paging.show("list");
    let every = |words: &str| ("", words.to_owned());
    let by_stage = stage_ids.iter().map(|id| (*id, title(map, &run, id).to_owned()));
    let by_state = STATES.iter().map(|(state, words)| (*state, (*words).to_owned()));
    context["filters"] = paging::filters(
        &format!("/runs/{}/participants", run.key),
        query,
        vec![
            paging::choice(query, "stage", "Этап", [every("все")].into_iter().chain(by_stage)),
            paging::choice(query, "state", "Ответ", [every("любой")].into_iter().chain(by_state)),
            paging::words(query, "q", "Название или код"),
        ],
    );
    context["sorting"] = json!({
        "name": paging::heading(query, "name", "list"),
        "due": paging::heading(query, "due", "list"),
    });
    // What may be done with those who are shown stands below them; its form is the run's.
    let groups = groups(&all);
    run.assignments = standings.into_iter().collect();
    let today = map.municipality.today(now);
    let scene = Scene { map, run: &run, today, role: person.role_in(map) };
    let once = uuid::Uuid::now_v7().to_string();
    let page = Page { address: &format!("/runs/{}", run.key), once: &once, sent: None };
    context["offers"] = json!({ "assignments": awaited(&scene, &page, &groups) });
    Ok(context)
}

/// How many are awaited in each stage.
fn groups(all: &[One<'_>]) -> BTreeMap<String, usize> {
    let mut groups = BTreeMap::new();
    for one in all.iter().filter(|one| one.state.is_awaited()) {
        *groups.entry(one.stage.to_owned()).or_default() += 1;
    }
    groups
}

/// An organisation with how it stands in each stage.
fn row<'a>(
    map: &RoadMap,
    run: &Run,
    stages: &[&str],
    code: &str,
    standing: impl Fn(&AssignmentKey) -> Option<&'a Assignment>,
    now: Timestamp,
) -> Value {
    let of_stage = |stage: &&str| {
        let key = AssignmentKey::new(stage, code);
        standing(&key).map_or(Value::Null, |a| {
            let mut cell = cell(map, a, now);
            let answered = a.version > 0 && a.kind == AssignmentKind::Collect;
            cell["link"] = format!("/runs/{}/answers/{key}", run.key).into();
            cell["label"] = if answered { "посмотреть" } else { "поручение" }.into();
            cell["what"] =
                if answered { "Посмотреть ответ" } else { "Поручение" }.into();
            cell
        })
    };
    json!({
        "organisation": administrator::name(map, code),
        "link": format!("/m/{}/organisations/{code}", map.municipality.id),
        "cells": stages.iter().map(of_stage).collect::<Vec<_>>(),
    })
}

fn cell(map: &RoadMap, assignment: &Assignment, now: Timestamp) -> Value {
    let municipality = &map.municipality;
    let closing = municipality.closing(assignment.due);
    let due = glossary::date(assignment.due);
    let (mark, detail) = match (assignment.state, assignment.answered_at) {
        (AssignmentState::Open | AssignmentState::Returned, _) if now > closing => {
            ("late", format!("срок прошёл {due}"))
        }
        (AssignmentState::Returned, _) => ("attention", format!("исправят к {due}")),
        (AssignmentState::Open, _) => ("open", format!("срок {due}")),
        (AssignmentState::Answered, Some(at)) => {
            let day = glossary::date(municipality.today(at));
            match (assignment.kind, assignment.late) {
                (AssignmentKind::Acknowledge, _) => ("answered", day),
                (_, true) => ("answered", format!("{day}, с опозданием")),
                (_, false) => ("answered", format!("{day}, в срок")),
            }
        }
        _ => (assignment.state.as_str(), assignment.reason.clone()),
    };
    let words = match (assignment.kind, assignment.state) {
        (AssignmentKind::Acknowledge, AssignmentState::Answered) => "ознакомлены",
        (AssignmentKind::Acknowledge, AssignmentState::Open) => "ждём ознакомления",
        (AssignmentKind::Acknowledge, AssignmentState::Missing) => "не ознакомились",
        (_, state) => glossary::assignment_state(state),
    };
    json!({ "mark": mark, "words": words, "detail": detail, "version": assignment.version })
}

//! The administrator's first page: what needs attention, then every activity of the road map with
//! its run, section by section.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use vekha_engine::RunKey;
use vekha_roadmap::RoadMap;
use vekha_roadmap::model::Activity;
use vekha_roadmap::russian::date_words;

use crate::console::department::coming;
use crate::console::frame::access::{self, Person};
use crate::console::frame::{problem, view};
use crate::glossary;
use crate::runtime::Runtime;
use crate::runtime::road_maps::Version;
use crate::runtime::views::attention::{Need, attention, in_order};
use crate::runtime::views::coming::coming;
use crate::runtime::views::overview::{Overview, Standing};
use crate::store::StoreError;
use crate::store::instant;

/// `GET /`: the road map, or which one.
pub async fn home(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
) -> Response {
    let mut all = runtime.road_maps().all_newest();
    all.retain(|v| person.roles.within(&v.road_map.municipality.id).is_some());
    match all.as_slice() {
        [only] => road_map(&runtime, only, &person).await,
        all => {
            let municipalities: Vec<Value> = all
                .iter()
                .map(|v| {
                    let m = &v.road_map.municipality;
                    json!({ "id": m.id, "name": m.name, "authority": m.authority })
                })
                .collect();
            let context = json!({
                "municipalities": municipalities,
                "person": person.name(),
                "visitor": access::shown(&person),
                "rehearsal": runtime.clock().rehearses(),
            });
            view::page(StatusCode::OK, "municipalities.html", &context)
        }
    }
}

/// `GET /m/{municipality}`
pub async fn municipality(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Path(municipality): Path<String>,
) -> Response {
    match runtime.road_maps().newest(&municipality) {
        Some(version) => road_map(&runtime, &version, &person).await,
        None => problem::no_such_page().await,
    }
}

/// What the head of every administrator's page shows.
pub fn context(runtime: &Runtime, version: &Version, person: &Person) -> Value {
    let municipality = &version.road_map.municipality;
    json!({
        "person": person.name(),
        "visitor": access::shown(person),
        "rehearsal": runtime.clock().rehearses(),
        "municipality": {
            "id": municipality.id,
            "name": municipality.name,
            "authority": municipality.authority,
            "adopted_by": municipality.adopted_by,
        },
        "today": date_words(municipality.today(runtime.clock().now())),
        "road_map": {
            "version": version.number,
            "applied": date_words(municipality.today(version.applied_at)),
        },
    })
}

async fn road_map(runtime: &Runtime, version: &Version, person: &Person) -> Response {
    let loaded = async {
        let overview = Overview::load(runtime, version, None).await?;
        let needs = attention(runtime, version, &overview).await?;
        let coming = coming(runtime, version, &overview).await?;
        Ok::<_, StoreError>((overview, needs, coming))
    };
    let (overview, needs, coming) = match loaded.await {
        Ok(loaded) => loaded,
        Err(e) => return problem::unavailable(&e),
    };
    let map = &version.road_map;
    let sections: Vec<Value> = map
        .municipality
        .sections
        .iter()
        .map(|section| {
            let own = map.activities.iter().filter(|a| a.section == section.id);
            let activities: Vec<Value> =
                own.map(|a| activity(map, a, &overview, needs_of(&needs, a, &overview))).collect();
            json!({ "title": section.title, "activities": activities })
        })
        .collect();
    let mut context = context(runtime, version, person);
    let zone = &map.municipality.time_zone;
    let troubles = runtime.troubles();
    context["troubles"] = troubles.iter().map(|trouble| trouble.words(zone)).collect();
    context["attention"] = attention_lines(map, &needs);
    context["coming"] = coming::lines(map, &coming);
    context["sections"] = sections.into();
    view::page(StatusCode::OK, "road-map.html", &context)
}

fn needs_of<'n>(
    needs: &'n BTreeMap<RunKey, Vec<Need>>,
    activity: &Activity,
    overview: &Overview,
) -> &'n [Need] {
    let current = overview.current(&activity.id).and_then(|s| needs.get(&s.run.key));
    current.map(Vec::as_slice).unwrap_or_default()
}

/// One line of the table.
fn activity(map: &RoadMap, activity: &Activity, overview: &Overview, needs: &[Need]) -> Value {
    let schedule = overview.schedule(&activity.id);
    let opening = schedule.filter(|s| !s.paused).and_then(|s| s.next_opening);
    let opening = opening.map(|at| map.municipality.today(instant(at)));
    let current = overview.current(&activity.id);
    let at_work = current.filter(|s| !s.run.state.ended());
    let next = match (at_work.and_then(|s| s.due), opening) {
        (Some(due), _) => format!("срок {}", glossary::date(due)),
        (None, Some(opening)) => format!("начало {}", glossary::date(opening)),
        (None, None) => String::new(),
    };
    json!({
        "id": activity.id,
        "number": activity.number,
        "title": activity.title,
        "short": activity.short,
        "deadline": activity.deadline,
        "next": next,
        "paused": schedule.is_some_and(|s| s.paused),
        "run": current.map(|standing| run(standing, needs)),
    })
}

/// A run in a table's cell.
pub fn run(standing: &Standing, needs: &[Need]) -> Value {
    let run = &standing.run;
    json!({
        "link": format!("/runs/{}", run.key),
        "period": run.key.period.words(),
        "part": run.key.part,
        "state": run.state.as_str(),
        "words": glossary::run_state(run.state),
        "stages": if run.state.ended() { String::new() } else { standing.stages.join(", ") },
        "due": standing.due.filter(|_| !run.state.ended()).map(glossary::date),
        "late": standing.late,
        "needs": needs.len(),
    })
}

fn attention_lines(map: &RoadMap, needs: &BTreeMap<RunKey, Vec<Need>>) -> Value {
    let line = |(key, needs): (&RunKey, &Vec<Need>)| {
        let activity = map.activity(&key.activity);
        json!({
            "link": format!("/runs/{key}"),
            "number": activity.map(|a| a.number),
            "short": activity.map_or(&key.activity, |a| &a.short),
            "title": activity.map_or("", |a| a.title.as_str()),
            "period": key.period.words(),
            "part": key.part.as_ref().map(|code| name(map, code)),
            "needs": needs.iter().map(|n| need(map, n)).collect::<Vec<_>>(),
        })
    };
    in_order(map, needs).into_iter().map(line).collect()
}

/// An organisation's name for tables.
pub fn name(map: &RoadMap, code: &str) -> String {
    map.short_name(code)
}

/// A need in words, and whether it is grave.
pub fn need(map: &RoadMap, need: &Need) -> Value {
    json!({ "words": need.words(map), "grave": need.is_grave() })
}

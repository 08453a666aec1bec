//! The administrator's first page, and what the head of every page says.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use vekha_roadmap::RoadMap;
use vekha_roadmap::russian::date_words;

use crate::access::Role;
use crate::console::department::road_map;
use crate::console::frame::access::{self, Person};
use crate::console::frame::paging::Asked;
use crate::console::frame::{problem, view};
use crate::glossary;
use crate::runtime::Runtime;
use crate::runtime::road_maps::Version;
use crate::runtime::views::attention::Need;
use crate::runtime::views::overview::Standing;

/// `GET /`: the road map, or which one.
pub async fn home(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Query(query): Query<Asked>,
) -> Response {
    match access::road_maps(&runtime, &person).as_slice() {
        [only] => road_map::page(&runtime, only, &person, &query).await,
        all => {
            let municipalities: Vec<Value> = all
                .iter()
                .map(|v| {
                    let m = &v.road_map.municipality;
                    json!({ "id": m.id, "name": m.name, "authority": m.authority })
                })
                .collect();
            let mut context = access::head(&runtime, &person);
            context["municipalities"] = municipalities.into();
            context["begins"] = (person.roles.in_all() == Some(Role::Administrator)).into();
            view::page(StatusCode::OK, "municipalities.html", &context)
        }
    }
}

/// `GET /m/{municipality}?section=…&state=…&who=…&q=…`
pub async fn municipality(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Path(municipality): Path<String>,
    Query(query): Query<Asked>,
) -> Response {
    match runtime.road_maps().newest(&municipality) {
        Some(version) => road_map::page(&runtime, &version, &person, &query).await,
        None => problem::no_such_page().await,
    }
}

/// What the head of every administrator's page shows.
pub fn context(runtime: &Runtime, version: &Version, person: &Person) -> Value {
    let municipality = &version.road_map.municipality;
    let mut context = access::head(runtime, person);
    // Who only looks is offered nothing that opens what others answer by.
    context["works"] = (person.role_in(&version.road_map) >= Role::Operator).into();
    context["administers"] = (person.role_in(&version.road_map) == Role::Administrator).into();
    context["municipality"] = json!({
        "id": municipality.id,
        "name": municipality.name,
        "authority": municipality.authority,
        "adopted_by": municipality.adopted_by,
    });
    context["today"] = date_words(municipality.today(runtime.clock().now())).into();
    context["road_map"] = json!({
        "version": version.number,
        "applied": date_words(municipality.today(version.applied_at)),
    });
    context
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

/// An organisation's name for tables.
pub fn name(map: &RoadMap, code: &str) -> String {
    map.short_name(code)
}

/// A need in words, and whether it is grave.
pub fn need(map: &RoadMap, need: &Need) -> Value {
    json!({ "words": need.words(map), "grave": need.is_grave() })
}

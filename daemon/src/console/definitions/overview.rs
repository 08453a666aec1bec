//! All definitions at a glance: activities with their terms, letters, and the ways to change them.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use vekha_roadmap::read::LETTERS;

use super::{newest, reading};
use crate::console::department::administrator;
use crate::console::department::run::actor;
use crate::console::frame::access::Person;
use crate::console::frame::{problem, view};
use crate::definitions::difference::letter_words;
use crate::runtime::Runtime;

/// `GET /m/{municipality}/definitions`
pub async fn show(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Path(municipality): Path<String>,
) -> Result<Response, Response> {
    let version = newest(&runtime, &municipality).ok_or_else(problem::missing)?;
    let map = &version.road_map;
    let activities: Vec<Value> = map
        .activities
        .iter()
        .map(|a| {
            let stages: Vec<String> =
                a.stages.iter().map(|s| reading::stage_at_a_glance(map, s)).collect();
            json!({
                "number": a.number,
                "short": a.short,
                "link": format!("/m/{municipality}/definitions/activities/{}", a.id),
                "schedule": reading::schedule_words(map, a),
                "stages": stages,
            })
        })
        .collect();
    let letters: Vec<Value> = LETTERS
        .iter()
        .map(|(kind, _)| {
            let folder = format!("letters/{kind}/");
            json!({
                "words": letter_words(kind),
                "link": format!("/m/{municipality}/definitions/letters/{kind}"),
                "own": version.files.0.keys().any(|path| path.starts_with(&folder)),
            })
        })
        .collect();
    let mut context = administrator::context(&runtime, &version, &person);
    context["activities"] = activities.into();
    context["letters"] = letters.into();
    context["version"] = json!({
        "number": version.number,
        "by": actor(map, &version.applied_by),
        "means": version.means.words(),
    });
    Ok(view::page(StatusCode::OK, "definitions.html", &context))
}

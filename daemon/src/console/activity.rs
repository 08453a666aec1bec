//! All runs of one activity, newest first.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use vekha_roadmap::russian::date_words;

use super::{administrator, problem, view};
use crate::runtime::Runtime;
use crate::runtime::overview::Overview;

/// `GET /runs/{municipality}/{activity}`
pub async fn show(
    State(runtime): State<Arc<Runtime>>,
    Path((municipality, id)): Path<(String, String)>,
) -> Response {
    let Some(version) = runtime.road_maps().newest(&municipality) else {
        return problem::no_such_page().await;
    };
    let overview = match Overview::load(&runtime, &version, Some(&id)).await {
        Ok(overview) => overview,
        Err(e) => return problem::unavailable(&e),
    };
    let map = &version.road_map;
    let activity = map.activity(&id);
    // An activity that left the road map still has its runs.
    if activity.is_none() && overview.standings.is_empty() {
        return problem::no_such_page().await;
    }
    let mut newest_first: Vec<_> = overview.standings.iter().collect();
    newest_first.sort_by_key(|s| std::cmp::Reverse((s.run.opened_at, &s.run.key)));
    let runs: Vec<Value> = newest_first
        .into_iter()
        .map(|standing| {
            let mut run = administrator::run(standing, &[]);
            let part = standing.run.key.part.as_ref();
            run["part"] = json!(part.map(|code| administrator::name(map, code)));
            run["opened"] = date_words(map.municipality.today(standing.run.opened_at)).into();
            let ended = standing.run.ended_at.map(|at| date_words(map.municipality.today(at)));
            run["ended"] = json!(ended);
            run
        })
        .collect();
    let mut context = administrator::context(&runtime, &version);
    let schedule = overview.schedule(&id).filter(|s| s.paused);
    context["activity"] = json!({
        "number": activity.map(|a| a.number),
        "title": activity.map_or("", |a| a.title.as_str()),
        "short": activity.map_or(id.as_str(), |a| a.short.as_str()),
        "deadline": activity.map_or("", |a| a.deadline.as_str()),
        "paused": schedule.map(|s| s.reason.as_str()),
    });
    context["runs"] = runs.into();
    view::page(StatusCode::OK, "activity.html", &context)
}

//! All runs of one activity, newest first; its schedule, and a run started by hand.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::{Value, json};
use vekha_roadmap::russian::date_words;

use crate::access::Role;
use crate::console::department::actions::schedule::{Done, Setting};
use crate::console::department::actions::sheet::{Page, Sent};
use crate::console::department::actions::told;
use crate::console::department::{actions, administrator, exports, live};
use crate::console::frame::access::Person;
use crate::console::frame::paging::{Asked, Paging, ROWS};
use crate::console::frame::posted::Fields;
use crate::console::frame::{problem, view};
use crate::runtime::Runtime;
use crate::runtime::road_maps::Version;
use crate::runtime::views::overview::Overview;
use crate::store::StoreError;

/// `GET /runs/{municipality}/{activity}`
pub async fn show(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Path((municipality, id)): Path<(String, String)>,
    Query(query): Query<Asked>,
) -> Response {
    let Some(version) = runtime.road_maps().newest(&municipality) else {
        return problem::no_such_page().await;
    };
    let live = live::of_municipality(&runtime, &municipality).await;
    match describe(&runtime, &version, &id, &person, &query, None).await {
        Ok(Some(mut context)) => {
            context["live"] = live.into();
            context["notice"] = json!(query.get("done").and_then(|word| told::notice(word)));
            view::page(StatusCode::OK, "activity.html", &context)
        }
        Ok(None) => problem::no_such_page().await,
        Err(e) => problem::unavailable(&e),
    }
}

/// `POST /runs/{municipality}/{activity}`
pub async fn act(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Path((municipality, id)): Path<(String, String)>,
    Fields(pairs): Fields,
) -> Response {
    let version = runtime.road_maps().newest(&municipality);
    let map = version.as_deref().map(|version| &version.road_map);
    let activity = map.and_then(|map| map.activity(&id));
    let (Some(version), Some(map), Some(activity)) = (&version, map, activity) else {
        return problem::no_such_page().await;
    };
    let mut sent = Sent::new(pairs);
    let today = map.municipality.today(runtime.clock().now());
    let setting = Setting { map, activity, today, role: person.role_in(map) };
    if let Some(Done { word, opened }) = setting.act(&runtime, &person, &mut sent).await {
        let address = opened.map_or_else(|| format!("{municipality}/{id}"), |key| key.to_string());
        return Redirect::to(&format!("/runs/{address}?done={word}")).into_response();
    }
    match describe(&runtime, version, &id, &person, &Asked::new(), Some(&sent)).await {
        Ok(Some(context)) => view::page(sent.said.status(), "activity.html", &context),
        Ok(None) => problem::no_such_page().await,
        Err(e) => problem::unsaved(&e, &sent.pairs),
    }
}

/// Nothing if there is no such activity.
async fn describe(
    runtime: &Runtime,
    version: &Version,
    id: &str,
    person: &Person,
    query: &Asked,
    sent: Option<&Sent>,
) -> Result<Option<Value>, StoreError> {
    let overview = Overview::load(runtime, version, Some(id)).await?;
    let map = &version.road_map;
    let activity = map.activity(id);
    // An activity that left the road map still has its runs.
    if activity.is_none() && overview.standings.is_empty() {
        return Ok(None);
    }
    let mut newest_first: Vec<_> = overview.standings.iter().collect();
    // By what they are about, whenever they were opened.
    newest_first.sort_by_key(|s| {
        let key = &s.run.key;
        (std::cmp::Reverse(key.period.first_day()), key.part.clone(), key.activity.clone())
    });
    let paging = Paging::new(query, "page", ROWS, newest_first.len());
    let runs: Vec<Value> = paging
        .of(newest_first)
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
    let mut context = administrator::context(runtime, version, person);
    let schedule = overview.schedule(id).filter(|s| s.paused);
    context["activity"] = json!({
        "id": id,
        "number": activity.map(|a| a.number),
        "title": activity.map_or("", |a| a.title.as_str()),
        "short": activity.map_or(id, |a| a.short.as_str()),
        "deadline": activity.map_or("", |a| a.deadline.as_str()),
        "paused": schedule.map(|s| s.reason.as_str()),
    });
    context["runs"] = runs.into();
    context["paging"] = paging.show("runs");
    if let Some(activity) = activity {
        let today = map.municipality.today(runtime.clock().now());
        let address = format!("/runs/{}/{id}", map.municipality.id);
        let once = uuid::Uuid::now_v7().to_string();
        let page = Page { address: &address, once: &once, sent };
        let offers = Setting { map, activity, today, role: person.role_in(map) }
            .offers(schedule.is_some(), &page);
        context["outcome"] = told::outcome(sent, &actions::forms(&offers));
        context["offers"] = offers;
        if person.role_in(map) >= Role::Operator {
            let opening = exports::opening(runtime, version, activity, &overview);
            context["opening"] = json!(opening);
        }
    }
    Ok(Some(context))
}

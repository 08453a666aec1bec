//! The versions of a road map: who made each, when and what it changed; and back to one of them.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::change::{self, Applied, Looked};
use super::newest;
use crate::console::department::administrator;
use crate::console::department::run::actor;
use crate::console::frame::access::Person;
use crate::console::frame::paging::{Asked, Paging, ROWS};
use crate::console::frame::posted::{Fields, Pairs, value};
use crate::console::frame::{problem, view};
use crate::runtime::Runtime;
use crate::runtime::acts::amend::{Proposal, Unfit, between};
use crate::runtime::road_maps::{Means, Version};

/// `GET /m/{municipality}/definitions/versions`
pub async fn list(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Path(municipality): Path<String>,
    Query(query): Query<Asked>,
) -> Result<Response, Response> {
    let version = newest(&runtime, &municipality).ok_or_else(problem::missing)?;
    let mut all = runtime.road_maps().history(&municipality);
    all.reverse();
    let paging = Paging::new(&query, "page", ROWS, all.len());
    let shown: Vec<Arc<Version>> = paging.of(all.clone()).collect();
    let counted = spawn_blocking(move || {
        let count = |one: &Arc<Version>| {
            let before = all.iter().find(|other| other.number < one.number)?;
            Some(between(before, one).iter().map(|d| d.lines.len()).sum::<usize>())
        };
        shown.iter().map(|one| (one.clone(), count(one))).collect::<Vec<_>>()
    });
    let counted = counted.await.map_err(|e| problem::unavailable(&e))?;
    let rows: Vec<Value> = counted
        .iter()
        .map(|(one, changes)| {
            let mut row = describe(&version, one);
            row["changes"] = json!(changes);
            row
        })
        .collect();
    let mut context = administrator::context(&runtime, &version, &person);
    context["versions"] = rows.into();
    context["paging"] = paging.show("list");
    Ok(view::page(StatusCode::OK, "definition-versions.html", &context))
}

/// `GET /m/{municipality}/definitions/versions/{version}`
pub async fn show(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Path((municipality, number)): Path<(String, String)>,
    Query(query): Query<Asked>,
) -> Result<Response, Response> {
    let (version, one) = both(&runtime, &municipality, &number).ok_or_else(problem::missing)?;
    one_page(&runtime, &person, &version, &one, (query.contains_key("done"), None)).await
}

/// `POST /m/{municipality}/definitions/versions/{version}`: back to it, as a new version.
pub async fn act(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Path((municipality, number)): Path<(String, String)>,
    Fields(pairs): Fields,
) -> Result<Response, Response> {
    let (version, one) = both(&runtime, &municipality, &number).ok_or_else(problem::missing)?;
    if let Some(made) = change::done_before(&runtime, &pairs).await? {
        return Ok(change::done(&made));
    }
    let told = |words: String| (false, Some(words));
    if value(&pairs, "_do") == "back" {
        return one_page(&runtime, &person, &version, &one, (false, None)).await;
    }
    let proposal = match runtime.propose(&version, one.files.clone()).await {
        Ok(proposal) => proposal,
        // What an earlier release took may be wrong by today's rules.
        Err(Unfit::Mistakes(mistakes)) => {
            let lines: Vec<String> = mistakes
                .iter()
                .take(20)
                .map(|d| format!("{}, строка {}: {}", d.file, d.line, d.message))
                .collect();
            let words = format!("по нынешним правилам в этой версии ошибки: {}", lines.join("; "));
            return one_page(&runtime, &person, &version, &one, told(words)).await;
        }
        Err(e) => return one_page(&runtime, &person, &version, &one, told(e.to_string())).await,
    };
    if value(&pairs, "_do") != "apply" {
        return looked(&runtime, &person, &version, &one, proposal, &pairs).await;
    }
    match change::apply(&runtime, &person, &pairs, proposal, Means::Return).await {
        Applied::Now(made) => Ok(change::done(&made)),
        Applied::Stale => {
            let words = "тем временем действует другая версия: посмотрите, что изменится теперь";
            let now = newest(&runtime, &municipality).ok_or_else(problem::missing)?;
            one_page(&runtime, &person, &now, &one, told(words.to_owned())).await
        }
        Applied::Failed(response) => Ok(*response),
    }
}

async fn looked(
    runtime: &Runtime,
    person: &Person,
    version: &Arc<Version>,
    one: &Version,
    proposal: Proposal,
    pairs: &Pairs,
) -> Result<Response, Response> {
    let title = format!("Вернуть версию {}", one.number);
    let municipality = &version.road_map.municipality.id;
    let address = format!("/m/{municipality}/definitions/versions/{}", one.number);
    let looked = Looked { newest: version, proposal, title: &title, address: &address, pairs };
    change::page(runtime, person, looked).await
}

/// The newest version, and the one of this number.
fn both(
    runtime: &Runtime,
    municipality: &str,
    number: &str,
) -> Option<(Arc<Version>, Arc<Version>)> {
    let version = newest(runtime, municipality)?;
    let one = runtime.road_maps().version(municipality, number.parse().ok()?)?;
    Some((version, one))
}

async fn one_page(
    runtime: &Runtime,
    person: &Person,
    version: &Arc<Version>,
    one: &Arc<Version>,
    (done, refused): (bool, Option<String>),
) -> Result<Response, Response> {
    let all = runtime.road_maps().history(&version.road_map.municipality.id);
    let before = all.iter().rfind(|other| other.number < one.number).cloned();
    let own = one.clone();
    let differences = spawn_blocking(move || before.map(|before| between(&before, &own)));
    let differences = differences.await.map_err(|e| problem::unavailable(&e))?;
    let mut context = administrator::context(runtime, version, person);
    context["version"] = describe(version, one);
    context["differences"] = json!(differences);
    context["done"] = done.into();
    context["refused"] = json!(refused);
    let status = match refused {
        Some(_) => StatusCode::CONFLICT,
        None => StatusCode::OK,
    };
    Ok(view::page(status, "definition-version.html", &context))
}

fn describe(newest: &Version, one: &Version) -> Value {
    let map = &newest.road_map;
    let at = map.municipality.time_zone.to_datetime(one.applied_at);
    let address = format!("/m/{}/definitions", map.municipality.id);
    json!({
        "number": one.number,
        "at": at.strftime("%d.%m.%Y %H:%M").to_string(),
        "by": actor(map, &one.applied_by),
        "means": one.means.words(),
        "current": one.number == newest.number,
        "link": format!("{address}/versions/{}", one.number),
        "archive": format!("{address}/road-map.zip?version={}", one.number),
    })
}

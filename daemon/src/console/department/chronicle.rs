//! A municipality's journal: all that was done in it, newest first, looked for by kind, person, words and
//! day; and the proof that nothing in it was changed.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::ToSpan as _;
use jiff::civil::Date;
use serde_json::{Value, json};
use strum::VariantArray as _;
use tokio::sync::Semaphore;
use vekha_engine::{EntryKind, RunKey};
use vekha_roadmap::RoadMap;

use crate::console::department::administrator;
use crate::console::department::journal::line;
use crate::console::department::run::{Missing, named_run, refused};
use crate::console::frame::access::Person;
use crate::console::frame::paging::{self, Asked, ROWS, address, asked};
use crate::console::frame::posted::{Fields, value};
use crate::console::frame::{problem, view, words};
use crate::glossary;
use crate::runtime::Runtime;
use crate::runtime::road_maps::Version;
use crate::runtime::views::verified::{Verified, verify};
use crate::store::entities::journal;
use crate::store::read::Filter;
use crate::store::read::journal::Looked;
use crate::store::write::activities::LETTERS;
use crate::store::{StoreError, micros};

/// Entries of the whole journal that are looked through for one page.
const LOOKED: i64 = 50_000;

/// Whole journals are followed one at a time: each reads all that was ever done.
static FOLLOWED: Semaphore = Semaphore::const_new(1);

/// `GET /m/{municipality}/journal?kind=…&who=…&text=…&until=2027-03-01&before=1234`
pub async fn show(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Path(municipality): Path<String>,
    Query(query): Query<Asked>,
) -> Result<Response, Response> {
    let missing = || refused(Missing::Unknown);
    let version = runtime.road_maps().newest(&municipality).ok_or_else(missing)?;
    page(&runtime, &version, &person, &query, None).await.map_err(away)
}

/// `POST /m/{municipality}/journal`: is it whole?
pub async fn act(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Path(municipality): Path<String>,
    Query(query): Query<Asked>,
    Fields(pairs): Fields,
) -> Result<Response, Response> {
    let missing = || refused(Missing::Unknown);
    let version = runtime.road_maps().newest(&municipality).ok_or_else(missing)?;
    if value(&pairs, "_action") != "verify" {
        return Ok(problem::no_such_page().await);
    }
    let filter = Filter { municipality: Some(municipality), ..Filter::default() };
    // It is never closed.
    let place = FOLLOWED.acquire().await.ok();
    let verified = verify(runtime.store(), &filter).await.map_err(away)?;
    drop(place);
    page(&runtime, &version, &person, &query, Some(verified)).await.map_err(away)
}

fn away(e: StoreError) -> Response {
    refused(Missing::Unavailable(e))
}

async fn page(
    runtime: &Runtime,
    version: &Version,
    person: &Person,
    query: &Asked,
    verified: Option<Verified>,
) -> Result<Response, StoreError> {
    let map = &version.road_map;
    let store = runtime.store();
    let until = asked(query, "until");
    let day = until.parse::<Date>().ok();
    let mut before = asked(query, "before").parse::<i64>().unwrap_or(i64::MAX).max(1);
    if let Some(day) = day {
        let next = day.saturating_add(1.day()).at(0, 0, 0, 0);
        let next = map.municipality.time_zone.to_timestamp(next).map_or(i64::MAX, micros);
        before = before.min(store.cursor_at(next).await?);
    } else if before == i64::MAX {
        before = store.newest_entry().await?.map_or(1, |entry| entry.cursor + 1);
    }
    let from = before.saturating_sub(LOOKED).max(1);
    let looked = Looked {
        municipality: map.municipality.id.clone(),
        kind: asked(query, "kind").to_owned(),
        actor: asked(query, "who").to_owned(),
        text: asked(query, "text").to_owned(),
    };
    // One more than are shown tells whether there are others.
    let mut found = store.entries_back(&looked, (from, before), ROWS as u64 + 1).await?;
    let full = found.len() > ROWS;
    found.truncate(ROWS);
    let next = match found.last().filter(|_| full) {
        Some(last) => Some(last.cursor),
        None => (from > 1).then_some(from),
    };
    let mut context = administrator::context(runtime, version, person);
    context["journal"] = found.iter().map(|entry| described(map, entry)).collect();
    context["earlier"] = next.map(|cursor| address(query, "before", &cursor.to_string())).into();
    context["newest"] =
        (!asked(query, "before").is_empty()).then(|| address(query, "before", "")).into();
    context["looked"] = (!full && from > 1).into();
    context["filters"] =
        paging::filters(&format!("/m/{}/journal", map.municipality.id), query, fields(query));
    context["wrong_day"] = (!until.is_empty() && day.is_none()).then_some(until).into();
    context["verified"] = verified.map_or(json!(null), |verified| told(map, &verified));
    Ok(view::page(StatusCode::OK, "chronicle.html", &context))
}

/// By what entries are looked for.
fn fields(query: &Asked) -> Vec<Value> {
    let mut kinds: Vec<(&'static str, String)> = EntryKind::VARIANTS
        .iter()
        .map(|kind| (<&'static str>::from(*kind), words::capital(glossary::entry(*kind))))
        .collect();
    kinds.sort_by(|(_, a), (_, b)| a.cmp(b));
    let any = ("", "любые".to_owned());
    let mut day = paging::words(query, "until", "По день");
    day["type"] = "date".into();
    vec![
        paging::choice(query, "kind", "Записи", [any].into_iter().chain(kinds)),
        paging::words(query, "who", "Кто"),
        paging::words(query, "text", "В записи"),
        day,
    ]
}

/// An entry, and in what it was made.
fn described(map: &RoadMap, entry: &journal::Model) -> Value {
    let mut described = line(map, entry);
    let mut place = entry.run.split('/').skip(1);
    described["of"] = match (entry.run.parse::<RunKey>(), place.next()) {
        (Ok(key), _) => named_run(map, &key),
        (Err(_), Some(LETTERS)) => json!({
            "name": "Письма", "link": format!("/m/{}/letters", map.municipality.id),
        }),
        (Err(_), Some(activity)) => json!({
            "name": map.activity(activity).map_or(activity, |a| a.short.as_str()),
            "link": format!("/runs/{}/{activity}", map.municipality.id),
        }),
        (Err(_), None) => json!(null),
    };
    described
}

/// What the proof came to.
fn told(map: &RoadMap, verified: &Verified) -> Value {
    let broken = verified.broken.as_ref().map(|broken| {
        json!({
            "reason": broken.reason,
            "entry": broken.entry.as_ref().map(|entry| described(map, entry)),
        })
    });
    json!({ "runs": verified.runs, "entries": verified.entries, "broken": broken })
}

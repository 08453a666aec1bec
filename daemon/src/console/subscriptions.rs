//! Calendars to subscribe to: what programs read, and how an address of one is given on pages.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use vekha_roadmap::model::Municipality;

use crate::access::secrets;
use crate::console::frame::sending::known as known_mark;
use crate::console::frame::{packed, posted, problem, view, words};
use crate::console::school::link::{self, Closed};
use crate::runtime::Runtime;
use crate::runtime::acts::calendars::{NewCalendar, NoCalendar};
use crate::runtime::request;
use crate::runtime::views::calendar;
use crate::store::entities;
use crate::store::read::calendars::Reader;
use crate::store::{StoreError, instant};

/// `GET /calendar/{secret}.ics`
pub async fn read(
    State(runtime): State<Arc<Runtime>>,
    Path(file): Path<String>,
    headers: HeaderMap,
) -> Response {
    match text(&runtime, &file).await {
        Ok(Some(text)) => {
            let etag = format!("\"{}\"", &secrets::hash(&text)[..32]);
            let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|of| of.to_str().ok());
            let mut known = known.flat_map(|all| all.split(',')).map(str::trim);
            let kept = [(ETAG, etag.clone()), (CACHE_CONTROL, "private, no-cache".to_owned())];
            if known.any(|one| one == "*" || one.trim_start_matches("W/") == etag) {
                return (StatusCode::NOT_MODIFIED, kept).into_response();
            }
            let kind = [(CONTENT_TYPE, "text/calendar; charset=utf-8")];
            (kept, kind, text).into_response()
        }
        Ok(None) => {
            (StatusCode::NOT_FOUND, "Такого календаря нет: он отозван или адрес неверен.\n")
                .into_response()
        }
        Err(e) => problem::unavailable(&e),
    }
}

/// The calendar behind an address; none if it is nobody's, or may not be read any more.
async fn text(runtime: &Runtime, file: &str) -> Result<Option<String>, StoreError> {
    let secret = file.strip_suffix(".ics").filter(|secret| {
        // What cannot be a secret does not reach the database.
        secret.len() == 43
            && secret.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    });
    let Some(secret) = secret else { return Ok(None) };
    let row = runtime.store().calendar_by_hash(&secrets::hash(secret)).await?;
    let Some(row) = row else { return Ok(None) };
    let Some(version) = runtime.road_maps().newest(&row.municipality) else { return Ok(None) };
    if row.person.is_empty() {
        let known = version.road_map.organisation(&row.organisation).is_some();
        return match known {
            true => calendar::of_organisation(runtime, &version, &row.organisation).await.map(Some),
            false => Ok(None),
        };
    }
    match runtime.still_looks(&row.person, &row.municipality).await? {
        true => calendar::of_department(runtime, &version).await.map(Some),
        false => Ok(None),
    }
}

/// What a page shows of the calendars of a reader.
pub async fn known(
    runtime: &Runtime,
    municipality: &Municipality,
    reader: Reader<'_>,
) -> Result<Value, StoreError> {
    let rows = runtime.store().calendars_of(&municipality.id, reader).await?;
    let shown = |row: &entities::calendar::Model| {
        json!({
            "id": row.id,
            "by": row.created_by.split(" <").next().unwrap_or_default(),
            "at": words::short_moment(municipality, instant(row.created_at)),
        })
    };
    Ok(rows.iter().map(shown).collect())
}

/// What a page shows of a calendar that was just given.
pub fn given(given: Result<NewCalendar, NoCalendar>) -> Result<Value, StoreError> {
    match given {
        Ok(new) => Ok(json!({ "url": new.url })),
        Err(NoCalendar::Before) => Ok(json!({ "before": true })),
        Err(NoCalendar::Enough) => Ok(json!({ "enough": true })),
        Err(NoCalendar::Away(e)) => Err(e),
    }
}

/// `POST /a/{token}/calendar`: whoever has an organisation's link may have its calendar, which shows
/// terms and titles and opens no form.
pub async fn subscribe(
    State(runtime): State<Arc<Runtime>>,
    Path(token): Path<String>,
    request: Request,
) -> Response {
    // Whoever has no link is told so before anything is read.
    let opened = match link::open(&runtime, &token).await {
        Ok(opened) => opened,
        Err(Closed::Unknown) => return problem::unknown_link(),
        Err(Closed::Unavailable(e)) => return problem::unavailable(&e),
    };
    let pairs = match posted::pairs(request).await {
        Ok(pairs) => pairs,
        Err(unread) => return *unread,
    };
    let once = known_mark(posted::value(&pairs, "_once"));
    let request = (!once.is_empty()).then(|| {
        let about = format!("{}/calendar/{once}", opened.id);
        runtime.noted(&request::Request::of_document(about, "page", &pairs), String::new())
    });
    let municipality = &opened.run.key.municipality;
    let reader = Reader::Organisation(&opened.key.organisation);
    let actor = format!("page:{}", opened.key.organisation);
    let new = runtime.give_calendar(municipality, reader, request, &actor).await;
    let given = match given(new) {
        Ok(given) => given,
        Err(e) => return problem::unavailable(&e),
    };
    let map = &opened.version.road_map;
    let organisation = map.organisation(&opened.key.organisation);
    let context = json!({
        "rehearsal": runtime.clock().rehearses(),
        "authority": map.municipality.authority,
        "contact": map.municipality.contact,
        "organisation": { "name": organisation.map(|o| &o.name) },
        "back": format!("/a/{}", opened.token),
        "calendar": given,
    });
    packed::never(view::page(StatusCode::OK, "calendar.html", &context))
}

//! A municipality's letters: which wait, which did not arrive, which went out; trying again what did
//! not arrive, and holding all of them while something in them is being mended.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use sea_orm::Order;
use serde_json::json;
use vekha_engine::{LetterKind, limits};
use vekha_roadmap::model::RoadMap;

use crate::access::Role;
use crate::console::department::run::{Missing, actor, refused};
use crate::console::department::{administrator, journal, letters};
use crate::console::frame::access::Person;
use crate::console::frame::paging::{self, Asked, ROWS, address, asked};
use crate::console::frame::posted::{Fields, value};
use crate::console::frame::sending::known;
use crate::console::frame::{problem, view, words};
use crate::glossary;
use crate::runtime::Runtime;
use crate::runtime::request::Request;
use crate::runtime::road_maps::Version;
use crate::store::StoreError;
use crate::store::entities::activity;
use crate::store::read::letters::Wanted;
use crate::store::write::activities::{Pause, Paused, chain_of_letters};
use crate::store::write::outbox::Again;

/// What a list shows: its name in the address, its title, the states of its letters, and whether those
/// come first that were longest ago.
const LISTS: [(&str, &str, &[&str], Order); 4] = [
    ("failed", "Не доставлены", &["failed"], Order::Desc),
    ("waiting", "Ждут отправки", &["pending", "sending"], Order::Asc),
    ("sent", "Отправлены", &["sent"], Order::Desc),
    ("obsolete", "Не понадобились", &["obsolete"], Order::Desc),
];

/// Entries of the letters' journal that the page shows.
const ENTRIES: u64 = 10;

/// What was sent and refused.
#[derive(Debug, Default)]
struct Wrong {
    reason: String,
    why: String,
}

/// `GET /m/{municipality}/letters?state=failed&organisation=…&kind=…&page=2`
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

/// `POST /m/{municipality}/letters`
pub async fn act(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Path(municipality): Path<String>,
    Query(query): Query<Asked>,
    Fields(pairs): Fields,
) -> Result<Response, Response> {
    let missing = || refused(Missing::Unknown);
    let version = runtime.road_maps().newest(&municipality).ok_or_else(missing)?;
    let (action, reason) = (value(&pairs, "_action"), value(&pairs, "reason"));
    let actor = person.actor();
    let once = known(value(&pairs, "_once"));
    let request = (!once.is_empty()).then(|| {
        // The page has a button for each letter: two of them are two requests.
        let about = format!("letters/{action}/{}/{once}", value(&pairs, "letter"));
        let request = Request::of_document(about, "page", &pairs);
        runtime.noted(&request, String::new())
    });
    let decides = person.role_in(&version.road_map) >= Role::Approver;
    match action {
        "retry" => {
            let organisation = Some(asked(&query, "organisation")).filter(|code| !code.is_empty());
            let which = Again::All { municipality: &municipality, organisation };
            runtime.retry_letters(which, &municipality, &actor, request).await.map_err(away)?;
        }
        "retry-one" => {
            let id = format!("{}@{municipality}.vekha", value(&pairs, "letter"));
            let row = runtime.store().message_by_id(&id).await.map_err(away)?;
            let row = row.ok_or_else(missing)?;
            let which = Again::One(&row);
            runtime.retry_letters(which, &municipality, &actor, request).await.map_err(away)?;
        }
        "hold" | "release" if decides => {
            let held = action == "hold";
            let wrong = limits::reason("reason", reason);
            if let Some(wrong) = wrong.filter(|_| held || !reason.trim().is_empty()) {
                let wrong = Wrong { reason: reason.to_owned(), why: wrong.message };
                return page(&runtime, &version, &person, &query, Some(wrong)).await.map_err(away);
            }
            let row = runtime.letters_held(&municipality).await.map_err(away)?;
            // Somebody has done it already: that is what was wanted.
            if row.is_some_and(|row| row.paused) != held {
                let pause = Pause { paused: held, reason, actor: &actor };
                let done = runtime.hold_letters(&municipality, pause, None, request).await;
                match done.map_err(away)? {
                    Paused::Unknown => return Err(missing()),
                    Paused::Now | Paused::Before | Paused::Stale => {}
                }
            }
        }
        "hold" | "release" => {
            let words = "Останавливает и возобновляет отправку руководитель.";
            return Ok(problem::page(StatusCode::FORBIDDEN, "Нет доступа", &[words]));
        }
        _ => return Ok(problem::no_such_page().await),
    }
    let back = address(&query, "done", action);
    Ok(Redirect::to(&format!("/m/{municipality}/letters{back}")).into_response())
}

fn away(e: StoreError) -> Response {
    refused(Missing::Unavailable(e))
}

/// That letters are held, for pages beside this one.
pub fn held_words(map: &RoadMap, held: &activity::Model) -> String {
    format!("Отправка писем остановлена: {} ({})", held.reason, actor(map, &held.actor))
}

/// The kinds of letters, as the list is narrowed by them.
fn kinds(map: &RoadMap, query: &Asked) -> Vec<serde_json::Value> {
    let any = [("", "любые".to_owned())];
    let kinds = LetterKind::ALL.iter().map(|k| (k.as_str(), words::capital(glossary::letter(*k))));
    let everybody = [("", "все".to_owned())];
    let organisations = map.organisations.iter().map(|o| (o.code.as_str(), o.short.clone()));
    vec![
        paging::choice(query, "organisation", "Кому", everybody.into_iter().chain(organisations)),
        paging::choice(query, "kind", "Письма", any.into_iter().chain(kinds)),
    ]
}

async fn page(
    runtime: &Runtime,
    version: &Version,
    person: &Person,
    query: &Asked,
    wrong: Option<Wrong>,
) -> Result<Response, StoreError> {
    let map = &version.road_map;
    let municipality = map.municipality.id.as_str();
    let store = runtime.store();
    let wanted = |states| Wanted {
        municipality,
        states,
        organisation: asked(query, "organisation"),
        kind: asked(query, "kind"),
    };
    let [failed, waiting, ..] = LISTS;
    let failed = store.count_letters(wanted(failed.2)).await?;
    let waiting = store.count_letters(wanted(waiting.2)).await?;
    let chosen = LISTS.iter().find(|(id, ..)| *id == asked(query, "state"));
    // What needs somebody comes first, as long as nobody asks for anything else.
    let first = if failed > 0 { 0 } else { 2 };
    let (id, title, states, order) = chosen.unwrap_or(&LISTS[first]);
    let place: u64 = asked(query, "page").parse().unwrap_or(1).clamp(1, 100_000);
    let rows = ROWS as u64;
    // One more than are shown tells whether there is another page: to count all that ever went out
    // would cost more than to show them.
    let mut found =
        store.letters(wanted(states), order.clone(), (place - 1) * rows, rows + 1).await?;
    let more = found.len() > ROWS;
    found.truncate(ROWS);
    let held = runtime.letters_held(municipality).await?;
    let chain = store.journal_tail(&chain_of_letters(municipality), ENTRIES).await?;
    let to = |page: u64| {
        address(query, "page", &if page > 1 { page.to_string() } else { String::new() })
    };
    let mut unpaged = query.clone();
    unpaged.remove("page");
    let mut context = administrator::context(runtime, version, person);
    context["lists"] = LISTS
        .iter()
        .map(|(name, title, ..)| {
            let count = match *name {
                "failed" => Some(failed),
                "waiting" => Some(waiting),
                _ => None,
            };
            json!({
                "title": title, "count": count, "current": name == id,
                "link": address(&unpaged, "state", name),
            })
        })
        .collect();
    context["title"] = (*title).into();
    context["letters"] = found.iter().map(|row| letters::line(map, row)).collect();
    context["to_one"] = (!asked(query, "organisation").is_empty()).into();
    context["retries"] = (*id == "failed" && failed > 0).then_some(failed).into();
    context["before"] = (place > 1).then(|| to(place - 1)).into();
    context["after"] = more.then(|| to(place + 1)).into();
    context["place"] = place.into();
    context["filters"] =
        paging::filters(&format!("/m/{}/letters", map.municipality.id), query, kinds(map, query));
    context["held"] = match held.filter(|row| row.paused) {
        Some(row) => json!({ "reason": row.reason, "actor": actor(map, &row.actor) }),
        None => json!(null),
    };
    context["decides"] = (person.role_in(map) >= Role::Approver).into();
    context["journal"] = chain.iter().map(|entry| journal::line(map, entry)).collect();
    context["once"] = uuid::Uuid::now_v7().to_string().into();
    context["done"] = asked(query, "done").into();
    context["state"] = (*id).into();
    let status = if wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    context["wrong"] = match wrong {
        Some(Wrong { reason, why }) => json!({ "reason": reason, "why": why }),
        None => json!(null),
    };
    Ok(view::page(status, "outbox.html", &context))
}

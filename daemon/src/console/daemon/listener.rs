//! One listener: of what it is told, whether it is, and its removal, for administrators of all
//! municipalities. The page of the daemon adds one and shows all.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use jiff::SignedDuration;
use serde_json::{Value, json};
use vekha_engine::EntryKind;
use vekha_roadmap::russian::plural;

use super::{allowed, line, no_access};
use crate::console::frame::access::{self, Person};
use crate::console::frame::meanwhile::{self, Meanwhile};
use crate::console::frame::posted::{Fields, Pairs, value};
use crate::console::frame::{packed, problem, shown as seen, view, words};
use crate::console::people::{Refused, asker, moment};
use crate::glossary;
use crate::runtime::Runtime;
use crate::runtime::acts::access::{AccessError, Asker};
use crate::runtime::acts::listeners::{MadeListener, Wishes, listener_etag, shown_url};
use crate::store::entities::listener;
use crate::store::instant;

/// How long the secret before signs after a page replaced it.
const OVERLAP: SignedDuration = SignedDuration::from_hours(24);

/// Where all listeners are.
const ALL: &str = "/daemon#listeners";

/// What a page shows beside how things are.
#[derive(Default)]
struct Shown {
    /// What was done.
    done: Option<&'static str>,
    /// A secret that was just made.
    secret: Option<String>,
    refused: Refused,
    /// What was said and not done.
    said: Option<Wishes>,
    /// What somebody else changed while the form was open.
    meanwhile: Option<Meanwhile>,
}

/// `GET /daemon/listeners/{listener}`
pub async fn show(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Path(id): Path<String>,
) -> Result<Response, Response> {
    if !allowed(&person) {
        return Err(no_access());
    }
    let row = known(&runtime, &id).await?.ok_or_else(problem::missing)?;
    page(&runtime, &person, &row, Shown::default()).await
}

/// `POST /daemon/listeners/{listener}`: changes it, disables and enables it, replaces its secret,
/// removes it.
pub async fn act(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Path(id): Path<String>,
    Fields(pairs): Fields,
) -> Result<Response, Response> {
    if !allowed(&person) {
        return Err(no_access());
    }
    // Removed by the same button, or by somebody else.
    let Some(row) = known(&runtime, &id).await? else {
        return Ok(Redirect::to(ALL).into_response());
    };
    let actor = person.actor();
    let asker = asker(&person, &actor, &pairs);
    let action = value(&pairs, "_action");
    let wishes = match action {
        "save" => Wishes { disabled: row.disabled, ..said(&pairs) },
        "disable" | "enable" => Wishes { disabled: action == "disable", ..wished(&row) },
        "rotate" | "remove" => wished(&row),
        _ => return Ok(problem::no_such_page().await),
    };
    let done = match action {
        "rotate" => rotated(&runtime, &asker, &row).await,
        "remove" => match runtime.remove_listener(&asker, &row).await {
            Ok(()) => return Ok(Redirect::to(ALL).into_response()),
            Err(e) => Err(e),
        },
        _ => runtime.set_listener(&asker, &row, wishes.clone()).await.map(|_| Shown {
            done: Some(match action {
                "disable" => "Отключён: записи его ждут.",
                "enable" => "Включён: передаётся с того места, где остановились.",
                _ => "Сохранено.",
            }),
            ..Shown::default()
        }),
    };
    let is_saving = action == "save";
    let row = known(&runtime, &id).await?.ok_or_else(problem::missing)?;
    let shown = match done {
        Ok(shown) => shown,
        Err(AccessError::Stale) if is_saving => {
            let seen = seen::Shown::read(value(&pairs, "_shown"));
            let both = Meanwhile::between(&seen, &as_posted(&wished(&row)), &as_posted(&wishes));
            let refused = Refused { status: StatusCode::CONFLICT, ..Refused::default() };
            let said = Some(said(&both.filled));
            Shown { refused, said, meanwhile: Some(both), ..Shown::default() }
        }
        Err(e) => {
            let said = is_saving.then_some(wishes);
            let refused = Refused::of(e).map_err(|response| *response)?;
            Shown { refused, said, ..Shown::default() }
        }
    };
    page(&runtime, &person, &row, shown).await
}

async fn known(runtime: &Runtime, id: &str) -> Result<Option<listener::Model>, Response> {
    runtime.store().listener(id).await.map_err(|e| problem::unavailable(&e))
}

async fn rotated(
    runtime: &Runtime,
    asker: &Asker<'_>,
    row: &listener::Model,
) -> Result<Shown, AccessError> {
    let MadeListener { secret, .. } = runtime.rotate_listener(asker, row, OVERLAP).await?;
    let done = match secret {
        Some(_) => "Секрет заменён; прежний подписывает ещё сутки.",
        None => "Секрет уже заменён; он показывается только один раз.",
    };
    Ok(Shown { done: Some(done), secret, ..Shown::default() })
}

/// What a form says of a listener.
pub(super) fn said(pairs: &Pairs) -> Wishes {
    let word = |name: &str| value(pairs, name).trim().to_owned();
    let ticked = |name: &str| {
        let of = pairs.iter().filter(|(field, _)| field == name);
        of.map(|(_, value)| value.clone()).collect()
    };
    Wishes {
        url: word("url"),
        municipality: word("municipality"),
        activities: ticked("activities"),
        kinds: ticked("kinds"),
        disabled: false,
    }
}

/// As a form posts it.
fn as_posted(wishes: &Wishes) -> Pairs {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut pairs =
        vec![pair("url", shown_url(&wishes.url)), pair("municipality", &wishes.municipality)];
    pairs.extend(wishes.activities.iter().map(|id| pair("activities", id)));
    pairs.extend(wishes.kinds.iter().map(|kind| pair("kinds", kind)));
    pairs
}

/// How a form's field of a listener is called and what its values say, for people.
fn told(field: &str, values: &[String]) -> (String, String) {
    let kind = |value: &String| match EntryKind::ALL.iter().find(|kind| kind.as_str() == value) {
        Some(kind) => glossary::entry(*kind).to_owned(),
        None => value.clone(),
    };
    let label = match field {
        "url" => "Адрес",
        "municipality" => "О чём сообщать: муниципалитет",
        "activities" => "Мероприятия",
        _ => "Записи журнала",
    };
    let words: Vec<String> = match field {
        "kinds" => values.iter().map(kind).collect(),
        _ => values.to_vec(),
    };
    let words = match (field, words.is_empty()) {
        ("url", true) => String::new(),
        (_, true) => "все".to_owned(),
        (_, false) => words.join(", "),
    };
    (label.to_owned(), words)
}

/// What was said of a listener so far.
fn wished(row: &listener::Model) -> Wishes {
    let words = |list: Vec<&str>| list.into_iter().map(str::to_owned).collect();
    Wishes {
        url: row.url.clone(),
        municipality: row.municipality.clone(),
        activities: words(row.activities()),
        kinds: words(row.kinds()),
        disabled: row.disabled,
    }
}

/// Of what a listener may be told, and what of it is chosen. What is chosen and not there any more is
/// shown, too, so that it can be taken back.
pub(super) fn choices(runtime: &Runtime, chosen: &Wishes) -> Value {
    let maps = runtime.road_maps().all_newest();
    let option = |value: &str, words: String, chosen: bool| json!({ "value": value, "words": words, "chosen": chosen });
    let mut municipalities: Vec<Value> = Vec::new();
    let mut activities: Vec<(u32, &str, &str)> = Vec::new();
    for version in &maps {
        let municipality = &version.road_map.municipality;
        let is = municipality.id == chosen.municipality;
        municipalities.push(option(&municipality.id, format!("только {}", municipality.name), is));
        for activity in &version.road_map.activities {
            // Municipalities that have adopted the same decree call its activities alike.
            if activities.iter().all(|(_, id, _)| *id != activity.id) {
                activities.push((activity.number, &activity.id, &activity.title));
            }
        }
    }
    activities.sort_unstable();
    let gone = &chosen.municipality;
    if !gone.is_empty() && maps.iter().all(|v| v.road_map.municipality.id != *gone) {
        municipalities.push(option(gone, format!("только {gone} (его больше нет)"), true));
    }
    let is = |list: &[String], value: &str| list.iter().any(|one| one == value);
    let lost: Vec<&String> = chosen
        .activities
        .iter()
        .filter(|id| activities.iter().all(|(_, own, _)| own != id))
        .collect();
    let activities = activities.iter().map(|(number, id, title)| {
        option(id, format!("{number}. {title}"), is(&chosen.activities, id))
    });
    let lost = lost.iter().map(|id| option(id, format!("{id} (такого больше нет)"), true));
    let kind = |kind: &&EntryKind| {
        let words = words::capital(glossary::entry(**kind));
        option(kind.as_str(), words, is(&chosen.kinds, kind.as_str()))
    };
    let (of_access, usual): (Vec<_>, Vec<_>) =
        EntryKind::ALL.iter().partition(|kind| kind.is_of_access());
    json!({
        "municipalities": municipalities,
        "activities": activities.chain(lost).collect::<Vec<_>>(),
        "some_activities": !chosen.activities.is_empty(),
        "kinds": usual.iter().map(kind).collect::<Vec<_>>(),
        "of_access": of_access.iter().map(kind).collect::<Vec<_>>(),
        "some_kinds": !chosen.kinds.is_empty(),
    })
}

async fn page(
    runtime: &Runtime,
    person: &Person,
    row: &listener::Model,
    shown: Shown,
) -> Result<Response, Response> {
    let Shown { done, secret, refused, said, meanwhile } = shown;
    let store = runtime.store();
    let waiting = store.entries_after(row.cursor).await.map_err(|e| problem::unavailable(&e))?;
    let undelivered = store.count_undelivered().await.map_err(|e| problem::unavailable(&e))?;
    let undelivered = undelivered.get(&row.id).copied().unwrap_or_default();
    let wishes = said.unwrap_or_else(|| wished(row));
    let mut context = access::head(runtime, person);
    context["one"] = line(runtime, row, waiting, Some(undelivered));
    context["plugin"] = row.plugin.clone().into();
    context["is_named"] = runtime.names_listener(&row.id).into();
    context["disabled"] = row.disabled.into();
    context["by"] = row.created_by.clone().into();
    context["created"] = moment(runtime, row.created_at).into();
    let both = instant(row.before_until) > runtime.clock().of_people();
    context["overlap"] = both.then(|| moment(runtime, row.before_until)).into();
    context["lost"] = lost(waiting, undelivered).into();
    context["url"] = shown_url(&wishes.url).into();
    context["choice"] = choices(runtime, &wishes);
    context["shown"] = meanwhile::shown(&as_posted(&wished(row))).to_string().into();
    context["meanwhile"] = json!(meanwhile.map(|both| both.told(told)));
    context["done"] = done.into();
    context["secret"] = secret.into();
    context["refused"] = refused.shown();
    context["etag"] = listener_etag(row).into();
    context["once"] = uuid::Uuid::now_v7().to_string().into();
    Ok(packed::never(view::page(refused.status, "listener.html", &context)))
}

/// What is lost with a listener.
fn lost(waiting: u64, undelivered: i64) -> String {
    let records = |count: i64| format!("{count} {}", plural(count, "запись", "записи", "записей"));
    let waiting = i64::try_from(waiting).unwrap_or(i64::MAX);
    match (waiting, undelivered) {
        (0, 0) => "Сейчас его ничто не ждёт.".to_owned(),
        (0, undelivered) => {
            format!("Он не получит того, чего не принял: {}.", records(undelivered))
        }
        (waiting, 0) => format!("Он не получит того, что его ждёт: {}.", records(waiting)),
        (waiting, undelivered) => format!(
            "Он не получит того, что его ждёт ({}), и того, чего не принял ({}).",
            records(waiting),
            records(undelivered)
        ),
    }
}

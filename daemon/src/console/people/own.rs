//! One's own account: the password, where one is signed in, whether one is told on a morning what waits,
//! the filters that one comes back to, and calendars to subscribe to.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde_json::{Value, json};

use super::{Refused, moment, own_path, passkeys, slowed, through, ways_in, whence, words};
use crate::access::gate::{Gate, goes_on};
use crate::access::{Role, password};
use crate::console::frame::access::{self, Person};
use crate::console::frame::posted::{self, Pairs, value};
use crate::console::frame::sending::known;
use crate::console::frame::{packed, problem, view};
use crate::console::subscriptions;
use crate::port;
use crate::runtime::Runtime;
use crate::runtime::acts::access::AccessError;
use crate::runtime::request;
use crate::store::entities::saved_filter;
use crate::store::read::calendars::Reader;

/// `GET /me`
pub async fn show(
    State(runtime): State<Arc<Runtime>>,
    Extension(gate): Extension<Arc<Gate>>,
    Extension(person): Extension<Person>,
    request: Request,
) -> Response {
    let done = request.uri().query().and_then(|query| query.strip_prefix("done="));
    page(&runtime, &gate, &person, &Shown { done, ..Shown::default() }).await
}

/// `POST /me`
pub async fn act(
    State(runtime): State<Arc<Runtime>>,
    Extension(gate): Extension<Arc<Gate>>,
    Extension(person): Extension<Person>,
    request: Request,
) -> Response {
    let Some(own) = person.person() else { return problem::no_such_page().await };
    let (headers, peer) = (request.headers().clone(), port::peer(request.extensions()));
    let pairs = match posted::pairs(request).await {
        Ok(pairs) => pairs,
        Err(response) => return *response,
    };
    let action = value(&pairs, "_action");
    let done = match action {
        "password" => {
            let (before, chosen) = (value(&pairs, "before"), value(&pairs, "password"));
            let from = whence(&headers, peer.clone());
            let done = runtime.change_password(&person, before, chosen, &from).await;
            slowed(&done, "before", &peer).await;
            done
        }
        "elsewhere" => {
            let ended = runtime.sign_out_elsewhere(&own.id, &own.session).await;
            ended.map_err(AccessError::from)
        }
        "summary" if person.roles.anywhere() < Some(Role::Viewer) => {
            return problem::no_such_page().await;
        }
        "summary" | "no-summary" => runtime.want_summaries(&person, action == "summary").await,
        "save-filter" => {
            let path = value(&pairs, "path");
            // Whatever leads elsewhere has nothing that narrows it: it is refused as no filter.
            runtime.save_filter(&person, value(&pairs, "title"), own_path(path)).await
        }
        "forget-filter" => runtime.forget_filter(&person, value(&pairs, "filter")).await,
        "passkey-begin" => {
            let from = whence(&headers, peer);
            match passkeys::begin_adding(&runtime, &gate, &person, &pairs, from).await {
                Ok((passkey, cookie)) => {
                    let shown = Shown { passkey, ..Shown::default() };
                    let page = page(&runtime, &gate, &person, &shown).await;
                    return passkeys::keeping(page, &cookie);
                }
                Err(e) => Err(e),
            }
        }
        "passkey-add" => passkeys::add(&runtime, &gate, &person, &headers, &pairs).await,
        "passkey-remove" => runtime.remove_passkey(&person, value(&pairs, "removed")).await,
        "calendar-give" | "calendar-take-back" => {
            return calendars(&runtime, &gate, &person, &pairs).await;
        }
        _ => return problem::no_such_page().await,
    };
    let over = gate.passkeys().ok().filter(|_| action == "passkey-add").map(|all| all.over());
    let response = match done.map_err(Refused::of) {
        Ok(()) => Redirect::to(&format!("/me?done={action}")).into_response(),
        Err(Ok(refused)) => {
            let shown = Shown { refused, sent: pairs, ..Shown::default() };
            page(&runtime, &gate, &person, &shown).await
        }
        Err(Err(response)) => *response,
    };
    match over {
        Some(over) => passkeys::keeping(response, &over),
        None => response,
    }
}

/// A calendar of the terms of a municipality in which one has a role is given, or taken back.
async fn calendars(runtime: &Runtime, gate: &Gate, person: &Person, pairs: &Pairs) -> Response {
    let Some(own) = person.person() else { return problem::no_such_page().await };
    let municipality = value(pairs, "municipality");
    if person.roles.within(municipality).is_none()
        || runtime.road_maps().newest(municipality).is_none()
    {
        return problem::no_such_page().await;
    }
    let (action, id) = (value(pairs, "_action"), value(pairs, "calendar"));
    let once = known(value(pairs, "_once"));
    let request = (!once.is_empty()).then(|| {
        let about = format!("me/{}/{municipality}/{action}/{id}/{once}", own.id);
        runtime.noted(&request::Request::of_document(about, "page", pairs), String::new())
    });
    let (actor, reader) = (person.actor(), Reader::Person(&own.id));
    if action == "calendar-take-back" {
        let back = runtime.take_calendar_back(municipality, reader, id, request, &actor).await;
        return match back {
            Ok(_) => Redirect::to("/me?done=calendar").into_response(),
            Err(e) => problem::unavailable(&e),
        };
    }
    let new = runtime.give_calendar(municipality, reader, request, &actor).await;
    match subscriptions::given(new) {
        Ok(given) => {
            let shown = Shown { given, ..Shown::default() };
            packed::never(page(runtime, gate, person, &shown).await)
        }
        Err(e) => problem::unavailable(&e),
    }
}

/// What a page tells besides what there is.
#[derive(Default)]
struct Shown<'a> {
    refused: Refused,
    /// What was sent and refused.
    sent: Pairs,
    /// What was done.
    done: Option<&'a str>,
    /// A calendar's address, if one was just given.
    given: Value,
    /// The passkey that the browser is asked for now.
    passkey: Value,
}

/// A person's filters, for a page.
pub(in crate::console) fn saved_filters(saved: &[saved_filter::Model]) -> Value {
    let shown = |row: &saved_filter::Model| json!({ "id": row.id, "title": row.title, "link": own_path(&row.path) });
    saved.iter().map(shown).collect()
}

async fn page(runtime: &Runtime, gate: &Gate, person: &Person, shown: &Shown<'_>) -> Response {
    let Shown { refused, sent, done, given, passkey } = shown;
    let Some(own) = person.person() else {
        return problem::page(
            StatusCode::NOT_FOUND,
            "Вы вошли не как сотрудник",
            &["Своя страница есть у тех, кто вошёл под своим именем."],
        );
    };
    let sessions = match runtime.store().sessions_of(&own.id).await {
        Ok(sessions) => sessions,
        Err(e) => return problem::unavailable(&e),
    };
    let whom = match runtime.store().person(&own.id).await {
        Ok(Some(whom)) => whom,
        Ok(None) => return problem::no_such_page().await,
        Err(e) => return problem::unavailable(&e),
    };
    let has_password = !whom.row.password.is_empty() && gate.takes_passwords();
    let passkeys = match passkeys::shown(runtime, gate, own, has_password).await {
        Ok(passkeys) => passkeys,
        Err(e) => return problem::unavailable(&e),
    };
    let summary = match runtime.summaries_of(&own.id).await {
        Ok(summary) => summary,
        Err(e) => return problem::unavailable(&e),
    };
    let now = runtime.clock().of_people();
    let sessions: Vec<Value> = sessions
        .iter()
        .filter(|session| goes_on(session, now))
        .map(|s| {
            json!({
                "here": s.hash == own.session,
                "agent": s.agent,
                "address": s.address,
                "through": (!s.issuer.is_empty()).then(|| through(gate, &s.issuer)),
                "since": moment(runtime, s.created_at),
                "seen": moment(runtime, s.seen_at),
            })
        })
        .collect();
    let mut context = access::head(runtime, person);
    context["own"] = json!({
        "name": own.name,
        "email": own.email,
        "roles": words(runtime, &person.roles),
        "ways": ways_in(gate, &whom, passkeys["all"].as_array().map_or(0, Vec::len)),
        "has_password": has_password,
    });
    context["passkeys"] = passkeys;
    context["passkey"] = passkey.clone();
    // What was refused stands there to be corrected.
    let unnamed = value(sent, "_action") == "passkey-begin";
    context["passkey_name"] = if unnamed { value(sent, "passkey") } else { "" }.into();
    context["sessions"] = sessions.into();
    context["summary"] = json!(
        summary.map(|row| { json!({ "next": moment(runtime, row.next_at), "error": row.error }) })
    );
    let mut calendars = Vec::new();
    for version in access::road_maps(runtime, person) {
        let municipality = &version.road_map.municipality;
        match subscriptions::known(runtime, municipality, Reader::Person(&own.id)).await {
            Ok(known) => calendars.push(json!({
                "id": municipality.id, "name": municipality.name, "known": known,
            })),
            Err(e) => return problem::unavailable(&e),
        }
    }
    context["calendars"] = calendars.into();
    context["calendar"] = given.clone();
    context["once"] = uuid::Uuid::now_v7().to_string().into();
    context["filters"] = match runtime.saved_filters(&own.id).await {
        Ok(saved) => saved_filters(&saved),
        Err(e) => return problem::unavailable(&e),
    };
    // What was refused a name stands there to be called by another one.
    let unsaved = value(sent, "_action") == "save-filter";
    context["unsaved"] = json!(
        unsaved.then(|| json!({ "title": value(sent, "title"), "path": value(sent, "path") }))
    );
    context["refused"] = refused.shown();
    context["shortest"] = password::SHORTEST.into();
    context["notice"] = json!(match done {
        Some("password") => Some("Пароль изменён; на других устройствах вход закрыт."),
        Some("calendar") => Some("Календарь отозван: по его адресу больше ничего нет."),
        Some("elsewhere") => Some("На других устройствах вход закрыт."),
        Some("summary") => Some("Сводка будет приходить по утрам рабочих дней."),
        Some("no-summary") => Some("Сводка больше не приходит."),
        Some("passkey-add") => Some("Ключ входа добавлен: в следующий раз можно войти им."),
        Some("passkey-remove") => Some("Ключ входа удалён: войти им больше нельзя."),
        Some("save-filter") => Some("Отбор сохранён: он стоит здесь и на странице «Сегодня»."),
        Some("forget-filter") => Some("Отбор удалён; сам список остался, каким был."),
        _ => None,
    });
    view::page(refused.status, "own.html", &context)
}

//! One's own account: the password, where one is signed in, whether one is told on a morning what waits,
//! and the filters that one comes back to.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde_json::{Value, json};

use super::{Refused, moment, own_path, through, ways_in, words};
use crate::access::gate::{Gate, goes_on};
use crate::access::password;
use crate::console::frame::access::{self, Person};
use crate::console::frame::posted::{Fields, Pairs, value};
use crate::console::frame::{problem, view};
use crate::runtime::Runtime;
use crate::runtime::acts::access::AccessError;
use crate::store::entities::saved_filter;

/// `GET /me`
pub async fn show(
    State(runtime): State<Arc<Runtime>>,
    Extension(gate): Extension<Arc<Gate>>,
    Extension(person): Extension<Person>,
    request: Request,
) -> Response {
    let done = request.uri().query().and_then(|query| query.strip_prefix("done="));
    page(&runtime, &gate, &person, &Refused::default(), &vec![], done).await
}

/// `POST /me`
pub async fn act(
    State(runtime): State<Arc<Runtime>>,
    Extension(gate): Extension<Arc<Gate>>,
    Extension(person): Extension<Person>,
    Fields(pairs): Fields,
) -> Response {
    let Some(own) = person.person() else { return problem::no_such_page().await };
    let action = value(&pairs, "_action");
    let done = match action {
        "password" => {
            let (before, chosen) = (value(&pairs, "before"), value(&pairs, "password"));
            runtime.change_password(&person, before, chosen).await
        }
        "elsewhere" => {
            let ended = runtime.sign_out_elsewhere(&own.id, &own.session).await;
            ended.map_err(AccessError::from)
        }
        "summary" | "no-summary" => runtime.want_summaries(&person, action == "summary").await,
        "save-filter" => {
            let path = value(&pairs, "path");
            // Whatever leads elsewhere has nothing that narrows it: it is refused as no filter.
            runtime.save_filter(&person, value(&pairs, "title"), own_path(path)).await
        }
        "forget-filter" => runtime.forget_filter(&person, value(&pairs, "filter")).await,
        _ => return problem::no_such_page().await,
    };
    match done.map_err(Refused::of) {
        Ok(()) => Redirect::to(&format!("/me?done={action}")).into_response(),
        Err(Ok(refused)) => page(&runtime, &gate, &person, &refused, &pairs, None).await,
        Err(Err(response)) => *response,
    }
}

/// A person's filters, for a page.
pub(in crate::console) fn saved_filters(saved: &[saved_filter::Model]) -> Value {
    let shown = |row: &saved_filter::Model| json!({ "id": row.id, "title": row.title, "link": own_path(&row.path) });
    saved.iter().map(shown).collect()
}

async fn page(
    runtime: &Runtime,
    gate: &Gate,
    person: &Person,
    refused: &Refused,
    sent: &Pairs,
    done: Option<&str>,
) -> Response {
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
        "ways": ways_in(gate, &whom),
        "has_password": !whom.row.password.is_empty() && gate.takes_passwords(),
    });
    context["sessions"] = sessions.into();
    context["summary"] = json!(
        summary.map(|row| { json!({ "next": moment(runtime, row.next_at), "error": row.error }) })
    );
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
        Some("elsewhere") => Some("На других устройствах вход закрыт."),
        Some("summary") => Some("Сводка будет приходить по утрам рабочих дней."),
        Some("no-summary") => Some("Сводка больше не приходит."),
        Some("save-filter") => Some("Отбор сохранён: он стоит здесь и на странице «Сегодня»."),
        Some("forget-filter") => Some("Отбор удалён; сам список остался, каким был."),
        _ => None,
    });
    view::page(refused.status, "own.html", &context)
}

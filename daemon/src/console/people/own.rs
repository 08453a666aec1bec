//! One's own account: the password, where one is signed in, and whether one is told on a morning what
//! waits.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde_json::{Value, json};

use super::{Refused, moment, through, ways_in, words};
use crate::access::gate::{Gate, goes_on};
use crate::access::password;
use crate::console::frame::access::{self, Person};
use crate::console::frame::posted::{Fields, value};
use crate::console::frame::{problem, view};
use crate::runtime::Runtime;

/// `GET /me`
pub async fn show(
    State(runtime): State<Arc<Runtime>>,
    Extension(gate): Extension<Arc<Gate>>,
    Extension(person): Extension<Person>,
    request: Request,
) -> Response {
    let done = request.uri().query().and_then(|query| query.strip_prefix("done="));
    page(&runtime, &gate, &person, &Refused::default(), done).await
}

/// `POST /me`
pub async fn act(
    State(runtime): State<Arc<Runtime>>,
    Extension(gate): Extension<Arc<Gate>>,
    Extension(person): Extension<Person>,
    Fields(pairs): Fields,
) -> Response {
    let Some(own) = person.person() else { return problem::no_such_page().await };
    match value(&pairs, "_action") {
        "password" => {
            let (before, chosen) = (value(&pairs, "before"), value(&pairs, "password"));
            match runtime.change_password(&person, before, chosen).await {
                Ok(()) => Redirect::to("/me?done=password").into_response(),
                Err(e) => match Refused::of(e) {
                    Ok(refused) => page(&runtime, &gate, &person, &refused, None).await,
                    Err(response) => *response,
                },
            }
        }
        "elsewhere" => match runtime.sign_out_elsewhere(&own.id, &own.session).await {
            Ok(()) => Redirect::to("/me?done=elsewhere").into_response(),
            Err(e) => problem::unavailable(&e),
        },
        wanted @ ("summary" | "no-summary") => {
            match runtime.want_summaries(&person, wanted == "summary").await {
                Ok(()) => Redirect::to(&format!("/me?done={wanted}")).into_response(),
                Err(e) => match Refused::of(e) {
                    Ok(refused) => page(&runtime, &gate, &person, &refused, None).await,
                    Err(response) => *response,
                },
            }
        }
        _ => problem::no_such_page().await,
    }
}

async fn page(
    runtime: &Runtime,
    gate: &Gate,
    person: &Person,
    refused: &Refused,
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
    context["refused"] = refused.shown();
    context["shortest"] = password::SHORTEST.into();
    context["notice"] = json!(match done {
        Some("password") => Some("Пароль изменён; на других устройствах вход закрыт."),
        Some("elsewhere") => Some("На других устройствах вход закрыт."),
        Some("summary") => Some("Сводка будет приходить по утрам рабочих дней."),
        Some("no-summary") => Some("Сводка больше не приходит."),
        _ => None,
    });
    view::page(refused.status, "own.html", &context)
}

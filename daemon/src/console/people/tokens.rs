//! The tokens of systems.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use jiff::SignedDuration;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use vekha_roadmap::answers::FieldError;

use super::staff::asker;
use super::{Refused, choices, legend, moment, roles_of, words};
use crate::access::methods;
use crate::console::frame::access::{self, Person};
use crate::console::frame::posted::{Fields, Pairs, value};
use crate::console::frame::{packed, problem, view};
use crate::runtime::Runtime;
use crate::runtime::acts::access::tokens::{NewToken, token_etag};
use crate::runtime::acts::access::{AccessError, Made};
use crate::store::entities::token;
use crate::store::read::access::Holder;

/// How long the secret before is taken after a page replaced it.
const OVERLAP: SignedDuration = SignedDuration::from_hours(24);

/// `GET /tokens`
pub async fn list(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
) -> Response {
    all(&runtime, &person, &vec![], None, &Refused::default()).await
}

/// `POST /tokens`
pub async fn act(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Fields(pairs): Fields,
) -> Response {
    let actor = person.actor();
    let asker = asker(&person, &actor, &pairs);
    let named = match value(&pairs, "token") {
        "" => None,
        id => match runtime.store().token(id).await {
            Ok(Some(token)) => Some(token),
            // Revoked by the same button, or by somebody else.
            Ok(None) => return Redirect::to("/tokens").into_response(),
            Err(e) => return problem::unavailable(&e),
        },
    };
    let done = match (value(&pairs, "_action"), named) {
        ("create", None) => match until(value(&pairs, "expires")) {
            Ok(until) => {
                let services = services_of(&pairs);
                let name = value(&pairs, "display_name");
                let wanted = NewToken { name, roles: roles_of(&pairs), services: &services, until };
                runtime.add_token(&asker, wanted).await.map(Some)
            }
            Err(wrong) => Err(AccessError::Wrong(vec![wrong])),
        },
        ("rotate", Some(token)) => runtime.rotate_token(&asker, token, OVERLAP).await.map(Some),
        ("revoke", Some(token)) => runtime.revoke_token(&asker, &token).await.map(|()| None),
        _ => return problem::no_such_page().await,
    };
    match done.map_err(Refused::of) {
        Ok(Some(made)) => all(&runtime, &person, &vec![], Some(&made), &Refused::default()).await,
        Ok(None) => Redirect::to("/tokens").into_response(),
        Err(Ok(refused)) => all(&runtime, &person, &pairs, None, &refused).await,
        Err(Err(response)) => *response,
    }
}

/// The end of the day until which a token is taken; none if nothing is said.
fn until(day: &str) -> Result<Option<jiff::Timestamp>, FieldError> {
    if day.trim().is_empty() {
        return Ok(None);
    }
    let wrong = || FieldError { field: "expires_at".into(), message: "нужна дата".into() };
    let day: Date = day.trim().parse().map_err(|_| wrong())?;
    let end = TimeZone::UTC.to_timestamp(day.at(23, 59, 59, 0)).map_err(|_| wrong())?;
    Ok(Some(end))
}

/// The services that a form ticks.
fn services_of(pairs: &Pairs) -> Vec<String> {
    let ticked = pairs.iter().filter(|(name, _)| name == "services");
    ticked.map(|(_, service)| service.clone()).collect()
}

async fn all(
    runtime: &Runtime,
    person: &Person,
    sent: &Pairs,
    made: Option<&Made<token::Model>>,
    refused: &Refused,
) -> Response {
    let tokens = match runtime.store().tokens().await {
        Ok(tokens) => tokens,
        Err(e) => return problem::unavailable(&e),
    };
    let now = runtime.clock().of_people();
    let line = |t: &Holder<token::Model>| {
        let over = |at: i64| crate::store::instant(at) <= now;
        json!({
            "id": t.row.id,
            "name": t.row.name,
            "roles": words(runtime, &t.roles),
            "by": t.row.created_by,
            "created": moment(runtime, t.row.created_at),
            "used": moment(runtime, t.row.used_at),
            "expires": t.row.expires_at.and_then(|at| moment(runtime, at)),
            "is_over": t.row.expires_at.is_some_and(over),
            "overlap": Some(t.row.before_until).filter(|at| !over(*at)).and_then(|at| moment(runtime, at)),
            "etag": token_etag(t),
            "services": methods::listed(&t.row.services),
        })
    };
    let own = tokens.iter().filter(|t| person.roles.administer(&t.roles));
    let mut context = access::head(runtime, person);
    context["tokens"] = own.map(line).collect::<Vec<Value>>().into();
    context["choices"] = choices(runtime, person, &roles_of(sent).unwrap_or_default());
    context["legend"] = legend();
    let ticked = services_of(sent);
    context["services"] = methods::services()
        .into_iter()
        .map(|name| json!({ "name": name, "ticked": ticked.iter().any(|one| one == name) }))
        .collect();
    context["once"] = uuid::Uuid::now_v7().to_string().into();
    context["refused"] = refused.shown();
    context["made"] = json!(made.map(|m| json!({ "name": m.of.row.name, "secret": m.secret })));
    context["sent"] = json!({
        "name": value(sent, "display_name"), "expires": value(sent, "expires"),
    });
    packed::never(view::page(refused.status, "tokens.html", &context))
}

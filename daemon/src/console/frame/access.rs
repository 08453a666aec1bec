//! Who sees which of the department's pages. Each page stands with the roles that it needs in
//! `console/mod.rs`; who asks is told by the gate.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{MatchedPath, RawPathParams, Request, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde_json::{Value, json};

pub use crate::access::Identity as Person;
use crate::access::Role;
use crate::access::gate::{Found, Gate};
use crate::console::frame::problem;
use crate::console::people::sign_in;
use crate::glossary;
use crate::port::{self, guesses};
use crate::runtime::Runtime;
use crate::runtime::road_maps::Version;

/// What a page needs: to be looked at, and to be acted on at all. What exactly may be done there the
/// engine's offers say.
#[derive(Debug, Clone, Copy)]
pub struct Needed {
    /// To look.
    pub reads: Role,
    /// To act.
    pub acts: Role,
}

/// The gate, and what each page needs, by its route.
#[derive(Clone)]
pub struct Pages {
    /// Who asks.
    pub gate: Arc<Gate>,
    /// Whatever is not among them is refused.
    pub needed: Arc<HashMap<&'static str, Needed>>,
}

/// What the head of every page of the department shows, of whatever municipality.
pub fn head(runtime: &Runtime, person: &Person) -> Value {
    json!({
        "person": person.name(),
        "visitor": {
            "signed_in": person.person().is_some(),
            "represents": person.roles.represented().next().is_some(),
            "looks": person.roles.anywhere() >= Some(Role::Viewer),
            "administers": person.roles.anywhere() == Some(Role::Administrator),
            "rules": person.roles.in_all() == Some(Role::Administrator),
        },
        "rehearsal": runtime.clock().rehearses(),
    })
}

/// The newest road maps of the municipalities in which somebody has a role.
pub fn road_maps(runtime: &Runtime, person: &Person) -> Vec<Arc<Version>> {
    runtime.road_maps_of(&person.roles)
}

/// Lets through who may see a page, and tells it who it is.
pub async fn require(
    State(pages): State<Pages>,
    page: MatchedPath,
    params: RawPathParams,
    mut request: Request,
    next: Next,
) -> Response {
    let found = match pages.gate.of_page(request.headers()).await {
        Ok(found) => found,
        Err(e) => return problem::unavailable(&e),
    };
    let person = match found {
        Found::Somebody(person) => *person,
        Found::Nobody => return stranger(&pages.gate, request).await,
        Found::Wrong => {
            guesses::wrong(&port::peer(request.extensions())).await;
            return stranger(&pages.gate, request).await;
        }
    };
    let municipality = params.iter().find(|(name, _)| *name == "municipality");
    let held = match municipality {
        Some((_, municipality)) => person.roles.within(municipality),
        None => person.roles.anywhere(),
    };
    let needed = pages.needed.get(page.as_str()).map(|needed| match request.method().is_safe() {
        true => needed.reads,
        false => needed.acts,
    });
    match needed {
        Some(needed) if held >= Some(needed) => {
            request.extensions_mut().insert(pages.gate);
            request.extensions_mut().insert(person);
            next.run(request).await
        }
        // Whoever only represents an organisation begins where its questions are.
        Some(_) if page.as_str() == "/" && held == Some(Role::Representative) => {
            Redirect::to("/own").into_response()
        }
        Some(needed) => no_access(&person, held, needed),
        None => problem::no_such_page().await,
    }
}

/// Tells a page behind a link who sends something by it, if somebody has signed in: whoever represents the
/// organisation does it by their own name. Others are who they are without it: the link lets them in.
pub async fn visitor(State(gate): State<Arc<Gate>>, mut request: Request, next: Next) -> Response {
    // Nearly everybody has none, and nothing is looked up for them.
    let has_session = gate.session_secret(request.headers()).is_some();
    if !request.method().is_safe()
        && has_session
        && let Ok(Found::Somebody(person)) = gate.of_page(request.headers()).await
        && person.person().is_some()
    {
        request.extensions_mut().insert(*person);
    }
    next.run(request).await
}

/// Who has signed in, and may not: another thing than not having signed in.
fn no_access(person: &Person, held: Option<Role>, needed: Role) -> Response {
    let role = |role: Role| format!("«{}»", glossary::role(role));
    let of_department = held.filter(|held| *held >= Role::Viewer);
    let only_represents = person.roles.anywhere() == Some(Role::Representative);
    let held = match of_department {
        Some(held) => format!("ваша роль — {}", role(held)),
        None if only_represents => "вы представляете организацию".to_owned(),
        None => "здесь у вас нет роли".to_owned(),
    };
    let go = match only_represents {
        true => "Всё, о чём спрашивают вашу организацию, — на странице /own.",
        false => "Роли раздаёт администратор: раздел «Сотрудники».",
    };
    let told = format!("Вы вошли, но {held}; нужна роль {}.", role(needed));
    problem::page(StatusCode::FORBIDDEN, "Нет доступа", &[&told, go])
}

/// Who has not signed in: is asked to, and finds what was typed again.
async fn stranger(gate: &Gate, request: Request) -> Response {
    let asks_for_key = gate.has_key() && gate.has_people().await.is_ok_and(|people| !people);
    let brought = request.headers().contains_key(AUTHORIZATION);
    let mut response = sign_in::asked(gate, request).await;
    // As long as there is nobody to sign in, and for who brought a key, a browser asks for it itself.
    if gate.has_key() && (asks_for_key || brought) {
        let challenge = HeaderValue::from_static("Basic realm=\"Vekha\", charset=\"UTF-8\"");
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

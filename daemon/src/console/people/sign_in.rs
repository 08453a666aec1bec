//! Signing in and out. Who is asked to sign in by a form that they had filled finds it again.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Query, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;

use super::{go, keep, own_path, whence};
use crate::access::gate::Gate;
use crate::console::frame::posted::{self, Pairs, value};
use crate::console::frame::{problem, view};
use crate::port::{self, guesses};
use crate::runtime::Runtime;
use crate::runtime::acts::access::signing::NotSignedIn;

/// Which page of signing in.
#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    /// Where to go then.
    #[serde(default)]
    to: String,
    /// Whether somebody has just signed out.
    out: Option<String>,
}

/// Fields that are never kept.
const SECRETS: [&str; 2] = ["before", "password"];

/// Begins the names of fields that were typed before somebody was asked to sign in.
const HELD: &str = "held:";

/// The page for whoever is not signed in, in place of the one that they wanted. What they sent there
/// goes along if their session has only ended by itself; of a stranger nothing is read, and files a
/// page cannot hold: their browser has it all, and sends it again.
pub async fn asked(gate: &Gate, request: Request) -> Response {
    let to = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let has_people = gate.has_people().await.unwrap_or(true);
    let sent = request.method() == Method::POST;
    let kind = request.headers().get(CONTENT_TYPE).map(|kind| kind.as_bytes().to_owned());
    let has_files = kind.is_some_and(|kind| kind.starts_with(b"multipart/"));
    let mut held = Vec::new();
    let holds = sent && !has_files && gate.had_session(request.headers()).await.unwrap_or(false);
    if holds {
        match posted::pairs(request).await {
            // Whoever signs in next may be somebody else: a password is shown to nobody.
            Ok(pairs) => {
                held = pairs
                    .into_iter()
                    .filter(|(name, _)| !SECRETS.contains(&name.as_str()))
                    .collect()
            }
            Err(response) => return *response,
        }
    }
    page(StatusCode::UNAUTHORIZED, gate, &to, &held, None, sent && !holds, has_people)
}

/// `GET /sign-in`
pub async fn show(Extension(gate): Extension<Arc<Gate>>, Query(asked): Query<Asked>) -> Response {
    let has_people = gate.has_people().await.unwrap_or(true);
    let said = asked.out.is_some().then_some("out");
    page(StatusCode::OK, &gate, &asked.to, &vec![], said, false, has_people)
}

/// `POST /sign-in`
pub async fn act(
    State(runtime): State<Arc<Runtime>>,
    Extension(gate): Extension<Arc<Gate>>,
    headers: HeaderMap,
    request: Request,
) -> Response {
    let peer = port::peer(request.extensions());
    let pairs = match posted::pairs(request).await {
        Ok(pairs) => pairs,
        Err(response) => return *response,
    };
    let to = own_path(value(&pairs, "to")).to_owned();
    let (email, password) = (value(&pairs, "email"), value(&pairs, "password"));
    let whence = whence(&headers, peer.clone());
    let held: Pairs = pairs
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix(HELD)?.to_owned(), value.clone())))
        .collect();
    match runtime.sign_in(email, password, whence).await {
        Ok(secret) if held.is_empty() => go(&gate, &to, &secret),
        Ok(secret) => {
            // What is to be sent is shown: it may have been somebody else who typed it.
            let typed =
                held.iter().filter(|(name, value)| !name.starts_with('_') && !value.is_empty());
            let typed: Vec<&str> = typed.map(|(_, value)| value.as_str()).collect();
            let email = email.trim().to_lowercase();
            let context = json!({ "to": to, "held": held, "typed": typed, "email": email });
            let mut response = view::page(StatusCode::OK, "resend.html", &context);
            keep(&gate, &secret, &mut response);
            response
        }
        Err(NotSignedIn::Wrong) => {
            guesses::wrong(&peer).await;
            page(StatusCode::UNAUTHORIZED, &gate, &to, &held, Some("wrong"), false, true)
        }
        Err(NotSignedIn::Failed(e)) => problem::unavailable(&e),
    }
}

/// `POST /sign-out`
pub async fn out(
    State(runtime): State<Arc<Runtime>>,
    Extension(gate): Extension<Arc<Gate>>,
    headers: HeaderMap,
) -> Response {
    if let Some(secret) = gate.session_secret(&headers) {
        let session = crate::access::secrets::hash(&secret);
        if let Err(e) = runtime.sign_out(&session).await {
            return problem::unavailable(&e);
        }
    }
    go(&gate, "/sign-in?out", "")
}

fn page(
    status: StatusCode,
    gate: &Gate,
    to: &str,
    held: &Pairs,
    said: Option<&str>,
    unread: bool,
    has_people: bool,
) -> Response {
    let held: Vec<(String, &String)> =
        held.iter().map(|(name, value)| (format!("{HELD}{name}"), value)).collect();
    let context = json!({
        "to": own_path(to),
        "held": held,
        "said": said,
        "unread": unread,
        "has_people": has_people,
        "has_key": gate.has_key(),
    });
    view::page(status, "sign-in.html", &context)
}

//! Signing in and out. Who is asked to sign in by a form that they had filled finds it again.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Query, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;

use super::{go, keep, own_path, provider, whence};
use crate::access::gate::{Found, Gate};
use crate::access::secrets;
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
    /// Whether somebody has just signed out: of the provider, too, or here only; empty if there is none.
    out: Option<String>,
}

/// Fields that are never kept.
const SECRETS: [&str; 4] = ["before", "password", "passkey_password", "answer"];

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
    let unread = sent && !holds;
    Page { to: &to, held: &held, unread, has_people, ..Page::new(gate) }
        .show(StatusCode::UNAUTHORIZED)
}

/// `GET /sign-in`
pub async fn show(Extension(gate): Extension<Arc<Gate>>, Query(asked): Query<Asked>) -> Response {
    let has_people = gate.has_people().await.unwrap_or(true);
    let said = asked.out.as_deref().map(|out| match out {
        "provider" => "out-of-both",
        "here" => "out-here",
        _ => "out",
    });
    Page { to: &asked.to, said, has_people, ..Page::new(&gate) }.show(StatusCode::OK)
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
    let held = held(&pairs);
    let again = Page { to: &to, held: &held, ..Page::new(&gate) };
    // Who has signed in through the provider meanwhile, in another tab.
    if !value(&pairs, "resume").is_empty() {
        return match gate.of_page(&headers).await {
            Ok(Found::Somebody(found)) => match found.person() {
                Some(person) => resend(&to, &held, &person.email),
                None => again.show(StatusCode::UNAUTHORIZED),
            },
            Ok(_) => again.show(StatusCode::UNAUTHORIZED),
            Err(e) => problem::unavailable(&e),
        };
    }
    if !gate.takes_passwords() {
        return again.show(StatusCode::FORBIDDEN);
    }
    match runtime.sign_in(email, password, whence).await {
        Ok(secret) => entered(&gate, &to, &held, &secret, &email.trim().to_lowercase()),
        Err(NotSignedIn::Wrong) => {
            guesses::wrong(&peer).await;
            Page { said: Some("wrong"), ..again }.show(StatusCode::UNAUTHORIZED)
        }
        Err(NotSignedIn::Failed(e)) => problem::unavailable(&e),
    }
}

/// What was typed before, as a page of signing in has sent it along.
pub(super) fn held(pairs: &Pairs) -> Pairs {
    let own = pairs
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix(HELD)?.to_owned(), value.clone())));
    own.collect()
}

/// Whoever has signed in is where they wanted to be, or is offered to send what they typed before.
pub(super) fn entered(gate: &Gate, to: &str, held: &Pairs, secret: &str, email: &str) -> Response {
    if held.is_empty() {
        return go(gate, to, secret);
    }
    let mut response = resend(to, held, email);
    keep(gate, secret, &mut response);
    response
}

/// Offers what was typed before to be sent by whoever signed in now. It is shown: it may have been
/// somebody else who typed it.
fn resend(to: &str, held: &Pairs, email: &str) -> Response {
    let typed = held.iter().filter(|(name, value)| !name.starts_with('_') && !value.is_empty());
    let typed: Vec<&str> = typed.map(|(_, value)| value.as_str()).collect();
    let context = json!({ "to": to, "held": held, "typed": typed, "email": email });
    view::page(StatusCode::OK, "resend.html", &context)
}

/// `POST /sign-out`: here, and where the session began.
pub async fn out(
    State(runtime): State<Arc<Runtime>>,
    Extension(gate): Extension<Arc<Gate>>,
    headers: HeaderMap,
) -> Response {
    let Some(secret) = gate.session_secret(&headers) else { return go(&gate, "/sign-in?out", "") };
    let hash = secrets::hash(&secret);
    let session = match runtime.store().session(&hash).await {
        Ok(session) => session,
        Err(e) => return problem::unavailable(&e),
    };
    if let Err(e) = runtime.sign_out(&hash).await {
        return problem::unavailable(&e);
    }
    let Some(session) = session.filter(|session| !session.issuer.is_empty()) else {
        return go(&gate, "/sign-in?out", "");
    };
    match provider::farewell(&gate, &session.issuer, &session.hint).await {
        Some(mut response) => {
            keep(&gate, "", &mut response);
            response
        }
        None => go(&gate, "/sign-in?out=here", ""),
    }
}

/// The page of signing in.
pub(super) struct Page<'p> {
    gate: &'p Gate,
    /// Where to go then.
    to: &'p str,
    /// What was typed before.
    held: &'p [(String, String)],
    /// What has just happened.
    said: Option<&'p str>,
    /// Whether something was sent that could not be kept.
    unread: bool,
    /// Whether there is anybody who could sign in.
    has_people: bool,
}

impl<'p> Page<'p> {
    /// The page for whoever comes from nowhere.
    fn new(gate: &'p Gate) -> Self {
        Page { gate, to: "/", held: &[], said: None, unread: false, has_people: true }
    }

    /// The page for whoever was not let in, with what is said to them.
    pub fn refused(gate: &'p Gate, to: &'p str, held: &'p Pairs, said: &'p str) -> Response {
        let page = Page { to, held, said: Some(said), ..Page::new(gate) };
        page.show(StatusCode::UNAUTHORIZED)
    }

    fn show(self, status: StatusCode) -> Response {
        let Page { gate, to, held, said, unread, has_people } = self;
        let held: Vec<(String, &String)> =
            held.iter().map(|(name, value)| (format!("{HELD}{name}"), value)).collect();
        let context = json!({
            "to": own_path(to),
            "held": held,
            "said": said,
            "unread": unread,
            "has_people": has_people,
            "has_key": gate.has_key(),
            "by_password": gate.takes_passwords(),
            "passkey_origin": gate.passkeys().map(|passkeys| passkeys.origin()).ok(),
            "provider": provider::shown(gate, to),
        });
        view::page(status, "sign-in.html", &context)
    }
}

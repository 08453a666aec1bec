//! Passkeys: on one's own page they are added and removed, on the page of signing in one is let in by one.
//! A browser is asked by a script (`assets/passkey.js`); its answer comes by a form like any other.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::sign_in::{Page, entered, held};
use super::{moment, own_path, slowed, whence};
use crate::access::gate::Gate;
use crate::access::identity::Person as Own;
use crate::access::passkeys::Unfit;
use crate::console::frame::access::Person;
use crate::console::frame::posted::{self, Pairs, value};
use crate::console::frame::problem;
use crate::port::{self, guesses};
use crate::runtime::Runtime;
use crate::runtime::acts::access::AccessError;
use crate::runtime::acts::access::passkeys::MOST;
use crate::runtime::acts::access::signing::{NotSignedIn, Whence};
use crate::store::StoreError;
use crate::store::entities::passkey;

/// What one's own page shows of them.
pub(super) async fn shown(
    runtime: &Runtime,
    gate: &Gate,
    own: &Own,
    has_password: bool,
) -> Result<Value, StoreError> {
    let all = runtime.passkeys_of(&own.id).await?;
    let line = |row: &passkey::Model| {
        json!({
            "id": row.id,
            "called": row.called,
            "added": moment(runtime, row.added_at),
            "used": moment(runtime, row.used_at),
        })
    };
    let unfit = gate.passkeys().err().map(|why| match why {
        Unfit::Address => {
            "Веху открывают по адресу с цифрами, а браузеры создают ключи входа только для имени: \
             задайте имя в public-url (vekha.toml)."
        }
        Unfit::Plain => "Веху открывают без https, а без него браузеры ключей входа не создают.",
        Unfit::ByProvider => "Здесь входят только через провайдера: ключи входа заводят у него.",
    });
    Ok(json!({
        "all": all.iter().map(line).collect::<Vec<Value>>(),
        "unfit": unfit,
        "origin": gate.passkeys().map(|passkeys| passkeys.origin()).ok(),
        "full": all.len() >= MOST,
        "most": MOST,
        "asks_password": has_password && !runtime.entered_just_now(own).await?,
    }))
}

/// Asks for a new passkey. Returns what one's own page shows of that, and what the browser is to keep.
pub(super) async fn begin_adding(
    runtime: &Runtime,
    gate: &Gate,
    person: &Person,
    pairs: &Pairs,
    from: Whence,
) -> Result<(Value, String), AccessError> {
    let called = value(pairs, "passkey");
    let passkeys = gate.passkeys().map_err(|_| not_here())?;
    let given = value(pairs, "passkey_password");
    let peer = from.address.clone();
    let begun = runtime.begin_passkey(passkeys, person, called, given, from).await;
    slowed(&begun, "passkey_password", &peer).await;
    let begun = begun?;
    let shown = json!({
        "called": called.trim(),
        "options": begun.options.to_string(),
        "origin": passkeys.origin(),
    });
    Ok((shown, begun.cookie))
}

/// Takes the answer to that. The browser forgets what it was asked, whatever came of it.
pub(super) async fn add(
    runtime: &Runtime,
    gate: &Gate,
    person: &Person,
    headers: &HeaderMap,
    pairs: &Pairs,
) -> Result<(), AccessError> {
    let passkeys = gate.passkeys().map_err(|_| not_here())?;
    runtime.add_passkey(passkeys, person, headers, value(pairs, "answer")).await
}

fn not_here() -> AccessError {
    AccessError::Denied("ключей входа здесь нет".to_owned())
}

/// `POST /sign-in/passkey/begin`: what the script asks the browser.
pub async fn begin(
    State(runtime): State<Arc<Runtime>>,
    Extension(gate): Extension<Arc<Gate>>,
) -> Response {
    let Ok(passkeys) = gate.passkeys() else { return problem::no_such_page().await };
    match passkeys.begin_sign_in(runtime.clock().of_people()) {
        Ok(begun) => {
            let body = begun.options.to_string();
            keeping(([(CONTENT_TYPE, "application/json")], body).into_response(), &begun.cookie)
        }
        Err(e) => problem::unavailable(&AccessError::Machine(e)),
    }
}

/// `POST /sign-in/passkey`
pub async fn sign_in(
    State(runtime): State<Arc<Runtime>>,
    Extension(gate): Extension<Arc<Gate>>,
    headers: HeaderMap,
    request: Request,
) -> Response {
    let Ok(passkeys) = gate.passkeys() else { return problem::no_such_page().await };
    let peer = port::peer(request.extensions());
    let pairs = match posted::pairs(request).await {
        Ok(pairs) => pairs,
        Err(response) => return *response,
    };
    let to = own_path(value(&pairs, "to")).to_owned();
    let held = held(&pairs);
    let (answer, from) = (value(&pairs, "answer"), whence(&headers, peer.clone()));
    let response = match runtime.sign_in_by_passkey(passkeys, &headers, answer, from).await {
        Ok(who) => entered(&gate, &to, &held, &who.secret, &who.email),
        Err(NotSignedIn::Wrong) => {
            guesses::wrong(&peer).await;
            Page::refused(&gate, &to, &held, "wrong-passkey")
        }
        Err(NotSignedIn::Failed(e)) => problem::unavailable(&e),
    };
    keeping(response, &passkeys.over())
}

/// Has the browser keep one cookie more.
pub(super) fn keeping(mut response: Response, cookie: &str) -> Response {
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

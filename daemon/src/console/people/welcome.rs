//! A link by which a person chooses a password; the first one also says who they are.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};

use super::{Refused, go, provider, whence};
use crate::access::gate::Gate;
use crate::access::password;
use crate::console::frame::posted::{self, value};
use crate::console::frame::{problem, view};
use crate::port;
use crate::runtime::Runtime;
use crate::runtime::acts::access::{AccessError, Particulars};

/// `GET /welcome/{secret}`
pub async fn show(
    State(runtime): State<Arc<Runtime>>,
    Extension(gate): Extension<Arc<Gate>>,
    Path(secret): Path<String>,
) -> Response {
    match runtime.invited(&secret).await {
        Ok(invited) => page(&gate, &invited, invited.email.is_empty(), &Refused::default()),
        Err(e) => gone(&e),
    }
}

/// `POST /welcome/{secret}`
pub async fn act(
    State(runtime): State<Arc<Runtime>>,
    Extension(gate): Extension<Arc<Gate>>,
    Path(secret): Path<String>,
    headers: HeaderMap,
    request: Request,
) -> Response {
    let invited = match runtime.invited(&secret).await {
        Ok(invited) => invited,
        Err(e) => return gone(&e),
    };
    let is_first = invited.email.is_empty();
    let whence = whence(&headers, port::peer(request.extensions()));
    let pairs = match posted::pairs(request).await {
        Ok(pairs) => pairs,
        Err(response) => return *response,
    };
    let said = match is_first {
        true => Particulars {
            email: value(&pairs, "email").to_owned(),
            name: value(&pairs, "display_name").to_owned(),
            post: value(&pairs, "post").to_owned(),
        },
        false => invited,
    };
    match runtime.take_up(&secret, said.clone(), value(&pairs, "password"), whence).await {
        Ok(session) => go(&gate, "/", &session),
        Err(e @ AccessError::NotFound(_)) => gone(&e),
        Err(e) => match Refused::of(e) {
            Ok(refused) => page(&gate, &said, is_first, &refused),
            Err(response) => *response,
        },
    }
}

fn page(gate: &Gate, said: &Particulars, is_first: bool, refused: &Refused) -> Response {
    let context = json!({
        "is_first": is_first,
        "email": said.email,
        "name": said.name,
        "post": said.post,
        "refused": refused.shown(),
        "shortest": password::SHORTEST,
        // The first administrator is nobody yet whom an account could be.
        "provider": if is_first { Value::Null } else { provider::shown(gate, "/") },
    });
    view::page(refused.status, "welcome.html", &context)
}

fn gone(error: &AccessError) -> Response {
    match error {
        AccessError::NotFound(_) => problem::page(
            StatusCode::NOT_FOUND,
            "Ссылка не открывается",
            &[
                "Она уже использована, заменена новой или её срок истёк.",
                "Попросите администратора выдать новую: раздел «Сотрудники». Ссылку для первого \
                 администратора демон пишет в журнал при каждом запуске.",
            ],
        ),
        error => problem::unavailable(error),
    }
}

//! Signing in through the organisation's provider: a browser is sent there, comes back, and is let in or
//! told why not. Nothing leads there by itself: who is refused, or finds the provider away, is shown what
//! to do and chooses.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Query, Request, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Value, json};
use vekha_engine::entry::NotLetIn;

use super::passkeys::keeping;
use super::{go, own_path, whence};
use crate::access::gate::Gate;
use crate::access::provider::{Answer, Finished, Provider, Unknown};
use crate::console::frame::{problem, view};
use crate::port::{self, guesses};
use crate::runtime::Runtime;
use crate::runtime::acts::access::AccessError;
use crate::runtime::acts::access::provider::NotSignedIn;

/// How long whoever signs out waits for a provider that was not asked for long.
const PATIENCE: Duration = Duration::from_secs(3);

/// How one wants to sign in.
#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    /// Where to go then.
    #[serde(default)]
    to: String,
    /// Whether as somebody else than the one who is signed in there.
    other: Option<String>,
}

/// What a page of signing in shows of the provider.
pub(super) fn shown(gate: &Gate, to: &str) -> Value {
    json!(gate.provider().map(|provider| { json!({ "name": provider.name(), "href": way(to) }) }))
}

/// Where a sign-in begins that is to lead to a page of ours.
fn way(to: &str) -> String {
    format!("/sign-in/oidc?to={}", utf8_percent_encode(own_path(to), NON_ALPHANUMERIC))
}

/// `GET /sign-in/oidc`
pub async fn begin(
    State(runtime): State<Arc<Runtime>>,
    Extension(gate): Extension<Arc<Gate>>,
    Query(asked): Query<Asked>,
) -> Response {
    let Some(provider) = gate.provider() else { return problem::no_such_page().await };
    let now = runtime.clock().of_people();
    match provider.begin(own_path(&asked.to), asked.other.is_some(), now).await {
        Ok(begun) => match HeaderValue::from_str(&begun.url) {
            Ok(place) => {
                let mut response = StatusCode::SEE_OTHER.into_response();
                response.headers_mut().insert(LOCATION, place);
                keeping(response, &begun.cookie)
            }
            Err(e) => away(&gate, provider, &asked.to, &e.to_string()),
        },
        Err(why) => away(&gate, provider, &asked.to, &why),
    }
}

/// `GET /sign-in/oidc/callback`
pub async fn back(
    State(runtime): State<Arc<Runtime>>,
    Extension(gate): Extension<Arc<Gate>>,
    Query(answer): Query<Answer>,
    request: Request,
) -> Response {
    let Some(provider) = gate.provider() else { return problem::no_such_page().await };
    let from = whence(request.headers(), port::peer(request.extensions()));
    let Finished { account, to } =
        provider.finish(request.headers(), answer, runtime.clock()).await;
    let response = match account {
        Ok(account) => match runtime.sign_in_through(&account, from.clone()).await {
            Ok(secret) => go(&gate, &to, &secret),
            Err(NotSignedIn::Refused(why)) => {
                tracing::warn!(subject = account.subject, "not let in: {why:?}");
                guesses::wrong(&from.address).await;
                let who = if account.email.is_empty() { &account.subject } else { &account.email };
                refused(&gate, provider, &to, why, who)
            }
            Err(NotSignedIn::Failed(AccessError::Stale)) => {
                let why = "the person is being changed".to_owned();
                away(&gate, provider, &to, &why)
            }
            Err(NotSignedIn::Failed(e)) => problem::unavailable(&e),
        },
        Err(Unknown::Away(why)) => away(&gate, provider, &to, &why),
        Err(Unknown::Refused(why, words)) => {
            tracing::warn!(from = from.address, "not let in: {why:?}: {words}");
            if provider.is_to_be_told() {
                let issuer = provider.issuer();
                let noted = runtime.note_not_let_in(issuer, why, "", &from.address).await;
                if let Err(e) = noted {
                    return problem::unavailable(&e);
                }
            }
            guesses::wrong(&from.address).await;
            refused(&gate, provider, &to, why, "")
        }
    };
    // Whatever came of it, this sign-in is over.
    keeping(response, &provider.over())
}

/// `GET /sign-in/oidc/out`: who has signed out at the provider, too.
pub async fn out() -> Response {
    Redirect::to("/sign-in?out=provider").into_response()
}

/// Where whoever has signed out here is sent to sign out there.
pub(super) async fn farewell(gate: &Gate, issuer: &str, hint: &str) -> Option<Response> {
    let provider = gate.provider().filter(|provider| provider.issuer() == issuer)?;
    let place = tokio::time::timeout(PATIENCE, provider.farewell(hint)).await.ok()??;
    let context = json!({ "provider": { "name": provider.name(), "href": place } });
    Some(view::page(StatusCode::OK, "signed-out.html", &context))
}

/// The provider does not answer: nobody waits for it, and whoever has a password needs it not.
fn away(gate: &Gate, provider: &Provider, to: &str, why: &str) -> Response {
    tracing::warn!("nobody can sign in through {}: {why}", provider.issuer());
    let what =
        format!("«{}» сейчас не отвечает, поэтому войти через него нельзя.", provider.name());
    let then = "Это не ваша ошибка: попробуйте через минуту. Если не помогает, сообщите администратору \
                Вехи; подробности — в журнале демона.";
    page(StatusCode::SERVICE_UNAVAILABLE, gate, provider, to, [&what, then], "")
}

/// Who came back is not let in.
fn refused(gate: &Gate, provider: &Provider, to: &str, why: NotLetIn, who: &str) -> Response {
    let [what, then] = words(why);
    page(StatusCode::FORBIDDEN, gate, provider, to, [what, then], who)
}

/// What has happened, and what to do about it.
fn words(why: NotLetIn) -> [&'static str; 2] {
    match why {
        NotLetIn::NotBegun => [
            "Этот вход начат не в этом браузере, уже закончен или начат больше десяти минут назад, \
             поэтому ничего не сделано.",
            "Начните вход заново. Если ссылку на эту страницу вам прислали, не открывайте её больше.",
        ],
        NotLetIn::Declined => [
            "Вход там не подтверждён: его отменили, или этой учётной записи Веха не разрешена.",
            "Попробуйте ещё раз; если не получится, обратитесь к тому, кто ведёт учётные записи.",
        ],
        NotLetIn::Untrusted => [
            "Ответ, с которым вы вернулись, не прошёл проверку, поэтому ничего не сделано.",
            "Попробуйте ещё раз. Если повторится, сообщите администратору Вехи: подробности — в \
             журнале демона.",
        ],
        NotLetIn::NoRole => [
            "Учётная запись подтверждена, но роли в Вехе у неё нет.",
            "Роль дают администратор Вехи (раздел «Сотрудники») или группа, в которую вас включает \
             тот, кто ведёт учётные записи: обратитесь к ним и войдите снова.",
        ],
        NotLetIn::NoAddress => [
            "В учётной записи нет подтверждённого адреса почты, а под ним ваши действия стояли бы в \
             журнале.",
            "Подтвердите адрес в своей учётной записи или попросите об этом того, кто их ведёт, и \
             войдите снова.",
        ],
        NotLetIn::AddressTaken => [
            "Этот адрес почты уже есть у сотрудника Вехи, но с этой учётной записью он не связан.",
            "Если это вы, попросите администратора Вехи выдать вам ссылку (раздел «Сотрудники») и в \
             течение трёх суток войдите снова так же, с её страницы или отсюда: так они свяжутся.",
        ],
        NotLetIn::Disabled => {
            ["Вход вам закрыт.", "Открыть его может администратор Вехи: раздел «Сотрудники»."]
        }
        NotLetIn::FirstOfAll => [
            "В Вехе ещё нет сотрудников, и первым должен войти администратор всех муниципалитетов.",
            "Ссылку для него демон пишет в журнал при запуске; или роль administrator даёт ваша \
             группа — раздел [sign-in.oidc.roles] файла vekha.toml.",
        ],
    }
}

fn page(
    status: StatusCode,
    gate: &Gate,
    provider: &Provider,
    to: &str,
    sentences: [&str; 2],
    who: &str,
) -> Response {
    let again = way(to);
    let context = json!({
        "name": provider.name(),
        "sentences": sentences,
        "who": who,
        "again": again,
        "other": (!who.is_empty()).then(|| format!("{again}&other")),
        "password": gate.takes_passwords().then(|| {
            format!("/sign-in?to={}", utf8_percent_encode(own_path(to), NON_ALPHANUMERIC))
        }),
    });
    view::page(status, "not-let-in.html", &context)
}

//! Who sees the administrator's pages: whoever knows the access token, as the password of HTTP
//! Basic. Browsers ask for it by themselves. The user name opens nothing: it says who is at work,
//! and stands in the journal beside what was done.

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::console::frame::problem;
use crate::port::{self, guesses};

/// What must be known; nothing if the daemon has no token.
#[derive(Clone)]
pub struct Access(Option<[u8; 32]>);

impl Access {
    /// Access by this token; free if it is empty.
    pub fn new(token: &str) -> Self {
        Access((!token.is_empty()).then(|| Sha256::digest(token.as_bytes()).into()))
    }

    /// Who it is, if the token is right. Hashes are compared, so that not even the token's length
    /// shows in the time it takes.
    fn admits(&self, header: Option<&HeaderValue>) -> Option<Person> {
        let Some(wanted) = &self.0 else { return Some(Person::default()) };
        let (name, password) = header.and_then(credentials).unwrap_or_default();
        let right: bool = Sha256::digest(password).as_slice().ct_eq(wanted).into();
        right.then(|| Person::named(&String::from_utf8_lossy(&name)))
    }
}

/// Longest name of an actor in the journal, in characters.
const LONGEST_ACTOR: usize = 100;

/// Who is at the administrator's pages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Person(Option<String>);

impl Person {
    /// By the name that was given to the browser, as far as it can stand in the journal.
    fn named(name: &str) -> Self {
        let plain: String = name.chars().filter(|c| !c.is_control()).collect();
        let short: String = plain.trim().chars().take(LONGEST_ACTOR - "console:".len()).collect();
        Person((!short.is_empty()).then_some(short))
    }

    /// What the person is called, if that is known.
    pub fn name(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// Who did it, for the journal.
    pub fn actor(&self) -> String {
        match &self.0 {
            Some(name) => format!("console:{name}"),
            None => "console".to_owned(),
        }
    }
}

/// Name and password of a Basic `Authorization`.
fn credentials(header: &HeaderValue) -> Option<(Vec<u8>, Vec<u8>)> {
    let (scheme, credentials) = header.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let mut name = STANDARD.decode(credentials.trim()).ok()?;
    let colon = name.iter().position(|byte| *byte == b':')?;
    let password = name.split_off(colon + 1);
    name.truncate(colon);
    Some((name, password))
}

/// Lets through who knows the token, and tells the pages who it is.
pub async fn require(State(access): State<Access>, mut request: Request, next: Next) -> Response {
    if let Some(person) = access.admits(request.headers().get(AUTHORIZATION)) {
        request.extensions_mut().insert(person);
        return next.run(request).await;
    }
    // A browser asks without a password first, and that is no guess.
    if request.headers().contains_key(AUTHORIZATION) {
        guesses::wrong(&port::peer(request.extensions())).await;
    }
    let mut response = problem::page(
        StatusCode::UNAUTHORIZED,
        "Нужен пароль",
        &["Страница открывается по паролю администратора: это token из раздела [access] \
           файла vekha.toml. Имя пользователя может быть любым: под ним действия записываются в \
           журнал."],
    );
    let challenge = HeaderValue::from_static("Basic realm=\"Vekha\", charset=\"UTF-8\"");
    response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    response
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn basic(user: &str, password: &str) -> HeaderValue {
        let encoded = STANDARD.encode(format!("{user}:{password}"));
        HeaderValue::from_str(&format!("Basic {encoded}")).unwrap()
    }

    #[test]
    fn only_the_token_opens_the_pages_whatever_the_user_is_called() {
        let access = Access::new("sesame:0123456789");
        let allows = |header: HeaderValue| access.admits(Some(&header)).is_some();
        assert!(allows(basic("anna", "sesame:0123456789")));
        assert!(allows(basic("", "sesame:0123456789")));
        assert!(!allows(basic("sesame:0123456789", "")));
        assert!(!allows(HeaderValue::from_static("Bearer sesame:0123456789")));
        assert!(access.admits(None).is_none());
    }

    #[test]
    fn the_user_name_is_who_acts_as_far_as_a_journal_bears_it() {
        let actor = |name: &str| {
            Access::new("sesame").admits(Some(&basic(name, "sesame"))).unwrap().actor()
        };
        assert_eq!(actor("Анна Петровна"), "console:Анна Петровна");
        assert_eq!(actor(" an\r\nna "), "console:anna");
        assert_eq!(actor(""), "console");
        assert_eq!(actor(&"я".repeat(500)).chars().count(), LONGEST_ACTOR);
        // Nobody was asked for a name: what a browser sends of its own accord says nothing.
        let open = Access::new("").admits(Some(&basic("anna", "x"))).unwrap();
        assert_eq!((open.actor().as_str(), open.name()), ("console", None));
    }
}

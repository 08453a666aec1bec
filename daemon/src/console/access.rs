//! Who sees the administrator's pages: whoever knows the access token, as the password of HTTP
//! Basic. Browsers ask for it by themselves; the user name is of no matter.

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::problem;

/// What must be known; nothing if the daemon has no token.
#[derive(Clone)]
pub struct Access(Option<[u8; 32]>);

impl Access {
    /// Access by this token; free if it is empty.
    pub fn new(token: &str) -> Self {
        Access((!token.is_empty()).then(|| Sha256::digest(token.as_bytes()).into()))
    }

    /// Hashes are compared, so that not even the token's length shows in the time it takes.
    fn allows(&self, header: Option<&HeaderValue>) -> bool {
        let Some(wanted) = &self.0 else { return true };
        let given = header.and_then(password).unwrap_or_default();
        Sha256::digest(given).as_slice().ct_eq(wanted).into()
    }
}

/// The password of a Basic `Authorization`.
fn password(header: &HeaderValue) -> Option<Vec<u8>> {
    let (scheme, credentials) = header.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = STANDARD.decode(credentials.trim()).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    Some(decoded[colon + 1..].to_vec())
}

/// Lets through who knows the token.
pub async fn require(State(access): State<Access>, request: Request, next: Next) -> Response {
    if access.allows(request.headers().get(AUTHORIZATION)) {
        return next.run(request).await;
    }
    let mut response = problem::page(
        StatusCode::UNAUTHORIZED,
        "Нужен пароль",
        &["Страница открывается по паролю администратора: это token из раздела [access] \
           файла vekha.toml. Имя пользователя может быть любым."],
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
        assert!(access.allows(Some(&basic("anna", "sesame:0123456789"))));
        assert!(access.allows(Some(&basic("", "sesame:0123456789"))));
        assert!(!access.allows(Some(&basic("sesame:0123456789", ""))));
        assert!(!access.allows(Some(&HeaderValue::from_static("Bearer sesame:0123456789"))));
        assert!(!access.allows(None));
        assert!(Access::new("").allows(None));
    }
}

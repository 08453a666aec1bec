//! Texts that others keep for us, and can neither read nor change: what a browser is given until it
//! comes back, what the database keeps of a provider's.
//!
//! AES-GCM under a key that is derived from the deployment's secret; what was sealed under one name
//! opens under no other.

use cookie::{Cookie, CookieJar, Key, SameSite};
use http::HeaderMap;
use http::header::COOKIE;
use jiff::SignedDuration;

use crate::secret::Secret;

/// What seals.
#[derive(Clone)]
pub struct Seal(Key);

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seal(..)")
    }
}

impl Seal {
    /// The seal of a deployment.
    pub fn of(secret: &Secret) -> Self {
        Seal(Key::derive_from(&secret.of_seals()))
    }

    /// Seals a text under a name. The result can stand in a cookie.
    pub fn seal(&self, name: &str, text: &str) -> String {
        let mut jar = CookieJar::new();
        jar.private_mut(&self.0).add(Cookie::new(name.to_owned(), text.to_owned()));
        jar.get(name).map(|sealed| sealed.value().to_owned()).unwrap_or_default()
    }

    /// What was sealed under this name; none if it was not, or by another deployment.
    pub fn open(&self, name: &str, sealed: &str) -> Option<String> {
        let sealed = Cookie::new(name.to_owned(), sealed.to_owned());
        CookieJar::new().private(&self.0).decrypt(sealed).map(|open| open.value().to_owned())
    }
}

/// A cookie in which a browser keeps something sealed for so long, or forgets it if that is empty.
pub(super) fn cookie(
    name: &str,
    sealed: &str,
    is_secure: bool,
    same_site: SameSite,
    longest: SignedDuration,
) -> String {
    let mut cookie = Cookie::new(name, sealed);
    cookie.set_path("/");
    cookie.set_http_only(true);
    cookie.set_secure(is_secure);
    cookie.set_same_site(same_site);
    let seconds = if sealed.is_empty() { 0 } else { longest.as_secs() };
    cookie.set_max_age(cookie::time::Duration::seconds(seconds));
    cookie.to_string()
}

/// What a browser brings back of it.
pub(super) fn brought(headers: &HeaderMap, name: &str) -> Option<String> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut cookies = cookies.flat_map(Cookie::split_parse).filter_map(Result::ok);
    cookies.find(|cookie| cookie.name() == name).map(|cookie| cookie.value().to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_to_its_deployment_under_its_name_and_whole() {
        let seal = Seal::of(&Secret::from_bytes([7; 32]));
        let sealed = seal.seal("flow", "тайна");
        assert!(!sealed.contains("тайна") && sealed.is_ascii() && !sealed.contains(';'));
        assert_eq!(seal.open("flow", &sealed).as_deref(), Some("тайна"));
        assert_eq!(seal.open("hint", &sealed), None);
        assert_eq!(Seal::of(&Secret::from_bytes([8; 32])).open("flow", &sealed), None);
        let other = if sealed.starts_with('A') { "B" } else { "A" };
        assert_eq!(seal.open("flow", &format!("{other}{}", &sealed[1..])), None);
        assert_eq!(seal.open("flow", ""), None);
    }
}

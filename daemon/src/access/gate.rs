//! Tells who asks, from what they bring.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cookie::Cookie;
use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;

use super::identity::{Identity, Person, Who};
use super::methods;
use super::passkeys::{Passkeys, Unfit};
use super::provider::Provider;
use super::secrets;
use crate::clock::Clock;
use crate::port::tls::Certified;
use crate::store::entities::{session, token};
use crate::store::read::access::Holder;
use crate::store::{Store, StoreError, instant, micros};

/// How long a session goes on that nobody uses.
pub const IDLE: SignedDuration = SignedDuration::from_hours(8);

/// How long a session goes on at all.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How long a session goes on at all that began through a provider: a working day. What the provider
/// says may have changed since.
pub const LONGEST_BY_PROVIDER: SignedDuration = SignedDuration::from_hours(12);

/// How exactly it is known when something was last used: a note of it is a commit.
const EXACT: SignedDuration = SignedDuration::from_mins(1);

/// How long the database is waited for where it was read before.
const PATIENCE: Duration = Duration::from_secs(1);

/// Notes of uses that may wait for the database at a time.
const NOTES: usize = 32;

/// Longest name that a browser may give with the key of the settings, in characters.
const LONGEST_NAME: usize = 92;

/// Who was found.
#[derive(Debug)]
pub enum Found {
    /// Somebody.
    Somebody(Box<Identity>),
    /// Nobody: nothing was brought.
    Nobody,
    /// What was brought opens nothing: a guess, or something that was taken once.
    Wrong,
}

/// By what people sign in.
#[derive(Debug)]
pub struct Ways {
    /// Their organisation's provider.
    pub provider: Option<Provider>,
    /// Whether by a password.
    pub password: bool,
    /// Passkeys, or why there are none. Where there are no passwords there are none either.
    pub passkeys: Result<Passkeys, Unfit>,
}

/// What stands before pages and calls.
#[derive(Debug)]
pub struct Gate {
    store: Store,
    clock: Clock,
    /// Hash of the one key of the settings.
    key: Option<[u8; 32]>,
    /// Whether only this machine hears the daemon.
    is_local: bool,
    /// Whether cookies travel by TLS alone.
    is_secure: bool,
    /// Through which provider people sign in.
    provider: Option<Arc<Provider>>,
    /// Whether they may by a password.
    by_password: bool,
    /// Who asks them for passkeys, or why nobody does.
    passkeys: Result<Passkeys, Unfit>,
    /// It was seen that there are no people.
    unpeopled: AtomicBool,
    /// Places for notes of uses that wait to be written: whoever finds none is noted the next time.
    noting: Arc<Semaphore>,
}

impl Gate {
    /// A gate before this database. `key` is that of the settings, empty if there is none; `is_local`
    /// says that only this machine hears the daemon, `is_secure` that browsers reach it by TLS.
    pub fn new(
        store: Store,
        clock: Clock,
        key: &str,
        is_local: bool,
        is_secure: bool,
        ways: Ways,
    ) -> Arc<Self> {
        let key = (!key.is_empty()).then(|| Sha256::digest(key.as_bytes()).into());
        let (unpeopled, noting) = (AtomicBool::new(false), Arc::new(Semaphore::new(NOTES)));
        let Ways { provider, password: by_password, passkeys } = ways;
        let provider = provider.map(Arc::new);
        // Who is shut out at the provider must not find another door.
        let passkeys = if by_password { passkeys } else { Err(Unfit::ByProvider) };
        Arc::new(Gate {
            store,
            clock,
            key,
            is_local,
            is_secure,
            provider,
            by_password,
            passkeys,
            unpeopled,
            noting,
        })
    }

    /// Through which provider people sign in.
    pub fn provider(&self) -> Option<&Arc<Provider>> {
        self.provider.as_ref()
    }

    /// Whether people sign in by a password.
    pub fn takes_passwords(&self) -> bool {
        self.by_password
    }

    /// Who asks people for passkeys.
    ///
    /// # Errors
    /// Why nobody does.
    pub fn passkeys(&self) -> Result<&Passkeys, Unfit> {
        self.passkeys.as_ref().map_err(|why| *why)
    }

    /// Whether the settings have a key.
    pub fn has_key(&self) -> bool {
        self.key.is_some()
    }

    /// Whether it could be that nobody is asked for anything, as far as it is known without the
    /// database.
    pub fn may_be_open(&self) -> bool {
        self.key.is_none() && self.is_local && !self.store.is_peopled()
    }

    /// Whether there is anybody who could sign in. Where only this process could add somebody it is not
    /// asked twice; and while a shared database does not answer it is as it was: whoever asks how the
    /// daemon is must be told all the same.
    ///
    /// # Errors
    /// When the database cannot be read and was not read before.
    pub async fn has_people(&self) -> Result<bool, StoreError> {
        let was_empty = self.unpeopled.load(Ordering::Acquire);
        if self.store.is_peopled() || (was_empty && !self.store.is_shared()) {
            return Ok(self.store.is_peopled());
        }
        let asked = tokio::time::timeout(PATIENCE, self.store.has_people()).await;
        match asked.unwrap_or_else(|_| Err(StoreError::away("the database does not answer"))) {
            Err(_) if was_empty => Ok(false),
            Ok(false) => {
                self.unpeopled.store(true, Ordering::Release);
                Ok(false)
            }
            found => found,
        }
    }

    /// Whether nobody is asked for anything: then only this machine's own names are answered to.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn is_open(&self) -> Result<bool, StoreError> {
        Ok(self.may_be_open() && !self.has_people().await?)
    }

    /// What the cookie of a session is called: a browser sends one with this prefix to its own host
    /// alone, and by TLS.
    pub fn cookie_name(&self) -> &'static str {
        if self.is_secure { "__Host-vekha" } else { "vekha" }
    }

    /// A cookie that keeps a session's secret, or forgets it if that is empty.
    pub fn cookie(&self, secret: &str) -> String {
        let mut cookie = Cookie::new(self.cookie_name(), secret);
        cookie.set_path("/");
        cookie.set_http_only(true);
        cookie.set_secure(self.is_secure);
        cookie.set_same_site(cookie::SameSite::Lax);
        let seconds = if secret.is_empty() { 0 } else { LONGEST.as_secs() };
        cookie.set_max_age(cookie::time::Duration::seconds(seconds));
        cookie.to_string()
    }

    /// The secret of the session that a browser says it has.
    pub fn session_secret(&self, headers: &HeaderMap) -> Option<String> {
        let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        cookies
            .flat_map(Cookie::split_parse)
            .filter_map(Result::ok)
            .find(|cookie| cookie.name() == self.cookie_name())
            .map(|cookie| cookie.value().to_owned())
    }

    /// Whether a browser had signed in, whatever has become of its session since.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn had_session(&self, headers: &HeaderMap) -> Result<bool, StoreError> {
        match self.session_secret(headers).filter(|secret| !secret.is_empty()) {
            Some(secret) => Ok(self.store.session(&secrets::hash(&secret)).await?.is_some()),
            None => Ok(false),
        }
    }

    /// Who opens a page: a session, or the key of the settings as the password of HTTP Basic. A
    /// session goes before.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn of_page(&self, headers: &HeaderMap) -> Result<Found, StoreError> {
        if let Some(secret) = self.session_secret(headers).filter(|secret| !secret.is_empty())
            && let Some(identity) = self.of_session(&secret).await?
        {
            return Ok(Found::Somebody(Box::new(identity)));
        }
        match headers.get(AUTHORIZATION).map(|header| basic(header.as_bytes())) {
            Some(Some((name, password))) if self.is_key(&password) => {
                let name = shown(&String::from_utf8_lossy(&name));
                Ok(Found::Somebody(Box::new(Identity::key(name))))
            }
            _ if self.is_open().await? => Ok(Found::Somebody(Box::new(Identity::anyone()))),
            Some(_) => Ok(Found::Wrong),
            None => Ok(Found::Nobody),
        }
    }

    /// Who makes a call: a token, or the key of the settings; of a connection that was made with a
    /// system's certificate the token that is called like it, if the call brings none.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn of_call(
        &self,
        headers: &HeaderMap,
        certified: Option<&Certified>,
    ) -> Result<Found, StoreError> {
        let Some(sent) = headers.get(AUTHORIZATION) else {
            let tokens = match certified {
                Some(Certified(names)) => self.store.tokens_named(names).await?,
                None => vec![],
            };
            if let Some(identity) = tokens.into_iter().find_map(|token| self.in_force(token)) {
                return Ok(Found::Somebody(Box::new(identity)));
            }
            return Ok(match self.is_open().await? {
                true => Found::Somebody(Box::new(Identity::anyone())),
                false => Found::Nobody,
            });
        };
        let bearer = sent.as_bytes().strip_prefix(b"Bearer ");
        let found = match bearer {
            Some(bearer) if self.is_key(bearer) => Some(Identity::key(None)),
            Some(bearer) => match std::str::from_utf8(bearer) {
                Ok(token) if token.starts_with(secrets::OF_TOKENS) => self.of_token(token).await?,
                _ => None,
            },
            None => None,
        };
        Ok(match found {
            Some(identity) => Found::Somebody(Box::new(identity)),
            None if self.is_open().await? => Found::Somebody(Box::new(Identity::anyone())),
            None => Found::Wrong,
        })
    }

    /// Hashes are compared, so that not even the key's length shows in the time it takes.
    fn is_key(&self, sent: &[u8]) -> bool {
        self.key.is_some_and(|key| Sha256::digest(sent).as_slice().ct_eq(&key).into())
    }

    async fn of_session(&self, secret: &str) -> Result<Option<Identity>, StoreError> {
        let hash = secrets::hash(secret);
        let Some(session) = self.store.session(&hash).await? else { return Ok(None) };
        let now = self.clock.of_people();
        // Of a provider that is ours no more nothing is taken.
        let issuer = self.provider.as_ref().map(|provider| provider.issuer());
        let is_known = session.issuer.is_empty() || issuer == Some(session.issuer.as_str());
        let person = match is_known && goes_on(&session, now) {
            true => self.store.person(&session.person).await?,
            false => None,
        };
        let Some(person) = person.filter(|person| !person.row.disabled) else { return Ok(None) };
        let (store, seen) = (self.store.clone(), hash.clone());
        self.note_use(
            session.seen_at,
            now,
            async move { store.session_seen(&seen, micros(now)).await },
        );
        // What a provider says counts where it was asked: who is shut out there keeps no role by a
        // password.
        let roles = match session.issuer.is_empty() {
            true => person.roles.clone(),
            false => person.all_roles(),
        };
        let person_of = Person {
            id: person.row.id,
            name: person.row.name,
            email: person.row.email,
            session: hash,
        };
        Ok(Some(Identity { who: Who::Person(person_of), roles }))
    }

    async fn of_token(&self, token: &str) -> Result<Option<Identity>, StoreError> {
        let hash = secrets::hash(token);
        let Some(token) = self.store.token_by_hash(&hash).await? else { return Ok(None) };
        let now = self.clock.of_people();
        let was_replaced = token.row.hash != hash && instant(token.row.before_until) <= now;
        Ok(if was_replaced { None } else { self.in_force(token) })
    }

    /// Whom a token stands for, if it has not ended; its use is noted.
    fn in_force(&self, token: Holder<token::Model>) -> Option<Identity> {
        let now = self.clock.of_people();
        if token.row.expires_at.is_some_and(|until| instant(until) <= now) {
            return None;
        }
        let (store, used) = (self.store.clone(), token.row.id.clone());
        self.note_use(
            token.row.used_at,
            now,
            async move { store.token_used(&used, micros(now)).await },
        );
        let services = methods::listed(&token.row.services);
        let who = Who::Token { id: token.row.id, name: token.row.name, services };
        Some(Identity { who, roles: token.roles })
    }

    /// Has it noted that something was used, unless that is known exactly enough. Nobody waits for it:
    /// a page must not wait for whoever writes.
    fn note_use(
        &self,
        known: i64,
        now: Timestamp,
        note: impl Future<Output = Result<(), StoreError>> + Send + 'static,
    ) {
        if now.duration_since(instant(known)) < EXACT {
            return;
        }
        let Ok(place) = self.noting.clone().try_acquire_owned() else { return };
        tokio::spawn(async move {
            if let Err(e) = note.await {
                tracing::warn!("the use of a session or a token could not be noted: {e}");
            }
            drop(place);
        });
    }
}

/// Whether a session still opens anything.
pub fn goes_on(session: &session::Model, now: Timestamp) -> bool {
    let longest = if session.issuer.is_empty() { LONGEST } else { LONGEST_BY_PROVIDER };
    now.duration_since(instant(session.seen_at)) < IDLE
        && now.duration_since(instant(session.created_at)) < longest
}

/// Name and password of a Basic `Authorization`.
fn basic(header: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (scheme, credentials) = std::str::from_utf8(header).ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let mut name = STANDARD.decode(credentials.trim()).ok()?;
    let colon = name.iter().position(|byte| *byte == b':')?;
    let password = name.split_off(colon + 1);
    name.truncate(colon);
    Some((name, password))
}

/// The name that was given to the browser, as far as it can stand in the journal.
fn shown(name: &str) -> Option<String> {
    let plain: String = name.chars().filter(|c| !c.is_control()).collect();
    let short: String = plain.trim().chars().take(LONGEST_NAME).collect();
    (!short.is_empty()).then_some(short)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(user: &str, password: &str) -> Vec<u8> {
        format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))).into_bytes()
    }

    #[test]
    fn a_basic_header_is_a_name_and_all_that_follows_its_colon() {
        let read = |header: &[u8]| {
            let (name, password) = basic(header)?;
            Some((String::from_utf8(name).ok()?, String::from_utf8(password).ok()?))
        };
        let pair = |name: &str, password: &str| Some((name.to_owned(), password.to_owned()));
        assert_eq!(read(&header("anna", "sesame:0123")), pair("anna", "sesame:0123"));
        assert_eq!(read(&header("", "sesame")), pair("", "sesame"));
        for wrong in ["Bearer sesame", "Basic", "Basic !", "Basic YW5uYQ=="] {
            assert_eq!(read(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn a_name_given_to_a_browser_is_shown_as_far_as_a_journal_bears_it() {
        assert_eq!(shown("Анна Петровна").as_deref(), Some("Анна Петровна"));
        assert_eq!(shown(" an\r\nna ").as_deref(), Some("anna"));
        assert_eq!(shown(""), None);
        assert_eq!(shown(&"я".repeat(500)).map(|name| name.chars().count()), Some(LONGEST_NAME));
    }
}

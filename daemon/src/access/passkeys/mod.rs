//! Passkeys: a person's own device holds a key and gives a signature with it once it has seen that it is
//! the person — by a finger, a face, its code. The daemon knows the public key alone.
//!
//! A browser is asked for one ([`Passkeys::begin_adding`], [`Passkeys::begin_sign_in`]), keeps meanwhile
//! what was asked ([`flow`]), and brings an answer ([`Passkeys::added`], [`Passkeys::read`], [`Answer::prove`]).
//! Whatever of purpose, challenge, origin, name, user, signature, counter and time does not fit is refused;
//! whoever holds the device must have been seen by it. That a challenge serves once is for the store to
//! say: two daemons may be answered at a time. What follows — whose passkey it is, what the journal tells —
//! is decided in `runtime/acts/access/passkeys.rs`.

mod flow;
mod site;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use webauthn_rp::bin::{Decode, Encode as _};
use webauthn_rp::request::auth::AuthenticationVerificationOptions;
use webauthn_rp::request::register::{
    Extension, Nickname, PublicKeyCredentialUserEntity, RegistrationVerificationOptions,
    USER_HANDLE_MAX_LEN, UserHandle64, Username,
};
use webauthn_rp::request::{PublicKeyCredentialDescriptor, TimedCeremony as _};
use webauthn_rp::response::register::{CompressedPubKey, DynamicState, StaticState};
use webauthn_rp::response::{AuthTransports, CredentialId};
use webauthn_rp::{
    AuthenticatedCredential, DiscoverableAuthentication64, DiscoverableAuthenticationServerState,
    DiscoverableCredentialRequestOptions, PublicKeyCredentialCreationOptions, Registration,
    RegistrationServerState,
};

use self::flow::{Flow, Purpose};
use self::site::Site;
use super::sealed::Seal;
use crate::secret::Secret;
use crate::store::entities::{passkey, used_challenge};
use crate::store::micros;

pub use self::site::Unfit;

/// The longest answer that is read, in bytes. Keys and signatures take some hundreds.
const LONGEST_ANSWER: usize = 16 << 10;

/// How a public key stands in the database.
type Key = StaticState<CompressedPubKey<[u8; 32], [u8; 32], [u8; 48], Vec<u8>>>;

/// Those who ask for passkeys, and judge them.
#[derive(Debug)]
pub struct Passkeys {
    site: Site,
    seal: Seal,
    is_secure: bool,
}

/// A question that is asked.
#[derive(Debug)]
pub struct Begun {
    /// What the page's script asks the browser.
    pub options: Value,
    /// What the browser is to keep meanwhile: a cookie.
    pub cookie: String,
}

/// Who adds a passkey.
#[derive(Debug, Clone, Copy)]
pub struct Whose<'a> {
    /// The person's id.
    pub person: &'a str,
    /// The hash of their session.
    pub session: &'a str,
    /// By which address they are known, to their device as well.
    pub email: &'a str,
    /// What they are called.
    pub name: &'a str,
}

/// Why an answer is not taken. What exactly was wrong is for the log.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It answers no question of this browser, for this purpose, of the last minutes.
    #[error("the browser keeps no question to which the answer belongs")]
    NotBegun,
    /// Something in it is wrong.
    #[error("{0}")]
    Wrong(String),
}

/// A passkey that somebody's device has made.
#[derive(Debug)]
pub struct Added {
    /// As it is kept.
    pub passkey: passkey::Model,
    /// What it answered: it serves no more.
    pub challenge: used_challenge::Model,
}

/// An answer of whoever wants to sign in: whose it says it is, of which nothing is proved yet.
#[derive(Debug)]
pub struct Answer {
    /// The passkey's id, as it is kept.
    pub id: String,
    /// What it answers: it serves once.
    pub challenge: used_challenge::Model,
    said: DiscoverableAuthentication64,
    asked: DiscoverableAuthenticationServerState,
}

impl Passkeys {
    /// Those of a daemon that people reach at this address.
    ///
    /// # Errors
    /// Why there are none.
    pub fn of(public_url: &str, secret: &Secret) -> Result<Self, Unfit> {
        let is_secure = public_url.starts_with("https://");
        Ok(Passkeys { site: Site::of(public_url)?, seal: Seal::of(secret), is_secure })
    }

    /// On pages of which scheme, name and port they work.
    pub fn origin(&self) -> &str {
        &self.site.origin
    }

    /// The cookie by which a browser forgets what it was asked: whatever came of it, it is over.
    pub fn over(&self) -> String {
        flow::over(self.is_secure)
    }

    /// Asks for whichever passkey of this site a browser has.
    ///
    /// # Errors
    /// When the machine fails.
    pub fn begin_sign_in(&self, now: Timestamp) -> Result<Begun, String> {
        let options = DiscoverableCredentialRequestOptions::passkey(&self.site.name);
        let (asked, options) = options.start_ceremony().map_err(|e| e.to_string())?;
        let state = asked.encode().map_err(|e| e.to_string())?;
        self.begun(Purpose::SignIn, &state, serde_json::to_value(&options), now)
    }

    /// Asks for a new passkey of a person, to be called so, on a device that has none of their `own`.
    ///
    /// # Errors
    /// When the machine fails.
    pub fn begin_adding(
        &self,
        whose: Whose<'_>,
        called: &str,
        own: &[passkey::Model],
        now: Timestamp,
    ) -> Result<Begun, String> {
        // All of a person's passkeys say the same of whose they are, and nothing of who that is.
        let handle = own.iter().find_map(|row| handle(&row.user_handle));
        let handle = handle.unwrap_or_else(UserHandle64::new);
        let name = Username::try_from(whose.email).or_else(|_| Username::try_from(whose.person));
        let user = PublicKeyCredentialUserEntity {
            name: name.map_err(|e| e.to_string())?,
            id: &handle,
            display_name: Nickname::try_from(whose.name).ok(),
        };
        let known = own.iter().filter_map(|row| {
            let id = CredentialId::decode(bytes(&row.credential)).ok()?;
            let transports = AuthTransports::decode(u8::try_from(row.transports).ok()?).ok()?;
            Some(PublicKeyCredentialDescriptor { id, transports })
        });
        let mut options =
            PublicKeyCredentialCreationOptions::passkey(&self.site.name, user, known.collect());
        // Whoever signs in is always seen by the device; one that cannot promise it to others is as good.
        options.extensions = Extension::default();
        let (asked, options) = options.start_ceremony().map_err(|e| e.to_string())?;
        let state = asked.encode().map_err(|e| e.to_string())?;
        let purpose = Purpose::Add {
            person: whose.person.to_owned(),
            session: whose.session.to_owned(),
            called: called.to_owned(),
        };
        self.begun(purpose, &state, serde_json::to_value(&options), now)
    }

    /// The passkey that a person's device has made, if it was asked for in this session.
    ///
    /// # Errors
    /// Why it is none.
    pub fn added(
        &self,
        headers: &HeaderMap,
        whose: Whose<'_>,
        answer: &str,
        now: Timestamp,
    ) -> Result<Added, Refused> {
        let flow = self.flow(headers, now)?;
        let Purpose::Add { person, session, called } = &flow.purpose else {
            return Err(Refused::NotBegun);
        };
        if person != whose.person || session != whose.session {
            return Err(Refused::NotBegun);
        }
        let said = Registration::from_json_relaxed(bounded(answer)?).map_err(wrong)?;
        let state = flow.state();
        let asked =
            RegistrationServerState::<USER_HANDLE_MAX_LEN>::decode(&state).map_err(wrong)?;
        let challenge = used(asked.sent_challenge().0, now);
        let options = RegistrationVerificationOptions::<&str, &str> {
            allowed_origins: &[self.origin()],
            error_on_unsolicited_extensions: false,
            ..RegistrationVerificationOptions::default()
        };
        let made = asked.verify(&self.site.name, &said, &options).map_err(wrong)?;
        let (id, transports, handle, key, state, _) = made.into_parts();
        let Ok(transports) = transports.encode();
        let Ok(key) = key.encode();
        let passkey = passkey::Model {
            id: kept_as(id.as_ref()),
            person: person.clone(),
            called: called.clone(),
            credential: URL_SAFE_NO_PAD.encode(id),
            user_handle: URL_SAFE_NO_PAD.encode(handle),
            public_key: URL_SAFE_NO_PAD.encode(key),
            state: written(state),
            transports: transports.into(),
            added_at: micros(now),
            used_at: 0,
        };
        Ok(Added { passkey, challenge })
    }

    /// Reads the answer of whoever wants to sign in.
    ///
    /// # Errors
    /// Why it is none.
    pub fn read(
        &self,
        headers: &HeaderMap,
        answer: &str,
        now: Timestamp,
    ) -> Result<Answer, Refused> {
        let flow = self.flow(headers, now)?;
        if flow.purpose != Purpose::SignIn {
            return Err(Refused::NotBegun);
        }
        let said = bounded(answer)?;
        let said = DiscoverableAuthentication64::from_json_relaxed(said).map_err(wrong)?;
        let state = flow.state();
        let asked = DiscoverableAuthenticationServerState::decode(&state).map_err(wrong)?;
        let challenge = used(asked.sent_challenge().0, now);
        Ok(Answer { id: kept_as(said.raw_id().as_ref()), challenge, said, asked })
    }

    fn flow(&self, headers: &HeaderMap, now: Timestamp) -> Result<Flow, Refused> {
        Flow::kept(&self.seal, headers, self.is_secure, now).ok_or(Refused::NotBegun)
    }

    fn begun(
        &self,
        purpose: Purpose,
        state: &[u8],
        options: serde_json::Result<Value>,
        now: Timestamp,
    ) -> Result<Begun, String> {
        let options = options.map_err(|e| e.to_string())?;
        let cookie = Flow::new(purpose, state, now).cookie(&self.seal, self.is_secure);
        Ok(Begun { options, cookie })
    }
}

impl Answer {
    /// Proves that it is of the passkey that is kept so. Returns what is to be kept of it from now on: its
    /// counter goes on.
    ///
    /// # Errors
    /// Why it is not.
    pub fn prove(self, passkeys: &Passkeys, kept: &passkey::Model) -> Result<String, Refused> {
        let unreadable = || Refused::Wrong("the passkey's row is unreadable".to_owned());
        let handle = handle(&kept.user_handle).ok_or_else(unreadable)?;
        let credential = bytes(&kept.credential);
        let id = CredentialId::<&[u8]>::decode(&credential).map_err(wrong)?;
        let key = Key::decode(&bytes(&kept.public_key)).map_err(wrong)?;
        let state = bytes(&kept.state).try_into().map_err(|_| unreadable())?;
        let state = DynamicState::decode(state).map_err(wrong)?;
        let mut own = AuthenticatedCredential::new(id, &handle, key, state).map_err(wrong)?;
        let options = AuthenticationVerificationOptions::<&str, &str> {
            allowed_origins: &[passkeys.origin()],
            error_on_unsolicited_extensions: false,
            ..AuthenticationVerificationOptions::default()
        };
        self.asked.verify(&passkeys.site.name, &self.said, &mut own, &options).map_err(wrong)?;
        Ok(written(own.dynamic_state()))
    }
}

/// By what a passkey is kept: ids are as long as devices please.
fn kept_as(id: &[u8]) -> String {
    hex::encode(Sha256::digest(id))
}

fn written(state: DynamicState) -> String {
    let Ok(state) = state.encode();
    URL_SAFE_NO_PAD.encode(state)
}

fn handle(kept: &str) -> Option<UserHandle64> {
    let Ok(handle) = UserHandle64::decode(bytes(kept).try_into().ok()?);
    Some(handle)
}

fn bytes(kept: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(kept).unwrap_or_default()
}

/// A challenge that serves no more; nobody would take it when its question is over.
fn used(challenge: u128, now: Timestamp) -> used_challenge::Model {
    let expires_at = now.saturating_add(flow::LONGEST).unwrap_or(now);
    used_challenge::Model { id: format!("{challenge:032x}"), expires_at: micros(expires_at) }
}

fn bounded(answer: &str) -> Result<&[u8], Refused> {
    match answer.len() {
        1..=LONGEST_ANSWER => Ok(answer.as_bytes()),
        0 => Err(Refused::Wrong("there is no answer".to_owned())),
        long => Err(Refused::Wrong(format!("an answer of {long} bytes"))),
    }
}

fn wrong(e: impl std::fmt::Display) -> Refused {
    Refused::Wrong(e.to_string())
}

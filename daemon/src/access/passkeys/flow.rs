//! What a browser keeps from when it is asked for a passkey until it brings an answer: sealed, so that it
//! is known by it that the answer belongs to what was asked here, of this browser, lately, and for what.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::access::sealed::{self, Seal};

/// How long one may take to answer.
pub(super) const LONGEST: SignedDuration = SignedDuration::from_mins(5);

/// For what a passkey is asked.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Purpose {
    /// To sign in, whoever it is.
    SignIn,
    /// To add it to those of a person.
    Add {
        /// Whose it is to be.
        person: String,
        /// The hash of the session in which that was asked for.
        session: String,
        /// What it is to be called.
        called: String,
    },
}

/// A question under way.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Flow {
    /// For what.
    pub purpose: Purpose,
    /// What is known of it beside: the challenge, and what was asked for.
    state: String,
    /// When it was asked, in seconds.
    at: i64,
}

impl Flow {
    /// A question that is asked now.
    pub fn new(purpose: Purpose, state: &[u8], now: Timestamp) -> Self {
        Flow { purpose, state: URL_SAFE_NO_PAD.encode(state), at: now.as_second() }
    }

    /// The question to which a browser brings an answer, if it keeps one that still waits for it.
    pub fn kept(seal: &Seal, headers: &HeaderMap, is_secure: bool, now: Timestamp) -> Option<Self> {
        let name = name(is_secure);
        let text = seal.open(name, &sealed::brought(headers, name)?)?;
        let flow: Flow = serde_json::from_str(&text).ok()?;
        let age = now.as_second().saturating_sub(flow.at);
        (0..LONGEST.as_secs()).contains(&age).then_some(flow)
    }

    /// The cookie in which a browser keeps it.
    pub fn cookie(&self, seal: &Seal, is_secure: bool) -> String {
        let name = name(is_secure);
        let text = serde_json::to_string(self).unwrap_or_default();
        sealed::cookie(name, &seal.seal(name, &text), is_secure, SAME_SITE, LONGEST)
    }

    /// What is known of it beside.
    pub fn state(&self) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(&self.state).unwrap_or_default()
    }
}

/// An answer comes from our own pages.
const SAME_SITE: cookie::SameSite = cookie::SameSite::Strict;

/// The cookie by which a browser forgets what it was asked.
pub(super) fn over(is_secure: bool) -> String {
    sealed::cookie(name(is_secure), "", is_secure, SAME_SITE, LONGEST)
}

/// What the cookie is called: with this prefix it is its own host's alone.
fn name(is_secure: bool) -> &'static str {
    if is_secure { "__Host-vekha-passkey" } else { "vekha-passkey" }
}

//! What a browser keeps from when it is sent to the provider until it comes back: sealed, so that it is
//! known by it that the answer belongs to a sign-in that was begun here, by this browser, lately.

use cookie::SameSite;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::access::sealed;

/// How long a sign-in may take.
pub(super) const LONGEST: SignedDuration = SignedDuration::from_mins(10);

/// The longest place that is kept, in bytes: a browser takes cookies of four thousand.
const LONGEST_PLACE: usize = 1000;

/// A sign-in under way.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Flow {
    /// By which provider.
    pub issuer: String,
    /// By what the answer is known.
    pub state: String,
    /// By what the token is known.
    pub nonce: String,
    /// What proves to the provider that who asks for the token is who sent the browser.
    pub verifier: String,
    /// Where to go then.
    pub to: String,
    /// When it began, in seconds.
    pub at: i64,
}

impl Flow {
    /// The place to go to, if it is not too long to be kept.
    pub fn place(to: &str) -> &str {
        if to.len() <= LONGEST_PLACE { to } else { "/" }
    }

    /// Whether it still goes on.
    pub fn goes_on(&self, now: Timestamp) -> bool {
        let age = now.as_second().saturating_sub(self.at);
        (0..LONGEST.as_secs()).contains(&age)
    }
}

/// What the cookie is called: with this prefix it is its own host's alone.
pub(super) fn cookie_name(is_secure: bool) -> &'static str {
    if is_secure { "__Host-vekha-sign-in" } else { "vekha-sign-in" }
}

/// A cookie that keeps a sealed sign-in, or forgets it if that is empty.
pub(super) fn cookie(sealed: &str, is_secure: bool) -> String {
    // Who comes back comes from another site.
    sealed::cookie(cookie_name(is_secure), sealed, is_secure, SameSite::Lax, LONGEST)
}

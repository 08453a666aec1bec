//! Passwords and tokens in configurations.

use std::fmt;

use serde::Deserialize;

/// A text that is never shown: not in logs, not in errors.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

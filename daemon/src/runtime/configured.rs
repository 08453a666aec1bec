//! What the daemon runs with, as its administrator may see it.

use serde::Serialize;

/// A key of the settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Configured {
    /// With the names of the tables above it: `mail.dkim.domain`.
    pub key: String,
    /// What it says, but for secrets.
    pub value: String,
    /// Whether a variable of the environment says so, and not the file.
    pub by_variable: bool,
}

//! Secrets that are given out: 256 bits of which the database keeps the hash alone.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// Begins a token, so that whoever finds one in a file knows what it is.
pub const OF_TOKENS: &str = "vekha_";

/// Draws a secret.
///
/// # Errors
/// When the machine has no randomness.
pub fn draw() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// What is kept of it.
pub fn hash(secret: &str) -> String {
    hex::encode(Sha256::digest(secret))
}

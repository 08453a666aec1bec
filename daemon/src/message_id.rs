//! Message-IDs derived from letters' keys: the same letter has the same id however often it is
//! sent, so that a recipient's system can tell a repetition from a second letter.

use sha2::{Digest, Sha256};

/// The Message-ID of a letter, without angle brackets.
pub fn of(letter: &str, municipality: &str) -> String {
    let digest = Sha256::digest(letter.as_bytes());
    format!("{}@{municipality}.vekha", hex::encode(&digest[..16]))
}

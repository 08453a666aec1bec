//! The deployment's secret and the links derived from it.
//!
//! A link's token is HMAC-SHA256(secret, assignment): 256 bits that nobody can guess, the same in
//! the first letter and in every reminder until it is replaced, and nowhere in the database, which
//! keeps only the token's hash. Whoever steals the database cannot answer for a school.

use std::fmt;
use std::io::Write as _;
use std::path::Path;

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use vekha_plugin::files::make_private;

use crate::private;

/// 32 random bytes, kept in a file beside the database.
#[derive(Clone)]
pub struct Secret([u8; 32]);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Secret {
    /// A secret with these bytes, for tests and simulations.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Secret(bytes)
    }

    /// Reads the secret from a file; none if there is no such file. One that others may read is
    /// closed to them, with a word in the log.
    ///
    /// # Errors
    /// When the file cannot be read or does not hold 64 hexadecimal digits.
    pub fn load(file: &Path) -> std::io::Result<Option<Self>> {
        private::close(file, private::OTHERS_AND_GROUP);
        match std::fs::read_to_string(file) {
            Ok(text) => parse(text.trim()).map(|bytes| Some(Secret(bytes))).ok_or_else(|| {
                std::io::Error::new(
                    std::io::ErrorKind::InvalidData,
                    "должен содержать 64 шестнадцатеричные цифры",
                )
            }),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Draws a secret and writes it into a new file, readable by its owner only.
    ///
    /// # Errors
    /// When the file exists or cannot be written.
    pub fn create(file: &Path) -> std::io::Result<Self> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|e| std::io::Error::other(e.to_string()))?;
        if let Some(folder) = file.parent() {
            make_private(folder)?;
        }
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut out = options.open(file)?;
        let secret = Secret(bytes);
        out.write_all(secret.to_line().as_bytes())?;
        out.sync_all()?;
        Ok(secret)
    }

    /// What its file holds.
    pub fn to_line(&self) -> String {
        format!("{}\n", hex::encode(self.0))
    }

    /// By what a database knows the secret again: it tells nothing of it.
    pub fn fingerprint(&self) -> String {
        self.derived(b"vekha fingerprint 1\0", "")[..16].to_owned()
    }

    /// The token of an assignment's link that has been replaced so often: 64 hexadecimal digits.
    pub fn token(&self, assignment: &str, replaced: u32) -> String {
        match replaced {
            0 => self.derived(b"vekha link 1\0", assignment),
            // No key of an assignment has such a sign.
            n => self.derived(b"vekha link 1\0", &format!("{assignment}#{n}")),
        }
    }

    /// What the requests to a listener are signed with whose secret was replaced so often.
    pub fn of_listener(&self, seed: &str, replaced: i32) -> [u8; 32] {
        self.mac(b"vekha listener 1\0", &format!("{seed}#{replaced}"))
    }

    /// What texts are sealed with that others keep for us.
    pub fn of_seals(&self) -> [u8; 32] {
        self.mac(b"vekha seal 1\0", "")
    }

    fn derived(&self, purpose: &[u8], of: &str) -> String {
        hex::encode(self.mac(purpose, of))
    }

    fn mac(&self, purpose: &[u8], of: &str) -> [u8; 32] {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(purpose);
        mac.update(of.as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// What the database keeps of a token.
    pub fn hash(token: &str) -> String {
        hex::encode(Sha256::digest(token.as_bytes()))
    }
}

fn parse(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).ok()?;
    }
    Some(bytes)
}

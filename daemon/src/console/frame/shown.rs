//! What a page showed, as its post brings it back: by that a change of somebody else's is told from one
//! of the writer's own.

use std::collections::BTreeMap;
use std::fmt;

use sha2::{Digest, Sha256};

/// For each place of a form that was not empty, what tells its content from another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown(BTreeMap<String, String>);

impl Shown {
    /// Of what stands at each place, written in one way whoever wrote it.
    pub fn of(contents: impl IntoIterator<Item = (String, String)>) -> Self {
        let filled = contents.into_iter().filter(|(_, content)| !content.is_empty());
        Shown(filled.map(|(path, content)| (path, fingerprint(&content))).collect())
    }

    /// As a post brings it back.
    pub fn read(text: &str) -> Self {
        let pairs = text.split_ascii_whitespace().filter_map(|pair| pair.rsplit_once(':'));
        Shown(pairs.map(|(path, print)| (path.to_owned(), print.to_owned())).collect())
    }

    /// Whether this is what the place showed.
    pub fn is(&self, path: &str, content: &str) -> bool {
        match (self.0.get(path), content) {
            (None, content) => content.is_empty(),
            (Some(print), content) => !content.is_empty() && *print == fingerprint(content),
        }
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (path, print)) in self.0.iter().enumerate() {
            let space = if number == 0 { "" } else { " " };
            write!(f, "{space}{path}:{print}")?;
        }
        Ok(())
    }
}

fn fingerprint(content: &str) -> String {
    hex::encode(&Sha256::digest(content.as_bytes())[..6])
}

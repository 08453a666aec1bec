//! A caller's request, known by its id: repeated, it changes nothing and is answered with what it
//! made. The same id must not ask for something else, hence the digest over what the caller said,
//! in a form that neither looked-up data nor another release changes.

use serde::Serialize;
use sha2::{Digest, Sha256};

/// Begins the digests of this form: another one could not be mistaken for it.
const FORM: &str = "v1:";

/// A request that may be repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The caller's id of it.
    pub id: String,
    /// What it asks, as a hash.
    pub digest: String,
}

impl Request {
    /// A request of this id for what was said, in canonical bytes, in a call of this name.
    pub fn new(id: impl Into<String>, call: &str, said: &[u8]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update((call.len() as u64).to_be_bytes());
        hasher.update(call.as_bytes());
        hasher.update(said);
        Request { id: id.into(), digest: format!("{FORM}{}", hex::encode(hasher.finalize())) }
    }

    /// The same for what was said as a document: the order of its keys tells nothing.
    pub fn of_document(id: impl Into<String>, call: &str, said: &impl Serialize) -> Self {
        let mut said = serde_json::to_value(said).unwrap_or_default();
        said.sort_all_objects();
        Request::new(id, call, said.to_string().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_digest_tells_what_was_said_and_neither_the_order_of_keys_nor_the_release() {
        let digest = |said| Request::of_document("1", "Submit", &said).digest;
        let said = json!({ "answers": { "pupils": "12", "means": ["paper"] } });
        let same = json!({ "answers": { "means": ["paper"], "pupils": "12" } });
        assert_eq!(digest(said.clone()), digest(same));
        assert_ne!(digest(said.clone()), digest(json!({ "answers": { "pupils": "13" } })));
        assert_ne!(digest(said.clone()), Request::of_document("1", "Save", &said).digest);
        // Rows that a released daemon wrote hold this very text.
        assert_eq!(
            digest(said),
            "v1:6f7400d6553fdd76bc83bfb08a52a396907e0c856ffdf0769498f46382bc7206"
        );
    }
}

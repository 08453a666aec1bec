//! Why a document was not made: the store, which may know better later, or the road map, which does
//! not.

use crate::runtime::fault::Fault;
use crate::store::StoreError;

/// Why a document was not made.
#[derive(Debug, thiserror::Error)]
pub enum NotMade {
    /// What it is made of was not read.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The road map and its texts do not yield it; said for people.
    #[error("{0}")]
    Impossible(String),
}

impl From<String> for NotMade {
    fn from(why: String) -> Self {
        NotMade::Impossible(why)
    }
}

impl From<&str> for NotMade {
    fn from(why: &str) -> Self {
        NotMade::Impossible(why.to_owned())
    }
}

impl Fault for NotMade {
    fn unreadable(&self) -> Option<String> {
        match self {
            NotMade::Store(e) => e.unreadable(),
            NotMade::Impossible(_) => None,
        }
    }
}

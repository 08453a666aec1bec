//! Publishers put documents where people find them: a report on a site, an order in an archive.

use async_trait::async_trait;

use crate::Plugin;

/// Puts documents where people find them.
#[async_trait]
pub trait Publisher: Plugin {
    /// Publishes a document. The same path again replaces what was there, all at once: a reader
    /// sees the old document or the new one, never a part.
    ///
    /// # Errors
    ///
    /// [`PublishError`], which tells the caller whether to try again.
    async fn publish(&self, document: &Document) -> Result<Published, PublishError>;
}

/// A document, ready to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its place among the published documents, with slashes: `2026-27/annual-report.html`.
    pub path: String,
    /// Its media type: `text/html; charset=utf-8`.
    pub content_type: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// Where a document now is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Address or path at which people find it.
    pub location: String,
}

/// The document was not published. The sentences are in Russian.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// The document cannot be published as it is: trying again is of no use.
    #[error("{0}")]
    Refused(String),
    /// It could not be published this time: try again later.
    #[error("{0}")]
    Failed(String),
}

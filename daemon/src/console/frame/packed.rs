//! The department's pages go compressed. What is left as it is: pages that show what opens something
//! to whoever knows it (a personal link, a letter with one, a token, a link to choose a password). A compressed body is shorter when what
//! stands in it twice is the same, so a stranger who writes into a page (an answer, a wish) and sees how
//! long it becomes could guess at the secret beside it (BREACH). No other page of the department holds
//! one; the schools' pages, whose addresses are secrets, are not compressed at all.

use axum::http::Response;
use axum::http::header::CONTENT_TYPE;
use axum::response;
use tower_http::CompressionLevel;
use tower_http::compression::{CompressionLayer, Predicate};

/// A page that is never compressed.
#[derive(Debug, Clone, Copy)]
struct Secret;

/// Leaves this page as it is: it shows a secret.
pub fn never(mut page: response::Response) -> response::Response {
    page.extensions_mut().insert(Secret);
    page
}

/// Text without secrets. Spreadsheets and documents are compressed in themselves.
#[derive(Debug, Clone, Copy)]
pub struct Open;

impl Predicate for Open {
    fn should_compress<B: http_body::Body>(&self, response: &Response<B>) -> bool {
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let texts = ["text/html", "text/css", "text/javascript"];
        let is_text = kind.is_some_and(|kind| texts.iter().any(|text| kind.starts_with(text)));
        is_text && response.extensions().get::<Secret>().is_none()
    }
}

/// For routers whose pages may be compressed. Somebody waits for each of them, and there are many: fast
/// rather than small.
pub fn layer() -> CompressionLayer<Open> {
    CompressionLayer::new().gzip(true).quality(CompressionLevel::Fastest).compress_when(Open)
}

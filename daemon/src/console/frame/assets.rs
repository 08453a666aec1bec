//! The style and the script: parts of the binary, addressed by their content, kept for long.

use std::sync::LazyLock;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;
use sha2::{Digest, Sha256};

/// The style of all pages, for files that carry it within.
pub const STYLE: &str = include_str!("assets/style.css");
const SCRIPT: &str = include_str!("assets/form.js");
const KEPT: &str = "public, max-age=31536000, immutable";

/// Where the style is.
pub static STYLE_URL: LazyLock<String> = LazyLock::new(|| url("style.css", STYLE));

/// Where the script is.
pub static SCRIPT_URL: LazyLock<String> = LazyLock::new(|| url("form.js", SCRIPT));

fn url(name: &str, content: &str) -> String {
    format!("/assets/{name}?v={}", hex::encode(&Sha256::digest(content.as_bytes())[..6]))
}

/// The style of all pages.
pub async fn style() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, KEPT)], STYLE)
}

/// What makes forms more comfortable; they work without it.
pub async fn script() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/javascript; charset=utf-8"), (CACHE_CONTROL, KEPT)], SCRIPT)
}

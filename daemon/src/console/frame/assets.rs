//! The style and the scripts: parts of the binary, addressed by their content, kept for long.

use std::sync::LazyLock;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;
use sha2::{Digest, Sha256};

/// The style of all pages, for files that carry it within.
pub const STYLE: &str = include_str!("assets/style.css");
const SCRIPT: &str = include_str!("assets/form.js");
const LIVE: &str = include_str!("assets/live.js");
const PASSKEY: &str = include_str!("assets/passkey.js");
const KEPT: &str = "public, max-age=31536000, immutable";

/// Where the style is.
pub static STYLE_URL: LazyLock<String> = LazyLock::new(|| url("style.css", STYLE));

/// Where the script is.
pub static SCRIPT_URL: LazyLock<String> = LazyLock::new(|| url("form.js", SCRIPT));

/// Where the script is that shows a page anew when it has changed.
pub static LIVE_URL: LazyLock<String> = LazyLock::new(|| url("live.js", LIVE));

/// Where the script is that asks a browser for a passkey.
pub static PASSKEY_URL: LazyLock<String> = LazyLock::new(|| url("passkey.js", PASSKEY));

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

/// What shows a page anew when it has changed; it can be loaded again by hand.
pub async fn live() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/javascript; charset=utf-8"), (CACHE_CONTROL, KEPT)], LIVE)
}

/// What asks a browser for a passkey: nothing else can. Whoever has a password signs in without it.
pub async fn passkey() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/javascript; charset=utf-8"), (CACHE_CONTROL, KEPT)], PASSKEY)
}

//! Keeps other sites from acting with the administrator's password, which a browser sends by
//! itself wherever a request comes from.
//!
//! Browsers say whence a request comes. Whoever says nothing is no browser and had to be given the
//! password by hand.

use axum::extract::Request;
use axum::http::header::{HOST, ORIGIN, REFERER};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::Response;

use crate::console::frame::problem;

/// Refuses what changes something and comes from another site.
pub async fn own(request: Request, next: Next) -> Response {
    if request.method().is_safe() || is_own(request.headers(), request.uri()) {
        return next.run(request).await;
    }
    problem::page(
        StatusCode::FORBIDDEN,
        "Запрос с другого сайта",
        &[
            "Браузер сообщил, что форма отправлена не со страницы Вехи, поэтому ничего не сделано.",
            "Откройте страницу заново по её адресу и повторите действие на ней.",
        ],
    )
}

/// Whether a request comes from one of our own pages, or from no page at all.
pub fn is_own(headers: &HeaderMap, uri: &Uri) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return matches!(site.as_bytes(), b"same-origin" | b"none");
    }
    let Some(origin) = headers.get(ORIGIN).or_else(|| headers.get(REFERER)) else { return true };
    // HTTP/2 names the host in the address.
    let host = match headers.get(HOST) {
        Some(host) => host.to_str().ok(),
        None => uri.authority().map(|authority| authority.as_str()),
    };
    // A referer names the page, too.
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    let from = origin.and_then(|(_, from)| from.split('/').next());
    matches!((from, host), (Some(from), Some(host)) if from.eq_ignore_ascii_case(host))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn own(pairs: &[(&'static str, &str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        is_own(&headers, &Uri::from_static("/runs/zarechny/results/2027"))
    }

    #[test]
    fn only_our_own_pages_and_programs_without_a_page_may_act() {
        assert!(own(&[("host", "vekha.example.org")]));
        assert!(own(&[("sec-fetch-site", "same-origin")]));
        assert!(own(&[("sec-fetch-site", "none")]));
        for site in ["cross-site", "same-site", "nonsense", ""] {
            assert!(!own(&[("sec-fetch-site", site)]), "{site}");
        }
        // A page of the same registered domain is still another page.
        let same = ("origin", "http://vekha.example.org");
        assert!(!own(&[("sec-fetch-site", "same-site"), same, ("host", "vekha.example.org")]));
    }

    #[test]
    fn an_older_browser_is_judged_by_its_origin() {
        let host = ("host", "vekha.example.org:7140");
        assert!(own(&[("origin", "http://Vekha.example.org:7140"), host]));
        assert!(!own(&[("origin", "http://vekha.example.org"), host]));
        assert!(!own(&[("origin", "https://evil.example"), host]));
        assert!(!own(&[("origin", "null"), host]));
        assert!(!own(&[("origin", "http://vekha.example.org")]));
        assert!(own(&[("referer", "http://vekha.example.org:7140/runs/a?b=//c"), host]));
        for foreign in ["https://evil.example/http://vekha.example.org:7140", "about:blank"] {
            assert!(!own(&[("referer", foreign), host]), "{foreign}");
        }
        let mut headers = HeaderMap::new();
        headers.insert("origin", "https://vekha.example.org".parse().unwrap());
        assert!(is_own(&headers, &Uri::from_static("https://vekha.example.org/runs")));
    }
}

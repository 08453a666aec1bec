//! Which other sites' pages may call the daemon by gRPC-web: none but those that the settings name. A
//! browser asks before it calls, and keeps the answer from a page that was not named.

use http::header::{ACCESS_CONTROL_REQUEST_METHOD, HeaderName, ORIGIN};
use http::{HeaderValue, Method, Request, Uri};
use std::time::Duration;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};
use vekha_plugin::Problem;

/// How long a browser need not ask again.
const REMEMBERED: Duration = Duration::from_secs(3600);

/// What an answer says beside its messages, where a call failed before its first.
const SAID: [HeaderName; 3] = [
    HeaderName::from_static("grpc-status"),
    HeaderName::from_static("grpc-message"),
    HeaderName::from_static("grpc-status-details-bin"),
];

/// The sites whose pages may call.
#[derive(Debug, Clone, Default)]
pub struct Origins(Vec<HeaderValue>);

impl Origins {
    /// Those that are named `scheme://host[:port]`.
    pub fn new(named: &[String]) -> Self {
        let named = named.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
        Origins(named.collect())
    }

    /// Whether a request comes from a page of one of them.
    pub fn hold<B>(&self, request: &Request<B>) -> bool {
        request.headers().get(ORIGIN).is_some_and(|origin| self.0.contains(origin))
    }

    /// Whether a browser asks for one of their pages whether it may call.
    pub fn are_asked_for<B>(&self, request: &Request<B>) -> bool {
        request.method() == Method::OPTIONS
            && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD)
            && self.hold(request)
    }

    /// Tells browsers so; none where none is named: then an answer is the same whoever asks, and does not
    /// say that it varies. A key is sent by the page itself, never by the browser: no cookie counts.
    pub fn layer(&self) -> Option<CorsLayer> {
        if self.0.is_empty() {
            return None;
        }
        let layer = CorsLayer::new()
            .allow_origin(AllowOrigin::list(self.0.clone()))
            .allow_methods([Method::POST])
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers(SAID)
            .max_age(REMEMBERED);
        Some(layer)
    }
}

/// What is wrong with what the settings name under this key.
pub fn wrong(key: &str, named: &[String]) -> Vec<Problem> {
    let is_origin = |origin: &str| {
        let Ok(address) = origin.parse::<Uri>() else { return false };
        let (Some(scheme), Some(authority)) = (address.scheme_str(), address.authority()) else {
            return false;
        };
        let plain = format!("{scheme}://{authority}");
        matches!(scheme, "http" | "https") && plain == origin && !plain.contains(['@', '*'])
    };
    let strange = named.iter().filter(|origin| !is_origin(origin));
    let words = |origin: &String| {
        format!("нужен адрес сайта без пути, вида https://portal.example.org, а не «{origin}»")
    };
    strange.map(|origin| Problem::new(key, words(origin))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_scheme_and_a_host_and_nothing_else() {
        for right in ["https://portal.example.org", "http://127.0.0.1:8080", "https://[::1]"] {
            assert_eq!(wrong("access.origins", &[right.to_owned()]), [], "{right}");
        }
        for strange in [
            "*",
            "portal.example.org",
            "https://*.example.org",
            "https://portal.example.org/",
            "https://portal.example.org/page",
            "https://user@portal.example.org",
            "file://portal",
            "null",
            "HTTPS://portal.example.org",
            "",
        ] {
            assert_eq!(wrong("access.origins", &[strange.to_owned()]).len(), 1, "{strange}");
        }
    }
}

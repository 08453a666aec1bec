//! By which name the daemon was called, where it asks nobody for a key.
//!
//! A page of anywhere can have its own name lead to this machine (DNS rebinding): to the browser
//! our pages are then its own, and it reads and does what it likes. Its name betrays it.

use std::net::IpAddr;

use http::uri::Authority;
use http::{HeaderMap, Uri, header};

/// Whether a name or an address means this machine to whoever is on it, and to nobody else.
pub fn is_own(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
    match host.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => {
            let host = host.to_ascii_lowercase();
            host == "localhost" || host.ends_with(".localhost")
        }
    }
}

/// Whether a request calls us by such a name. Whoever gives none is no browser.
pub fn is_called_so(headers: &HeaderMap, uri: &Uri) -> bool {
    let named = |value: &http::HeaderValue| {
        let authority = Authority::try_from(value.as_bytes());
        authority.is_ok_and(|authority| is_own(authority.host()))
    };
    // HTTP/2 names it in the address.
    let of_address = uri.authority().is_none_or(|authority| is_own(authority.host()));
    of_address && headers.get_all(header::HOST).iter().all(named)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_own() {
        for own in ["localhost", "LocalHost.", "vekha.localhost", "127.0.0.1", "127.8.9.1", "[::1]"]
        {
            assert!(is_own(own), "{own}");
        }
        let foreign =
            ["evil.example", "localhost.evil.example", "10.0.0.1", "0.0.0.0", "[::]", "", "127.1"];
        for foreign in foreign {
            assert!(!is_own(foreign), "{foreign}");
        }
    }

    #[test]
    fn every_name_that_a_request_gives_counts() {
        let called = |hosts: &[&str], uri: &'static str| {
            let mut headers = HeaderMap::new();
            for host in hosts {
                headers.append("host", host.parse().unwrap());
            }
            is_called_so(&headers, &Uri::from_static(uri))
        };
        assert!(called(&["127.0.0.1:7140"], "/runs"));
        assert!(called(&["[::1]:7140"], "/runs"));
        assert!(called(&[], "http://localhost:7140/runs"));
        assert!(called(&[], "/runs"), "no browser");
        assert!(!called(&["rebound.evil.example:7140"], "/runs"));
        assert!(!called(&["localhost", "evil.example"], "/runs"));
        assert!(!called(&["localhost"], "http://evil.example/runs"));
        assert!(!called(&["local host"], "/runs"));
    }
}

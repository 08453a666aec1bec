//! Requests that tell another system something: one POST each, to where the guard lets it go. No
//! redirects are followed, and of an answer's body hardly anything is read.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{StatusCode, Url};

use crate::client::{Trouble, no_contact, root};
use crate::guard::{self, Guard, Resolver};
use crate::pause;

/// Bytes of an answer's body that are read; with a longer one the connection ends.
const LONGEST: usize = 16 << 10;

/// Characters of it that are kept.
const KEPT: usize = 200;

/// How many connections to a host are kept for the next request.
const IDLE: usize = 2;

/// Posts to other systems. Its connections are shared by its clones.
#[derive(Clone)]
pub struct Poster {
    http: reqwest::Client,
    guard: Guard,
    timeout: Duration,
}

impl fmt::Debug for Poster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Poster").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// What the other system answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// With which status.
    pub status: StatusCode,
    /// How long it asks to wait.
    pub wait: Option<Duration>,
    /// How its body begins, on one line.
    pub said: String,
}

impl Poster {
    /// One whose requests may take so long, answer included.
    ///
    /// # Errors
    /// TLS cannot be prepared.
    pub fn new(allow_private: bool, timeout: Duration) -> Result<Self, String> {
        rustls::crypto::ring::default_provider().install_default().ok();
        let guard = Guard::of(allow_private);
        let http = reqwest::Client::builder()
            .user_agent(concat!("vekha/", env!("CARGO_PKG_VERSION")))
            // A proxy would resolve names for us, unjudged.
            .no_proxy()
            .dns_resolver(Resolver { guard, look_up: guard::system })
            .pool_max_idle_per_host(IDLE)
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .build()
            .map_err(|error| format!("не удаётся подготовить TLS: {}", root(&error)))?;
        Ok(Poster { http, guard, timeout })
    }

    /// Whether requests may go there, as far as the address itself tells.
    ///
    /// # Errors
    /// Why not, in Russian.
    pub fn judge(&self, url: &Url) -> Result<(), String> {
        self.guard.judge_url(url).map_err(|forbidden| forbidden.to_string())
    }

    /// Posts once.
    ///
    /// # Errors
    /// Why there is no answer, in Russian.
    pub async fn post(
        &self,
        url: &Url,
        headers: HeaderMap<HeaderValue>,
        body: Vec<u8>,
    ) -> Result<Posted, String> {
        self.judge(url)?;
        let asked = self.ask(url, headers, body);
        let seconds = self.timeout.as_secs();
        let late = || Err(format!("сервер не ответил за {seconds} с"));
        tokio::time::timeout(self.timeout, asked).await.unwrap_or_else(|_| late())
    }

    async fn ask(
        &self,
        url: &Url,
        headers: HeaderMap<HeaderValue>,
        body: Vec<u8>,
    ) -> Result<Posted, String> {
        let words = |error: &reqwest::Error| match no_contact(error) {
            Trouble::Lasting(why) | Trouble::Passing(why, _) => why,
        };
        let request = self.http.post(url.clone()).headers(headers).body(body);
        let mut response = request.send().await.map_err(|error| words(&error))?;
        let status = response.status();
        let wait = pause::asked(response.headers(), Timestamp::now());
        let mut said = Vec::new();
        // A status is an answer, whatever becomes of the body.
        while let Ok(Some(chunk)) = response.chunk().await {
            let room = LONGEST.saturating_sub(said.len()).min(chunk.len());
            said.extend_from_slice(&chunk[..room]);
            if room < chunk.len() {
                break;
            }
        }
        Ok(Posted { status, wait, said: plain(&said) })
    }
}

/// How a body begins, as far as it is fit to be shown.
fn plain(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let line: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    line.join(" ").chars().take(KEPT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_body_a_line_is_kept() {
        assert_eq!(plain("нет\r\n\u{1b}[31mтакого\0 ".as_bytes()), "нет [31mтакого");
        assert_eq!(plain("я".repeat(1000).as_bytes()).chars().count(), KEPT);
        assert_eq!(plain(&[0xff, 0xfe]), "\u{fffd}\u{fffd}");
    }
}

//! Requests to the provider: each of a few seconds, each answer of a bounded size, none led elsewhere.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use reqwest::redirect::Policy;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);

/// How long a request may take, answer included.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of an answer: metadata, keys and what is said of a person are far shorter.
const LONGEST: usize = 512 << 10;

/// Asks the provider.
#[derive(Debug, Clone)]
pub(super) struct Http {
    http: reqwest::Client,
    /// Whether it may be asked without TLS: it is on this machine.
    plain: bool,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) struct Unanswered(String);

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Unanswered {}

impl Http {
    /// One that trusts these certificates beside the machine's.
    ///
    /// # Errors
    /// TLS cannot be prepared.
    pub fn new(certificates: Vec<reqwest::Certificate>, plain: bool) -> Result<Self, String> {
        rustls::crypto::ring::default_provider().install_default().ok();
        let http = reqwest::Client::builder()
            .user_agent(concat!("vekha/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            .connect_timeout(CONNECT)
            .timeout(TIMEOUT)
            // What is to be secret goes to whom the provider named, and no further.
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .tls_certs_merge(certificates)
            .build()
            .map_err(|error| format!("не удаётся подготовить TLS: {error}"))?;
        Ok(Http { http, plain })
    }

    async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, Unanswered> {
        let place = request.uri().host().unwrap_or_default().to_owned();
        let failed = |error: &dyn Error| {
            let mut root = error;
            while let Some(below) = root.source() {
                root = below;
            }
            Unanswered(format!("{place}: {root}"))
        };
        if request.uri().scheme_str() != Some("https") && !self.plain {
            return Err(Unanswered(format!("{place}: it is to be asked without TLS")));
        }
        let request = reqwest::Request::try_from(request).map_err(|e| failed(&e))?;
        let mut answer = self.http.execute(request).await.map_err(|e| failed(&e))?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        // What stands before the provider, or the provider itself, is in trouble: that says nothing of
        // who asks.
        if status.is_server_error() {
            return Err(Unanswered(format!("{place}: {status}")));
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|e| failed(&e))? {
            if body.len() + chunk.len() > LONGEST {
                return Err(Unanswered(format!("{place}: the answer is too long")));
            }
            body.extend_from_slice(&chunk);
        }
        let mut response = HttpResponse::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }
}

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = Unanswered;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Unanswered>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.ask(request))
    }
}

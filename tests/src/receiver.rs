//! Another system that is told by webhook: it keeps what comes and answers as it is told to.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A request.
#[derive(Debug, Clone)]
pub struct Got {
    /// `webhook-id`.
    pub id: String,
    /// `webhook-timestamp`.
    pub timestamp: i64,
    /// `webhook-signature`, each without its version.
    pub signatures: Vec<String>,
    /// All of its headers.
    pub headers: HeaderMap,
    /// Its body as it came.
    pub body: Bytes,
}

impl Got {
    /// The event.
    ///
    /// # Panics
    /// When the body is no JSON.
    pub fn event(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// Its cursor in the journal.
    pub fn cursor(&self) -> i64 {
        self.event()["data"]["cursor"].as_i64().expect("a cursor")
    }

    /// What it was.
    pub fn kind(&self) -> String {
        self.event()["data"]["kind"].as_str().expect("a kind").to_owned()
    }

    /// Whether it is signed with a secret, `whsec_…`.
    ///
    /// # Panics
    /// When that is no secret.
    pub fn is_signed_with(&self, secret: &str) -> bool {
        let secret = secret.strip_prefix("whsec_").expect("a secret");
        let key = STANDARD.decode(secret).expect("base64");
        let signed = [format!("{}.{}.", self.id, self.timestamp).as_bytes(), &self.body].concat();
        self.signatures.contains(&STANDARD.encode(hmac(&key, &signed)))
    }
}

/// HMAC-SHA256 as RFC 2104 has it: another implementation than ours.
fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut block = [0_u8; 64];
    block[..key.len()].copy_from_slice(key);
    let padded = |byte: u8| block.map(|b| b ^ byte);
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(text).finalize();
    Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize().into()
}

/// How a request is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// With this status.
    Status(u16),
    /// With 503 and so many seconds to wait.
    Wait(u64),
    /// With 307 to another path.
    Elsewhere,
    /// With 500 and a body without end.
    Flood,
    /// Never.
    Never,
}

type Rule = dyn Fn(&Got) -> Answer + Send + Sync;

struct Shared {
    got: Mutex<Vec<Got>>,
    count: watch::Sender<usize>,
    rule: Mutex<Arc<Rule>>,
}

/// The other system.
pub struct Receiver {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Receiver {
    /// One that takes everything.
    ///
    /// # Panics
    /// When there is no port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            got: Mutex::default(),
            count: watch::Sender::new(0),
            rule: Mutex::new(Arc::new(|_: &Got| Answer::Status(204))),
        });
        let kept = shared.clone();
        let app = Router::new().fallback(move |headers: HeaderMap, body: Bytes| {
            let shared = kept.clone();
            async move { shared.answer(headers, body).await }
        });
        let serving = tokio::spawn(async move {
            axum::serve(listener, app).await.expect("to serve");
        });
        Receiver { address, shared, serving }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Has it answer so from now on.
    pub fn answer_by(&self, rule: impl Fn(&Got) -> Answer + Send + Sync + 'static) {
        *self.shared.rule.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(rule);
    }

    /// Has it answer all with this from now on.
    pub fn answer(&self, answer: Answer) {
        self.answer_by(move |_| answer);
    }

    /// What has come, answered in whatever way.
    pub fn got(&self) -> Vec<Got> {
        self.shared.got.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The cursors of what has come.
    pub fn cursors(&self) -> Vec<i64> {
        self.got().iter().map(Got::cursor).collect()
    }

    /// Forgets what has come.
    pub fn forget(&self) {
        self.shared.got.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.shared.count.send_replace(0);
    }

    /// Waits until so many requests have come since it forgot.
    ///
    /// # Panics
    /// When they do not come.
    pub async fn wait_for(&self, count: usize) {
        let mut counted = self.shared.count.subscribe();
        let come = counted.wait_for(|come| *come >= count);
        let in_time = tokio::time::timeout(Duration::from_secs(30), come).await;
        in_time.expect("requests come").expect("it goes on");
    }
}

impl Shared {
    async fn answer(&self, headers: HeaderMap, body: Bytes) -> Response {
        let header = |name: &str| {
            headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
        };
        let signatures = header("webhook-signature");
        let got = Got {
            id: header("webhook-id"),
            timestamp: header("webhook-timestamp").parse().unwrap_or_default(),
            signatures: signatures
                .split(' ')
                .filter_map(|one| one.strip_prefix("v1,"))
                .map(str::to_owned)
                .collect(),
            headers,
            body,
        };
        let rule = self.rule.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let answer = rule(&got);
        self.got.lock().unwrap_or_else(PoisonError::into_inner).push(got);
        self.count.send_modify(|count| *count += 1);
        let response = Response::builder();
        match answer {
            Answer::Status(status) => response.status(status).body(Body::empty()),
            Answer::Wait(seconds) => {
                let response = response.status(StatusCode::SERVICE_UNAVAILABLE);
                response.header("retry-after", seconds).body(Body::from("занято"))
            }
            Answer::Elsewhere => {
                response.status(307).header("location", "/elsewhere").body(Body::empty())
            }
            Answer::Flood => {
                let chunk = Bytes::from(vec![b'x'; 64 << 10]);
                let endless = futures::stream::repeat_with(move || {
                    Ok::<_, std::convert::Infallible>(chunk.clone())
                });
                response.status(500).body(Body::from_stream(endless))
            }
            Answer::Never => std::future::pending().await,
        }
        .expect("a response")
    }
}

//! Bodies of requests: how many bytes of them are being received in the whole process, and how long
//! each may take. Nothing is set aside for what was only announced: bytes count when they come, and
//! until the request is answered.

use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Version, header};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use futures::StreamExt as _;
use hyper::body::{Body as HttpBody, Frame};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower_http::timeout::{DeadlineBody, TimeoutBody, TimeoutError};

use super::limits::{Limits, Patience};
use super::told::{self, Bound};

/// How long the rest of a body that nobody wanted is taken in and thrown away, so that whoever is
/// still sending it gets to read the answer.
const LINGER: Duration = Duration::from_secs(2);

/// Why a body was not received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreceived {
    /// Too much is being received already.
    Full,
    /// It took too long.
    Slow,
}

/// What bounds the bodies of some routes.
#[derive(Clone)]
pub struct Bodies {
    room: Arc<Semaphore>,
    /// Most bytes of one body; none if the routes have bounds of their own.
    longest: Option<usize>,
    patience: Patience,
    refusal: fn(Unreceived) -> Response,
}

impl Bodies {
    /// Bodies of those who may send them; `refusal` is the answer to one that was not received.
    pub fn new(limits: &Limits, refusal: fn(Unreceived) -> Response) -> Self {
        let room = Arc::new(Semaphore::new(limits.bytes()));
        Bodies { room, longest: None, patience: limits.patience, refusal }
    }

    /// The same room for other routes, refused in another way.
    #[must_use]
    pub fn refused_by(&self, refusal: fn(Unreceived) -> Response) -> Self {
        Bodies { refusal, ..self.clone() }
    }

    /// A small room of their own for those whom nobody knows: they take it from nobody else.
    #[must_use]
    pub fn of_strangers(&self, bytes: usize, longest: usize) -> Self {
        let room = Arc::new(Semaphore::new(bytes));
        Bodies { room, longest: Some(longest), ..self.clone() }
    }
}

/// Bounds the bodies of all requests below.
pub async fn bounded(State(bodies): State<Bodies>, request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    // Who waits to be asked for the body has not begun to send it.
    let waits = request.headers().contains_key(header::EXPECT);
    let lingers = request.version() < Version::HTTP_2 && !waits;
    let received = Arc::new(Received::of(&bodies));
    let request = request.map(|body| {
        let paced = TimeoutBody::new(bodies.patience.pause, body);
        let whole = Body::new(DeadlineBody::new(bodies.patience.body, paced));
        Body::new(Counted { body: Some(whole), received: received.clone(), lingers })
    });
    let response = next.run(request).await;
    match received.why.get() {
        None => response,
        Some(why) => (bodies.refusal)(*why),
    }
}

/// What has come of a body.
struct Received {
    bodies: Bodies,
    bytes: Mutex<(usize, Option<OwnedSemaphorePermit>)>,
    why: OnceLock<Unreceived>,
}

impl Received {
    fn of(bodies: &Bodies) -> Self {
        Received { bodies: bodies.clone(), bytes: Mutex::default(), why: OnceLock::new() }
    }

    /// Counts bytes that came; false if there is no room for them.
    fn count(&self, more: usize) -> bool {
        let mut bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let (so_far, held) = &mut *bytes;
        *so_far += more;
        if self.bodies.longest.is_some_and(|longest| *so_far > longest) {
            return false;
        }
        let Ok(more) = u32::try_from(more) else { return false };
        let Ok(permit) = self.bodies.room.clone().try_acquire_many_owned(more) else {
            return false;
        };
        match held {
            Some(held) => held.merge(permit),
            None => *held = Some(permit),
        }
        true
    }

    fn refuse(&self, why: Unreceived, bound: Bound) {
        if self.why.set(why).is_ok() {
            told::met(bound, &"the request is refused");
        }
    }
}

/// A body whose bytes are counted.
struct Counted {
    /// None once it has ended.
    body: Option<Body>,
    received: Arc<Received>,
    /// Whether its sender is to be listened to when nobody wants it any more.
    lingers: bool,
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(body).poll_frame(cx));
        Poll::Ready(match frame {
            None => {
                self.body = None;
                None
            }
            Some(Ok(frame)) => {
                if self.received.count(frame.data_ref().map_or(0, Bytes::len)) {
                    Some(Ok(frame))
                } else {
                    self.received.refuse(Unreceived::Full, Bound::Receiving);
                    Some(Err(axum::Error::new("too much is being received")))
                }
            }
            Some(Err(e)) => {
                self.body = None;
                let error = e.into_inner();
                if error.is::<TimeoutError>() {
                    self.received.refuse(Unreceived::Slow, Bound::Slow);
                }
                Some(Err(axum::Error::new(error)))
            }
        })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let Some(rest) = self.body.take().filter(|_| self.lingers) else { return };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let mut rest = rest.into_data_stream();
            runtime.spawn(tokio::time::timeout(LINGER, async move {
                while let Some(Ok(_)) = rest.next().await {}
            }));
        }
    }
}

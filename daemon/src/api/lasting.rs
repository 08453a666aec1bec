//! How calls end that would go on: at the deadline that their caller set, with the daemon, and when
//! their caller is not let in any more, or may do something else. Whoever watches is told so, and comes
//! back with a cursor.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use hyper::body::{Body as HttpBody, Frame};
use tokio::sync::watch;
use tokio::time::Instant;
use tonic::Status;

use super::reason::Reason;
use super::status::told;
use crate::access::Roles;
use crate::access::gate::{Found, Gate};
use crate::port::tls::Certified;

/// How often it is looked whether who watches is still let in.
const LOOK: Duration = Duration::from_secs(2);

/// Marks the answer of a call that goes on until it is ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct GoesOn;

/// Ends a call at its deadline, and one that goes on with the daemon; what is being answered is
/// answered.
pub async fn bounded(
    mut ending: watch::Receiver<bool>,
    gate: Arc<Gate>,
    request: Request,
    next: Next,
) -> Response {
    let brought = Brought {
        key: request.headers().get(AUTHORIZATION).cloned(),
        certified: request.extensions().get::<Certified>().cloned(),
    };
    let deadline = timeout(request.headers()).and_then(|time| Instant::now().checked_add(time));
    let answer = tokio::select! {
        biased;
        answer = next.run(request) => answer,
        () = passed(deadline) => return late().into_http::<Body>().into_response(),
    };
    let (parts, body) = answer.into_parts();
    let goes_on = parts.extensions.get::<GoesOn>().is_some();
    let may = if goes_on { may(&gate, &brought).await } else { None };
    let end = async move {
        tokio::select! {
            biased;
            () = passed(deadline) => late(),
            _ = ending.wait_for(|ending| *ending) => {
                told(Reason::Ending, "демон завершает работу")
            }
            () = shut(&gate, &brought, may), if goes_on => {
                told(Reason::AccessChanged, "ключ отозван, истёк или его роли изменились")
            }
        }
    };
    let end: End = Box::pin(end);
    Response::from_parts(parts, Body::new(Lasting { body, end: Some(end), goes_on }))
}

/// By what a caller was let in.
struct Brought {
    key: Option<HeaderValue>,
    certified: Option<Certified>,
}

/// What a caller may; none if they are not let in. A database that does not answer takes nothing from
/// anybody.
async fn may(gate: &Gate, brought: &Brought) -> Option<Roles> {
    let key = brought.key.iter().map(|value| (AUTHORIZATION, value.clone()));
    match gate.of_call(&key.collect(), brought.certified.as_ref()).await {
        Ok(Found::Somebody(identity)) => Some(identity.roles),
        Ok(Found::Nobody | Found::Wrong) => Some(Roles::default()),
        Err(_) => None,
    }
}

/// Returns once a caller may no longer what they might at first, as far as that is known.
async fn shut(gate: &Gate, brought: &Brought, mut first: Option<Roles>) {
    loop {
        tokio::time::sleep(LOOK).await;
        let Some(now) = may(gate, brought).await else { continue };
        if now.anywhere().is_none() || *first.get_or_insert_with(|| now.clone()) != now {
            return;
        }
    }
}

fn late() -> Status {
    told(Reason::Deadline, "время вызова вышло")
}

async fn passed(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// How long a caller waits, as gRPC says it: up to eight digits and a unit. What is said otherwise is
/// not said.
fn timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout").map(HeaderValue::to_str)?.ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if !(1..=8).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(count * 3600)),
        "M" => Some(Duration::from_secs(count * 60)),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

type End = Pin<Box<dyn Future<Output = Status> + Send>>;

/// An answer that is ended from outside.
struct Lasting {
    body: Body,
    /// None once it has ended.
    end: Option<End>,
    goes_on: bool,
}

impl Lasting {
    /// What ends it, if that has come.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Frame<Bytes>> {
        let Some(end) = &mut self.end else { return Poll::Pending };
        let Poll::Ready(status) = end.as_mut().poll(cx) else { return Poll::Pending };
        self.end = None;
        // What it still had to say comes with the cursor.
        self.body = Body::empty();
        let mut trailers = HeaderMap::new();
        match status.add_header(&mut trailers) {
            Ok(()) => Poll::Ready(Frame::trailers(trailers)),
            Err(_) => Poll::Pending,
        }
    }
}

impl HttpBody for Lasting {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.end.is_none() {
            return Poll::Ready(None);
        }
        // A watcher with much to catch up would never be at rest.
        if self.goes_on
            && let Poll::Ready(last) = self.poll_end(cx)
        {
            return Poll::Ready(Some(Ok(last)));
        }
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            if frame.is_none() {
                self.end = None;
            }
            return Poll::Ready(frame);
        }
        self.poll_end(cx).map(|last| Some(Ok(last)))
    }

    fn is_end_stream(&self) -> bool {
        self.end.is_none() || self.body.is_end_stream()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callers_patience_is_read_as_grpc_says_it() {
        let of = |text: &'static str| {
            let value = HeaderValue::from_static(text);
            timeout(&[("grpc-timeout".parse().expect("a name"), value)].into_iter().collect())
        };
        assert_eq!(of("250m"), Some(Duration::from_millis(250)));
        assert_eq!(of("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        for wrong in ["", "m", "1", "-1S", "1.5S", "123456789S", "1 S", "1s"] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }
}

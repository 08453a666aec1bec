//! Whether whoever calls may: by the table of [`methods`](crate::access::methods), before the call is
//! carried out. What has no row there is refused.

use std::io::Read as _;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use flate2::read::GzDecoder;
use tonic::Status;
use vekha_proto::v1::Method;

use super::{LARGEST_FILE_CALL, status};
use crate::access::methods::{Needed, Scope, municipality, needed, permits as permitted, service};
use crate::access::{Identity, Role};
use crate::glossary;

/// Bytes before a message: whether it is compressed, and its length.
const FRAME: usize = 5;

/// Lets a call through if its caller may make it.
pub(crate) async fn permits(request: Request, next: Next) -> Response {
    // Health and reflection are nobody's in particular; of a method that we do not have, whoever
    // serves says so.
    let Some(method) = Method::of_path(request.uri().path()) else {
        return next.run(request).await;
    };
    let Some(identity) = request.extensions().get::<Arc<Identity>>().cloned() else {
        return refused(status::denied("неизвестно, кто вызывает"));
    };
    let service = service(method);
    if !identity.reaches(service) {
        return refused(status::unreached(service));
    }
    let needed = needed(method);
    // Who may everywhere may whatever the request names.
    if identity.roles.in_all() >= Some(needed.role) {
        return next.run(request).await;
    }
    if needed.scope != Scope::Named {
        return match permitted(needed, &identity.roles, None) {
            true => next.run(request).await,
            false => refused(lacking(needed, None)),
        };
    }
    let (head, body) = request.into_parts();
    // One that was not received is told as such above.
    let Ok(bytes) = to_bytes(body, LARGEST_FILE_CALL + FRAME).await else {
        return refused(Status::out_of_range("сообщение слишком велико"));
    };
    let message = message(&bytes).await;
    let named = match message.as_ref().map(|message| municipality(method, message)) {
        Some(Ok(named)) => named,
        None | Some(Err(_)) => return refused(Status::invalid_argument("сообщение не читается")),
    };
    if !permitted(needed, &identity.roles, named) {
        return refused(lacking(needed, named));
    }
    next.run(Request::from_parts(head, Body::from(bytes))).await
}

/// The message in the first frame of a call's body, which is all that a call with one message has.
async fn message(body: &Bytes) -> Option<Bytes> {
    let (frame, rest) = body.split_first_chunk::<FRAME>()?;
    let [packed, length @ ..] = frame;
    let length = u32::from_be_bytes(*length) as usize;
    let message = (length <= rest.len()).then(|| body.slice(FRAME..FRAME + length))?;
    if *packed == 0 {
        return Some(message);
    }
    // A large one takes its time.
    let unpacked = tokio::task::spawn_blocking(move || {
        let mut unpacked = Vec::new();
        // What is larger is refused by whoever serves the call.
        let mut gzip = GzDecoder::new(&*message).take(LARGEST_FILE_CALL as u64);
        gzip.read_to_end(&mut unpacked).ok()?;
        Some(Bytes::from(unpacked))
    });
    unpacked.await.ok().flatten()
}

/// Whether a caller may see the links by which organisations answer: who has one answers by it.
///
/// # Errors
/// That the caller may not.
pub(super) fn sees_links(by: &Identity, municipality: Option<&str>) -> Result<(), Status> {
    let needed = Needed { role: Role::Operator, scope: Scope::Named };
    match permitted(needed, &by.roles, municipality) {
        true => Ok(()),
        false => Err(lacking(needed, municipality)),
    }
}

fn lacking(needed: Needed, municipality: Option<&str>) -> Status {
    let role: Role = needed.role;
    let place = match (needed.scope, municipality) {
        (Scope::Named, Some(municipality)) => format!("в муниципалитете «{municipality}»"),
        (Scope::Anywhere, _) => "хотя бы в одном муниципалитете".to_owned(),
        (Scope::Named, None) | (Scope::All, _) => "во всех муниципалитетах".to_owned(),
    };
    status::denied(&format!("для этого нужна роль «{}» {place}", glossary::role(role)))
}

fn refused(status: Status) -> Response {
    status.into_http::<Body>().into_response()
}

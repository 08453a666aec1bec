//! Whether whoever calls may: by the table of [`methods`](crate::access::methods), before the call is
//! carried out. What has no row there is refused.

use std::io::Read as _;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use bytes::{Bytes, BytesMut};
use flate2::read::GzDecoder;
use futures::{StreamExt as _, stream};
use tonic::Status;
use vekha_engine::RunKey;
use vekha_proto::v1::Method;

use super::reason::Reason;
use super::{Api, LARGEST_FILE_CALL, status};
use crate::access::methods::{
    Needed, Scope, municipality, name, needed, permits as permitted, permits_own, service,
};
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
    if method.takes_stream() {
        return match first(body).await {
            Err(refusal) => refused(refusal),
            Ok((begun, body)) => {
                match named(method, message(&begun).await.as_ref(), needed, &identity) {
                    Err(refusal) => refused(refusal),
                    Ok(()) => next.run(Request::from_parts(head, body)).await,
                }
            }
        };
    }
    // One that was not received is told as such above.
    let Ok(bytes) = to_bytes(body, LARGEST_FILE_CALL + FRAME).await else {
        return refused(too_large());
    };
    match named(method, message(&bytes).await.as_ref(), needed, &identity) {
        Err(refusal) => refused(refusal),
        Ok(()) => next.run(Request::from_parts(head, Body::from(bytes))).await,
    }
}

/// Whether a caller may make a call upon what its message names.
fn named(
    method: Method,
    message: Option<&Bytes>,
    needed: Needed,
    by: &Identity,
) -> Result<(), Status> {
    let name = match message.map(|message| name(method, message)) {
        Some(Ok(name)) => name,
        None | Some(Err(_)) => {
            let words = "сообщение не читается";
            return Err(status::told(Reason::UnreadableMessage, words));
        }
    };
    let within = name.and_then(municipality);
    match permitted(needed, &by.roles, within) || permits_own(method, &by.roles, name) {
        true => Ok(()),
        false => Err(lacking(needed, within)),
    }
}

/// What has come of a stream by the end of its first message, and the stream as it was: the message that
/// begins it says what all of it is about, and whoever serves the call holds the others to that.
async fn first(body: Body) -> Result<(Bytes, Body), Status> {
    let mut parts = body.into_data_stream();
    let mut begun = BytesMut::new();
    while !is_whole(&begun) {
        match parts.next().await {
            Some(Ok(part)) => begun.extend_from_slice(&part),
            None => break,
            Some(Err(_)) => {
                let words = "сообщение не получено";
                return Err(status::told(Reason::BrokenOff, words));
            }
        }
        if begun.len() > LARGEST_FILE_CALL + FRAME && !is_whole(&begun) {
            return Err(too_large());
        }
    }
    let begun = begun.freeze();
    let whole = stream::iter([Ok(begun.clone())]).chain(parts);
    Ok((begun, Body::from_stream(whole)))
}

/// Whether bytes hold a whole message.
fn is_whole(bytes: &[u8]) -> bool {
    bytes
        .split_first_chunk::<FRAME>()
        .is_some_and(|([_, length @ ..], rest)| rest.len() >= u32::from_be_bytes(*length) as usize)
}

/// The message in the first frame of a call's body; a call that takes no stream has no other.
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

impl Api {
    /// That a caller may reach a measure: by the role that the method needs, or because it is ordered of
    /// an organisation that the caller represents. Whoever has neither does not learn whether it is there.
    pub(super) async fn reaches_measure(
        &self,
        method: Method,
        by: &Identity,
        run: &RunKey,
        number: usize,
    ) -> Result<(), Status> {
        let (needed, within) = (needed(method), run.municipality.as_str());
        if permitted(needed, &by.roles, Some(within)) {
            return Ok(());
        }
        let measure =
            self.runtime.store().measure(run, number).await.map_err(status::unavailable)?;
        match measure.is_some_and(|measure| by.roles.represents(within, &measure.organisation)) {
            true => Ok(()),
            false => Err(lacking(needed, Some(within))),
        }
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

fn too_large() -> Status {
    status::told(Reason::TooLarge, "сообщение слишком велико")
}

fn refused(status: Status) -> Response {
    status.into_http::<Body>().into_response()
}

//! The one port, before anybody looks at what comes in: who is let in ([`places`]), how long a
//! connection may take and say nothing ([`connection`]), by which certificate it is encrypted
//! ([`tls`]), how much may be received at a time ([`bodies`]), how much heavy work is done at a time
//! ([`work`]), by which name the daemon may be called ([`hosts`]), which sites' pages may call it
//! ([`origins`]), what a wrong key costs ([`guesses`]). A bound that is met is told in the log
//! ([`told`]).
//!
//! Whatever is met, those who are inside are served on, and it passes by itself.

pub mod bodies;
mod connection;
mod descriptors;
pub mod guesses;
pub mod hosts;
mod limits;
pub mod origins;
mod places;
pub mod tls;
pub mod told;
pub mod work;

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use limits::{Limits, Patience};
use places::{Place, Places};
use tls::Tls;
use told::Bound;

/// Who is at the other end of a request's connection: a browser, another system, or the reverse
/// proxy before them.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who sent a request, for the log.
pub fn peer(request: &http::Extensions) -> String {
    request.get::<Peer>().map_or_else(|| "unknown".to_owned(), Peer::to_string)
}

/// How long to wait when the system gives no connection at all.
const BREATH: Duration = Duration::from_millis(100);

/// Serves connections until `ended`, then lets those that are doing something finish it. Whoever
/// drops the future drops all connections.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    limits: Limits,
    tls: Option<Arc<Tls>>,
    ended: impl Future<Output = ()>,
) {
    let places = Arc::new(Places::new(descriptors::enough_for(limits.connections)));
    let server = Arc::new(connection::Server::new(app, tls.clone(), limits.patience));
    let (ending, end) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut ended = pin!(ended);
    let mut renewal = tokio::time::interval(limits.patience.renewal);
    {
        let mut next = pin!(next(&listener, &places));
        loop {
            tokio::select! {
                () = &mut ended => break,
                _ = renewal.tick(), if tls.is_some() => {
                    let tls = tls.clone();
                    tokio::task::spawn_blocking(move || tls.map(|tls| tls.look()));
                }
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
                (stream, place) = &mut next => {
                    next.set(self::next(&listener, &places));
                    connections.spawn(server.clone().serve(stream, place, end.clone()));
                }
            }
        }
    }
    // Whoever comes from now on is refused by the system, and not left waiting.
    drop(listener);
    ending.send_replace(true);
    while connections.join_next().await.is_some() {}
}

/// The next connection that has a place.
async fn next(listener: &TcpListener, places: &Arc<Places>) -> (TcpStream, Place) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                places.room().await;
                if let Some(place) = places.take(peer.ip()) {
                    return (stream, place);
                }
                refused(peer);
            }
            Err(e) if is_the_peers(&e) => {}
            Err(e) => {
                // No descriptors, no memory: whoever does nothing makes room.
                told::met(Bound::Descriptors, &e);
                places.dismiss_idle();
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}

fn refused(peer: SocketAddr) {
    told::met(Bound::Share, &peer.ip());
}

/// Whether it was the peer who went away.
fn is_the_peers(e: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(e.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

//! One connection from its first byte to its last, HTTP/1 or HTTP/2.

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use hyper::Request;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt as _;

use super::Peer;
use super::limits::Patience;
use super::places::{Asking, Leaving, Place};
use super::tls::{Certified, Tls};
use super::told::{self, Bound};

/// How long a connection that is to leave may take to say so.
const FAREWELL: Duration = Duration::from_secs(1);

/// Most bytes of a request's line and headers, and of what is read ahead of a body.
const READ_AHEAD: usize = 64 << 10;

/// Most calls at a time over one HTTP/2 connection.
const STREAMS: u32 = 200;

/// Bytes that one call may send before anybody reads them, and all calls of a connection together.
const WINDOWS: (u32, u32) = (256 << 10, 512 << 10);

/// What serves connections.
pub struct Server {
    builder: Builder<TokioExecutor>,
    app: Router,
    tls: Option<Arc<Tls>>,
    patience: Patience,
}

impl Server {
    /// Serves them with these routes; by TLS if there is a certificate.
    pub fn new(app: Router, tls: Option<Arc<Tls>>, patience: Patience) -> Self {
        let mut builder = Builder::new(TokioExecutor::new());
        // The longest that it ever waits for headers; the first ones have less.
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(patience.idle)
            .max_buf_size(READ_AHEAD);
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(patience.ping)
            .keep_alive_timeout(patience.ping)
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(READ_AHEAD as u32)
            .initial_stream_window_size(WINDOWS.0)
            .initial_connection_window_size(WINDOWS.1);
        Server { builder, app, tls, patience }
    }

    /// Serves a connection until it ends; once `ending` is true it ends as soon as it does nothing.
    pub async fn serve(
        self: Arc<Self>,
        stream: TcpStream,
        place: Place,
        mut ending: watch::Receiver<bool>,
    ) {
        // gRPC's small frames must not wait for each other's acknowledgement.
        stream.set_nodelay(true).ok();
        let Some(tls) = &self.tls else {
            return self.speak(stream, None, place, ending).await;
        };
        let shaken = tokio::select! {
            shaken = tls.acceptor().accept(stream) => shaken,
            // To greet each other is a part of the first headers.
            why = place.guest.overstays(&self.patience) => {
                if why == Leaving::Headers {
                    told::met(Bound::Headers, &"the connection is ended");
                }
                return;
            }
            _ = ending.wait_for(|ending| *ending) => return,
        };
        // Whoever does not trust us, speaks no TLS or shows a certificate of nobody's goes by itself.
        match shaken {
            Ok(stream) => {
                let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
                let certified = shown.and_then(Certified::of);
                self.speak(stream, certified, place, ending).await;
            }
            Err(e) => tracing::debug!(peer = %place.guest.peer, "no TLS: {e}"),
        }
    }

    /// Speaks HTTP with whoever is there until the connection ends.
    async fn speak(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        certified: Option<Certified>,
        place: Place,
        mut ending: watch::Receiver<bool>,
    ) {
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.patience.taking));
        let io = TokioIo::new(Box::pin(stream));
        let (app, guest) = (self.app.clone(), place.guest.clone());
        let peer = Peer(guest.peer);
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer);
            if let Some(certified) = &certified {
                request.extensions_mut().insert(certified.clone());
            }
            let (asking, app) = (guest.asks(), app.clone());
            async move {
                let Ok(response) = app.oneshot(request.map(Body::new)).await;
                Ok::<_, Infallible>(response.map(|body| Answer { body, _asking: asking }))
            }
        });
        let mut connection = pin!(self.builder.serve_connection(io, service));
        let why = {
            let mut overstays = pin!(place.guest.overstays(&self.patience));
            tokio::select! {
                _ = connection.as_mut() => return,
                why = &mut overstays => Some(why),
                _ = ending.wait_for(|ending| *ending) => None,
            }
        };
        if why == Some(Leaving::Headers) {
            told::met(Bound::Headers, &"the connection is ended");
        }
        connection.as_mut().graceful_shutdown();
        loop {
            tokio::select! {
                _ = connection.as_mut() => return,
                // Half a header is no request: nobody waits for its other half.
                () = tokio::time::sleep(FAREWELL) => if place.guest.is_idle() { return },
            }
        }
    }
}

/// The body of an answer: the request lasts until it has gone.
struct Answer {
    body: Body,
    _asking: Asking,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

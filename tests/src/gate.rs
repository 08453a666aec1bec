//! A gate on the way to a server: shut, it lets nothing through and cuts nothing, as a network does that
//! has frozen.

use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A gate on loopback.
pub struct Gate {
    /// Where it listens.
    pub address: SocketAddr,
    open: watch::Sender<bool>,
    listening: JoinHandle<()>,
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Gate {
    /// An open gate to a server.
    ///
    /// # Panics
    /// When there is no port.
    pub async fn to(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let open = watch::Sender::new(true);
        let way = open.subscribe();
        let listening = tokio::spawn(async move {
            while let Ok((caller, _)) = listener.accept().await {
                tokio::spawn(through(caller, server.clone(), way.clone()));
            }
        });
        Gate { address, open, listening }
    }

    /// Lets nothing through any more.
    pub fn shut(&self) {
        self.open.send_replace(false);
    }

    /// Lets through what has been waiting, and what follows.
    pub fn open(&self) {
        self.open.send_replace(true);
    }
}

async fn through(caller: TcpStream, server: String, way: watch::Receiver<bool>) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    let (from_caller, to_caller) = caller.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::join!(
        one_way(from_caller, to_server, way.clone()),
        one_way(from_server, to_caller, way)
    );
}

async fn one_way(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut way: watch::Receiver<bool>,
) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if way.wait_for(|open| *open).await.is_err() {
            break;
        }
        if to.write_all(&buffer[..length]).await.is_err() {
            break;
        }
    }
    to.shutdown().await.ok();
}

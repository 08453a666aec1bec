//! Knows of processes whether they live: each holds a connection to it, which the kernel closes with the
//! process, however that ends.

use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Listens for processes.
pub struct Witness {
    listener: TcpListener,
}

/// A process that lives, or did.
pub struct Seen {
    /// What it calls itself.
    pub name: String,
    /// Who started it.
    pub parent: i32,
    stream: BufReader<TcpStream>,
}

impl Witness {
    /// Begins to listen.
    ///
    /// # Panics
    /// When there is no port.
    pub async fn start() -> Self {
        Witness { listener: TcpListener::bind("127.0.0.1:0").await.expect("a port") }
    }

    /// Where processes are to connect: `WITNESS` in their environment.
    ///
    /// # Panics
    /// Never.
    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("an address")
    }

    /// The next process that comes.
    ///
    /// # Panics
    /// When it does not say who it is.
    pub async fn next(&self) -> Seen {
        let (stream, _) = self.listener.accept().await.expect("a connection");
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        stream.read_line(&mut line).await.expect("a line");
        let (name, parent) = line.trim().split_once(' ').expect("a name and a parent");
        Seen { name: name.to_owned(), parent: parent.parse().expect("a number"), stream }
    }
}

impl Seen {
    /// Waits until the process is gone.
    pub async fn gone(mut self) {
        let mut rest = Vec::new();
        // A reset is an end as well.
        self.stream.read_to_end(&mut rest).await.ok();
    }
}

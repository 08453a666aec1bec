//! The other system: a server on this machine that answers as it is told and remembers what it was
//! asked.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Response, StatusCode};
use tokio::net::TcpListener;

/// What a server does with its requests: their count before this one, and the request.
pub type Answerer = fn(usize, &Parts) -> Response<Body>;

pub struct Server {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<Parts>>>,
}

impl Server {
    pub async fn start(answer: Answerer) -> Self {
        Server::start_at(Ipv4Addr::LOCALHOST.into(), answer).await
    }

    pub async fn start_at(address: IpAddr, answer: Answerer) -> Self {
        let listener = TcpListener::bind((address, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        let router = Router::new().fallback(move |request: Request| async move {
            let (parts, _) = request.into_parts();
            let mut log = log.lock().unwrap();
            let response = answer(log.len(), &parts);
            log.push(parts);
            response
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        Server { address, asked }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    /// What the last request asked for: path and query.
    pub fn path(&self) -> String {
        self.asked.lock().unwrap().last().unwrap().uri.to_string()
    }

    /// The headers of a request.
    pub fn headers(&self, at: usize) -> HeaderMap {
        self.asked.lock().unwrap()[at].headers.clone()
    }
}

pub fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::builder().status(StatusCode::from_u16(status).unwrap());
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(body.into()).unwrap()
}

pub fn ok(body: &'static str) -> Response<Body> {
    answer(200, &[], body)
}

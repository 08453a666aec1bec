//! Files that are made when they are asked for.

use std::fmt::Display;

use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::problem;

/// A file to be saved under this name. It is made off the threads that serve.
pub async fn give<E>(
    name: &str,
    content_type: &'static str,
    make: impl FnOnce() -> Result<Vec<u8>, E> + Send + 'static,
) -> Response
where
    E: Display + Send + 'static,
{
    match tokio::task::spawn_blocking(make).await {
        Ok(Ok(bytes)) => {
            let disposition = format!("attachment; filename=\"{name}\"");
            let headers = [
                (header::CONTENT_TYPE, content_type.to_owned()),
                (header::CONTENT_DISPOSITION, disposition),
            ];
            (headers, bytes).into_response()
        }
        Ok(Err(e)) => problem::unavailable(&e),
        Err(e) => problem::unavailable(&e),
    }
}

//! Whatever answer falls over a row that cannot be read, page or call, the administrator is told of the
//! row: an answer carries what is said of it, and a layer around all listeners notes that.

use std::error::Error as _;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use tonic::Status;

use crate::runtime::Runtime;

/// What is said of a row that an answer fell over: an extension of a page, the source of a status.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct Unread(pub String);

/// Notes the row that an answer fell over, if it did.
pub async fn note(State(runtime): State<Arc<Runtime>>, answer: Response) -> Response {
    let of_page = answer.extensions().get::<Unread>();
    let of_call = || answer.extensions().get::<Status>()?.source()?.downcast_ref::<Unread>();
    if let Some(Unread(words)) = of_page.or_else(of_call) {
        runtime.store().put_aside_by(words);
    }
    answer
}

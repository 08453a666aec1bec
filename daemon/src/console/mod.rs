//! stub
use std::sync::Arc;
/// stub
pub fn router(_runtime: Arc<crate::runtime::Runtime>, _token: String) -> axum::Router {
    axum::Router::new()
}

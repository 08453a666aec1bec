//! What every page says of a decision; the words around it are in `templates/decided.html`.

use serde_json::{Value, json};
use vekha_engine::run::Decision;

use crate::console::frame::words::capital;
use crate::reports;

/// A decision by itself; what it refers to and what it orders, each page adds.
pub fn shown(decision: &Decision) -> Value {
    let told = reports::Decision::alone(decision);
    let kind = capital(told.kind);
    let mut shown = json!(told);
    shown["kind"] = kind.into();
    shown
}

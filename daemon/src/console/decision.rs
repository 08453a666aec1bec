//! One decision: as a document to be printed and signed.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;

use super::run::{Missing, load};
use super::{file, problem};
use crate::forms::DOCX;
use crate::reports;
use crate::runtime::Runtime;

/// `GET /runs/{municipality}/{activity}/{run}/decisions/{number}/document.docx`
pub async fn document(
    State(runtime): State<Arc<Runtime>>,
    Path((municipality, activity, run, number)): Path<(String, String, String, String)>,
) -> Response {
    let (run, version) = match load(&runtime, &(municipality, activity, run)).await {
        Ok(loaded) => loaded,
        Err(Missing::Unknown) => return problem::no_such_page().await,
        Err(Missing::Unavailable(e)) => return problem::unavailable(&e),
    };
    let number: usize = number.parse().unwrap_or_default();
    let decision = number.checked_sub(1).and_then(|place| run.decisions.get(place));
    let Some(decision) = decision else { return problem::no_such_page().await };
    let map = &version.road_map;
    let decision = reports::Decision::of(map, &run, number, decision);
    let authority = map.municipality.authority.clone();
    let name = reports::decision_file_name(&run.key, number);
    file::give(&name, DOCX, move || reports::decision(&authority, &decision)).await
}

//! One decision: as a document to be printed and signed, and what is attached to it.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;

use crate::console::department::run::{Missing, load};
use crate::console::frame::{downloads, problem};
use crate::console::school::uploads;
use crate::forms::DOCX;
use crate::reports;
use crate::runtime::Runtime;
use crate::runtime::documents::letterhead;
use crate::runtime::documents::reports::controls;
use crate::store::write::files::of_decisions;

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
    let controls = controls(map, &run, runtime.clock().now());
    let decision = reports::Decision::of(map, &run, number, decision, &controls);
    let Some(head) = letterhead::of(map, &run, number, &decision) else {
        return problem::no_such_page().await;
    };
    let name = reports::decision_file_name(&run.key, number);
    downloads::give(&name, DOCX, move || reports::decision(&head, &decision)).await
}

/// `GET /runs/{municipality}/{activity}/{run}/decisions/{number}/attachments/{place}/{name}`
pub async fn attachment(
    State(runtime): State<Arc<Runtime>>,
    Path((municipality, activity, run, number, place, _)): Path<(
        String,
        String,
        String,
        String,
        String,
        String,
    )>,
) -> Response {
    let run = match load(&runtime, &(municipality, activity, run)).await {
        Ok((run, _)) => run,
        Err(Missing::Unknown) => return problem::no_such_page().await,
        Err(Missing::Unavailable(e)) => return problem::unavailable(&e),
    };
    let position = |number: &str| number.parse::<usize>().ok()?.checked_sub(1);
    let decision = position(&number).and_then(|at| run.decisions.get(at));
    let file = decision.zip(position(&place)).and_then(|(d, at)| d.attachments.get(at));
    match file {
        Some(file) => uploads::give(&runtime, &of_decisions(&run.key), &file.sha256).await,
        None => problem::no_such_page().await,
    }
}

//! Files of answers and of decisions: kept as soon as they arrive, so that a mistake elsewhere in the
//! form does not lose them; given back to the school and to the department, and never shown in the
//! browser.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use vekha_roadmap::answers::FieldError;
use vekha_roadmap::model::Form;

use crate::console::frame::problem;
use crate::console::school::link::{self, Closed};
use crate::runtime::Runtime;
use crate::runtime::documents::uploads::Upload;
use crate::store::StoreError;

/// Keeps the files that came with a form and adds what is known of them to its pairs. Returns what
/// is wrong with those that were not kept.
pub async fn keep(
    runtime: &Runtime,
    form: &Form,
    assignment: &str,
    uploads: Vec<Upload>,
    pairs: &mut Vec<(String, String)>,
) -> Result<Vec<FieldError>, StoreError> {
    let mut wrong = Vec::new();
    // What the form does not ask for is left out.
    for upload in uploads.into_iter().filter(|upload| form.files().any(|f| f.id == upload.field)) {
        let field = upload.field.clone();
        match runtime.keep_file(form, assignment, upload).await? {
            Ok(kept) => pairs.push((field, kept.to_string())),
            Err(error) => wrong.push(error),
        }
    }
    Ok(wrong)
}

/// `GET /a/{token}/files/{sha256}/{name}`
pub async fn of_link(
    State(runtime): State<Arc<Runtime>>,
    Path((token, sha256, _)): Path<(String, String, String)>,
) -> Response {
    match link::open(&runtime, &token).await {
        Ok(opened) => give(&runtime, &opened.id, &sha256).await,
        Err(Closed::Unknown) => problem::unknown_link(),
        Err(Closed::Unavailable(e)) => problem::unavailable(&e),
    }
}

/// `GET /runs/{municipality}/{activity}/{run}/answers/{assignment}/files/{sha256}/{name}`
pub async fn of_answer(
    State(runtime): State<Arc<Runtime>>,
    Path((municipality, activity, run, assignment, sha256, _)): Path<(
        String,
        String,
        String,
        String,
        String,
        String,
    )>,
) -> Response {
    let id = format!("{municipality}/{activity}/{run}/{assignment}");
    give(&runtime, &id, &sha256).await
}

/// The address ends with the file's name: the browser saves it under that.
pub(crate) async fn give(runtime: &Runtime, assignment: &str, sha256: &str) -> Response {
    match runtime.store().file(assignment, sha256).await {
        Ok(Some(content)) => {
            let headers = [
                (header::CONTENT_TYPE, "application/octet-stream"),
                (header::CONTENT_DISPOSITION, "attachment"),
            ];
            (headers, content).into_response()
        }
        Ok(None) => problem::no_such_page().await,
        Err(e) => problem::unavailable(&e),
    }
}

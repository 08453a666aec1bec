//! A road map as an archive: down, and up again after a look at what that changes.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::change::{self, Applied, Looked, mistake};
use super::newest;
use crate::console::department::administrator;
use crate::console::department::run::actor;
use crate::console::frame::access::Person;
use crate::console::frame::paging::{Asked, asked};
use crate::console::frame::posted::{receive, value};
use crate::console::frame::{downloads, problem, view};
use crate::definitions::archive::{pack, unpack};
use crate::runtime::Runtime;
use crate::runtime::acts::amend::{Proposal, Unfit, between};
use crate::runtime::road_maps::{Means, Version};

/// What the page has to say about an archive.
#[derive(Default)]
struct Said {
    whole: Vec<String>,
    mistakes: Vec<serde_json::Value>,
    meanwhile: Option<serde_json::Value>,
}

/// `GET /m/{municipality}/definitions/road-map.zip?version=3`
pub async fn download(
    State(runtime): State<Arc<Runtime>>,
    Path(municipality): Path<String>,
    Query(query): Query<Asked>,
) -> Result<Response, Response> {
    let version = match asked(&query, "version") {
        "" => newest(&runtime, &municipality).ok_or_else(problem::missing)?,
        number => {
            let number = number.parse().ok();
            let one = number.and_then(|number| runtime.road_maps().version(&municipality, number));
            one.ok_or_else(problem::missing)?
        }
    };
    let name = format!("road-map-{municipality}-{}.zip", version.number);
    Ok(downloads::give(&name, "application/zip", move || pack(&version.files)).await)
}

/// `GET /m/{municipality}/definitions/archive`
pub async fn show(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Path(municipality): Path<String>,
) -> Result<Response, Response> {
    let version = newest(&runtime, &municipality).ok_or_else(problem::missing)?;
    Ok(page(&runtime, &person, &version, &Said::default()))
}

/// `POST /m/{municipality}/definitions/archive`. What was uploaded goes along with the page that asks
/// whether to put it in force: nothing of it is kept here before.
pub async fn upload(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Path(municipality): Path<String>,
    request: Request,
) -> Result<Response, Response> {
    let (mut pairs, files) = receive(request).await.map_err(|unread| *unread)?;
    let version = newest(&runtime, &municipality).ok_or_else(problem::missing)?;
    if let Some(made) = change::done_before(&runtime, &pairs).await? {
        return Ok(change::done(&made));
    }
    let refuse = |said: Said| page(&runtime, &person, &version, &said);
    let carried = STANDARD.decode(value(&pairs, "_archive")).unwrap_or_default();
    let bytes = match files.iter().find(|file| file.field == "archive") {
        Some(file) => file.bytes.to_vec(),
        None => carried,
    };
    if value(&pairs, "_do") == "back" || bytes.is_empty() {
        let whole = match value(&pairs, "_do") {
            "back" => vec![],
            _ => vec!["выберите файл архива".to_owned()],
        };
        return Ok(refuse(Said { whole, ..Said::default() }));
    }
    let packed = bytes.clone();
    let read = tokio::task::spawn_blocking(move || unpack(&packed)).await;
    let files = match read.map_err(|e| problem::unavailable(&e))? {
        Ok(files) => files,
        Err(whole) => return Ok(refuse(Said { whole, ..Said::default() })),
    };
    let proposal = match runtime.propose(&version, files).await {
        Ok(proposal) => proposal,
        Err(Unfit::Mistakes(mistakes)) => {
            let mistakes = mistakes.iter().map(mistake).collect();
            return Ok(refuse(Said { mistakes, ..Said::default() }));
        }
        Err(e) => return Ok(refuse(Said { whole: vec![e.to_string()], ..Said::default() })),
    };
    if proposal.differences.is_empty() {
        let whole = vec!["архив говорит то же, что действующая карта: менять нечего".to_owned()];
        return Ok(refuse(Said { whole, ..Said::default() }));
    }
    pairs.retain(|(name, _)| name != "_archive");
    if value(&pairs, "_do") == "apply" {
        let seen = value(&pairs, "_seen").to_owned();
        match change::apply(&runtime, &person, &pairs, proposal, Means::Archive).await {
            Applied::Now(made) => return Ok(change::done(&made)),
            Applied::Stale => {
                // The archive goes along: what it changes of the new version is shown next.
                return overtaken(&runtime, &person, &municipality, &bytes, &seen).await;
            }
            Applied::Failed(response) => return Ok(*response),
        }
    }
    looked(&runtime, &person, &version, proposal, pairs, &bytes).await
}

async fn looked(
    runtime: &Runtime,
    person: &Person,
    version: &Arc<Version>,
    proposal: Proposal,
    mut pairs: Vec<(String, String)>,
    bytes: &[u8],
) -> Result<Response, Response> {
    pairs.push(("_archive".to_owned(), STANDARD.encode(bytes)));
    let address = format!("/m/{}/definitions/archive", version.road_map.municipality.id);
    let title = "Загруженная карта";
    let looked = Looked { newest: version, proposal, title, address: &address, pairs: &pairs };
    change::page(runtime, person, looked).await
}

/// Another version came since: the same archive against that one, and what came.
async fn overtaken(
    runtime: &Runtime,
    person: &Person,
    municipality: &str,
    bytes: &[u8],
    seen: &str,
) -> Result<Response, Response> {
    let now = newest(runtime, municipality).ok_or_else(problem::missing)?;
    let history = runtime.road_maps().history(municipality);
    let base = history.iter().rfind(|version| version.etag() == seen);
    let meanwhile = json!({
        "number": now.number,
        "by": actor(&now.road_map, &now.applied_by),
        "differences": base.map(|base| between(base, &now)).unwrap_or_default(),
        "archive": STANDARD.encode(bytes),
    });
    Ok(page(runtime, person, &now, &Said { meanwhile: Some(meanwhile), ..Said::default() }))
}

fn page(runtime: &Runtime, person: &Person, version: &Version, said: &Said) -> Response {
    let mut context = administrator::context(runtime, version, person);
    context["said"] = json!({
        "whole": said.whole,
        "mistakes": said.mistakes,
        "meanwhile": said.meanwhile,
    });
    let status = match said {
        Said { meanwhile: Some(_), .. } => StatusCode::CONFLICT,
        Said { whole, mistakes, .. } if whole.is_empty() && mistakes.is_empty() => StatusCode::OK,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    view::page(status, "definition-archive.html", &context)
}

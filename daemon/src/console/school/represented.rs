//! The page of those who represent an organisation: what it is asked now and was before, each with its
//! form. What they send by it stands in the journal under their name.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use crate::console::frame::access::{self, Person};
use crate::console::frame::paging::{Asked, Paging};
use crate::console::frame::{problem, view, words};
use crate::console::school::duties::{Duty, duties};
use crate::runtime::Runtime;
use crate::runtime::road_maps::Version;
use crate::store::StoreError;
use crate::store::read::organisation::Whose;

/// Answers that were given, on one page.
const ROWS: usize = 20;

/// `GET /own?past=2`
pub async fn show(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Query(query): Query<Asked>,
) -> Response {
    let mut all = Vec::new();
    for (municipality, code) in person.roles.represented() {
        // Of a municipality that has gone nothing is asked any more.
        let Some(version) = runtime.road_maps().newest(municipality) else { continue };
        match describe(&runtime, &version, code, &query).await {
            Ok(organisation) => all.push(organisation),
            Err(e) => return problem::unavailable(&e),
        }
    }
    let mut context = access::head(&runtime, &person);
    context["organisations"] = all.into();
    view::page(StatusCode::OK, "represented.html", &context)
}

async fn describe(
    runtime: &Runtime,
    version: &Version,
    code: &str,
    query: &Asked,
) -> Result<Value, StoreError> {
    let map = &version.road_map;
    let now = runtime.clock().now();
    let whose = Whose { municipality: &map.municipality.id, code };
    let all = duties(runtime.store(), whose).await?;
    let (open, past): (Vec<&Duty>, Vec<&Duty>) = all.iter().partition(|duty| duty.is_awaited());
    let shown = |duty: &&Duty| {
        let Duty { run, key, assignment } = duty;
        let token = runtime.store().secret().token(&format!("{run}/{key}"), assignment.link);
        let mut shown = duty.shown(map, now);
        shown["link"] = format!("/a/{token}").into();
        let awaited = duty.is_awaited();
        let left = awaited.then(|| words::left(&map.municipality, assignment.due, now));
        shown["left"] = json!(left);
        shown["comment"] = assignment.comment.clone().into();
        shown
    };
    // One number for all organisations of the page: hardly anybody has more than one.
    let paging = Paging::new(query, "past", ROWS, past.len());
    Ok(json!({
        "code": code,
        "short": map.short_name(code),
        "name": map.organisation(code).map(|one| &one.name),
        "authority": map.municipality.authority,
        "contact": map.municipality.contact,
        // What is due first stands first.
        "open": open.iter().rev().map(shown).collect::<Vec<_>>(),
        "past": paging.of(past.iter()).map(shown).collect::<Vec<_>>(),
        "of_past": paging.show("past"),
    }))
}

//! A change of the road map before it is made: what differs, what that does to the year, and the word
//! to put it in force. The same page for a form, an archive and an earlier version.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde_json::{Value, json};
use vekha_roadmap::diagnostic::Diagnostic;

use crate::console::department::administrator;
use crate::console::frame::access::Person;
use crate::console::frame::posted::{Pairs, value};
use crate::console::frame::sending::known;
use crate::console::frame::{problem, view};
use crate::runtime::Runtime;
use crate::runtime::acts::amend::Proposal;
use crate::runtime::request::Request;
use crate::runtime::road_maps::{ApplyError, Applying, Means, Version};

/// What is to be looked at.
pub struct Looked<'a> {
    /// The version that is to be replaced.
    pub newest: &'a Arc<Version>,
    /// What would change.
    pub proposal: Proposal,
    /// The heading.
    pub title: &'a str,
    /// Where the page came from: it is sent there again.
    pub address: &'a str,
    /// What was sent.
    pub pairs: &'a Pairs,
}

/// The page on which a change is looked at.
///
/// # Errors
/// A page that says that what it would do could not be computed, with all that was sent.
pub async fn page(
    runtime: &Runtime,
    person: &Person,
    looked: Looked<'_>,
) -> Result<Response, Response> {
    let consequences = runtime.consequences(looked.newest, looked.proposal).await;
    let consequences = consequences.map_err(|e| problem::unsaved(&e.to_string(), looked.pairs))?;
    let mut context = administrator::context(runtime, looked.newest, person);
    context["title"] = looked.title.into();
    context["address"] = looked.address.into();
    context["differences"] = json!(consequences.differences);
    context["year"] = json!(consequences.year);
    context["warnings"] = consequences.warnings.iter().map(mistake).collect();
    context["next"] = (looked.newest.number + 1).into();
    let mut kept: Vec<Value> = Vec::new();
    for (name, text) in looked.pairs {
        if !matches!(name.as_str(), "_do" | "_seen" | "_once") {
            kept.push(json!({ "name": name, "value": text }));
        }
    }
    let once = uuid::Uuid::now_v7().to_string();
    for (name, text) in [("_seen", looked.newest.etag()), ("_once", once)] {
        kept.push(json!({ "name": name, "value": text }));
    }
    context["kept"] = kept.into();
    Ok(view::page(StatusCode::OK, "definition-change.html", &context))
}

/// A mistake of `check`, with its place.
pub fn mistake(one: &Diagnostic) -> Value {
    let help = one.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
    format!("{}, строка {}: {}{help}", one.file, one.line, one.message).into()
}

/// The request that a page makes. Whoever goes back and says something else is heard, too.
fn request(pairs: &Pairs) -> Option<Request> {
    let once = known(value(pairs, "_once"));
    let said: Vec<&(String, String)> =
        pairs.iter().filter(|(name, _)| name != "_once" && name != "_archive").collect();
    let asked = || Request::of_document(format!("definitions/{once}"), "page", &said);
    (!once.is_empty())
        .then(asked)
        .map(|Request { id, digest }| Request { id: format!("{id}/{digest}"), digest })
}

/// What the same page has put in force before: a second press of its button changes nothing.
pub async fn done_before(
    runtime: &Runtime,
    pairs: &Pairs,
) -> Result<Option<Arc<Version>>, Response> {
    let Some(request) = request(pairs).filter(|_| value(pairs, "_do") == "apply") else {
        return Ok(None);
    };
    match runtime.road_maps().applied_before(runtime.store(), &request).await {
        Ok(version) => Ok(version),
        Err(ApplyError::Store(e)) => Err(problem::unsaved(&e, pairs)),
        Err(_) => Ok(None),
    }
}

/// To the page of a version that is in force now.
pub fn done(version: &Version) -> Response {
    let municipality = &version.road_map.municipality.id;
    let address = format!("/m/{municipality}/definitions/versions/{}?done", version.number);
    Redirect::to(&address).into_response()
}

/// What came of the word to put a change in force.
pub enum Applied {
    /// It is in force.
    Now(Arc<Version>),
    /// Somebody else was faster.
    Stale,
    /// It could not be done: a page that says so, with all that was sent.
    Failed(Box<Response>),
}

/// Puts a change in force, unless there is another version by now than its maker saw.
pub async fn apply(
    runtime: &Runtime,
    person: &Person,
    pairs: &Pairs,
    proposal: Proposal,
    means: Means,
) -> Applied {
    let (actor, request) = (person.actor(), request(pairs));
    let files = proposal.read.files.clone();
    let mut read = proposal.read;
    read.applied_by.clone_from(&actor);
    let by = Applying {
        actor: &actor,
        seen: Some(value(pairs, "_seen")),
        request,
        read: Some(read),
        means,
    };
    match runtime.apply_as(files, by).await {
        Ok(version) => Applied::Now(version),
        Err(ApplyError::Stale) => Applied::Stale,
        Err(ApplyError::Store(e)) => Applied::Failed(Box::new(problem::unsaved(&e, pairs))),
        Err(e @ (ApplyError::Mistakes(_) | ApplyError::RequestReused)) => {
            tracing::error!("a road map was not applied: {e}");
            Applied::Failed(Box::new(problem::unsaved(&e.to_string(), pairs)))
        }
    }
}

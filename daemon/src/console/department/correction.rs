//! Correcting a decision by a later one: a page of its own, since its form names every organisation.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::{Value, json};
use vekha_engine::Run;

use crate::console::department::actions::sheet::{Page, Sent};
use crate::console::department::actions::{self, Scene, told};
use crate::console::department::administrator;
use crate::console::department::run::{Missing, load};
use crate::console::frame::access::Person;
use crate::console::frame::decided;
use crate::console::frame::{posted, problem, view};
use crate::runtime::Runtime;
use crate::runtime::road_maps::Version;

/// Municipality, activity, run, number of the decision.
type Names = Path<(String, String, String, String)>;

/// `GET /runs/{municipality}/{activity}/{run}/decisions/{number}/correction`
pub async fn show(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Path((municipality, activity, run, number)): Names,
) -> Response {
    let (run, version) = match load(&runtime, &(municipality, activity, run)).await {
        Ok(loaded) => loaded,
        Err(Missing::Unknown) => return problem::no_such_page().await,
        Err(Missing::Unavailable(e)) => return problem::unavailable(&e),
    };
    match describe(&runtime, &version, &run, &number, &person, None) {
        Some(context) => view::page(StatusCode::OK, "correction.html", &context),
        None => problem::no_such_page().await,
    }
}

/// `POST` to the same: records the decision that corrects it.
pub async fn act(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Path((municipality, activity, run, number)): Names,
    request: Request,
) -> Response {
    let (pairs, uploads) = match posted::receive(request).await {
        Ok(received) => received,
        Err(unread) => return *unread,
    };
    let (run, version) = match load(&runtime, &(municipality, activity, run)).await {
        Ok(loaded) => loaded,
        Err(Missing::Unknown) => return problem::no_such_page().await,
        Err(Missing::Unavailable(e)) => return problem::unsaved(&e, &pairs),
    };
    let today = version.road_map.municipality.today(runtime.clock().now());
    let mut sent = Sent::new(pairs);
    let role = person.role_in(&version.road_map);
    let scene = Scene { map: &version.road_map, run: &run, today, role };
    if let Some(done) = actions::act(&runtime, &scene, &person, &mut sent, uploads).await {
        return Redirect::to(&format!("/runs/{}?done={done}", run.key)).into_response();
    }
    match describe(&runtime, &version, &run, &number, &person, Some(&sent)) {
        Some(context) => view::page(sent.said.status(), "correction.html", &context),
        None => problem::no_such_page().await,
    }
}

/// What the page shows; none if there is no such decision.
fn describe(
    runtime: &Runtime,
    version: &Version,
    run: &Run,
    number: &str,
    person: &Person,
    sent: Option<&Sent>,
) -> Option<Value> {
    let map = &version.road_map;
    let number: usize = number.parse().ok()?;
    let decision = run.decisions.get(number.checked_sub(1)?)?;
    let once = uuid::Uuid::now_v7().to_string();
    let address = format!("/runs/{}/decisions/{number}/correction", run.key);
    let page = Page { address: &address, once: &once, sent };
    let today = map.municipality.today(runtime.clock().now());
    let scene = Scene { map, run, today, role: person.role_in(map) };
    let offer = actions::correction_offer(&scene, &page, number)?;
    let activity = map.activity(&run.key.activity);
    let mut context = administrator::context(runtime, version, person);
    context["run"] = json!({
        "link": format!("/runs/{}", run.key),
        "short": activity.map(|a| &a.short),
        "period": run.key.period.words(),
    });
    context["decision"] = decided::shown(decision);
    context["outcome"] = told::outcome(sent, &actions::forms(&offer));
    context["offer"] = offer;
    Some(context)
}

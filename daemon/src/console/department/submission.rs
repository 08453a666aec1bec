//! One organisation's answer, as the department looks at it: what stands in it, what was explained,
//! how it differs from the version before; the way back for correction, and the organisation's link.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::{Value, json};
use vekha_engine::AssignmentKey;
use vekha_engine::run::Run;
use vekha_roadmap::answers::{Difference, Values, compare};
use vekha_roadmap::russian::date_words_with_weekday;

use crate::console::department::actions::sheet::{Page, Sent};
use crate::console::department::actions::{self, Scene, told};
use crate::console::department::administrator;
use crate::console::department::run::{Missing, load};
use crate::console::frame::access::Person;
use crate::console::frame::posted::Fields;
use crate::console::frame::{packed, problem, view, words};
use crate::console::school::read_only;
use crate::forms::reports;
use crate::glossary;
use crate::runtime::Runtime;
use crate::runtime::road_maps::Version;
use crate::store::{StoreError, document, instant};

/// Municipality, activity, run, assignment.
type Names = Path<(String, String, String, String)>;

/// `GET /runs/{municipality}/{activity}/{run}/answers/{assignment}`
pub async fn show(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Path((municipality, activity, run, assignment)): Names,
) -> Response {
    let (run, version, key) = match find(&runtime, municipality, activity, run, &assignment).await {
        Ok(found) => found,
        Err(Missing::Unknown) => return problem::no_such_page().await,
        Err(Missing::Unavailable(e)) => return problem::unavailable(&e),
    };
    match describe(&runtime, &version, &run, &key, &person, None).await {
        Ok(context) => packed::never(view::page(StatusCode::OK, "submission.html", &context)),
        Err(e) => problem::unavailable(&e),
    }
}

/// `POST` to the same: sends the answer back, or the link once more.
pub async fn act(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Path((municipality, activity, run, assignment)): Names,
    Fields(pairs): Fields,
) -> Response {
    let (run, version, key) = match find(&runtime, municipality, activity, run, &assignment).await {
        Ok(found) => found,
        Err(Missing::Unknown) => return problem::no_such_page().await,
        Err(Missing::Unavailable(e)) => return problem::unsaved(&e, &pairs),
    };
    let today = version.road_map.municipality.today(runtime.clock().now());
    let mut sent = Sent::new(pairs);
    let role = person.role_in(&version.road_map);
    let scene = Scene { map: &version.road_map, run: &run, today, role };
    if let Some(done) = actions::act(&runtime, &scene, &person, &mut sent, vec![]).await {
        return Redirect::to(&format!("/runs/{}?done={done}", run.key)).into_response();
    }
    match describe(&runtime, &version, &run, &key, &person, Some(&sent)).await {
        Ok(context) => packed::never(view::page(sent.said.status(), "submission.html", &context)),
        Err(e) => problem::unsaved(&e, &sent.pairs),
    }
}

async fn find(
    runtime: &Runtime,
    municipality: String,
    activity: String,
    run: String,
    assignment: &str,
) -> Result<(Run, Arc<Version>, AssignmentKey), Missing> {
    let (run, version) = load(runtime, &(municipality, activity, run)).await?;
    let key: AssignmentKey = assignment.parse().map_err(|_| Missing::Unknown)?;
    if !run.assignments.contains_key(&key) {
        return Err(Missing::Unknown);
    }
    Ok((run, version, key))
}

async fn describe(
    runtime: &Runtime,
    version: &Version,
    run: &Run,
    key: &AssignmentKey,
    person: &Person,
    sent: Option<&Sent>,
) -> Result<Value, StoreError> {
    let map = &version.road_map;
    let assignment = &run.assignments[key];
    let form = reports::of_assignment(map, &run.key, key, assignment.kind);
    let form = form.as_deref();
    let moment = |at| words::moment(&map.municipality, at);
    let mut versions = Vec::new();
    let mut before: Option<Values> = None;
    let mut newest = Values::new();
    for row in runtime.store().submissions(&format!("{}/{key}", run.key)).await? {
        let given: Values = document(&row.id, &row.answers)?;
        let differences = match (&before, form) {
            (Some(before), Some(form)) => compare(form, before, &given),
            _ => vec![],
        };
        versions.push(json!({
            "number": row.version,
            "at": moment(instant(row.at)),
            "actor": crate::console::department::run::actor(map, &row.actor),
            "first": before.is_none(),
            "differences": differences.iter().map(difference).collect::<Vec<_>>(),
        }));
        newest.clone_from(&given);
        before = Some(given);
    }
    versions.reverse();
    let activity = map.activity(&run.key.activity);
    let once = uuid::Uuid::now_v7().to_string();
    let address = format!("/runs/{}/answers/{key}", run.key);
    let page = Page { address: &address, once: &once, sent };
    let today = map.municipality.today(runtime.clock().now());
    let scene = Scene { map, run, today, role: person.role_in(map) };
    let offers = actions::answer_offers(&scene, &page, key);
    let mut context = administrator::context(runtime, version, person);
    context["run"] = json!({
        "link": format!("/runs/{}", run.key),
        "short": activity.map(|a| &a.short),
        "period": run.key.period.words(),
    });
    context["organisation"] = administrator::name(map, &key.organisation).into();
    context["form"] = json!(form.map(|f| &f.title));
    context["state"] = assignment.state.as_str().into();
    context["words"] = glossary::assignment_state(assignment.state).into();
    context["late"] = assignment.late.into();
    context["due"] = date_words_with_weekday(assignment.due).into();
    context["comment"] = assignment.comment.clone().into();
    if !offers["link"].is_null() {
        let token = runtime.store().secret().token(&format!("{}/{key}", run.key), assignment.link);
        context["link"] = format!("{}/a/{token}", runtime.public_url()).into();
    }
    context["returns"] = assignment.returns.into();
    context["answers"] = json!(form.map(|form| read_only::read_only(form, &newest, &address)));
    context["explanations"] = json!(form.map(|form| read_only::explanations(form, &newest)));
    context["versions"] = versions.into();
    context["outcome"] = told::outcome(sent, &actions::forms(&offers));
    context["offers"] = offers;
    Ok(context)
}

fn difference(difference: &Difference) -> Value {
    json!({
        "label": difference.label,
        "before": difference.before,
        "after": difference.after,
    })
}

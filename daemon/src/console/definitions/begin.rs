//! A new municipality in one form: who it is, its time zone, its organisations, its first day. What
//! would come of it is looked at first; then its year is live.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use vekha_roadmap::read::REGISTRY;

use super::change::mistake;
use crate::access::Role;
use crate::console::frame::access::{self, Person};
use crate::console::frame::posted::{Pairs, receive, value};
use crate::console::frame::sending::known;
use crate::console::frame::{problem, view};
use crate::definitions::begin::{Beginning, Table, ZONES, mail_settings};
use crate::glossary;
use crate::runtime::Runtime;
use crate::runtime::acts::begin::{FirstYear, Unbegun};
use crate::runtime::request::Request as Asked;
use crate::runtime::road_maps::Version;

/// What a pasted table is read as: cells that come from a spreadsheet are apart by tabs.
const PASTED: &str = "organisations.csv";

/// The fields that are one line each.
const LINES: [&str; 10] = [
    "name",
    "id",
    "authority",
    "place",
    "adopted_by",
    "time_zone",
    "contact_name",
    "contact_role",
    "contact_email",
    "contact_phone",
];

/// `GET /begin`
pub async fn show(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
) -> Result<Response, Response> {
    if !allowed(&person) {
        return Err(no_access());
    }
    Ok(page(&runtime, &person, &vec![], &json!({}), StatusCode::OK))
}

/// `POST /begin`
pub async fn act(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    request: Request,
) -> Result<Response, Response> {
    if !allowed(&person) {
        return Err(no_access());
    }
    let (mut pairs, files) = receive(request).await.map_err(|unread| *unread)?;
    // An uploaded table goes along with every page until the end.
    if let Some(file) = files.into_iter().find(|file| file.field == "table") {
        pairs.retain(|(name, _)| !name.starts_with("_table"));
        pairs.push(("_table".to_owned(), STANDARD.encode(&file.bytes)));
        pairs.push(("_table_name".to_owned(), file.name));
    }
    let what = said(&pairs);
    let uploaded = STANDARD.decode(value(&pairs, "_table")).unwrap_or_default();
    let pasted = value(&pairs, "organisations").replace("\r\n", "\n");
    let table = match uploaded.is_empty() {
        true => Table { name: PASTED, bytes: pasted.as_bytes() },
        false => Table { name: value(&pairs, "_table_name"), bytes: &uploaded },
    };
    if value(&pairs, "_do") == "back" {
        return Ok(page(&runtime, &person, &pairs, &json!({}), StatusCode::OK));
    }
    let refused =
        |wrong: Value| page(&runtime, &person, &pairs, &wrong, StatusCode::UNPROCESSABLE_ENTITY);
    // A second press of the button is the same request.
    let once = known(value(&pairs, "_once")).to_owned();
    let request = (!once.is_empty()).then(|| Asked::new(format!("begin/{once}"), "page", b""));
    if let Some(request) = request.as_ref().filter(|_| value(&pairs, "_do") == "apply") {
        let before = runtime.road_maps().applied_before(runtime.store(), request).await;
        if let Some(made) = before.ok().flatten() {
            return Ok(done(&made));
        }
    }
    let begun = match runtime.read_beginning(&what, table).await {
        Ok(begun) => begun,
        Err(Unbegun::Wrong(errors)) => {
            let fields: Vec<Value> = errors
                .iter()
                .map(|e| json!({ "name": e.field, "label": label(&e.field), "message": e.message }))
                .collect();
            return Ok(refused(json!({ "fields": fields, "elsewhere": [] })));
        }
        Err(Unbegun::Mistakes(mistakes)) => {
            // The registry was made of the table: its lines are nobody's, what is wrong is the table's.
            let (own, others): (Vec<_>, Vec<_>) =
                mistakes.into_iter().partition(|mistake| mistake.file == REGISTRY);
            let own: Vec<String> = own.into_iter().map(|mistake| mistake.message).collect();
            let field = json!({
                "name": "organisations",
                "label": label("organisations"),
                "message": own.join("\n"),
            });
            let fields = if own.is_empty() { vec![] } else { vec![field] };
            let words: Vec<Value> = others.iter().map(mistake).collect();
            return Ok(refused(json!({ "fields": fields, "elsewhere": words })));
        }
        Err(Unbegun::Failed(words)) => {
            return Ok(refused(json!({ "fields": [], "elsewhere": [words] })));
        }
        Err(Unbegun::Store(e)) => return Err(problem::unsaved(&e, &pairs)),
    };
    if value(&pairs, "_do") != "apply" {
        return match runtime.look_at_beginning(begun).await {
            Ok(year) => Ok(looked(&runtime, &person, &pairs, &what, &year)),
            Err(e) => Ok(refused(json!({ "fields": [], "elsewhere": [e.to_string()] }))),
        };
    }
    match runtime.begin(begun, &person.actor(), request).await {
        Ok(version) => Ok(done(&version)),
        Err(Unbegun::Store(e)) => Err(problem::unsaved(&e, &pairs)),
        Err(e) => Ok(refused(json!({ "fields": [], "elsewhere": [e.to_string()] }))),
    }
}

fn done(version: &Version) -> Response {
    Redirect::to(&format!("/m/{}", version.road_map.municipality.id)).into_response()
}

/// Who makes municipalities must rule over all of them.
fn allowed(person: &Person) -> bool {
    person.roles.in_all() == Some(Role::Administrator)
}

fn no_access() -> Response {
    problem::page(
        StatusCode::FORBIDDEN,
        "Нет доступа",
        &["Новый муниципалитет заводит администратор всех муниципалитетов."],
    )
}

fn said(pairs: &Pairs) -> Beginning {
    let text = |name: &str| value(pairs, name).trim().to_owned();
    Beginning {
        name: text("name"),
        id: text("id"),
        authority: text("authority"),
        place: text("place"),
        adopted_by: text("adopted_by"),
        time_zone: text("time_zone"),
        contact: [
            text("contact_name"),
            text("contact_role"),
            text("contact_email"),
            text("contact_phone"),
        ],
        begins: text("begins"),
    }
}

fn label(field: &str) -> &str {
    match field {
        "name" => "Муниципалитет",
        "id" => "Имя латиницей",
        "authority" => "Орган управления образованием",
        "time_zone" => "Часовой пояс",
        "contact_name" => "К кому обращаться",
        "contact_email" => "Адрес почты",
        "begins" => "С какого дня",
        "organisations" => "Организации",
        other => other,
    }
}

fn page(
    runtime: &Runtime,
    person: &Person,
    pairs: &Pairs,
    wrong: &Value,
    status: StatusCode,
) -> Response {
    let mut context = access::head(runtime, person);
    let mut sent = serde_json::Map::new();
    for name in LINES.into_iter().chain(["begins", "organisations", "_table", "_table_name"]) {
        sent.insert(name.to_owned(), value(pairs, name).into());
    }
    context["sent"] = sent.into();
    context["wrong"] = wrong.clone();
    let chosen = value(pairs, "time_zone");
    context["zones"] = ZONES
        .iter()
        .map(|(zone, words)| json!({ "value": zone, "words": words, "chosen": *zone == chosen }))
        .collect();
    context["first"] = runtime.road_maps().all_newest().is_empty().into();
    view::page(status, "begin.html", &context)
}

/// What would come of it.
fn looked(
    runtime: &Runtime,
    person: &Person,
    pairs: &Pairs,
    what: &Beginning,
    year: &FirstYear,
) -> Response {
    let map = &year.read.road_map;
    let mut context = access::head(runtime, person);
    let mut kinds: Vec<(&str, Vec<&str>)> = Vec::new();
    for kind in vekha_roadmap::model::OrganisationKind::ALL {
        let own = map.organisations.iter().filter(|o| o.kind == *kind);
        let own: Vec<&str> = own.map(|o| o.short.as_str()).collect();
        if !own.is_empty() {
            kinds.push((glossary::organisations(*kind), own));
        }
    }
    context["made"] = json!({
        "id": map.municipality.id,
        "name": map.municipality.name,
        "activities": map.activities.len(),
        "kinds": kinds,
        "course": year.course,
        "openings": year.openings,
        "mail": mail_settings(what),
    });
    context["warnings"] = year.warnings.iter().map(mistake).collect();
    let kept = pairs.iter().filter(|(name, _)| name != "_do" && name != "_once");
    let kept = kept.map(|(name, text)| json!({ "name": name, "value": text }));
    let once = json!({ "name": "_once", "value": uuid::Uuid::now_v7().to_string() });
    context["kept"] = kept.chain([once]).collect();
    view::page(StatusCode::OK, "begin-look.html", &context)
}

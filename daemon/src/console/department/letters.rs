//! Letters as the department reads them: which one went to whom, what came of it, what was in it.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use vekha_engine::LetterKind;
use vekha_roadmap::RoadMap;

use crate::console::department::administrator;
use crate::console::department::run::{Missing, refused};
use crate::console::frame::access::Person;
use crate::console::frame::{view, words};
use crate::console::year::completeness::run_words;
use crate::glossary;
use crate::runtime::Runtime;
use crate::runtime::letters::message;
use crate::store::entities::outbox;
use crate::store::instant;

/// A letter in a list.
pub fn line(map: &RoadMap, row: &outbox::Model) -> Value {
    let known = serde_json::from_value::<LetterKind>(row.kind.as_str().into());
    let kind = known.map_or_else(|_| row.kind.clone(), |kind| glossary::letter(kind).to_owned());
    let (state, mark) = match row.state.as_str() {
        "pending" => ("ждёт отправки", ""),
        "sending" => ("отправляется", ""),
        "sent" => ("отправлено", "completed"),
        "failed" => ("не доставлено", "late"),
        "obsolete" => ("не понадобилось", ""),
        other => (other, ""),
    };
    let id = row.message_id.split('@').next().unwrap_or_default();
    let run = row.run.parse().map(|run| run_words(map, &run));
    json!({
        "id": id,
        "whose": format!("/m/{}/organisations/{}", row.municipality, row.organisation),
        "link": format!("/m/{}/letters/{id}", row.municipality),
        "kind": words::capital(&kind),
        "organisation": administrator::name(map, &row.organisation),
        "run": run.unwrap_or_else(|_| row.run.clone()),
        "run_link": format!("/runs/{}", row.run),
        "created": words::short_moment(&map.municipality, instant(row.created_at)),
        "sent": row.sent_at.map(|at| words::short_moment(&map.municipality, instant(at))),
        "state": state,
        "mark": mark,
        "uncertain": row.uncertain,
        "error": row.error,
        "attempts": row.attempts,
    })
}

/// `GET /m/{municipality}/letters/{id}`
pub async fn show(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Path((municipality, id)): Path<(String, String)>,
) -> Result<Response, Response> {
    let missing = || refused(Missing::Unknown);
    let away = |e| refused(Missing::Unavailable(e));
    let newest = runtime.road_maps().newest(&municipality).ok_or_else(missing)?;
    let message_id = format!("{id}@{municipality}.vekha");
    let row = runtime.store().message_by_id(&message_id).await.map_err(away)?;
    let row = row.ok_or_else(missing)?;
    let letter = row.letter().map_err(away)?;
    let mut context = administrator::context(&runtime, &newest, &person);
    context["letter"] = line(&newest.road_map, &row);
    let organisation = newest.road_map.organisation(&row.organisation);
    let to = organisation
        .map(|o| o.addressees().into_iter().map(|(_, email)| email.to_owned()).collect::<Vec<_>>());
    context["letter"]["to"] = to.unwrap_or_default().into();
    // Whoever reads letters must not be able to answer for a school.
    let link = letter.assignment.as_ref().map(|_| "(личная ссылка)");
    let page = format!("{}/runs/{}", runtime.public_url(), letter.run);
    let rendered = message::version(&runtime, &row)
        .and_then(|version| message::render(&runtime, &version, &letter, link, &page));
    match rendered {
        Ok((subject, text, _)) => {
            context["letter"]["subject"] = subject.into();
            context["letter"]["text"] = text.into();
        }
        Err(why) => context["letter"]["unwritten"] = why.into(),
    }
    Ok(view::page(StatusCode::OK, "letter.html", &context))
}

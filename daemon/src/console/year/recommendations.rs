//! The recommendations of a year and where each stands: on a page, and as a spreadsheet.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use serde_json::{Value, json};
use vekha_engine::run::RecommendationState;
use vekha_plugin_tables::ListCell;
use vekha_roadmap::RoadMap;

use crate::console::department::administrator;
use crate::console::frame::access::Person;
use crate::console::frame::downloads::{self, List};
use crate::console::frame::view;
use crate::console::year::completeness::run_words;
use crate::console::year::of_year;
use crate::glossary;
use crate::reports::severity_words;
use crate::runtime::Runtime;
use crate::runtime::views::recommended::{Recommended, recommended};

/// `GET /m/{municipality}/recommendations?year=2027`
pub async fn show(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Path(municipality): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, Response> {
    let (version, year, all) = of_year::all(&runtime, &municipality, &query, recommended).await?;
    let map = &version.road_map;
    let mut context = of_year::context(&runtime, &version, &person, year).await?;
    context["recommendations"] = all.iter().map(|one| shown(map, one)).collect();
    let count = |state| all.iter().filter(|one| one.recommendation.state == state).count();
    context["counts"] = json!({
        "drafts": count(RecommendationState::Draft),
        "unread": count(RecommendationState::Issued),
        "acknowledged": count(RecommendationState::Acknowledged),
        "discarded": count(RecommendationState::Discarded),
        "reported": all.iter().filter(|one| !one.recommendation.report.is_empty()).count(),
    });
    Ok(view::page(StatusCode::OK, "recommendations.html", &context))
}

fn shown(map: &RoadMap, one: &Recommended) -> Value {
    let Recommended { run, key, recommendation, .. } = one;
    let day = |at: Timestamp| glossary::date(map.municipality.today(at));
    json!({
        "organisation": administrator::name(map, &key.organisation),
        "what": run_words(map, run),
        "link": format!("/runs/{run}"),
        "findings": recommendation.items.len(),
        "gravest": one.gravest().map(severity_words),
        "mark": match recommendation.state {
            RecommendationState::Draft => "attention",
            RecommendationState::Issued => "open",
            RecommendationState::Acknowledged => "completed",
            RecommendationState::Discarded => "waived",
        },
        "words": glossary::recommendation_state(recommendation.state),
        "drafted": recommendation.drafted_at.map(day),
        "issued": recommendation.issued_at.map(day),
        "acknowledged": recommendation.acknowledged_at.map(day),
        "discarded": recommendation.discarded_at.map(day),
        "reason": recommendation.reason,
        "report": recommendation.report,
        "reported": recommendation.reported_at.map(day),
    })
}

/// The columns of the spreadsheet, with how many characters each is across.
const COLUMNS: [(&str, f64); 13] = [
    ("Организация", 34.0),
    ("Мероприятие", 40.0),
    ("Выводов", 10.0),
    ("Самый значимый", 18.0),
    ("Рекомендации", 60.0),
    ("Состояние", 24.0),
    ("Проект", 12.0),
    ("Отправлена", 12.0),
    ("Ознакомлены", 12.0),
    ("Отклонена", 12.0),
    ("Почему отклонена", 30.0),
    ("Сообщили", 12.0),
    ("Что сделано", 50.0),
];

/// `GET /m/{municipality}/recommendations.xlsx?year=2027`
pub async fn as_spreadsheet(
    State(runtime): State<Arc<Runtime>>,
    Path(municipality): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, Response> {
    let (version, year, all) = of_year::all(&runtime, &municipality, &query, recommended).await?;
    let list = list(&version.road_map, year, &all);
    Ok(list.give(&format!("recommendations-{year}.xlsx")).await)
}

/// The same as a list.
pub fn list(map: &RoadMap, year: i16, all: &[Recommended]) -> List {
    let rows = all.iter().map(|one| row(map, one)).collect();
    List { title: format!("Рекомендации {year}"), columns: &COLUMNS, rows }
}

fn row(map: &RoadMap, one: &Recommended) -> Vec<ListCell> {
    let Recommended { run, key, recommendation, .. } = one;
    let day = |at: Option<Timestamp>| downloads::day(at.map(|at| map.municipality.today(at)));
    let texts = recommendation.items.iter().filter_map(|item| item.recommendation.as_deref());
    vec![
        administrator::name(map, &key.organisation).into(),
        run_words(map, run).into(),
        ListCell::count(recommendation.items.len()),
        one.gravest().map(severity_words).unwrap_or_default().into(),
        texts.collect::<Vec<_>>().join("\n").into(),
        glossary::recommendation_state(recommendation.state).into(),
        day(recommendation.drafted_at),
        day(recommendation.issued_at),
        day(recommendation.acknowledged_at),
        day(recommendation.discarded_at),
        recommendation.reason.clone().into(),
        day(recommendation.reported_at),
        recommendation.report.clone().into(),
    ]
}

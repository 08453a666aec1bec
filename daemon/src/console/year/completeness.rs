//! A year's questions and what came of them: by run, by organisation, one by one.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::civil::{Date, date};
use serde_json::{Value, json};
use vekha_engine::RunKey;
use vekha_plugin_tables::ListCell;
use vekha_roadmap::RoadMap;
use vekha_roadmap::russian::number;

use crate::console::department::administrator;
use crate::console::frame::access::Person;
use crate::console::frame::downloads::{self, List};
use crate::console::frame::{problem, view};
use crate::console::year::of_year;
use crate::glossary;
use crate::runtime::Runtime;
use crate::runtime::road_maps::Version;
use crate::runtime::views::completeness::{Asked, Fate, Scope, Tally, asked, tallies};
use crate::store::StoreError;

/// `GET /m/{municipality}/completeness?year=2027&organisation=school-1`
pub async fn show(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Path(municipality): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, Response> {
    let Questions { version, year, organisation, all } =
        questions(&runtime, &municipality, &query).await?;
    let map = &version.road_map;
    let mut context = of_year::context(&runtime, &version, &person, year).await?;
    context["organisation"] =
        json!(organisation.as_ref().map(|code| administrator::name(map, code)));
    context["total"] = line(&Tally::of(&all));
    context["runs"] = tallies(&all, |one| one.run.clone())
        .into_iter()
        .map(|(run, tally)| {
            let mut shown = line(&tally);
            shown["what"] = run_words(map, &run).into();
            shown["link"] = format!("/runs/{run}").into();
            shown
        })
        .collect();
    context["organisations"] = tallies(&all, |one| one.key.organisation.clone())
        .into_iter()
        .map(|(code, tally)| {
            let mut shown = line(&tally);
            shown["what"] = administrator::name(map, &code).into();
            shown["code"] = code.into();
            shown
        })
        .collect();
    if organisation.is_some() {
        context["asked"] = all.iter().map(|one| question(map, one)).collect();
    }
    Ok(view::page(StatusCode::OK, "completeness.html", &context))
}

/// The questions that a page is about.
struct Questions {
    version: Arc<Version>,
    year: i16,
    /// Whose they are, if not everybody's.
    organisation: Option<String>,
    all: Vec<Asked>,
}

async fn questions(
    runtime: &Runtime,
    municipality: &str,
    query: &BTreeMap<String, String>,
) -> Result<Questions, Response> {
    let (version, year) = of_year::open(runtime, municipality, query).await?;
    let map = &version.road_map;
    let organisation = query.get("organisation").filter(|code| map.organisation(code).is_some());
    let organisation = organisation.cloned();
    let all = of_year(runtime, map, year, organisation.clone()).await;
    let mut all = all.map_err(|e| problem::unavailable(&e))?;
    all.sort_by_cached_key(|one| (order(map, &one.run), one.key.clone()));
    Ok(Questions { version, year, organisation, all })
}

/// As the road map has them: by number, then by period.
fn order(map: &RoadMap, run: &RunKey) -> (u32, Date, Option<String>) {
    let number = map.activity(&run.activity).map_or(u32::MAX, |activity| activity.number);
    (number, run.period.first_day(), run.part.clone())
}

/// The questions that are due in a year: one organisation's, or everybody's.
pub(crate) async fn of_year(
    runtime: &Runtime,
    map: &RoadMap,
    year: i16,
    organisation: Option<String>,
) -> Result<Vec<Asked>, StoreError> {
    let scope = Scope {
        municipality: map.municipality.id.clone(),
        organisation,
        from: Some(date(year, 1, 1)),
        to: Some(date(year, 12, 31)),
        ..Scope::default()
    };
    asked(runtime, &scope).await
}

/// The columns of the spreadsheet, with how many characters each is across.
const COLUMNS: [(&str, f64); 7] = [
    ("Мероприятие", 40.0),
    ("Период", 22.0),
    ("Этап", 24.0),
    ("Организация", 34.0),
    ("Срок", 12.0),
    ("Ответ", 24.0),
    ("Возвратов", 11.0),
];

/// `GET /m/{municipality}/completeness.xlsx?year=2027`: every question of the year, one by one.
pub async fn as_spreadsheet(
    State(runtime): State<Arc<Runtime>>,
    Path(municipality): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, Response> {
    let Questions { version, year, all, .. } = questions(&runtime, &municipality, &query).await?;
    let name = format!("completeness-{year}.xlsx");
    Ok(list(&version.road_map, year, &all).give(&name).await)
}

/// The same as a table.
pub(crate) fn list(map: &RoadMap, year: i16, all: &[Asked]) -> List {
    let rows = all.iter().map(|one| row(map, one)).collect();
    List { title: format!("Полнота {year}"), columns: &COLUMNS, rows }
}

fn row(map: &RoadMap, one: &Asked) -> Vec<ListCell> {
    let activity = map.activity(&one.run.activity);
    let stage = activity.and_then(|a| a.stage(&one.key.stage));
    vec![
        activity.map_or(one.run.activity.clone(), |a| format!("{}. {}", a.number, a.short)).into(),
        one.run.period.words().into(),
        stage.map_or_else(|| one.key.stage.clone(), |(_, s)| s.title.clone()).into(),
        administrator::name(map, &one.key.organisation).into(),
        downloads::day(Some(one.due)),
        fate(one.fate).into(),
        ListCell::count(one.returns as usize),
    ]
}

/// A run in words.
pub(crate) fn run_words(map: &RoadMap, run: &RunKey) -> String {
    let period = run.period.words();
    match map.activity(&run.activity) {
        Some(activity) => format!("{}. {}, {period}", activity.number, activity.short),
        None => format!("{}, {period}", run.activity),
    }
}

fn line(tally: &Tally) -> Value {
    json!({
        "asked": tally.asked(),
        "in_time": tally.count(Fate::InTime),
        "late": tally.count(Fate::Late),
        "returned": tally.count(Fate::Returned),
        "awaited": tally.count(Fate::Awaited),
        "silent": tally.count(Fate::Silent),
        "waived": tally.count(Fate::Waived),
        "returns": tally.returns,
        "complete": tally.complete().map(|share| number(share, 0)),
    })
}

fn question(map: &RoadMap, one: &Asked) -> Value {
    json!({
        "what": run_words(map, &one.run),
        "link": format!("/runs/{}", one.run),
        "due": glossary::date(one.due),
        "mark": match one.fate {
            Fate::InTime | Fate::Late => "answered",
            Fate::Returned => "attention",
            Fate::Awaited => "open",
            Fate::Silent => "late",
            Fate::Waived => "waived",
        },
        "words": fate(one.fate),
        "returns": one.returns,
    })
}

/// What came of a question, in words.
pub(crate) fn fate(fate: Fate) -> &'static str {
    match fate {
        Fate::InTime => "в срок",
        Fate::Late => "с опозданием",
        Fate::Returned => "возвращён на исправление",
        Fate::Awaited => "срок не прошёл",
        Fate::Silent => "нет ответа",
        Fate::Waived => "не требуется",
    }
}

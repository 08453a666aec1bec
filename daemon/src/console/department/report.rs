//! Reports on analyses: on a page, and as files to be kept, printed or computed with.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use vekha_engine::RunKey;

use crate::console::department::administrator;
use crate::console::frame::access::Person;
use crate::console::frame::{assets, downloads, problem, view};
use crate::forms::{DOCX, XLSX};
use crate::reports::{self, Indicator, Report, severity_words};
use crate::runtime::Runtime;
use crate::runtime::documents::reports::{on_analysis, published_by};
use crate::runtime::road_maps::Version;
use crate::store::StoreError;

/// Municipality, activity, run and stage.
type Named = (String, String, String, String);

/// A report, the run that it is about, and the code of the organisation that it is about.
struct Found {
    version: Arc<Version>,
    run: RunKey,
    stage: String,
    whose: Option<String>,
    report: Report,
}

async fn find(
    runtime: &Runtime,
    (municipality, activity, run, stage): Named,
    query: &BTreeMap<String, String>,
) -> Result<Found, Response> {
    let name = format!("{municipality}/{activity}/{run}");
    let Ok(key) = name.parse::<RunKey>() else { return Err(problem::no_such_page().await) };
    let run = runtime.store().bare_run(&key).await.map_err(|e| problem::unavailable(&e))?;
    let Some(run) = run else { return Err(problem::no_such_page().await) };
    let version = runtime.road_maps().version(&municipality, run.road_map).ok_or_else(|| {
        let why = runtime.road_maps().why_not(&key, run.road_map);
        problem::unavailable(&StoreError::Unreadable(why))
    })?;
    let whose = query.get("organisation").filter(|code| !code.is_empty());
    if whose.is_some_and(|code| version.road_map.organisation(code).is_none()) {
        return Err(problem::no_such_page().await);
    }
    let whose = whose.cloned();
    let report = on_analysis(runtime, &version, &key, &stage, whose.as_deref()).await;
    match report.map_err(|e| problem::unavailable(&e))? {
        Some(report) => Ok(Found { version, run: key, stage, whose, report }),
        None => Err(problem::no_such_page().await),
    }
}

/// `GET /runs/{municipality}/{activity}/{run}/reports/{stage}?organisation=school-1`
pub async fn show(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Path(path): Path<Named>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, Response> {
    let Found { version, run, stage, whose, report } = find(&runtime, path, &query).await?;
    let mut context = administrator::context(&runtime, &version, &person);
    context["report"] = shown(&report);
    let organisations = version.road_map.organisations.iter().map(
        |o| json!({ "code": o.code, "name": o.short, "chosen": whose.as_deref() == Some(&o.code) }),
    );
    context["page"] = json!({
        "run": format!("/runs/{run}"),
        "address": format!("/runs/{run}/reports/{stage}"),
        "query": whose.as_ref().map_or_else(String::new, |code| format!("?organisation={code}")),
        "organisations": organisations.collect::<Vec<_>>(),
    });
    Ok(view::page(StatusCode::OK, "report-page.html", &context))
}

/// `GET /runs/{municipality}/{activity}/{run}/reports/{stage}/report.docx?organisation=school-1`,
/// and `report.xlsx`, `report.html`.
pub async fn as_file(
    State(runtime): State<Arc<Runtime>>,
    Path((municipality, activity, run, stage, form)): Path<(
        String,
        String,
        String,
        String,
        String,
    )>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, Response> {
    let path = (municipality, activity, run, stage);
    let Found { run, stage, whose, report, .. } = find(&runtime, path, &query).await?;
    let name = |ending: &str| reports::file_name(&run, &stage, whose.as_deref(), ending);
    Ok(match form.as_str() {
        "report.docx" => downloads::give(&name("docx"), DOCX, move || reports::note(&report)).await,
        "report.xlsx" => {
            downloads::give(&name("xlsx"), XLSX, move || reports::workbook(&report)).await
        }
        "report.html" => {
            let made = move || page(&report).map(String::into_bytes);
            downloads::give(&name("html"), "text/html; charset=utf-8", made).await
        }
        _ => problem::no_such_page().await,
    })
}

/// `GET /runs/{municipality}/{activity}/{run}/published/{stage}.html`, and `.docx`: what a stage has
/// published, as it was to be then.
pub async fn published(
    State(runtime): State<Arc<Runtime>>,
    Path((municipality, activity, run, file)): Path<(String, String, String, String)>,
) -> Result<Response, Response> {
    let nothing = problem::no_such_page;
    let key = format!("{municipality}/{activity}/{run}").parse::<RunKey>();
    let (Ok(key), Some((stage, form))) = (key, file.rsplit_once('.')) else {
        return Err(nothing().await);
    };
    let run = runtime.store().bare_run(&key).await.map_err(|e| problem::unavailable(&e))?;
    let Some(run) = run else { return Err(nothing().await) };
    let Some(version) = runtime.road_maps().version(&municipality, run.road_map) else {
        return Err(nothing().await);
    };
    let rendered = published_by(&runtime, &version, &run, stage).await;
    let Some(rendered) = rendered.map_err(|e| problem::unavailable(&e))? else {
        return Err(nothing().await);
    };
    let name = reports::file_name(&key, stage, None, form);
    match form {
        "html" => {
            let html = rendered.html.into_bytes();
            Ok(downloads::give(&name, "text/html; charset=utf-8", move || Ok::<_, String>(html))
                .await)
        }
        "docx" => Ok(downloads::give(&name, DOCX, move || Ok::<_, String>(rendered.docx)).await),
        _ => Err(nothing().await),
    }
}

/// The report as a page that needs nothing beside itself.
pub(crate) fn page(report: &Report) -> Result<String, minijinja::Error> {
    view::rendered("report-file.html", &json!({ "report": shown(report), "style": assets::STYLE }))
}

fn shown(report: &Report) -> Value {
    let findings: Vec<Value> = report
        .findings
        .iter()
        .map(|finding| {
            json!({
                "organisation": finding.organisation,
                "text": finding.text,
                "recommendation": finding.recommendation,
                "grave": finding.severity,
                "severity": severity_words(finding.severity),
            })
        })
        .collect();
    json!({
        "authority": report.authority,
        "municipality": report.municipality,
        "number": report.number,
        "activity": report.activity,
        "period": report.period,
        "date": report.date,
        "title": report.title,
        "method": report.method,
        "whose": report.whose,
        "findings": findings,
        "indicators": report.indicators.iter().map(|one| indicator(report, one)).collect::<Vec<_>>(),
    })
}

fn indicator(report: &Report, one: &Indicator) -> Value {
    let figure = |value: f64| one.shown(value);
    let mut values = reports::values(one);
    values["title"] = one.heading().into();
    values["spread"] = one.spread(report.min_count).into();
    values["tendency"] = one.tendency().into();
    values["own"] = one
        .rows
        .iter()
        .position(|row| row.own)
        .map_or(Value::Null, |place| values["rows"][place].clone());
    values["median"] = one.municipality.map(|a| one.between(a.median)).into();
    values["has_rank"] = one.rows.iter().any(|row| row.rank.is_some()).into();
    values["has_earlier"] = one.rows.iter().any(|row| row.earlier.is_some()).into();
    let history = one.history.iter().filter(|_| one.has_history()).map(|point| {
        json!({
            "period": point.period,
            "own": point.own.map(figure),
            "median": point.median.map(|value| one.between(value)),
        })
    });
    values["history"] = history.collect();
    values
}

//! Reports that stages publish: figures, findings and decisions of runs, in the definition's
//! template.

use std::cmp::Reverse;

use jiff::Timestamp;
use sea_orm::DbErr;
use serde_json::{Value, json};
use vekha_engine::RunKey;
use vekha_engine::data::earlier;
use vekha_engine::run::{Run, RunState};
use vekha_roadmap::model::{Covers, Municipality, Stage, Work};
use vekha_roadmap::russian;

use super::Runtime;
use super::road_maps::Version;
use crate::reports::{self, Chapter, Cover, Listed, Past, Report, book};
use crate::store::queries::{Filter, Page};
use crate::store::runs::bare;

/// Most runs of one report.
const MOST_RUNS: u64 = 10_000;

/// The report of a publish stage: as a page that needs nothing beside itself, and as a document.
#[derive(Debug)]
pub struct Rendered {
    /// The page.
    pub html: String,
    /// The document.
    pub docx: Vec<u8>,
}

/// Renders the report of a publish stage.
///
/// # Errors
/// What makes it impossible, for people.
pub async fn render(
    runtime: &Runtime,
    version: &Version,
    key: &RunKey,
    stage: &str,
    now: Timestamp,
) -> Result<Rendered, String> {
    let map = &version.road_map;
    let activity = map.activity(&key.activity).ok_or("мероприятия нет в дорожной карте")?;
    let Some(Work::Publish(publish)) = activity.stage(stage).map(|(_, s)| &s.work) else {
        return Err("это не этап публикации".into());
    };
    let keys = match publish.covers {
        Covers::Run => Ok(vec![key.clone()]),
        Covers::Period => within(runtime, version, key).await,
    };
    let chapters = chapters(runtime, version, &keys.map_err(|e| e.to_string())?).await;
    let chapters = chapters.map_err(|e| e.to_string())?;
    let municipality = &map.municipality;
    let date = russian::date_words(municipality.today(now));
    let context = json!({
        "municipality": authority(municipality),
        "activity": {
            "number": activity.number, "title": activity.title, "short": activity.short,
        },
        "period": key.period.words(),
        "date": date,
        "document": format!("{}.docx", key.activity),
        "chapters": chapters.iter().map(shown).collect::<Vec<_>>(),
    });
    let name = format!("reports/{}.html", publish.report);
    let html = version
        .templates
        .get_template(&name)
        .and_then(|t| t.render(minijinja::Value::from(minijinja::value::Serde(&context))))
        .map_err(|e| format!("{name}: {e}"))?;
    let cover = Cover {
        authority: municipality.authority.clone(),
        municipality: municipality.name.clone(),
        title: activity.short.clone(),
        period: key.period.words(),
        date,
    };
    let written = tokio::task::spawn_blocking(move || book(&cover, &chapters)).await;
    let docx = written.map_err(|e| e.to_string())??;
    Ok(Rendered { html, docx })
}

/// The first page of the site: the municipalities that have a list of their reports. `newest` is
/// publishing one just now.
///
/// # Errors
/// What makes it impossible, for people.
pub async fn contents(runtime: &Runtime, newest: &RunKey) -> Result<String, String> {
    let mut listed = Vec::new();
    for version in runtime.road_maps().all_newest() {
        let municipality = &version.road_map.municipality;
        let has_list = version.templates.get_template(INDEX).is_ok();
        if has_list
            && (municipality.id == newest.municipality || has_published(runtime, &version).await?)
        {
            listed.push(Listed {
                name: municipality.name.clone(),
                authority: municipality.authority.clone(),
                page: place_of(&municipality.id, "index.html"),
            });
        }
    }
    reports::contents(&listed)
}

/// Whether a municipality has published anything.
async fn has_published(runtime: &Runtime, version: &Version) -> Result<bool, String> {
    let publishes = |stage: &Stage| matches!(stage.work, Work::Publish(_));
    let activities = version.road_map.activities.iter();
    for activity in activities.filter(|activity| activity.stages.iter().any(publishes)) {
        let filter = Filter {
            municipality: Some(version.road_map.municipality.id.clone()),
            activity: Some(activity.id.clone()),
            ..Filter::default()
        };
        let rows = runtime.store().list_runs(&filter, &Page::first(MOST_RUNS)).await;
        for row in rows.map_err(|e| e.to_string())? {
            let (run, _) = bare(&row).map_err(|e| e.to_string())?;
            if run.stages.iter().any(|stage| !stage.location.is_empty()) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// The template of the list of a municipality's reports.
const INDEX: &str = "reports/index.html";

/// The list of all that is published, the newest first: what was before, and the report of `newest`
/// published `now`. None where the road map has no template for it.
///
/// # Errors
/// What makes it impossible, for people.
pub async fn index(
    runtime: &Runtime,
    version: &Version,
    newest: &RunKey,
    now: Timestamp,
) -> Result<Option<String>, String> {
    let Ok(template) = version.templates.get_template(INDEX) else { return Ok(None) };
    let map = &version.road_map;
    let store = runtime.store();
    let filter = Filter { municipality: Some(newest.municipality.clone()), ..Filter::default() };
    let rows =
        store.list_runs(&filter, &Page::first(MOST_RUNS)).await.map_err(|e| e.to_string())?;
    let mut published = vec![(now, newest.clone())];
    for row in &rows {
        let (run, _) = bare(row).map_err(|e| e.to_string())?;
        let at = run.stages.iter().filter(|stage| !stage.location.is_empty());
        let at = at.filter_map(|stage| stage.completed_at).max();
        published.extend(at.filter(|_| run.key != *newest).map(|at| (at, run.key)));
    }
    published.sort_by_key(|(at, key)| (Reverse(*at), key.clone()));
    let line = |(at, key): &(Timestamp, RunKey)| {
        let title = map.activity(&key.activity).map_or(&key.activity, |a| &a.short);
        json!({
            "title": title,
            "period": key.period.words(),
            "date": russian::date_words(map.municipality.today(*at)),
            "page": place(key, "html"),
            "document": place(key, "docx"),
        })
    };
    let context = json!({
        "municipality": authority(&map.municipality),
        "date": russian::date_words(map.municipality.today(now)),
        "reports": published.iter().map(line).collect::<Vec<_>>(),
    });
    let html = template.render(minijinja::Value::from(minijinja::value::Serde(&context)));
    html.map(Some).map_err(|e| format!("{INDEX}: {e}"))
}

/// Whose reports they are, as templates know it.
pub fn authority(municipality: &Municipality) -> Value {
    json!({
        "name": municipality.name,
        "authority": municipality.authority,
        "adopted_by": municipality.adopted_by,
    })
}

/// Where all that a municipality publishes lies: several may share one site.
pub fn place_of(municipality: &str, path: &str) -> String {
    format!("{municipality}/{path}")
}

/// Where a run's report is published, within what its municipality publishes.
pub fn place(run: &RunKey, ending: &str) -> String {
    format!("{}/{}.{ending}", run.run_id(), run.activity)
}

/// The runs whose periods lie within that of this one, in the road map's order.
async fn within(runtime: &Runtime, version: &Version, key: &RunKey) -> Result<Vec<RunKey>, DbErr> {
    let filter = Filter { municipality: Some(key.municipality.clone()), ..Filter::default() };
    let rows = runtime.store().list_runs(&filter, &Page::first(MOST_RUNS)).await?;
    let within = |other: &RunKey| {
        key.period.first_day() <= other.period.first_day()
            && other.period.last_day() <= key.period.last_day()
    };
    let mut keys: Vec<RunKey> =
        rows.iter().filter_map(|row| row.id.parse().ok()).filter(within).collect();
    let number = |k: &RunKey| version.road_map.activity(&k.activity).map(|a| a.number);
    keys.sort_by_key(|k| (number(k), k.clone()));
    Ok(keys)
}

/// What runs have to tell, one after the other.
async fn chapters(
    runtime: &Runtime,
    version: &Version,
    keys: &[RunKey],
) -> Result<Vec<Chapter>, DbErr> {
    let mut chapters = Vec::new();
    for key in keys {
        let Some(loaded) = runtime.store().run(key).await? else { continue };
        chapters.push(chapter(runtime, version, &loaded.run).await?);
    }
    Ok(chapters)
}

/// What a run has to tell.
///
/// # Errors
/// When the database cannot be read.
pub async fn chapter(runtime: &Runtime, version: &Version, run: &Run) -> Result<Chapter, DbErr> {
    let mut reports = Vec::new();
    for stage in &run.stages {
        reports.extend(on_analysis(runtime, version, &run.key, &stage.id, None).await?);
    }
    Ok(Chapter::of(&version.road_map, run, state_words(run.state), reports))
}

/// The reports on a run's analyses without those of earlier periods.
///
/// # Errors
/// When the database cannot be read.
pub async fn newest(runtime: &Runtime, version: &Version, run: &Run) -> Result<Vec<Report>, DbErr> {
    let now = runtime.clock().now();
    let mut made = Vec::new();
    for stage in &run.stages {
        if let Some(outcome) = runtime.store().analysis(&run.key, &stage.id).await? {
            let map = &version.road_map;
            made.extend(reports::report(map, &run.key, &stage.id, &outcome, &[], None, now));
        }
    }
    Ok(made)
}

/// Most periods before this one that a report looks back on.
const LOOKED_BACK: usize = 5;

/// The report on the analysis of a run's stage; none if there is no such analysis, or it has not
/// been made yet. `whose` is the code of the organisation that it is about, if not all of them.
///
/// # Errors
/// When the database cannot be read.
pub async fn on_analysis(
    runtime: &Runtime,
    version: &Version,
    key: &RunKey,
    stage: &str,
    whose: Option<&str>,
) -> Result<Option<Report>, DbErr> {
    let map = &version.road_map;
    let Some(activity) = map.activity(&key.activity) else { return Ok(None) };
    let store = runtime.store();
    let Some(outcome) = store.analysis(key, stage).await? else { return Ok(None) };
    let mut past = Vec::new();
    let mut before = key.clone();
    for _ in 0..LOOKED_BACK {
        before = earlier(activity, &before);
        if let Some(outcome) = store.analysis(&before, stage).await? {
            past.insert(0, Past { run: before.clone(), outcome });
        }
    }
    let now = runtime.clock().now();
    Ok(reports::report(map, key, stage, &outcome, &past, whose, now))
}

/// A chapter as the road map's templates know it.
fn shown(chapter: &Chapter) -> Value {
    let methods = chapter.reports.iter().map(|r| &r.method).filter(|method| !method.is_empty());
    let findings =
        chapter.reports.iter().flat_map(|report| &report.findings).map(
            |f| json!({ "organisation": f.organisation, "text": f.text, "severity": f.severity }),
        );
    json!({
        "section": chapter.section,
        "number": chapter.number,
        "title": chapter.title,
        "period": chapter.period,
        "state": chapter.state,
        "asked": chapter.asked,
        "answered": chapter.answered,
        "methods": methods.collect::<Vec<_>>(),
        "indicators": chapter.reports.iter().flat_map(|r| &r.indicators).map(reports::values).collect::<Vec<_>>(),
        "findings": findings.collect::<Vec<_>>(),
        "decisions": chapter.decisions,
    })
}

/// A run's state as people read it.
pub fn state_words(state: RunState) -> &'static str {
    match state {
        RunState::Waiting => "ждёт",
        RunState::Question => "ждёт решения администратора",
        RunState::Active => "идёт",
        RunState::Failed => "этап не выполнен",
        RunState::Completed => "завершено",
        RunState::Cancelled => "отменено",
        RunState::Skipped => "пропущено",
    }
}

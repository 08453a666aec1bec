//! Reports that stages publish: figures, findings and decisions of runs, in the definition's
//! template.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use vekha_analysis::Outcome;
use vekha_engine::RunKey;
use vekha_engine::data::earlier;
use vekha_engine::run::Run;
use vekha_roadmap::model::{Activity, Audience, Covers, Work};
use vekha_roadmap::read::{placed_mistake, unknown_to_samples};
use vekha_roadmap::{RoadMap, russian};

use crate::glossary;
use crate::reports::{self, Chapter, Cover, Listed, Past, Report, book};
use crate::runtime::Runtime;
use crate::runtime::documents::NotMade;
use crate::runtime::documents::pages::{Page, pages};
use crate::runtime::road_maps::Version;
use crate::runtime::views::register::Control;
use crate::runtime::views::reported_runs::{covered, every_run};
use crate::store::StoreError;

/// The report of a publish stage: as a page that needs nothing beside itself, and as a document.
#[derive(Debug)]
pub struct Rendered {
    /// The page.
    pub html: String,
    /// The document.
    pub docx: Vec<u8>,
    /// What is published of each organisation beside it.
    pub pages: Vec<Page>,
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
) -> Result<Rendered, NotMade> {
    let map = &version.road_map;
    let activity = map.activity(&key.activity).ok_or("мероприятия нет в дорожной карте")?;
    let Some(Work::Publish(publish)) = activity.stage(stage).map(|(_, s)| &s.work) else {
        return Err("это не этап публикации".into());
    };
    let keys = match publish.covers {
        Covers::Run => vec![key.clone()],
        Covers::Period => covered(runtime, version, key, stage, now).await?,
    };
    let pages = match &publish.pages {
        Some(wanted) => pages(runtime, version, key, (wanted, &publish.edition), now).await?,
        None => vec![],
    };
    let mut chapters = chapters(runtime, version, &keys).await?;
    if publish.audience == Some(Audience::Public) {
        let for_all = |(run, chapter): (RunKey, Chapter)| {
            let planned = planned(map.activity(&run.activity));
            (run, chapter.for_all(&planned))
        };
        chapters = chapters.into_iter().map(for_all).collect();
    }
    let shown = (1..).zip(&chapters).map(|(place, (run, one))| shown(place, run == key, one));
    let shown: Vec<Value> = shown.collect();
    let chapters: Vec<Chapter> = chapters.into_iter().map(|(_, chapter)| chapter).collect();
    let municipality = &map.municipality;
    let date = russian::date_words(municipality.today(now));
    let context = json!({
        "municipality": authority(map),
        "activity": {
            "number": activity.number, "title": activity.title, "short": activity.short,
        },
        "edition": publish.edition,
        "period": key.period.words(),
        "date": date,
        "document": format!("{}.docx", key.activity),
        "sections": sections(&shown),
        "chapters": shown,
        "pages": pages.iter().map(Page::listed).collect::<Vec<_>>(),
    });
    debug_assert_eq!(unknown_to_samples("report", &context), [""; 0]);
    let name = format!("reports/{}.html", publish.report);
    let html = version
        .templates
        .get_template(&name)
        .and_then(|t| t.render(minijinja::Value::from(minijinja::value::Serde(&context))))
        .map_err(|e| placed_mistake(&e))?;
    let cover = Cover {
        authority: municipality.authority.clone(),
        municipality: municipality.name.clone(),
        title: titled(activity, &publish.edition),
        period: key.period.words(),
        date,
    };
    let written = tokio::task::spawn_blocking(move || book(&cover, &chapters)).await;
    let docx = written.map_err(|e| e.to_string())??;
    Ok(Rendered { html, docx, pages })
}

/// What a report is called: its activity, and what tells it from others of the same run.
fn titled(activity: &Activity, edition: &str) -> String {
    match edition {
        "" => activity.short.clone(),
        edition => format!("{}: {edition}", activity.short),
    }
}

/// What a stage publishes is called, as long as the road map knows it.
fn title_of(map: &RoadMap, key: &RunKey, stage: &str) -> String {
    let Some(activity) = map.activity(&key.activity) else { return key.activity.clone() };
    match activity.stage(stage).map(|(_, stage)| &stage.work) {
        Some(Work::Publish(publish)) => titled(activity, &publish.edition),
        _ => activity.short.clone(),
    }
}

/// The titles of decisions that an activity prescribes.
fn planned(activity: Option<&Activity>) -> Vec<String> {
    let stages = activity.into_iter().flat_map(|activity| &activity.stages);
    let titles = stages.filter_map(|stage| match &stage.work {
        Work::Decide(decide) => Some(decide.decisions.as_slice()),
        _ => None,
    });
    titles.flatten().cloned().collect()
}

/// Where a report was published, as far as others may know: its address, or its path within the
/// site. Older releases kept where it lies on this machine.
pub fn place_for_others<'l>(run: &RunKey, location: &'l str) -> &'l str {
    if !Path::new(location).is_absolute() {
        return location;
    }
    let below = format!("/{}/", run.municipality);
    match location.rfind(&below) {
        Some(at) => &location[at + 1..],
        None => location.rsplit('/').next().unwrap_or_default(),
    }
}

/// What a stage published, rendered anew as it was to be then; none if it has not published.
///
/// # Errors
/// What makes it impossible, for people.
pub async fn published_by(
    runtime: &Runtime,
    version: &Version,
    run: &Run,
    stage: &str,
) -> Result<Option<Rendered>, NotMade> {
    let stage = run.stages.iter().find(|one| one.id == stage && !one.location.is_empty());
    match stage.and_then(|stage| Some((stage, stage.completed_at?))) {
        Some((stage, at)) => render(runtime, version, &run.key, &stage.id, at).await.map(Some),
        None => Ok(None),
    }
}

/// What a run published, rendered anew as it was to be then. A run's reports come to the same place:
/// there stands the newest.
///
/// # Errors
/// What makes it impossible, for people.
pub async fn published(
    runtime: &Runtime,
    version: &Version,
    run: &Run,
) -> Result<Option<Rendered>, NotMade> {
    let there = run.stages.iter().filter(|stage| !stage.location.is_empty());
    match there.max_by_key(|stage| stage.completed_at) {
        Some(newest) => published_by(runtime, version, run, &newest.id).await,
        None => Ok(None),
    }
}

/// The first page of the site: the municipalities that have a list of their reports. `newest` is
/// publishing one just now.
///
/// # Errors
/// What makes it impossible, for people.
pub async fn contents(runtime: &Runtime, newest: &RunKey) -> Result<String, NotMade> {
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
    Ok(reports::contents(&listed)?)
}

/// Whether a municipality has published anything.
async fn has_published(runtime: &Runtime, version: &Version) -> Result<bool, NotMade> {
    let runs = every_run(runtime, &version.road_map.municipality.id).await?;
    Ok(runs.iter().flat_map(|run| &run.stages).any(|stage| !stage.location.is_empty()))
}

/// The template of the list of a municipality's reports.
const INDEX: &str = "reports/index.html";

/// The list of all that is published, the newest first: what was before, and the report of `newest` and
/// its stage, published `now`. None where the road map has no template for it.
///
/// # Errors
/// What makes it impossible, for people.
pub async fn index(
    runtime: &Runtime,
    version: &Version,
    (newest, stage): (&RunKey, &str),
    now: Timestamp,
) -> Result<Option<String>, NotMade> {
    let Ok(template) = version.templates.get_template(INDEX) else { return Ok(None) };
    let map = &version.road_map;
    let runs = every_run(runtime, &newest.municipality).await?;
    let mut published = vec![(now, newest.clone(), stage.to_owned())];
    for run in runs.into_iter().filter(|run| run.key != *newest) {
        let there = run.stages.iter().filter(|stage| !stage.location.is_empty());
        let there = there.filter_map(|stage| Some((stage.completed_at?, stage.id.clone())));
        published.extend(there.max().map(|(at, stage)| (at, run.key, stage)));
    }
    published.sort_by_key(|(at, key, _)| (Reverse(*at), key.clone()));
    let line = |(at, key, stage): &(Timestamp, RunKey, String)| {
        json!({
            "title": title_of(map, key, stage),
            "period": key.period.words(),
            "date": russian::date_words(map.municipality.today(*at)),
            "page": place(key, "html"),
            "document": place(key, "docx"),
        })
    };
    let context = json!({
        "municipality": authority(map),
        "date": russian::date_words(map.municipality.today(now)),
        "reports": published.iter().map(line).collect::<Vec<_>>(),
    });
    debug_assert_eq!(unknown_to_samples("index", &context), [""; 0]);
    let html = template.render(minijinja::Value::from(minijinja::value::Serde(&context)));
    Ok(Some(html.map_err(|e| placed_mistake(&e))?))
}

/// Whose reports they are, as templates know it.
pub fn authority(map: &RoadMap) -> Value {
    let municipality = &map.municipality;
    json!({
        "name": municipality.name,
        "authority": municipality.authority,
        "short": map.department().short,
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

/// Runs whose analyses are loaded at once.
const RUNS_AT_ONCE: usize = 50;

/// What runs have to tell, each in the words of its own road map; by the sections of this one. What
/// is there and cannot be read is not left out of what is published: nobody would see that it lacks.
async fn chapters(
    runtime: &Runtime,
    version: &Version,
    keys: &[RunKey],
) -> Result<Vec<(RunKey, Chapter)>, StoreError> {
    let sections = &version.road_map.municipality.sections;
    let mut chapters = Vec::new();
    for keys in keys.chunks(RUNS_AT_ONCE) {
        let loaded = runtime.store().runs(keys).await?;
        for key in keys.iter().filter(|key| !loaded.contains_key(key)) {
            runtime.store().run(key).await?;
        }
        let own = |run: &Run| runtime.road_maps().version(&run.key.municipality, run.road_map);
        let runs: Vec<(Option<Arc<Version>>, Run)> =
            loaded.into_values().map(|one| (own(&one.run), one.run)).collect();
        let wanted = runs.iter().flat_map(|(own, run)| {
            let own = own.as_deref().unwrap_or(version);
            looked_at(&own.road_map, &run.key)
        });
        let wanted: Vec<String> = wanted.collect();
        let outcomes = runtime.store().outcomes(&wanted).await?;
        for id in wanted.iter().filter(|id| !outcomes.contains_key(*id)) {
            runtime.store().outcome(id).await?;
        }
        for (own, run) in runs {
            let own = own.as_deref().unwrap_or(version);
            let mut chapter = told(runtime, own, &run, &outcomes);
            let activity = own.road_map.activity(&run.key.activity);
            let section = activity.map(|activity| &activity.section);
            let place = sections.iter().position(|one| Some(&one.id) == section);
            if let Some(place) = place {
                chapter.section.clone_from(&sections[place].title);
            }
            chapters.push((place.unwrap_or(sections.len()), chapter.number, run.key, chapter));
        }
    }
    chapters.sort_by(|(section, number, key, _), (s, n, k, _)| {
        let period = |key: &RunKey| (key.period.first_day(), key.part.clone());
        (section, number, period(key)).cmp(&(s, n, period(k)))
    });
    Ok(chapters.into_iter().map(|(_, _, key, chapter)| (key, chapter)).collect())
}

/// What a run has to tell.
///
/// # Errors
/// When the database cannot be read.
pub async fn chapter(
    runtime: &Runtime,
    version: &Version,
    run: &Run,
) -> Result<Chapter, StoreError> {
    let wanted: Vec<String> = looked_at(&version.road_map, &run.key).collect();
    let outcomes = runtime.store().outcomes(&wanted).await?;
    Ok(told(runtime, version, run, &outcomes))
}

/// The same, of outcomes that are loaded.
fn told(
    runtime: &Runtime,
    version: &Version,
    run: &Run,
    outcomes: &BTreeMap<String, Outcome>,
) -> Chapter {
    let map = &version.road_map;
    let now = runtime.clock().now();
    let there = |stage: &str| outcomes.contains_key(&format!("{}/{stage}", run.key));
    let activity = map.activity(&run.key.activity);
    // An analysis that was made anew is told once, as it is now.
    let stages = activity.into_iter().flat_map(|activity| {
        let anew = move |stage: &str| {
            let mut later = activity.analyses().skip_while(move |id| *id != stage).skip(1);
            later.any(|id| activity.first_of(id) == activity.first_of(stage) && there(id))
        };
        activity.analyses().filter(move |stage| !anew(stage))
    });
    let reports = stages.filter_map(|stage| made(map, &run.key, stage, outcomes, None, now));
    Chapter::of(
        map,
        run,
        glossary::run_state(run.state),
        &controls(map, run, now),
        reports.collect(),
    )
}

/// Where the control of each of a run's measures stands, in words.
pub fn controls(map: &RoadMap, run: &Run, now: Timestamp) -> Vec<&'static str> {
    let control = |place| Control::of(run, place, &map.municipality, now).words();
    (0..run.measures.len()).map(control).collect()
}

/// Most periods before this one that a report looks back on.
const LOOKED_BACK: usize = 5;

/// The runs of the same activity on which a report looks back, the nearest first.
fn before(activity: &Activity, key: &RunKey) -> impl Iterator<Item = RunKey> {
    let runs = std::iter::successors(Some(key.clone()), |key| Some(earlier(activity, key)));
    runs.skip(1).take(LOOKED_BACK)
}

/// The outcomes that the reports on a run look at, by `run/stage`.
fn looked_at(map: &RoadMap, key: &RunKey) -> impl Iterator<Item = String> {
    map.activity(&key.activity).into_iter().flat_map(move |activity| {
        let runs = std::iter::once(key.clone()).chain(before(activity, key));
        runs.flat_map(|run| activity.analyses().map(move |stage| format!("{run}/{stage}")))
    })
}

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
) -> Result<Option<Report>, StoreError> {
    let map = &version.road_map;
    let like = map.activity(&key.activity).map(|activity| alike(activity, stage));
    let like = like.unwrap_or_default();
    let wanted = looked_at(map, key)
        .filter(|id| id.rsplit_once('/').is_some_and(|(_, stage)| like.contains(&stage)));
    let outcomes = runtime.store().outcomes(&wanted.collect::<Vec<_>>()).await?;
    let own = format!("{key}/{stage}");
    if !outcomes.contains_key(&own) {
        // There is none, or it cannot be read: then it is told so.
        runtime.store().outcome(&own).await?;
    }
    Ok(made(map, key, stage, &outcomes, whose, runtime.clock().now()))
}

/// The same, of outcomes that are loaded.
fn made(
    map: &RoadMap,
    key: &RunKey,
    stage: &str,
    outcomes: &BTreeMap<String, Outcome>,
    whose: Option<&str>,
    now: Timestamp,
) -> Option<Report> {
    let activity = map.activity(&key.activity)?;
    let outcome = |run: &RunKey, stage: &str| outcomes.get(&format!("{run}/{stage}"));
    // Of earlier periods the newest counts.
    let newest = |run: &RunKey| {
        let mut stages = alike(activity, stage).into_iter().rev();
        stages.find_map(|stage| outcome(run, stage))
    };
    let mut past: Vec<Past<'_>> =
        before(activity, key).map(|run| Past { outcome: newest(&run), run }).collect();
    past.reverse();
    reports::report(map, key, stage, outcome(key, stage)?, &past, whose, now)
}

/// The stages that make the same analysis as one, in their order.
pub(crate) fn alike<'a>(activity: &'a Activity, stage: &str) -> Vec<&'a str> {
    let first = activity.first_of(stage).to_owned();
    activity.analyses().filter(|id| activity.first_of(id) == first).collect()
}

/// A chapter as the road map's templates know it.
fn shown(place: usize, own: bool, chapter: &Chapter) -> Value {
    let methods = chapter.reports.iter().map(|r| &r.method).filter(|method| !method.is_empty());
    let findings =
        chapter.reports.iter().flat_map(|report| &report.findings).map(
            |f| json!({ "organisation": f.organisation, "text": f.text, "severity": f.severity }),
        );
    let public = chapter.reports.iter().flat_map(|report| &report.public).map(|one| {
        json!({
            "title": one.heading,
            "value": one.told.as_ref().ok(),
            "withheld": one.told.as_ref().err(),
        })
    });
    json!({
        "place": place,
        "own": own,
        "tells": chapter.tells(),
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
        "public": public.collect::<Vec<_>>(),
        "decisions": chapter.decisions,
    })
}

/// Chapters that stand together, by the sections of the road map.
fn sections(chapters: &[Value]) -> Vec<Value> {
    let together = chapters.chunk_by(|one, next| one["section"] == next["section"]);
    together.map(|own| json!({ "title": own[0]["section"], "chapters": own })).collect()
}

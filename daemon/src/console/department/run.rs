//! One run, whole: what it waits for, its stages, who answered, what was found, recommended,
//! decided and ordered, and the end of its journal.

use std::ops::Range;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::{Value, json};
use vekha_engine::run::{
    Measure, Proof, Recommendation, RecommendationState, Run, StageState, measure_stage,
};
use vekha_engine::{AssignmentKey, Offer, RunKey};
use vekha_roadmap::RoadMap;
use vekha_roadmap::model::Work;
use vekha_roadmap::russian::date_words;

use crate::access::Role;
use crate::console::department::actions::sheet::{Page, Sent};
use crate::console::department::actions::{self, Scene, Texts, told};
use crate::console::department::live;
use crate::console::department::{
    administrator, answers, exports, figures, journal, participants, stages,
};
use crate::console::frame::access::Person;
use crate::console::frame::decided;
use crate::console::frame::paging::{Asked, Paging, address, asked};
use crate::console::frame::{posted, problem, view, words};
use crate::console::school::acknowledge;
use crate::glossary;
use crate::reports::{self, Clauses};
use crate::runtime::Runtime;
use crate::runtime::documents::reports::controls;
use crate::runtime::documents::wording;
use crate::runtime::road_maps::Version;
use crate::runtime::views::explanations::Explanations;
use crate::runtime::views::overview::is_late;
use crate::runtime::views::register::Control;
use crate::store::StoreError;
use crate::store::document;

/// Entries of the journal that the page shows.
const JOURNAL: u64 = 25;

/// Recommendations of a page.
const RECOMMENDATIONS: usize = 20;

/// Measures of a page.
const MEASURES: usize = 50;

/// What the page shows a part of, under the names by which another part is asked for.
const PARTS: [&str; 4] = ["drafts", "recommendations", "measures", "awaited"];

/// Why there is no run to show.
pub(crate) enum Missing {
    Unknown,
    Unavailable(StoreError),
}

/// What is said where there is no run.
pub(crate) fn refused(missing: Missing) -> Response {
    match missing {
        Missing::Unknown => problem::missing(),
        Missing::Unavailable(e) => problem::unavailable(&e),
    }
}

fn key((municipality, activity, run): &(String, String, String)) -> Result<RunKey, Missing> {
    format!("{municipality}/{activity}/{run}").parse().map_err(|_| Missing::Unknown)
}

fn version(runtime: &Runtime, run: &Run) -> Result<Arc<Version>, Missing> {
    let (key, number) = (&run.key, run.road_map);
    let unread = || StoreError::Unreadable(runtime.road_maps().why_not(key, number));
    let version = runtime.road_maps().current(&key.municipality, number);
    version.ok_or_else(|| Missing::Unavailable(unread()))
}

pub(crate) async fn load(
    runtime: &Runtime,
    path: &(String, String, String),
) -> Result<(Run, Arc<Version>), Missing> {
    let loaded = runtime.store().run(&key(path)?).await;
    let run = loaded.map_err(Missing::Unavailable)?.ok_or(Missing::Unknown)?.run;
    let version = version(runtime, &run)?;
    Ok((run, version))
}

/// The run without what belongs to it, for pages that show a part of that.
pub(crate) async fn load_bare(
    runtime: &Runtime,
    path: &(String, String, String),
) -> Result<(Run, Arc<Version>), Missing> {
    let run = runtime.store().bare_run(&key(path)?).await;
    let run = run.map_err(Missing::Unavailable)?.ok_or(Missing::Unknown)?;
    let version = version(runtime, &run)?;
    Ok((run, version))
}

/// What every page of a run's parts says of it.
pub(crate) fn named(map: &RoadMap, run: &Run) -> Value {
    let activity = map.activity(&run.key.activity);
    json!({
        "link": format!("/runs/{}", run.key),
        "number": activity.map(|a| a.number),
        "short": activity.map_or(run.key.activity.as_str(), |a| a.short.as_str()),
        "period": run.key.period.words(),
        "part": run.key.part.as_ref().map(|code| administrator::name(map, code)),
    })
}

/// `GET /runs/{municipality}/{activity}/{run}`
pub async fn show(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Path(path): Path<(String, String, String)>,
    Query(query): Query<Asked>,
) -> Response {
    let live = match key(&path) {
        Ok(key) => live::of_run(&runtime, &key).await,
        Err(_) => None,
    };
    let (run, version) = match load(&runtime, &path).await {
        Ok(loaded) => loaded,
        Err(missing) => return refused(missing),
    };
    match describe(&runtime, &version, &run, &person, &query, None).await {
        Ok(mut context) => {
            context["live"] = live.into();
            context["notice"] = json!(query.get("done").and_then(|word| told::notice(word)));
            view::page(StatusCode::OK, "run.html", &context)
        }
        Err(e) => problem::unavailable(&e),
    }
}

/// `POST /runs/{municipality}/{activity}/{run}`
pub async fn act(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Path(path): Path<(String, String, String)>,
    Query(query): Query<Asked>,
    request: Request,
) -> Response {
    let (pairs, uploads) = match posted::receive(request).await {
        Ok(received) => received,
        Err(unread) => return *unread,
    };
    let (run, version) = match load(&runtime, &path).await {
        Ok(loaded) => loaded,
        Err(Missing::Unavailable(e)) => return problem::unsaved(&e, &pairs),
        Err(missing) => return refused(missing),
    };
    let today = version.road_map.municipality.today(runtime.clock().now());
    let mut sent = Sent::new(pairs);
    let role = person.role_in(&version.road_map);
    let scene = Scene { map: &version.road_map, run: &run, today, role };
    if let Some(done) = actions::act(&runtime, &scene, &person, &mut sent, uploads).await {
        // Who did it from the list of what waits goes on there.
        if sent.pairs.iter().any(|(name, place)| name == "_back" && place == "/today") {
            return Redirect::to(&format!("/today?done={done}")).into_response();
        }
        let part = parts(&query).map(|(name, number)| format!("&{name}={number}"));
        let parts: String = part.collect();
        return Redirect::to(&format!("/runs/{}?done={done}{parts}", run.key)).into_response();
    }
    // Refused, perhaps because the run has moved on: it is shown as it stands now.
    let shown = match load(&runtime, &path).await {
        Ok((run, version)) => {
            actions::redraft(&runtime, &version, &run, &mut sent).await;
            describe(&runtime, &version, &run, &person, &query, Some(&sent)).await
        }
        Err(_) => Err(StoreError::away("the run is not there any more")),
    };
    match shown {
        Ok(context) => view::page(sent.said.status(), "run.html", &context),
        Err(e) => problem::unsaved(&e, &sent.pairs),
    }
}

/// Which parts of long lists are asked for; of what else stands in an address nothing is kept.
fn parts(query: &Asked) -> impl Iterator<Item = (&'static str, usize)> {
    PARTS.into_iter().filter_map(|name| Some((name, asked(query, name).parse().ok()?)))
}

async fn describe(
    runtime: &Runtime,
    version: &Version,
    run: &Run,
    person: &Person,
    query: &Asked,
    sent: Option<&Sent>,
) -> Result<Value, StoreError> {
    let store = runtime.store();
    let map = &version.road_map;
    let now = runtime.clock().now();
    let moment = |at| words::moment(&map.municipality, at);
    let activity = map.activity(&run.key.activity);
    let id = run.key.to_string();
    let mut context = administrator::context(runtime, version, person);
    context["activity"] = json!({
        "number": activity.map(|a| a.number),
        "title": activity.map(|a| &a.title),
        "short": activity.map(|a| &a.short),
        "deadline": activity.map(|a| &a.deadline),
        "link": format!("/runs/{}/{}", run.key.municipality, run.key.activity),
    });
    context["called"] = json!(person.name());
    context["run"] = json!({
        "keeper": run.keeper,
        "period": run.key.period.words(),
        "part": run.key.part.as_ref().map(|code| administrator::name(map, code)),
        "named": run.named.iter().map(|code| administrator::name(map, code)).collect::<Vec<_>>(),
        "state": run.state.as_str(),
        "words": glossary::run_state(run.state),
        "late": is_late(run, version, now),
        "opened": moment(run.opened_at),
        "ended": run.ended_at.map(moment),
        "road_map": run.road_map,
    });
    context["exports"] = match person.role_in(map) >= Role::Operator {
        true => exports::offers(runtime, version, run),
        false => json!([]),
    };
    context["waits_for"] = waits_for(runtime, map, run).await?;
    context["stages"] = stages::line(version, run, now);
    context["participants"] = participants::beginning(map, run, now);
    let (mut analyses, mut unread) = (Vec::new(), Vec::new());
    // Of an analysis that was made anew the newest is shown; reports on the others stay where they are.
    let standing = store.analyses(&id).await?;
    for row in standing.into_iter().filter(|row| !run.is_replaced(&row.stage)) {
        match store.readable(&row.id, document(&row.id, &row.body))? {
            Some(outcome) => analyses.push((row.stage, outcome)),
            None => unread.push(row.stage),
        }
    }
    let order = |stage: &String| run.stages.iter().position(|s| s.id == *stage);
    analyses.sort_by_key(|(stage, _)| order(stage));
    context["analyses"] = analyses
        .iter()
        .map(|(stage, outcome)| figures::beginning(map, run, stage, outcome))
        .collect();
    let activity = map.activity(&run.key.activity);
    let title = |id: &String| Some(activity?.stage(id)?.1.title.clone());
    context["unread_analyses"] = unread.iter().map(|id| title(id).unwrap_or(id.clone())).collect();
    let once = uuid::Uuid::now_v7().to_string();
    let shown: Asked = parts(query).map(|(name, n)| (name.to_owned(), n.to_string())).collect();
    let end = if shown.is_empty() { String::new() } else { address(&shown, "", "") };
    let page = Page { address: &format!("/runs/{id}{end}"), once: &once, sent };
    let today = map.municipality.today(now);
    let scene = Scene { map, run, today, role: person.role_in(map) };
    let texts = texts(runtime, version, run).await;
    let measures = Paging::new(&shown, "measures", MEASURES, most_measures(run));
    let mut offers = actions::offers(&scene, &page, &texts, &shown, &measures.range());
    explain(runtime, map, run, &mut offers).await?;
    context["outcome"] = told::outcome(sent, &actions::forms(&offers));
    context["offers"] = offers;
    let recommended = recommended(run);
    let recommendations = Paging::new(&shown, PARTS[1], RECOMMENDATIONS, recommended.len());
    context["of_recommendations"] = recommendations.show("recommendations");
    context["recommendations"] =
        recommendations.of(recommended).map(|one| recommendation(map, one)).collect();
    context["of_measures"] = measures.show("measures");
    context["decisions"] = decisions(&scene, now, &measures.range());
    let journal = store.journal_tail(&id, JOURNAL).await?;
    context["journal_length"] = run.journal.sequence.into();
    context["journal"] = journal.iter().map(|entry| journal::line(map, entry)).collect();
    context["journal_place"] = format!("/runs/{id}/journal").into();
    context["answers_place"] = json!(answers::place(map, run));
    context["contents"] = contents(&context);
    Ok(context)
}

/// What is drafted for the decisions that the run awaits now. A text that cannot be drafted leaves
/// the form without it.
async fn texts(runtime: &Runtime, version: &Version, run: &Run) -> Texts {
    let mut texts = Texts::new();
    let deciding = |stage: &&vekha_engine::run::Stage| {
        let activity = version.road_map.activity(&run.key.activity);
        let work = activity.and_then(|a| a.stage(&stage.id)).map(|(_, stage)| &stage.work);
        stage.state == StageState::Active
            && !run.state.ended()
            && matches!(work, Some(Work::Decide(_)))
    };
    for stage in run.stages.iter().filter(deciding) {
        match wording::draft(runtime, version, run, &stage.id, None).await {
            Ok(drafted) => texts.extend(drafted.map(|d| (stage.id.clone(), d.decision.text))),
            Err(e) => tracing::warn!(run = %run.key, stage = stage.id, "no text drafted: {e}"),
        }
    }
    texts
}

async fn waits_for(runtime: &Runtime, map: &RoadMap, run: &Run) -> Result<Value, StoreError> {
    let others = runtime.store().runs(&run.waits_for).await?;
    let line = |key: &RunKey| {
        let activity = map.activity(&key.activity);
        let other = others.get(key).map(|loaded| loaded.run.state);
        json!({
            "number": activity.map(|a| a.number),
            "short": activity.map_or(&key.activity, |a| &a.short),
            "period": key.period.words(),
            "link": other.map(|_| format!("/runs/{key}")),
            "words": other.map_or("ещё не начато", glossary::run_state),
        })
    };
    Ok(run.waits_for.iter().map(line).collect())
}

/// Puts what organisations have explained beside the drafts to them.
async fn explain(
    runtime: &Runtime,
    map: &RoadMap,
    run: &Run,
    offers: &mut Value,
) -> Result<(), StoreError> {
    let Some(sheets) = offers["drafts"].as_array_mut() else { return Ok(()) };
    let drafts = sheets.iter_mut().filter_map(|sheet| sheet["drafts"].as_array_mut()).flatten();
    let mut drafts: Vec<&mut Value> = drafts.collect();
    let codes: Vec<String> =
        drafts.iter().filter_map(|draft| Some(draft["code"].as_str()?.to_owned())).collect();
    let codes = codes.iter().map(String::as_str).collect();
    let mut explained = runtime.explanations(map, run, &codes).await?;
    for draft in &mut drafts {
        let own = draft["code"].as_str().and_then(|code| explained.remove(code));
        if let Some(Explanations { told, more }) = own {
            let told = told.iter().map(|(place, text)| json!({ "label": place, "value": text }));
            draft["explanations"] = told.collect();
            draft["explained_more"] = more.into();
        }
    }
    Ok(())
}

/// What the page holds, with how much of it there is.
fn contents(page: &Value) -> Value {
    let count = |list: &Value| list.as_array().map_or(0, Vec::len);
    let mut contents = vec![json!({ "id": "stages", "title": "Этапы" })];
    let mut add = |id: &str, title: &str, count: usize| {
        if count > 0 {
            contents.push(json!({ "id": id, "title": title, "count": count }));
        }
    };
    let total = |list: &Value| list["total"].as_u64().unwrap_or_default() as usize;
    add("participants", "Участники", total(&page["participants"]));
    for analysis in page["analyses"].as_array().into_iter().flatten() {
        let id = format!("analysis-{}", analysis["id"].as_str().unwrap_or_default());
        add(&id, analysis["title"].as_str().unwrap_or_default(), total(analysis).max(1));
    }
    for sheet in page["offers"]["drafts"].as_array().into_iter().flatten() {
        let name = sheet["name"].as_str().unwrap_or_default();
        add(name, "Проекты рекомендаций", sheet["count"].as_u64().unwrap_or_default() as usize);
    }
    add("recommendations", "Рекомендации", total(&page["of_recommendations"]));
    add("decisions", "Решения", count(&page["decisions"]));
    add("journal", "Журнал", page["journal_length"].as_u64().unwrap_or_default() as usize);
    contents.into()
}

/// What was recommended; drafts that can still be released have a form of their own.
fn recommended(run: &Run) -> Vec<(&AssignmentKey, &Recommendation)> {
    let offered = |r: &Recommendation| r.state == RecommendationState::Draft && !run.state.ended();
    run.recommendations.iter().filter(|(_, r)| !offered(r)).collect()
}

fn recommendation(map: &RoadMap, (key, r): (&AssignmentKey, &Recommendation)) -> Value {
    let day = |at| date_words(map.municipality.today(at));
    json!({
        "organisation": administrator::name(map, &key.organisation),
        "state": r.state.as_str(),
        "words": glossary::recommendation_state(r.state),
        "issued": r.issued_at.map(day),
        "acknowledged": r.acknowledged_at.map(day),
        "report": r.report,
        "reported": r.reported_at.map(day),
        "items": r.items.iter().map(acknowledge::item).collect::<Vec<_>>(),
    })
}

/// How many measures the decision has that ordered the most.
fn most_measures(run: &Run) -> usize {
    (1..=run.decisions.len()).map(|number| run.measures_of(number).len()).max().unwrap_or_default()
}

/// Decisions, each with those that are shown of the measures that it ordered.
fn decisions(scene: &Scene<'_>, now: jiff::Timestamp, shown: &Range<usize>) -> Value {
    let Scene { map, run, .. } = *scene;
    let measures = |decision: usize| -> Value {
        let own = run.measures.iter().enumerate().filter(|(_, m)| m.decision == decision);
        own.skip(shown.start).take(shown.len()).map(|(position, m)| {
            let control = Control::of(run, position, &map.municipality, now);
            let late = control == Control::Overdue;
            json!({
                "number": (position + 1).to_string(),
                "text": m.text,
                "organisation": administrator::name(map, &m.organisation),
                "due": glossary::date(m.due),
                "late": late,
                "state": m.state.as_str(),
                // The due date says that it has passed.
                "words": if late { Control::Ordered } else { control }.words(),
                "report": m.report,
                "document": proof(&run.key, position + 1, m),
                "assignment": format!(
                    "/runs/{}/answers/{}.{}", run.key, measure_stage(position + 1), m.organisation
                ),
                "comment": m.comment,
            })
        })
        .collect()
    };
    let controls = controls(map, run, now);
    // As the document has it, so that the page and the paper say the same.
    let text = |position: usize, d: &vekha_engine::run::Decision| {
        let told = reports::Decision::of(map, run, position + 1, d, &controls);
        if d.document.text.is_empty() {
            String::new()
        } else {
            Clauses::of(&told).lines().join("\n")
        }
    };
    let line = |(position, d): (usize, &vekha_engine::run::Decision)| {
        let refers = |place: usize| {
            let number = run.decisions.get(place).map(|d| d.document.number.clone());
            json!({ "ordinal": (place + 1).to_string(), "number": number })
        };
        let later = run.decisions.iter().enumerate();
        let later = later.filter(|(_, later)| later.corrects == Some(position + 1));
        let mut shown = decided::shown(d);
        shown["ordinal"] = (position + 1).to_string().into();
        shown["corrects"] = json!(d.corrects.map(|number| refers(number - 1)));
        shown["corrected_by"] = later.map(|(place, _)| refers(place)).collect();
        shown["text"] = text(position, d).into();
        let below = format!("/runs/{}/decisions/{}", run.key, position + 1);
        if scene.offers(&Offer::CorrectDecision(position + 1)) {
            shown["correction"] = format!("{below}/correction").into();
        }
        shown["document"] = format!("{below}/document.docx").into();
        shown["attachments"] = attachments(map, &run.key, position + 1, d);
        shown["measures"] = measures(position + 1);
        shown
    };
    run.decisions.iter().enumerate().map(line).collect()
}

/// What is attached to a decision, each with where it can be had.
pub(crate) fn attachments(
    map: &RoadMap,
    run: &RunKey,
    number: usize,
    decision: &vekha_engine::run::Decision,
) -> Value {
    let files = decision.attachments.iter().zip(1..);
    let line = |(file, place): (&vekha_engine::run::Attachment, usize)| {
        json!({
            "name": file.name,
            "link": format!("/runs/{run}/decisions/{number}/attachments/{place}"),
            "size": words::size(file.size),
            "at": words::short_moment(&map.municipality, file.attached_at),
            "by": actor(map, &file.attached_by),
        })
    };
    files.map(line).collect()
}

/// The file that proves the report on a measure, by its number, with where it can be had.
pub(crate) fn proof(run: &RunKey, number: usize, measure: &Measure) -> Value {
    let file = measure.document.as_ref();
    let assignment = AssignmentKey::new(&measure_stage(number), &measure.organisation);
    json!(file.map(|Proof { name, size, sha256 }| json!({
        "name": name,
        "link": format!("/runs/{run}/answers/{assignment}/files/{sha256}"),
        "size": words::size(*size),
    })))
}

/// A run by its name and where it is shown, for those who know nothing but its key.
pub(crate) fn named_run(map: &RoadMap, key: &RunKey) -> Value {
    let activity = map.activity(&key.activity);
    let short = activity.map_or(key.activity.as_str(), |a| a.short.as_str());
    let part = key.part.as_deref().map(|part| format!(", {part}")).unwrap_or_default();
    let name = format!("{short}, {}{part}", key.period.words());
    json!({ "name": name, "link": format!("/runs/{key}") })
}

/// Who did it, in words where that is one of us or a school.
pub(crate) fn actor(map: &RoadMap, actor: &str) -> String {
    match actor.split_once(':') {
        Some(("page", code)) => format!("{}, по ссылке", administrator::name(map, code)),
        Some(("console", name)) => name.to_owned(),
        // The address tells two of one name apart where that matters: in the journal itself.
        Some(("person", name)) => name.split(" <").next().unwrap_or(name).to_owned(),
        Some(("token", name)) => format!("ключ «{name}»"),
        Some(("source", id)) => format!("источник «{id}»"),
        _ if actor == "console" => "отдел, на странице".to_owned(),
        _ if actor == "schedule" => "расписание".to_owned(),
        _ if actor == "vekha" => "Веха".to_owned(),
        _ => actor.to_owned(),
    }
}

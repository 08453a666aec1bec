//! One organisation: its people, what it owes now and has owed, its figures over the years, the letters
//! that it was sent, what it was recommended and ordered, what it was late with. An address that letters
//! came back from is vouched for here.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use jiff::Timestamp;
use serde_json::{Value, json};
use vekha_engine::RunKey;
use vekha_engine::run::{AssignmentKind, AssignmentState, Measure, MeasureState, Recommendation};
use vekha_roadmap::RoadMap;

use crate::console::department::organisations;
use crate::console::department::run::{Missing, refused};
use crate::console::department::{administrator, letters};
use crate::console::frame::access::Person;
use crate::console::frame::paging::{Asked, Paging, asked};
use crate::console::frame::posted::{Fields, value};
use crate::console::frame::sending::known;
use crate::console::frame::{packed, problem, view, words};
use crate::console::school::duties::{Duty, duties};
use crate::console::subscriptions;
use crate::console::year::completeness::run_words;
use crate::glossary;
use crate::reports::{self, chart};
use crate::runtime::Runtime;
use crate::runtime::documents::reports::{alike, on_analysis};
use crate::runtime::request::Request;
use crate::runtime::road_maps::Version;
use crate::runtime::views::addresses::Addresses;
use crate::store::read::calendars::Reader;
use crate::store::read::organisation::Whose;
use crate::store::{StoreError, document};

/// Rows of each of the page's lists.
const ROWS: usize = 20;

/// `GET /m/{municipality}/organisations/{code}?analysis=low-result-schools/analyze&past=2&letters=2`
pub async fn show(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Path((municipality, code)): Path<(String, String)>,
    Query(query): Query<Asked>,
) -> Result<Response, Response> {
    let missing = || refused(Missing::Unknown);
    let version = runtime.road_maps().newest(&municipality).ok_or_else(missing)?;
    version.road_map.organisation(&code).ok_or_else(missing)?;
    let context = describe(&runtime, &version, &code, &person, &query).await;
    let context = context.map_err(|e| refused(Missing::Unavailable(e)))?;
    Ok(view::page(StatusCode::OK, "organisation.html", &context))
}

/// `POST /m/{municipality}/organisations/{code}`: an address works, whatever came back from it; a
/// calendar to subscribe to is given or taken back.
pub async fn act(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Path((municipality, code)): Path<(String, String)>,
    Fields(pairs): Fields,
) -> Result<Response, Response> {
    let missing = || refused(Missing::Unknown);
    let version = runtime.road_maps().newest(&municipality).ok_or_else(missing)?;
    version.road_map.organisation(&code).ok_or_else(missing)?;
    let away = |e| refused(Missing::Unavailable(e));
    let (action, address) = (value(&pairs, "_action"), value(&pairs, "address"));
    let (once, id) = (known(value(&pairs, "_once")), value(&pairs, "calendar"));
    let request = (!once.is_empty()).then(|| {
        let about = format!("organisation/{municipality}/{code}/{action}/{address}{id}/{once}");
        runtime.noted(&Request::of_document(about, "page", &pairs), String::new())
    });
    let (actor, reader) = (person.actor(), Reader::Organisation(&code));
    match action {
        "confirm" if !address.is_empty() => {
            let whose = (municipality.as_str(), code.as_str());
            let confirmed = runtime.confirm_addresses(whose, Some(address), request, &actor).await;
            confirmed.map_err(away)?;
        }
        "calendar-give" => {
            let new = runtime.give_calendar(&municipality, reader, request, &actor).await;
            let given = subscriptions::given(new).map_err(away)?;
            let context = describe(&runtime, &version, &code, &person, &Asked::new()).await;
            let mut context = context.map_err(away)?;
            context["calendar"] = given;
            let page = view::page(StatusCode::OK, "organisation.html", &context);
            return Ok(packed::never(page));
        }
        "calendar-take-back" => {
            let back = runtime.take_calendar_back(&municipality, reader, id, request, &actor).await;
            back.map_err(away)?;
        }
        _ => return Ok(problem::no_such_page().await),
    }
    let page = format!("/m/{municipality}/organisations/{code}?done={action}");
    Ok(Redirect::to(&page).into_response())
}

async fn describe(
    runtime: &Runtime,
    version: &Version,
    code: &str,
    person: &Person,
    query: &Asked,
) -> Result<Value, StoreError> {
    let map = &version.road_map;
    let store = runtime.store();
    let now = runtime.clock().now();
    let whose = Whose { municipality: &map.municipality.id, code };
    let mut context = administrator::context(runtime, version, person);
    if let Some(organisation) = map.organisation(code) {
        let addresses = Addresses::load_of(runtime, version, [code].into_iter()).await?;
        let state = addresses.of(organisation);
        let shown = organisations::organisation(&map.municipality, organisation, &state, runtime);
        context["organisation"] = shown;
        context["organisation"]["kind"] = organisation.kind.words().into();
        let dead = addresses.dead(organisation).into_iter().map(|dead| {
            let at = words::short_moment(&map.municipality, dead.at);
            json!({ "email": dead.email, "reason": dead.reason, "at": at })
        });
        context["organisation"]["dead"] = dead.collect();
        context["done"] = asked(query, "done").into();
        let failed = store.count_failed(&map.municipality.id, Some(code)).await?;
        context["failed"] = failed.into();
    }
    let reader = Reader::Organisation(code);
    context["calendar"] = Value::Null;
    context["calendars"] = subscriptions::known(runtime, &map.municipality, reader).await?;
    let duties = duties(store, whose).await?;
    let (open, past): (Vec<&Duty>, Vec<&Duty>) = duties.iter().partition(|duty| duty.is_awaited());
    let shown = |duty: &&Duty| duty.shown(map, now);
    // What is due first stands first.
    context["open"] = open.iter().rev().map(shown).collect();
    let paging = Paging::new(query, "past", ROWS, past.len());
    context["past"] = paging.of(past.iter()).map(shown).collect();
    context["of_past"] = paging.show("past");
    let late: Vec<&Duty> = past.iter().copied().filter(|duty| duty.was_late()).collect();
    let of_late = Paging::new(query, "late", ROWS, late.len());
    context["late"] = of_late.of(late.iter()).map(shown).collect();
    context["of_late"] = of_late.show("late");
    context["years"] = years(map, &duties, now);
    context["recommendations"] = recommendations(runtime, map, whose).await?;
    context["measures"] = measures(runtime, map, whose, now).await?;
    let count = store.letters_count(whose).await? as usize;
    let of_letters = Paging::new(query, "letters", ROWS, count);
    let range = of_letters.range();
    let rows = store.letters_to(whose, range.start as u64, range.len() as u64).await?;
    context["letters"] = rows.iter().map(|row| letters::line(map, row)).collect();
    context["of_letters"] = of_letters.show("letters");
    context["figures"] = figures(runtime, version, &duties, code, query).await?;
    context["once"] = uuid::Uuid::now_v7().to_string().into();
    Ok(context)
}

/// How the questions of each year were answered, the newest year first.
fn years(map: &RoadMap, duties: &[Duty], now: Timestamp) -> Value {
    let mut years: BTreeMap<Reverse<i16>, [usize; 5]> = BTreeMap::new();
    for Duty { assignment, .. } in duties {
        if assignment.kind != AssignmentKind::Collect {
            continue;
        }
        let over = now > map.municipality.closing(assignment.due);
        let place = match assignment.state {
            AssignmentState::Answered if assignment.late => 2,
            AssignmentState::Answered => 1,
            AssignmentState::Missing => 3,
            AssignmentState::Open | AssignmentState::Returned if over => 3,
            AssignmentState::Open | AssignmentState::Returned => 4,
            AssignmentState::Waived => continue,
        };
        let counts = years.entry(Reverse(assignment.due.year())).or_default();
        counts[0] += 1;
        counts[place] += 1;
    }
    years
        .into_iter()
        .map(|(Reverse(year), [asked, in_time, late, silent, awaited])| {
            json!({
                "year": year, "asked": asked, "in_time": in_time, "late": late,
                "silent": silent, "awaited": awaited,
            })
        })
        .collect()
}

async fn recommendations(
    runtime: &Runtime,
    map: &RoadMap,
    whose: Whose<'_>,
) -> Result<Value, StoreError> {
    let store = runtime.store();
    let mut all = Vec::new();
    for row in store.recommended_to(whose).await? {
        let read = store.readable(&row.id, document::<Recommendation>(&row.id, &row.body))?;
        if let (Some(recommendation), Ok(run)) = (read, row.run.parse::<RunKey>()) {
            all.push((run, recommendation));
        }
    }
    all.sort_by_key(|(_, r)| Reverse(r.issued_at.or(r.drafted_at)));
    let day = |at: Timestamp| glossary::date(map.municipality.today(at));
    let line = |(run, r): &(RunKey, Recommendation)| {
        let texts: Vec<Value> = r
            .items
            .iter()
            .map(|item| json!({ "finding": item.text, "text": item.recommendation }))
            .collect();
        json!({
            "run": run_words(map, run),
            "link": format!("/runs/{run}#recommendations"),
            "words": glossary::recommendation_state(r.state),
            "at": r.issued_at.or(r.drafted_at).map(day),
            "acknowledged": r.acknowledged_at.map(day),
            "report": r.report,
            "items": texts,
        })
    };
    Ok(all.iter().take(ROWS).map(line).collect())
}

async fn measures(
    runtime: &Runtime,
    map: &RoadMap,
    whose: Whose<'_>,
    now: Timestamp,
) -> Result<Value, StoreError> {
    let store = runtime.store();
    let mut all = Vec::new();
    for row in store.ordered_from(whose).await? {
        let read = store.readable(&row.called(), document::<Measure>(&row.called(), &row.body))?;
        if let (Some(measure), Ok(run)) = (read, row.run.parse::<RunKey>()) {
            let done = measure.state == MeasureState::Done;
            let late = measure.state == MeasureState::Ordered
                && now > map.municipality.closing(measure.due);
            all.push(json!({
                "text": measure.text,
                "run": run_words(map, &run),
                "link": format!("/runs/{run}#decision-{}", measure.decision),
                "due": glossary::date(measure.due),
                "late": late,
                "words": glossary::measure_state(measure.state),
                "mark": if done { "completed" } else if late { "late" } else { "" },
                "report": measure.report,
            }));
        }
    }
    Ok(all.into_iter().take(ROWS).collect())
}

/// One analysis over the years: which can be chosen, and what it says of the organisation.
async fn figures(
    runtime: &Runtime,
    version: &Version,
    duties: &[Duty],
    code: &str,
    query: &Asked,
) -> Result<Value, StoreError> {
    let map = &version.road_map;
    let analyses = map.activities.iter().flat_map(|activity| {
        // One that is made anew is one.
        let all = activity.analyses().filter(|stage| activity.repeats(stage).is_none());
        all.map(move |stage| (activity, stage, format!("{}/{stage}", activity.id)))
    });
    let analyses: Vec<_> = analyses.collect();
    let asked_in = |activity: &str| duties.iter().any(|duty| duty.run.activity == activity);
    let wanted = asked(query, "analysis");
    let chosen = analyses
        .iter()
        .find(|(.., name)| name == wanted)
        .or_else(|| analyses.iter().find(|(activity, ..)| asked_in(&activity.id)))
        .or(analyses.first());
    let Some((activity, stage, name)) = chosen else { return Ok(Value::Null) };
    let options: Vec<Value> = analyses
        .iter()
        .map(|(activity, stage, value)| {
            let title = map.analysis_of(&activity.id, stage).map_or(*stage, |a| a.title.as_str());
            json!({
                "value": value,
                "label": format!("{}. {}: {title}", activity.number, activity.short),
                "chosen": value == name,
            })
        })
        .collect();
    let mut figures = json!({ "options": options, "indicators": [] });
    let municipality = &map.municipality.id;
    let mut runs = runtime.store().keys_of_activity(municipality, &activity.id).await?;
    // Of a rotation only its own run is about it.
    runs.retain(|run| run.part.as_ref().is_none_or(|part| part == code));
    runs.sort_by_key(|run| Reverse(run.period.first_day()));
    let ids: Vec<String> = runs.iter().map(RunKey::to_string).collect();
    let mut done = Vec::new();
    for stage in alike(activity, stage).into_iter().rev() {
        done.push((stage, runtime.store().analysed(&ids, stage).await?));
    }
    let newest = runs.iter().find_map(|run| {
        let id = run.to_string();
        let (stage, _) = done.iter().find(|(_, runs)| runs.contains(&id))?;
        Some((run, *stage))
    });
    let Some((run, stage)) = newest else { return Ok(figures) };
    let Some(report) = on_analysis(runtime, version, run, stage, Some(code)).await? else {
        return Ok(figures);
    };
    let periods: Vec<&str> = report
        .indicators
        .iter()
        .map(|one| one.history.iter().map(|point| point.period.as_str()).collect::<Vec<_>>())
        .max_by_key(Vec::len)
        .unwrap_or_default();
    let indicator = |one: &reports::Indicator| {
        let of_period = |period: &&str| {
            let point = one.history.iter().find(|point| point.period == **period);
            json!({
                "own": point.and_then(|p| p.own).map(|value| one.shown(value)),
                "median": point.and_then(|p| p.median).map(|value| one.between(value)),
            })
        };
        json!({
            "title": one.heading(),
            "history": periods.iter().map(of_period).collect::<Vec<_>>(),
            "chart": chart::trend(one).map(|chart| chart.svg),
            "tendency": one.tendency(),
            "rank": one.own().and_then(|row| row.rank),
            "count": one.rows.len(),
        })
    };
    figures["periods"] = periods.clone().into();
    figures["period"] = report.period.clone().into();
    figures["link"] = format!("/runs/{run}/reports/{stage}?organisation={code}").into();
    figures["indicators"] = report.indicators.iter().map(indicator).collect();
    let findings = report.findings.iter().map(|f| {
        json!({ "text": f.text, "grave": f.severity, "severity": reports::severity_words(f.severity) })
    });
    figures["findings"] = findings.collect();
    Ok(figures)
}

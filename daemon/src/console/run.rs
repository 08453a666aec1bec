//! One run, whole: what it waits for, its stages, who answered, what was found, recommended,
//! decided and ordered, and the end of its journal.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use sea_orm::DbErr;
use serde_json::{Value, json};
use vekha_engine::RunKey;
use vekha_engine::run::{AssignmentState, MeasureState, Run};
use vekha_roadmap::RoadMap;
use vekha_roadmap::russian::date_words;

use super::{acknowledge, administrator, figures, matrix, problem, view, words};
use crate::runtime::Runtime;
use crate::runtime::overview::is_late;
use crate::runtime::reports::state_words;
use crate::runtime::road_maps::Version;
use crate::store::{document, instant};

/// Entries of the journal that the page shows.
const JOURNAL: u64 = 50;

/// `GET /runs/{municipality}/{activity}/{run}`
pub async fn show(
    State(runtime): State<Arc<Runtime>>,
    Path((municipality, activity, run)): Path<(String, String, String)>,
) -> Response {
    let Ok(key) = format!("{municipality}/{activity}/{run}").parse::<RunKey>() else {
        return problem::no_such_page().await;
    };
    let run = match runtime.store().run(&key).await {
        Ok(Some(loaded)) => loaded.run,
        Ok(None) => return problem::no_such_page().await,
        Err(e) => return problem::unavailable(&e),
    };
    let Some(version) = runtime.road_maps().version(&municipality, run.road_map) else {
        return problem::unavailable(&format!("{key}: no road map {}", run.road_map));
    };
    match describe(&runtime, &version, &run).await {
        Ok(context) => view::page(StatusCode::OK, "run.html", &context),
        Err(e) => problem::unavailable(&e),
    }
}

async fn describe(runtime: &Runtime, version: &Version, run: &Run) -> Result<Value, DbErr> {
    let store = runtime.store();
    let map = &version.road_map;
    let now = runtime.clock().now();
    let moment = |at| words::moment(&map.municipality, at);
    let activity = map.activity(&run.key.activity);
    let id = run.key.to_string();
    let mut context = administrator::context(runtime, version);
    context["activity"] = json!({
        "number": activity.map(|a| a.number),
        "title": activity.map(|a| &a.title),
        "short": activity.map(|a| &a.short),
        "deadline": activity.map(|a| &a.deadline),
        "link": format!("/runs/{}/{}", run.key.municipality, run.key.activity),
    });
    context["run"] = json!({
        "period": run.key.period.words(),
        "part": run.key.part.as_ref().map(|code| administrator::name(map, code)),
        "named": run.named.iter().map(|code| administrator::name(map, code)).collect::<Vec<_>>(),
        "state": run.state.as_str(),
        "words": state_words(run.state),
        "late": is_late(run, version, now),
        "opened": moment(run.opened_at),
        "ended": run.ended_at.map(moment),
        "road_map": run.road_map,
    });
    context["waits_for"] = waits_for(runtime, map, run).await?;
    context["stages"] = stages(version, run, now);
    context["matrix"] = matrix::matrix(map, run, now);
    let mut analyses = Vec::new();
    for row in store.analyses(&id).await? {
        analyses.push((row.stage.clone(), document(&row.id, &row.body)?));
    }
    let order = |stage: &String| run.stages.iter().position(|s| s.id == *stage);
    analyses.sort_by_key(|(stage, _)| order(stage));
    context["analyses"] = analyses
        .iter()
        .map(|(stage, outcome)| figures::analysis(map, run, stage, outcome))
        .collect();
    context["recommendations"] = recommendations(map, run);
    context["decisions"] = decisions(map, run, now);
    let journal = store.journal_tail(&id, JOURNAL).await?;
    context["journal_length"] = run.journal.sequence.into();
    context["journal"] = journal
        .iter()
        .map(|entry| {
            json!({
                "at": words::short_moment(&map.municipality, instant(entry.at)),
                "actor": actor(map, &entry.actor),
                "kind": words::journal_kind(&entry.kind),
            })
        })
        .collect();
    Ok(context)
}

async fn waits_for(runtime: &Runtime, map: &RoadMap, run: &Run) -> Result<Value, DbErr> {
    let others = runtime.store().runs(&run.waits_for).await?;
    let line = |key: &RunKey| {
        let activity = map.activity(&key.activity);
        let other = others.get(key).map(|loaded| loaded.run.state);
        json!({
            "number": activity.map(|a| a.number),
            "short": activity.map_or(&key.activity, |a| &a.short),
            "period": key.period.words(),
            "link": other.map(|_| format!("/runs/{key}")),
            "words": other.map_or("ещё не начато", state_words),
        })
    };
    Ok(run.waits_for.iter().map(line).collect())
}

fn stages(version: &Version, run: &Run, now: jiff::Timestamp) -> Value {
    let municipality = &version.road_map.municipality;
    let activity = version.road_map.activity(&run.key.activity);
    let day = |at| words::short_date(municipality.today(at));
    let line = |stage: &vekha_engine::run::Stage| {
        let definition = activity.and_then(|a| a.stage(&stage.id)).map(|(_, s)| s);
        let own = || run.assignments.iter().filter(|(key, _)| key.stage == stage.id);
        let answered = own().filter(|(_, a)| a.state == AssignmentState::Answered).count();
        let active = stage.state == vekha_engine::run::StageState::Active;
        json!({
            "title": definition.map_or(&stage.id, |d| &d.title),
            "kind": definition.map(|d| words::work(&d.work)),
            "state": stage.state,
            "words": words::stage_state(stage.state),
            "started": stage.started_at.map(day),
            "due": stage.due.map(words::short_date),
            "late": active && stage.due.is_some_and(|due| now > municipality.closing(due)),
            "completed": stage.completed_at.map(day),
            "answered": answered,
            "asked": own().count(),
            "reason": stage.reason,
            "location": stage.location,
            // Only what is surely an address becomes a link.
            "is_link": is_address(&stage.location),
        })
    };
    run.stages.iter().map(line).collect()
}

fn is_address(location: &str) -> bool {
    location.starts_with("https://") || location.starts_with("http://")
}

fn recommendations(map: &RoadMap, run: &Run) -> Value {
    let day = |at| date_words(map.municipality.today(at));
    let line = |(key, r): (&vekha_engine::AssignmentKey, &vekha_engine::run::Recommendation)| {
        json!({
            "organisation": administrator::name(map, &key.organisation),
            "state": r.state.as_str(),
            "words": words::recommendation_state(r.state),
            "issued": r.issued_at.map(day),
            "acknowledged": r.acknowledged_at.map(day),
            "items": r.items.iter().map(acknowledge::item).collect::<Vec<_>>(),
        })
    };
    run.recommendations.iter().map(line).collect()
}

/// Decisions, each with what it ordered.
fn decisions(map: &RoadMap, run: &Run, now: jiff::Timestamp) -> Value {
    let measures = |decision: usize| -> Value {
        let own = run.measures.iter().filter(|m| m.decision == decision);
        own.map(|m| {
            let ordered = m.state == MeasureState::Ordered;
            json!({
                "text": m.text,
                "organisation": administrator::name(map, &m.organisation),
                "due": words::short_date(m.due),
                "late": ordered && now > map.municipality.closing(m.due),
                "state": m.state.as_str(),
                "words": words::measure_state(m.state),
                "report": m.report,
                "comment": m.comment,
            })
        })
        .collect()
    };
    let line = |(position, d): (usize, &vekha_engine::run::Decision)| {
        json!({
            "number": d.number,
            "date": date_words(d.date),
            "title": d.title,
            "outcome": d.outcome,
            "signatory": d.signatory,
            "measures": measures(position + 1),
        })
    };
    run.decisions.iter().enumerate().map(line).collect()
}

/// Who did it, in words where that is one of us or a school.
fn actor(map: &RoadMap, actor: &str) -> String {
    match actor.split_once(':') {
        Some(("page", code)) => format!("{}, по ссылке", administrator::name(map, code)),
        _ if actor == "schedule" => "расписание".to_owned(),
        _ if actor == "vekha" => "Веха".to_owned(),
        _ => actor.to_owned(),
    }
}

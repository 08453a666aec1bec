//! A run's stages on a line: where it stands, when each began and is due, how many have answered.

use jiff::Timestamp;
use serde_json::{Value, json};
use vekha_engine::run::{AssignmentState, Run, Stage, StageState};

use crate::glossary;
use crate::runtime::documents::reports::place_for_others;
use crate::runtime::road_maps::Version;

/// The stages in their order.
pub fn line(version: &Version, run: &Run, now: Timestamp) -> Value {
    run.stages.iter().map(|stage| one(version, run, stage, now)).collect()
}

fn one(version: &Version, run: &Run, stage: &Stage, now: Timestamp) -> Value {
    let municipality = &version.road_map.municipality;
    let activity = version.road_map.activity(&run.key.activity);
    let definition = activity.and_then(|a| a.stage(&stage.id)).map(|(_, s)| s);
    let day = |at| glossary::date(municipality.today(at));
    let own = || run.assignments.iter().filter(|(key, _)| key.stage == stage.id);
    let answered = own().filter(|(_, a)| a.state == AssignmentState::Answered).count();
    let active = stage.state == StageState::Active && !run.state.ended();
    let done = stage.state == StageState::Completed;
    let ahead = stage.state.is_ahead() && !run.state.ended();
    let location = place_for_others(&run.key, &stage.location);
    json!({
        "id": stage.id,
        "title": definition.map_or(&stage.id, |d| &d.title),
        "kind": definition.map(|d| glossary::work(&d.work)),
        // In a run that was called off nothing goes on.
        "state": if run.state.ended() && stage.state != StageState::Failed && !done {
            StageState::Pending
        } else {
            stage.state
        },
        "words": glossary::stage_state(stage.state, run.state),
        "started": stage.started_at.map(day),
        "begins": stage.not_before.filter(|_| ahead).map(glossary::date),
        "due": stage.due.map(glossary::date),
        "late": active && stage.due.is_some_and(|due| now > municipality.closing(due)),
        "completed": stage.completed_at.map(day),
        "answered": answered,
        "asked": own().count(),
        "reason": stage.reason,
        "location": location,
        // Only what is surely an address becomes a link.
        "is_link": is_address(location),
        "published": (!location.is_empty())
            .then(|| format!("/runs/{}/published/{}.html", run.key, stage.id)),
    })
}

fn is_address(location: &str) -> bool {
    location.starts_with("https://") || location.starts_with("http://")
}

//! What opens soon, and whom its letters would not reach: told before a run starts, while an
//! address can still be mended.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use vekha_engine::RunKey;
use vekha_roadmap::RoadMap;
use vekha_roadmap::model::{Activity, Work};
use vekha_roadmap::schedule::{Opening, openings};

use crate::runtime::Runtime;
use crate::runtime::road_maps::Version;
use crate::runtime::views::addresses::{AddressState, Addresses};
use crate::runtime::views::overview::Overview;
use crate::store::StoreError;

/// How far ahead openings are told of.
const AHEAD: SignedDuration = SignedDuration::from_hours(14 * 24);

/// A run that opens soon, or the runs of a rotation that open together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coming {
    /// Activity id.
    pub activity: String,
    /// When it opens.
    pub at: Timestamp,
    /// Who is known to take part: whom findings or a person will name is not.
    pub participants: BTreeSet<String>,
    /// Those of them whose address does not work, and how that is known.
    pub unreachable: Vec<(String, AddressState)>,
}

/// Openings within two weeks, by time and by the activity's number. Runs that exist already and
/// schedules that are stopped are left out.
///
/// # Errors
/// When the database cannot be read.
pub async fn coming(
    runtime: &Runtime,
    version: &Version,
    overview: &Overview,
) -> Result<Vec<Coming>, StoreError> {
    let road_map = &version.road_map;
    let now = runtime.clock().now();
    let until = now.saturating_add(AHEAD).unwrap_or(now);
    let mut opening_soon = Vec::new();
    for activity in &road_map.activities {
        if overview.schedule(&activity.id).is_some_and(|row| row.paused) {
            continue;
        }
        let mut by_time: BTreeMap<Timestamp, BTreeSet<String>> = BTreeMap::new();
        for opening in openings(road_map, activity, now, until) {
            if !overview.exists(&key(road_map, activity, &opening)) {
                by_time.entry(opening.at).or_default().extend(asked(road_map, activity, &opening));
            }
        }
        opening_soon.extend(by_time.into_iter().map(|(at, codes)| (activity, at, codes)));
    }
    let concerned: BTreeSet<&String> =
        opening_soon.iter().flat_map(|(_, _, codes)| codes).collect();
    let concerned = concerned.into_iter().map(String::as_str);
    let addresses = Addresses::load_of(runtime, version, concerned).await?;
    let mut all: Vec<Coming> = opening_soon
        .iter()
        .map(|(activity, at, participants)| {
            let organisations = participants.iter().filter_map(|code| road_map.organisation(code));
            let unreachable = organisations
                .map(|o| (o.code.clone(), addresses.of(o)))
                .filter(|(_, state)| state.is_broken())
                .collect();
            let (activity, participants) = (activity.id.clone(), participants.clone());
            Coming { activity, at: *at, participants, unreachable }
        })
        .collect();
    // Of one moment in the road map's order.
    all.sort_by_key(|coming| coming.at);
    Ok(all)
}

fn key(road_map: &RoadMap, activity: &Activity, opening: &Opening) -> RunKey {
    RunKey {
        municipality: road_map.municipality.id.clone(),
        activity: activity.id.clone(),
        period: opening.period,
        part: opening.part.clone(),
    }
}

/// Whom the stages of a run will ask, as far as its definition tells.
fn asked(road_map: &RoadMap, activity: &Activity, opening: &Opening) -> BTreeSet<String> {
    let day = road_map.municipality.today(opening.at);
    let active = |code: &&str| road_map.organisation(code).is_some_and(|o| o.active_on(day));
    let collects = activity.stages.iter().filter_map(|stage| match &stage.work {
        Work::Collect(collect) => Some(collect),
        _ => None,
    });
    collects
        .flat_map(|collect| road_map.selected(&collect.participants, opening.part.as_deref()))
        .filter(active)
        .map(str::to_owned)
        .collect()
}

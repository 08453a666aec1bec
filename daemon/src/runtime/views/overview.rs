//! Where the activities of a municipality stand: the run that counts for each, its stage, what is
//! overdue. The pages and gRPC show the same.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeBounds;
use std::sync::Arc;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use vekha_engine::run::{AssignmentState, Run, StageState};
use vekha_engine::{AssignmentKey, RunKey};
use vekha_roadmap::RoadMap;
use vekha_roadmap::model::{Activity, Municipality};
use vekha_roadmap::schedule::{Opening, next_opening, openings};

use crate::runtime::Runtime;
use crate::runtime::road_maps::Version;
use crate::store::StoreError;
use crate::store::entities::{activity, run};
use crate::store::read::runs::Brief;
use crate::store::read::waiting::Waiting;
use crate::store::read::{Filter, Page};
use crate::store::write::activities::LETTERS;
use crate::store::{document, instant, micros};

/// How long a letter that did not arrive is told of.
const LETTERS_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Most openings in a row that are looked at for runs that were opened sooner.
const OPENED_SOONER: usize = 3;

/// The runs about periods that end in one of the years, oldest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn runs_of_years(
    runtime: &Runtime,
    municipality: &Municipality,
    years: impl RangeBounds<i16>,
) -> Result<Vec<RunKey>, StoreError> {
    let mut keys = runtime.store().run_keys(&municipality.id).await?;
    keys.retain(|key| years.contains(&key.period.last_day().year()));
    keys.sort_by_key(|key| key.period.first_day());
    Ok(keys)
}

/// A run in few words.
#[derive(Debug)]
pub struct Standing {
    /// The run; of its assignments only the open ones, of what else belongs to it nothing.
    pub run: Run,
    /// Titles of the stages at work.
    pub stages: Vec<String>,
    /// The nearest due date of a stage at work.
    pub due: Option<Date>,
    /// The nearest day on which a stage begins that waits for it.
    pub begins: Option<Date>,
    /// Something is overdue.
    pub late: bool,
}

/// The runs and the schedule of a municipality's activities.
#[derive(Debug, Default)]
pub struct Overview {
    /// By run id: of one activity all, of a whole road map those that are at work, that anybody should
    /// look at, and the latest of each activity. Years that are over are not read again and again.
    pub standings: Vec<Standing>,
    /// Ids of all runs that there are.
    ids: BTreeSet<String>,
    /// Where schedules stand, by activity id.
    schedules: BTreeMap<String, activity::Model>,
    /// What waits for people in the municipality; of one activity's it is not asked.
    pub waiting: Waiting,
}

impl Overview {
    /// All activities, or one: four kinds of rows, however many runs there are.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn load(
        runtime: &Runtime,
        version: &Version,
        activity: Option<&str>,
    ) -> Result<Self, StoreError> {
        let municipality = &version.road_map.municipality.id;
        let store = runtime.store();
        let filter = Filter {
            municipality: Some(municipality.clone()),
            activity: activity.map(str::to_owned),
            ..Filter::default()
        };
        let mut open: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for state in AssignmentState::ALL.iter().filter(|state| state.is_awaited()) {
            let wanted = Filter { state: Some(state.as_str().to_owned()), ..filter.clone() };
            for (run, stage, organisation, body) in store.bodies_of_assignments(&wanted).await? {
                let key = AssignmentKey::new(&stage, &organisation);
                let id = format!("{run}/{key}");
                if let Some(assignment) = store.readable(&id, document(&id, &body))? {
                    open.entry(run).or_default().push((key, assignment));
                }
            }
        }
        let now = runtime.clock().now();
        let mut standings = Vec::new();
        let mut waiting = Waiting::default();
        let (ids, rows) = match activity {
            Some(_) => {
                let rows = store.list_runs(&filter, &Page::all()).await?;
                (rows.iter().map(|row| row.id.clone()).collect(), rows)
            }
            None => {
                let brief = store.brief_runs(municipality).await?;
                let since = now.saturating_sub(LETTERS_FOR).unwrap_or(Timestamp::MIN);
                waiting = store.waiting(municipality, micros(since)).await?;
                // Though the run may have ended, somebody has to look at these, or should know.
                let more = waiting.reports.keys().chain(waiting.failed.keys());
                let meant = meant(&brief, open.keys().chain(more).cloned());
                let rows = store.rows_of_runs(&meant).await?;
                (brief.into_iter().map(|run| run.id).collect::<BTreeSet<_>>(), rows)
            }
        };
        for row in rows {
            let open = open.remove(&row.id).unwrap_or_default();
            let read = standing(runtime, version, &row, open, now);
            standings.extend(store.readable(&row.id, read)?);
        }
        let schedules = store.activities(municipality).await?;
        let schedules = schedules.into_iter().map(|row| (row.activity.clone(), row)).collect();
        Ok(Overview { standings, ids, schedules, waiting })
    }

    /// The run that counts for an activity: the latest that is not ended, or else the latest.
    pub fn current(&self, activity: &str) -> Option<&Standing> {
        let own = || self.standings.iter().rev().filter(|s| s.run.key.activity == activity);
        own().find(|s| !s.run.state.ended()).or_else(|| own().next())
    }

    /// Whether there is such a run.
    pub fn exists(&self, run: &RunKey) -> bool {
        self.ids.contains(&run.to_string())
    }

    /// When an activity's schedule opens a run next, unless it is stopped: one that an event or a person
    /// has opened sooner does not open again.
    pub fn next_opening(&self, road_map: &RoadMap, activity: &Activity) -> Option<Timestamp> {
        let row = self.schedule(&activity.id).filter(|row| !row.paused)?;
        let mut at = instant(row.next_opening?);
        for _ in 0..OPENED_SOONER {
            let just_before = at.saturating_sub(SignedDuration::from_nanos(1)).unwrap_or(at);
            let there = |opening: &Opening| {
                self.exists(&RunKey {
                    municipality: road_map.municipality.id.clone(),
                    activity: activity.id.clone(),
                    period: opening.period,
                    part: opening.part.clone(),
                })
            };
            let meant = openings(road_map, activity, just_before, at);
            if meant.is_empty() || !meant.iter().all(there) {
                break;
            }
            at = next_opening(road_map, activity, at)?;
        }
        Some(at)
    }

    /// Who holds the municipality's letters, and why; none if nobody does.
    pub fn letters_held(&self) -> Option<&activity::Model> {
        self.schedules.get(LETTERS).filter(|row| row.paused)
    }

    /// Where an activity's schedule stands.
    pub fn schedule(&self, activity: &str) -> Option<&activity::Model> {
        self.schedules.get(activity)
    }
}

/// Runs that are looked at: those that have not ended, the last of each activity, and others that are
/// named; in the order of their ids.
fn meant(brief: &[Brief], others: impl Iterator<Item = String>) -> Vec<String> {
    let mut meant: BTreeSet<String> = others.collect();
    for (place, run) in brief.iter().enumerate() {
        let last = brief.get(place + 1).is_none_or(|next| next.activity != run.activity);
        // What it is that cannot be read is told where it is read.
        if last || run.state().is_none_or(|state| !state.ended()) {
            meant.insert(run.id.clone());
        }
    }
    meant.into_iter().collect()
}

fn standing(
    runtime: &Runtime,
    newest: &Version,
    row: &run::Model,
    open: Vec<(AssignmentKey, vekha_engine::run::Assignment)>,
    now: Timestamp,
) -> Result<Standing, StoreError> {
    let (mut run, _) = row.bare()?;
    run.assignments = open.into_iter().collect();
    let own: Option<Arc<Version>> =
        runtime.road_maps().version(&run.key.municipality, run.road_map);
    let version = own.as_deref().unwrap_or(newest);
    let activity = version.road_map.activity(&run.key.activity);
    let active = || run.stages.iter().filter(|s| s.state == StageState::Active);
    let stages =
        active().filter_map(|stage| Some(activity?.stage(&stage.id)?.1.title.clone())).collect();
    let due = active().filter_map(|stage| stage.due).min();
    let late = is_late(&run, version, now);
    let waiting = run.stages.iter().filter(|s| s.state == StageState::Waiting);
    let begins = waiting.filter_map(|stage| stage.not_before).min();
    Ok(Standing { run, stages, due, begins, late })
}

/// Whether something in the run is overdue.
pub fn is_late(run: &Run, version: &Version, now: Timestamp) -> bool {
    let municipality = &version.road_map.municipality;
    let overdue = |due| now > municipality.closing(due);
    let stages = run.stages.iter().filter(|s| s.state == StageState::Active);
    run.assignments.values().any(|a| a.state.is_awaited() && overdue(a.due))
        || (!run.state.ended() && stages.filter_map(|s| s.due).any(overdue))
}

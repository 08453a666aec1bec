//! What waits for the department: runs that stand still, terms that passed, drafts, decisions and
//! reports that only a person can bring on, letters that did not arrive.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use sea_orm::DbErr;
use vekha_engine::RunKey;
use vekha_engine::run::{AssignmentKind, MeasureState, RecommendationState};
use vekha_engine::run::{RunState, StageState};
use vekha_roadmap::model::Work;

use super::Runtime;
use super::overview::{Overview, Standing};
use super::road_maps::Version;
use crate::store::micros;
use crate::store::queries::{Filter, Page};

/// How long a letter that did not arrive is told of.
const LETTERS_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Something that a person should look at, gravest first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// A stage could not be done.
    Failed {
        /// Why.
        reason: String,
    },
    /// An upstream run was cancelled or skipped: the administrator says how to go on.
    Question,
    /// Participants are overdue.
    Silent {
        /// How many.
        count: usize,
    },
    /// Measures are overdue.
    MeasuresOverdue {
        /// How many.
        count: usize,
    },
    /// A decision is awaited.
    Decision {
        /// The stage's title.
        title: String,
        /// By when.
        due: Option<Date>,
        /// That has passed.
        late: bool,
    },
    /// Drafts wait for approval.
    Drafts {
        /// How many.
        count: usize,
    },
    /// Reports on measures wait for acceptance.
    Reports {
        /// How many.
        count: usize,
    },
    /// Letters did not arrive.
    Letters {
        /// How many.
        count: usize,
        /// Whom they did not reach: organisation codes.
        organisations: BTreeSet<String>,
    },
}

/// All that needs attention, by run.
///
/// # Errors
/// When the database cannot be read.
pub async fn attention(
    runtime: &Runtime,
    version: &Version,
    overview: &Overview,
) -> Result<BTreeMap<RunKey, Vec<Need>>, DbErr> {
    let municipality = &version.road_map.municipality.id;
    let store = runtime.store();
    let now = runtime.clock().now();
    let filter = |state: &str| Filter {
        municipality: Some(municipality.clone()),
        state: Some(state.to_owned()),
        ..Filter::default()
    };
    let mut drafts: BTreeMap<String, usize> = BTreeMap::new();
    let wanted = filter(RecommendationState::Draft.as_str());
    for row in store.list_recommendations(&wanted, &Page::all()).await? {
        *drafts.entry(row.run).or_default() += 1;
    }
    let mut reports: BTreeMap<String, usize> = BTreeMap::new();
    let wanted = filter(MeasureState::Reported.as_str());
    for row in store.list_measures(&wanted, &Page::all()).await? {
        *reports.entry(row.run).or_default() += 1;
    }
    let mut letters: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let wanted = filter("failed");
    let since = micros(now.saturating_sub(LETTERS_FOR).unwrap_or(Timestamp::MIN));
    for row in store.list_messages(&wanted, &Page::all()).await? {
        if row.created_at >= since {
            letters.entry(row.run).or_default().push(row.organisation);
        }
    }
    let mut all = BTreeMap::new();
    for standing in &overview.standings {
        let id = standing.run.key.to_string();
        let mut needs = of_run(runtime, standing, now);
        if let Some(count) = drafts.remove(&id).filter(|_| !standing.run.state.ended()) {
            needs.push(Need::Drafts { count });
        }
        if let Some(count) = reports.remove(&id) {
            needs.push(Need::Reports { count });
        }
        if let Some(organisations) = letters.remove(&id) {
            let count = organisations.len();
            needs.push(Need::Letters { count, organisations: organisations.into_iter().collect() });
        }
        if !needs.is_empty() {
            needs.sort();
            all.insert(standing.run.key.clone(), needs);
        }
    }
    Ok(all)
}

/// What the run itself tells.
fn of_run(runtime: &Runtime, standing: &Standing, now: Timestamp) -> Vec<Need> {
    let run = &standing.run;
    let version = runtime.road_maps().version(&run.key.municipality, run.road_map);
    let Some(version) = version else { return vec![] };
    let municipality = &version.road_map.municipality;
    let mut needs = Vec::new();
    match run.state {
        RunState::Question => needs.push(Need::Question),
        RunState::Failed => {
            let failed = run.stages.iter().filter(|s| s.state == StageState::Failed);
            needs.extend(failed.map(|s| Need::Failed { reason: s.reason.clone() }));
        }
        _ => {}
    }
    let (mut silent, mut measures) = (0, 0);
    for assignment in run.assignments.values() {
        let open = assignment.state.is_awaited();
        if open && now > municipality.closing(assignment.due) {
            match assignment.kind {
                AssignmentKind::Measure(_) => measures += 1,
                AssignmentKind::Collect | AssignmentKind::Acknowledge => silent += 1,
            }
        }
    }
    if silent > 0 {
        needs.push(Need::Silent { count: silent });
    }
    if measures > 0 {
        needs.push(Need::MeasuresOverdue { count: measures });
    }
    if run.state.ended() {
        return needs;
    }
    let activity = version.road_map.activity(&run.key.activity);
    for stage in run.stages.iter().filter(|s| s.state == StageState::Active) {
        if let Some((_, definition)) = activity.and_then(|a| a.stage(&stage.id))
            && matches!(definition.work, Work::Decide(_))
        {
            needs.push(Need::Decision {
                title: definition.title.clone(),
                due: stage.due,
                late: stage.due.is_some_and(|due| now > municipality.closing(due)),
            });
        }
    }
    needs
}

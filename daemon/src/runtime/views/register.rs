//! The register of decisions: what the authority decided in a year, and where its measures stand.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use vekha_engine::run::{
    Assignment, AssignmentState, Decision, Measure, MeasureState, Run, measure_stage,
};
use vekha_engine::{AssignmentKey, RunKey};
use vekha_roadmap::model::{Municipality, Stage, Work};

use crate::runtime::Runtime;
use crate::runtime::road_maps::Version;
use crate::store::StoreError;
use crate::store::entities::decision;
use crate::store::read::runs::Loaded;
use crate::store::read::{Filter, Page};

/// A decision with what it orders.
#[derive(Debug, Clone)]
pub struct Decided {
    /// The run in which it was taken.
    pub run: RunKey,
    /// Its number within the run, from 1.
    pub number: usize,
    /// The decision.
    pub decision: Decision,
    /// What it rests on ([`Grounds`]), as far as that found or recommended anything.
    pub basis: Vec<Basis>,
    /// The document's number of the earlier decision that it corrects.
    pub corrects: Option<String>,
    /// The documents' numbers of later decisions that correct it.
    pub corrected_by: Vec<String>,
    /// What it orders.
    pub measures: Vec<Controlled>,
}

/// A run on which a decision rests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basis {
    /// The run.
    pub run: RunKey,
    /// How many findings it has.
    pub findings: usize,
    /// How many organisations it recommends something to.
    pub recommendations: usize,
}

/// A measure and how its control stands.
#[derive(Debug, Clone)]
pub struct Controlled {
    /// The run in which it was ordered.
    pub run: RunKey,
    /// Its number within the run, from 1.
    pub number: usize,
    /// The measure.
    pub measure: Measure,
    /// How its control stands.
    pub control: Control,
    /// When the organisation reported last.
    pub reported_at: Option<Timestamp>,
    /// A report came after the term that it had then.
    pub late: bool,
}

impl Controlled {
    /// A run's measure, by its position.
    pub fn of(run: &Run, position: usize, municipality: &Municipality, now: Timestamp) -> Self {
        let assignment = assignment(run, position);
        Controlled {
            run: run.key.clone(),
            number: position + 1,
            measure: run.measures[position].clone(),
            control: Control::of(run, position, municipality, now),
            reported_at: assignment.and_then(|a| a.answered_at),
            late: assignment.is_some_and(|a| a.late),
        }
    }

    /// Whether it was reported in time, in words; nothing as long as a report is awaited.
    pub fn timely(&self) -> Option<&'static str> {
        match self.control {
            Control::Reported | Control::Done if self.late => Some("с опозданием"),
            Control::Reported | Control::Done => Some("в срок"),
            Control::Ordered | Control::Overdue | Control::Waived => None,
        }
    }
}

/// Through which a run's measure, by its position, is reported.
fn assignment(run: &Run, position: usize) -> Option<&Assignment> {
    let organisation = &run.measures[position].organisation;
    run.assignments.get(&AssignmentKey::new(&measure_stage(position + 1), organisation))
}

/// How the control of a measure stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// To be done, the term is not over.
    Ordered,
    /// The term is over without a report.
    Overdue,
    /// Reported; the department looks at it.
    Reported,
    /// Accepted.
    Done,
    /// Not asked for any more.
    Waived,
}

impl Control {
    /// Of a run's measure, by its position.
    pub fn of(run: &Run, position: usize, municipality: &Municipality, now: Timestamp) -> Self {
        let measure = &run.measures[position];
        let waived = assignment(run, position).is_some_and(|a| a.state == AssignmentState::Waived);
        match measure.state {
            MeasureState::Done => Control::Done,
            MeasureState::Reported => Control::Reported,
            MeasureState::Ordered if waived => Control::Waived,
            MeasureState::Ordered if now > municipality.closing(measure.due) => Control::Overdue,
            MeasureState::Ordered => Control::Ordered,
        }
    }

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Control::Ordered => "на исполнении",
            Control::Overdue => "просрочена",
            Control::Reported => "отчёт на проверке",
            Control::Done => "исполнена, снята с контроля",
            Control::Waived => "поручение снято",
        }
    }
}

/// Runs with those on which their decisions rest.
pub struct Grounds<'a> {
    runtime: &'a Runtime,
    runs: BTreeMap<RunKey, Loaded>,
}

/// How far back a decision is followed that rests on decisions.
const MOST_STEPS: usize = 4;

impl<'a> Grounds<'a> {
    /// Of these runs.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn of(
        runtime: &'a Runtime,
        runs: BTreeMap<RunKey, Loaded>,
    ) -> Result<Self, StoreError> {
        let mut front: Vec<RunKey> = runs.keys().cloned().collect();
        let mut grounds = Grounds { runtime, runs };
        for step in 0..MOST_STEPS {
            let passing = front.iter().filter_map(|key| grounds.run(key));
            let passing = passing.filter(|run| step == 0 || grounds.only_decides(run));
            let next: BTreeSet<RunKey> = passing.flat_map(|run| grounds.before(run)).collect();
            let next: Vec<RunKey> =
                next.into_iter().filter(|key| !grounds.runs.contains_key(key)).collect();
            if next.is_empty() {
                break;
            }
            let more = runtime.store().runs(&next).await?;
            front = more.keys().cloned().collect();
            grounds.runs.extend(more);
        }
        Ok(grounds)
    }

    /// A run, if it exists.
    pub fn run(&self, key: &RunKey) -> Option<&Run> {
        self.runs.get(key).map(|loaded| &loaded.run)
    }

    /// What the decisions of a run rest on: the run itself, and those for which it waited. One that
    /// only decides rests on others in its turn, which follow it.
    pub(crate) fn of_run<'b>(&'b self, run: &'b Run) -> Vec<&'b Run> {
        let mut all = vec![run];
        self.follow(run, MOST_STEPS, &mut all);
        all
    }

    /// The same, as far as it found or recommended anything.
    pub fn basis(&self, run: &Run) -> Vec<Basis> {
        let basis = |run: &Run| {
            let findings = run.found.values().map(Vec::len).sum();
            let recommendations = run.recommendations.len();
            (findings + recommendations > 0).then(|| Basis {
                run: run.key.clone(),
                findings,
                recommendations,
            })
        };
        self.of_run(run).into_iter().filter_map(basis).collect()
    }

    fn follow<'b>(&'b self, run: &Run, steps: usize, all: &mut Vec<&'b Run>) {
        for before in self.before(run).iter().filter_map(|key| self.run(key)) {
            if all.iter().any(|known| known.key == before.key) {
                continue;
            }
            all.push(before);
            if steps > 1 && self.only_decides(before) {
                self.follow(before, steps - 1, all);
            }
        }
    }

    /// The road map that a run keeps.
    pub(crate) fn version(&self, run: &Run) -> Option<Arc<Version>> {
        self.runtime.road_maps().version(&run.key.municipality, run.road_map)
    }

    /// The runs for which a run waited.
    fn before(&self, run: &Run) -> Vec<RunKey> {
        let version = self.version(run);
        let activity = version.as_ref().and_then(|v| v.road_map.activity(&run.key.activity));
        let after = activity.into_iter().flat_map(|activity| &activity.schedule.after);
        after.map(|other| run.key.upstream(other)).collect()
    }

    /// Whether it knows nothing of its own.
    fn only_decides(&self, run: &Run) -> bool {
        let version = self.version(run);
        let activity = version.as_ref().and_then(|v| v.road_map.activity(&run.key.activity));
        let own = |stage: &Stage| !matches!(stage.work, Work::Decide(_) | Work::Publish(_));
        activity.is_some_and(|activity| !activity.stages.iter().any(own))
    }
}

/// The decisions that bear a date of this year, by date and number.
///
/// # Errors
/// When the database cannot be read.
pub async fn decided(
    runtime: &Runtime,
    municipality: &Municipality,
    year: i16,
) -> Result<Vec<Decided>, StoreError> {
    let store = runtime.store();
    let filter = Filter { municipality: Some(municipality.id.clone()), ..Filter::default() };
    let mut rows = store.list_decisions(&filter, &Page::all()).await?;
    let begins = format!("{year:04}-");
    rows.retain(|row| row.date.starts_with(&begins));
    let key = |row: &decision::Model| row.run.parse::<RunKey>().ok();
    let keys: BTreeSet<RunKey> = rows.iter().filter_map(key).collect();
    let runs = store.runs(&keys.into_iter().collect::<Vec<_>>()).await?;
    let grounds = Grounds::of(runtime, runs).await?;
    let now = runtime.clock().now();
    let mut all = Vec::new();
    for row in &rows {
        let Some(key) = key(row) else { continue };
        let Some(run) = grounds.run(&key) else { continue };
        let number = row.ordinal as usize;
        let Some(decision) = run.decisions.get(number - 1).cloned() else { continue };
        let own = run.measures.iter().enumerate().filter(|(_, m)| m.decision == number);
        let measures = own.map(|(position, _)| Controlled::of(run, position, municipality, now));
        let earlier = decision.corrects.and_then(|number| run.decisions.get(number - 1));
        let later = run.decisions.iter().filter(|later| later.corrects == Some(number));
        all.push(Decided {
            basis: grounds.basis(run),
            corrects: earlier.map(|earlier| earlier.document.number.clone()),
            corrected_by: later.map(|later| later.document.number.clone()).collect(),
            measures: measures.collect(),
            number,
            decision,
            run: key,
        });
    }
    all.sort_by(|a, b| {
        let order = |d: &Decided| (d.decision.document.date, d.decision.recorded_at);
        let number = |d: &Decided| d.decision.document.number.clone();
        order(a).cmp(&order(b)).then_with(|| number(a).cmp(&number(b)))
    });
    Ok(all)
}

//! The register of decisions: what the authority decided in a year, and where its measures stand.

use std::collections::BTreeSet;

use jiff::Timestamp;
use sea_orm::DbErr;
use vekha_engine::run::{AssignmentState, Decision, Measure, MeasureState, Run, measure_stage};
use vekha_engine::{AssignmentKey, RunKey};
use vekha_roadmap::model::Municipality;

use super::Runtime;
use super::overview::{PAGE, every_row};
use crate::store::entities::decision;
use crate::store::queries::{Filter, Page};

/// A decision with what it orders.
#[derive(Debug, Clone)]
pub struct Decided {
    /// The run in which it was taken.
    pub run: RunKey,
    /// The decision.
    pub decision: Decision,
    /// What it rests on: its own run, and those for which that one waited, as far as they found or
    /// recommended anything.
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
}

impl Controlled {
    /// A run's measure, by its position.
    pub fn of(run: &Run, position: usize, municipality: &Municipality, now: Timestamp) -> Self {
        Controlled {
            run: run.key.clone(),
            number: position + 1,
            measure: run.measures[position].clone(),
            control: Control::of(run, position, municipality, now),
        }
    }
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
        let key = AssignmentKey::new(&measure_stage(position + 1), &measure.organisation);
        let assignment = run.assignments.get(&key);
        let waived = assignment.is_some_and(|a| a.state == AssignmentState::Waived);
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

/// The decisions that bear a date of this year, by date and number.
///
/// # Errors
/// When the database cannot be read.
pub async fn decided(
    runtime: &Runtime,
    municipality: &Municipality,
    year: i16,
) -> Result<Vec<Decided>, DbErr> {
    let store = runtime.store();
    let filter = Filter { municipality: Some(municipality.id.clone()), ..Filter::default() };
    let mut rows = every_row!(|page| store.list_decisions(&filter, page), |row| &row.id);
    let begins = format!("{year:04}-");
    rows.retain(|row| row.date.starts_with(&begins));
    let key = |row: &decision::Model| row.run.parse::<RunKey>().map_err(DbErr::Custom);
    let keys: BTreeSet<RunKey> = rows.iter().map(key).collect::<Result<_, _>>()?;
    let runs = store.runs(&keys.into_iter().collect::<Vec<_>>()).await?;
    let rests_on = |run: &Run| {
        let version = runtime.road_maps().version(&municipality.id, run.road_map);
        let mut keys = vec![run.key.clone()];
        if let Some(activity) =
            version.as_ref().and_then(|v| v.road_map.activity(&run.key.activity))
        {
            keys.extend(activity.schedule.after.iter().map(|other| run.key.upstream(other)));
        }
        keys
    };
    let grounds: BTreeSet<RunKey> =
        runs.values().flat_map(|loaded| rests_on(&loaded.run)).collect();
    let grounds = store.runs(&grounds.into_iter().collect::<Vec<_>>()).await?;
    let basis = |key: RunKey| {
        let run = &grounds.get(&key)?.run;
        let findings = run.found.values().map(Vec::len).sum();
        let recommendations = run.recommendations.len();
        (findings + recommendations > 0).then_some(Basis { run: key, findings, recommendations })
    };
    let now = runtime.clock().now();
    let mut all = Vec::new();
    for row in &rows {
        let key = key(row)?;
        let Some(run) = runs.get(&key).map(|loaded| &loaded.run) else { continue };
        let number = row.ordinal as usize;
        let Some(decision) = run.decisions.get(number - 1).cloned() else { continue };
        let own = run.measures.iter().enumerate().filter(|(_, m)| m.decision == number);
        let measures = own.map(|(position, _)| Controlled::of(run, position, municipality, now));
        let earlier = decision.corrects.and_then(|number| run.decisions.get(number - 1));
        let later = run.decisions.iter().filter(|later| later.corrects == Some(number));
        all.push(Decided {
            basis: rests_on(run).into_iter().filter_map(basis).collect(),
            corrects: earlier.map(|earlier| earlier.number.clone()),
            corrected_by: later.map(|later| later.number.clone()).collect(),
            measures: measures.collect(),
            decision,
            run: key,
        });
    }
    all.sort_by(|a, b| {
        let order = |d: &Decided| (d.decision.date, d.decision.recorded_at);
        order(a).cmp(&order(b)).then_with(|| a.decision.number.cmp(&b.decision.number))
    });
    Ok(all)
}

//! The register of decisions: what the authority decided in a year, and where its measures stand.

use std::collections::BTreeSet;

use jiff::Timestamp;
use sea_orm::DbErr;
use vekha_engine::run::{AssignmentState, Decision, Measure, MeasureState, Run};
use vekha_engine::{AssignmentKey, RunKey};
use vekha_roadmap::model::Municipality;

use super::Runtime;
use super::overview::{PAGE, every_row};
use crate::store::queries::{Filter, Page};

/// A decision with what it orders.
#[derive(Debug, Clone)]
pub struct Decided {
    /// The run in which it was taken.
    pub run: RunKey,
    /// The decision.
    pub decision: Decision,
    /// What it orders.
    pub measures: Vec<Controlled>,
}

/// A measure and how its control stands.
#[derive(Debug, Clone)]
pub struct Controlled {
    /// The measure.
    pub measure: Measure,
    /// How its control stands.
    pub control: Control,
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
    fn of(run: &Run, position: usize, municipality: &Municipality, now: Timestamp) -> Self {
        let measure = &run.measures[position];
        let stage = format!("measure-{}", position + 1);
        let assignment = run.assignments.get(&AssignmentKey::new(&stage, &measure.organisation));
        let waived = assignment.is_some_and(|a| a.state == AssignmentState::Waived);
        match measure.state {
            MeasureState::Done => Control::Done,
            MeasureState::Reported => Control::Reported,
            MeasureState::Ordered if waived => Control::Waived,
            MeasureState::Ordered if now > municipality.closing(measure.due) => Control::Overdue,
            MeasureState::Ordered => Control::Ordered,
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
    let rows = every_row!(|page| store.list_decisions(&filter, page), |row| &row.id);
    let begins = format!("{year:04}-");
    let keys: BTreeSet<RunKey> = rows
        .iter()
        .filter(|row| row.date.starts_with(&begins))
        .map(|row| row.run.parse().map_err(DbErr::Custom))
        .collect::<Result<_, _>>()?;
    let now = runtime.clock().now();
    let mut all = Vec::new();
    for (key, loaded) in store.runs(&keys.into_iter().collect::<Vec<_>>()).await? {
        let run = loaded.run;
        for (number, decision) in (1..).zip(&run.decisions) {
            if decision.date.year() != year {
                continue;
            }
            let own = run.measures.iter().enumerate().filter(|(_, m)| m.decision == number);
            let measures = own.map(|(position, measure)| Controlled {
                measure: measure.clone(),
                control: Control::of(&run, position, municipality, now),
            });
            let measures = measures.collect();
            all.push(Decided { run: key.clone(), decision: decision.clone(), measures });
        }
    }
    all.sort_by(|a, b| {
        let order = |d: &Decided| (d.decision.date, d.decision.recorded_at);
        order(a).cmp(&order(b)).then_with(|| a.decision.number.cmp(&b.decision.number))
    });
    Ok(all)
}

//! What an organisation was asked for, as rows of a page.

use jiff::Timestamp;
use serde_json::{Value, json};
use vekha_engine::run::{Assignment, AssignmentKind, AssignmentState};
use vekha_engine::{AssignmentKey, RunKey};
use vekha_roadmap::RoadMap;

use crate::console::year::completeness::run_words;
use crate::glossary;
use crate::store::read::organisation::Whose;
use crate::store::{Store, StoreError, document};

/// What an organisation was asked for.
pub struct Duty {
    /// The run that asked.
    pub run: RunKey,
    /// Its name there.
    pub key: AssignmentKey,
    /// How it stands.
    pub assignment: Assignment,
}

/// All that an organisation was asked for, the latest due first; what cannot be read is left out, and told.
///
/// # Errors
/// When the database cannot be read.
pub async fn duties(store: &Store, whose: Whose<'_>) -> Result<Vec<Duty>, StoreError> {
    let mut duties = Vec::new();
    for row in store.duties(whose).await? {
        let read = store.readable(&row.id, document::<Assignment>(&row.id, &row.body))?;
        if let (Some(assignment), Ok(run)) = (read, row.run.parse()) {
            let key = AssignmentKey::new(&row.stage, &row.organisation);
            duties.push(Duty { run, key, assignment });
        }
    }
    Ok(duties)
}

impl Duty {
    /// Whether an answer is awaited.
    pub fn is_awaited(&self) -> bool {
        self.assignment.state.is_awaited()
    }

    /// Answered after its day, or never.
    pub fn was_late(&self) -> bool {
        self.assignment.late || self.assignment.state == AssignmentState::Missing
    }

    /// As a row of a page.
    pub fn shown(&self, map: &RoadMap, now: Timestamp) -> Value {
        let Duty { run, key, assignment } = self;
        let municipality = &map.municipality;
        let overdue = assignment.state.is_awaited() && now > municipality.closing(assignment.due);
        let answered = assignment.answered_at.map(|at| municipality.today(at));
        let activity = map.activity(&run.activity);
        let stage = activity.and_then(|a| a.stage(&key.stage)).map(|(_, stage)| &stage.title);
        let what = match assignment.kind {
            AssignmentKind::Measure(number) => format!("отчёт о мере {number}"),
            _ => stage.unwrap_or(&key.stage).clone(),
        };
        let mark = match assignment.state {
            _ if overdue => "late",
            AssignmentState::Answered if assignment.late => "attention",
            AssignmentState::Returned => "attention",
            AssignmentState::Missing => "late",
            state => state.as_str(),
        };
        json!({
            "run": run_words(map, run),
            "run_link": format!("/runs/{run}"),
            "what": what,
            "link": format!("/runs/{run}/answers/{key}"),
            "form": format!("link:{key}"),
            "mark": mark,
            "words": glossary::assignment_state(assignment.state),
            "due": glossary::date(assignment.due),
            "overdue": overdue,
            "answered": answered.map(glossary::date),
            "late": assignment.late,
            "returns": assignment.returns,
            "reason": assignment.reason,
        })
    }
}

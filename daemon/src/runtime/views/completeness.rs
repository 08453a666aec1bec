//! Who was asked for information and what came of it: by run, by organisation, over any time.

use std::collections::BTreeMap;

use jiff::civil::Date;
use vekha_engine::run::{Assignment, AssignmentKind, AssignmentState};
use vekha_engine::{AssignmentKey, RunKey};

use crate::runtime::Runtime;
use crate::store::StoreError;
use crate::store::document;
use crate::store::read::Filter;

/// What came of one question to one organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// Answered by its due date.
    InTime,
    /// Answered after it.
    Late,
    /// Returned, the correction is awaited.
    Returned,
    /// The answer is awaited, its term is not over.
    Awaited,
    /// The term is over without an answer.
    Silent,
    /// No answer is expected any more.
    Waived,
}

impl Fate {
    fn of(assignment: &Assignment, over: bool) -> Self {
        match assignment.state {
            AssignmentState::Answered if assignment.late => Fate::Late,
            AssignmentState::Answered => Fate::InTime,
            AssignmentState::Returned => Fate::Returned,
            AssignmentState::Open if over => Fate::Silent,
            AssignmentState::Open => Fate::Awaited,
            AssignmentState::Missing => Fate::Silent,
            AssignmentState::Waived => Fate::Waived,
        }
    }
}

/// One question to one organisation.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The run.
    pub run: RunKey,
    /// Stage and organisation.
    pub key: AssignmentKey,
    /// By the end of which day.
    pub due: Date,
    /// What came of it.
    pub fate: Fate,
    /// How often an answer was returned.
    pub returns: u32,
}

/// How many questions came to what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    counts: [u32; 6],
    /// How often answers were returned.
    pub returns: u32,
}

impl Tally {
    /// Of these questions.
    pub fn of<'a>(asked: impl IntoIterator<Item = &'a Asked>) -> Self {
        let mut tally = Tally::default();
        for one in asked {
            tally.add(one);
        }
        tally
    }

    /// Counts one more.
    pub fn add(&mut self, asked: &Asked) {
        self.counts[asked.fate as usize] += 1;
        self.returns += asked.returns;
    }

    /// How many came to this.
    pub fn count(&self, fate: Fate) -> u32 {
        self.counts[fate as usize]
    }

    /// All questions.
    pub fn asked(&self) -> u32 {
        self.counts.iter().sum()
    }

    /// Answers that stand, in per cent of those that were expected; none if none was.
    pub fn complete(&self) -> Option<f64> {
        self.share(self.count(Fate::InTime) + self.count(Fate::Late))
    }

    /// Answers in time, in per cent of those that were expected; none if none was.
    pub fn in_time(&self) -> Option<f64> {
        self.share(self.count(Fate::InTime))
    }

    fn share(&self, part: u32) -> Option<f64> {
        let expected = self.asked() - self.count(Fate::Waived);
        (expected > 0).then(|| f64::from(part) * 100.0 / f64::from(expected))
    }
}

/// Which questions are meant.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// Municipality id.
    pub municipality: String,
    /// Only of this activity.
    pub activity: Option<String>,
    /// Only of this run.
    pub run: Option<RunKey>,
    /// Only to this organisation.
    pub organisation: Option<String>,
    /// Only those due on or after this day.
    pub from: Option<Date>,
    /// Only those due on or before this day.
    pub to: Option<Date>,
}

/// The questions that collect stages put, by run, stage and organisation.
///
/// # Errors
/// When the database cannot be read.
pub async fn asked(runtime: &Runtime, scope: &Scope) -> Result<Vec<Asked>, StoreError> {
    let store = runtime.store();
    let now = runtime.clock().now();
    let filter = Filter {
        municipality: Some(scope.municipality.clone()),
        activity: scope.activity.clone(),
        run: scope.run.as_ref().map(RunKey::to_string),
        organisation: scope.organisation.clone(),
        due_from: scope.from,
        due_to: scope.to,
        ..Filter::default()
    };
    let newest = runtime.road_maps().newest(&scope.municipality);
    let mut all = Vec::new();
    for (run, stage, organisation, body) in store.bodies_of_assignments(&filter).await? {
        let key = AssignmentKey::new(&stage, &organisation);
        let id = format!("{run}/{key}");
        let read = document::<Assignment>(&id, &body);
        let (Some(assignment), Ok(run)) = (store.readable(&id, read)?, run.parse()) else {
            continue;
        };
        if assignment.kind != AssignmentKind::Collect {
            continue;
        }
        let over =
            newest.as_ref().is_some_and(|v| now > v.road_map.municipality.closing(assignment.due));
        all.push(Asked {
            run,
            key,
            due: assignment.due,
            fate: Fate::of(&assignment, over),
            returns: assignment.returns,
        });
    }
    all.sort_by(|a, b| (&a.run, &a.key).cmp(&(&b.run, &b.key)));
    Ok(all)
}

/// Tallies by whatever questions have in common.
pub fn tallies<K: Ord>(asked: &[Asked], by: impl Fn(&Asked) -> K) -> BTreeMap<K, Tally> {
    let mut tallies: BTreeMap<K, Tally> = BTreeMap::new();
    for one in asked {
        tallies.entry(by(one)).or_default().add(one);
    }
    tallies
}

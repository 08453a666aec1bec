//! What participants owe, found by term: which stage still waits for whom, who is to be reminded
//! next, how many have answered.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;

use crate::key::AssignmentKey;
use crate::keyed::{Indexed, Keyed};
use crate::run::{Assignment, AssignmentKind, AssignmentState};

/// What participants owe, by stage and organisation.
pub type Assignments = Keyed<Assignment>;

/// Those who are reminded alike: a stage's participants, or the holders of all measures, each of
/// which is a stage of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// The participants of the stage with this id.
    Stage(String),
    /// Whoever must report on a measure.
    Measures,
}

/// What is known of all assignments of a group together.
#[derive(Debug, Clone, Default, PartialEq)]
struct Standing {
    /// Answers that stand.
    answered: usize,
    /// How often answers were returned.
    returns: u32,
    /// Who is awaited, by due date.
    awaited: BTreeMap<Date, Awaited>,
}

/// Who is awaited by one due date, with the moment up to which reminders are done with: those
/// reminded longest ago first.
pub(crate) type Awaited = BTreeSet<(Timestamp, AssignmentKey)>;

/// What is known of all assignments of a run, by group.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Standings(BTreeMap<Group, Standing>);

impl Assignment {
    fn group(&self, key: &AssignmentKey) -> Group {
        match self.kind {
            AssignmentKind::Measure(_) => Group::Measures,
            AssignmentKind::Collect | AssignmentKind::Acknowledge => {
                Group::Stage(key.stage.clone())
            }
        }
    }

    /// Reminders up to this moment are done with.
    pub fn reminded_from(&self) -> Timestamp {
        self.reminded_through.unwrap_or(self.asked_at)
    }
}

impl Indexed for Assignment {
    type Index = Standings;

    fn enter(&self, key: &AssignmentKey, index: &mut Standings) {
        let standing = index.0.entry(self.group(key)).or_default();
        standing.answered += usize::from(self.state == AssignmentState::Answered);
        standing.returns += self.returns;
        if self.state.is_awaited() {
            let awaited = standing.awaited.entry(self.due).or_default();
            awaited.insert((self.reminded_from(), key.clone()));
        }
    }

    fn leave(&self, key: &AssignmentKey, index: &mut Standings) {
        let Some(standing) = index.0.get_mut(&self.group(key)) else { return };
        standing.answered -= usize::from(self.state == AssignmentState::Answered);
        standing.returns -= self.returns;
        if let Some(awaited) = standing.awaited.get_mut(&self.due) {
            awaited.remove(&(self.reminded_from(), key.clone()));
            if awaited.is_empty() {
                standing.awaited.remove(&self.due);
            }
        }
    }
}

impl Assignments {
    fn standing(&self, stage: &str) -> Option<&Standing> {
        self.index().0.get(&Group::Stage(stage.to_owned()))
    }

    /// Whom a stage still waits for, by organisation.
    pub fn awaited_in(&self, stage: &str) -> Vec<&AssignmentKey> {
        let terms = self.standing(stage).into_iter().flat_map(|s| s.awaited.values());
        in_order(terms.flatten())
    }

    /// All who are awaited, by stage and organisation.
    pub fn awaited(&self) -> Vec<&AssignmentKey> {
        in_order(self.terms().flat_map(|(_, _, awaited)| awaited))
    }

    /// One of those whom a stage still waits for; none if it waits for nobody.
    pub(crate) fn someone_awaited(&self, stage: &str) -> Option<&Assignment> {
        let (_, awaited) = self.standing(stage)?.awaited.first_key_value()?;
        awaited.first().and_then(|(_, key)| self.get(key))
    }

    /// The last due date of those whom a stage still waits for.
    pub(crate) fn last_due(&self, stage: &str) -> Option<Date> {
        self.standing(stage)?.awaited.last_key_value().map(|(due, _)| *due)
    }

    /// How many answers of a stage stand.
    pub fn answered_in(&self, stage: &str) -> usize {
        self.standing(stage).map_or(0, |s| s.answered)
    }

    /// How often answers of a stage were returned.
    pub(crate) fn returns_in(&self, stage: &str) -> u32 {
        self.standing(stage).map_or(0, |s| s.returns)
    }

    /// Who is awaited, by what they are reminded of and by when it is due: as many items as there
    /// are different terms, however many participants share them.
    pub(crate) fn terms(&self) -> impl Iterator<Item = (&Group, Date, &Awaited)> {
        let groups = self.index().0.iter();
        groups.flat_map(|(group, standing)| {
            standing.awaited.iter().map(move |(due, awaited)| (group, *due, awaited))
        })
    }
}

fn in_order<'a>(
    awaited: impl Iterator<Item = &'a (Timestamp, AssignmentKey)>,
) -> Vec<&'a AssignmentKey> {
    let mut keys: Vec<&AssignmentKey> = awaited.map(|(_, key)| key).collect();
    keys.sort();
    keys
}

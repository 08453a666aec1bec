//! When each run of a municipality in memory is to be woken.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::key::RunKey;

/// At most one moment for each run.
#[derive(Debug, Default)]
pub(crate) struct Wakes {
    of: BTreeMap<RunKey, Timestamp>,
    in_order: BTreeSet<(Timestamp, RunKey)>,
}

impl Wakes {
    /// The run's moment is this one, or it has none any more.
    pub fn set(&mut self, run: &RunKey, at: Option<Timestamp>) {
        let before = match at {
            Some(at) => self.of.insert(run.clone(), at),
            None => self.of.remove(run),
        };
        if before == at {
            return;
        }
        if let Some(before) = before {
            self.in_order.remove(&(before, run.clone()));
        }
        self.in_order.extend(at.map(|at| (at, run.clone())));
    }

    /// The next moment of any run.
    pub fn next(&self) -> Option<Timestamp> {
        self.in_order.first().map(|(at, _)| *at)
    }

    /// The runs whose moment has come, by key; they have none any more.
    pub fn take_due(&mut self, now: Timestamp) -> Vec<RunKey> {
        let mut due = Vec::new();
        while let Some((at, _)) = self.in_order.first()
            && *at <= now
            && let Some((_, run)) = self.in_order.pop_first()
        {
            self.of.remove(&run);
            due.push(run);
        }
        due.sort();
        due
    }
}

//! Which runs a daemon takes into its next batch, where other daemons want the same ones.
//!
//! A batch holds its runs from its first reading to its commit. If each daemon held all that it is
//! asked about, one would work and the others would wait, and a core would be idle. So whoever has met
//! others of late takes about half of what it wants, of what is free, and leaves the rest for its next
//! turn; it waits for a run only if none is free, or if that one was passed over too often.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use vekha_engine::RunKey;

/// How long others that were met are expected again.
const OF_LATE: Duration = Duration::from_secs(1);

/// How often a run may be passed over.
const PATIENT: u32 = 2;

/// What is known of the turns before.
#[derive(Debug, Default)]
pub(super) struct Turns {
    met: Option<Instant>,
    /// Runs that are wanted and were not taken, and how often.
    passed_over: HashMap<RunKey, u32>,
}

impl Turns {
    /// The run that must be waited for, if one was passed over too often.
    pub fn overdue<'r>(&self, wanted: &'r BTreeSet<RunKey>) -> Option<&'r RunKey> {
        self.longest(wanted).filter(|run| self.passes(run) >= PATIENT)
    }

    /// The run that was passed over most often.
    pub fn longest<'r>(&self, wanted: &'r BTreeSet<RunKey>) -> Option<&'r RunKey> {
        // The first of equals, so that daemons that begin together wait in one order.
        wanted.iter().rev().max_by_key(|run| self.passes(run))
    }

    fn passes(&self, run: &RunKey) -> u32 {
        self.passed_over.get(run).copied().unwrap_or_default()
    }

    /// How many of so many runs are taken at once.
    pub fn share(&self, wanted: usize, now: Instant) -> usize {
        let of_late = |met| now.saturating_duration_since(met) < OF_LATE;
        if self.met.is_some_and(of_late) { wanted.div_ceil(2) } else { wanted }
    }

    /// Others held some of the runs.
    pub fn meet(&mut self, now: Instant) {
        self.met = Some(now);
    }

    /// The turn is made up: these were wanted, and some of them are taken.
    pub fn take(&mut self, wanted: &BTreeSet<RunKey>, taken: impl Fn(&RunKey) -> bool) {
        let left = wanted.iter().filter(|run| !taken(run));
        self.passed_over = left.map(|run| (run.clone(), self.passes(run) + 1)).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(names: &[&str]) -> BTreeSet<RunKey> {
        let key = |name: &&str| format!("zarechny/survey/{name}").parse().expect("a key");
        names.iter().map(key).collect()
    }

    #[test]
    fn all_is_taken_until_others_are_met_and_again_when_they_are_gone() {
        let (mut turns, begun) = (Turns::default(), Instant::now());
        assert_eq!(turns.share(5, begun), 5);
        turns.meet(begun);
        assert_eq!([5, 4, 1, 0].map(|wanted| turns.share(wanted, begun)), [3, 2, 1, 0]);
        assert_eq!(turns.share(5, begun + OF_LATE), 5);
    }

    #[test]
    fn a_run_that_others_always_hold_is_waited_for_in_its_third_turn() {
        let (mut turns, wanted) = (Turns::default(), runs(&["2025", "2026", "2027"]));
        let held = runs(&["2026"]);
        for _ in 0..PATIENT {
            assert_eq!(turns.overdue(&wanted), None);
            turns.take(&wanted, |run| !held.contains(run));
        }
        assert_eq!(turns.overdue(&wanted), held.first());
        assert_eq!(turns.overdue(&runs(&["2025"])), None);
        turns.take(&wanted, |_| true);
        assert_eq!(turns.overdue(&wanted), None);
        assert_eq!(turns.longest(&wanted), wanted.first());
    }
}

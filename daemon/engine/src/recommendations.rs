//! What organisations are recommended, with the drafts that still wait for a person at hand.

use std::collections::BTreeSet;

use crate::key::AssignmentKey;
use crate::keyed::{Indexed, Keyed};
use crate::run::{Recommendation, RecommendationState};

/// What organisations are recommended, by stage and organisation.
pub type Recommendations = Keyed<Recommendation>;

impl Indexed for Recommendation {
    /// Those that are drafts.
    type Index = BTreeSet<AssignmentKey>;

    fn enter(&self, key: &AssignmentKey, drafts: &mut BTreeSet<AssignmentKey>) {
        if self.state == RecommendationState::Draft {
            drafts.insert(key.clone());
        }
    }

    fn leave(&self, key: &AssignmentKey, drafts: &mut BTreeSet<AssignmentKey>) {
        drafts.remove(key);
    }
}

impl Recommendations {
    /// The drafts of a stage, by organisation.
    pub fn drafts<'a>(&'a self, stage: &'a str) -> impl Iterator<Item = &'a AssignmentKey> {
        let first = AssignmentKey::new(stage, "");
        self.index().range(first..).take_while(move |key| key.stage == stage)
    }
}

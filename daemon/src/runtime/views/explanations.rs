//! What organisations have explained in their answers: whoever judges what was found sees it beside.

use std::collections::{BTreeMap, BTreeSet};

use vekha_engine::run::{AssignmentKind, AssignmentState, Run};
use vekha_roadmap::RoadMap;
use vekha_roadmap::answers::{Values, explained};

use crate::runtime::Runtime;
use crate::store::{StoreError, document};

/// So many explanations of an organisation are told, the rest is counted.
const MOST: usize = 6;

/// What an organisation has explained in a run.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Explanations {
    /// Whereabouts in the form, and what was said; the first of them.
    pub told: Vec<(String, String)>,
    /// How many more there are.
    pub more: usize,
}

impl Runtime {
    /// What these organisations have explained in the answers that stand in a run, by code; who has
    /// explained nothing, or whose answer cannot be read, is left out.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn explanations(
        &self,
        map: &RoadMap,
        run: &Run,
        codes: &BTreeSet<&str>,
    ) -> Result<BTreeMap<String, Explanations>, StoreError> {
        let mut all: BTreeMap<String, Explanations> = BTreeMap::new();
        let Some(activity) = map.activity(&run.key.activity) else { return Ok(all) };
        // What was asked once more takes the place of what was said before.
        let mut newest: BTreeMap<(&str, &str), (String, &str)> = BTreeMap::new();
        for stage in &run.stages {
            for (key, assignment) in run.assignments.of_stage(&stage.id) {
                let stands = assignment.kind == AssignmentKind::Collect
                    && assignment.state == AssignmentState::Answered;
                if stands && codes.contains(key.organisation.as_str()) {
                    let id = format!("{}/{key}/{}", run.key, assignment.version);
                    let place = (key.organisation.as_str(), activity.first_of(&stage.id));
                    newest.insert(place, (id, &stage.id));
                }
            }
        }
        let ids: Vec<String> = newest.values().map(|(id, _)| id.clone()).collect();
        let by_id: BTreeMap<&str, (&str, &str)> =
            newest.iter().map(|((code, _), (id, stage))| (id.as_str(), (*code, *stage))).collect();
        for row in self.store.submissions_by_id(&ids).await? {
            let Some((code, stage)) = by_id.get(row.id.as_str()) else { continue };
            let answers =
                self.store.readable(&row.id, document::<Values>(&row.id, &row.answers))?;
            let form = map.form_of(&run.key.activity, stage);
            let (Some(answers), Some(form)) = (answers, form) else { continue };
            for (place, text) in explained(form, &answers) {
                let own = all.entry((*code).to_owned()).or_default();
                match own.told.len() < MOST {
                    true => own.told.push((place, text.to_owned())),
                    false => own.more += 1,
                }
            }
        }
        Ok(all)
    }
}

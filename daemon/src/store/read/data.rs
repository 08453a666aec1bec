//! What runs offer to the work of others: their answers, indicators and findings. Only what is wanted
//! is loaded: of a thousand schools each of them is long.

use std::collections::BTreeMap;

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use vekha_analysis::{Outcome, Values};
use vekha_engine::RunKey;
use vekha_engine::data::{RunData, Wanted, gather};

use super::outcomes::{Findings, Indicators};
use super::runs::{self, Load, Loaded};
use crate::store::entities::{analysis, submission};
use crate::store::{Store, StoreError, document, unreadable};

impl Store {
    /// Runs with those who were asked, but with nothing of what followed from the answers, as far as
    /// they exist.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn asked(&self, runs: &[String]) -> Result<BTreeMap<RunKey, Loaded>, StoreError> {
        runs::load(self.reader(), runs, Load::Assignments).await?.whole()
    }

    /// What is wanted of runs, as far as they exist; `loaded` are those of [`Store::asked`] that are
    /// at hand.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn data(
        &self,
        wanted: &BTreeMap<RunKey, Wanted>,
        mut loaded: BTreeMap<RunKey, Loaded>,
    ) -> Result<BTreeMap<RunKey, RunData>, StoreError> {
        let of = |what: fn(&Wanted) -> bool| -> Vec<String> {
            wanted.iter().filter(|(_, w)| what(w)).map(|(key, _)| key.to_string()).collect()
        };
        let missing = |answers: bool| -> Vec<String> {
            let missing = wanted
                .iter()
                .filter(|(key, wanted)| wanted.answers == answers && !loaded.contains_key(key));
            missing.map(|(key, _)| key.to_string()).collect()
        };
        let (others, bare) = (missing(true), missing(false));
        loaded.retain(|key, _| wanted.contains_key(key));
        loaded.extend(self.asked(&others).await?);
        loaded.extend(runs::load(self.reader(), &bare, Load::Bare).await?.whole()?);
        let mut answers = self.answers(&of(|wanted| wanted.answers)).await?;
        let analysed = of(|wanted| wanted.indicators || wanted.findings);
        let mut outcomes = self.partial_outcomes(&analysed, wanted).await?;
        let gathered = loaded.into_iter().map(|(key, loaded)| {
            let id = key.to_string();
            let data = gather(
                &loaded.run,
                |assignment| answers.remove(&format!("{id}/{assignment}")),
                |stage| outcomes.remove(&format!("{id}/{stage}")),
            );
            (key, data)
        });
        Ok(gathered.collect())
    }

    /// The newest answers of runs, by assignment.
    async fn answers(&self, runs: &[String]) -> Result<BTreeMap<String, Values>, StoreError> {
        let mut answers = BTreeMap::new();
        for chunk in runs.chunks(runs::AT_ONCE) {
            // Ascending versions: the newest stays.
            let rows = submission::Entity::find()
                .filter(submission::Column::Run.is_in(chunk.iter().map(String::as_str)))
                .order_by_asc(submission::Column::Version)
                .all(self.reader())
                .await?;
            let mut newest = BTreeMap::new();
            for row in rows {
                newest.insert(row.assignment, (row.id, row.answers));
            }
            for (assignment, (id, text)) in newest {
                answers.insert(assignment, document(&id, &text)?);
            }
        }
        Ok(answers)
    }

    /// What is wanted of the analyses of runs, by `run/stage`.
    async fn partial_outcomes(
        &self,
        runs: &[String],
        wanted: &BTreeMap<RunKey, Wanted>,
    ) -> Result<BTreeMap<String, Outcome>, StoreError> {
        let mut outcomes = BTreeMap::new();
        for chunk in runs.chunks(runs::AT_ONCE) {
            let rows = analysis::Entity::find()
                .filter(analysis::Column::Run.is_in(chunk.iter().map(String::as_str)))
                .all(self.reader())
                .await?;
            for row in rows {
                let key: RunKey = row.run.parse().map_err(|e| unreadable(&row.id, e))?;
                let wanted = wanted.get(&key).copied().unwrap_or_default();
                let mut outcome = Outcome::default();
                if wanted.indicators {
                    outcome.indicators = document::<Indicators>(&row.id, &row.body)?.indicators;
                }
                if wanted.findings {
                    outcome.findings = document::<Findings>(&row.id, &row.body)?.findings;
                }
                outcomes.insert(row.id, outcome);
            }
        }
        Ok(outcomes)
    }
}

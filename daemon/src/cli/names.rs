//! Short names: `29/2026-27` for `municipalities/m/activities/low-result-schools/runs/2026-27`.

use anyhow::anyhow;
use vekha_proto::v1;
use vekha_roadmap::diagnostic::nearest;

/// What short names mean in a municipality.
pub(super) struct Names {
    /// `municipalities/m`
    municipality: String,
    activities: Vec<v1::Activity>,
}

/// Whether a name is the contract's own.
pub(super) fn is_full(text: &str) -> bool {
    text.starts_with("municipalities/")
}

impl Names {
    /// Those of a municipality with these activities.
    pub fn of(municipality: &str, activities: Vec<v1::Activity>) -> Self {
        Names { municipality: municipality.to_owned(), activities }
    }

    /// An activity's full name from its number or id.
    pub fn activity(&self, text: &str) -> anyhow::Result<String> {
        if is_full(text) {
            return Ok(text.to_owned());
        }
        let number = text.parse::<u32>().ok();
        let is = |a: &&v1::Activity| a.id == text || Some(a.number) == number;
        if let Some(found) = self.activities.iter().find(is) {
            return Ok(found.name.clone());
        }
        let near = nearest(text, self.activities.iter().map(|a| a.id.as_str()));
        let perhaps = near.map(|near| format!("; может быть, {near}")).unwrap_or_default();
        Err(anyhow!(
            "мероприятия «{text}» в дорожной карте нет{perhaps}. Ушедшее из карты называют целиком: \
             {}/activities/{text}",
            self.municipality
        ))
    }

    /// A run's full name from `29/2026-27`.
    pub fn run(&self, text: &str) -> anyhow::Result<String> {
        if is_full(text) {
            return Ok(text.to_owned());
        }
        let (activity, run) = text
            .split_once('/')
            .filter(|(_, run)| !run.contains('/'))
            .ok_or_else(|| anyhow!("«{text}»: нужно мероприятие/период, например 29/2026-27"))?;
        Ok(format!("{}/runs/{run}", self.activity(activity)?))
    }

    /// The full name of something below a run from `29/2026-27/collect.school-1`.
    pub fn below(&self, text: &str, collection: &str) -> anyhow::Result<String> {
        if is_full(text) {
            return Ok(text.to_owned());
        }
        let (run, id) = text.rsplit_once('/').ok_or_else(|| {
            anyhow!("«{text}»: нужно мероприятие/период/…, например 29/2026-27/collect.school-1")
        })?;
        Ok(format!("{}/{collection}/{id}", self.run(run)?))
    }
}

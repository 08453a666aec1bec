//! What organisations are recommended in a year, and where that stands.

use jiff::civil::Date;
use vekha_engine::run::Recommendation;
use vekha_engine::{AssignmentKey, RunKey};
use vekha_roadmap::model::{Municipality, Severity};

use crate::runtime::Runtime;
use crate::store::StoreError;
use crate::store::document;
use crate::store::read::{Filter, Page};

/// A recommendation of a year.
#[derive(Debug, Clone)]
pub struct Recommended {
    /// The run that recommends.
    pub run: RunKey,
    /// In which stage, and to whom.
    pub key: AssignmentKey,
    /// The day that it is counted by.
    pub date: Date,
    /// The recommendation.
    pub recommendation: Recommendation,
}

impl Recommended {
    /// The gravest of its findings.
    pub fn gravest(&self) -> Option<Severity> {
        self.recommendation.items.iter().map(|item| item.severity).max()
    }
}

/// The day that a recommendation is counted by: of its letter, or else of its draft. Where neither
/// is known, the last one of the run's period.
pub fn recommended_on(municipality: &Municipality, run: &RunKey, one: &Recommendation) -> Date {
    let at = one.issued_at.or(one.drafted_at);
    at.map_or_else(|| run.period.last_day(), |at| municipality.today(at))
}

/// The recommendations of a year, by date, run and organisation.
///
/// # Errors
/// When the database cannot be read.
pub async fn recommended(
    runtime: &Runtime,
    municipality: &Municipality,
    year: i16,
) -> Result<Vec<Recommended>, StoreError> {
    let store = runtime.store();
    let filter = Filter { municipality: Some(municipality.id.clone()), ..Filter::default() };
    let mut all = Vec::new();
    for row in store.list_recommendations(&filter, &Page::all()).await? {
        let read = document::<Recommendation>(&row.id, &row.body);
        let Some(recommendation) = store.readable(&row.id, read)? else { continue };
        let Ok(run) = row.run.parse::<RunKey>() else { continue };
        let date = recommended_on(municipality, &run, &recommendation);
        if date.year() == year {
            let key = AssignmentKey::new(&row.stage, &row.organisation);
            all.push(Recommended { run, key, date, recommendation });
        }
    }
    all.sort_by(|a, b| (a.date, &a.run, &a.key).cmp(&(b.date, &b.run, &b.key)));
    Ok(all)
}

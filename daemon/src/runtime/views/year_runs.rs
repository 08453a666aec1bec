//! What ran in a year, and by which road map: old years are told in their own words.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use vekha_engine::RunKey;
use vekha_roadmap::RoadMap;

use crate::runtime::Runtime;
use crate::runtime::road_maps::Version;
use crate::runtime::views::overview::runs_of_years;
use crate::store::StoreError;

/// The activities that ran for the periods that end in a year, and whatever else is told in it.
pub struct Ran {
    /// The newest road map that any of the runs keeps; with none, the newest of all.
    version: Arc<Version>,
    /// By activity: the newest road map that its runs keep, and the runs.
    activities: BTreeMap<String, (Arc<Version>, Vec<RunKey>)>,
}

impl Ran {
    /// In this year; `newest` is the road map of today. `also` are runs about other periods of which
    /// something was decided or recommended in the year.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn in_year(
        runtime: &Runtime,
        newest: &Arc<Version>,
        year: i16,
        also: impl IntoIterator<Item = RunKey>,
    ) -> Result<Self, StoreError> {
        let municipality = &newest.road_map.municipality;
        let mut keys = runs_of_years(runtime, municipality, year..=year).await?;
        let known: BTreeSet<RunKey> = keys.iter().cloned().collect();
        let also: BTreeSet<RunKey> = also.into_iter().filter(|key| !known.contains(key)).collect();
        keys.extend(also);
        keys.sort_by_key(|key| key.period.first_day());
        let ids: Vec<String> = keys.iter().map(RunKey::to_string).collect();
        let numbers = runtime.store().versions_of_runs(&ids).await?;
        let mut activities: BTreeMap<String, (Arc<Version>, Vec<RunKey>)> = BTreeMap::new();
        for (key, id) in keys.into_iter().zip(ids) {
            let version =
                numbers.get(&id).and_then(|n| runtime.road_maps().version(&municipality.id, *n));
            let version = version.unwrap_or_else(|| newest.clone());
            let empty = || (version.clone(), Vec::new());
            let (last, keys) = activities.entry(key.activity.clone()).or_insert_with(empty);
            if version.number > last.number {
                *last = version;
            }
            keys.push(key);
        }
        let last = activities.values().map(|(version, _)| version).max_by_key(|v| v.number);
        Ok(Ran { version: last.unwrap_or(newest).clone(), activities })
    }

    /// The road map by which an activity ran, and its runs.
    pub fn of(&self, activity: &str) -> (&Arc<Version>, &[RunKey]) {
        match self.activities.get(activity) {
            Some((version, keys)) => (version, keys),
            None => (&self.version, &[]),
        }
    }

    /// The road map of the year: the newest that ran, and what had run before it was changed.
    pub fn road_map(&self) -> RoadMap {
        let mut map = self.version.road_map.clone();
        for (id, (version, _)) in &self.activities {
            let old = &version.road_map;
            let Some(activity) = old.activity(id).filter(|_| map.activity(id).is_none()) else {
                continue;
            };
            let sections = &mut map.municipality.sections;
            let section = old.municipality.sections.iter().find(|s| s.id == activity.section);
            if !sections.iter().any(|section| section.id == activity.section) {
                sections.extend(section.cloned());
            }
            map.activities.push(activity.clone());
            for organisation in &old.organisations {
                if map.organisation(&organisation.code).is_none() {
                    map.organisations.push(organisation.clone());
                }
            }
        }
        map.activities.sort_by_key(|activity| activity.number);
        map
    }
}

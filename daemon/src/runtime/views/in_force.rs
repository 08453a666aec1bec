//! Acts that hold in a year, whenever they were adopted: a road map adopted in 2020 is what the work
//! of 2027 follows.

use std::collections::{BTreeMap, BTreeSet};

use vekha_engine::RunKey;
use vekha_engine::run::Decision;
use vekha_roadmap::RoadMap;
use vekha_roadmap::model::Every;

use crate::runtime::Runtime;
use crate::store::StoreError;
use crate::store::read::{Filter, Page};

/// The runs whose decisions hold at the end of a year: those of activities that are done once, and of
/// the others whose acts the year's method of assessment asks for the latest.
///
/// # Errors
/// When the database cannot be read.
pub async fn in_force(
    runtime: &Runtime,
    map: &RoadMap,
    year: i16,
) -> Result<BTreeSet<RunKey>, StoreError> {
    let municipality = Some(map.municipality.id.clone());
    let filter = Filter { municipality, ..Filter::default() };
    let rows = runtime.store().list_decisions(&filter, &Page::all()).await?;
    let acting: BTreeSet<&str> =
        map.evidence_of(year).into_iter().flat_map(|method| method.acting()).collect();
    let end = format!("{year:04}-12-31");
    let mut latest: BTreeMap<String, (String, RunKey)> = BTreeMap::new();
    let mut holding = BTreeSet::new();
    for row in rows.iter().filter(|row| row.date <= end) {
        let Ok(key) = row.run.parse::<RunKey>() else { continue };
        let activity = map.activity(&key.activity);
        if activity.is_some_and(|activity| matches!(activity.schedule.every, Every::Once { .. })) {
            holding.insert(key);
        } else if acting.contains(key.activity.as_str())
            && latest.get(&key.activity).is_none_or(|(date, _)| *date <= row.date)
        {
            latest.insert(key.activity.clone(), (row.date.clone(), key));
        }
    }
    holding.extend(latest.into_values().map(|(_, key)| key));
    Ok(holding)
}

/// The decisions of a run that hold at the end of a year, by their numbers: taken by then, and not
/// corrected by then.
pub fn holding(decisions: &[Decision], year: i16) -> impl Iterator<Item = (usize, &Decision)> {
    let by_then = move |decision: &Decision| decision.document.date.year() <= year;
    let corrected: BTreeSet<usize> = decisions
        .iter()
        .filter(|decision| by_then(decision))
        .filter_map(|decision| decision.corrects)
        .collect();
    (1..)
        .zip(decisions)
        .filter(move |(number, decision)| by_then(decision) && !corrected.contains(number))
}

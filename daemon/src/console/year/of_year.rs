//! Pages about a year of a municipality: which one is meant, and the way to those beside it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::response::Response;
use serde_json::{Value, json};
use vekha_roadmap::model::Municipality;

use crate::console::department::administrator;
use crate::console::frame::access::Person;
use crate::console::frame::problem;
use crate::runtime::Runtime;
use crate::runtime::road_maps::Version;
use crate::store::StoreError;

/// The municipality's road map and the year asked for, or else this one.
pub async fn open(
    runtime: &Runtime,
    municipality: &str,
    query: &BTreeMap<String, String>,
) -> Result<(Arc<Version>, i16), Response> {
    let Some(version) = runtime.road_maps().newest(municipality) else {
        return Err(problem::no_such_page().await);
    };
    let asked_for = query.get("year").and_then(|year| year.parse::<i16>().ok());
    let this = version.road_map.municipality.today(runtime.clock().now()).year();
    let year = asked_for.filter(|year| (1900..=2200).contains(year)).unwrap_or(this);
    Ok((version, year))
}

/// The same, with all that `of` finds in the year.
pub async fn all<T>(
    runtime: &Runtime,
    municipality: &str,
    query: &BTreeMap<String, String>,
    of: impl AsyncFnOnce(&Runtime, &Municipality, i16) -> Result<Vec<T>, StoreError>,
) -> Result<(Arc<Version>, i16, Vec<T>), Response> {
    let (version, year) = open(runtime, municipality, query).await?;
    let all = of(runtime, &version.road_map.municipality, year).await;
    Ok((version, year, all.map_err(|e| problem::unavailable(&e))?))
}

/// What every such page shows; the years beside this one only where there is something to see: from
/// the first run's to the coming one.
pub async fn context(
    runtime: &Runtime,
    version: &Version,
    person: &Person,
    year: i16,
) -> Result<Value, Response> {
    let municipality = &version.road_map.municipality;
    let keys = runtime.store().run_keys(&municipality.id).await;
    let keys = keys.map_err(|e| problem::unavailable(&e))?;
    let this = municipality.today(runtime.clock().now()).year();
    let first = keys.iter().map(|key| key.period.first_day().year()).min().unwrap_or(this);
    let last = keys.iter().map(|key| key.period.last_day().year()).max().unwrap_or(this);
    let mut context = administrator::context(runtime, version, person);
    context["year"] = year.into();
    context["years"] = json!({
        "before": (year > first.min(this)).then_some(year - 1),
        "after": (year <= last.max(this)).then_some(year + 1),
    });
    Ok(context)
}

//! An indicator as templates know it, those of the road map and our own.

use serde_json::{Value, json};

use super::chart::{self, Chart};
use super::{Indicator, Row};

/// Its figures as people read them, and its charts.
pub fn values(one: &Indicator) -> Value {
    let withheld = one
        .withheld
        .iter()
        .map(|(organisation, reason)| json!({ "organisation": organisation, "reason": reason }));
    let svg = |chart: Option<Chart>| chart.map(|chart| chart.svg);
    json!({
        "title": one.title,
        "unit": one.unit,
        "count": one.rows.len(),
        "municipality": municipality(one),
        "rows": one.rows.iter().map(|each| row(one, each)).collect::<Vec<_>>(),
        "withheld": withheld.collect::<Vec<_>>(),
        "charts": {
            "ranking": svg(chart::ranking(one)),
            "spread": svg(chart::spread(one)),
            "trend": svg(chart::trend(one)),
        },
    })
}

/// Its figures over the municipality as people read them; nothing where there are none.
pub fn municipality(one: &Indicator) -> Value {
    json!(one.municipality.map(|a| {
        let mut told = json!({
            "count": a.count, "mean": one.between(a.mean), "median": one.between(a.median),
            "min": one.shown(a.min), "max": one.shown(a.max),
            "lower_quartile": one.between(a.lower_quartile),
            "upper_quartile": one.between(a.upper_quartile),
        });
        if let Some(whole) = a.whole {
            told["whole"] = one.shown(whole).into();
        }
        told
    }))
}

fn row(one: &Indicator, row: &Row) -> Value {
    json!({
        "organisation": row.organisation,
        "value": one.shown(row.value),
        "earlier": row.earlier.map(|value| one.shown(value)),
        "rank": row.rank,
        "apart": row.apart,
        "own": row.own,
    })
}

//! How the values of an indicator lie: a point for each organisation over the quartiles.

use std::collections::BTreeMap;

use super::scale::Scale;
use super::{Anchor, Chart, Drawing, FAINT, LINE, OWN, VALUE, WIDTH};
use crate::reports::Indicator;

/// Where the axis begins and ends.
const SIDES: [f64; 2] = [24.0, WIDTH - 24.0];
/// Of all points above each other.
const POINTS: f64 = 84.0;
/// Largest point.
const RADIUS: f64 = 5.0;
/// Of a column of points.
const COLUMN: f64 = 2.0 * RADIUS;

/// Points over the axis, piled where they meet, and a box from the lower to the upper quartile with
/// the median in it. None where there are too few values to compare, or all are the same.
pub fn spread(indicator: &Indicator) -> Option<Chart> {
    let a = indicator.municipality.filter(|_| indicator.varies())?;
    let values = || indicator.rows.iter().map(|row| row.value);
    let scale = Scale::over(values(), indicator.decimals, SIDES);
    let mut columns: BTreeMap<i64, Vec<(f64, bool)>> = BTreeMap::new();
    for row in &indicator.rows {
        let x = scale.place(row.value);
        columns.entry((x / COLUMN) as i64).or_default().push((x, row.own));
    }
    let highest = columns.values().map(Vec::len).max().unwrap_or(1);
    let height = (POINTS / highest as f64).min(2.0 * RADIUS);
    let radius = (height / 2.0).max(0.8);
    let floor = POINTS + 4.0;
    let mut drawing = Drawing::default();
    for (column, mut points) in columns {
        // The organisation that it is about lies at the bottom of its pile, where it is seen.
        points.sort_by_key(|(_, own)| !own);
        let alone = points.len() == 1;
        for (place, (x, own)) in points.into_iter().enumerate() {
            let x = if alone { x } else { (column as f64 + 0.5) * COLUMN };
            let y = floor - height * (place as f64 + 0.5);
            let (class, fill) = if own { ("own", OWN) } else { ("value", VALUE) };
            drawing.dot([x, y], if own { radius.max(4.0) } else { radius }, class, fill);
        }
    }
    let quartiles = [a.lower_quartile, a.upper_quartile].map(|value| scale.place(value));
    let y = floor + 8.0;
    drawing.line([scale.place(a.min), y + 6.0], [scale.place(a.max), y + 6.0], "axis", LINE);
    let width = (quartiles[1] - quartiles[0]).max(1.0);
    drawing.rect([quartiles[0], y], [width, 12.0], "half", FAINT);
    let x = scale.place(a.median);
    drawing.line([x, y - 3.0], [x, y + 15.0], "middle", "#000");
    let axis = y + 22.0;
    drawing.line([SIDES[0], axis], [SIDES[1], axis], "axis", LINE);
    for (value, text) in scale.ticks() {
        let x = scale.place(value);
        drawing.line([x, axis], [x, axis + 4.0], "axis", LINE);
        drawing.text([x, axis + 17.0], Anchor::Middle, false, &text);
    }
    let description = format!(
        "Каждая точка — организация. Полоса под точками — половина организаций, от {} до {}; \
         черта в ней — медиана, {}.",
        indicator.between(a.lower_quartile),
        indicator.between(a.upper_quartile),
        indicator.between(a.median)
    );
    Some(drawing.finish(axis + 24.0, &indicator.heading(), &description))
}

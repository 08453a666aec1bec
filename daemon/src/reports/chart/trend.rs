//! An indicator over the periods.

use super::scale::Scale;
use super::{Anchor, Chart, Drawing, FAINT, LINE, OWN, WIDTH};
use crate::reports::{Indicator, Point};

/// Where the lines begin and end.
const SIDES: [f64; 2] = [64.0, WIDTH - 130.0];
/// Their top and bottom.
const ENDS: [f64; 2] = [14.0, 150.0];

/// The municipality's median, and the organisation's own values if the report is about one. None
/// where nothing changed.
pub fn trend(indicator: &Indicator) -> Option<Chart> {
    if !indicator.changes() {
        return None;
    }
    let history = &indicator.history;
    let values = history.iter().flat_map(|point| [point.own, point.median]).flatten();
    // Upwards: the bottom comes first.
    let scale = Scale::over(values, indicator.decimals, [ENDS[1], ENDS[0]]);
    let step = (SIDES[1] - SIDES[0]) / (history.len() - 1).max(1) as f64;
    let x = |place: usize| SIDES[0] + step * place as f64;
    let mut drawing = Drawing::default();
    for (value, text) in scale.ticks() {
        let y = scale.place(value);
        drawing.line([SIDES[0] - 10.0, y], [SIDES[1] + 10.0, y], "grid", FAINT);
        drawing.text([SIDES[0] - 16.0, y + 4.0], Anchor::End, false, &text);
    }
    for (place, point) in history.iter().enumerate() {
        drawing.text([x(place), ENDS[1] + 22.0], Anchor::Middle, false, &point.period);
    }
    let mut lines = |of: fn(&Point) -> Option<f64>, name: &str, class: &str, stroke: &str| {
        let own = class == "own";
        let points: Vec<Option<[f64; 2]>> = history
            .iter()
            .enumerate()
            .map(|(place, point)| Some([x(place), scale.place(of(point)?)]))
            .collect();
        // What is not known breaks the line.
        for piece in points.split(Option::is_none) {
            let piece: Vec<[f64; 2]> = piece.iter().copied().flatten().collect();
            if piece.len() > 1 {
                drawing.path(&piece, class, stroke, if own { 2.5 } else { 1.8 });
            }
            for point in piece {
                drawing.dot(point, if own { 4.5 } else { 3.0 }, class, stroke);
            }
        }
        // Beside the chart, where no line goes, though a line may end before.
        let last = points.into_iter().flatten().last();
        last.map(|[_, y]| (SIDES[1], y, name.to_owned(), own))
    };
    let ends = [
        lines(|point| point.median, "медиана", "median", LINE),
        lines(|point| point.own, "организация", "own", OWN),
    ];
    let mut names: Vec<_> = ends.into_iter().flatten().collect();
    // Names must not lie on each other.
    if let [first, second] = names.as_mut_slice()
        && (first.1 - second.1).abs() < 14.0
    {
        let (upper, lower) = if first.1 <= second.1 { (first, second) } else { (second, first) };
        let middle = f64::midpoint(upper.1, lower.1);
        (upper.1, lower.1) = (middle - 7.0, middle + 7.0);
    }
    for (x, y, name, own) in names {
        drawing.text([x + 12.0, y + 4.0], Anchor::Start, own, &name);
    }
    let description = match history.iter().any(|point| point.own.is_some()) {
        true => "Сплошная линия — организация, пунктир — медиана по муниципалитету.",
        false => "Пунктир — медиана по муниципалитету.",
    };
    Some(drawing.finish(ENDS[1] + 34.0, &indicator.heading(), description))
}

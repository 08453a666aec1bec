//! Organisations side by side, the best first where one way is good.

use super::scale::Scale;
use super::{Anchor, Chart, Drawing, FAINT, LINE, OWN, VALUE, WIDTH, cut, wide};
use crate::reports::{Indicator, Row};

/// Height of a row.
const ROW: f64 = 22.0;
/// Where bars begin.
const LEFT: f64 = 230.0;
/// Where bars end: the value stands beside.
const RIGHT: f64 = 560.0;
/// Of the axis with its numbers.
const FOOT: f64 = 34.0;
/// Most bars: of more organisations the first and the last are drawn.
const MOST: usize = 40;

/// A bar for each organisation, and the municipality's median across. None where all are the same.
pub fn ranking(indicator: &Indicator) -> Option<Chart> {
    if !indicator.varies() {
        return None;
    }
    let median = indicator.municipality.map(|a| a.median);
    let values = indicator.rows.iter().map(|row| row.value);
    // Bars begin at zero, or they lie.
    let scale = Scale::over(values.chain(median).chain([0.0]), indicator.decimals, [LEFT, RIGHT]);
    let mut drawing = Drawing::default();
    let left_out = indicator.rows.len().saturating_sub(MOST);
    let ends = if left_out > 0 { MOST / 2 } else { indicator.rows.len() };
    let mut y = 4.0;
    // From where to where words stand, by row.
    let mut words: Vec<[f64; 2]> = Vec::new();
    for row in &indicator.rows[..ends] {
        words.push(bar(&mut drawing, indicator, &scale, row, y));
        y += ROW;
    }
    if left_out > 0 {
        let text = format!("… и ещё {left_out} …");
        drawing.text([LEFT, y + 15.0], Anchor::Start, false, &text);
        words.push([LEFT, LEFT + wide(&text)]);
        y += ROW;
        for row in &indicator.rows[indicator.rows.len() - ends..] {
            words.push(bar(&mut drawing, indicator, &scale, row, y));
            y += ROW;
        }
    }
    drawing.line([LEFT, y + 2.0], [RIGHT, y + 2.0], "axis", LINE);
    for (value, text) in scale.ticks() {
        let x = scale.place(value);
        drawing.line([x, y + 2.0], [x, y + 6.0], "axis", LINE);
        drawing.text([x, y + 19.0], Anchor::Middle, false, &text);
    }
    if let Some(median) = median {
        across(&mut drawing, scale.place(median), &words, y + 2.0);
    }
    let description = match median {
        Some(median) => format!(
            "Столбики организаций; пунктир — медиана по муниципалитету, {}.",
            indicator.between(median)
        ),
        None => "Столбики организаций.".to_owned(),
    };
    Some(drawing.finish(y + FOOT, &indicator.heading(), &description))
}

/// The median's line from top to bottom, broken where it would cross words.
fn across(drawing: &mut Drawing, x: f64, words: &[[f64; 2]], bottom: f64) {
    let mut from = 0.0;
    for (place, [begin, end]) in words.iter().enumerate() {
        if (begin - 2.0..=end + 2.0).contains(&x) {
            let top = 4.0 + ROW * place as f64;
            if top > from {
                drawing.line([x, from], [x, top], "median", LINE);
            }
            from = top + ROW;
        }
    }
    drawing.line([x, from], [x, bottom], "median", LINE);
}

/// Draws a row; returns from where to where its value stands.
fn bar(drawing: &mut Drawing, indicator: &Indicator, scale: &Scale, row: &Row, y: f64) -> [f64; 2] {
    let [zero, end] = [scale.place(0.0), scale.place(row.value)];
    let place = row.rank.map(|rank| format!("{rank}. ")).unwrap_or_default();
    let name = cut(&format!("{place}{}", row.organisation), 30);
    drawing.text([LEFT - 8.0, y + 15.0], Anchor::End, row.own, &name);
    let (class, fill) = if row.own { ("own", OWN) } else { ("value", VALUE) };
    drawing.rect([zero.min(end), y + 3.0], [(end - zero).abs().max(1.0), ROW - 6.0], class, fill);
    if row.apart {
        // Told by form, not by colour: a frame around the bar.
        let frame = [zero.min(end) - 2.0, y + 1.0];
        let size = [(end - zero).abs() + 4.0, ROW - 2.0];
        drawing.element(format_args!(
            r#"<rect class="apart" x="{:.1}" y="{:.1}" width="{:.1}" height="{:.1}" fill="none" stroke="{FAINT}" stroke-dasharray="2 2"/>"#,
            frame[0], frame[1], size[0], size[1]
        ));
    }
    let mark = if row.apart { " *" } else { "" };
    let value = format!("{}{mark}", indicator.shown(row.value));
    let x = zero.max(end).min(WIDTH - 60.0) + 6.0;
    drawing.text([x, y + 15.0], Anchor::Start, row.own, &value);
    [x, x + wide(&value)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_goes_around_the_words_beside_bars() {
        let mut drawing = Drawing::default();
        across(&mut drawing, 300.0, &[[310.0, 340.0], [280.0, 320.0], [100.0, 150.0]], 72.0);
        let lines: Vec<&str> = drawing.body.split("<line").skip(1).collect();
        assert_eq!(lines.len(), 2, "{}", drawing.body);
        assert!(lines[0].contains(r#"y1="0.0""#) && lines[0].contains(r#"y2="26.0""#));
        assert!(lines[1].contains(r#"y1="48.0""#) && lines[1].contains(r#"y2="72.0""#));
    }
}

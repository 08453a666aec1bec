//! Charts as SVG: told apart by lightness and form rather than by colour, so that they live through
//! a black and white printer, with a title and a description for who does not see them. The figures
//! stand in tables beside them.

mod picture;
mod ranking;
mod scale;
mod spread;
mod trend;

pub use picture::{Picture, pictures};
pub use ranking::ranking;
pub use spread::spread;
pub use trend::trend;

use std::fmt::{Display, Write as _};

/// How wide every chart is, in units of its own that are pixels on a screen.
pub const WIDTH: f64 = 640.0;

/// Of texts.
const INK: &str = "#1b1b1b";
/// Of what is beside the point: axes, the others' values.
const FAINT: &str = "#a9b1b9";
/// Of the municipality's own lines.
const LINE: &str = "#50565e";
/// Of values.
const VALUE: &str = "#5d7f9f";
/// Of the organisation that the chart is about.
const OWN: &str = "#0b2f55";

/// A chart: its drawing and how high it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// An `svg` element.
    pub svg: String,
    /// What it shows, for who does not see it.
    pub words: String,
    /// In the units of [`WIDTH`].
    pub height: f64,
}

/// A drawing under way.
#[derive(Debug, Default)]
struct Drawing {
    body: String,
}

/// Where a text stands to its point.
#[derive(Debug, Clone, Copy)]
enum Anchor {
    Start,
    Middle,
    End,
}

impl Drawing {
    // Writing to a string cannot fail.
    fn element(&mut self, text: std::fmt::Arguments<'_>) {
        self.body.write_fmt(text).unwrap_or_default();
    }

    fn rect(&mut self, [x, y]: [f64; 2], [width, height]: [f64; 2], class: &str, fill: &str) {
        self.element(format_args!(
            r#"<rect class="{class}" x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" fill="{fill}"/>"#
        ));
    }

    fn line(&mut self, [x1, y1]: [f64; 2], [x2, y2]: [f64; 2], class: &str, stroke: &str) {
        let dashes = if class == "median" { r#" stroke-dasharray="5 3""# } else { "" };
        self.element(format_args!(
            r#"<line class="{class}" x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}" stroke="{stroke}" stroke-width="1.5"{dashes}/>"#
        ));
    }

    fn dot(&mut self, [x, y]: [f64; 2], radius: f64, class: &str, fill: &str) {
        self.element(format_args!(
            r##"<circle class="{class}" cx="{x:.1}" cy="{y:.1}" r="{radius:.1}" fill="{fill}" stroke="#fff" stroke-width=".6"/>"##
        ));
    }

    /// A line through points.
    fn path(&mut self, points: &[[f64; 2]], class: &str, stroke: &str, width: f64) {
        let dashes = if class == "median" { r#" stroke-dasharray="6 4""# } else { "" };
        let points: Vec<String> = points.iter().map(|[x, y]| format!("{x:.1},{y:.1}")).collect();
        self.element(format_args!(
            r#"<polyline class="{class}" points="{}" fill="none" stroke="{stroke}" stroke-width="{width}"{dashes}/>"#,
            points.join(" ")
        ));
    }

    fn text(&mut self, [x, y]: [f64; 2], anchor: Anchor, bold: bool, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let weight = if bold { r#" font-weight="bold""# } else { "" };
        let text = Escaped(text);
        self.element(format_args!(
            r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}"{weight}>{text}</text>"#
        ));
    }

    fn finish(self, height: f64, title: &str, description: &str) -> Chart {
        let words = format!("{title}. {description}");
        let (title, description) = (Escaped(title), Escaped(description));
        let svg = format!(
            r#"<svg class="chart" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:.0} {height:.0}" role="img" font-family="DejaVu Sans, Segoe UI, Arial, sans-serif" font-size="12" fill="{INK}"><title>{title}</title><desc>{description}</desc>{}</svg>"#,
            self.body
        );
        Chart { svg, words, height }
    }
}

/// A text within an element.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            c => f.write_char(c),
        })
    }
}

/// How wide a text is at most, in the units of [`WIDTH`].
fn wide(text: &str) -> f64 {
    const LETTER: f64 = 9.0;
    text.chars().count() as f64 * LETTER
}

/// A text of at most so many characters.
fn cut(text: &str, most: usize) -> String {
    match text.chars().count() > most {
        true => text.chars().take(most - 1).chain(['…']).collect(),
        false => text.to_owned(),
    }
}

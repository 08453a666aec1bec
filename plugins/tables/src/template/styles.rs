//! How cells look, and how high rows must be: programs do not fit rows to what they find in a file.

use rust_xlsxwriter::{Color, Format, FormatAlign, FormatBorder};
use vekha_proto::v1::FieldType;

pub(super) struct Styles {
    pub organisation: Format,
    pub title: Format,
    pub text: Format,
    pub term: Format,
    pub section: Format,
    pub heading: Format,
    pub question: Format,
    pub help: Format,
    pub hint: Format,
    pub link: Format,
    answer: Format,
}

const PALE: Color = Color::RGB(0x00FF_FBE6);
const GREY: Color = Color::RGB(0x0059_5959);
const LINE: Color = Color::RGB(0x00A6_A6A6);
const HEAD: Color = Color::RGB(0x00E7_EDF3);

impl Styles {
    pub(super) fn new() -> Self {
        let plain = Format::new()
            .set_font_name("Arial")
            .set_font_size(10)
            .set_text_wrap()
            .set_align(FormatAlign::Top);
        let boxed = plain.clone().set_border(FormatBorder::Thin).set_border_color(LINE);
        Styles {
            organisation: plain.clone().set_font_color(GREY),
            title: plain.clone().set_bold().set_font_size(14),
            text: plain.clone(),
            term: plain.clone().set_font_color(GREY),
            section: plain.clone().set_bold().set_font_size(11).set_align(FormatAlign::Bottom),
            heading: boxed.clone().set_bold().set_background_color(HEAD),
            question: boxed.clone(),
            help: boxed.clone().set_font_color(GREY).set_font_size(9),
            hint: plain.set_font_color(GREY).set_font_size(8),
            link: boxed.clone().set_font_color(Color::RGB(0x0005_63C1)),
            answer: boxed.set_background_color(PALE).set_unlocked(),
        }
    }

    /// A cell for an answer of this type.
    pub(super) fn answer(&self, kind: FieldType) -> Format {
        let format = self.answer.clone();
        match kind {
            FieldType::Integer => format.set_num_format("#,##0"),
            FieldType::Decimal => format.set_num_format("#,##0.0#"),
            FieldType::Percent => format.set_num_format("0.0#"),
            FieldType::Date => format.set_num_format("dd.mm.yyyy").set_align(FormatAlign::Left),
            // As text, so that 1/2 stays what was typed, and = begins no formula.
            _ => format.set_num_format("@"),
        }
    }
}

/// The format of a cell that holds this text. What looks like a formula says that it is none, the way
/// a person says it with an apostrophe: so it stays text when somebody edits it.
pub(super) fn text_in(format: &Format, text: &str) -> Format {
    let format = format.clone();
    if super::csv::is_armed(text) { format.set_quote_prefix() } else { format }
}

/// How high a row is that shows these texts, each across so many characters of its column.
pub(super) fn height<'a>(cells: impl IntoIterator<Item = (&'a str, f64)>) -> f64 {
    let lines = cells.into_iter().map(|(text, width)| lines(text, width)).max().unwrap_or(1);
    (13.0 * lines as f64 + 3.0).min(400.0)
}

/// Lines of a text that breaks between words.
fn lines(text: &str, width: f64) -> usize {
    let width = width.max(1.0) as usize;
    let mut lines = 0;
    for paragraph in text.split('\n') {
        let mut used = 0;
        lines += 1;
        for word in paragraph.split_whitespace() {
            let length = word.chars().count();
            if used > 0 && used + 1 + length > width {
                lines += 1;
                used = 0;
            }
            used += length + usize::from(used > 0);
            lines += used / (width + 1);
            used %= width + 1;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_as_high_as_its_longest_text() {
        assert_eq!(lines("", 10.0), 1);
        assert_eq!(lines("один два три", 20.0), 1);
        assert_eq!(lines("один два три", 9.0), 2);
        assert_eq!(lines("один\nдва", 40.0), 2);
        assert!(height([("а", 10.0), ("один два три", 9.0)]) > height([("а", 10.0)]));
    }
}

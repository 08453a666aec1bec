//! How cells look.

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

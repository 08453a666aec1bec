//! A document for Word and LibreOffice that is printed on A4 as it is. Margins as GOST R 7.0.97-2016
//! has them.

use std::io::Cursor;

use docx_rs::{
    AlignmentType, BreakType, Docx, Footer, LineSpacing, PageMargin, PageNum, Paragraph, Pic, Run,
    RunFonts, Shading, Style, StyleType, Table, TableCell, TableLayoutType, TableRow, WidthType,
};

use vekha_roadmap::answers::is_printable;

use super::chart::Picture;

/// A4, in twentieths of a point.
const PAGE: [u32; 2] = [11_906, 16_838];
/// Left 30 mm, right 15 mm, the others 20 mm.
const MARGINS: PageMargin = PageMargin {
    top: 1134,
    left: 1701,
    bottom: 1134,
    right: 850,
    header: 567,
    footer: 567,
    gutter: 0,
};
/// What lies between the margins: the widths of a table's columns add up to it.
pub const WIDTH: usize = 9355;
/// The same in the units of pictures: 635 to a twentieth of a point.
const WIDTH_OF_PICTURES: f64 = WIDTH as f64 * 635.0;

/// Sizes are half points.
const TEXT: usize = 26;
const SMALL: usize = 22;
const HEADINGS: [(&str, &str, usize); 3] =
    [("Heading1", "heading 1", 30), ("Heading2", "heading 2", 28), ("Heading3", "heading 3", TEXT)];

/// A document that is being written from top to bottom.
#[derive(Debug)]
pub struct Document {
    docx: Docx,
}

impl Document {
    /// An empty one, with numbered pages.
    pub fn new() -> Self {
        let font = "Times New Roman";
        let font = RunFonts::new().ascii(font).hi_ansi(font).cs(font);
        let number = Paragraph::new().align(AlignmentType::Center).add_page_num(PageNum::new());
        let title = Style::new("Title", StyleType::Paragraph).name("Title").bold().size(30);
        let mut docx = Docx::new()
            .page_size(PAGE[0], PAGE[1])
            .page_margin(MARGINS)
            .default_fonts(font)
            .default_size(TEXT)
            .add_style(title.align(AlignmentType::Center))
            .footer(Footer::new().add_paragraph(number));
        for (level, (id, name, size)) in HEADINGS.into_iter().enumerate() {
            let style = Style::new(id, StyleType::Paragraph).name(name).bold().size(size);
            docx = docx.add_style(style.outline_lvl(level));
        }
        Document { docx }
    }

    fn add(&mut self, paragraph: Paragraph) {
        self.docx = std::mem::take(&mut self.docx).add_paragraph(paragraph);
    }

    /// The document's own name.
    pub fn title(&mut self, words: &str) {
        self.add(Paragraph::new().style("Title").add_run(Run::new().add_text(printable(words))));
    }

    /// A heading of level 1 to 3; one of the first level may begin a page.
    pub fn heading(&mut self, level: usize, words: &str, new_page: bool) {
        let (style, _, _) = HEADINGS[level.clamp(1, HEADINGS.len()) - 1];
        let spacing = LineSpacing::new().before(360).after(120);
        let paragraph = Paragraph::new().style(style).keep_next(true).line_spacing(spacing);
        let paragraph = if new_page { paragraph.page_break_before(true) } else { paragraph };
        self.add(paragraph.add_run(Run::new().add_text(printable(words))));
    }

    /// A paragraph.
    pub fn text(&mut self, words: &str) {
        self.add(lines(spaced(120).align(AlignmentType::Both), words, TEXT));
    }

    /// A paragraph that stays with what follows.
    pub fn lead(&mut self, words: &str) {
        self.add(lines(spaced(120).keep_next(true), words, TEXT));
    }

    /// A remark.
    pub fn small(&mut self, words: &str) {
        self.add(lines(
            Paragraph::new().line_spacing(LineSpacing::new().before(60).after(120)),
            words,
            SMALL,
        ));
    }

    /// A centred line.
    pub fn centred(&mut self, words: &str) {
        self.add(lines(Paragraph::new().align(AlignmentType::Center), words, TEXT));
    }

    /// Where somebody signs.
    pub fn signature(&mut self, who: &str) {
        self.text("");
        self.text(&format!("{who}  ______________________  /______________________/"));
    }

    /// A picture over the whole width.
    pub fn picture(&mut self, picture: &Picture) {
        let Picture { png, pixels: [width, height] } = picture;
        let high = WIDTH_OF_PICTURES * f64::from(*height) / f64::from(*width);
        let picture = Pic::new_with_dimensions(png.clone(), *width, *height);
        let picture = picture.size(WIDTH_OF_PICTURES as u32, high as u32);
        self.add(Paragraph::new().add_run(Run::new().add_image(picture)));
    }

    /// A table over the whole width, whose head comes again on every page: titles with widths, and
    /// rows. Words are set to the left, figures to the right.
    pub fn table(&mut self, columns: &[(&str, usize)], rows: impl Iterator<Item = Vec<String>>) {
        let grid: Vec<usize> = columns.iter().map(|(_, width)| *width).collect();
        let cell = |place: usize, paragraph: Paragraph| {
            TableCell::new().width(grid[place], WidthType::Dxa).add_paragraph(paragraph)
        };
        let head = columns.iter().enumerate().map(|(place, (title, _))| {
            let words = Run::new().size(SMALL).bold().add_text(printable(title));
            let shading = Shading::new().fill("EDEFF1");
            cell(place, Paragraph::new().keep_next(true).add_run(words)).shading(shading)
        });
        let mut all = vec![TableRow::new(head.collect())];
        for row in rows {
            let cells = row.into_iter().enumerate().map(|(place, words)| {
                let align =
                    if is_figure(&words) { AlignmentType::Right } else { AlignmentType::Left };
                cell(place, lines(Paragraph::new().align(align), &words, SMALL))
            });
            all.push(TableRow::new(cells.collect()).cant_split());
        }
        let table = Table::new(all)
            .set_grid(grid.clone())
            .layout(TableLayoutType::Fixed)
            .width(WIDTH, WidthType::Dxa);
        self.docx = std::mem::take(&mut self.docx).add_table(table);
    }

    /// The file. Heads of tables are the rows that are not told to stay whole; that they come again
    /// on every page is a property that the library does not know.
    ///
    /// # Errors
    /// When it cannot be written, and why.
    pub fn finish(self) -> Result<Vec<u8>, String> {
        let mut parts = self.docx.build();
        let document = String::from_utf8(parts.document).map_err(|e| e.to_string())?;
        let head = "<w:trPr><w:cantSplit /><w:tblHeader /></w:trPr>";
        parts.document = document.replace("<w:trPr />", head).into_bytes();
        let mut bytes = Cursor::new(Vec::new());
        parts.pack(&mut bytes).map_err(|e| e.to_string())?;
        Ok(bytes.into_inner())
    }
}

/// «12,5», «−3», «1 из 6» and «—» are figures.
fn is_figure(words: &str) -> bool {
    let short = words.chars().count() <= 12;
    short && words.chars().next().is_none_or(|c| c.is_ascii_digit() || "-−—".contains(c))
}

fn spaced(after: u32) -> Paragraph {
    Paragraph::new().line_spacing(LineSpacing::new().after(after))
}

/// The text with its line breaks.
fn lines(mut paragraph: Paragraph, words: &str, size: usize) -> Paragraph {
    for (place, line) in words.lines().enumerate() {
        let run = Run::new().size(size);
        let run = if place > 0 { run.add_break(BreakType::TextWrapping) } else { run };
        paragraph = paragraph.add_run(run.add_text(printable(line)));
    }
    paragraph
}

/// Of control characters a file of this kind can hold none but the tab.
fn printable(line: &str) -> String {
    line.chars().filter(|c| *c == '\t' || is_printable(*c)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_was_typed_the_file_can_be_opened() {
        let typed = "О мерах\u{1}\u{b}\u{ffff}\tи сроках";
        let mut document = Document::new();
        document.title(typed);
        document.heading(1, typed, false);
        document.text(&format!("{typed}\r\n{typed}"));
        document.table(&[(typed, WIDTH)], std::iter::once(vec![typed.to_owned()]));
        let written = String::from_utf8(document.docx.build().document).unwrap_or_default();
        assert_eq!(written.matches("О мерах").count(), 6);
        let fits = |c| matches!(c, '\n' | '\t') || is_printable(c);
        assert_eq!(written.chars().find(|c| !fits(*c)), None);
    }
}

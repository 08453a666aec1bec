//! A document for Word and LibreOffice that is printed on A4 as it is. Margins as GOST R 7.0.97-2016
//! has them.

use std::io::Cursor;

use docx_rs::{
    AlignmentType, BreakType, Docx, Footer, LineSpacing, PageMargin, PageNum, Paragraph, Pic, Run,
    RunFonts, Shading, SpecialIndentType, Style, StyleType, Table, TableCell, TableCellMargins,
    TableLayoutType, TableRow, VAlignType, WidthType,
};

use vekha_roadmap::answers::is_printable;

use super::chart::Picture;
use super::markup;

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

/// How far the first line of a point is set in: 12.5 mm.
const FIRST_LINE: i32 = 709;
/// Where the lines of the upper right corner begin: 90 mm from the left margin.
const CORNER: i32 = 5103;
/// Sizes are half points.
const TEXT: usize = 26;
const SMALL: usize = 22;
const HEADINGS: [(&str, &str, usize); 3] =
    [("Heading1", "heading 1", 30), ("Heading2", "heading 2", 28), ("Heading3", "heading 3", TEXT)];

/// A document that is being written from top to bottom.
#[derive(Debug)]
pub struct Document {
    docx: Docx,
    origin: Origin,
    /// What each picture shows, in their order.
    pictures: Vec<String>,
}

/// What a file says of itself.
#[derive(Debug, Default)]
pub struct Origin {
    /// Whose document it is.
    pub author: String,
    /// What it is.
    pub title: String,
    /// Its day in words; empty if it has none yet.
    pub date: String,
}

impl Document {
    /// An empty one, with numbered pages.
    pub fn new(origin: Origin) -> Self {
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
        Document { docx, origin, pictures: Vec::new() }
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

    /// What a text is about, above it: in bold, and with its own lines; it may begin a page.
    pub fn heading_of_text(&mut self, words: &str, new_page: bool) {
        let paragraph = Paragraph::new().align(AlignmentType::Center).keep_next(true);
        let mut paragraph = if new_page { paragraph.page_break_before(true) } else { paragraph };
        for (place, line) in words.lines().enumerate() {
            let run = Run::new().size(TEXT).bold();
            let run = if place > 0 { run.add_break(BreakType::TextWrapping) } else { run };
            paragraph = paragraph.add_run(run.add_text(printable(line)));
        }
        self.add(paragraph);
    }

    /// Lines in the upper right corner of a new page, above what follows.
    pub fn corner(&mut self, words: &[String]) {
        for (place, line) in words.iter().enumerate() {
            let after = if place + 1 == words.len() { 360 } else { 0 };
            let paragraph = spaced(after).indent(Some(CORNER), None, None, None);
            let paragraph = paragraph.keep_next(true);
            let paragraph = if place == 0 { paragraph.page_break_before(true) } else { paragraph };
            self.add(lines(paragraph, line, TEXT));
        }
    }

    /// A paragraph of a document that orders something, its first line set in; one may stay with
    /// what follows.
    pub fn clause(&mut self, words: &str, stays: bool) {
        let first = Some(SpecialIndentType::FirstLine(FIRST_LINE));
        let paragraph = spaced(120).align(AlignmentType::Both).indent(None, first, None, None);
        self.add(lines(paragraph.keep_next(stays), words, TEXT));
    }

    /// Where somebody signs: the post at the left end of the line, the name at the right one, and
    /// room between them.
    pub fn signature(&mut self, post: &str, name: &str) {
        self.add(spaced(360).keep_next(true));
        self.ends(post, name);
        self.text("");
    }

    /// A line of two, at its left and at its right end; what is longer takes more lines of its half.
    pub fn ends(&mut self, left: &str, right: &str) {
        let half = |words: &str, width: usize, align: AlignmentType| {
            let words = lines(Paragraph::new().align(align), words, TEXT);
            let cell = TableCell::new().width(width, WidthType::Dxa).add_paragraph(words);
            cell.vertical_align(VAlignType::Bottom)
        };
        let halves = [WIDTH * 11 / 20, WIDTH - WIDTH * 11 / 20];
        let row = TableRow::new(vec![
            half(left, halves[0], AlignmentType::Left),
            half(right, halves[1], AlignmentType::Right),
        ]);
        let margins = TableCellMargins::new().margin(0, 0, 0, 0);
        let table = Table::without_borders(vec![row.cant_split()])
            .set_grid(halves.to_vec())
            .layout(TableLayoutType::Fixed)
            .margins(margins)
            .width(WIDTH, WidthType::Dxa);
        self.docx = std::mem::take(&mut self.docx).add_table(table);
    }

    /// A picture over the whole width.
    pub fn picture(&mut self, picture: &Picture) {
        let Picture { png, pixels: [width, height], words } = picture;
        self.pictures.push(words.clone());
        let high = WIDTH_OF_PICTURES * f64::from(*height) / f64::from(*width);
        let picture = Pic::new_with_dimensions(png.clone(), *width, *height);
        let picture = picture.size(WIDTH_OF_PICTURES as u32, high as u32);
        self.add(Paragraph::new().add_run(Run::new().add_image(picture)));
    }

    /// A table over the whole width, whose head comes again on every page: titles with widths, and
    /// rows. Words are set to the left, figures to the right.
    pub fn table(&mut self, columns: &[(&str, usize)], rows: impl Iterator<Item = Vec<String>>) {
        let grid = fitted(columns);
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

    /// The file.
    ///
    /// # Errors
    /// When it cannot be written, and why.
    pub fn finish(self) -> Result<Vec<u8>, String> {
        let told = |e: quick_xml::Error| e.to_string();
        let mut parts = self.docx.build();
        let document = String::from_utf8(parts.document).map_err(|e| e.to_string())?;
        parts.document = markup::completed(&document, &self.pictures).map_err(told)?;
        parts.doc_props.core = markup::properties(&self.origin).map_err(told)?;
        let mut bytes = Cursor::new(Vec::new());
        parts.pack(&mut bytes).map_err(|e| e.to_string())?;
        Ok(bytes.into_inner())
    }
}

/// The widths of columns, so that no word of a heading is broken: what a narrow one needs the widest
/// one gives.
fn fitted(columns: &[(&str, usize)]) -> Vec<usize> {
    // Of a bold letter at the size of headings, and the margins of a cell, in twentieths of a point.
    const LETTER: usize = 135;
    const MARGINS: usize = 220;
    let mut widths: Vec<usize> = columns.iter().map(|(_, width)| *width).collect();
    for (place, (title, width)) in columns.iter().enumerate() {
        let longest = title.split_whitespace().map(|word| word.chars().count()).max();
        let lacking = (longest.unwrap_or(0) * LETTER + MARGINS).saturating_sub(*width);
        let widest = (0..widths.len()).max_by_key(|at| widths[*at]).unwrap_or(place);
        if widest != place && widths[widest] > 2 * lacking {
            widths[place] += lacking;
            widths[widest] -= lacking;
        }
    }
    widths
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
pub(super) fn printable(line: &str) -> String {
    line.chars().filter(|c| *c == '\t' || is_printable(*c)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_was_typed_the_file_can_be_opened() {
        let typed = "О мерах\u{1}\u{b}\u{ffff}\tи сроках";
        let mut document = Document::new(Origin::default());
        document.title(typed);
        document.heading(1, typed, false);
        document.text(&format!("{typed}\r\n{typed}"));
        document.table(&[(typed, WIDTH)], std::iter::once(vec![typed.to_owned()]));
        let written = String::from_utf8(document.docx.build().document).unwrap_or_default();
        assert_eq!(written.matches("О мерах").count(), 6);
        let fits = |c| matches!(c, '\n' | '\t') || is_printable(c);
        assert_eq!(written.chars().find(|c| !fits(*c)), None);
    }

    #[test]
    fn a_file_says_whose_it_is_and_what_its_pictures_show() {
        let origin = |date: &str| Origin {
            author: "Отдел «А» & Б".into(),
            title: "Справка".into(),
            date: date.into(),
        };
        let properties = |date| {
            let written = markup::properties(&origin(date)).unwrap_or_default();
            String::from_utf8(written).unwrap_or_default()
        };
        let told = properties("1 октября 2027 года");
        assert!(told.contains("<dc:creator>Отдел «А» &amp; Б</dc:creator>"), "{told}");
        assert!(told.contains(">2027-10-01T00:00:00Z</dcterms:created>"), "{told}");
        let told = properties("");
        assert!(told.contains("<dc:language>ru") && !told.contains("created"), "no day is made up");
        let mut document = Document::new(origin(""));
        for words in ["Доля <низких>", "Медиана"] {
            document.picture(&Picture {
                png: b"a".to_vec(),
                pixels: [4, 3],
                words: words.to_owned(),
            });
        }
        document.table(&[("Показатель", WIDTH)], [vec!["12".to_owned()]].into_iter());
        let mut file = zip::ZipArchive::new(Cursor::new(document.finish().unwrap_or_default()));
        let mut text = String::new();
        let entry = file.as_mut().map(|file| file.by_name("word/document.xml"));
        if let Ok(Ok(mut entry)) = entry {
            std::io::Read::read_to_string(&mut entry, &mut text).unwrap_or_default();
        }
        assert!(text.contains(r#"id="1" name="Рисунок 1" descr="Доля &lt;низких&gt;""#), "{text}");
        assert!(text.contains(r#"id="2" name="Рисунок 2" descr="Медиана""#), "{text}");
        let head = "<w:trPr><w:cantSplit/><w:tblHeader/></w:trPr>";
        assert_eq!(text.matches(head).count(), 1, "{text}");
        assert!(text.find(head) < text.find("Показатель"), "{text}");
    }

    #[test]
    fn no_word_of_a_tables_head_is_broken() {
        let columns = [("Мероприятие", WIDTH - 3400), ("Сведения", 1150), ("Состояние", 2250)];
        let widths = fitted(&columns);
        assert_eq!(widths.iter().sum::<usize>(), WIDTH);
        assert!(widths[1] >= 1300 && widths[2] == 2250, "{widths:?}");
    }
}

//! The report as an official note (аналитическая справка): a document for Word and LibreOffice that
//! is printed on A4 as it is. Margins as GOST R 7.0.97-2016 has them.

use std::io::Cursor;

use docx_rs::{
    AlignmentType, Docx, Footer, LineSpacing, PageMargin, PageNum, Paragraph, Pic, Run, RunFonts,
    Shading, Style, StyleType, Table, TableCell, TableLayoutType, TableRow, WidthType,
};

use super::chart::{self, Chart};
use super::{Indicator, Report, severity_words};

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
/// What lies between the margins.
const WIDTH: usize = 9355;
/// The same in the units of pictures: 635 to a twentieth of a point.
const WIDTH_OF_PICTURES: f64 = WIDTH as f64 * 635.0;

/// Sizes are half points.
const TEXT: usize = 26;
const SMALL: usize = 22;

/// The note as a file's content.
///
/// # Errors
/// When it cannot be made, and why.
pub fn note(report: &Report) -> Result<Vec<u8>, String> {
    let mut docx = blank();
    docx = docx
        .add_paragraph(centred(&report.authority, TEXT))
        .add_paragraph(centred("", TEXT))
        .add_paragraph(
            Paragraph::new().style("Title").add_run(Run::new().add_text("АНАЛИТИЧЕСКАЯ СПРАВКА")),
        )
        .add_paragraph(centred(&format!("{}, {}", report.title, report.period), TEXT));
    if let Some(whose) = &report.whose {
        docx = docx.add_paragraph(centred(whose, TEXT));
    }
    docx = docx
        .add_paragraph(centred("", TEXT))
        .add_paragraph(text(&format!(
            "Справка составлена {} по итогам мероприятия {} дорожной карты «{}» ({}).",
            report.date, report.number, report.activity, report.municipality
        )))
        .add_paragraph(text(&report.method));
    docx = findings(docx, report);
    docx = docx.add_paragraph(heading("Показатели"));
    docx = docx.add_table(summary(report));
    for indicator in &report.indicators {
        docx = one(docx, indicator, report)?;
    }
    docx = docx.add_paragraph(text("")).add_paragraph(text(
        "Справку составил(а)  ______________________  /______________________/",
    ));
    written(docx)
}

fn blank() -> Docx {
    let font =
        RunFonts::new().ascii("Times New Roman").hi_ansi("Times New Roman").cs("Times New Roman");
    let number = Paragraph::new().align(AlignmentType::Center).add_page_num(PageNum::new());
    Docx::new()
        .page_size(PAGE[0], PAGE[1])
        .page_margin(MARGINS)
        .default_fonts(font)
        .default_size(TEXT)
        .add_style(
            Style::new("Title", StyleType::Paragraph)
                .name("Title")
                .bold()
                .size(30)
                .align(AlignmentType::Center),
        )
        .add_style(
            Style::new("Heading1", StyleType::Paragraph)
                .name("heading 1")
                .bold()
                .size(28)
                .outline_lvl(0),
        )
        .add_style(
            Style::new("Heading2", StyleType::Paragraph)
                .name("heading 2")
                .bold()
                .size(TEXT)
                .outline_lvl(1),
        )
        .footer(Footer::new().add_paragraph(number))
}

/// What was found, and what is recommended.
fn findings(docx: Docx, report: &Report) -> Docx {
    let docx = docx.add_paragraph(heading("Выводы"));
    if report.findings.is_empty() {
        return docx.add_paragraph(text("Ни один показатель не вышел за установленные пороги."));
    }
    let own = report.whose.is_some();
    let columns: &[(&str, usize)] = match own {
        true => &[("Вывод", 4200), ("Рекомендация", 3455), ("Значимость", 1700)],
        false => &[("Организация", 2300), ("Вывод", 5355), ("Значимость", 1700)],
    };
    let rows = report.findings.iter().map(|finding| {
        let severity = severity_words(finding.severity).to_owned();
        let advice = finding.recommendation.clone().unwrap_or_default();
        match own {
            true => vec![finding.text.clone(), advice, severity],
            false => vec![finding.organisation.clone(), finding.text.clone(), severity],
        }
    });
    docx.add_table(table(columns, rows))
}

/// All indicators in one table.
fn summary(report: &Report) -> Table {
    if report.whose.is_some() {
        let columns = [
            ("Показатель", 4155),
            ("Значение", 1300),
            ("Медиана", 1300),
            ("Место", 1300),
            ("Раньше", 1300),
        ];
        let rows = report.indicators.iter().map(|indicator| {
            let own = indicator.own();
            let median = indicator.municipality.filter(|_| indicator.comparable);
            let dash = || "—".to_owned();
            vec![
                indicator.heading(),
                own.map_or_else(dash, |row| indicator.shown(row.value)),
                median.map_or_else(dash, |a| indicator.between(a.median)),
                own.and_then(|row| row.rank)
                    .map_or_else(dash, |rank| format!("{rank} из {}", indicator.rows.len())),
                own.and_then(|row| row.earlier).map_or_else(dash, |value| indicator.shown(value)),
            ]
        });
        return table(&columns, rows);
    }
    let columns = [
        ("Показатель", 3755),
        ("Среднее", 1150),
        ("Медиана", 1150),
        ("Мин.", 1100),
        ("Макс.", 1100),
        ("Орг.", 1100),
    ];
    let rows = report.indicators.iter().map(|indicator| {
        let mut row = vec![indicator.heading()];
        match indicator.municipality {
            Some(a) => {
                row.extend([a.mean, a.median, a.min, a.max].map(|value| indicator.between(value)));
                row.push(a.count.to_string());
            }
            None => row.extend(["—", "—", "—", "—", "0"].map(str::to_owned)),
        }
        row
    });
    table(&columns, rows)
}

/// An indicator by itself: how it lies, how it went, and who has what.
fn one(mut docx: Docx, indicator: &Indicator, report: &Report) -> Result<Docx, String> {
    if indicator.rows.is_empty() {
        return Ok(docx);
    }
    let name = Run::new().add_text(indicator.heading());
    let spacing = LineSpacing::new().before(360).after(60);
    let heading = Paragraph::new().style("Heading2").line_spacing(spacing).keep_next(true);
    docx = docx
        .add_paragraph(heading.add_run(name))
        .add_paragraph(text(&indicator.spread(report.min_count)).keep_next(true));
    // One organisation's note shows where it stands and not, again, who has what.
    let charts = match report.whose {
        Some(_) => [chart::trend(indicator), chart::spread(indicator)],
        None => [chart::ranking(indicator), chart::trend(indicator)],
    };
    for chart in charts.into_iter().flatten() {
        docx = docx.add_paragraph(picture(&chart)?);
    }
    if report.whose.is_none() {
        let columns =
            [("Место", 1100), ("Организация", 4655), ("Значение", 1800), ("Прошлый период", 1800)];
        let rows = indicator.rows.iter().map(|row| {
            let apart = if row.apart { " *" } else { "" };
            vec![
                row.rank.map_or_else(|| "—".to_owned(), |rank| rank.to_string()),
                row.organisation.clone(),
                format!("{}{apart}", indicator.shown(row.value)),
                row.earlier.map_or_else(|| "—".to_owned(), |value| indicator.shown(value)),
            ]
        });
        docx = docx.add_table(table(&columns, rows));
        if indicator.rows.iter().any(|row| row.apart) {
            docx = docx.add_paragraph(small("* стоит особняком: далеко от медианы"));
        }
    }
    if !indicator.withheld.is_empty() {
        let without: Vec<String> = indicator
            .withheld
            .iter()
            .map(|(organisation, reason)| format!("{organisation} ({reason})"))
            .collect();
        docx = docx.add_paragraph(small(&format!("Без значения: {}.", without.join("; "))));
    }
    Ok(docx)
}

fn picture(chart: &Chart) -> Result<Paragraph, String> {
    let (bytes, width, height) = chart::png(chart)?;
    let size = [WIDTH_OF_PICTURES, WIDTH_OF_PICTURES * chart.height / chart::WIDTH];
    let picture =
        Pic::new_with_dimensions(bytes, width, height).size(size[0] as u32, size[1] as u32);
    Ok(Paragraph::new().add_run(Run::new().add_image(picture)))
}

fn heading(words: &str) -> Paragraph {
    let spacing = LineSpacing::new().before(240).after(120);
    let paragraph = Paragraph::new().style("Heading1").keep_next(true).line_spacing(spacing);
    paragraph.add_run(Run::new().add_text(words))
}

fn text(words: &str) -> Paragraph {
    let spacing = LineSpacing::new().after(120);
    let paragraph = Paragraph::new().align(AlignmentType::Both).line_spacing(spacing);
    lines(paragraph, words, TEXT)
}

fn small(words: &str) -> Paragraph {
    lines(Paragraph::new().line_spacing(LineSpacing::new().before(60).after(120)), words, SMALL)
}

fn centred(words: &str, size: usize) -> Paragraph {
    lines(Paragraph::new().align(AlignmentType::Center), words, size)
}

/// The text with its line breaks.
fn lines(mut paragraph: Paragraph, words: &str, size: usize) -> Paragraph {
    for (place, line) in words.lines().enumerate() {
        let run = Run::new().size(size);
        let run = if place > 0 { run.add_break(docx_rs::BreakType::TextWrapping) } else { run };
        paragraph = paragraph.add_run(run.add_text(line));
    }
    paragraph
}

/// A table over the whole width, whose head comes again on every page. The first column of words is
/// set to the left, figures to the right.
fn table(columns: &[(&str, usize)], rows: impl Iterator<Item = Vec<String>>) -> Table {
    let grid: Vec<usize> = columns.iter().map(|(_, width)| *width).collect();
    let cell = |place: usize, paragraph: Paragraph| {
        TableCell::new().width(grid[place], WidthType::Dxa).add_paragraph(paragraph)
    };
    let head = columns.iter().enumerate().map(|(place, (title, _))| {
        let words = Run::new().size(SMALL).bold().add_text(*title);
        let shading = Shading::new().fill("EDEFF1");
        cell(place, Paragraph::new().keep_next(true).add_run(words)).shading(shading)
    });
    let mut all = vec![TableRow::new(head.collect()).cant_split()];
    for row in rows {
        let cells = row.into_iter().enumerate().map(|(place, words)| {
            let figure =
                words.chars().next().is_none_or(|c| c.is_ascii_digit() || "-−—".contains(c));
            let align = if figure { AlignmentType::Right } else { AlignmentType::Left };
            cell(place, lines(Paragraph::new().align(align), &words, SMALL))
        });
        all.push(TableRow::new(cells.collect()));
    }
    Table::new(all)
        .set_grid(grid.clone())
        .layout(TableLayoutType::Fixed)
        .width(WIDTH, WidthType::Dxa)
}

/// The file. Heads of tables are the rows that are not split; that they come again on every page
/// is a property that the library does not know.
fn written(docx: Docx) -> Result<Vec<u8>, String> {
    let mut parts = docx.build();
    let document = String::from_utf8(parts.document).map_err(|e| e.to_string())?;
    parts.document = document
        .replace("<w:cantSplit />", "<w:cantSplit /><w:tblHeader />")
        .replace("<w:cantSplit/>", "<w:cantSplit/><w:tblHeader/>")
        .into_bytes();
    let mut bytes = Cursor::new(Vec::new());
    parts.pack(&mut bytes).map_err(|e| e.to_string())?;
    Ok(bytes.into_inner())
}

//! The report as a workbook: figures are numbers, and what is said of the municipality is a formula
//! over them, so that who takes a school out sees what follows.

use rust_xlsxwriter::utility::row_col_to_cell;
use rust_xlsxwriter::{
    Chart, ChartType, Format, FormatAlign, FormatBorder, Formula, Workbook, Worksheet, XlsxError,
};

use vekha_plugin_tables::is_armed;

use super::{Indicator, Report, Row, severity_words};

/// Sheet names have at most 31 characters.
const SUMMARY: &str = "Сводка";
const FIGURES: &str = "Показатели";
const FINDINGS: &str = "Выводы";
const CHARTS: &str = "Графики";

/// What is said of the municipality: the column's title, and the function over its figures.
const FUNCTIONS: [(&str, &str, &str); 7] = [
    ("Организаций", "COUNT(", ")"),
    ("Среднее", "AVERAGE(", ")"),
    ("Медиана", "MEDIAN(", ")"),
    ("Нижний квартиль", "QUARTILE(", ",1)"),
    ("Верхний квартиль", "QUARTILE(", ",3)"),
    ("Наименьшее", "MIN(", ")"),
    ("Наибольшее", "MAX(", ")"),
];

/// The workbook as a file's content.
///
/// # Errors
/// When it cannot be made.
pub fn workbook(report: &Report) -> Result<Vec<u8>, XlsxError> {
    let mut workbook = Workbook::new();
    let look = Look::new();
    // All organisations, each once, in the order of their names. Two may have the same.
    let mut names: Vec<(&str, &str)> =
        report.indicators.iter().flat_map(|indicator| indicator.rows.iter().map(named)).collect();
    names.sort_unstable();
    names.dedup();
    summary(workbook.add_worksheet().set_name(SUMMARY)?, report, names.len(), &look)?;
    figures(workbook.add_worksheet().set_name(FIGURES)?, report, &names, &look)?;
    findings(workbook.add_worksheet().set_name(FINDINGS)?, report, &look)?;
    charts(workbook.add_worksheet().set_name(CHARTS)?, report, names.len())?;
    workbook.save_to_buffer()
}

/// By what an organisation's row is found.
fn named(row: &Row) -> (&str, &str) {
    (&row.organisation, &row.code)
}

struct Look {
    title: Format,
    head: Format,
    text: Format,
}

impl Look {
    fn new() -> Self {
        let text = Format::new().set_text_wrap().set_align(FormatAlign::Top);
        let head = Format::new().set_bold().set_border_bottom(FormatBorder::Thin);
        Look { title: Format::new().set_bold().set_font_size(14), head: head.set_text_wrap(), text }
    }

    fn number(indicator: &Indicator) -> Format {
        let digits = "0".repeat(indicator.decimals.into());
        let point = if digits.is_empty() { "" } else { "." };
        Format::new().set_num_format(format!("0{point}{digits}")).set_align(FormatAlign::Top)
    }
}

/// Writes text that stays text, whatever it begins with and whoever edits it.
fn text(
    sheet: &mut Worksheet,
    (row, column): (u32, u16),
    text: &str,
    format: &Format,
) -> Result<(), XlsxError> {
    let format = format.clone();
    let format = if is_armed(text) { format.set_quote_prefix() } else { format };
    sheet.write_string_with_format(row, column, text, &format)?;
    Ok(())
}

/// A4 on its side, as wide as the page, with its headings on each.
fn printed(sheet: &mut Worksheet, headings: Option<u32>) -> Result<(), XlsxError> {
    sheet.set_landscape().set_paper_size(9).set_print_fit_to_pages(1, 0);
    sheet.set_margins(0.4, 0.4, 0.5, 0.6, 0.3, 0.3).set_footer("&L&8&A&R&8&P / &N");
    if let Some(row) = headings {
        sheet.set_repeat_rows(row, row)?;
    }
    Ok(())
}

/// The column in which an indicator's figures stand: after the names, with the one of the period
/// before beside it.
fn column(place: usize) -> u16 {
    1 + 2 * place as u16
}

/// A range of an indicator's figures, without the sheet.
fn range(place: usize, names: usize) -> String {
    let column = column(place);
    let last = names.max(1) as u32;
    format!("{}:{}", row_col_to_cell(1, column), row_col_to_cell(last, column))
}

fn summary(
    sheet: &mut Worksheet,
    report: &Report,
    names: usize,
    look: &Look,
) -> Result<(), XlsxError> {
    text(sheet, (0, 0), &report.title, &look.title)?;
    let whose = report.whose.as_deref().unwrap_or(&report.municipality);
    let about = format!("{whose}, {}. Составлено {}.", report.period, report.date);
    text(sheet, (1, 0), &about, &Format::new())?;
    sheet.write_string_with_format(3, 0, "Показатель", &look.head)?;
    for (place, (title, _, _)) in FUNCTIONS.iter().enumerate() {
        sheet.write_string_with_format(3, 1 + place as u16, *title, &look.head)?;
        sheet.set_column_width(1 + place as u16, 14)?;
    }
    for (place, indicator) in report.indicators.iter().enumerate() {
        let row = 4 + place as u32;
        text(sheet, (row, 0), &indicator.heading(), &look.text)?;
        if indicator.rows.is_empty() {
            continue;
        }
        let mut known = vec![indicator.rows.len() as f64];
        known.extend(
            indicator
                .municipality
                .iter()
                .flat_map(|a| [a.mean, a.median, a.lower_quartile, a.upper_quartile, a.min, a.max]),
        );
        for (function, ((_, begins, ends), value)) in FUNCTIONS.iter().zip(known).enumerate() {
            let formula = format!("={begins}{FIGURES}!{}{ends}", range(place, names));
            let formula = Formula::new(formula).set_result(value.to_string());
            let format = match function {
                0 => Format::new().set_num_format("0").set_align(FormatAlign::Top),
                _ => Look::number(indicator),
            };
            sheet.write_formula_with_format(row, 1 + function as u16, formula, &format)?;
        }
    }
    let below = 5 + report.indicators.len() as u32;
    text(sheet, (below, 0), &report.method, &look.text)?;
    sheet.set_column_width(0, 60)?.set_freeze_panes(4, 1)?;
    printed(sheet, Some(3))
}

fn figures(
    sheet: &mut Worksheet,
    report: &Report,
    names: &[(&str, &str)],
    look: &Look,
) -> Result<(), XlsxError> {
    sheet.write_string_with_format(0, 0, "Организация", &look.head)?;
    for (row, (name, _)) in names.iter().enumerate() {
        text(sheet, (1 + row as u32, 0), name, &look.text)?;
    }
    for (place, indicator) in report.indicators.iter().enumerate() {
        let column = column(place);
        let number = Look::number(indicator);
        text(sheet, (0, column), &indicator.heading(), &look.head)?;
        sheet.write_string_with_format(0, column + 1, "прошлый период", &look.head)?;
        sheet.set_column_width(column, 18)?.set_column_width(column + 1, 12)?;
        for one in &indicator.rows {
            let found = names.binary_search(&named(one));
            let row = 1 + found.unwrap_or_default() as u32;
            sheet.write_number_with_format(row, column, one.value, &number)?;
            if let Some(earlier) = one.earlier {
                sheet.write_number_with_format(row, column + 1, earlier, &number)?;
            }
        }
    }
    sheet.set_column_width(0, 40)?.set_freeze_panes(1, 1)?;
    printed(sheet, Some(0))
}

fn findings(sheet: &mut Worksheet, report: &Report, look: &Look) -> Result<(), XlsxError> {
    let columns =
        [("Организация", 34.0), ("Значимость", 14.0), ("Вывод", 70.0), ("Рекомендация", 70.0)];
    for (place, (title, width)) in columns.into_iter().enumerate() {
        sheet.write_string_with_format(0, place as u16, title, &look.head)?;
        sheet.set_column_width(place as u16, width)?;
    }
    for (row, finding) in report.findings.iter().enumerate() {
        let advice = finding.recommendation.as_deref().unwrap_or_default();
        let texts =
            [&finding.organisation, severity_words(finding.severity), &finding.text, advice];
        for (place, words) in texts.into_iter().enumerate() {
            text(sheet, (1 + row as u32, place as u16), words, &look.text)?;
        }
    }
    sheet.set_freeze_panes(1, 0)?;
    sheet.autofilter(0, 0, report.findings.len() as u32, 3)?;
    printed(sheet, Some(0))
}

/// A chart for each indicator, over its figures.
fn charts(sheet: &mut Worksheet, report: &Report, names: usize) -> Result<(), XlsxError> {
    let last = names.max(1) as u32;
    let shown = report.indicators.iter().enumerate().filter(|(_, i)| !i.rows.is_empty());
    for (number, (place, indicator)) in shown.enumerate() {
        let mut chart = Chart::new(ChartType::Bar);
        let column = column(place);
        chart
            .add_series()
            .set_name(indicator.heading().as_str())
            .set_categories((FIGURES, 1, 0, last, 0))
            .set_values((FIGURES, 1, column, last, column));
        chart.title().set_name(indicator.heading().as_str());
        chart.legend().set_hidden();
        // Organisations from top to bottom, as in the table.
        chart.x_axis().set_reverse();
        let height = 120 + 22 * last.min(60);
        chart.set_width(720).set_height(height);
        let row = number as u32 * (height / 20 + 2);
        sheet.insert_chart(row, 0, &chart)?;
    }
    printed(sheet, None)
}

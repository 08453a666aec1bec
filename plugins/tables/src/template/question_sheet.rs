//! The first sheet: what is asked of whom, and the single questions.

use rust_xlsxwriter::{Worksheet, XlsxError};
use vekha_proto::v1::{FieldType, Form, FormField, Required};

use super::styles::{self, Styles};
use super::validation::{self, Lists};
use super::{cell, protection};
use crate::headings::{self, ANSWER, FORM_SHEET, HELP, QUESTION};
use crate::{Heading, Values};

/// Widths of question, help and answer, in characters: together they fill an upright A4.
const WIDTHS: [f64; 3] = [38.0, 30.0, 28.0];

pub(super) fn write(
    sheet: &mut Worksheet,
    form: &Form,
    heading: &Heading,
    answers: &Values,
    styles: &Styles,
    lists: &Lists,
    sheets: &[Option<String>],
) -> Result<(), XlsxError> {
    sheet.set_name(FORM_SHEET)?;
    for (column, width) in WIDTHS.iter().enumerate() {
        sheet.set_column_width(column as u16, *width)?;
    }
    let mut row = head(sheet, form, heading, styles)?;
    for (column, text) in [QUESTION, HELP, ANSWER].into_iter().enumerate() {
        sheet.write_string_with_format(row, column as u16, text, &styles.heading)?;
    }
    sheet.set_freeze_panes(row + 1, 0)?;
    sheet.set_repeat_rows(row, row)?;
    row += 1;
    let names = headings::headings(&form.fields, &[QUESTION, HELP, ANSWER]);
    let mut section = "";
    for ((field, name), table) in form.fields.iter().zip(&names).zip(sheets) {
        if field.section != section && !field.section.is_empty() {
            let text = headings::one_line(&field.section);
            sheet.set_row_height(row, 24)?;
            sheet.merge_range(row, 0, row, 2, &text, &styles.section)?;
            row += 1;
        }
        section = &field.section;
        sheet.write_string_with_format(row, 0, name, &styles.question)?;
        let help = help(field);
        sheet.write_string_with_format(row, 1, &help, &styles.help)?;
        let given = answers.get(&field.id).and_then(|value| value.as_str()).unwrap_or_default();
        let texts = [(name.as_str(), WIDTHS[0]), (&help, WIDTHS[1] * 1.1), (given, WIDTHS[2])];
        let least = if field.r#type() == FieldType::LongText { 90.0 } else { 0.0 };
        sheet.set_row_height(row, styles::height(texts).max(least))?;
        match table {
            Some(table) => {
                let link = format!("internal:'{}'!A1", table.replace('\'', "''"));
                let text = format!("Лист «{table}»");
                sheet.write_url_with_options(
                    row,
                    2,
                    link.as_str(),
                    text,
                    "",
                    Some(&styles.link),
                )?;
            }
            None => {
                let format = styles.answer(field.r#type());
                cell::write(sheet, (row, 2), field, answers.get(&field.id), &format)?;
                if let Some(rule) = validation::rule(field, lists)? {
                    sheet.add_data_validation(row, 2, row, 2, &rule)?;
                }
            }
        }
        row += 1;
    }
    sheet.protect_with_options(&protection());
    sheet.set_paper_size(9).set_print_fit_to_pages(1, 0);
    sheet.set_margins(0.6, 0.4, 0.6, 0.6, 0.3, 0.3).set_footer("&R&8&P / &N");
    Ok(())
}

/// What stands above the questions; returns the row after it.
fn head(
    sheet: &mut Worksheet,
    form: &Form,
    heading: &Heading,
    styles: &Styles,
) -> Result<u32, XlsxError> {
    let across: f64 = WIDTHS.iter().sum();
    let mut row = 0;
    for (text, format, width, height) in [
        (&heading.organisation, &styles.organisation, across * 1.1, 14.0),
        (&form.title, &styles.title, across * 0.7, 20.0),
        (&form.intro, &styles.text, across * 1.05, 14.0),
    ] {
        let text = headings::one_line(text);
        if text.is_empty() {
            continue;
        }
        // Merged cells do not grow by themselves.
        let lines = (text.chars().count() as f64 / width).ceil().max(1.0);
        sheet.set_row_height(row, lines * height)?;
        sheet.merge_range(row, 0, row, 2, &text, format)?;
        row += 1;
    }
    for (term, text) in
        [("Период", &heading.period), ("Срок", &heading.due), ("Вопросы", &heading.contact)]
    {
        if !text.is_empty() {
            sheet.write_string_with_format(row, 0, term, &styles.term)?;
            sheet.merge_range(row, 1, row, 2, &headings::one_line(text), &styles.text)?;
            row += 1;
        }
    }
    Ok(row + 1)
}

/// What is said beside a question.
fn help(field: &FormField) -> String {
    let mut parts = vec![headings::one_line(&field.help), validation::in_words(field)];
    match field.required() {
        Required::Optional => parts.push("можно не заполнять".to_owned()),
        Required::When => parts.push("заполняется не всегда".to_owned()),
        Required::Always | Required::Unspecified => {}
    }
    parts.retain(|part| !part.is_empty());
    parts.join("; ")
}

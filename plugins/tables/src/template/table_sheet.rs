//! A table's sheet: what it is, headings, and rows to fill.

use rust_xlsxwriter::{Worksheet, XlsxError};
use serde_json::Value;
use vekha_proto::v1::{FieldType, FormField, Required};

use super::styles::{self, Styles};
use super::validation::{self, Lists};
use super::{cell, protection};
use crate::headings;

/// Most blank rows that are drawn. Cells below may be filled all the same, up to the form's limit.
const PREPARED: usize = 200;
/// The row of headings; above it stand the table's name, its help and a hint for each column.
const HEADINGS: u32 = 3;
/// Characters across of the names of fixed rows.
const NAMES_WIDTH: f64 = 34.0;

pub(super) fn write(
    sheet: &mut Worksheet,
    table: &FormField,
    answers: Option<&Value>,
    styles: &Styles,
    lists: &Lists,
) -> Result<(), XlsxError> {
    let rows: &[Value] = answers.and_then(Value::as_array).map_or(&[], Vec::as_slice);
    let fixed = !table.rows.is_empty();
    let first = u16::from(fixed);
    let names = headings::columns(table);
    let width = first as usize + names.len();

    let wide: f64 = table.columns.iter().zip(&names).map(|(c, n)| column_width(c, n)).sum();
    let wide = wide + f64::from(first) * NAMES_WIDTH;
    let above = [(headings::one_line(&table.label), &styles.section), (help(table), &styles.hint)];
    for (row, (text, format)) in (0..).zip(&above) {
        sheet.set_row_height(row, styles::height([(text.as_str(), wide)]) + 4.0)?;
        if width > 1 {
            sheet.merge_range(row, 0, row, width as u16 - 1, text, format)?;
        } else {
            sheet.write_string_with_format(row, 0, text, format)?;
        }
    }
    let row_labels = headings::rows(table);
    let row_names = headings::row_names(table);
    let hints: Vec<String> = table.columns.iter().map(hint).collect();
    let widths = || table.columns.iter().zip(&names).map(|(c, n)| column_width(c, n));
    let small = hints.iter().map(String::as_str).zip(widths().map(|width| width * 1.25));
    sheet.set_row_height(2, styles::height(small) * 0.85)?;
    let bold = names.iter().map(String::as_str).zip(widths().map(|width| width / 1.05));
    let bold = bold.chain(fixed.then_some((row_names.as_str(), NAMES_WIDTH)));
    sheet.set_row_height(HEADINGS, styles::height(bold))?;
    if fixed {
        sheet.set_column_width(0, NAMES_WIDTH)?;
        sheet.write_string_with_format(2, 0, "", &styles.hint)?;
        sheet.write_string_with_format(HEADINGS, 0, &row_names, &styles.heading)?;
        for (at, name) in row_labels.iter().enumerate() {
            let row = HEADINGS + 1 + at as u32;
            sheet.write_string_with_format(row, 0, name, &styles.question)?;
        }
    }
    let most = if fixed { table.rows.len() } else { table.max_rows as usize };
    let drawn = if fixed { most } else { most.min(PREPARED).max(rows.len()) };
    for (at, (column, name)) in table.columns.iter().zip(&names).enumerate() {
        let position = first + at as u16;
        let format = styles.answer(column.r#type());
        sheet.set_column_width(position, column_width(column, name))?;
        sheet.write_string_with_format(2, position, &hints[at], &styles.hint)?;
        sheet.write_string_with_format(HEADINGS, position, name, &styles.heading)?;
        for row in 0..drawn {
            let value = rows.get(row).and_then(|row| row.get(&column.id));
            let at = (HEADINGS + 1 + row as u32, position);
            cell::write(sheet, at, column, value, &format)?;
        }
        if let Some(rule) = validation::rule(column, lists)?
            && most > 0
        {
            let last = HEADINGS + (most.max(drawn) as u32).min(1_000_000);
            sheet.add_data_validation(HEADINGS + 1, position, last, position, &rule)?;
        }
    }
    for at in 0..drawn {
        let name = row_labels.get(at).map(|name| (name.as_str(), NAMES_WIDTH));
        let given =
            table.columns.iter().zip(widths()).filter_map(|(column, width)| {
                Some((rows.get(at)?.get(&column.id)?.as_str()?, width))
            });
        sheet.set_row_height(
            HEADINGS + 1 + at as u32,
            styles::height(name.into_iter().chain(given)),
        )?;
    }
    if !fixed {
        // Rows below the drawn ones take their format from the column.
        for (at, column) in table.columns.iter().enumerate() {
            let format = styles.answer(column.r#type());
            let format = format.set_border(rust_xlsxwriter::FormatBorder::None);
            let format = format.set_pattern(rust_xlsxwriter::FormatPattern::None);
            if most > drawn {
                sheet.set_column_format(at as u16, &format)?;
            }
        }
    }
    sheet.set_freeze_panes(HEADINGS + 1, first)?;
    sheet.set_repeat_rows(HEADINGS, HEADINGS)?;
    sheet.protect_with_options(&protection());
    if wide > 95.0 {
        sheet.set_landscape();
    }
    sheet.set_paper_size(9).set_print_fit_to_pages(1, 0);
    sheet.set_margins(0.5, 0.4, 0.5, 0.6, 0.3, 0.3).set_footer("&L&8&A&R&8&P / &N");
    Ok(())
}

/// What is said of the table as a whole.
fn help(table: &FormField) -> String {
    let mut parts = vec![headings::one_line(&table.help)];
    if table.rows.is_empty() {
        parts.push(format!("строк не больше {}; пустые строки не считаются", table.max_rows));
    }
    if table.required() == Required::Optional {
        parts.push("таблицу можно не заполнять".to_owned());
    }
    parts.retain(|part| !part.is_empty());
    parts.join("; ")
}

/// What is said above a column.
fn hint(column: &FormField) -> String {
    let help = headings::one_line(&column.help);
    let range = crate::russian::range(column.min, column.max);
    let mut parts = match column.r#type() {
        FieldType::Integer | FieldType::Decimal | FieldType::Percent => vec![help, range],
        FieldType::Choice | FieldType::YesNo => vec![help],
        _ => vec![help, validation::in_words(column)],
    };
    if column.required() == Required::Optional {
        parts.push("можно не заполнять".to_owned());
    }
    parts.retain(|part| !part.is_empty());
    parts.join("; ")
}

/// Characters across: as its answers need, and so that no word of the heading breaks.
fn column_width(column: &FormField, name: &str) -> f64 {
    let longest_word = name.split_whitespace().map(|word| word.chars().count()).max().unwrap_or(0);
    let needed = match column.r#type() {
        FieldType::Integer | FieldType::Decimal | FieldType::Percent | FieldType::YesNo => 9.0,
        FieldType::Date => 11.0,
        FieldType::Text if column.max_length <= 100 => 18.0,
        FieldType::Choice => 18.0,
        _ => 28.0,
    };
    f64::max(needed, (longest_word as f64 * 1.15 + 2.0).min(30.0))
}

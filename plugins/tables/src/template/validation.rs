//! What Excel lets people type into a cell, and what it tells them.

use std::collections::HashMap;

use rust_xlsxwriter::{
    DataValidation, DataValidationErrorStyle, DataValidationRule, ExcelDateTime, Formula,
    Worksheet, XlsxError,
};
use vekha_proto::v1::{FieldType, Form, FormField};

use crate::headings::{self, MARK_SHEET};
use crate::russian;

/// The lists of options, each a column of the hidden sheet: lists inside a rule may not be longer
/// than 255 characters, and options may not have commas.
#[derive(Default)]
pub(super) struct Lists {
    columns: Vec<Vec<String>>,
    by_options: HashMap<Vec<String>, usize>,
}

/// The first column of lists; what the template is stands before them.
const FIRST: usize = 3;

impl Lists {
    pub(super) fn of(form: &Form) -> Self {
        let mut lists = Lists::default();
        let fields = form.fields.iter().flat_map(|f| std::iter::once(f).chain(&f.columns));
        for field in fields {
            if let Some(options) = options(field)
                && !lists.by_options.contains_key(&options)
            {
                lists.by_options.insert(options.clone(), lists.columns.len());
                lists.columns.push(options);
            }
        }
        lists
    }

    pub(super) fn write(&self, sheet: &mut Worksheet) -> Result<(), XlsxError> {
        for (at, options) in self.columns.iter().enumerate() {
            for (row, option) in options.iter().enumerate() {
                sheet.write_string(row as u32, (FIRST + at) as u16, option)?;
            }
        }
        Ok(())
    }

    /// Where the options of a field stand.
    fn range(&self, options: &Vec<String>) -> Option<Formula> {
        let at = *self.by_options.get(options)?;
        let column = russian::column((FIRST + at) as u32);
        let range = format!("={MARK_SHEET}!${column}$1:${column}${}", options.len());
        Some(Formula::new(range))
    }
}

/// The words of a list, if the field has one.
fn options(field: &FormField) -> Option<Vec<String>> {
    match field.r#type() {
        FieldType::Choice | FieldType::Choices => Some(headings::options(field)),
        FieldType::YesNo => Some(vec!["да".to_owned(), "нет".to_owned()]),
        _ => None,
    }
}

/// What an answer must be, in words: «целое число от 0 до 1000». Empty if there is nothing to say.
pub(super) fn in_words(field: &FormField) -> String {
    let range = russian::range(field.min, field.max);
    let words = match field.r#type() {
        FieldType::Integer => format!("целое число {range}"),
        FieldType::Decimal => format!("число {range}"),
        FieldType::Percent => format!("число процентов {range}"),
        FieldType::Date => "дата, например 15.09.2027".to_owned(),
        FieldType::YesNo => "да или нет".to_owned(),
        FieldType::Choice => "выберите из списка".to_owned(),
        FieldType::Choices => format!(
            "можно несколько, каждый вариант с новой строки (Alt+Enter): {}",
            headings::options(field).join("; ")
        ),
        _ => String::new(),
    };
    words.trim_end().to_owned()
}

/// The rule of a cell for this field; none if anything goes.
pub(super) fn rule(field: &FormField, lists: &Lists) -> Result<Option<DataValidation>, XlsxError> {
    let bounds = || {
        // What the check of answers takes for a number at all.
        let (min, max) = (field.min.unwrap_or(-1e15), field.max.unwrap_or(1e15));
        DataValidationRule::Between(Formula::new(min.to_string()), Formula::new(max.to_string()))
    };
    let rule = DataValidation::new();
    let rule = match field.r#type() {
        FieldType::Integer => rule.allow_whole_number_formula(bounds()),
        FieldType::Decimal | FieldType::Percent => rule.allow_decimal_number_formula(bounds()),
        FieldType::Text | FieldType::LongText => {
            rule.allow_text_length(DataValidationRule::LessThanOrEqualTo(field.max_length))
        }
        FieldType::Date => rule.allow_date(DataValidationRule::Between(
            ExcelDateTime::from_ymd(1900, 1, 1)?,
            ExcelDateTime::from_ymd(2200, 12, 31)?,
        )),
        FieldType::YesNo | FieldType::Choice | FieldType::Choices => {
            let Some(range) = options(field).and_then(|options| lists.range(&options)) else {
                return Ok(None);
            };
            rule.allow_list_formula(range)
        }
        FieldType::Table | FieldType::Histogram | FieldType::File | FieldType::Unspecified => {
            return Ok(None);
        }
    };
    let told = match field.r#type() {
        FieldType::Text | FieldType::LongText => format!("не длиннее {} знаков", field.max_length),
        _ => in_words(field),
    };
    let rule = rule
        .set_error_style(DataValidationErrorStyle::Stop)
        .set_error_title("Проверьте ответ")?
        .set_error_message(short(&format!("Нужно: {told}"), 220))?
        // Several options in a cell are no item of the list; they are checked when the file is read.
        .show_error_message(field.r#type() != FieldType::Choices);
    let help = match (headings::one_line(&field.help), in_words(field)) {
        (help, words) if help.is_empty() => words,
        (help, words) if words.is_empty() => help,
        (help, words) => format!("{help} — {words}"),
    };
    Ok(Some(if help.is_empty() { rule } else { rule.set_input_message(short(&help, 250))? }))
}

fn short(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    let cut: String = text.chars().take(longest - 1).collect();
    format!("{cut}…")
}

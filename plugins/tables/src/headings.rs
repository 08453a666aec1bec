//! What questions, columns, options and sheets are called in a workbook, so that the reader finds
//! them again. Names are unique within their list, whatever the form's author wrote.

use std::collections::HashSet;

use vekha_proto::v1;

/// The first sheet: single questions.
pub(crate) const FORM_SHEET: &str = "Форма";
/// The hidden sheet: what form this is, and the options of choices.
pub(crate) const MARK_SHEET: &str = "vekha";
/// Headings of the first sheet's columns.
pub(crate) const QUESTION: &str = "Вопрос";
/// See [`QUESTION`].
pub(crate) const HELP: &str = "Пояснение";
/// See [`QUESTION`].
pub(crate) const ANSWER: &str = "Ответ";

/// What is compared instead of a heading: people change case, spaces and line breaks.
pub(crate) fn key(text: &str) -> String {
    let mut key = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !key.is_empty() {
            key.push(' ');
        }
        key.extend(word.chars().flat_map(char::to_lowercase).map(|c| match c {
            'ё' => 'е',
            c => c,
        }));
    }
    key.truncate(key.trim_end_matches([':', ' ']).len());
    key
}

/// The headings of these fields, in their order. `taken` are names that none of them may have.
pub(crate) fn headings(fields: &[v1::FormField], taken: &[&str]) -> Vec<String> {
    let mut names = Names::new(taken);
    fields
        .iter()
        .map(|field| {
            let label = one_line(&field.label);
            let plain = match field.unit.as_str() {
                "" => label.clone(),
                unit => format!("{label}, {}", one_line(unit)),
            };
            let longer = match field.section.as_str() {
                "" => format!("{plain} ({})", field.id),
                section => format!("{plain} ({})", one_line(section)),
            };
            names.take([plain, longer, format!("{label} ({})", field.id), field.id.clone()])
        })
        .collect()
}

/// The headings of a table's columns.
pub(crate) fn columns(table: &v1::FormField) -> Vec<String> {
    headings(&table.columns, &[&row_names(table)])
}

/// The heading of the column in which the names of fixed rows stand.
pub(crate) fn row_names(table: &v1::FormField) -> String {
    let label = one_line(&table.label);
    if key(&label).is_empty() { "Строка".to_owned() } else { label }
}

/// The names of fixed rows, in their order; each may stand more than once.
pub(crate) fn rows(table: &v1::FormField) -> Vec<String> {
    let name = |(at, name): (usize, &String)| match one_line(name) {
        blank if key(&blank).is_empty() => format!("Строка {}", at + 1),
        name => name,
    };
    table.rows.iter().enumerate().map(name).collect()
}

/// How the options of a choice are called in cells, in their order.
pub(crate) fn options(field: &v1::FormField) -> Vec<String> {
    let mut names = Names::new(&[]);
    field
        .options
        .iter()
        .map(|option| {
            let (label, value) = (one_line(&option.label), one_line(&option.value));
            names.take([label.clone(), format!("{label} ({value})"), value, option.value.clone()])
        })
        .collect()
}

/// The names of a form's sheets of tables, by position of the field; none for single fields.
pub(crate) fn sheets(form: &v1::Form) -> Vec<Option<String>> {
    let mut names = Names::new(&[FORM_SHEET, MARK_SHEET, "history", "журнал"]);
    form.fields
        .iter()
        .map(|field| {
            if field.r#type() != v1::FieldType::Table {
                return None;
            }
            let short = sheet_name(&field.label, LONGEST_SHEET_NAME);
            let candidates = (2..).map(|n| {
                let suffix = format!(" {n}");
                format!("{}{suffix}", sheet_name(&field.label, LONGEST_SHEET_NAME - suffix.len()))
            });
            Some(names.take(std::iter::once(short).chain(candidates)))
        })
        .collect()
}

/// Longest name of a sheet, in UTF-16 units.
pub(crate) const LONGEST_SHEET_NAME: usize = 31;

/// A label as a sheet's name: at most `longest` UTF-16 units, without what Excel forbids.
pub(crate) fn sheet_name(label: &str, longest: usize) -> String {
    let allowed: String = label
        .chars()
        .map(|c| match c {
            '[' | ']' | ':' | '*' | '?' | '/' | '\\' => ' ',
            c if c.is_control() => ' ',
            c => c,
        })
        .collect();
    let clean = one_line(&allowed);
    let mut name = String::new();
    let mut units = 0;
    for c in clean.trim_matches(['\'', ' ']).chars() {
        units += c.len_utf16();
        if units > longest {
            break;
        }
        name.push(c);
    }
    let name = name.trim_matches(['\'', ' ']);
    if name.is_empty() { "Таблица".to_owned() } else { name.to_owned() }
}

/// The text without line breaks and doubled spaces.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

struct Names(HashSet<String>);

impl Names {
    fn new(taken: &[&str]) -> Self {
        Names(taken.iter().map(|name| key(name)).collect())
    }

    /// The first candidate that nobody has; the last one, numbered, if all are taken.
    fn take(&mut self, candidates: impl IntoIterator<Item = String>) -> String {
        let mut last = String::new();
        for candidate in candidates {
            let key = key(&candidate);
            if !key.is_empty() && self.0.insert(key) {
                return candidate;
            }
            last = candidate;
        }
        let mut number = 2_usize;
        loop {
            let numbered = format!("{last} {number}");
            if self.0.insert(key(&numbered)) {
                return numbered;
            }
            number += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(label: &str) -> v1::FormField {
        v1::FormField {
            label: label.into(),
            r#type: v1::FieldType::Table.into(),
            ..v1::FormField::default()
        }
    }

    #[test]
    fn sheets_have_names_that_excel_takes() {
        let long = "Повышение квалификации педагогов за год";
        let labels = [long, long, "а/б: [в]?*", "''", "форма", "Форма"];
        let form = v1::Form { fields: labels.map(table).to_vec(), ..v1::Form::default() };
        let names: Vec<String> = sheets(&form).into_iter().flatten().collect();
        assert_eq!(
            names,
            [
                "Повышение квалификации педагого",
                "Повышение квалификации педаго 2",
                "а б в",
                "Таблица",
                "форма 2",
                "Форма 3",
            ]
        );
        assert!(names.iter().all(|name| name.encode_utf16().count() <= 31));
    }

    #[test]
    fn fields_of_one_name_are_told_apart() {
        let field = |id: &str, section: &str| v1::FormField {
            id: id.into(),
            label: "Участников".into(),
            section: section.into(),
            unit: "чел.".into(),
            ..v1::FormField::default()
        };
        let fields = [field("a", "ВПР"), field("b", "ОГЭ"), field("c", ""), field("d", "ОГЭ")];
        assert_eq!(
            headings(&fields, &[]),
            [
                "Участников, чел.",
                "Участников, чел. (ОГЭ)",
                "Участников, чел. (c)",
                "Участников (d)",
            ]
        );
    }
}

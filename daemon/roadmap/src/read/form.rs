//! One form: fields and rules.

use super::analysis::{Shared, thresholds};
use super::groups;
use super::table::{Table, available, name};
use crate::model::{
    Available, Choice, Field, FieldKind, FileRule, Form, FormRule, Range, Required, Rows, Scores,
    Table as Rowed,
};

/// Most scores of a histogram.
const MOST_SCORES: i64 = 201;

/// Most rows of a table field.
const MOST_ROWS: i64 = 5000;

/// The form, and since when what it asks can be known.
pub(super) fn read(id: &str, table: &Table<'_>, shared: &Shared) -> (Form, Option<Available>) {
    let findings = table.findings();
    let title = table.text("title");
    let intro = table.optional("intro");
    let thresholds = thresholds(table, shared);
    findings.keep(format!("department/forms/{id}"), table.at("department"));
    let department = table.text_or("department", None);
    let fields = fields(&format!("forms/{id}"), table, "field", true);
    if fields.is_empty() && !table.has("field") {
        table.error("field", "нет ни одного поля [[field]]", None);
    }
    let mut rules = Vec::new();
    for rule in table.tables("rule") {
        let path = format!("forms/{id}/rule/{}", rules.len());
        for key in ["check", "each", "at"] {
            findings.keep(format!("{path}/{key}"), rule.at(key));
        }
        let check = rule.formula("check");
        let each = rule.text_or("each", None);
        let groups = groups::of_rule(&path, &rule);
        if groups.is_some() && each.is_none() {
            let help = Some("назовите таблицу: each = \"…\"".to_owned());
            rule.error("by", "складывать можно только строки таблицы", help);
        }
        let at = rule.text("at");
        let message = rule.text("message");
        let soft = rule.flag("soft", false);
        if let (Some(check), Some(at), Some(message)) = (check, at, message) {
            rules.push(FormRule { check, each, groups, at, message, soft });
        }
        rule.finish();
    }
    let available_from = table.parsed_if("available-from", available);
    table.finish();
    let title = title.unwrap_or_default();
    let id = id.to_owned();
    (Form { id, title, intro, fields, thresholds, department, rules }, available_from)
}

fn fields(path: &str, table: &Table<'_>, key: &'static str, top: bool) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::new();
    for field in table.tables(key) {
        let read = read_field(path, &field, top);
        // Which keys a field knows depends on its type.
        if read.is_some() {
            field.finish();
        }
        if let Some(read) = read {
            if fields.iter().any(|f| f.id == read.id) {
                field.error("id", format!("поле «{}» уже есть", read.id), None);
            }
            fields.push(read);
        }
    }
    fields
}

fn read_field(path: &str, table: &Table<'_>, top: bool) -> Option<Field> {
    let id = table.parsed("id", name);
    let path = format!("{path}/{}", id.as_deref().unwrap_or("?"));
    table.findings().keep(path.clone(), table.here());
    table.findings().keep(format!("{path}/required"), table.at("required"));
    let label = table.text("label");
    let help = table.optional("help");
    let section = if top { table.optional("section") } else { String::new() };
    let unit = table.optional("unit");
    let required = required(table);
    let kinds = [
        "integer",
        "decimal",
        "percent",
        "text",
        "long-text",
        "date",
        "choice",
        "choices",
        "yes-no",
        "histogram",
        "file",
        "table",
    ];
    let kinds: Vec<(&str, &str)> = kinds
        .into_iter()
        .filter(|k| top || !["table", "histogram", "file"].contains(k))
        .map(|k| (k, k))
        .collect();
    let kind = match table.word("type", &kinds, None)? {
        "integer" => FieldKind::Integer(range(table)),
        "decimal" => FieldKind::Decimal(range(table)),
        "percent" => {
            let Range { min, max } = range(table);
            FieldKind::Percent(Range { min: min.or(Some(0.0)), max: max.or(Some(100.0)) })
        }
        "text" => FieldKind::Text { max_length: max_length(table, 200) },
        "long-text" => FieldKind::LongText { max_length: max_length(table, 4000) },
        "date" => FieldKind::Date,
        "choice" => FieldKind::Choice(options(table)),
        "choices" => FieldKind::Choices(options(table)),
        "yes-no" => FieldKind::YesNo,
        "file" => FieldKind::File(file(table)),
        "histogram" => FieldKind::Histogram(scores(table)),
        _ => FieldKind::Table(rowed(&path, table)),
    };
    let number =
        matches!(kind, FieldKind::Integer(_) | FieldKind::Decimal(_) | FieldKind::Percent(_));
    let jump = if number { table.number("jump") } else { None };
    if jump.is_some_and(|jump| jump <= 0.0) {
        table.error("jump", "нужно число больше нуля: на сколько процентов", None);
    }
    let periods = [("period", true)];
    let within_period = match kind {
        FieldKind::Date => table.word("within", &periods, Some(false)).unwrap_or_default(),
        _ => false,
    };
    let letter_of = match kind {
        FieldKind::Text { .. } if !top => {
            table.findings().keep(format!("{path}/letter-of"), table.at("letter-of"));
            table.text_or("letter-of", None)
        }
        _ => None,
    };
    Some(Field {
        id: id?,
        label: label.unwrap_or_default(),
        help,
        section,
        unit,
        kind,
        required: required.unwrap_or(Required::Optional),
        jump,
        within_period,
        letter_of,
    })
}

fn required(table: &Table<'_>) -> Option<Required> {
    if table.is_text("required") {
        return table.formula("required").map(Required::When);
    }
    Some(if table.flag("required", true) { Required::Always } else { Required::Optional })
}

fn range(table: &Table<'_>) -> Range {
    let range = Range { min: table.number("min"), max: table.number("max") };
    if let (Some(min), Some(max)) = (range.min, range.max)
        && max < min
    {
        table.error("max", "«max» меньше «min»", None);
    }
    range
}

fn file(table: &Table<'_>) -> FileRule {
    let mut endings = Vec::new();
    for (place, ending) in table.placed_texts("endings") {
        let plain = (1..=8).contains(&ending.len())
            && ending.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        if !plain {
            let message = format!("«{ending}»: окончание имени пишется без точки, как pdf");
            table.findings().error(&place, message, None);
        }
        endings.push(ending);
    }
    if !table.has("endings") {
        endings = FileRule::default().endings;
    }
    let megabytes = table.whole("max-megabytes", 1..=10).unwrap_or(10);
    FileRule { endings, max_bytes: (megabytes as u64) << 20 }
}

fn scores(table: &Table<'_>) -> Scores {
    let from = table.whole("from", 0..=1000).unwrap_or(0);
    let to = table.whole("to", 0..=1000);
    if !table.has("to") {
        table.error("to", "назовите наибольший балл: to = 30", None);
    }
    let to = to.unwrap_or(from);
    if to < from {
        table.error("to", "«to» меньше «from»", None);
    } else if to - from >= MOST_SCORES {
        table.error("to", format!("баллов больше {MOST_SCORES}"), None);
    }
    Scores { from, to: to.max(from) }
}

fn max_length(table: &Table<'_>, otherwise: usize) -> usize {
    table.whole("max-length", 1..=100_000).map_or(otherwise, |n| n as usize)
}

fn options(table: &Table<'_>) -> Vec<Choice> {
    let mut options: Vec<Choice> = Vec::new();
    for (place, option) in table.texts_or_tables("options") {
        let choice = match option {
            Ok(text) => Some(Choice { value: text.clone(), label: text }),
            Err(option) => {
                let value = option.text("value");
                let label = option.text("label");
                option.finish();
                value.zip(label).map(|(value, label)| Choice { value, label })
            }
        };
        if let Some(choice) = choice {
            if options.iter().any(|o| o.value == choice.value) {
                let message = format!("вариант «{}» уже есть", choice.value);
                table.findings().error(&place, message, None);
            }
            options.push(choice);
        }
    }
    if options.is_empty() {
        table.error("options", "назовите варианты: options = [...]", None);
    }
    options
}

/// The headings of a table whose rows are given: answers of two periods are compared by them.
fn headings(table: &Table<'_>) -> Vec<String> {
    let mut headings: Vec<String> = Vec::new();
    for (place, heading) in table.placed_texts("rows") {
        if headings.contains(&heading) {
            table.findings().error(&place, format!("строка «{heading}» уже есть"), None);
        }
        headings.push(heading);
    }
    if headings.is_empty() && table.is_list("rows") {
        table.error("rows", "назовите строки: rows = [...]", None);
    }
    headings
}

fn rowed(path: &str, table: &Table<'_>) -> Rowed {
    let columns = fields(path, table, "column", false);
    if columns.is_empty() && !table.has("column") {
        table.error("column", "у таблицы нет столбцов [[field.column]]", None);
    }
    let rows = if table.has("rows") {
        Rows::Fixed(headings(table))
    } else {
        let min = table.whole("min-rows", 0..=MOST_ROWS).unwrap_or(1);
        let max = table.whole("max-rows", 1..=MOST_ROWS).unwrap_or(100);
        if max < min {
            table.error("max-rows", "«max-rows» меньше «min-rows»", None);
        }
        Rows::Free { min: min as usize, max: max as usize }
    };
    Rowed { columns, rows }
}

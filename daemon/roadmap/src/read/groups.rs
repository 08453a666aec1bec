//! Groups of rows: what they have in common, and what is told of them. The same keys in the rules of
//! forms and in the row sets of analyses.

use super::table::{Table, name};
use crate::formula::Formula;
use crate::model::{Grouping, ROWS, RowGroups, RuleGroups};

/// The keys that mean something with `by` alone.
const OF_GROUPS: [&str; 3] = ["whole", "member", "beside"];

/// What rows have in common to be a group; none if they are not grouped.
fn grouping(path: &str, table: &Table<'_>, of_groups: &[&str]) -> Option<Grouping> {
    let findings = table.findings();
    findings.keep(format!("{path}/by"), table.at("by"));
    if !table.has("by") {
        for key in OF_GROUPS.iter().chain(of_groups).filter(|key| table.has(key)) {
            let help =
                Some("назовите столбцы, по которым строки складываются: by = [\"…\"]".into());
            table.error(key, format!("«{key}» бывает только у групп строк"), help);
        }
    }
    let mut by: Vec<String> = Vec::new();
    for (place, column) in table.placed_texts("by") {
        if column == ROWS {
            findings.error(&place, format!("«{ROWS}» — сами строки группы"), None);
        } else if by.contains(&column) {
            findings.error(&place, format!("столбец «{column}» уже назван"), None);
        }
        by.push(column);
    }
    if by.is_empty() && table.is_list("by") {
        table.error("by", "назовите столбцы: by = [\"…\"]", None);
    }
    let mut whole = Vec::new();
    for (place, column) in table.placed_texts("whole") {
        if !by.contains(&column) && table.has("by") {
            let help = crate::diagnostic::perhaps(&column, by.iter());
            findings.error(&place, format!("столбца «{column}» нет в by"), help);
        }
        whole.push(column);
    }
    findings.keep(format!("{path}/beside"), table.at("beside"));
    let beside = table.text_or("beside", None);
    (!by.is_empty()).then_some(Grouping { by, whole, beside })
}

/// Over which groups a rule of a form runs, if over any.
pub(super) fn of_rule(path: &str, rule: &Table<'_>) -> Option<RuleGroups> {
    for key in ["member", "message"] {
        rule.findings().keep(format!("{path}/{key}"), rule.at(key));
    }
    let grouping = grouping(path, rule, &[]);
    let member = rule.text_or("member", None);
    Some(RuleGroups { grouping: grouping?, member })
}

/// The groups that a row set is of, if it is of any.
pub(super) fn of_rows(path: &str, rows: &Table<'_>) -> Option<RowGroups> {
    let findings = rows.findings();
    for key in ["member", "when"] {
        findings.keep(format!("{path}/{key}"), rows.at(key));
    }
    let grouping = grouping(path, rows, &["values", "when"]);
    let member = rows.text_or("member", None);
    if member.is_some() && !rows.has("text") {
        rows.error("member", "называть строки негде: нужен ключ text", None);
    }
    let when = if rows.has("when") { rows.formula("when") } else { None };
    let mut values: Vec<(String, Formula)> = Vec::new();
    for (id, place, text) in rows.table("values").into_iter().flat_map(|values| values.pairs()) {
        findings.keep(format!("{path}/values/{id}"), place.clone());
        let taken = grouping.as_ref().is_some_and(|grouping| grouping.by.contains(&id));
        if let Err(message) = name(&id) {
            findings.error(&place, message, None);
        } else if taken || id == ROWS {
            findings.error(&place, format!("имя «{id}» у группы уже занято"), None);
        }
        match Formula::parse(&text) {
            Ok(formula) => values.push((id, formula)),
            // One character for the opening quote.
            Err(e) => findings.error(&place.further(1 + e.offset.unwrap_or(0)), e.message, None),
        }
    }
    Some(RowGroups { grouping: grouping?, values, when, member })
}

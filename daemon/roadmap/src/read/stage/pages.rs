//! Rows that were answered, where they go: what a report brings with it of each organisation
//! (`[stage.pages]`), and what a decision lists (`[[stage.list]]`).

use super::super::table::Table;
use crate::model::{AnsweredRows, AskedTable, PageCalendar, Pages};

pub(super) fn read(stage_path: &str, stage: &Table<'_>) -> Option<Pages> {
    let findings = stage.findings();
    let path = format!("{stage_path}/pages");
    let table = stage.table("pages")?;
    findings.keep(path.clone(), table.here());
    findings.keep(format!("{path}/report"), table.at("report"));
    let asked = asked(&path, &table, "назовите столбцы, которые можно видеть всем");
    let report = table.text("report");
    let calendar = table.table("calendar").map(|calendar| {
        for key in ["day", "title", "about"] {
            findings.keep(format!("{path}/calendar/{key}"), calendar.at(key));
        }
        let (day, title) = (calendar.text("day"), calendar.text("title"));
        let about = calendar.text_or("about", None);
        calendar.finish();
        Some(PageCalendar { day: day?, title: title?, about })
    });
    table.finish();
    Some(Pages { asked: asked?, report: report?, calendar: calendar.flatten() })
}

/// Which rows were asked where; `without` says what is wrong where no column is named.
fn asked(path: &str, table: &Table<'_>, without: &str) -> Option<AskedTable> {
    let findings = table.findings();
    for key in ["stage", "table"] {
        findings.keep(format!("{path}/{key}"), table.at(key));
    }
    let (stage, field) = (table.text("stage"), table.text("table"));
    let mut columns = Vec::new();
    for (place, column) in table.placed_texts("columns") {
        findings.keep(format!("{path}/columns/{}", columns.len()), place);
        columns.push(column);
    }
    if columns.is_empty() {
        let help = Some("columns = [\"date\", \"subject\"]".to_owned());
        table.error("columns", without, help);
    }
    Some(AskedTable { stage: stage?, table: field?, columns })
}

/// The rows that a decision lists: `[[stage.list]]`.
pub(super) fn lists(stage_path: &str, stage: &Table<'_>) -> Vec<AnsweredRows> {
    let mut all = Vec::new();
    for (i, table) in stage.tables("list").into_iter().enumerate() {
        let path = format!("{stage_path}/list/{i}");
        stage.findings().keep(path.clone(), table.here());
        let title = table.text("title");
        let asked = asked(&path, &table, "назовите столбцы, которые войдут в перечень");
        table.finish();
        if let (Some(title), Some(asked)) = (title, asked) {
            all.push(AnsweredRows { title, asked });
        }
    }
    all
}

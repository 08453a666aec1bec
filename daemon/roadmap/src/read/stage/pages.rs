//! What a report brings with it of each organisation: `[stage.pages]`.

use super::super::table::Table;
use crate::model::{PageCalendar, Pages};

pub(super) fn read(stage_path: &str, stage: &Table<'_>) -> Option<Pages> {
    let findings = stage.findings();
    let path = format!("{stage_path}/pages");
    let table = stage.table("pages")?;
    findings.keep(path.clone(), table.here());
    for key in ["stage", "table", "report"] {
        findings.keep(format!("{path}/{key}"), table.at(key));
    }
    let asked = table.text("stage");
    let field = table.text("table");
    let report = table.text("report");
    let mut columns = Vec::new();
    for (place, column) in table.placed_texts("columns") {
        findings.keep(format!("{path}/columns/{}", columns.len()), place);
        columns.push(column);
    }
    if columns.is_empty() {
        let help = Some("columns = [\"date\", \"subject\"]".to_owned());
        table.error("columns", "назовите столбцы, которые можно видеть всем", help);
    }
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
    Some(Pages {
        stage: asked?,
        table: field?,
        report: report?,
        columns,
        calendar: calendar.flatten(),
    })
}

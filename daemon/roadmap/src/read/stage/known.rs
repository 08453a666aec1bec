//! What a form shows to be confirmed, since other runs have asked it already: `[[stage.known]]`.

use super::super::activity::PERIODS;
use super::super::table::Table;
use crate::formula::Formula;
use crate::model::{Known, KnownRows, KnownValue, PeriodOf};

pub(super) fn read(stage_path: &str, stage: &Table<'_>) -> Vec<Known> {
    let findings = stage.findings();
    let mut all = Vec::new();
    for (number, table) in stage.tables("known").into_iter().enumerate() {
        let path = format!("{stage_path}/known/{number}");
        findings.keep(path.clone(), table.here());
        for key in ["field", "from", "rows", "value", "when", "same"] {
            findings.keep(format!("{path}/{key}"), table.at(key));
        }
        let field = table.text("field");
        let activity = table.text("from");
        let period = table.word("period", &PERIODS, Some(PeriodOf::Current));
        let of = table.word_if("of", &[("department", ())]);
        if table.has("value") && table.has("rows") {
            table.error("value", "нужно одно из двух: value или rows", None);
        }
        let formula = if table.has("value") { table.formula("value") } else { None };
        let value = if table.has("rows") {
            rows(&path, &table).map(KnownValue::Rows)
        } else if table.has("value") {
            formula.map(KnownValue::Formula)
        } else {
            // The same question: its answer as it is.
            let same = field.as_deref().and_then(|field| Formula::parse(field).ok());
            same.map(KnownValue::Formula)
        };
        table.finish();
        if let (Some(field), Some(activity), Some(period), Some(value)) =
            (field, activity, period, value)
        {
            let of_department = of.is_some();
            all.push(Known { place: number, field, activity, period, of_department, value });
        }
    }
    all
}

fn rows(path: &str, table: &Table<'_>) -> Option<KnownRows> {
    let findings = table.findings();
    let name = table.text("rows");
    let when = if table.has("when") { table.formula("when") } else { None };
    let named = |key: &'static str| {
        let Some(given) = table.table(key) else { return vec![] };
        let values = given.plain_values().into_iter().map(|(column, place, value)| {
            findings.keep(format!("{path}/{key}/{column}"), place);
            (column, value)
        });
        values.collect()
    };
    let (columns, always, otherwise) = (named("columns"), named("always"), named("otherwise"));
    let same = table.texts("same");
    Some(KnownRows { table: name?, when, columns, always, otherwise, same })
}

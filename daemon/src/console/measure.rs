//! The page on which the holder of a measure reports what was done.

use axum::response::Response;
use serde_json::{Value, json};
use vekha_engine::run::{Decision, Measure, MeasureState};
use vekha_roadmap::answers::Values;
use vekha_roadmap::russian;

use super::link::{Opened, Said, Typed, Wish};
use super::view;
use crate::runtime::Runtime;

/// What was typed and the page's own mark.
pub fn read(pairs: &[(String, String)]) -> (Typed, String, Wish) {
    let text = |wanted: &str| {
        let found = pairs.iter().find(|(name, _)| name == wanted);
        found.map(|(_, text)| text.replace("\r\n", "\n")).unwrap_or_default()
    };
    let mut values = Values::new();
    values.insert("report".into(), text("report").into());
    (Typed { values, ..Typed::default() }, text("_once"), Wish::Send)
}

/// The measure, what the department said to the last report, and room for the next one.
pub fn page(
    runtime: &Runtime,
    opened: &Opened,
    (measure, decision): &(Measure, Decision),
    typed: Option<&Typed>,
    said: &Said,
) -> Response {
    let expected = opened.assignment.state.takes_answers();
    let typed = typed.and_then(|t| t.values.get("report")).and_then(Value::as_str);
    let errors: Vec<Value> = said
        .errors()
        .iter()
        .map(|e| json!({ "id": "f-report", "at": "Отчёт", "message": e.message }))
        .collect();
    let mut context = opened.context(runtime, said);
    context["decision"] = json!({
        "number": decision.number,
        "date": russian::date_words(decision.date),
        "title": decision.title,
    });
    context["measure"] = json!({
        "text": measure.text,
        "state": measure.state.as_str(),
        "report": measure.report,
        "comment": measure.comment,
    });
    context["editable"] = (expected && measure.state != MeasureState::Done).into();
    // A returned report is mended, not written anew.
    context["report"] = typed.unwrap_or(&measure.report).into();
    context["errors"] = errors.into();
    view::page(said.status(), "measure.html", &context)
}

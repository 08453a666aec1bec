//! The page on which the holder of a measure reports what was done.

use axum::response::Response;
use serde_json::{Value, json};
use vekha_engine::run::{Decision, Measure, MeasureState};
use vekha_roadmap::russian;

use super::link::{Opened, Typed};
use super::said::Said;
use super::view;
use crate::runtime::Runtime;

/// The measure, what the department said to the last report, and room for the next one.
pub fn page(
    runtime: &Runtime,
    opened: &Opened,
    (measure, decision): &(Measure, Decision),
    typed: Option<&Typed>,
    said: &Said,
) -> Response {
    let expected = opened.assignment.state.takes_answers();
    let report = typed.and_then(Typed::report);
    let errors: Vec<Value> = said
        .errors()
        .iter()
        .map(|e| json!({ "id": "f-report", "at": "Отчёт", "message": e.message }))
        .collect();
    let mut context = opened.context(runtime, said);
    super::link::describe_report(opened, &measure.report, typed, said, &mut context);
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
    context["report"] = report.unwrap_or(&measure.report).into();
    context["errors"] = errors.into();
    view::page(said.status(), "measure.html", &context)
}

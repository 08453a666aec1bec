//! The page on which the holder of a measure reports what was done.

use axum::response::Response;
use serde_json::json;
use vekha_engine::run::{Decision, Measure};
use vekha_roadmap::russian;

use crate::console::frame::form::{Filled, mistakes, questions};
use crate::console::frame::said::Said;
use crate::console::frame::{controls, view};
use crate::console::school::link::{Opened, Typed};
use crate::console::school::read_only;
use crate::console::school::standing::reported;
use crate::forms::reports;
use crate::runtime::Runtime;

/// The measure, what the department said to the last report, and room for the next one.
pub fn page(
    runtime: &Runtime,
    opened: &Opened,
    (measure, decision): &(Measure, Decision),
    typed: Option<&Typed>,
    said: &Said,
) -> Response {
    let editable = opened.takes_answer();
    let (form, action) = (reports::measure(), format!("/a/{}", opened.token));
    // A returned report is mended, not written anew.
    let standing = reported(&measure.report, measure.document.as_ref());
    let mut context = opened.context(runtime, said);
    crate::console::school::link::describe_report(
        opened,
        &form,
        standing.clone(),
        typed,
        said,
        &mut context,
    );
    context["decision"] = json!({
        "number": decision.document.number,
        "date": russian::date_words(decision.document.date),
        "title": decision.document.title,
    });
    context["measure"] = json!({
        "text": measure.text,
        "state": measure.state.as_str(),
        "report": measure.report,
        "comment": measure.comment,
    });
    let filled = Filled {
        values: typed.map_or_else(|| standing.clone(), |typed| typed.values.clone()),
        errors: said.errors().to_vec(),
        others: said.others(),
        ..Filled::default()
    };
    context["editable"] = editable.into();
    context["errors"] = json!(mistakes(&form, &filled));
    context["questions"] = controls::questions(&questions(&form, &filled), &action).into();
    context["answers"] = json!(read_only::read_only(&form, &standing, &action));
    view::page(said.status(), "measure.html", &context)
}

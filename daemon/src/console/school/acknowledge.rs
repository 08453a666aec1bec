//! The page on which an organisation reads its recommendations, says that it has, and what it did.

use axum::response::Response;
use serde_json::{Value, json};
use vekha_analysis::Finding;
use vekha_engine::run::Recommendation;

use crate::console::frame::said::Said;
use crate::console::frame::{view, words};
use crate::console::school::link::{Opened, Typed};
use crate::console::school::standing::reported;
use crate::forms::reports;
use crate::reports::severity_words;
use crate::runtime::Runtime;

/// The recommendations with the figures that they rest on.
pub fn page(
    runtime: &Runtime,
    opened: &Opened,
    recommendation: &Recommendation,
    typed: Option<&Typed>,
    said: &Said,
) -> Response {
    let municipality = &opened.version.road_map.municipality;
    let mut context = opened.context(runtime, said);
    let (form, standing) = (reports::acknowledgement(), reported(&recommendation.report, None));
    crate::console::school::link::describe_report(
        opened,
        &form,
        standing,
        typed,
        said,
        &mut context,
    );
    context["items"] = recommendation.items.iter().map(item).collect();
    context["issued_at"] =
        json!(recommendation.issued_at.map(|at| words::moment(municipality, at)));
    context["acknowledged_at"] =
        json!(recommendation.acknowledged_at.map(|at| words::moment(municipality, at)));
    let typed = typed.and_then(Typed::report);
    context["report"] = typed.unwrap_or(&recommendation.report).into();
    context["reported_at"] =
        json!(recommendation.reported_at.map(|at| words::moment(municipality, at)));
    context["errors"] = said
        .errors()
        .iter()
        .map(|e| json!({ "id": "f-report", "at": "Что сделано", "message": e.message }))
        .collect();
    view::page(said.status(), "acknowledge.html", &context)
}

/// A finding with its recommendation, as pages show it.
pub fn item(finding: &Finding) -> Value {
    let any = |text: fn(&vekha_analysis::Item) -> &str| {
        finding.figures.iter().any(|figure| !text(figure).is_empty())
    };
    json!({
        "finding": finding.text,
        "recommendation": finding.recommendation,
        "severity": severity_words(finding.severity),
        "grave": finding.severity,
        "figures": finding.figures,
        "has_mean": any(|f| &f.municipality_mean),
        "has_earlier": any(|f| &f.earlier),
        "has_rank": finding.figures.iter().any(|f| f.rank.is_some()),
    })
}

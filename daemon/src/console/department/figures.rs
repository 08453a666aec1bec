//! What an analysis yielded: a table per indicator, and the findings.

use serde_json::{Value, json};
use vekha_analysis::{IndicatorFigures, Outcome};
use vekha_engine::run::Run;
use vekha_roadmap::RoadMap;
use vekha_roadmap::model::Analysis;
use vekha_roadmap::russian;

use crate::console::department::administrator;
use crate::reports::severity_words;

/// The figures and findings of a stage.
pub fn analysis(map: &RoadMap, run: &Run, stage: &str, outcome: &Outcome) -> Value {
    let definition = map.analysis_of(&run.key.activity, stage);
    let findings: Vec<Value> = outcome
        .findings
        .iter()
        .map(|finding| {
            json!({
                "organisation": administrator::name(map, &finding.organisation),
                "text": finding.text,
                "grave": finding.severity,
                "severity": severity_words(finding.severity),
            })
        })
        .collect();
    json!({
        "report": definition.map(|_| format!("/runs/{}/reports/{stage}", run.key)),
        "title": definition.map_or("Анализ", |d| d.title.as_str()),
        "method": definition.map_or("", |d| d.method.as_str()),
        "indicators": outcome
            .indicators
            .iter()
            .map(|figures| indicator(map, definition, figures))
            .collect::<Vec<_>>(),
        "findings": findings,
    })
}

/// Organisations by place, or by name where there are no places.
fn indicator(map: &RoadMap, analysis: Option<&Analysis>, figures: &IndicatorFigures) -> Value {
    let definition = analysis.and_then(|a| a.indicators.iter().find(|i| i.id == figures.indicator));
    let decimals = definition.map_or(2, |d| d.decimals);
    let shown = |value: f64| russian::number(value, decimals);
    let mut organisations: Vec<_> = figures.organisations.iter().collect();
    organisations.sort_by_key(|(code, figure)| (figure.rank.unwrap_or(u32::MAX), *code));
    let rows: Vec<Value> = organisations
        .into_iter()
        .map(|(code, figure)| {
            json!({
                "organisation": administrator::name(map, code),
                "value": shown(figure.value),
                "earlier": figure.earlier.map(shown),
                "rank": figure.rank,
                "apart": figure.lies_apart(),
            })
        })
        .collect();
    let withheld: Vec<Value> = figures
        .withheld
        .iter()
        .map(|(code, reason)| {
            json!({ "organisation": administrator::name(map, code), "reason": reason })
        })
        .collect();
    json!({
        "title": definition.map_or(figures.indicator.as_str(), |d| d.title.as_str()),
        "unit": definition.map_or("", |d| d.unit.as_str()),
        "has_rank": figures.organisations.values().any(|f| f.rank.is_some()),
        "has_earlier": figures.organisations.values().any(|f| f.earlier.is_some()),
        "rows": rows,
        "municipality": analysis.and_then(|a| figures.compared(a.min_count)).map(|a| json!({
            "mean": shown(a.mean), "median": shown(a.median),
            "min": shown(a.min), "max": shown(a.max),
            "lower_quartile": shown(a.lower_quartile), "upper_quartile": shown(a.upper_quartile),
        })),
        "withheld": withheld,
    })
}

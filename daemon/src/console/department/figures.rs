//! What an analysis yielded: its findings with the figures that they rest on, and one table of
//! organisations by indicators. The run's page begins both; they have a page of their own.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use vekha_analysis::{Aggregate, Figure, Finding, IndicatorFigures, Outcome};
use vekha_engine::run::Run;
use vekha_roadmap::RoadMap;
use vekha_roadmap::model::{Analysis, Severity};
use vekha_roadmap::russian;

use crate::console::department::administrator;
use crate::console::department::run::{self, Missing, refused};
use crate::console::frame::access::Person;
use crate::console::frame::paging::{self, Asked, Paging, ROWS, asked, has_words};
use crate::console::frame::view;
use crate::reports::severity_words;
use crate::runtime::Runtime;

/// Rows and findings with which the run's page begins.
const FIRST: usize = 20;

/// The gravest first.
const SEVERITIES: [Severity; 3] = [Severity::Serious, Severity::Attention, Severity::Note];

/// What of a municipality's figures a line tells: one, or from which to which.
type Told = fn(&Aggregate) -> Vec<f64>;

/// An indicator: a column of the table.
struct Column<'a> {
    figures: &'a IndicatorFigures,
    title: &'a str,
    unit: &'a str,
    decimals: u8,
    municipality: Option<Aggregate>,
}

/// Organisations by indicators.
struct Matrix<'a> {
    map: &'a RoadMap,
    columns: Vec<Column<'a>>,
    /// Why somebody has no value, each reason once: a cell has its number.
    reasons: Vec<&'a str>,
}

impl<'a> Matrix<'a> {
    fn of(
        map: &'a RoadMap,
        definition: Option<&'a Analysis>,
        indicators: &'a [IndicatorFigures],
    ) -> Self {
        let column = |figures: &'a IndicatorFigures| {
            let own = |a: &'a Analysis| a.indicators.iter().find(|i| i.id == figures.indicator);
            let one = definition.and_then(own);
            Column {
                figures,
                title: one.map_or(figures.indicator.as_str(), |i| i.title.as_str()),
                unit: one.map_or("", |i| i.unit.as_str()),
                decimals: one.map_or(2, |i| i.decimals),
                municipality: definition.and_then(|a| figures.compared(a.min_count)),
            }
        };
        let columns: Vec<Column<'_>> = indicators.iter().map(column).collect();
        let reasons: BTreeSet<&str> =
            indicators.iter().flat_map(|i| i.withheld.values()).map(String::as_str).collect();
        Matrix { map, columns, reasons: reasons.into_iter().collect() }
    }

    /// All who have a value or a reason for having none, as the table is sorted: by the first
    /// indicator that has places, unless something else is asked for.
    fn codes(&self, sort: &str) -> Vec<&'a str> {
        let all: BTreeSet<&str> = self
            .columns
            .iter()
            .flat_map(|c| c.figures.organisations.keys().chain(c.figures.withheld.keys()))
            .map(String::as_str)
            .collect();
        let mut codes: Vec<&str> = all.into_iter().collect();
        let (down, id) = sort.strip_prefix('-').map_or((false, sort), |id| (true, id));
        let of = |column: &Column<'a>| {
            let figures = column.figures;
            move |code: &&str| figures.organisations.get(*code)
        };
        if id == "name" {
            codes.sort_by_cached_key(|code| self.map.short_name(code));
            if down {
                codes.reverse();
            }
        } else if let Some(column) = self.columns.iter().find(|c| c.figures.indicator == id) {
            let figure = of(column);
            // Who has no value comes last either way.
            codes.sort_by(|a, b| match (figure(a), figure(b)) {
                (Some(a), Some(b)) if down => b.value.total_cmp(&a.value),
                (Some(a), Some(b)) => a.value.total_cmp(&b.value),
                (a, b) => b.is_some().cmp(&a.is_some()),
            });
        } else {
            let ranked =
                |c: &&Column<'_>| c.figures.organisations.values().any(|f| f.rank.is_some());
            if let Some(column) = self.columns.iter().find(ranked) {
                let figure = of(column);
                codes.sort_by_key(|code| figure(code).and_then(|f| f.rank).unwrap_or(u32::MAX));
            }
        }
        codes
    }

    fn heads(&self, heading: impl Fn(&str) -> Value) -> Value {
        let head = |c: &Column<'_>| json!({ "title": c.title, "unit": c.unit, "heading": heading(&c.figures.indicator) });
        self.columns.iter().map(head).collect()
    }

    fn row(&self, code: &str) -> Value {
        let cells: Vec<Value> = self.columns.iter().map(|c| self.cell(c, code)).collect();
        json!({
            "organisation": administrator::name(self.map, code),
            "link": format!("/m/{}/organisations/{code}", self.map.municipality.id),
            "cells": cells,
        })
    }

    fn cell(&self, column: &Column<'_>, code: &str) -> Value {
        let shown = |value: f64| russian::number(value, column.decimals);
        match column.figures.organisations.get(code) {
            Some(figure) => {
                let Figure { value, rank, earlier, .. } = figure;
                json!({
                    "value": shown(*value),
                    "rank": rank,
                    "earlier": earlier.map(shown),
                    "apart": figure.lies_apart(),
                })
            }
            None => {
                let reason = column.figures.withheld.get(code).map(String::as_str);
                let place = reason.and_then(|r| self.reasons.iter().position(|one| *one == r));
                json!({ "reason": place.map(|place| place + 1) })
            }
        }
    }

    /// The municipality's own figures, a line each; none where too few have a value.
    fn municipality(&self) -> Vec<Value> {
        let lines: [(&str, Told); 5] = [
            ("Муниципалитет в целом", |a| a.whole.into_iter().collect()),
            ("В среднем по муниципалитету", |a| vec![a.mean]),
            ("Медиана", |a| vec![a.median]),
            ("У половины организаций", |a| {
                vec![a.lower_quartile, a.upper_quartile]
            }),
            ("У всех", |a| vec![a.min, a.max]),
        ];
        if self.columns.iter().all(|c| c.municipality.is_none()) {
            return vec![];
        }
        let line = |(title, of): &(&str, Told)| {
            let cell = |c: &Column<'_>| {
                let figures = c.municipality.as_ref().map(of).unwrap_or_default();
                // A mean of whole numbers need not be whole itself.
                let decimals =
                    |f: f64| if f.fract() == 0.0 { c.decimals } else { c.decimals.max(1) };
                let shown: Vec<String> =
                    figures.into_iter().map(|f| russian::number(f, decimals(f))).collect();
                shown.join("–")
            };
            json!({ "title": title, "cells": self.columns.iter().map(cell).collect::<Vec<_>>() })
        };
        let whole = |c: &Column<'_>| c.municipality.is_some_and(|a| a.whole.is_some());
        let told = if self.columns.iter().any(whole) { &lines[..] } else { &lines[1..] };
        told.iter().map(line).collect()
    }
}

/// The gravest first.
fn in_order(findings: &[Finding]) -> Vec<&Finding> {
    let mut all: Vec<&Finding> = findings.iter().collect();
    all.sort_by_key(|finding| Reverse(finding.severity));
    all
}

/// A finding with what it rests on.
pub fn finding(map: &RoadMap, finding: &Finding) -> Value {
    json!({
        "organisation": administrator::name(map, &finding.organisation),
        "link": format!("/m/{}/organisations/{}", map.municipality.id, finding.organisation),
        "text": finding.text,
        "grave": finding.severity,
        "severity": severity_words(finding.severity),
        "figures": finding.figures,
    })
}

/// What the run's page shows of a stage's analysis.
pub fn beginning(map: &RoadMap, run: &Run, stage: &str, outcome: &Outcome) -> Value {
    let definition = map.analysis_of(&run.key.activity, stage);
    let matrix = Matrix::of(map, definition, &outcome.indicators);
    let codes = matrix.codes("");
    let shown = in_order(&outcome.findings);
    json!({
        "id": stage,
        "report": definition.map(|_| format!("/runs/{}/reports/{stage}", run.key)),
        "place": format!("/runs/{}/figures/{stage}", run.key),
        "title": definition.map_or("Анализ", |d| d.title.as_str()),
        "method": definition.map_or("", |d| d.method.as_str()),
        "findings": shown.iter().take(FIRST).map(|f| finding(map, f)).collect::<Vec<_>>(),
        "found": shown.len(),
        "heads": matrix.heads(|_| Value::Null),
        "rows": codes.iter().take(FIRST).map(|code| matrix.row(code)).collect::<Vec<_>>(),
        "total": codes.len(),
        "municipality": matrix.municipality(),
        "reasons": matrix.reasons,
    })
}

/// `GET /runs/{municipality}/{activity}/{run}/figures/{stage}?q=…&severity=serious&sort=-low-share`
pub async fn show(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Path((municipality, activity, name, stage)): Path<(String, String, String, String)>,
    Query(query): Query<Asked>,
) -> Result<Response, Response> {
    let path = (municipality, activity, name);
    let (run, version) = run::load_bare(&runtime, &path).await.map_err(refused)?;
    let id = format!("{}/{stage}", run.key);
    let outcome =
        runtime.store().outcome(&id).await.map_err(|e| refused(Missing::Unavailable(e)))?;
    let outcome = outcome.ok_or_else(|| refused(Missing::Unknown))?;
    let map = &version.road_map;
    let definition = map.analysis_of(&run.key.activity, &stage);
    let (words, severity) = (asked(&query, "q"), asked(&query, "severity"));
    let meant = |code: &str| has_words(&format!("{code} {}", map.short_name(code)), words);
    let wanted = SEVERITIES.into_iter().find(|one| key(*one) == severity);
    let findings: Vec<&Finding> = in_order(&outcome.findings)
        .into_iter()
        .filter(|f| meant(&f.organisation))
        .filter(|f| wanted.is_none_or(|wanted| f.severity == wanted))
        .collect();
    let matrix = Matrix::of(map, definition, &outcome.indicators);
    let mut codes = matrix.codes(asked(&query, "sort"));
    if wanted.is_some() {
        // Of those who are meant by the findings that are shown.
        let found: BTreeSet<&str> = findings.iter().map(|f| f.organisation.as_str()).collect();
        codes.retain(|code| found.contains(code));
    }
    codes.retain(|code| meant(code));
    let of_findings = Paging::new(&query, "findings", FIRST, findings.len());
    let of_rows = Paging::new(&query, "page", ROWS, codes.len());
    let mut context = administrator::context(&runtime, &version, &person);
    context["run"] = run::named(map, &run);
    let shown_findings: Vec<Value> =
        of_findings.of(findings.iter().copied()).map(|f| finding(map, f)).collect();
    let rows: Vec<Value> = of_rows.of(codes.iter()).map(|code| matrix.row(code)).collect();
    context["analysis"] = json!({
        "report": definition.map(|_| format!("/runs/{}/reports/{stage}", run.key)),
        "title": definition.map_or("Анализ", |d| d.title.as_str()),
        "method": definition.map_or("", |d| d.method.as_str()),
        "findings": shown_findings,
        "heads": matrix.heads(|indicator| paging::heading(&query, indicator, "list")),
        "name": paging::heading(&query, "name", "list"),
        "rows": rows,
        "municipality": matrix.municipality(),
        "reasons": matrix.reasons,
    });
    context["of_findings"] = of_findings.show("findings");
    context["paging"] = of_rows.show("list");
    let by_severity = SEVERITIES.map(|one| (key(one), severity_words(one).to_owned()));
    let any = ("", "любые".to_owned());
    context["filters"] = paging::filters(
        &format!("/runs/{}/figures/{stage}", run.key),
        &query,
        vec![
            paging::choice(&query, "severity", "Выводы", [any].into_iter().chain(by_severity)),
            paging::words(&query, "q", "Название или код"),
        ],
    );
    Ok(view::page(StatusCode::OK, "figures.html", &context))
}

/// A severity in an address.
fn key(severity: Severity) -> &'static str {
    match severity {
        Severity::Serious => "serious",
        Severity::Attention => "attention",
        Severity::Note => "note",
    }
}

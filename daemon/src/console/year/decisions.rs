//! The register of decisions of a year: on a page, and as a spreadsheet.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use serde_json::{Value, json};
use vekha_plugin_tables::ListCell;
use vekha_roadmap::RoadMap;
use vekha_roadmap::russian::plural;

use crate::console::department::administrator;
use crate::console::department::run::{attachments, proof};
use crate::console::frame::access::Person;
use crate::console::frame::decided;
use crate::console::frame::downloads::{self, List};
use crate::console::frame::view;
use crate::console::year::completeness::run_words;
use crate::console::year::of_year;
use crate::glossary;
use crate::runtime::Runtime;
use crate::runtime::views::register::{Basis, Control, Controlled, Decided, decided};

/// `GET /m/{municipality}/decisions?year=2027`
pub async fn show(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Path(municipality): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, Response> {
    let (version, year, all) = of_year::all(&runtime, &municipality, &query, decided).await?;
    let map = &version.road_map;
    let mut context = of_year::context(&runtime, &version, &person, year).await?;
    context["decisions"] = all.iter().map(|one| shown(map, one)).collect();
    let measures = || all.iter().flat_map(|one| &one.measures);
    let count = |control| measures().filter(|m| m.control == control).count();
    context["measures"] = json!({
        "all": measures().count(),
        "done": count(Control::Done),
        "reported": count(Control::Reported),
        "overdue": count(Control::Overdue),
    });
    Ok(view::page(StatusCode::OK, "decisions.html", &context))
}

fn shown(map: &RoadMap, one: &Decided) -> Value {
    let Decided { run, number, decision, basis, corrects, corrected_by, measures } = one;
    let grounds = basis
        .iter()
        .map(|one| json!({ "what": basis_words(map, one), "link": format!("/runs/{}", one.run) }));
    let measure = |one: &Controlled| {
        json!({
            "text": one.measure.text,
            "organisation": administrator::name(map, &one.measure.organisation),
            "due": glossary::date(one.measure.due),
            "mark": match one.control {
                Control::Ordered => "open",
                Control::Overdue => "late",
                Control::Reported => "attention",
                Control::Done => "completed",
                Control::Waived => "waived",
            },
            "words": one.control.words(),
            "history": history(map, one),
            "document": proof(&one.run, one.number, &one.measure),
        })
    };
    let mut shown = decided::shown(decision);
    shown["date"] = glossary::date(decision.document.date).into();
    shown["basis"] = grounds.collect();
    shown["corrects"] = json!(corrects);
    shown["corrected_by"] = json!(corrected_by);
    shown["attachments"] = attachments(map, run, *number, decision);
    shown["what"] = run_words(map, run).into();
    shown["link"] = format!("/runs/{run}#measures").into();
    shown["measures"] = measures.iter().map(measure).collect();
    shown
}

/// What became of a measure's control on the way, in words; empty if nothing did.
fn history(map: &RoadMap, one: &Controlled) -> String {
    let Controlled { measure, reported_at, .. } = one;
    let day = |at| glossary::date(map.municipality.today(at));
    let first = measure.first_due.map(|d| format!("первоначальный срок {}", glossary::date(d)));
    let times = |what: &str, count: u32| {
        let noun = plural(i64::from(count), "раз", "раза", "раз");
        (count > 0).then(|| format!("{what} {count} {noun}"))
    };
    let reported = reported_at.map(|at| match one.timely() {
        Some(timely) => format!("отчёт от {}, {timely}", day(at)),
        None => format!("отчёт от {}", day(at)),
    });
    let accepted = measure.accepted_at.map(|at| format!("принят {}", day(at)));
    let all = [
        first,
        times("продлён", measure.extensions),
        times("возвращён", measure.returns),
        reported,
        accepted,
    ];
    all.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// A run on which a decision rests, with what it found.
fn basis_words(map: &RoadMap, basis: &Basis) -> String {
    let mut words = run_words(map, &basis.run);
    if basis.findings > 0 {
        words += &format!(", выводов: {}", basis.findings);
    }
    if basis.recommendations > 0 {
        words += &format!(", рекомендаций: {}", basis.recommendations);
    }
    words
}

/// The columns of the spreadsheet, with how many characters each is across.
const COLUMNS: [(&str, f64); 23] = [
    ("Документ", 16.0),
    ("Номер", 12.0),
    ("Дата", 12.0),
    ("Название", 40.0),
    ("Мероприятие", 40.0),
    ("Решение", 50.0),
    ("Подписал", 24.0),
    ("Основание", 50.0),
    ("Исправляет и чем исправлено", 28.0),
    ("Приложения", 30.0),
    ("Мера", 50.0),
    ("Исполнитель", 34.0),
    ("Срок", 12.0),
    ("Первоначальный срок", 14.0),
    ("Продлён раз", 10.0),
    ("Возвращён раз", 10.0),
    ("Исполнение", 26.0),
    ("Отчёт от", 12.0),
    ("В срок", 14.0),
    ("Принят", 12.0),
    ("Кем принят", 20.0),
    ("Отчёт", 50.0),
    ("Подтверждающий документ", 30.0),
];

/// `GET /m/{municipality}/decisions.xlsx?year=2027`: a row for each measure, and for each decision
/// that orders nothing.
pub async fn as_spreadsheet(
    State(runtime): State<Arc<Runtime>>,
    Path(municipality): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, Response> {
    let (version, year, all) = of_year::all(&runtime, &municipality, &query, decided).await?;
    let name = format!("decisions-{year}.xlsx");
    Ok(list(&version.road_map, year, &all).give(&name).await)
}

/// The same as a table.
pub(crate) fn list(map: &RoadMap, year: i16, all: &[Decided]) -> List {
    let rows = all.iter().flat_map(|one| rows(map, one)).collect();
    List { title: format!("Решения {year}"), columns: &COLUMNS, rows }
}

fn rows(map: &RoadMap, one: &Decided) -> Vec<Vec<ListCell>> {
    let Decided { run, decision, basis, corrects, corrected_by, measures, .. } = one;
    let basis: Vec<String> = basis.iter().map(|one| basis_words(map, one)).collect();
    let corrects = corrects.iter().map(|number| format!("исправляет № {number}"));
    let corrected = corrected_by.iter().map(|number| format!("исправлено № {number}"));
    let attached: Vec<&str> = decision.attachments.iter().map(|a| a.name.as_str()).collect();
    let document = &decision.document;
    let own: [ListCell; 10] = [
        decision.kind.words().into(),
        document.number.clone().into(),
        downloads::day(Some(document.date)),
        document.title.clone().into(),
        run_words(map, run).into(),
        document.outcome.clone().into(),
        document.signatory.clone().into(),
        basis.join("; ").into(),
        corrects.chain(corrected).collect::<Vec<_>>().join("; ").into(),
        attached.join("; ").into(),
    ];
    let with = |measure: [ListCell; 13]| own.iter().cloned().chain(measure).collect();
    if measures.is_empty() {
        return vec![with(no_measure())];
    }
    let day = |at: Option<Timestamp>| downloads::day(at.map(|at| map.municipality.today(at)));
    let of_measure = |one: &Controlled| {
        with([
            one.measure.text.clone().into(),
            administrator::name(map, &one.measure.organisation).into(),
            downloads::day(Some(one.measure.due)),
            downloads::day(Some(one.measure.first_due.unwrap_or(one.measure.due))),
            ListCell::count(one.measure.extensions as usize),
            ListCell::count(one.measure.returns as usize),
            one.control.words().into(),
            day(one.reported_at),
            one.timely().unwrap_or_default().into(),
            day(one.measure.accepted_at),
            match one.measure.accepted_by.as_str() {
                "" => String::new(),
                actor => crate::console::department::run::actor(map, actor),
            }
            .into(),
            one.measure.report.clone().into(),
            one.measure.document.as_ref().map(|d| d.name.clone()).unwrap_or_default().into(),
        ])
    };
    measures.iter().map(of_measure).collect()
}

/// What a decision that orders nothing has in the columns of measures.
fn no_measure() -> [ListCell; 13] {
    let text = || ListCell::from("");
    let [day, count] = [ListCell::Date(None), ListCell::Number(None)];
    [
        text(),
        text(),
        day.clone(),
        day.clone(),
        count.clone(),
        count,
        text(),
        day.clone(),
        text(),
        day,
        text(),
        text(),
        text(),
    ]
}

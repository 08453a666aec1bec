//! What worked: findings of a year, how schools were helped, and what the figures are since.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use vekha_analysis::effect::Effect;
use vekha_plugin_tables::ListCell;
use vekha_roadmap::RoadMap;
use vekha_roadmap::russian;

use crate::console::department::administrator;
use crate::console::frame::access::Person;
use crate::console::frame::downloads::List;
use crate::console::frame::{problem, view};
use crate::console::year::completeness::run_words;
use crate::console::year::of_year;
use crate::glossary;
use crate::reports::{heading, severity_words};
use crate::runtime::Runtime;
use crate::runtime::road_maps::Version;
use crate::runtime::views::effects::{Help, Series, Traced, traced};

/// The findings that a page is about.
struct Asked {
    version: Arc<Version>,
    year: i16,
    /// All of the year, for the choice.
    activities: BTreeSet<String>,
    /// Whose, if not everybody's.
    organisation: Option<String>,
    /// Which activity's, if not all.
    activity: Option<String>,
    all: Vec<Traced>,
}

async fn asked(
    runtime: &Runtime,
    municipality: &str,
    query: &BTreeMap<String, String>,
) -> Result<Asked, Response> {
    let (version, year) = of_year::open(runtime, municipality, query).await?;
    let map = &version.road_map;
    let chosen = |name: &str| query.get(name).filter(|value| !value.is_empty()).cloned();
    let organisation = chosen("organisation").filter(|code| map.organisation(code).is_some());
    let activity = chosen("activity").filter(|id| map.activity(id).is_some());
    let mut all =
        traced(runtime, &map.municipality, year).await.map_err(|e| problem::unavailable(&e))?;
    let activities = all.iter().map(|one| one.run.activity.clone()).collect();
    all.retain(|one| {
        organisation.as_ref().is_none_or(|code| *code == one.organisation)
            && activity.as_ref().is_none_or(|id| *id == one.run.activity)
    });
    Ok(Asked { version, year, activities, organisation, activity, all })
}

/// `GET /m/{municipality}/effects?year=2026&activity=low-result-schools&organisation=school-1`
pub async fn show(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Path(municipality): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, Response> {
    let Asked { version, year, activities, organisation, activity, all } =
        asked(&runtime, &municipality, &query).await?;
    let map = &version.road_map;
    let mut context = of_year::context(&runtime, &version, &person, year).await?;
    context["findings"] = all.iter().map(|one| finding(map, one)).collect();
    context["summary"] = summary(
        &all,
        |one| one.run.activity.clone(),
        |id| {
            map.activity(id).map_or_else(|| id.to_owned(), |a| format!("{}. {}", a.number, a.short))
        },
    );
    context["organisations"] =
        summary(&all, |one| one.organisation.clone(), |code| administrator::name(map, code));
    context["effects"] = Effect::ALL.iter().map(|effect| effect_words(*effect)).collect();
    let activities = map.activities.iter().filter(|a| activities.contains(&a.id));
    context["choice"] = json!({
        "activities": activities.map(|a| json!({
            "id": a.id,
            "name": format!("{}. {}", a.number, a.short),
            "chosen": activity.as_deref() == Some(&a.id),
        })).collect::<Vec<_>>(),
        "organisations": map.organisations.iter().map(|o| json!({
            "id": o.code,
            "name": o.short,
            "chosen": organisation.as_deref() == Some(&o.code),
        })).collect::<Vec<_>>(),
    });
    Ok(view::page(StatusCode::OK, "effects.html", &context))
}

/// How many findings ended how, by what they have in common and how was helped.
fn summary(
    all: &[Traced],
    common: impl Fn(&Traced) -> String,
    name: impl Fn(&str) -> String,
) -> Value {
    let mut lines: BTreeMap<(String, Help), [usize; Effect::ALL.len()]> = BTreeMap::new();
    for one in all {
        let counts = lines.entry((common(one), one.help())).or_default();
        counts[one.effect as usize] += 1;
    }
    let line = |((common, help), counts): (&(String, Help), &[usize; Effect::ALL.len()])| {
        json!({
            "what": name(common),
            "help": help_words(*help),
            "all": counts.iter().sum::<usize>(),
            "counts": counts,
        })
    };
    lines.iter().map(line).collect()
}

pub(crate) fn finding(map: &RoadMap, one: &Traced) -> Value {
    json!({
        "organisation": administrator::name(map, &one.organisation),
        "what": run_words(map, &one.run),
        "link": format!("/runs/{}", one.run),
        "analysis": format!(
            "/runs/{}/reports/{}?organisation={}", one.run, one.stage, one.organisation
        ),
        "text": one.text,
        "grave": one.severity,
        "severity": severity_words(one.severity),
        "recommended": one.recommended.map(glossary::recommendation_state),
        "report": one.report,
        "measures": one.measures.iter().map(|m| json!({
            "text": m.measure.text,
            "words": m.control.words(),
            "report": m.measure.report,
        })).collect::<Vec<_>>(),
        "help": help_words(one.help()),
        "figures": one.figures.iter().map(figures).collect::<Vec<_>>(),
        "effect": effect_words(one.effect),
        "mark": match one.effect {
            Effect::Resolved | Effect::Better => "completed",
            Effect::Mixed | Effect::Same => "attention",
            Effect::Worse => "late",
            Effect::Unknown => "open",
        },
    })
}

fn figures(series: &Series) -> Value {
    let Series { indicator, values } = series;
    let shown = |value: f64| russian::number(value, indicator.decimals);
    json!({
        "title": indicator.title,
        "unit": indicator.unit,
        "values": values.iter().map(|(run, value)| json!({
            "period": run.period.label(),
            "value": value.map(shown),
        })).collect::<Vec<_>>(),
    })
}

fn effect_words(effect: Effect) -> &'static str {
    match effect {
        Effect::Resolved => "устранено",
        Effect::Better => "лучше",
        Effect::Mixed => "по-разному",
        Effect::Same => "без изменений",
        Effect::Worse => "хуже",
        Effect::Unknown => "данных нет",
    }
}

fn help_words(help: Help) -> &'static str {
    match help {
        Help::Done => "меры исполнены",
        Help::Recommended => "рекомендации",
        Help::Ordered => "поручено, не исполнено",
        Help::None => "помощи не было",
    }
}

/// The columns of the spreadsheet, with how many characters each is across.
const COLUMNS: [(&str, f64); 13] = [
    ("Мероприятие", 40.0),
    ("Организация", 34.0),
    ("Вывод", 60.0),
    ("Значимость", 18.0),
    ("Рекомендация", 24.0),
    ("Что сделано по рекомендации", 50.0),
    ("Меры", 60.0),
    ("Чем помогли", 24.0),
    ("Показатель", 40.0),
    ("По периодам", 40.0),
    ("Было", 10.0),
    ("Стало", 10.0),
    ("Что стало", 18.0),
];

/// `GET /m/{municipality}/effects.xlsx?year=2026`: a row for each figure of each finding.
pub async fn as_spreadsheet(
    State(runtime): State<Arc<Runtime>>,
    Path(municipality): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, Response> {
    let Asked { version, year, all, .. } = asked(&runtime, &municipality, &query).await?;
    let name = format!("effects-{year}.xlsx");
    Ok(list(&version.road_map, year, &all).give(&name).await)
}

/// The same as a table.
pub(crate) fn list(map: &RoadMap, year: i16, all: &[Traced]) -> List {
    let rows = all.iter().flat_map(|one| rows(map, one)).collect();
    List { title: format!("Что помогло {year}"), columns: &COLUMNS, rows }
}

fn rows(map: &RoadMap, one: &Traced) -> Vec<Vec<ListCell>> {
    let measures =
        one.measures.iter().map(|one| format!("{} ({})", one.measure.text, one.control.words()));
    let own: [ListCell; 8] = [
        run_words(map, &one.run).into(),
        administrator::name(map, &one.organisation).into(),
        one.text.clone().into(),
        severity_words(one.severity).into(),
        one.recommended.map(glossary::recommendation_state).unwrap_or_default().into(),
        one.report.clone().into(),
        measures.collect::<Vec<_>>().join("\n").into(),
        help_words(one.help()).into(),
    ];
    let with = |indicator: String, values: String, [was, became]: [Option<f64>; 2]| {
        let figures = [ListCell::Number(was), ListCell::Number(became)];
        let ends = [indicator.into(), values.into()].into_iter().chain(figures);
        let ends = ends.chain([effect_words(one.effect).into()]);
        own.iter().cloned().chain(ends).collect::<Vec<ListCell>>()
    };
    if one.figures.is_empty() {
        return vec![with(String::new(), String::new(), [None, None])];
    }
    let of = |Series { indicator, values }: &Series| {
        let value = |(run, value): &(vekha_engine::RunKey, Option<f64>)| {
            let shown =
                value.map_or_else(|| "—".into(), |v| russian::number(v, indicator.decimals));
            format!("{}: {shown}", run.period.label())
        };
        let power = 10f64.powi(indicator.decimals.into());
        let rounded = |of: Option<&(vekha_engine::RunKey, Option<f64>)>| {
            of.and_then(|(_, value)| Some((value.as_ref()? * power).round() / power))
        };
        let later = values.get(1..).and_then(<[_]>::last);
        let ends = [rounded(values.first()), rounded(later)];
        let values: Vec<String> = values.iter().map(value).collect();
        with(heading(&indicator.title, &indicator.unit), values.join("; "), ends)
    };
    one.figures.iter().map(of).collect()
}

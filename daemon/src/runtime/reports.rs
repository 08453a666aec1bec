//! Reports that stages publish: figures, findings and decisions of runs, in the definition's
//! template.

use jiff::Timestamp;
use sea_orm::DbErr;
use serde_json::{Value, json};
use vekha_analysis::{IndicatorFigures, Outcome};
use vekha_engine::RunKey;
use vekha_engine::data::earlier;
use vekha_engine::run::{Measure, MeasureState, Run, RunState};
use vekha_roadmap::RoadMap;
use vekha_roadmap::model::{Analysis, Covers, Work};
use vekha_roadmap::russian;

use super::Runtime;
use super::road_maps::Version;
use crate::reports::{self, Past, Report};
use crate::store::document;
use crate::store::queries::{Filter, Page};

/// Most runs of one report.
const MOST_RUNS: u64 = 10_000;

/// Renders the report of a publish stage as a self-contained page.
///
/// # Errors
/// What makes it impossible, for people.
pub async fn render(
    runtime: &Runtime,
    version: &Version,
    key: &RunKey,
    stage: &str,
    now: Timestamp,
) -> Result<String, String> {
    let road_map = &version.road_map;
    let activity = road_map.activity(&key.activity).ok_or("мероприятия нет в дорожной карте")?;
    let Some(Work::Publish(publish)) = activity.stage(stage).map(|(_, s)| &s.work) else {
        return Err("это не этап публикации".into());
    };
    let text = |e: DbErr| e.to_string();
    let keys = match publish.covers {
        Covers::Run => vec![key.clone()],
        Covers::Period => {
            let filter =
                Filter { municipality: Some(key.municipality.clone()), ..Filter::default() };
            let rows = runtime.store().list_runs(&filter, &Page::first(MOST_RUNS)).await;
            let within = |other: &RunKey| {
                key.period.first_day() <= other.period.first_day()
                    && other.period.last_day() <= key.period.last_day()
            };
            let mut keys: Vec<RunKey> = rows
                .map_err(text)?
                .iter()
                .filter_map(|row| row.id.parse().ok())
                .filter(within)
                .collect();
            keys.sort_by_key(|k| (road_map.activity(&k.activity).map(|a| a.number), k.clone()));
            keys
        }
    };
    let mut chapters = Vec::new();
    for key in keys {
        let Some(loaded) = runtime.store().run(&key).await.map_err(text)? else { continue };
        let mut outcomes = Vec::new();
        for row in runtime.store().analyses(&key.to_string()).await.map_err(text)? {
            let outcome: Outcome = document(&row.id, &row.body).map_err(text)?;
            outcomes.push((row.stage, outcome));
        }
        chapters.push(chapter(road_map, &loaded.run, &outcomes));
    }
    let context = json!({
        "municipality": {
            "name": road_map.municipality.name,
            "authority": road_map.municipality.authority,
            "adopted_by": road_map.municipality.adopted_by,
        },
        "activity": {
            "number": activity.number, "title": activity.title, "short": activity.short,
        },
        "period": key.period.words(),
        "date": russian::date_words(road_map.municipality.today(now)),
        "chapters": chapters,
    });
    let name = format!("reports/{}.html", publish.report);
    version
        .templates
        .get_template(&name)
        .and_then(|t| t.render(minijinja::Value::from(minijinja::value::Serde(&context))))
        .map_err(|e| format!("{name}: {e}"))
}

/// Most periods before this one that a report looks back on.
const LOOKED_BACK: usize = 5;

/// The report on the analysis of a run's stage; none if there is no such analysis, or it has not
/// been made yet. `whose` is the code of the organisation that it is about, if not all of them.
///
/// # Errors
/// When the database cannot be read.
pub async fn on_analysis(
    runtime: &Runtime,
    version: &Version,
    key: &RunKey,
    stage: &str,
    whose: Option<&str>,
) -> Result<Option<Report>, DbErr> {
    let map = &version.road_map;
    let Some(activity) = map.activity(&key.activity) else { return Ok(None) };
    let store = runtime.store();
    let Some(outcome) = store.analysis(key, stage).await? else { return Ok(None) };
    let mut past = Vec::new();
    let mut before = key.clone();
    for _ in 0..LOOKED_BACK {
        before = earlier(activity, &before);
        if let Some(outcome) = store.analysis(&before, stage).await? {
            past.insert(0, Past { run: before.clone(), outcome });
        }
    }
    let now = runtime.clock().now();
    Ok(reports::report(map, key, stage, &outcome, &past, whose, now))
}

fn chapter(road_map: &RoadMap, run: &Run, outcomes: &[(String, Outcome)]) -> Value {
    let activity = road_map.activity(&run.key.activity);
    let name = |code: &String| {
        road_map.organisation(code).map_or_else(|| code.clone(), |o| o.short.clone())
    };
    let (mut indicators, mut findings, mut methods) = (Vec::new(), Vec::new(), Vec::new());
    for (stage, outcome) in outcomes {
        let definition = activity.and_then(|a| a.stage(stage)).and_then(|(_, s)| match &s.work {
            Work::Analyze(analyze) => road_map.analyses.get(&analyze.analysis),
            _ => None,
        });
        if let Some(definition) = definition {
            methods.extend((!definition.method.is_empty()).then_some(&definition.method));
            indicators
                .extend(outcome.indicators.iter().filter_map(|f| indicator(definition, f, &name)));
        }
        findings.extend(outcome.findings.iter().map(|f| {
            json!({
                "organisation": name(&f.organisation), "text": f.text, "severity": f.severity,
            })
        }));
    }
    let decisions: Vec<Value> = run
        .decisions
        .iter()
        .enumerate()
        .map(|(i, d)| {
            let ordered = run.measures.iter().filter(|m| m.decision == i + 1);
            let measure = |m: &Measure| {
                json!({
                    "organisation": name(&m.organisation), "text": m.text,
                    "due": russian::date_words(m.due), "state": measure_words(m.state),
                })
            };
            json!({
                "number": d.number, "date": russian::date_words(d.date), "title": d.title,
                "outcome": d.outcome, "signatory": d.signatory,
                "measures": ordered.map(measure).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({
        "number": activity.map(|a| a.number),
        "title": activity.map(|a| &a.short),
        "period": run.key.period.words(),
        "state": state_words(run.state),
        "methods": methods,
        "indicators": indicators,
        "findings": findings,
        "decisions": decisions,
    })
}

fn indicator(
    analysis: &Analysis,
    figures: &IndicatorFigures,
    name: &impl Fn(&String) -> String,
) -> Option<Value> {
    let definition = analysis.indicators.iter().find(|i| i.id == figures.indicator)?;
    let shown = |value: f64| russian::number(value, definition.decimals);
    let rows: Vec<Value> = figures
        .organisations
        .iter()
        .map(|(code, f)| {
            json!({
                "organisation": name(code), "value": shown(f.value), "rank": f.rank,
                "earlier": f.earlier.map(shown), "apart": f.lies_apart(),
            })
        })
        .collect();
    let withheld: Vec<Value> = figures
        .withheld
        .iter()
        .map(|(code, reason)| json!({ "organisation": name(code), "reason": reason }))
        .collect();
    Some(json!({
        "title": definition.title,
        "unit": definition.unit,
        "municipality": figures.municipality.map(|a| json!({
            "count": a.count, "mean": shown(a.mean), "median": shown(a.median),
            "min": shown(a.min), "max": shown(a.max),
            "lower_quartile": shown(a.lower_quartile), "upper_quartile": shown(a.upper_quartile),
        })),
        "rows": rows,
        "withheld": withheld,
    }))
}

fn measure_words(state: MeasureState) -> &'static str {
    match state {
        MeasureState::Ordered => "исполняется",
        MeasureState::Reported => "отчёт на проверке",
        MeasureState::Done => "исполнена",
    }
}

/// A run's state as people read it.
pub fn state_words(state: RunState) -> &'static str {
    match state {
        RunState::Waiting => "ждёт",
        RunState::Question => "ждёт решения администратора",
        RunState::Active => "идёт",
        RunState::Failed => "этап не выполнен",
        RunState::Completed => "завершено",
        RunState::Cancelled => "отменено",
        RunState::Skipped => "пропущено",
    }
}

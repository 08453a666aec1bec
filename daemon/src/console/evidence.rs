//! Evidence for the federal monitoring of how a municipality manages the quality of education: for
//! each direction of work its goals, indicators, methods of collection, monitoring, analysis,
//! addressed recommendations, measures, decisions and the analysis of their effect (letter of
//! Rosobrnadzor N 08-70 of 20.04.2021). A year of all that in one archive that opens in a browser
//! and can be laid on a site as it is.

use std::collections::BTreeMap;
use std::io::{Cursor, Write as _};
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use sea_orm::DbErr;
use serde_json::{Value, json};
use vekha_engine::run::Run;
use vekha_roadmap::RoadMap;
use vekha_roadmap::model::{Activity, Better, Field, FieldKind, Work};
use vekha_roadmap::russian::{self, date_words};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::file::{self, List};
use super::{
    administrator, assets, completeness, decisions, effects, problem, report, view, words, yearly,
};
use crate::reports::{self, Chapter, Report};
use crate::runtime::Runtime;
use crate::runtime::effects::{Traced, traced};
use crate::runtime::overview::runs_of_years;
use crate::runtime::register::decided;
use crate::runtime::reports::{authority, chapter};
use crate::runtime::road_maps::Version;
use crate::store::files::of_decisions;

/// A run with what it tells.
struct Told {
    run: Run,
    chapter: Chapter,
}

/// `GET /m/{municipality}/evidence.zip?year=2027`: about the periods that end in the year.
pub async fn archive(
    State(runtime): State<Arc<Runtime>>,
    Path(municipality): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, Response> {
    let (version, year) = yearly::open(&runtime, &municipality, &query).await?;
    let unavailable = |e: DbErr| problem::unavailable(&e);
    let told = told(&runtime, &version, year).await.map_err(unavailable)?;
    let traced = traced(&runtime, &version.road_map.municipality, year);
    let traced = traced.await.map_err(unavailable)?;
    let map = &version.road_map;
    let asked = completeness::of_year(&runtime, map, year, None).await.map_err(unavailable)?;
    let decided = decided(&runtime, &map.municipality, year).await.map_err(unavailable)?;
    let lists = [
        ("completeness.xlsx", completeness::list(map, year, &asked)),
        ("decisions.xlsx", decisions::list(map, year, &decided)),
        ("effects.xlsx", effects::list(map, year, &traced)),
    ];
    let today = date_words(version.road_map.municipality.today(runtime.clock().now()));
    let name = format!("evidence-{municipality}-{year}.zip");
    let mut archive = Archive { zip: ZipWriter::new(Cursor::new(Vec::new())) };
    for one in &told {
        archive.attachments(&runtime, one).await.map_err(|e| problem::unavailable(&e))?;
    }
    let make = move || pack(archive, &version.road_map, year, &today, &told, &traced, lists);
    Ok(file::give(&name, "application/zip", make).await)
}

async fn told(runtime: &Runtime, version: &Version, year: i16) -> Result<Vec<Told>, DbErr> {
    let keys = runs_of_years(runtime, &version.road_map.municipality, year..=year).await?;
    let runs = runtime.store().runs(&keys).await?;
    let mut told = Vec::new();
    for (key, loaded) in runs {
        let Some(own) = runtime.road_maps().version(&key.municipality, loaded.run.road_map) else {
            continue;
        };
        let chapter = chapter(runtime, &own, &loaded.run).await?;
        told.push(Told { run: loaded.run, chapter });
    }
    Ok(told)
}

/// Everything as one file.
fn pack(
    mut archive: Archive,
    map: &RoadMap,
    year: i16,
    today: &str,
    told: &[Told],
    traced: &[Traced],
    lists: [(&str, List); 3],
) -> Result<Vec<u8>, String> {
    let common = json!({
        "style": assets::STYLE,
        "year": year,
        "today": today,
        "municipality": authority(&map.municipality),
    });
    let mut sections = Vec::new();
    for section in &map.municipality.sections {
        let own = map.activities.iter().filter(|activity| activity.section == section.id);
        let mut lines = Vec::new();
        for activity in own {
            let runs: Vec<&Told> =
                told.iter().filter(|one| one.run.key.activity == activity.id).collect();
            let traced: Vec<&Traced> =
                traced.iter().filter(|one| one.run.activity == activity.id).collect();
            for one in &runs {
                archive.reports(one)?;
                archive.decisions(map, one)?;
            }
            let mut context = common.clone();
            context["activity"] = described(map, activity, &section.title);
            context["runs"] = runs.iter().map(|one| run(map, one)).collect();
            context["effects"] = traced.iter().map(|one| effects::finding(map, one)).collect();
            let page = folder(activity.number, &activity.id) + "/index.html";
            archive.page(&page, "evidence/activity.html", &context)?;
            lines.push(line(activity, &page, &runs, &traced));
        }
        sections.push(json!({ "title": section.title, "activities": lines }));
    }
    let mut context = common;
    context["sections"] = sections.into();
    archive.page("index.html", "evidence/index.html", &context)?;
    for (name, list) in lists {
        archive.file(name, &list.spreadsheet()?)?;
    }
    archive.zip.finish().map(Cursor::into_inner).map_err(|e| e.to_string())
}

struct Archive {
    zip: ZipWriter<Cursor<Vec<u8>>>,
}

impl Archive {
    fn file(&mut self, path: &str, bytes: &[u8]) -> Result<(), String> {
        let options = SimpleFileOptions::default();
        self.zip.start_file(path, options).map_err(|e| e.to_string())?;
        self.zip.write_all(bytes).map_err(|e| e.to_string())
    }

    fn page(&mut self, path: &str, template: &str, context: &Value) -> Result<(), String> {
        let html = view::rendered(template, context).map_err(|e| format!("{e:#}"))?;
        self.file(path, html.as_bytes())
    }

    /// What is attached to a run's decisions, as it is: one file in memory at a time.
    async fn attachments(&mut self, runtime: &Runtime, one: &Told) -> Result<(), String> {
        let owner = of_decisions(&one.run.key);
        for (number, decision) in (1..).zip(&one.run.decisions) {
            for (place, file) in (1..).zip(&decision.attachments) {
                let content = runtime.store().file(&owner, &file.sha256).await;
                let content = content.map_err(|e| e.to_string())?;
                let content = content.ok_or_else(|| format!("{owner}: нет {}", file.sha256))?;
                let path =
                    format!("{}/{}", place_of(one), attached(one, number, place, &file.name));
                let options =
                    SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
                self.zip.start_file(path, options).map_err(|e| e.to_string())?;
                self.zip.write_all(&content).map_err(|e| e.to_string())?;
            }
        }
        Ok(())
    }

    /// A run's decisions as documents.
    fn decisions(&mut self, map: &RoadMap, one: &Told) -> Result<(), String> {
        for (number, decision) in (1..).zip(&one.chapter.decisions) {
            let bytes = reports::decision(&map.municipality.authority, decision)?;
            self.file(&format!("{}/{}", place_of(one), written(one, number)), &bytes)?;
        }
        Ok(())
    }

    /// The reports on a run's analyses, in every form.
    fn reports(&mut self, one: &Told) -> Result<(), String> {
        for (path, report) in files(one) {
            self.file(&format!("{path}.docx"), &reports::note(report)?)?;
            let workbook = reports::workbook(report).map_err(|e| e.to_string())?;
            self.file(&format!("{path}.xlsx"), &workbook)?;
            let html = report::page(report).map_err(|e| format!("{e:#}"))?;
            self.file(&format!("{path}.html"), html.as_bytes())?;
        }
        Ok(())
    }
}

/// The folder of an activity in the archive.
fn folder(number: u32, activity: &str) -> String {
    format!("{number:02}-{activity}")
}

/// The folder of a run's activity in the archive.
fn place_of(one: &Told) -> String {
    folder(one.chapter.number, &one.run.key.activity)
}

/// The document of a decision, within its activity's folder.
fn written(one: &Told, number: usize) -> String {
    format!("{}-decision-{number}.docx", one.run.key.run_id())
}

/// What is attached to a decision, within its activity's folder. A name that came from outside leads
/// nowhere.
fn attached(one: &Told, number: usize, place: usize, name: &str) -> String {
    let name = name.replace(['/', '\\', ':'], "_");
    format!("{}-decision-{number}-{place}-{name}", one.run.key.run_id())
}

/// The reports of a run, each with its place in the archive but for the ending.
fn files(one: &Told) -> impl Iterator<Item = (String, &Report)> {
    let key = &one.run.key;
    let folder = place_of(one);
    let reports = one.chapter.reports.iter();
    reports.map(move |report| (format!("{folder}/{}-{}", key.run_id(), report.stage), report))
}

/// What an activity is for and how it works.
fn described(map: &RoadMap, activity: &Activity, section: &str) -> Value {
    let party = |id: &String| map.municipality.parties.get(id).cloned().unwrap_or_default();
    let forms = activity.stages.iter().filter_map(|stage| match &stage.work {
        Work::Collect(collect) => map.forms.get(&collect.form),
        _ => None,
    });
    let analyses = activity.stages.iter().filter_map(|stage| match &stage.work {
        Work::Analyze(analyze) => map.analyses.get(&analyze.analysis),
        _ => None,
    });
    let analyses = analyses.map(|analysis| {
        json!({
            "title": analysis.title,
            "method": analysis.method.trim(),
            "min_count": analysis.min_count,
            "indicators": analysis.indicators.iter().map(|one| json!({
                "title": one.title,
                "unit": one.unit,
                "better": match one.better {
                    Some(Better::Higher) => "больше",
                    Some(Better::Lower) => "меньше",
                    None => "—",
                },
                "formula": one.formula.text().trim(),
            })).collect::<Vec<_>>(),
            "thresholds": analysis.thresholds.iter().map(|(name, value)| {
                json!({ "name": name, "value": russian::threshold(*value) })
            }).collect::<Vec<_>>(),
        })
    });
    json!({
        "number": activity.number,
        "title": activity.title,
        "short": activity.short,
        "section": section,
        "deadline": activity.deadline,
        "responsible": activity.responsible.iter().map(party).collect::<Vec<_>>().join(", "),
        "forms": forms.map(|form| json!({
            "title": form.title,
            "intro": form.intro.trim(),
            "fields": form.fields.iter().map(question).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "analyses": analyses.collect::<Vec<_>>(),
    })
}

/// What a field asks; of a table, with what its columns ask.
fn question(field: &Field) -> String {
    match &field.kind {
        FieldKind::Table(table) => {
            let columns: Vec<&str> = table.columns.iter().map(|c| c.label.as_str()).collect();
            format!("{}: {}", field.label, columns.join(", "))
        }
        _ => field.label.clone(),
    }
}

fn run(map: &RoadMap, one: &Told) -> Value {
    let Told { run, chapter } = one;
    let day = |at| words::short_date(map.municipality.today(at));
    let recommendations = run.recommendations.iter().map(|(key, r)| {
        json!({
            "organisation": administrator::name(map, &key.organisation),
            "words": words::recommendation_state(r.state),
            "report": r.report,
            "issued": r.issued_at.map(day),
            "texts": r.items.iter().filter_map(|item| item.recommendation.as_deref())
                .map(str::trim).collect::<Vec<_>>(),
        })
    });
    let reports = files(one).map(|(path, report)| {
        let name = path.rsplit('/').next().unwrap_or_default();
        json!({
            "title": report.title,
            "name": name,
            "findings": report.findings.len(),
        })
    });
    let decisions = (1..).zip(chapter.decisions.iter().zip(&run.decisions));
    let decisions = decisions.map(|(number, (shown, decision))| {
        let mut shown = json!(shown);
        shown["document"] = written(one, number).into();
        shown["attachments"] = (1..)
            .zip(&decision.attachments)
            .map(|(place, file)| {
                json!({ "name": file.name, "file": attached(one, number, place, &file.name) })
            })
            .collect();
        shown
    });
    json!({
        "period": chapter.period,
        "part": run.key.part.as_ref().map(|code| administrator::name(map, code)),
        "state": chapter.state,
        "asked": chapter.asked,
        "answered": chapter.answered,
        "reports": reports.collect::<Vec<_>>(),
        "recommendations": recommendations.collect::<Vec<_>>(),
        "decisions": decisions.collect::<Vec<_>>(),
    })
}

/// How much there is of an activity, for the index.
fn line(activity: &Activity, page: &str, runs: &[&Told], traced: &[&Traced]) -> Value {
    let sum = |count: fn(&Told) -> usize| runs.iter().map(|one| count(one)).sum::<usize>();
    json!({
        "number": activity.number,
        "short": activity.short,
        "page": page,
        "runs": runs.len(),
        "asked": sum(|one| one.chapter.asked),
        "answered": sum(|one| one.chapter.answered),
        "reports": sum(|one| one.chapter.reports.len()),
        "recommendations": sum(|one| one.run.recommendations.len()),
        "measures": sum(|one| one.run.measures.len()),
        "decisions": sum(|one| one.run.decisions.len()),
        "effects": traced.len(),
    })
}

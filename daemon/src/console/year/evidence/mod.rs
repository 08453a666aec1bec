//! Evidence for the federal monitoring of how a municipality manages the quality of education: for
//! each direction of work its goals, indicators, methods of collection, monitoring, analysis,
//! addressed recommendations, measures, decisions and the analysis of their effect (letter of
//! Rosobrnadzor N 08-70 of 20.04.2021). A year of all that in one archive that opens in a browser
//! and can be laid on a site as it is.
//!
//! An activity is described as the road map said it when it ran, and its files are made and packed
//! before the next one is looked at.

mod formulas;
mod matrix;
mod pages;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Write as _};
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use matrix::{Matrix, Recorded};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;
use vekha_engine::run::{Run, measure_stage};
use vekha_engine::{AssignmentKey, RunKey};
use vekha_roadmap::RoadMap;
use vekha_roadmap::model::Activity;
use vekha_roadmap::russian::date_words;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::console::department::report;
use crate::console::frame::downloads::{self, List};
use crate::console::frame::{assets, problem, view};
use crate::console::year::{completeness, decisions, effects, of_year, recommendations};
use crate::reports::{self, Chapter, Proved};
use crate::runtime::Runtime;
use crate::runtime::documents::reports::{Rendered, authority, chapter, place, published};
use crate::runtime::documents::{NotMade, letterhead};
use crate::runtime::road_maps::Version;
use crate::runtime::views::effects::{Traced, traced};
use crate::runtime::views::in_force::in_force;
use crate::runtime::views::recommended::recommended;
use crate::runtime::views::register::decided;
use crate::runtime::views::year_runs::Ran;
use crate::store::write::files::of_decisions;

/// The matrix as a document.
const MATRIX: &str = "matrix.docx";

/// A run with what it tells.
struct Told {
    run: Run,
    /// Its period ends in the year; else it is there for what was decided or recommended in the year,
    /// or for acts that hold.
    of_year: bool,
    /// It is there for its acts alone, which hold since another year.
    held: bool,
    chapter: Chapter,
    /// What it published, rendered anew: places within the activity's folder, and contents.
    published: Vec<(String, Vec<u8>)>,
}

/// An activity with all that a year holds of it.
struct Work {
    /// The road map by which it ran, or else that of the year.
    version: Arc<Version>,
    activity: String,
    told: Vec<Told>,
    traced: Vec<Traced>,
}

/// `GET /m/{municipality}/evidence.zip?year=2027`: about the periods that end in the year, and
/// whatever was decided or recommended in it.
pub async fn archive(
    State(runtime): State<Arc<Runtime>>,
    Path(municipality): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, Response> {
    let (newest, year) = of_year::open(&runtime, &municipality, &query).await?;
    let untold = |_: usize, _: usize, _: &str| {};
    let packed =
        packed(&runtime, &newest, year, &untold).await.map_err(|e| problem::unavailable(&e))?;
    let name = format!("evidence-{municipality}-{year}.zip");
    Ok(downloads::give(&name, "application/zip", move || packed.finish()).await)
}

/// The archive with everything in it. On the way it tells how many activities of how many are packed,
/// and which one is next.
///
/// # Errors
/// What it is made of cannot be read, or does not yield it.
pub(crate) async fn packed(
    runtime: &Runtime,
    newest: &Arc<Version>,
    year: i16,
    told: &(dyn Fn(usize, usize, &str) + Sync),
) -> Result<Archive, NotMade> {
    let municipality = &newest.road_map.municipality;
    let decided = decided(runtime, municipality, year).await?;
    let advised = recommended(runtime, municipality, year).await?;
    let holding = in_force(runtime, &newest.road_map, year).await?;
    let in_year = decided.iter().map(|one| &one.run).chain(advised.iter().map(|one| &one.run));
    let in_year: BTreeSet<RunKey> = in_year.cloned().collect();
    let also: Vec<RunKey> = in_year.union(&holding).cloned().collect();
    let ran = Ran::in_year(runtime, newest, year, also).await?;
    let map = Arc::new(ran.road_map());
    let asked = completeness::of_year(runtime, &map, year, None).await?;
    let all = traced(runtime, municipality, year).await?;
    let lists = [
        ("completeness.xlsx", completeness::list(&map, year, &asked)),
        ("recommendations.xlsx", recommendations::list(&map, year, &advised)),
        ("decisions.xlsx", decisions::list(&map, year, &decided)),
        ("effects.xlsx", effects::list(&map, year, &all)),
    ];
    let mut traced: BTreeMap<String, Vec<Traced>> = BTreeMap::new();
    for one in all {
        traced.entry(one.run.activity.clone()).or_default().push(one);
    }
    let mut archive = Archive {
        zip: ZipWriter::new(Cursor::new(Vec::new())),
        common: json!({
            "style": assets::STYLE,
            "year": year,
            "today": date_words(municipality.today(runtime.clock().now())),
            "municipality": authority(&map),
        }),
        lines: BTreeMap::new(),
        recorded: Vec::new(),
        year,
    };
    let all: Vec<(String, String)> =
        map.activities.iter().map(|one| (one.id.clone(), one.short.clone())).collect();
    let count = all.len();
    for (done, (activity, short)) in all.into_iter().enumerate() {
        told(done, count, &short);
        let (version, keys) = ran.of(&activity);
        let told = self::told(runtime, version, keys, year, &in_year).await?;
        let traced = traced.remove(&activity).unwrap_or_default();
        for one in &told {
            archive.attachments(runtime, version, one).await?;
        }
        let work = Work { version: version.clone(), activity, told, traced };
        let map = map.clone();
        let packed = spawn_blocking(move || archive.activity(&map, &work).map(|()| archive)).await;
        archive = packed.map_err(|e| e.to_string())??;
    }
    let packed = spawn_blocking(move || archive.index(&map, lists).map(|()| archive)).await;
    Ok(packed.map_err(|e| e.to_string())??)
}

/// What these runs of an activity tell, each in the words of its own road map.
async fn told(
    runtime: &Runtime,
    version: &Arc<Version>,
    keys: &[RunKey],
    year: i16,
    in_year: &BTreeSet<RunKey>,
) -> Result<Vec<Told>, NotMade> {
    let runs = runtime.store().runs(keys).await?;
    let mut all = Vec::new();
    for (key, loaded) in runs {
        let run = loaded.run;
        let own = runtime.road_maps().version(&key.municipality, run.road_map);
        let own = own.unwrap_or_else(|| version.clone());
        let chapter = chapter(runtime, &own, &run).await?;
        let mut files = Vec::new();
        if let Some(Rendered { html, docx, pages }) = published(runtime, &own, &run).await? {
            files.push((place(&key, "html"), html.into_bytes()));
            files.push((place(&key, "docx"), docx));
            let beside = pages.into_iter().flat_map(|page| page.files);
            files.extend(beside.map(|file| (file.path, file.bytes)));
        }
        let of_year = key.period.last_day().year() == year;
        let held = !of_year && !in_year.contains(&key);
        all.push(Told { run, of_year, held, chapter, published: files });
    }
    Ok(all)
}

/// The folder of an activity in the archive.
fn folder(activity: &Activity) -> String {
    format!("{:02}-{}", activity.number, activity.id)
}

/// What is packed.
pub(crate) struct Archive {
    zip: ZipWriter<Cursor<Vec<u8>>>,
    /// What every page shows.
    common: Value,
    /// Lines of the index, by section.
    lines: BTreeMap<String, Vec<Value>>,
    /// What each activity has for the matrix.
    recorded: Vec<Recorded>,
    year: i16,
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

    /// An activity's page and files.
    fn activity(&mut self, map: &RoadMap, work: &Work) -> Result<(), String> {
        let own = &work.version.road_map;
        let Some(activity) = own.activity(&work.activity) else { return Ok(()) };
        let folder = folder(activity);
        for one in &work.told {
            self.reports(&folder, one)?;
            self.decisions(own, &folder, one)?;
        }
        let advices = pages::advices(map, activity, &work.told);
        if !advices.is_empty() {
            let bytes = reports::advices(&advices)?;
            self.file(&format!("{folder}/{}", pages::ADVICES), &bytes)?;
        }
        let mut context = self.common.clone();
        context["activity"] = pages::described(own, activity);
        context["advices"] = json!((!advices.is_empty()).then_some(pages::ADVICES));
        context["runs"] = work.told.iter().map(|one| pages::run(map, one)).collect();
        context["effects"] = work.traced.iter().map(|one| effects::finding(map, one)).collect();
        let page = folder + "/index.html";
        self.page(&page, "evidence/activity.html", &context)?;
        let folder = page.trim_end_matches("/index.html");
        let municipality = &map.municipality;
        let recorded =
            Recorded::of(municipality, activity, folder, &work.told, &work.traced, self.year);
        self.recorded.push(recorded);
        let line = pages::line(activity, &page, &work.told, work.traced.len());
        self.lines.entry(activity.section.clone()).or_default().push(line);
        Ok(())
    }

    /// What is attached to a run's decisions and to reports on its measures, as it is: one file in
    /// memory at a time.
    async fn attachments(
        &mut self,
        runtime: &Runtime,
        version: &Version,
        one: &Told,
    ) -> Result<(), NotMade> {
        let Some(activity) = version.road_map.activity(&one.run.key.activity) else {
            return Ok(());
        };
        let owner = of_decisions(&one.run.key);
        for (number, decision) in (1..).zip(&one.run.decisions) {
            for (place, file) in (1..).zip(&decision.attachments) {
                let name = pages::attached(one, number, place, &file.name);
                let path = format!("{}/{name}", folder(activity));
                self.given(runtime, &owner, &file.sha256, path).await?;
            }
        }
        for (number, measure) in (1..).zip(&one.run.measures) {
            if let Some(file) = &measure.document {
                let assignment = AssignmentKey::new(&measure_stage(number), &measure.organisation);
                let owner = format!("{}/{assignment}", one.run.key);
                let name = pages::proof(one, number, &file.name);
                let path = format!("{}/{name}", folder(activity));
                self.given(runtime, &owner, &file.sha256, path).await?;
            }
        }
        Ok(())
    }

    /// A file that was given to us.
    async fn given(
        &mut self,
        runtime: &Runtime,
        owner: &str,
        sha256: &str,
        path: String,
    ) -> Result<(), NotMade> {
        let content = runtime.store().file(owner, sha256).await?;
        let content = content.ok_or_else(|| format!("{owner}: нет {sha256}"))?;
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        self.zip.start_file(path, options).map_err(|e| e.to_string())?;
        self.zip.write_all(&content).map_err(|e| e.to_string())?;
        Ok(())
    }

    /// A run's decisions as documents.
    fn decisions(&mut self, map: &RoadMap, folder: &str, one: &Told) -> Result<(), String> {
        for (number, decision) in (1..).zip(&one.chapter.decisions) {
            let head = letterhead::of(map, &one.run, number, decision);
            let bytes = reports::decision(&head.ok_or("решения нет")?, decision)?;
            self.file(&format!("{folder}/{}", pages::written(one, number)), &bytes)?;
        }
        Ok(())
    }

    /// What a run tells and published, in every form.
    fn reports(&mut self, folder: &str, one: &Told) -> Result<(), String> {
        for report in &one.chapter.reports {
            let path = format!("{folder}/{}", pages::name(one, report));
            self.file(&format!("{path}.docx"), &reports::note(report)?)?;
            let workbook = reports::workbook(report).map_err(|e| e.to_string())?;
            self.file(&format!("{path}.xlsx"), &workbook)?;
            let html = report::page(report).map_err(|e| format!("{e:#}"))?;
            self.file(&format!("{path}.html"), html.as_bytes())?;
        }
        for (path, bytes) in &one.published {
            self.file(&format!("{folder}/{path}"), bytes)?;
        }
        Ok(())
    }

    /// The page that leads to all the others, and what is told of all activities together.
    fn index(&mut self, map: &RoadMap, lists: [(&str, List); 4]) -> Result<(), String> {
        let sections = map.municipality.sections.iter().map(|section| {
            let lines = self.lines.remove(&section.id).unwrap_or_default();
            json!({ "title": section.title, "goal": section.goal, "activities": lines })
        });
        let sections: Vec<Value> = sections.collect();
        let mut context = self.common.clone();
        context["sections"] = sections.into();
        if let Some(method) = map.evidence_of(self.year) {
            let matrix = Matrix::of(method, &self.recorded);
            let proved = Proved {
                authority: map.municipality.authority.clone(),
                title: method.title.clone(),
                source: method.source.clone(),
                year: self.year,
                date: self.common["today"].as_str().unwrap_or_default().to_owned(),
                directions: matrix.directions(),
            };
            self.file(MATRIX, &reports::matrix(&proved)?)?;
            context["matrix"] = json!(matrix);
            context["matrix_file"] = MATRIX.into();
        }
        self.page("index.html", "evidence/index.html", &context)?;
        for (name, list) in lists {
            self.file(name, &list.spreadsheet()?)?;
        }
        Ok(())
    }

    /// The archive as a file.
    ///
    /// # Errors
    /// When it cannot be written to its end.
    pub(crate) fn finish(self) -> Result<Vec<u8>, String> {
        self.zip.finish().map(Cursor::into_inner).map_err(|e| e.to_string())
    }
}

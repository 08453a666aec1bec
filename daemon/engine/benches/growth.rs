//! How costs grow with a municipality. A step costs the same however many participants the run
//! has; a preview of the shipped road map grows with the number of schools, and 1,000 schools take
//! less than five seconds.

use std::fs;
use std::hint::black_box;
use std::path::Path;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use jiff::civil::date;
use serde_json::json;
use vekha_engine::preview::{Wish, preview};
use vekha_engine::{
    AssignmentKey, Command, Context, Origin, Run, RunKey, Why, open, references, step,
};
use vekha_roadmap::RoadMap;
use vekha_roadmap::model::{Organisation, OrganisationKind};
use vekha_roadmap::read::{Files, read};

#[path = "../tests/town/mod.rs"]
#[allow(dead_code, clippy::unwrap_used)]
mod town;

/// The shipped road map with so many schools.
fn region(schools: usize) -> RoadMap {
    let mut files = Files::default();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/road-map");
    collect(&shipped, "", &mut files);
    let mut road_map = read(&files).expect("nothing is wrong in it");
    let is_school = |o: &Organisation| o.kind == OrganisationKind::School;
    let pattern = road_map.organisations.iter().find(|o| is_school(o)).expect("a school").clone();
    road_map.organisations.retain(|o| !is_school(o));
    let school = |n| Organisation { code: format!("school-{n:05}"), ..pattern.clone() };
    road_map.organisations.extend((1..=schools).map(school));
    road_map.organisations.sort_by(|a, b| a.code.cmp(&b.code));
    road_map
}

fn collect(folder: &Path, below: &str, files: &mut Files) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let name = format!("{below}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{name}/"), files);
        } else if Files::wants(&name) {
            files.0.insert(name, fs::read_to_string(entry.path()).expect("a text"));
        }
    }
}

fn previews(c: &mut Criterion) {
    let mut group = c.benchmark_group("preview of a year, by schools");
    group.sample_size(10);
    for schools in [12, 100, 400, 1000, 4000] {
        let road_map = region(schools);
        let wish = Wish { from: date(2027, 1, 1), to: date(2027, 12, 31), silent: false };
        group.bench_function(BenchmarkId::from_parameter(schools), |b| {
            b.iter(|| preview(&road_map, wish));
        });
    }
    group.finish();
}

/// A collection from so many participants, begun just now.
fn collection(road_map: &RoadMap) -> Run {
    let activity = road_map.activity("survey").expect("the survey");
    let key: RunKey = "m/survey/2027".parse().expect("a run's key");
    let context = Context::new(road_map, 1);
    assert!(references(activity, &key).is_empty());
    let at = "2027-02-01T06:00:00Z".parse().expect("a moment");
    open(&context, key, vec![], Why::Schedule, "bench", at).expect("it opens").0
}

fn submit(road_map: &RoadMap, run: &mut Run, school: usize) {
    let context = Context::new(road_map, 1);
    let answers = json!({ "pupils": 60, "low": 20 }).as_object().cloned().expect("answers");
    let command = Command::Submit {
        assignment: AssignmentKey::new("collect", &format!("school-{school}")),
        answers,
        origin: Origin::Page,
    };
    let at = "2027-02-02T06:00:00Z".parse().expect("a moment");
    black_box(step(&context, run, command, "bench", at).expect("it is taken"));
}

fn steps(c: &mut Criterion) {
    let mut group = c.benchmark_group("an answer, by participants of the run");
    for schools in [10, 100, 1000, 10_000] {
        let road_map = town::Plan { schools, ..town::Plan::usual() }.road_map();
        let fresh = collection(&road_map);
        let mut next = 0;
        group.bench_function(BenchmarkId::from_parameter(schools), |b| {
            // Answers to a run that is not copied: half of its participants answer in turn, over
            // and over again.
            let mut run = fresh.clone();
            b.iter_batched(
                || {
                    next = next % (schools / 2) + 1;
                    next
                },
                |school| submit(&road_map, &mut run, school),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, steps, previews);
criterion_main!(benches);

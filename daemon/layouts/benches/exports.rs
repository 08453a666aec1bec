//! How long exports of pupils' rows take from bytes to answers: a municipality of 60 schools with 30
//! to 400 rows each, and 100 000 rows.
//!
//! `cargo bench -p vekha-layouts` prints the times; with `VEKHA_ONCE=town` or `large` one file is read
//! once, and the process's peak memory printed. `VEKHA_FILE` reads a file of your own instead (one of
//! another library: `tests/exports/make.py FOLDER` makes both).

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use criterion::{Criterion, criterion_group, criterion_main};
use rust_xlsxwriter::Workbook;
use vekha_layouts::{Organisations, Purpose, Reading, Understood};
use vekha_plugin_tables::{Limits, each_row};
use vekha_roadmap::RoadMap;
use vekha_roadmap::model::{Layout, Organisation, OrganisationKind};
use vekha_roadmap::read::{Files, read};

const TASKS: usize = 20;
const WORKS: usize = 10;

/// The shipped road map with so many schools.
fn road_map(schools: usize) -> RoadMap {
    fn collect(folder: &Path, below: &str, files: &mut Files) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("{below}{}", path.file_name().unwrap().to_string_lossy());
            if path.is_dir() {
                collect(&path, &format!("{name}/"), files);
            } else if Files::wants(&name) {
                files.0.insert(name, std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    let mut files = Files::default();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/road-map"), "", &mut files);
    let mut road_map = read(&files).unwrap();
    let school = |o: &&Organisation| o.kind == OrganisationKind::School;
    let pattern = road_map.organisations.iter().find(school).unwrap().clone();
    road_map.organisations = (0..schools)
        .map(|n| Organisation {
            code: format!("school-{n}"),
            logins: vec![format!("edu{}", 700_001 + n)],
            name: format!("МБОУ «Школа № {}»", n + 1),
            ..pattern.clone()
        })
        .collect();
    road_map
}

/// A file in which a school has so many rows in a work.
fn file(schools: usize, rows_of: impl Fn(usize, usize) -> usize) -> Vec<u8> {
    let subjects =
        ["Русский язык", "Математика", "История", "Биология", "География", "Химия", "Физика"];
    let mut book = Workbook::new();
    for work in 0..WORKS {
        let (subject, grade) = (subjects[work % subjects.len()], 5 + work / subjects.len());
        let sheet = book.add_worksheet();
        sheet.write_string(0, 0, format!("ВПР 2026 {subject} {grade} класс")).unwrap();
        let mut heads: Vec<String> =
            ["ОО", "Муниципалитет", "Название ОО", "Код участника", "Класс", "Вариант"]
                .map(String::from)
                .into();
        heads.extend((1..=TASKS).map(|n| format!("{n} (2б)")));
        heads.extend(["Первичный балл", "Отметка", "Отметка по журналу"].map(String::from));
        for (at, head) in (0..).zip(&heads) {
            sheet.write_string(1, at, head).unwrap();
        }
        let mut row = 2;
        for school in 0..schools {
            for pupil in 0..rows_of(school, work) {
                let points: Vec<usize> =
                    (0..TASKS).map(|n| (pupil * 7 + n * 3 + school + work) % 3).collect();
                let score: usize = points.iter().sum();
                let mark = 2 + (score * 4 / (2 * TASKS + 1)).min(3);
                sheet.write_string(row, 0, format!("edu{}", 700_001 + school)).unwrap();
                sheet.write_string(row, 1, "Заречный").unwrap();
                sheet.write_string(row, 2, format!("МБОУ «Школа № {}»", school + 1)).unwrap();
                sheet.write_number(row, 3, 10_000.0 + pupil as f64).unwrap();
                sheet.write_string(row, 4, "5А").unwrap();
                sheet.write_number(row, 5, 1.0).unwrap();
                let figures = points.iter().chain([&score, &mark]).map(|n| *n as f64);
                let journal = (2 + (mark + pupil) % 4) as f64;
                for (at, figure) in (6..).zip(figures.chain([journal])) {
                    sheet.write_number(row, at, figure).unwrap();
                }
                row += 1;
            }
        }
    }
    book.save_to_buffer().unwrap()
}

fn town() -> Vec<u8> {
    // 30 rows in the smallest school, 400 in the largest, spread over ten works.
    file(60, |school, work| {
        let rows = 30 + school * 370 / 59;
        rows / WORKS + usize::from(work < rows % WORKS)
    })
}

fn large() -> Vec<u8> {
    file(100, |_, _| 100)
}

fn limits() -> Limits {
    Limits {
        file: 64 << 20,
        expanded: 512 << 20,
        rows: 200_000,
        cells: 6_000_000,
        ..Limits::default()
    }
}

fn understood(road_map: &RoadMap, bytes: &[u8]) -> Understood {
    let layouts: Vec<&Layout> =
        road_map.layouts.values().filter(|layout| layout.form == "vpr-results").collect();
    let organisations = Organisations::of(&road_map.organisations);
    let mut reading = Reading::new(Purpose {
        form: &road_map.forms["vpr-results"],
        layouts: &layouts,
        organisations: &organisations,
        own: None,
        years: Some(&(2026..=2026)),
    });
    reading.file("export.xlsx", |take| each_row("export.xlsx", bytes, &limits(), take));
    reading.finish()
}

fn exports(criterion: &mut Criterion) {
    let road_map = road_map(100);
    if let Some(which) = std::env::var_os("VEKHA_ONCE") {
        let bytes = match std::env::var_os("VEKHA_FILE") {
            Some(path) => std::fs::read(path).unwrap(),
            None if which == "town" => town(),
            None => large(),
        };
        println!("{} bytes; {} before", bytes.len(), peak());
        let started = Instant::now();
        let understood = understood(&road_map, &bytes);
        let (rows, schools) = (understood.files[0].rows, understood.organisations.len());
        println!("{rows} rows of {schools} schools in {:?}; {} peak", started.elapsed(), peak());
        understood.notes.iter().take(5).for_each(|note| println!("{note:?}"));
        return;
    }
    let mut group = criterion.benchmark_group("exports");
    group.sample_size(10);
    for (name, bytes) in [("town", town()), ("large", large())] {
        group.bench_function(name, |b| b.iter(|| understood(&road_map, black_box(&bytes))));
    }
    group.finish();
}

/// The most memory that the process has had.
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    line.map(|line| line.split_whitespace().skip(1).collect::<Vec<_>>().join(" "))
        .unwrap_or_default()
}

criterion_group!(benches, exports);
criterion_main!(benches);

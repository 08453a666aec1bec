//! How long the annual report as a document takes: the mark is five seconds for 200 pages. All
//! analyses of the shipped road map over two years, each with its tables, findings and charts.
//!
//! Pages are counted by who opens the file: LibreOffice makes 237 of twenty schools, 449 of forty. The file is
//! written where `VEKHA_BENCH_FILE` says. `VEKHA_BENCH_SCHOOLS=20,40` asks for other sizes.

#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;
use std::time::Instant;

use vekha::reports::{self, Chapter, Cover, Past, Report};
use vekha_analysis::Outcome;
use vekha_engine::RunKey;
use vekha_engine::data::earlier;
use vekha_roadmap::RoadMap;
use vekha_tests::region;
use vekha_tests::town::instant;

const ROUNDS: usize = 5;

fn reports(map: &RoadMap, schools: usize) -> Vec<(RunKey, Report)> {
    let mut outcomes: BTreeMap<(RunKey, String), Outcome> = BTreeMap::new();
    region::live(map, schools, 2, |run, stage, outcome, _| {
        outcomes.insert((run.clone(), stage.to_owned()), outcome.clone());
    });
    let now = instant("2027-08-03T10:00");
    let report = |((run, stage), outcome): (&(RunKey, String), &Outcome)| {
        let before = earlier(map.activity(&run.activity)?, run);
        let outcome_before = outcomes.get(&(before.clone(), stage.clone()))?;
        let past = [Past { run: before, outcome: Some(outcome_before) }];
        let report = reports::report(map, run, stage, outcome, &past, None, now)?;
        Some((run.clone(), report))
    };
    outcomes.iter().filter_map(report).collect()
}

fn chapter(map: &RoadMap, (run, report): (RunKey, Report)) -> Chapter {
    let activity = map.activity(&run.activity).expect("an activity");
    Chapter {
        section: activity.section.clone(),
        number: activity.number,
        activity: activity.short.clone(),
        title: activity.short.clone(),
        period: run.period.words(),
        label: run.period.label(),
        state: "завершено".into(),
        asked: report.indicators.iter().map(|i| i.rows.len()).max().unwrap_or_default(),
        answered: report.indicators.iter().map(|i| i.rows.len()).max().unwrap_or_default(),
        reports: vec![report],
        decisions: vec![],
        for_all: false,
    }
}

fn main() {
    let sizes = std::env::var("VEKHA_BENCH_SCHOOLS").unwrap_or_else(|_| "20,40".into());
    println!("schools   charts   findings   megabytes   seconds (median of {ROUNDS})");
    for size in sizes.split(',').filter_map(|size| size.trim().parse::<usize>().ok()) {
        let map = region::road_map(size);
        let mut chapters: Vec<Chapter> =
            reports(&map, size).into_iter().map(|one| chapter(&map, one)).collect();
        chapters.sort_by_key(|chapter| chapter.number);
        let cover = Cover {
            authority: map.municipality.authority.clone(),
            municipality: map.municipality.name.clone(),
            title: "Доклад о состоянии системы образования".into(),
            period: "2023/24 учебный год".into(),
            date: "3 августа 2027 года".into(),
        };
        let mut times = Vec::new();
        let mut file = Vec::new();
        for _ in 0..ROUNDS {
            let begun = Instant::now();
            file = reports::book(&cover, &chapters).expect("a report");
            times.push(begun.elapsed().as_secs_f64());
        }
        times.sort_by(f64::total_cmp);
        let own = || chapters.iter().flat_map(|chapter| &chapter.reports);
        let charts = own().flat_map(|report| &report.indicators);
        let charts = charts.filter(|i| i.municipality.is_some() && i.varies());
        let charts: usize = charts.map(|i| 1 + usize::from(i.changes())).sum();
        let findings: usize = own().map(|report| report.findings.len()).sum();
        println!(
            "{size:7} {charts:8} {findings:10} {:11.1} {:9.2}",
            file.len() as f64 / 1e6,
            times[ROUNDS / 2]
        );
        if let Ok(path) = std::env::var("VEKHA_BENCH_FILE") {
            std::fs::write(path, &file).expect("to write the file");
        }
    }
}

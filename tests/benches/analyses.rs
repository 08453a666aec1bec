//! How long all analyses of the shipped road map take over five years of many schools with thirty
//! procedures each: the mark is two seconds and 300 MB for a thousand schools, and a cost that grows
//! as the schools do. One analysis after the other, each on all processors; what is measured is the
//! computing alone, without reading answers from a database.
//!
//! `VEKHA_BENCH_SCHOOLS=250,500,1000` asks for other sizes.

#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;
use std::time::Duration;

use vekha_tests::region::{self, PROCEDURES};

/// Years of data: each is compared with the one before.
const YEARS: i16 = 5;

struct Measured {
    took: Duration,
    analyses: usize,
    figures: usize,
    findings: usize,
    /// By activity and stage.
    each: BTreeMap<String, Duration>,
}

/// How many of the costliest analyses are told.
const COSTLIEST: usize = 3;

fn years(schools: usize) -> Measured {
    let mut measured = Measured {
        took: Duration::ZERO,
        analyses: 0,
        figures: 0,
        findings: 0,
        each: BTreeMap::new(),
    };
    region::live(&region::road_map(schools), schools, YEARS, |run, stage, outcome, took| {
        *measured.each.entry(format!("{}, {stage}", run.activity)).or_default() += took;
        measured.took += took;
        measured.analyses += 1;
        measured.figures += outcome.values().count();
        measured.findings += outcome.findings.len();
    });
    measured
}

/// Most memory that the process has had, in MB.
fn peak() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kib.unwrap_or(f64::NAN) / 1024.0
}

fn main() {
    let sizes = std::env::var("VEKHA_BENCH_SCHOOLS").unwrap_or_else(|_| "250,500,1000".into());
    println!("{YEARS} years, {PROCEDURES} rows in every open table\n");
    println!(
        "schools   analyses   figures   findings   seconds   µs per school and year   peak, MB"
    );
    for size in sizes.split(',').filter_map(|size| size.trim().parse::<usize>().ok()) {
        let Measured { took, analyses, figures, findings, each: costs } = years(size);
        let each = took.as_secs_f64() * 1e6 / (size as f64 * f64::from(YEARS));
        println!(
            "{size:7} {analyses:10} {figures:9} {findings:10} {:9.2} {each:24.0} {:10.0}",
            took.as_secs_f64(),
            peak()
        );
        let mut costs: Vec<(String, Duration)> = costs.into_iter().collect();
        costs.sort_by_key(|(_, took)| std::cmp::Reverse(*took));
        for (analysis, took) in costs.iter().take(COSTLIEST) {
            println!("        {:6.2} s  {analysis}", took.as_secs_f64());
        }
    }
}

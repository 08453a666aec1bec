//! `vekha check`: every mistake of a road map at once, as a compiler would tell them.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;
use vekha_roadmap::diagnostic::{Diagnostic, render};
use vekha_roadmap::read::read_with_warnings;
use vekha_roadmap::russian::plural;

use super::output::Output;
use crate::files::{self, Folder};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Папка дорожной карты; без неё — первая из настроек
    pub folder: Option<PathBuf>,
}

pub(super) fn run(folder: &Path, out: &mut Output) -> anyhow::Result<ExitCode> {
    let Folder { files, unread } = files::look(folder)?;
    let (road_map, mut report) = read_with_warnings(&files);
    let road_map = road_map.filter(|_| unread.is_empty());
    // Of what could not even be read nothing else is said.
    let is_read = |d: &Diagnostic| !unread.iter().any(|other| other.file == d.file);
    report.errors.retain(is_read);
    report.warnings.retain(is_read);
    report.errors.extend(unread);
    report.errors.sort();
    if out.is_json() {
        let list = |severity: &str, list: &[Diagnostic]| -> Vec<serde_json::Value> {
            let one = |d: &Diagnostic| {
                json!({
                    "severity": severity, "file": d.file, "line": d.line, "column": d.column,
                    "message": d.message, "help": d.help,
                })
            };
            list.iter().map(one).collect()
        };
        let mut all = list("error", &report.errors);
        all.extend(list("warning", &report.warnings));
        out.json(&json!({ "valid": road_map.is_some(), "diagnostics": all }))?;
    } else {
        for (word, list) in [("", &report.errors), ("к сведению: ", &report.warnings)] {
            for d in list {
                out.say(format!("{word}{}", render(std::slice::from_ref(d), &files)))?;
            }
        }
        match &road_map {
            Some(map) => {
                let activities = map.activities.len();
                let words = plural(activities as i64, "мероприятие", "мероприятия", "мероприятий");
                out.say(format!(
                    "Ошибок нет: {activities} {words}, форм {}, анализов {}, раскладок {}, \
                     организаций {}.",
                    map.forms.len(),
                    map.analyses.len(),
                    map.layouts.len(),
                    map.organisations.len(),
                ))?;
            }
            None => out.say(format!("Ошибок: {}", report.errors.len()))?,
        }
    }
    Ok(if road_map.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

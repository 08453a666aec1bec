//! What a change does to the year ahead: two previews, held against each other.

use std::collections::BTreeMap;

use jiff::ToSpan as _;
use jiff::civil::Date;
use serde::Serialize;
use vekha_engine::RunKey;
use vekha_engine::preview::{Line, What, Wish, preview};
use vekha_roadmap::RoadMap;

use super::difference::arrow;
use crate::glossary;

/// Most lines that are told; the rest is counted.
const MOST: usize = 40;

/// How a year goes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Course {
    /// Runs that open.
    pub runs: usize,
    /// Letters that leave, at most.
    pub letters: usize,
}

/// How the year ahead differs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Year {
    /// As it would go now.
    pub was: Course,
    /// As it will go.
    pub becomes: Course,
    /// What opens or falls due on other days, in the order of the activities.
    pub lines: Vec<Shift>,
    /// How many more there are.
    pub more: usize,
}

/// Something that happens on another day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shift {
    /// What: «29. Школы с низкими результатами, 2026/27 учебный год: срок этапа «Сбор сведений»».
    pub what: String,
    /// When it was and when it will be.
    pub how: String,
}

/// A moment of a run: it opens, or one of its stages.
type Moment = (u32, String, String);

/// How the twelve months from a day on differ.
pub fn year(was: &RoadMap, becomes: &RoadMap, from: Date) -> Year {
    let wish = Wish { from, to: from.saturating_add(1.year()), silent: false };
    let (before, after) = (preview(was, wish), preview(becomes, wish));
    let (old, new) = (moments(was, &before), moments(becomes, &after));
    let mut lines = Vec::new();
    let all: std::collections::BTreeSet<&Moment> = old.keys().chain(new.keys()).collect();
    for moment in all {
        let (a, b) = (old.get(moment), new.get(moment));
        if a == b {
            continue;
        }
        let date = |day: Option<&Date>| {
            day.map_or("не будет".to_owned(), |day| glossary::date(*day))
        };
        let (number, run, what) = moment;
        let map = if new.contains_key(moment) { becomes } else { was };
        lines.push(Shift {
            what: format!("{number}. {}: {what}", words(map, run)),
            how: arrow(&date(a), &date(b)),
        });
    }
    let more = lines.len().saturating_sub(MOST);
    lines.truncate(MOST);
    Year { was: course(&before), becomes: course(&after), lines, more }
}

/// How many runs and letters there are.
pub fn course(lines: &[Line]) -> Course {
    let mut course = Course::default();
    for line in lines {
        match &line.what {
            What::Opened => course.runs += 1,
            What::Letters { to, .. } => course.letters += to.len(),
            _ => {}
        }
    }
    course
}

fn moments(map: &RoadMap, lines: &[Line]) -> BTreeMap<Moment, Date> {
    let mut all = BTreeMap::new();
    for line in lines {
        let day = map.municipality.today(line.at);
        let (what, day) = match &line.what {
            What::Opened => ("открывается".to_owned(), day),
            What::Stage { title, due: Some(due), .. } => (format!("срок этапа «{title}»"), *due),
            _ => continue,
        };
        all.insert((line.number, line.run.clone(), what), day);
    }
    all
}

fn words(map: &RoadMap, run: &str) -> String {
    let Ok(key) = run.parse::<RunKey>() else { return run.to_owned() };
    let name = map.activity(&key.activity).map_or(key.activity.as_str(), |a| a.short.as_str());
    let part = key.part.as_ref().map(|part| format!(", {}", map.short_name(part)));
    format!("{name}, {}{}", key.period.words(), part.unwrap_or_default())
}

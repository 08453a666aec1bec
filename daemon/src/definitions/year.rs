//! What a change does to the year ahead: two previews, held against each other.

use std::collections::BTreeMap;

use jiff::ToSpan as _;
use jiff::civil::Date;
use serde::Serialize;
use vekha_engine::RunKey;
use vekha_engine::preview::{Line as Event, What, Wish, preview};
use vekha_roadmap::RoadMap;

use super::difference::{Difference, Line, arrow};
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
    /// What opens or falls due on other days, run by run, in the order of the activities.
    pub runs: Vec<Difference>,
    /// How many more there are.
    pub more: usize,
}

/// A moment of a run: it opens, or one of its stages.
type Moment = (u32, String, String);

/// How the twelve months from a day on differ.
pub fn year(was: &RoadMap, becomes: &RoadMap, from: Date) -> Year {
    let wish = Wish { from, to: from.saturating_add(1.year()), silent: false };
    let (before, after) = (preview(was, wish), preview(becomes, wish));
    let (old, new) = (moments(was, &before), moments(becomes, &after));
    let (mut runs, mut told): (Vec<Difference>, usize) = (Vec::new(), 0);
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
        told += 1;
        if told > MOST {
            continue;
        }
        let of = format!("{number}. {}", words(map, run));
        let line = Line { what: what.clone(), how: arrow(&date(a), &date(b)) };
        match runs.last_mut() {
            Some(last) if last.of == of => last.lines.push(line),
            _ => runs.push(Difference { of, lines: vec![line] }),
        }
    }
    let more = told.saturating_sub(MOST);
    Year { was: course(&before), becomes: course(&after), runs, more }
}

/// How many runs and letters there are.
pub fn course(lines: &[Event]) -> Course {
    let mut course = Course::default();
    for line in lines {
        match &line.what {
            What::Opened { .. } => course.runs += 1,
            What::Letters { to, .. } => course.letters += to.len(),
            _ => {}
        }
    }
    course
}

fn moments(map: &RoadMap, lines: &[Event]) -> BTreeMap<Moment, Date> {
    let mut all = BTreeMap::new();
    for line in lines {
        let day = map.municipality.today(line.at);
        let (what, day) = match &line.what {
            What::Opened { latest: false } => ("открывается".to_owned(), day),
            What::Opened { latest: true } => ("открывается не позже".to_owned(), day),
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

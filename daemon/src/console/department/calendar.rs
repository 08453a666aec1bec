//! A year of the road map: what was and what will be. As a timeline, a line for each activity and a
//! column for each month, and as a calendar, day by day.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::civil::{Date, date};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use vekha_engine::RunKey;
use vekha_roadmap::RoadMap;
use vekha_roadmap::model::Activity;
use vekha_roadmap::russian::plural;
use vekha_roadmap::schedule::openings;

use crate::console::department::run::{Missing, refused};
use crate::console::frame::access::Person;
use crate::console::frame::paging::Asked;
use crate::console::frame::view;
use crate::console::year::of_year;
use crate::glossary;
use crate::runtime::Runtime;
use crate::runtime::road_maps::Version;
use crate::runtime::views::overview::Overview;
use crate::store::{StoreError, instant};

/// Months as a table's heads and as headings.
const MONTHS: [(&str, &str); 12] = [
    ("янв", "Январь"),
    ("фев", "Февраль"),
    ("мар", "Март"),
    ("апр", "Апрель"),
    ("май", "Май"),
    ("июн", "Июнь"),
    ("июл", "Июль"),
    ("авг", "Август"),
    ("сен", "Сентябрь"),
    ("окт", "Октябрь"),
    ("ноя", "Ноябрь"),
    ("дек", "Декабрь"),
];

/// What happens on a day, in the order in which a day tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    /// It was opened.
    Opened,
    /// It was completed.
    Ended,
    /// It ended without its work being done.
    CalledOff,
    /// A stage at work is due.
    Due,
    /// A stage that waits for its day will begin.
    Begins,
    /// The schedule will open it.
    Opens,
    /// The schedule will open it unless an event does so before.
    OpensAtLatest,
}

/// One or several runs of an activity on a day: a rotation opens hundreds.
struct Event {
    activity: String,
    what: What,
    runs: Vec<RunKey>,
}

/// What a year holds.
#[derive(Default)]
struct Year {
    /// By day, the activity's number and id, and what it was.
    events: BTreeMap<(Date, u32, String, What), Event>,
    /// In which months something of an activity was going on.
    going: BTreeMap<String, [bool; 12]>,
}

impl Year {
    fn add(&mut self, map: &RoadMap, day: Date, activity: &str, what: What, run: RunKey) {
        let number = map.activity(activity).map_or(u32::MAX, |a| a.number);
        let key = (day, number, activity.to_owned(), what);
        let event = || Event { activity: activity.to_owned(), what, runs: vec![] };
        self.events.entry(key).or_insert_with(event).runs.push(run);
    }

    /// Something goes on from one day to another; of what lies in other years nothing is kept.
    fn goes(&mut self, year: i16, activity: &str, from: Date, to: Date) {
        let months = self.going.entry(activity.to_owned()).or_default();
        let last = if to.year() > year { 12 } else { to.month() };
        let first = if from.year() < year { 1 } else { from.month() };
        if from.year() <= year && to.year() >= year {
            for month in first..=last {
                months[month as usize - 1] = true;
            }
        }
    }
}

/// `GET /m/{municipality}/year?year=2027`
pub async fn show(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Path(municipality): Path<String>,
    Query(query): Query<Asked>,
) -> Result<Response, Response> {
    let (version, year) = of_year::open(&runtime, &municipality, &query).await?;
    let mut context = of_year::context(&runtime, &version, &person, year).await?;
    let found = find(&runtime, &version, year).await;
    let found = found.map_err(|e| refused(Missing::Unavailable(e)))?;
    let map = &version.road_map;
    context["heads"] = MONTHS.iter().map(|(head, _)| *head).collect();
    context["activities"] =
        map.activities.iter().filter_map(|activity| line(map, activity, &found)).collect();
    context["months"] = (0..12).filter_map(|month| calendar(map, month, &found)).collect();
    Ok(view::page(StatusCode::OK, "year.html", &context))
}

async fn find(runtime: &Runtime, version: &Version, year: i16) -> Result<Year, StoreError> {
    let map = &version.road_map;
    let municipality = &map.municipality;
    let now = runtime.clock().now();
    let today = municipality.today(now);
    let mut found = Year::default();
    let overview = Overview::load(runtime, version, None).await?;
    for brief in runtime.store().brief_runs(&municipality.id).await? {
        let (Ok(run), Some(state)) = (brief.id.parse::<RunKey>(), brief.state()) else { continue };
        let opened = municipality.today(instant(brief.opened_at));
        let ended = brief.ended_at.map(|at| municipality.today(instant(at)));
        found.goes(year, &run.activity, opened, ended.unwrap_or(today));
        if opened.year() == year {
            found.add(map, opened, &run.activity, What::Opened, run.clone());
        }
        if let Some(ended) = ended.filter(|day| day.year() == year) {
            let what = if state.called_off() { What::CalledOff } else { What::Ended };
            found.add(map, ended, &run.activity.clone(), what, run);
        }
    }
    for standing in overview.standings.iter().filter(|s| !s.run.state.ended()) {
        if let Some(due) = standing.due.filter(|due| due.year() == year) {
            let run = &standing.run.key;
            found.goes(year, &run.activity, today.min(due), due);
            found.add(map, due, &run.activity, What::Due, run.clone());
        }
        if let Some(begins) = standing.begins.filter(|day| day.year() == year) {
            let run = &standing.run.key;
            found.goes(year, &run.activity, today.min(begins), begins);
            found.add(map, begins, &run.activity, What::Begins, run.clone());
        }
    }
    let (first, last) = (date(year, 1, 1), date(year, 12, 31));
    let before = municipality.opening(first).saturating_sub(SignedDuration::from_hours(24));
    let after = now.max(before.unwrap_or(now));
    for activity in &map.activities {
        if overview.schedule(&activity.id).is_some_and(|schedule| schedule.paused) {
            continue;
        }
        for opening in coming(map, activity, after, municipality.closing(last)) {
            let key = RunKey {
                municipality: municipality.id.clone(),
                activity: activity.id.clone(),
                period: opening.0,
                part: opening.2,
            };
            let day = municipality.today(opening.1);
            if day.year() == year && !overview.exists(&key) {
                let what = match activity.schedule.opens_on_event {
                    Some(_) => What::OpensAtLatest,
                    None => What::Opens,
                };
                found.add(map, day, &activity.id, what, key);
            }
        }
    }
    Ok(found)
}

/// What the schedule opens: period, moment and part.
fn coming(
    map: &RoadMap,
    activity: &Activity,
    after: Timestamp,
    until: Timestamp,
) -> Vec<(vekha_roadmap::period::Period, Timestamp, Option<String>)> {
    openings(map, activity, after, until).into_iter().map(|o| (o.period, o.at, o.part)).collect()
}

/// An activity on the timeline; none if nothing of it is in the year.
fn line(map: &RoadMap, activity: &Activity, found: &Year) -> Option<Value> {
    let own = || found.events.iter().filter(|((_, _, id, _), _)| *id == activity.id);
    let going = found.going.get(&activity.id).copied().unwrap_or_default();
    if own().next().is_none() && !going.contains(&true) {
        return None;
    }
    let cell = |month: usize| {
        let marks: Vec<Value> = own()
            .filter(|((day, ..), _)| day.month() as usize == month + 1)
            .map(|((day, .., what), event)| {
                json!({
                    "day": day.day(),
                    "mark": mark(*what),
                    "words": format!("{}: {}", glossary::date(*day), words(*what)),
                    "link": link(map, event),
                })
            })
            .collect();
        json!({ "going": going[month], "marks": marks })
    };
    Some(json!({
        "number": activity.number,
        "short": activity.short,
        "link": format!("/runs/{}/{}", map.municipality.id, activity.id),
        "cells": (0..12).map(cell).collect::<Vec<_>>(),
    }))
}

/// A month of the calendar; none if nothing is in it.
fn calendar(map: &RoadMap, month: usize, found: &Year) -> Option<Value> {
    let own = found.events.iter().filter(|((day, ..), _)| day.month() as usize == month + 1);
    let lines: Vec<Value> = own
        .map(|((day, .., what), event)| {
            let activity = map.activity(&event.activity);
            let many = event.runs.len();
            let runs = plural(many as i64, "выполнение", "выполнения", "выполнений");
            json!({
                "day": day.day(),
                "weekday": weekday(*day),
                "mark": mark(*what),
                "what": words(*what),
                "number": activity.map(|a| a.number),
                "short": activity.map_or(event.activity.as_str(), |a| a.short.as_str()),
                "period": event.runs.first().map(|run| run.period.words()),
                "many": (many > 1).then(|| format!("{many} {runs}")),
                "link": link(map, event),
            })
        })
        .collect();
    (!lines.is_empty()).then(|| json!({ "title": MONTHS[month].1, "lines": lines }))
}

/// Where an event leads: to the run if it is one and it is there already.
fn link(map: &RoadMap, event: &Event) -> String {
    match event.runs.as_slice() {
        [run] if !matches!(event.what, What::Opens | What::OpensAtLatest) => format!("/runs/{run}"),
        _ => format!("/runs/{}/{}", map.municipality.id, event.activity),
    }
}

fn mark(what: What) -> &'static str {
    match what {
        What::Opened => "opened",
        What::CalledOff => "off",
        What::Ended => "ended",
        What::Due => "due",
        What::Begins | What::Opens | What::OpensAtLatest => "coming",
    }
}

fn words(what: What) -> &'static str {
    match what {
        What::Opened => "открыто",
        What::CalledOff => "не состоялось",
        What::Ended => "завершено",
        What::Due => "срок",
        What::Begins => "начнётся этап",
        What::Opens => "откроется",
        What::OpensAtLatest => "откроется не позже",
    }
}

fn weekday(day: Date) -> &'static str {
    ["пн", "вт", "ср", "чт", "пт", "сб", "вс"][day.weekday().to_monday_zero_offset() as usize]
}

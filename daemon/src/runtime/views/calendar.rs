//! A calendar to subscribe to: what an organisation owes, or what the runs of a municipality have to
//! come to. It is made anew each time that it is read, the same to the last byte as long as nothing has
//! happened.
//!
//! What is over stays for a while, so that programs see that it was cancelled and do not merely miss it.

use std::collections::BTreeMap;

use icalendar::CalendarComponent;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use vekha_engine::run::{Assignment, AssignmentKind, AssignmentState, StageState};
use vekha_engine::{AssignmentKey, RunKey};

use crate::glossary;
use crate::ics;
use crate::runtime::Runtime;
use crate::runtime::letters::term::{self, Term};
use crate::runtime::road_maps::Version;
use crate::store::read::Filter;
use crate::store::read::organisation::Whose;
use crate::store::{StoreError, document, instant};

/// Days for which a term stays that is over.
const KEPT: i64 = 60;

/// Terms that a calendar shows; those that are due last.
const MOST: usize = 2_000;

/// What an organisation owes. How its forms are opened is left to its letters.
///
/// # Errors
/// When the database cannot be read.
pub async fn of_organisation(
    runtime: &Runtime,
    version: &Version,
    code: &str,
) -> Result<String, StoreError> {
    let map = &version.road_map;
    let store = runtime.store();
    let since = since(version, runtime.clock().now());
    let whose = Whose { municipality: &map.municipality.id, code };
    let mut owed = Vec::new();
    for row in store.duties(whose).await? {
        let read = store.readable(&row.id, document::<Assignment>(&row.id, &row.body))?;
        if let (Some(assignment), Ok(run)) = (read, row.run.parse::<RunKey>())
            && (assignment.state.is_awaited() || assignment.due >= since)
        {
            owed.push((run, AssignmentKey::new(&row.stage, &row.organisation), assignment));
        }
    }
    owed.truncate(MOST);
    let mut ids: Vec<String> = owed.iter().map(|(run, ..)| run.to_string()).collect();
    ids.dedup();
    let reached = store.runs_reached(&ids).await?;
    let mut terms = Vec::new();
    for (run, key, assignment) in owed {
        let Some(reached) = reached.get(&run.to_string()) else { continue };
        let own = runtime.road_maps().current(&run.municipality, reached.road_map as u32);
        let activity = own.as_ref().and_then(|own| own.road_map.activity(&run.activity));
        let short = activity.map_or(run.activity.as_str(), |activity| activity.short.as_str());
        let stage = activity.and_then(|activity| activity.stage(&key.stage));
        let what = match assignment.kind {
            AssignmentKind::Measure(number) => format!("отчёт о мере {number}"),
            _ => stage.map_or_else(|| key.stage.clone(), |(_, stage)| stage.title.clone()),
        };
        let period = run.period.words();
        let standing = match assignment.state {
            AssignmentState::Open => "Ответить — по ссылке из письма отдела.".to_owned(),
            AssignmentState::Returned => {
                "Возвращено на исправление: ссылка — в письме отдела.".to_owned()
            }
            state => format!("Состояние: {}.", glossary::assignment_state(state)),
        };
        terms.push(Term {
            uid: term::uid(&run, &key),
            short: short.to_owned(),
            description: format!("{what}, {period}\n{standing}"),
            url: None,
            due: assignment.due,
            withdrawn: assignment.state == AssignmentState::Waived,
            sequence: reached.journal_sequence as u64,
            at: instant(reached.at),
            reminds: assignment.state.is_awaited(),
        });
    }
    let name = format!("Сроки: {}", map.short_name(code));
    Ok(written(version, &name, &terms))
}

/// What the runs of a municipality have to come to: their stages, and the measures that are awaited.
///
/// # Errors
/// When the database cannot be read.
pub async fn of_department(runtime: &Runtime, version: &Version) -> Result<String, StoreError> {
    let map = &version.road_map;
    let id = &map.municipality.id;
    let store = runtime.store();
    let now = runtime.clock().now();
    let since = since(version, now);
    let brief = store.brief_runs(id).await?;
    let lately = |run: &crate::store::read::runs::Brief| {
        run.ended_at.is_none_or(|at| map.municipality.today(instant(at)) >= since)
    };
    let mut ids: Vec<String> = brief.into_iter().filter(lately).map(|run| run.id).collect();
    let mut measures: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for state in AssignmentState::ALL.iter().filter(|state| state.is_awaited()) {
        let filter = Filter {
            municipality: Some(id.clone()),
            state: Some(state.as_str().to_owned()),
            ..Filter::default()
        };
        for (run, stage, organisation, body) in store.bodies_of_assignments(&filter).await? {
            let key = AssignmentKey::new(&stage, &organisation);
            let read = document::<Assignment>(&format!("{run}/{key}"), &body);
            let read = store.readable(&run, read)?;
            if let Some(assignment) = read
                && let AssignmentKind::Measure(number) = assignment.kind
            {
                measures.entry(run).or_default().push((key, number, assignment.due));
            }
        }
    }
    ids.extend(measures.keys().cloned());
    ids.sort();
    ids.dedup();
    let reached = store.runs_reached(&ids).await?;
    let mut terms = Vec::new();
    for row in store.rows_of_runs(&ids).await? {
        let Some((run, _)) = store.readable(&row.id, row.bare())? else { continue };
        let Some(reached) = reached.get(&row.id) else { continue };
        let own = runtime.road_maps().current(id, run.road_map);
        let activity = own.as_ref().and_then(|own| own.road_map.activity(&run.key.activity));
        let short = activity.map_or(run.key.activity.as_str(), |a| a.short.as_str());
        let url = format!("{}/runs/{}", runtime.public_url(), run.key);
        let term = |of: &str, what: &str, due: Date| Term {
            uid: format!("{}/{of}@{id}.vekha", run.key),
            short: short.to_owned(),
            description: format!("{what}, {}\n{url}", run.key.period.words()),
            url: Some(url.clone()),
            due,
            withdrawn: false,
            sequence: reached.journal_sequence as u64,
            at: instant(reached.at),
            reminds: false,
        };
        for stage in &run.stages {
            let title = activity.and_then(|activity| activity.stage(&stage.id));
            let title = title.map_or(stage.id.as_str(), |(_, stage)| stage.title.as_str());
            if let Some(due) = stage.due.filter(|due| *due >= since || !run.state.ended()) {
                let withdrawn = run.state.called_off() && stage.state != StageState::Completed;
                terms.push(Term { withdrawn, ..term(&stage.id, title, due) });
            }
        }
        for (key, number, due) in measures.get(&row.id).into_iter().flatten() {
            let what = format!("{}: отчёт о мере {number}", map.short_name(&key.organisation));
            terms.push(term(&format!("{key}/control"), &what, *due));
        }
    }
    let name = format!("Сроки: {}", map.municipality.name);
    Ok(written(version, &name, &terms))
}

/// The first day of what is over and still shown.
fn since(version: &Version, now: Timestamp) -> Date {
    version.road_map.municipality.today(now).saturating_sub(KEPT.days())
}

/// The calendar's text.
fn written(version: &Version, name: &str, terms: &[Term]) -> String {
    let mut terms: Vec<&Term> = terms.iter().collect();
    terms.sort_by(|a, b| (b.due, &a.uid).cmp(&(a.due, &b.uid)));
    terms.truncate(MOST);
    let zone = version.road_map.municipality.time_zone.iana_name().unwrap_or("UTC");
    let mut calendar = ics::calendar(name, zone);
    for term in terms {
        let mut event = term.event();
        let at = term.at.strftime("%Y%m%dT%H%M%SZ").to_string();
        icalendar::Component::add_property(&mut event, "LAST-MODIFIED", at);
        calendar.push(CalendarComponent::Event(event));
    }
    calendar.done().to_string()
}

//! What goes with a letter: the due date for the calendar or its withdrawal, the form as a spreadsheet where the road
//! map says so, and recommendations as a document.

use icalendar::Calendar;
use jiff::Timestamp;
use jiff::civil::Date;
use vekha_engine::{AssignmentKey, Letter, LetterKind};
use vekha_plugin::Attachment;
use vekha_roadmap::answers::Values;
use vekha_roadmap::russian;

use crate::forms;
use crate::reports::{self, Advice};
use crate::runtime::letters::term::{self, Term};
use crate::runtime::road_maps::Version;

/// The files of a letter that was written at `at`; `link` is what it asks to open.
pub fn of(
    version: &Version,
    letter: &Letter,
    link: Option<&str>,
    at: Timestamp,
) -> Vec<Attachment> {
    let mut files = Vec::new();
    if letter.kind == LetterKind::Recommendation {
        match advice(version, letter, at) {
            Ok(file) => files.push(file),
            // All of it stands in the letter as well: it goes without the file.
            Err(e) => tracing::warn!(letter = letter.key, "no document: {e}"),
        }
    }
    let (Some(assignment), Some(link)) = (&letter.assignment, link) else { return files };
    if let Some(entry) = entry(letter) {
        files.push(term(version, letter, assignment, &entry, link, at));
    }
    let Some(due) = letter.due else { return files };
    if letter.kind == LetterKind::Assignment && brings_form(version, letter, assignment) {
        let made = forms::template(&version.road_map, &letter.run, assignment, due, &Values::new());
        match made {
            Ok(bytes) => files.push(Attachment {
                file_name: forms::file_name(&letter.run, assignment),
                content_type: forms::XLSX.to_owned(),
                bytes,
            }),
            // The letter has the link to the same form: it goes without the file.
            Err(e) => tracing::warn!(letter = letter.key, "no spreadsheet: {e}"),
        }
    }
    files
}

/// The recommendations as a document.
fn advice(version: &Version, letter: &Letter, at: Timestamp) -> Result<Attachment, String> {
    let map = &version.road_map;
    let activity = map.activity(&letter.run.activity);
    let fact = |name: &str| letter.facts.get(name).cloned().unwrap_or_default();
    let organisation = map.organisation(&letter.to);
    let advice = Advice {
        authority: map.municipality.authority.clone(),
        organisation: organisation.map_or_else(|| letter.to.clone(), |o| o.name.clone()),
        number: activity.map_or(0, |a| a.number),
        activity: activity.map_or_else(|| letter.run.activity.clone(), |a| a.title.clone()),
        period: letter.run.period.words(),
        date: russian::date_words(map.municipality.today(at)),
        outgoing: fact("outgoing")["number"].as_str().unwrap_or_default().to_owned(),
        due: fact("due").as_str().unwrap_or_default().to_owned(),
        items: serde_json::from_value(fact("items")).map_err(|e| e.to_string())?,
    };
    Ok(Attachment {
        file_name: format!("рекомендации-{}.docx", advice.number),
        content_type: forms::DOCX.to_owned(),
        bytes: reports::advice(&advice)?,
    })
}

/// What a letter does to the entry of its assignment in a calendar.
enum Entry {
    /// It stands at this day, for the first time or anew.
    Stands(Date),
    /// It stands no more, where it stood at this day.
    Withdrawn(Date),
}

impl Entry {
    fn day(&self) -> Date {
        match self {
            Entry::Stands(day) | Entry::Withdrawn(day) => *day,
        }
    }

    fn method(&self) -> &'static str {
        match self {
            Entry::Stands(_) => "PUBLISH",
            Entry::Withdrawn(_) => "CANCEL",
        }
    }
}

fn entry(letter: &Letter) -> Option<Entry> {
    match letter.kind {
        LetterKind::Assignment | LetterKind::Measure | LetterKind::Returned => {
            letter.due.map(Entry::Stands)
        }
        LetterKind::Extension if letter.facts.get("granted").is_some_and(|g| g == true) => {
            letter.due.map(Entry::Stands)
        }
        LetterKind::MeasureWithdrawn | LetterKind::CalledOff => {
            letter.facts.get("was_due")?.as_str()?.parse().ok().map(Entry::Withdrawn)
        }
        LetterKind::Extension
        | LetterKind::Reminder
        | LetterKind::Receipt
        | LetterKind::Link
        | LetterKind::Recommendation
        | LetterKind::Escalation
        | LetterKind::Closed
        | LetterKind::Review
        | LetterKind::ExtensionRequest
        | LetterKind::Drafts
        | LetterKind::DecisionDue
        | LetterKind::Question
        | LetterKind::Failure => None,
    }
}

fn brings_form(version: &Version, letter: &Letter, assignment: &AssignmentKey) -> bool {
    let activity = version.road_map.activity(&letter.run.activity);
    activity.and_then(|a| a.collect(&assignment.stage)).is_some_and(|collect| collect.attach_form)
}

/// The due date as a day of the calendar. A later letter about the same assignment moves it or takes
/// it away: the event keeps its UID, and its SEQUENCE grows with the run's journal.
fn term(
    version: &Version,
    letter: &Letter,
    assignment: &AssignmentKey,
    entry: &Entry,
    link: &str,
    at: Timestamp,
) -> Attachment {
    let activity = version.road_map.activity(&letter.run.activity);
    let short = activity.map_or(letter.run.activity.as_str(), |a| a.short.as_str());
    let what = ["form", "measure"].iter().find_map(|name| letter.facts.get(*name)?.as_str());
    let withdrawn = matches!(entry, Entry::Withdrawn(_));
    let term = Term {
        uid: term::uid(&letter.run, assignment),
        short: short.to_owned(),
        description: format!("{}\n{link}", what.unwrap_or(short)),
        url: Some(link.to_owned()),
        due: entry.day(),
        withdrawn,
        sequence: letter.revision,
        at,
        reminds: true,
    };
    let mut calendar = Calendar::new();
    calendar.append_property(("METHOD", entry.method())).push(term.event());
    let number = activity.map_or(0, |a| a.number);
    Attachment {
        file_name: format!("{}-{number}.ics", if withdrawn { "отмена-срока" } else { "срок" }),
        content_type: format!("text/calendar; method={}; charset=utf-8", entry.method()),
        bytes: calendar.done().to_string().into_bytes(),
    }
}

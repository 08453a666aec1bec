//! A term as an event of a calendar, in a letter or in a calendar to subscribe to: the same event has
//! the same UID in both, and whichever knows more of it has the greater SEQUENCE.

use icalendar::{Alarm, Component, Event, EventLike};
use jiff::Timestamp;
use jiff::civil::Date;
use vekha_engine::{AssignmentKey, RunKey};

use crate::ics::day;

/// Sequences of the first releases were days since 2000: all later ones are above them.
const FIRST_SEQUENCE: u64 = 20_000;

/// A term.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// Names it for good.
    pub uid: String,
    /// What it is about, in few words.
    pub short: String,
    /// What is to be done.
    pub description: String,
    /// The page; none where its address opens more than who reads this may see.
    pub url: Option<String>,
    /// The day.
    pub due: Date,
    /// It stands no more.
    pub withdrawn: bool,
    /// Entries that the run's journal had.
    pub sequence: u64,
    /// When the last of them was made, or the letter written.
    pub at: Timestamp,
    /// The day before reminds of it.
    pub reminds: bool,
}

/// The UID of an assignment's term.
pub fn uid(run: &RunKey, assignment: &AssignmentKey) -> String {
    format!("{run}/{assignment}@{}.vekha", run.municipality)
}

impl Term {
    /// The event. The same term is the same to the last byte.
    pub fn event(&self) -> Event {
        let stamp = self.at.strftime("%Y%m%dT%H%M%SZ").to_string();
        let mut event = Event::new();
        event
            .uid(&self.uid)
            .summary(&format!("Срок: {}", self.short))
            .description(&self.description)
            .add_property("DTSTAMP", &stamp)
            .append_property(day("DTSTART", self.due))
            .append_property(day("DTEND", self.due.saturating_add(jiff::ToSpan::days(1))))
            .add_property("SEQUENCE", (FIRST_SEQUENCE + self.sequence).to_string())
            .add_property("TRANSP", "TRANSPARENT");
        if let Some(url) = &self.url {
            event.add_property("URL", url);
        }
        if self.withdrawn {
            event.add_property("STATUS", "CANCELLED");
        } else if self.reminds {
            let words = format!("Завтра срок: {}", self.short);
            let mut alarm = Alarm::display(&words, -chrono::Duration::hours(15));
            alarm.uid(&format!("alarm/{}", self.uid)).add_property("DTSTAMP", &stamp);
            event.alarm(alarm);
        }
        event.done()
    }
}

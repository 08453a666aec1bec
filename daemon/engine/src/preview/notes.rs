//! What is noted of a simulation as it passes: what a preview's lines tell, and nothing else.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::{Line, What};
use crate::entry::Entry;
use crate::key::RunKey;
use crate::outcome::{LetterKind, Outcome};
use crate::world::World;

/// What happens from one moment to another.
#[derive(Debug)]
pub(super) struct Notes {
    from: Timestamp,
    until: Timestamp,
    events: Vec<(Timestamp, RunKey, What)>,
    letters: BTreeMap<(Timestamp, RunKey, LetterKind), Vec<String>>,
}

impl Notes {
    /// Of what happens at `from` or later, and before `until`.
    pub fn of(from: Timestamp, until: Timestamp) -> Self {
        Notes { from, until, events: Vec::new(), letters: BTreeMap::new() }
    }

    /// Notes what a step of a run brought.
    pub fn take(&mut self, run: &RunKey, outcome: &Outcome) {
        let (from, until) = (self.from, self.until);
        let told = |at: Timestamp| from <= at && at < until;
        for entry in outcome.entries.iter().filter(|entry| told(entry.at)) {
            self.events.extend(what(entry).map(|what| (entry.at, run.clone(), what)));
        }
        // A preview takes assignments back instead of answering them: nobody is told so.
        let previewed = |kind| kind != LetterKind::CalledOff;
        let letters = outcome.letters.iter();
        for letter in letters.filter(|l| told(l.not_before) && previewed(l.kind)) {
            self.letters
                .entry((letter.not_before, letter.run.clone(), letter.kind))
                .or_default()
                .push(letter.to.clone());
        }
    }

    /// The lines, in the order of time.
    pub fn lines(self, world: &World<'_>) -> Vec<Line> {
        let road_map = world.road_map();
        let number = |run: &RunKey| road_map.activity(&run.activity).map_or(0, |a| a.number);
        let line =
            |at, run: RunKey, what| Line { at, number: number(&run), run: run.to_string(), what };
        let events = self.events.into_iter().map(|(at, run, mut what)| {
            if let What::Stage { stage, title, due } = &mut what {
                let definition = road_map.activity(&run.activity).and_then(|a| a.stage(stage));
                *title = definition.map(|(_, s)| s.title.clone()).unwrap_or_default();
                // A term that begins later, with the letters, is told, too.
                *due = world.runs[&run].stages.iter().find(|s| s.id == *stage).and_then(|s| s.due);
            }
            line(at, run, what)
        });
        let letters = self.letters.into_iter();
        let letters =
            letters.map(|((at, run, letter), to)| line(at, run, What::Letters { letter, to }));
        let mut lines: Vec<Line> = events.chain(letters).collect();
        lines.sort_by(|a, b| (a.at, a.number, &a.run).cmp(&(b.at, b.number, &b.run)));
        lines
    }
}

/// What a journal entry tells to a preview; a stage's title and due date are looked up later.
fn what(entry: &Entry) -> Option<What> {
    let data = || serde_json::from_str::<Value>(&entry.data).unwrap_or_default();
    let ended = |state: &str| What::Ended { state: state.into() };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Some(match entry.kind.as_str() {
        "run-opened" => What::Opened { latest: data()["why"] == "latest-day" },
        "waiting" => {
            let runs = data()["for"].as_array().map(|runs| runs.iter().map(text).collect());
            What::Waiting { runs: runs.unwrap_or_default() }
        }
        "stage-started" => {
            What::Stage { stage: text(&data()["stage"]), title: String::new(), due: None }
        }
        "run-completed" => ended("completed"),
        "run-cancelled" => ended("cancelled"),
        "run-skipped" => ended("skipped"),
        _ => return None,
    })
}

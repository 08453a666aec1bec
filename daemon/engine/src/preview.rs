//! A coming period as it would go: every run, deadline and letter, computed by the engine itself
//! under a simulated clock.
//!
//! What people will do is unknown, so a preview assumes: everybody acts in the afternoon of the
//! last day (or, if `silent`, nobody answers at all), and every participant gets a finding, which
//! makes the letters an upper bound. What an event may open sooner opens on its latest day. Receipts
//! answer what people do and are not previewed.

mod dutiful;
mod notes;

use jiff::civil::{Date, Time};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use vekha_roadmap::RoadMap;

use crate::outcome::LetterKind;
use crate::world::World;
use dutiful::Dutiful;
use notes::Notes;

/// What a preview is made for.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// First day.
    pub from: Date,
    /// Last day, inclusive.
    pub to: Date,
    /// Nobody answers: shows what reminders, escalations and closings there would be.
    pub silent: bool,
}

/// One line of a preview.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// When.
    pub at: Timestamp,
    /// The activity's number.
    pub number: u32,
    /// The run, as its key.
    pub run: String,
    /// What.
    pub what: What,
}

/// What a line of a preview tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum What {
    /// The run comes to be.
    Opened {
        /// An event may open it sooner: this is the latest day.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        latest: bool,
    },
    /// It waits for these runs.
    Waiting {
        /// Keys of runs.
        runs: Vec<String>,
    },
    /// A stage begins.
    Stage {
        /// Stage id.
        stage: String,
        /// Its title.
        title: String,
        /// By when, if it has a term.
        due: Option<Date>,
    },
    /// Letters leave.
    Letters {
        /// The letter's kind.
        letter: LetterKind,
        /// Codes of the addressees.
        to: Vec<String>,
    },
    /// The run ends.
    Ended {
        /// `completed`, `cancelled` or `skipped`.
        state: String,
    },
}

/// How long before the first day the simulation begins, so that chains are under way by then.
const WARM_UP_DAYS: i64 = 500;

/// Previews a period; lines in the order of time.
pub fn preview(road_map: &RoadMap, wish: Wish) -> Vec<Line> {
    let municipality = &road_map.municipality;
    let morning = municipality.opens.duration_since(Time::midnight());
    let midnight = |day: Date| municipality.opening(day) - morning;
    let first = midnight(wish.from);
    let begin = first - SignedDuration::from_hours(24 * WARM_UP_DAYS);
    let end = midnight(wish.to) + SignedDuration::from_hours(24);
    // What happens is noted as it passes: letters of a thousand schools need not be kept.
    let mut world = World::passing(road_map, begin);
    let mut people = Dutiful { silent: wish.silent, notes: Notes::of(first, end) };
    world.live(end, &mut people);
    people.notes.lines(&world)
}

//! When runs are opened, and for which period.

use jiff::civil::Date;

use super::OrganisationKind;
use crate::period::PeriodKind;

/// When runs of an activity start.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// The recurrence.
    pub every: Every,
    /// What a run's period is.
    pub period: PeriodKind,
    /// Whether a run is about the period that it opens in or the one before.
    pub of: PeriodOf,
    /// First and last year in which runs open, both inclusive.
    pub from: Option<i16>,
    /// See `from`.
    pub until: Option<i16>,
    /// Runs of other activities that must be completed first.
    pub after: Vec<Upstream>,
    /// The event on which the run opens at once, sooner than on the day that `every` names for it: that
    /// day is the latest. None where only the day counts.
    pub opens_on_event: Option<String>,
    /// Never ending: each run hands over to the next one (shown as «постоянно»).
    pub continuous: bool,
    /// What happens to openings missed while the daemon was down or the activity paused.
    pub catch_up: CatchUp,
    /// What happens when the earlier run is still going.
    pub overlap: Overlap,
}

/// The recurrence of an activity.
#[derive(Debug, Clone, PartialEq)]
pub enum Every {
    /// A single run, opened on a date.
    Once {
        /// The day on which it opens.
        opens: Date,
    },
    /// On one or more fixed days of each year: one for a yearly activity, two for a half-yearly,
    /// four for a quarterly one.
    Yearly {
        /// Month and day of each opening, ascending.
        opens: Vec<MonthDay>,
    },
    /// Each organisation once in `years`, spread evenly and stably over them.
    Rotation {
        /// Length of the cycle in years, at least 2.
        years: u8,
        /// Month and day on which each year's share opens.
        opens: MonthDay,
        /// Kinds of organisations that take part.
        kinds: Vec<OrganisationKind>,
    },
    /// A cron expression of five fields, in the municipality's time zone.
    Cron {
        /// As written, for people.
        expression: String,
    },
    /// Opened when all of `after` are completed; there is no date of its own.
    AfterOnly,
    /// Only when a person or a system asks.
    OnDemand,
    /// When an event of this name arrives.
    OnEvent {
        /// The event's name.
        event: String,
    },
}

/// A day of the year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MonthDay {
    /// 1..=12
    pub month: i8,
    /// 1..=31; 29 February opens on 28 February in common years.
    pub day: i8,
}

impl std::fmt::Display for MonthDay {
    /// As definitions spell it: `09-25`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:02}-{:02}", self.month, self.day)
    }
}

/// Which period a run that opens on a day is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeriodOf {
    /// The period that contains the day.
    Current,
    /// The one before it.
    Previous,
}

/// A run that must be completed before this activity's run starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Activity id.
    pub activity: String,
    /// Of the same period, or of the one before.
    pub period: PeriodOf,
    /// The stage of it that is enough to be completed; the whole run, if none.
    pub stage: Option<String>,
}

/// Policy for openings that were missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CatchUp {
    /// Open the latest of them.
    Latest,
    /// Open every one.
    All,
    /// Open none.
    Skip,
}

/// Policy for an opening while the activity's earlier run is unfinished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlap {
    /// Both go on.
    Allow,
    /// The new run is recorded as skipped.
    Skip,
    /// The new run waits for the earlier one to end.
    Wait,
}

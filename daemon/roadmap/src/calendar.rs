//! Which days are worked: weekends, public holidays and the government's yearly transfers, and
//! counting by working days.

use std::collections::{BTreeMap, BTreeSet};

use jiff::ToSpan;
use jiff::civil::{Date, Weekday};

use crate::model::Span;

/// A municipality's calendar.
#[derive(Debug, Clone)]
pub struct Calendar {
    /// Days of the week that are not worked.
    pub weekend: Vec<Weekday>,
    /// The years for which transfers are known.
    pub years: BTreeMap<i16, CalendarYear>,
}

/// What is special about one year.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarYear {
    /// The act that it rests on.
    pub source: String,
    /// Whether that act has been adopted.
    pub confirmed: bool,
    /// Working days of the week that are not worked.
    pub days_off: BTreeSet<Date>,
    /// Weekend days that are worked.
    pub workdays: BTreeSet<Date>,
}

/// Nothing special, by an act that has been adopted.
impl Default for CalendarYear {
    fn default() -> Self {
        CalendarYear {
            source: String::new(),
            confirmed: true,
            days_off: BTreeSet::new(),
            workdays: BTreeSet::new(),
        }
    }
}

/// Article 112 of the Labour Code, for years whose transfers are not known: (month, day).
const HOLIDAYS: [(i8, i8); 14] = [
    (1, 1),
    (1, 2),
    (1, 3),
    (1, 4),
    (1, 5),
    (1, 6),
    (1, 7),
    (1, 8),
    (2, 23),
    (3, 8),
    (5, 1),
    (5, 9),
    (6, 12),
    (11, 4),
];

/// Longest stretch without a working day that is believed; a calendar with a longer one is odd,
/// and counting goes on as if the day after it were worked.
pub(crate) const LONGEST_STRETCH: i32 = 60;

impl Calendar {
    /// Whether the year's transfers are known.
    pub fn knows(&self, year: i16) -> bool {
        self.years.contains_key(&year)
    }

    /// Whether a day is worked.
    pub fn is_working(&self, day: Date) -> bool {
        let weekend = self.weekend.contains(&day.weekday());
        match self.years.get(&day.year()) {
            Some(year) if weekend => year.workdays.contains(&day),
            Some(year) => !year.days_off.contains(&day),
            None => !weekend && !HOLIDAYS.contains(&(day.month(), day.day())),
        }
    }

    /// The day itself if it is worked, or the next one that is.
    pub fn on_or_after(&self, day: Date) -> Date {
        self.seek(day, 1)
    }

    /// The day itself if it is worked, or the last one before it that is.
    pub fn on_or_before(&self, day: Date) -> Date {
        self.seek(day, -1)
    }

    fn seek(&self, mut day: Date, step: i32) -> Date {
        for _ in 0..LONGEST_STRETCH {
            if self.is_working(day) {
                break;
            }
            day = day.saturating_add(step.days());
        }
        day
    }

    /// So long after `start`: the n-th working day after it, or, for calendar days, the working
    /// day on or after the day that is counted out.
    pub fn add(&self, start: Date, span: Span) -> Date {
        match span {
            Span::Days(n) => self.on_or_after(start.saturating_add(i32::from(n).days())),
            // Nothing is due on a day off, though no day is counted.
            Span::WorkingDays(0) => self.on_or_after(start),
            Span::WorkingDays(n) => self.count(start, n, 1),
        }
    }

    /// So long before `start`.
    pub fn subtract(&self, start: Date, span: Span) -> Date {
        match span {
            Span::Days(n) => self.on_or_before(start.saturating_sub(i32::from(n).days())),
            Span::WorkingDays(0) => self.on_or_before(start),
            Span::WorkingDays(n) => self.count(start, n, -1),
        }
    }

    fn count(&self, start: Date, n: u16, step: i32) -> Date {
        (0..n).fold(start, |day, _| self.seek(day.saturating_add(step.days()), step))
    }
}

//! Terms: spans of days and what is due when.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::MonthDay;

/// A length of time in days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Span {
    /// Days as the calendar counts them.
    Days(u16),
    /// Days that the municipality works.
    WorkingDays(u16),
}

/// A due date as a definition states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// So long after the start.
    After(Span),
    /// On the next such day of the year after the start.
    On(MonthDay),
}

/// Since when data can exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Available {
    /// Since such a day of each year.
    Each(MonthDay),
    /// Since a day.
    On(Date),
}

/// A moment relative to a due date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Offset {
    /// So long before it.
    Before(Span),
    /// On the day itself.
    OnTheDay,
    /// So long after it.
    After(Span),
}

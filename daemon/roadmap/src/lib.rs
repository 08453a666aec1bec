//! What a road map says: definitions, schedules, working days.
//!
//! Pure: no clock, no I/O, no async. Files come in as text ([`read::Files`]), mistakes go out as
//! [`diagnostic::Diagnostic`]s, all of them at once.

pub mod answers;
pub mod calendar;
pub mod diagnostic;
mod files;
pub mod formula;
pub mod model;
pub mod pattern;
pub mod period;
pub mod read;
pub mod russian;
pub mod schedule;

pub use model::RoadMap;

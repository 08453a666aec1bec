//! Texts that are made of runs, and files that come with answers and decisions.

pub mod reports;
pub mod uploads;
pub mod wording;

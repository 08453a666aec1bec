//! Texts that are made of runs, and files that come with answers and decisions.

pub(crate) mod both;
pub mod letterhead;
mod not_made;
pub mod pages;
pub mod reports;
pub mod uploads;
pub mod wording;

pub use not_made::NotMade;

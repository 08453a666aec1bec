//! What is asked of the database, by readers who never wait for the writer.

pub mod access;
pub mod addresses;
pub mod calendars;
pub mod chain;
pub mod data;
mod filter;
pub mod journal;
pub mod letters;
pub mod listeners;
mod lists;
pub mod organisation;
pub mod outcomes;
pub mod participants;
mod passkeys;
pub mod returned;
pub mod runs;
mod single;
mod submissions;
pub mod waiting;

pub use filter::{Filter, Page};

//! From a letter's row to the addressee: what goes together, whether it is still true, what it says, and
//! what became of it.

pub(crate) mod attachments;
pub(crate) mod delivery;
pub(crate) mod departure;
pub(crate) mod digest;
pub mod message;
pub mod outage;
pub mod outbox;
pub(crate) mod parcels;
pub mod returns;
pub(crate) mod summary;
pub(crate) mod term;
mod trial;
pub mod ways;

//! Who is let in, and to what.
//!
//! [`gate`] tells who asks: by a session, by a token, by the one key of the settings, or by nothing
//! where the daemon is heard on this machine only and has no people. [`provider`] is told by an
//! organisation's provider who somebody is; [`passkeys`] asks a person's own device. What each may do is said by a
//! table that nothing can be left out of: [`methods`] says it of calls, and so of what the engine offers
//! ([`crate::offered`] knows by which call each offer is taken up); pages stand with their roles in
//! `console/mod.rs`. Whatever is in no table is refused.

pub mod gate;
pub mod identity;
pub mod methods;
pub mod passkeys;
pub mod password;
pub mod provider;
pub mod role;
mod sealed;
pub mod secrets;

pub use identity::{Identity, Person, Who};
pub use role::{ALL, Role, Roles};

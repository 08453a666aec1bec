//! Vekha: a daemon that runs an education authority's road map.
//!
//! The pure core lives in crates of its own (`vekha-roadmap`, `vekha-analysis`, `vekha-engine`);
//! here is what touches the world, dependencies pointing one way:
//! [`cli`], [`api`], [`console`] -> [`runtime`] -> [`store`].

pub mod access;
pub mod api;
mod assembly;
pub mod backup;
pub mod cli;
pub mod clock;
pub mod console;
pub mod definitions;
pub mod files;
pub mod forms;
pub mod glossary;
mod ics;
pub mod message_id;
pub mod offered;
pub mod port;
pub mod private;
pub mod registry;
pub mod reports;
pub mod runtime;
pub mod secret;
pub mod server;
pub mod settings;
pub mod store;
pub mod timekeeper;
pub mod unread;

/// Steps and rows are many small strings: with the system's allocator, a quarter of the work is its
/// own. SQLite's memory comes from here as well.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
pub mod wire;

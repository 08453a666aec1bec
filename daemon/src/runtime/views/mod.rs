//! What the store holds, as people ask for it: pages, gRPC and the command line show the same.

pub mod addresses;
pub mod attention;
pub mod calendar;
pub mod coming;
pub mod completeness;
pub mod effects;
pub mod explanations;
pub(crate) mod held_against;
pub mod in_force;
pub mod overview;
pub mod recommended;
pub mod register;
pub(crate) mod reported_runs;
pub mod troubles;
pub mod verified;
pub mod year_runs;

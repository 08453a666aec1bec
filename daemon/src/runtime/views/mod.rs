//! What the store holds, as people ask for it: pages, gRPC and the command line show the same.

pub mod addresses;
pub mod attention;
pub mod calendar;
pub mod coming;
pub mod completeness;
pub(crate) mod earlier_answers;
pub mod effects;
pub mod in_force;
pub mod overview;
pub mod recommended;
pub mod register;
pub(crate) mod reported_runs;
pub mod troubles;
pub mod verified;
pub mod year_runs;

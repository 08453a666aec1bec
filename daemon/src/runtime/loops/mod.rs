//! What goes on by itself: runs are opened, jobs done, sources and analyzers asked,
//! people told on a morning what waits, and what cannot be done yet is put off and named.

pub(crate) mod consults;
pub(crate) mod fetches;
pub(crate) mod mornings;
pub mod planner;
pub(crate) mod put_off;
pub mod wellbeing;
pub(crate) mod worker;

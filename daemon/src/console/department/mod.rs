//! The department's pages of what is under way: the road map, an activity, a run, an answer, a decision;
//! and what it does there.

pub(crate) mod actions;
pub(crate) mod activity;
pub(crate) mod administrator;
pub(crate) mod coming;
pub(crate) mod correction;
pub(crate) mod decision;
pub(crate) mod exports;
pub(crate) mod figures;
pub(crate) mod matrix;
pub(crate) mod organisations;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod submission;

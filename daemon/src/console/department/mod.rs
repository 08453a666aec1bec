//! The department's pages of what is under way: the road map, an activity, a run, an answer, a decision;
//! and what it does there.

pub(crate) mod actions;
pub(crate) mod activity;
pub(crate) mod administrator;
pub(crate) mod answers;
pub(crate) mod calendar;
pub(crate) mod chronicle;
pub(crate) mod coming;
pub(crate) mod correction;
pub(crate) mod decision;
pub(crate) mod exports;
pub(crate) mod figures;
pub(crate) mod journal;
pub(crate) mod letters;
pub(crate) mod live;
pub(crate) mod organisation;
pub(crate) mod organisations;
pub(crate) mod outbox;
pub(crate) mod participants;
pub(crate) mod preview;
pub(crate) mod report;
pub(crate) mod road_map;
pub(crate) mod run;
pub(crate) mod search;
pub(crate) mod stages;
pub(crate) mod submission;
pub(crate) mod today;

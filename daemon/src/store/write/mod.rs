//! What is written: steps by batches, and the few things beside them that are no steps of a run, with
//! what is asked for their sake.

pub mod access;
pub mod activities;
pub mod batch;
pub mod calendars;
pub mod drafts;
pub mod files;
pub mod jobs;
pub mod listeners;
pub mod outbox;
mod requests;
pub mod returned;
mod road_maps;
pub mod saved_filters;
mod statements;
pub mod summaries;
mod together;

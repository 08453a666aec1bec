//! One file per table. Times are microseconds since the epoch, dates ISO text, documents JSON text.

pub mod activity;
pub mod analysis;
pub mod assignment;
pub mod decision;
pub mod deployment;
pub mod draft;
pub mod file;
pub mod invitation;
pub mod job;
pub mod journal;
pub mod listener;
pub mod measure;
pub mod outbox;
pub mod person;
pub mod provided_role;
pub mod provider_account;
pub mod recommendation;
pub mod request;
pub mod returned;
pub mod road_map;
pub mod role;
pub mod run;
pub mod session;
pub mod submission;
pub mod token;
pub mod undelivered;

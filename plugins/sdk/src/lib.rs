//! What an integration implements to work with Vekha.
//!
//! A plugin says what it is ([`Plugin::describe`]), finds every mistake in its configuration at
//! once ([`Plugin::check`]), tells whether it can work just now ([`Plugin::health`]), and has one
//! or more capabilities, each a trait with a single call:
//!
//! | capability | trait | what it does |
//! | --- | --- | --- |
//! | notifier | [`Notifier`] | delivers a message |
//! | publisher | [`Publisher`] | puts a document where people find it |
//! | source | [`Source`] | fetches records for a dataset |
//! | listener | [`Listener`] | is told what happens |
//! | analyzer | [`Analyzer`] | computes indicators of a dataset and finds by them |
//!
//! The caller gives every call a deadline and drops the call when it passes, so an implementation
//! must stay whole when its future is dropped at any `await`. The caller also repeats calls: a
//! message, a document and a request each have a key, and the same key means the same thing.
//!
//! The same implementation runs in the daemon's process or in one of its own: with the feature
//! `process`, [`process::serve`] is all that the latter's `main` calls.
//!
//! Deliberately absent: supervision. The daemon's plugin host (`plugins/host`) does that; a plugin
//! knows nothing of it.

mod analyzer;
mod describe;
pub mod files;
mod judged;
mod listener;
mod notifier;
mod problems;
#[cfg(feature = "process")]
pub mod process;
mod publisher;
mod secret;
mod source;
#[cfg(feature = "process")]
pub mod wire;

pub use analyzer::{
    AnalyzeError, AnalyzeRequest, Analyzed, Analyzer, AskedOrganisation, Dataset, GivenFigure,
    GivenFinding, Judging, Known, ShownFigure, WantedIndicator,
};
pub use describe::{Capability, Description, Health, Plugin, Problem, Setting, SettingKind};
pub use judged::{configuration, judged};
pub use listener::{Event, ListenError, Listener};
pub use notifier::{
    Address, Attachment, Cause, DeliveryError, DeliveryErrorKind, Failure, Message, Notifier,
    Receipt, Report, Returned, Settled,
};
pub use problems::Problems;
pub use publisher::{Document, PublishError, Published, Publisher};
pub use secret::Secret;
pub use source::{
    FetchRequest, Fetched, FieldKind, FieldOption, Record, Source, SourceError, WantedField,
};

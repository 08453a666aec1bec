//! The state machine of runs: (state, command, now) -> (changes, effects).
//!
//! Pure: no clock, no I/O, no async. [`step`] is the only way in which a [`Run`] changes; whoever
//! calls it commits the changed run together with the [`Outcome`]'s journal entries, jobs and
//! letters, or none of them. The same run, command and moment give the same outcome, so a year
//! for a thousand schools can be lived through in memory ([`world::World`]).

pub mod assignments;
pub mod command;
pub mod data;
mod document;
pub mod entry;
mod follow;
pub mod journal;
mod key;
pub mod keyed;
pub mod known;
pub mod limits;
pub mod offers;
pub mod outcome;
pub mod preview;
pub mod recommendations;
pub mod refusal;
pub mod run;
pub mod world;

mod step;
mod wakes;

pub use command::{
    Answer, Command, CommandKind, DecisionKind, NewAttachment, NewDocument, NewMeasure, Origin, Why,
};
pub use document::{Bounds, Document};
pub use entry::{Entry, EntryKind, Happened};
pub use follow::follow;
pub use key::{AssignmentKey, RunKey, is_part};
pub use offers::{Offer, OfferKind, offers};
pub use outcome::{Job, Letter, LetterKind, Outcome, Submission};
pub use refusal::Refusal;
pub use run::Run;
pub use step::{Context, Summary, done_stages, open, references, step, steps};

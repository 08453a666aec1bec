//! Datasets to indicators to findings to recommendations.
//!
//! Pure: an [`Inputs`] in, an [`Outcome`] out, the same for the same. It knows definitions
//! (`vekha-roadmap`) and nothing of runs, databases or clocks.

mod types;

pub use types::{
    Aggregate, Figure, Finding, IndicatorFigures, Inputs, Item, Outcome, Recommendation, Values,
};

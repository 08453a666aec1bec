//! The pages over a small road map, through the router as a browser meets it.

mod actions;
mod administrator;
mod chronicle;
mod daemon;
mod definitions;
mod evidence;
mod exports;
mod files;
mod house;
mod large;
mod letters;
mod organisations;
mod overviews;
mod people;
mod review;
mod school;
mod shipped;
mod spreadsheet;
mod unreadable;
mod writers;

pub use house::{House, files};

//! A road map's definitions as people change them: in forms, in words, in the same files.
//!
//! The way of a change: a value in a file ([`place`]) is shown in words ([`kind`]) as a field
//! ([`fields`]); what is typed there becomes the file's new text, of which everything else stays byte by
//! byte ([`amend`]); what two versions differ in is told in words ([`difference`]), and what that does to
//! the year by two previews ([`year`]). A road map travels as an archive ([`archive`]); one that does not
//! exist yet is made of the shipped one ([`begin`]).

pub mod amend;
pub mod archive;
pub mod begin;
pub mod difference;
pub mod fields;
pub mod kind;
pub mod place;
pub mod recurrence;
pub mod year;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

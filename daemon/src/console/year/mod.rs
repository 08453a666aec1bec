//! What became of a year: who answered, what was recommended and decided, what it brought, and all of it
//! as an archive.

pub(crate) mod completeness;
pub(crate) mod decisions;
pub(crate) mod effects;
pub(crate) mod evidence;
pub(crate) mod of_year;
pub(crate) mod recommendations;

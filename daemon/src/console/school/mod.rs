//! The pages behind a personal link: what is asked of an organisation, and how it answers. Whoever has
//! signed in as its representative finds all its links on one page.

pub(crate) mod acknowledge;
pub(crate) mod collect;
pub(crate) mod conflict;
pub(crate) mod duties;
pub(crate) mod export;
pub(crate) mod extension;
pub(crate) mod link;
pub(crate) mod measure;
pub(crate) mod read_only;
pub(crate) mod represented;
pub(crate) mod spreadsheet;
pub(crate) mod standing;
pub(crate) mod uploads;

//! What every page stands in: who may come in, forms as pages show and read them, what a page says, and
//! how it looks.

pub(crate) mod access;
pub(crate) mod assets;
pub(crate) mod controls;
pub(crate) mod decided;
pub(crate) mod downloads;
pub(crate) mod form;
pub(crate) mod header;
pub(crate) mod meanwhile;
pub(crate) mod origin;
pub(crate) mod packed;
pub(crate) mod paging;
pub(crate) mod posted;
pub(crate) mod problem;
pub(crate) mod said;
pub(crate) mod sending;
pub(crate) mod shown;
pub(crate) mod view;
pub(crate) mod words;

//! The definitions of a road map, for administrators: read as people read them, changed in forms, held
//! against what stands there, and put in force as a new version. Nothing that was typed is lost when
//! something stands against it: every page carries what was sent before.

mod archive;
mod begin;
mod change;
mod overview;
mod reading;
mod sheet;
mod versions;

pub use archive::{download, show as show_archive, upload};
pub use begin::{act as begin, show as show_beginning};
pub use overview::show as overview;
pub use sheet::{act_on_activity, act_on_letter, show_activity, show_letter};
pub use versions::{act as act_on_version, list as versions, show as show_version};

use std::sync::Arc;

use crate::runtime::Runtime;
use crate::runtime::road_maps::Version;

/// The newest version of a municipality's road map.
fn newest(runtime: &Runtime, municipality: &str) -> Option<Arc<Version>> {
    runtime.road_maps().newest(municipality)
}

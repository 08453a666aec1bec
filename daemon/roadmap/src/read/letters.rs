//! The texts of letters that a road map need not bring: those of the shipped example. So a kind of
//! letter that a release adds is written by road maps, too, that were made before it.

use include_dir::{Dir, include_dir};

use super::Files;

static SHIPPED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../config/road-map/letters");

/// Path within a road map and text of each of them.
pub fn shipped() -> impl Iterator<Item = (String, String)> {
    let folders = std::iter::once(&SHIPPED).chain(SHIPPED.dirs());
    folders.flat_map(Dir::files).filter_map(|file| {
        let path = format!("letters/{}", file.path().to_str()?.replace('\\', "/"));
        let text = file.contents_utf8()?.to_owned();
        Files::wants(&path).then_some((path, text))
    })
}

//! Proves that no file of an administrator harms the reader of road maps: it tells every mistake at
//! its place in the files, and what it accepts can be scheduled.
#![no_main]

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use vekha_fuzz::{SMALL, assert_told};
use vekha_roadmap::diagnostic::render;
use vekha_roadmap::read::{Files, read_with_warnings};
use vekha_roadmap::schedule::next_opening;

fuzz_target!(|data: &[u8]| {
    // The first byte says which file is replaced, the rest is its text.
    let Some((which, text)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let mut files = Files(SMALL.0.clone());
    let count = files.0.len();
    if let Some(file) = files.0.values_mut().nth(usize::from(*which) % count) {
        text.clone_into(file);
    }
    let (road_map, report) = read_with_warnings(&files);
    assert_eq!(road_map.is_none(), !report.errors.is_empty());
    for told in [report.errors, report.warnings] {
        for at in &told {
            assert_told(&[&at.message]);
            assert!(at.line >= 1 && at.column >= 1, "{at:?}");
        }
        render(&told, &files);
    }
    let now: Timestamp = "2027-09-01T06:00:00Z".parse().expect("an instant");
    for activity in road_map.iter().flat_map(|road_map| &road_map.activities) {
        let next = next_opening(road_map.as_ref().expect("it was read"), activity, now);
        assert!(next.is_none_or(|next| next > now));
    }
});

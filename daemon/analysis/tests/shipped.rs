//! The shipped analyses, as they stand in the folder `config/road-map`.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;

use vekha_roadmap::RoadMap;
use vekha_roadmap::read::{Files, read};

fn texts(folder: &Path, below: &str, files: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{below}{}", entry.file_name().to_str().unwrap());
        match entry.file_type().unwrap().is_dir() {
            true => texts(&entry.path(), &format!("{name}/"), files),
            false => {
                files.insert(name, std::fs::read_to_string(entry.path()).unwrap());
            }
        }
    }
}

fn shipped() -> RoadMap {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/road-map");
    let mut files = BTreeMap::new();
    texts(&folder, "", &mut files);
    let files = Files(files.into_iter().collect());
    read(&files).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"))
}

#[test]
fn nothing_is_wrong_with_them() {
    assert_eq!(shipped().analyses.len(), 17);
}

//! Proves that no file in a folder harms the source of records: it gives a record for organisations
//! that were asked for, each once, or tells its mistakes in words.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use vekha_fuzz::{LIMITS, asked, assert_told};
use vekha_plugin::FetchRequest;
use vekha_plugin_tables::FolderConfig;
use vekha_plugin_tables::fuzzing::rows;

static REQUEST: LazyLock<FetchRequest> = LazyLock::new(asked::request);
static CONFIG: LazyLock<FolderConfig> = LazyLock::new(|| FolderConfig {
    folder: "data".into(),
    fields: [("pupils".into(), "Учатся".into())].into(),
    ..FolderConfig::default()
});

fuzz_target!(|data: &[u8]| {
    match rows(&CONFIG, &REQUEST, "every-2026-27.csv", data, &LIMITS) {
        Ok(records) => asked::assert_records(&REQUEST, &records),
        Err(told) => assert_told(&told),
    }
});

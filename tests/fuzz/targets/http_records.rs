//! Proves that no answer of another system harms the source that reads it, as JSON and as CSV: it
//! gives a record for organisations that were asked for, each once, or tells its mistakes in words.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use vekha_fuzz::{asked, assert_told};
use vekha_plugin::FetchRequest;
use vekha_plugin_http::fuzzing::read;
use vekha_plugin_http::{Format, HttpConfig};

static REQUEST: LazyLock<FetchRequest> = LazyLock::new(asked::request);
static CONFIGS: LazyLock<[HttpConfig; 3]> = LazyLock::new(|| {
    let json =
        HttpConfig { codes: [("a".into(), "school-1".into())].into(), ..HttpConfig::default() };
    let nested = HttpConfig {
        records: "/data/items".into(),
        organisation: Some("/school/code".into()),
        fields: [("pupils".into(), "/counts/0".into())].into(),
        ..json.clone()
    };
    let csv = HttpConfig {
        format: Format::Csv,
        organisation: Some("Код ОО".into()),
        fields: [("pupils".into(), "Учатся".into())].into(),
        ..json.clone()
    };
    [json, nested, csv]
});

fuzz_target!(|data: &[u8]| {
    for config in &*CONFIGS {
        match read(config, &REQUEST, data) {
            Ok(records) => asked::assert_records(&REQUEST, &records),
            Err(told) => {
                assert_told(&[&told]);
                assert!(told.matches("; ").count() <= data.len() + 20);
            }
        }
    }
});

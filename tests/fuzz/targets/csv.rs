//! Proves that no plain text harms the reader of forms and lists, whatever its separator and
//! encoding: it is read within its bounds, or refused in words.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vekha_fuzz::{FORMS, LIMITS, assert_sheet, assert_told};
use vekha_plugin_tables::{read, read_list};

fuzz_target!(|data: &[u8]| {
    for form in &*FORMS {
        assert_sheet(form, read(form, "ответ.csv", data, &LIMITS));
    }
    match read_list(&["Вопрос", "Ответ"], "список.csv", data, &LIMITS) {
        Ok(list) => assert!(list.len() <= LIMITS.rows),
        Err(told) => assert_told(&told),
    }
});

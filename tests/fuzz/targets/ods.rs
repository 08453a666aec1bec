//! Proves that no workbook of LibreOffice harms the reader of forms and lists: it is read within
//! its bounds, or refused in words.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use vekha_fuzz::{FORMS, LIMITS, assert_sheet, assert_told, book, forgive_dependencies};
use vekha_plugin_tables::{read, read_list};

static PARTS: LazyLock<book::Parts> = LazyLock::new(book::ods);

fuzz_target!(init: forgive_dependencies(), |data: &[u8]| {
    let bytes = book::with_part(&PARTS, data);
    assert_sheet(&FORMS[0], read(&FORMS[0], "ответ.ods", &bytes, &LIMITS));
    match read_list(&["Вопрос", "Ответ"], "список.ods", &bytes, &LIMITS) {
        Ok(list) => assert!(list.len() <= LIMITS.rows),
        Err(told) => assert_told(&told),
    }
});

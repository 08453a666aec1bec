//! Proves that a formula holds nothing up: it is refused at a place within it, or checked and
//! computed within a small stack and two seconds of a processor; and what passes the check fails
//! only for its length.
#![no_main]

use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use cpu_time::ThreadTime;
use libfuzzer_sys::{Corpus, fuzz_target};
use serde_json::json;
use vekha_fuzz::{assert_told, book, every};
use vekha_roadmap::formula::{Formula, FormulaError, Scope, Type, Values, row_scope};

/// What a worker of the daemon has.
const STACK: usize = 2 << 20;

static SCOPE: LazyLock<Scope> = LazyLock::new(|| row_scope(every(), "classes"));

/// Answers to the form, with a table as long as they may be.
static VALUES: LazyLock<Values> = LazyLock::new(|| {
    let mut values = book::answers();
    let row =
        json!({ "grade": 5, "subject": "Математика", "mean": 4.5, "note": "Слово ".repeat(30) });
    values.insert("classes".into(), vec![row.clone(); 5_000].into());
    values.insert("row".into(), row);
    values.insert("scores".into(), json!([1, 0, 2, 3, 0, 1]));
    values.insert("comment".into(), "Пояснение ".repeat(400).into());
    values
});

fn run(text: &str) {
    // Not by the clock on the wall: a busy machine is not the formula's fault.
    let started = ThreadTime::now();
    let told = |errors: &[FormulaError]| {
        assert_told(errors);
        let length = text.chars().count();
        assert!(errors.iter().all(|e| e.offset.is_none_or(|at| at <= length)), "{errors:?}");
    };
    let formula = match Formula::parse(text) {
        Ok(formula) => formula,
        Err(error) => return told(&[error]),
    };
    let checked = formula.check(&SCOPE);
    let computed = formula.evaluate(&VALUES);
    if let Err(error) = &computed {
        told(std::slice::from_ref(error));
    }
    match (checked, computed) {
        (Err(errors), _) => told(&errors),
        (Ok(Type::Number), Ok(Some(value))) => assert!(value.is_number(), "{value}"),
        (Ok(Type::Text), Ok(Some(value))) => assert!(value.is_string(), "{value}"),
        (Ok(Type::Bool), Ok(Some(value))) => assert!(value.is_boolean(), "{value}"),
        (Ok(_), Ok(_)) => {}
        (Ok(_), Err(error)) => assert!(error.message.contains("слишком"), "{error}"),
    }
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
}

fuzz_target!(|text: &str| -> Corpus {
    let text = text.to_owned();
    let thread = thread::Builder::new().stack_size(STACK).spawn(move || run(&text));
    thread.unwrap().join().unwrap();
    Corpus::Keep
});

//! Formulas are bounded in what they take, whatever they are computed over.

#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vekha_roadmap::formula::{Formula, Scope, Values};

/// A table as long as it may be, and a text.
fn values() -> Values {
    let row = json!({ "grade": 5, "mean": 4.5, "subject": "Математика" });
    let mut values = Values::new();
    values.insert("classes".into(), vec![row; 5_000].into());
    values.insert("comment".into(), "Пояснение ".repeat(400).into());
    values
}

fn evaluate(text: &str) -> Result<Option<Value>, String> {
    Formula::parse(text).unwrap().evaluate(&values()).map_err(|error| error.message)
}

#[test]
fn what_a_step_copies_is_counted_so_that_no_formula_holds_up_the_daemon() {
    for text in [
        // Each turn makes a text of its own.
        "classes.map(a, classes.map(b, comment + comment + comment))",
        // Each turn copies the table.
        "classes.map(a, classes.map(b, size(classes)))",
        "classes.map(a, classes)",
        "classes.map(a, classes + classes)",
    ] {
        let started = Instant::now();
        assert_eq!(evaluate(text), Err("формула считается слишком долго".into()), "{text}");
        assert!(started.elapsed() < Duration::from_secs(5), "{text}: {:?}", started.elapsed());
    }
}

#[test]
fn a_table_as_long_as_it_may_be_is_computed() {
    let share = "share(size(classes.filter(c, c.mean >= 3.5 && c.grade < 9)), size(classes))";
    assert_eq!(evaluate(share), Ok(Some(json!(100.0))));
    let sum = "sum(classes.filter(c, c.subject == 'Математика').map(c, c.grade * c.mean))";
    assert_eq!(evaluate(sum), Ok(Some(json!(112_500.0))));
}

#[test]
fn a_mistake_is_told_at_its_character_whatever_stands_before_it() {
    let place = |text: &str| match Formula::parse(text) {
        Ok(formula) => formula.check(&Scope::new()).unwrap_err()[0].offset,
        Err(error) => error.offset,
    };
    for (text, wrong) in [
        ("'ы ы ы' + foo", "foo"),
        ("'ы ы ы' +\n 'ы' + foo", "foo"),
        ("'ыыы' + + 1", "+ 1"),
        ("'ыыы' +\n 'ы' + + 1", "+ 1"),
    ] {
        let before = text.strip_suffix(wrong).unwrap().chars().count();
        assert_eq!(place(text), Some(before), "{text}");
    }
}

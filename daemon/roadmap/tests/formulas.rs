//! What formulas yield, and that they are bounded in what they take, whatever they are computed over.

#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::sample::select;
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

/// A row as schools fill them: with gaps.
fn row() -> impl Strategy<Value = Value> {
    let number = || prop_oneof![3 => (0..4u8).prop_map(Value::from), 1 => Just(Value::Null)];
    let text = prop_oneof![3 => select(vec!["а", "аб", "б"]).prop_map(Value::from), 1 => Just(Value::Null)];
    let order = any::<bool>();
    (number(), number(), text, any::<bool>(), order).prop_map(|(n, m, s, absent, order)| {
        let mut cells = vec![("n", n), ("m", m), ("s", s)];
        if absent {
            cells.retain(|(_, cell)| !cell.is_null());
        }
        if order {
            cells.reverse();
        }
        cells.into_iter().map(|(name, cell)| (name.to_owned(), cell)).collect()
    })
}

proptest! {
    #[test]
    fn what_is_computed_row_by_row_is_what_is_computed_the_long_way(
        rows in prop::collection::vec(row(), 0..8),
        total in select(vec!["sum", "mean", "size"]),
        conditions in prop::collection::vec(select(vec![
            "r.s == 'а'", "r.s != 'б'", "r.s.startsWith('а')", "r.s < 'б'", "r.n > 1", "r.n == r.m",
            "r.n + r.m >= 3", "r.n * 2 != r.m", "'б' == r.s", "size(r.s) == 1", "!(r.n == 1)",
        ]), 1..4),
        element in select(vec!["r.n", "r.n + 2 * r.m", "share(r.n, r.m)", "default(r.n, 7)", "5"]),
    ) {
        let mut values = Values::new();
        values.insert("t".into(), rows.into());
        let compute = |text: String| Formula::parse(&text).unwrap().evaluate(&values).unwrap();
        let condition = conditions.join(" && ");
        let quick = compute(format!("{total}(t.filter(r, {condition}).map(r, {element}))"));
        // Nothing of this is plain: an alternative, a choice, a list made before it is counted.
        let filtered = format!("t.filter(r, ({condition}) || false)");
        let mapped = format!("{filtered}.map(r, true ? {element} : {element})");
        let long = compute(format!("{total}(true ? {mapped} : [0])"));
        prop_assert_eq!(quick, long, "{} of {} where {}", total, element, condition);
    }
}

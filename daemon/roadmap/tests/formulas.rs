//! What formulas yield, and that they are bounded in what they take, whatever they are computed over.

#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use vekha_roadmap::formula::{Formula, FormulaError, Layer, Scope, Selection, Type, Values};

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

/// A school's answers: physics has a gap, in chemistry nobody took part.
fn school() -> Values {
    let answers = json!({ "pupils": 40, "low": 10, "procedures": [
        { "row": "Русский", "participants": 20, "marks_2": 8 },
        { "row": "Математика", "participants": 25, "marks_2": 5 },
        { "row": "Химия", "participants": 0, "marks_2": 0 },
        { "row": "Физика", "participants": 10 },
    ] });
    answers.as_object().cloned().unwrap()
}

fn formula(text: &str) -> Formula {
    Formula::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"))
}

#[test]
fn formulas_yield_what_a_pocket_calculator_yields() {
    let a = &school();
    let cases = [
        ("low / pupils", json!(0.25)),
        ("share(low, pupils)", json!(25.0)),
        // Eight, five, nothing; physics is a gap: 13, of three answers.
        ("sum(procedures.map(p, p.marks_2))", json!(13.0)),
        ("round(mean(procedures.map(p, p.marks_2)), 2)", json!(4.33)),
        // 40 % and 20 %; chemistry had nobody, physics gave no number: (40 + 20) / 2.
        ("mean(procedures.map(p, share(p.marks_2, p.participants)))", json!(30.0)),
        ("procedures.filter(p, share(p.marks_2, p.participants) >= 20).size()", json!(2.0)),
        ("procedures.filter(p, p.row.startsWith('Ф')).size()", json!(1.0)),
        ("size(procedures.filter(p, p.participants > 15).map(p, p.row))", json!(2.0)),
        ("procedures.exists(p, p.marks_2 > 7)", json!(true)),
        ("procedures.all(p, p.participants >= 0)", json!(true)),
        ("procedures.all(p, p.participants > 0)", json!(false)),
        ("'Химия' in procedures.map(p, p.row)", json!(true)),
        ("[1, 2.5] + [low]", json!([1.0, 2.5, 10.0])),
        ("sum([])", json!(0.0)),
        ("min(low, 7) + max(low, 7)", json!(17.0)),
        // Half goes away from zero, on both sides of it.
        ("round(2.5, 0)", json!(3.0)),
        ("round(-2.5, 0)", json!(-3.0)),
        ("round(7 / 3, 2)", json!(2.33)),
        ("round(1250, -2)", json!(1250.0)),
        ("7 / 2", json!(3.5)),
        ("root(low * low + 44)", json!(12.0)),
        ("-low + 3 * 2 - 1", json!(-5.0)),
        ("default(unknown, 4) + default(low, 4)", json!(14.0)),
        ("default(1 / 0, 7)", json!(7.0)),
        ("low > 9 ? 'много' : 'мало'", json!("много")),
        ("size('жук')", json!(3.0)),
        // What is decided is decided, though the rest is not known.
        ("low == 10 || unknown == 1", json!(true)),
        ("unknown == 1 && low == 11", json!(false)),
        ("!(low == 10)", json!(false)),
    ];
    for (text, expected) in cases {
        assert_eq!(formula(text).evaluate(a), Ok(Some(expected)), "{text}");
    }
}

#[test]
fn what_does_not_go_together_is_an_error_and_no_value() {
    let a = &school();
    for text in ["procedures[3]", "low + 'x'", "sum(low)", "low ? 1 : 2", "sum(['x'])", "square(4)"]
    {
        assert!(formula(text).evaluate(a).is_err(), "{text}");
    }
}

#[test]
fn what_is_not_known_and_what_divides_by_nothing_has_no_value() {
    let a = &school();
    for text in [
        "unknown",
        "unknown + 1",
        "unknown == unknown",
        "unknown.field",
        "1 / 0",
        "0 / 0",
        "share(5, 0)",
        "mean([])",
        "root(-4)",
        "min(unknown, 1)",
        "round(unknown, 1)",
        "low == 10 && unknown == 1",
        "low == 11 || unknown == 1",
        "unknown > 1 ? 1 : 2",
        "sum(unknown)",
        "unknown.filter(p, p.x > 1).size()",
        "1e308 * 10",
        "default(unknown, unknown)",
    ] {
        assert_eq!(formula(text).evaluate(a), Ok(None), "{text}");
    }
}

#[test]
fn a_share_that_is_a_whole_number_of_percents_is_that_number() {
    // 29 of 50 must not be a hair less than 58.
    let formula = formula("share(part, whole)");
    for whole in 1..=400u32 {
        for percent in 0..=100 {
            if (percent * whole) % 100 != 0 {
                continue;
            }
            let part = percent * whole / 100;
            let share =
                formula.evaluate(json!({ "part": part, "whole": whole }).as_object().unwrap());
            assert_eq!(share, Ok(Some(json!(f64::from(percent)))), "{part} of {whole}");
        }
    }
}

#[test]
fn texts_and_numbers_are_compared_counted_and_put_together() {
    let a = &school();
    for (text, expected) in [
        ("'аб' < 'б' && 'б' > 'аб'", json!(true)),
        ("'б' <= 'б' && 'б' >= 'б'", json!(true)),
        ("'б' < 'б' || 'б' > 'б'", json!(false)),
        ("'аб' >= 'б' || 'б' <= 'аб'", json!(false)),
        ("'а' == 'а' && 'а' != 'б'", json!(true)),
        ("'а' + 'б'", json!("аб")),
        ("'абв'.contains('б') && !'абв'.contains('г')", json!(true)),
        ("'абв'.startsWith('аб') && !'абв'.startsWith('бв')", json!(true)),
        ("'абв'.endsWith('бв') && !'абв'.endsWith('аб')", json!(true)),
        ("days('2026-09-14', '2026-10-01')", json!(17.0)),
        ("days('2028-03-01', '2028-02-28')", json!(-2.0)),
        ("default(days('2026-09-14', 'завтра'), 0)", json!(0.0)),
        ("low < 11 && low > 9 && low <= 10 && low >= 10", json!(true)),
        ("low < 10 || low > 10 || low != 10", json!(false)),
        ("low == pupils / 4", json!(true)),
        ("pupils - low * 3", json!(10.0)),
        ("[1, 2] == [1, 2] && [1] != [1, 2] && [1, 2] != [1, 3]", json!(true)),
        ("3 in [1, 2]", json!(false)),
        ("size([1, 2]) + size('аб')", json!(4.0)),
        ("mean([1, 2, 6])", json!(3.0)),
        ("round(12.345, 1)", json!(12.3)),
        ("round(12.345, 20)", json!(12.345)),
        ("min(1, 2) * 10 + max(1, 2)", json!(12.0)),
        ("[[1], [2, 3]].map(l, size(l))", json!([1.0, 2.0])),
        ("[1, 2, 3].filter(n, n > 1).map(n, n * 10)", json!([20.0, 30.0])),
        ("[1, 2, 3].all(n, n > 0) && ![1, 2, 3].all(n, n > 1)", json!(true)),
        ("[1, 2, 3].exists(n, n > 2) && ![1, 2, 3].exists(n, n > 3)", json!(true)),
        ("[1, 2, 3].exists_one(n, n > 2) && ![1, 2, 3].exists_one(n, n > 1)", json!(true)),
        ("procedures.filter(p, p.participants > 0).map(p, p.row).size()", json!(3.0)),
        ("sum(procedures.map(p, p.participants > 20 ? p.participants : 0))", json!(25.0)),
        ("true ? 1 : 2", json!(1.0)),
        ("1u + 2.5", json!(3.5)),
    ] {
        assert_eq!(formula(text).evaluate(a), Ok(Some(expected)), "{text}");
    }
    assert_eq!(formula("low > 9").holds(a), Ok(Some(true)));
    assert_eq!(formula("low > 10").holds(a), Ok(Some(false)));
    assert_eq!(formula("unknown > 9").holds(a), Ok(None));
    assert!(formula("low + 9").holds(a).is_err(), "it is no condition");
}

#[test]
fn statistics_are_those_that_are_computed_by_hand() {
    let computed = |text: &str| {
        let yields = formula(text).evaluate(&Values::new()).unwrap();
        yields.map(|value| (value.as_f64().unwrap() * 1e4).round() / 1e4)
    };
    for (text, expected) in [
        // Neighbours 2, 4, 4, 6: their mean is 4; (14 - 4) / √(4 · 1,25) = 4,4721.
        ("spike([2, 4, 14, 4, 6], 0, 2)", Some(4.4721)),
        ("spike([9, 2, 4, 14, 4, 6, 9], 5, 8)", Some(4.4721)),
        // One neighbour on each side: (14 - 5) / √(5 · 1,5) = 3,2863.
        ("spike([4, 14, 6], 0, 1)", Some(3.2863)),
        ("spike([4, 14, 6, 99], 0, 1)", Some(3.2863)),
        ("spike([99, 4, 14, 6], 0, 2)", Some(3.2863)),
        ("spike([4, 14, 6], 0, 0)", None),
        ("spike([4, 14, 6], 0, 2)", None),
        ("spike([4, 14, 6], 0, 3)", None),
        ("spike([4, 14, 6], 1, 0)", None),
        ("spike([4, 14, 6], 0, 0.5)", None),
        ("spike([0, 14, 0], 0, 1)", None),
        // 0,3 and 0,5, together 0,4: 0,2 / √(0,24 · 0,2) = 0,9129.
        ("difference(3, 10, 5, 10)", Some(-0.9129)),
        ("difference(5, 10, 3, 10)", Some(0.9129)),
        // 0,2 and 0,5 of 30, together 0,3: 0,3 / √(0,21 · 0,15) = 1,6903.
        ("difference(4, 20, 5, 10)", Some(-1.6903)),
        ("difference(0, 10, 5, 10)", Some(-2.582)),
        ("difference(11, 10, 5, 10)", None),
        ("difference(5, 10, 11, 10)", None),
        ("difference(0 - 1, 10, 5, 10)", None),
        ("difference(0, 0, 5, 10)", None),
        ("difference(0, 10, 0, 10)", None),
        ("difference(10, 10, 10, 10)", None),
        // (4,5 - 4) / (0,5 / √25) = 5.
        ("shift(4.5, 4, 0.5, 25)", Some(5.0)),
        ("shift(4, 4.5, 0.5, 25)", Some(-5.0)),
        ("shift(5, 4, 0.5, 2)", Some(2.8284)),
        ("shift(4.5, 4, 0.5, 1)", None),
        ("shift(4.5, 4, 0, 25)", None),
    ] {
        assert_eq!(computed(text), expected, "{text}");
    }
}

#[test]
fn a_formula_is_as_long_deep_and_tall_as_it_may_be_and_no_more() {
    let told = |text: &str| Formula::parse(text).map(|_| ()).map_err(|e| e.message);
    let text = |signs: usize| format!("'{}'", "ы".repeat(signs - 2));
    assert_eq!(told(&text(2000)), Ok(()));
    assert_eq!(told(&text(2001)), Err("формула длиннее 2000 знаков".into()));
    let deep = |brackets: usize| format!("{}1{}", "(".repeat(brackets), ")".repeat(brackets));
    assert_eq!(told(&deep(10)), Ok(()));
    assert_eq!(told(&deep(11)), Err("скобки вложены глубже 10".into()));
    assert_eq!(Formula::parse(&deep(11)).unwrap_err().offset, Some(10));
    assert_eq!(told(&format!("{} + {}", deep(10), deep(10))), Ok(()), "what is closed is closed");
    // Terms stand on each other: so many of them are so tall.
    let tall = |terms: usize| format!("1{}", " + 1".repeat(terms - 1));
    assert_eq!(told(&tall(200)), Ok(()));
    assert_eq!(told(&tall(201)), Err("в формуле больше 200 действий подряд".into()));
    for (text, message, offset) in [
        ("1 +", "формула не окончена", Some(3)),
        ("1 + ", "формула не окончена", Some(4)),
        ("1 + * 2", "это не формула: отсюда не разобрать", Some(4)),
    ] {
        let error = Formula::parse(text).unwrap_err();
        assert_eq!((error.message.as_str(), error.offset), (message, offset), "{text}");
    }
}

#[test]
fn a_formula_tells_its_names_and_what_it_takes_of_a_record() {
    let text =
        "share(vpr.low, a) + earlier.x - earlier.y + list.filter(p, p.n > b).map(q, q.m + c)[0]";
    let formula = formula(text);
    assert_eq!(formula.names(), ["a", "b", "c", "earlier", "list", "vpr"].map(String::from).into());
    assert_eq!(formula.fields("earlier"), ["x", "y"].into());
    assert_eq!(formula.fields("vpr"), ["low"].into());
    assert_eq!(formula.fields("a"), [].into());
    assert_eq!(formula.text(), text);
    assert_eq!(format!("{:?}", Formula::parse("1").unwrap()), "Formula(\"1\")");
    assert_ne!(Formula::parse("1").unwrap(), Formula::parse("2").unwrap());
}

#[test]
fn a_name_is_looked_for_in_one_layer_after_the_other() {
    let values = |json: Value| json.as_object().cloned().unwrap();
    let (first, second) = (values(json!({ "a": 1 })), values(json!({ "a": 2, "b": 3 })));
    let figures = [("c", 4.0), ("a", 5.0)];
    let layers = [
        Layer::Text("who", "school-1"),
        Layer::Record("r", &first, Some(&second)),
        Layer::Record("only", &first, None),
        Layer::Numbers(&figures),
        Layer::All(&second),
    ];
    let computed = |text: &str| formula(text).evaluate_in(&layers).unwrap();
    for (text, expected) in [
        ("who", Some(json!("school-1"))),
        ("a", Some(json!(5.0))),
        ("b", Some(json!(3.0))),
        ("c", Some(json!(4.0))),
        ("r.a", Some(json!(1.0))),
        ("r.b", Some(json!(3.0))),
        ("only.a", Some(json!(1.0))),
        ("only.b", None),
        ("whom", None),
        ("r", Some(json!({ "a": 1.0, "b": 3.0 }))),
        ("only", Some(json!({ "a": 1 }))),
        ("r.a + r.b * c", Some(json!(13.0))),
    ] {
        assert_eq!(computed(text), expected, "{text}");
    }
    // A record of many fields is looked through another way.
    let many: Values = (0..40).map(|n| (format!("f{n}"), json!(n))).collect();
    let rows = [Layer::Record("many", &many, None), Layer::All(&many)];
    let sum = formula("many.f0 + many.f39 + f20").evaluate_in(&rows);
    assert_eq!(sum, Ok(Some(json!(59.0))));
}

/// What it yields, by its type, or all that is wrong, each at its sign.
fn checked(text: &str) -> String {
    let row = [("n", Type::Number), ("s", Type::Text)].map(|(name, kind)| (name.to_owned(), kind));
    let scope: Scope = [
        ("number", Type::Number),
        ("text", Type::Text),
        ("held", Type::Bool),
        ("texts", Type::List(Box::new(Type::Text))),
        ("numbers", Type::List(Box::new(Type::Number))),
        ("rows", Type::List(Box::new(Type::Record(row.clone().into())))),
        ("record", Type::Record(row.into())),
        ("any", Type::Any),
    ]
    .map(|(name, kind)| (name.to_owned(), kind))
    .into();
    match formula(text).check(&scope) {
        Ok(kind) => kind.to_string(),
        Err(errors) => {
            let place = |offset: Option<usize>| offset.map_or("?".into(), |at| at.to_string());
            let one = |e: FormulaError| format!("{}: {}", place(e.offset), e.message);
            errors.into_iter().map(one).collect::<Vec<_>>().join("\n    ")
        }
    }
}

#[test]
fn each_formula_is_of_a_type_or_is_told_what_does_not_go_together() {
    let texts = [
        "1",
        "1.5",
        "1u",
        "true",
        "'а'",
        "null",
        "b'x'",
        "[1, 2]",
        "['а']",
        "[]",
        "[1, 'а']",
        "number",
        "text",
        "held",
        "texts",
        "record",
        "any",
        "nmuber",
        "nothing_like_it",
        "record.n",
        "record.s",
        "record.m",
        "any.what",
        "number.n",
        "rows.n",
        "number + 1",
        "text + 'а'",
        "texts + ['а']",
        "[] + texts",
        "numbers + [1]",
        "any + 1",
        "1 + any",
        "number + text",
        "held + held",
        "texts + numbers",
        "record + record",
        "number - 1",
        "text - 1",
        "number * text",
        "number / held",
        "-number",
        "-text",
        "number == 1",
        "number == text",
        "record == record",
        "any == text",
        "texts != numbers",
        "number < 1",
        "text <= 'а'",
        "held > held",
        "texts >= texts",
        "number < text",
        "any < 1",
        "text in texts",
        "number in texts",
        "text in text",
        "number in numbers",
        "held && number > 1",
        "held || text",
        "number && held",
        "!held",
        "!number",
        "held ? 1 : 2",
        "held ? 1 : 'а'",
        "number ? 1 : 2",
        "held ? any : 1",
        "share(1, 2)",
        "share(text, 2)",
        "share(1)",
        "min(1, 2)",
        "max(1, text)",
        "round(1.5, 0)",
        "root(4)",
        "root(text)",
        "sum(numbers)",
        "sum(texts)",
        "mean(number)",
        "mean(numbers)",
        "spike(numbers, 1, 2)",
        "spike(texts, 1, 2)",
        "spike(numbers, text, 2)",
        "spike(numbers, 1, text)",
        "difference(1, 2, 3, 4)",
        "difference(1, 2, 3, text)",
        "shift(1, 2, 3, 4)",
        "shift(text, 2, 3, 4)",
        "shift(1, 2)",
        "default(number, 1)",
        "default(any, 'а')",
        "default(number, 'а')",
        "default(number)",
        "size(text)",
        "size(texts)",
        "size(number)",
        "size(any)",
        "text.contains('а')",
        "contains(text, 1)",
        "text.startsWith(number)",
        "number.endsWith('а')",
        "days(text, text)",
        "days(text, number)",
        "shrae(1, 2)",
        "compute(1)",
        "rows.map(r, r.n)",
        "rows.filter(r, r.n > 1)",
        "rows.filter(r, r.n)",
        "rows.map(r, r.m)",
        "sum(rows.map(r, r.s))",
        "rows.all(r, r.n > 1)",
        "rows.exists(r, r.s == 'а')",
        "rows.exists_one(r, r.n == 1)",
        "text.map(t, t)",
        "any.map(a, a.b)",
        "rows.map(r, rows.map(q, q.n + r.n))",
        "rows.map(r, rows.map(q, rows.map(p, p.n)))",
        "rows.map(r, r.n) + numbers",
        "rows.map(number, number.s)",
        "{'a': 1}",
    ];
    let told = texts.map(|text| format!("{text}\n    {}\n", checked(text)));
    insta::assert_snapshot!(told.concat());
}

#[test]
fn a_formula_that_yields_another_type_than_is_wanted_is_told_so() {
    let scope = Scope::new();
    let told = |text: &str, wanted: &Type| {
        formula(text).check_as(&scope, wanted).map_err(|errors| errors[0].message.clone())
    };
    assert_eq!(told("1", &Type::Number), Ok(()));
    assert_eq!(told("1", &Type::Any), Ok(()));
    assert_eq!(told("[1]", &Type::List(Box::new(Type::Number))), Ok(()));
    assert_eq!(told("1", &Type::Bool), Err("формула даёт «число», а нужно «да или нет»".into()));
    let texts = Type::List(Box::new(Type::Text));
    assert_eq!(
        told("[1]", &texts),
        Err("формула даёт «список чисел», а нужно «список текстов»".into())
    );
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
        prop_assert_eq!(&quick, &long, "{} of {} where {}", total, element, condition);

        // In columns, selected or not, rows are what they are where they lie.
        let Some(Value::Array(rows)) = values.get("t") else { unreachable!() };
        let columns = [("t", Selection::of_table(rows).unwrap())];
        let there = [Layer::Rows(&columns), Layer::All(&values)];
        let chosen = |layers: &[Layer<'_>]| {
            let chosen = Formula::parse(&format!("t.filter(r, {condition})")).unwrap();
            chosen.select_in(layers).unwrap().unwrap()
        };
        let sets = [("c", chosen(&there)), ("d", chosen(&[Layer::All(&values)]))];
        let layers =
            [Layer::Rows(&sets), there[0], Layer::Record("answered", &values, None), there[1]];
        let selected = |text: String| Formula::parse(&text).unwrap().evaluate_in(&layers).unwrap();
        prop_assert_eq!(&quick, &selected(format!("{total}(t.filter(r, {condition}).map(r, {element}))")));
        prop_assert_eq!(&quick, &selected(format!("{total}(c.map(r, {element}))")));
        prop_assert_eq!(&quick, &selected(format!("{total}(d.map(r, {element}))")));
        prop_assert_eq!(&long, &selected(format!("{total}(true ? {mapped} : [0])")));
        let same = "c == d && t == answered.t && c == answered.t.filter(r, r in c)";
        prop_assert_eq!(selected(same.into()), Some(Value::Bool(true)));
    }
}

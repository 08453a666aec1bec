//! Answers and formulas, whatever is thrown at them.

#![allow(clippy::unwrap_used)]

mod small;

use proptest::prelude::*;
use serde_json::{Value, json};
use vekha_roadmap::answers::{
    Values, check_file, check_text, compare, display, explained, hides, is_printable, named_file,
    questioned, turns, validate, whereabouts,
};
use vekha_roadmap::formula::{Formula, Scope, form_scope};
use vekha_roadmap::model::{Field, FieldKind, FileRule, Form};
use vekha_roadmap::read::read;

fn form() -> Form {
    read(&small::files()).unwrap().forms.remove("everything").unwrap()
}

fn values(value: Value) -> Values {
    value.as_object().cloned().unwrap()
}

/// Answers that leave nothing to be desired.
fn right() -> Values {
    values(
        json!({ "pupils": "1 200", "low": "12,5", "name": " Имя ", "level": "base", "special": "нет" }),
    )
}

fn with(field: &str, value: Value) -> Values {
    let mut answers = right();
    answers.insert(field.into(), value);
    answers
}

/// What people type and systems send, right and wrong.
fn scalar() -> impl Strategy<Value = Value> {
    let texts = [
        "",
        " ",
        "0",
        "12",
        "-3",
        "1 200",
        "12,5",
        "−7",
        "1e5",
        "NaN",
        "да",
        "нет",
        "yes",
        "no",
        "base",
        "full",
        "a",
        "b",
        "x",
        "y",
        "ничего",
        "15.09.2027",
        "2027-09-15",
        "2027-02-30",
        "32.01.2027",
        "1.1.1",
        "строка\r\nдругая",
        "\u{0}",
        "999999999999999",
        "0.1",
    ];
    prop_oneof![
        6 => prop::sample::select(texts.to_vec()).prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => (0..200i64).prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => "\\PC{0,30}".prop_map(Value::from),
        1 => prop::collection::vec(prop::sample::select(vec!["a", "b", "c", "x", "z"]), 0..5)
            .prop_map(Value::from),
    ]
}

fn record(names: &'static [&'static str]) -> impl Strategy<Value = Value> {
    prop::collection::btree_map(prop::sample::select(names), scalar(), 0..names.len())
        .prop_map(|map| Value::Object(map.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()))
}

fn rows(names: &'static [&'static str]) -> impl Strategy<Value = Value> {
    let row = prop_oneof![8 => record(names), 1 => scalar()];
    prop_oneof![6 => prop::collection::vec(row, 0..5).prop_map(Value::Array), 1 => scalar()]
}

/// Mostly right answers with a few that are not.
fn answers() -> impl Strategy<Value = Values> {
    const FIELDS: [&str; 10] =
        ["pupils", "ratio", "low", "name", "story", "held", "level", "topics", "special", "nmae"];
    let some = prop::collection::btree_map(prop::sample::select(FIELDS.to_vec()), scalar(), 0..4);
    let subjects = prop::option::of(rows(&["took", "marks_2", "row"]));
    let events = prop::option::of(rows(&["what", "tags", "row"]));
    (some, subjects, events).prop_map(|(some, subjects, events)| {
        let mut answers = right();
        answers.extend(some.into_iter().map(|(field, value)| (field.to_owned(), value)));
        answers.extend(subjects.map(|rows| ("subjects".to_owned(), rows)));
        answers.extend(events.map(|rows| ("events".to_owned(), rows)));
        answers
    })
}

/// Pieces of formulas in any order.
fn formula() -> impl Strategy<Value = String> {
    let pieces = [
        "pupils",
        "low",
        "name",
        "subjects",
        "topics",
        "row",
        ".took",
        ".map(p, p.took)",
        ".size()",
        ".filter(r, r.took > 1)",
        "share(",
        "default(",
        "sum(",
        "mean(",
        "round(",
        "min(",
        ",",
        ")",
        "(",
        "[",
        "]",
        "+",
        "-",
        "*",
        "/",
        "%",
        "==",
        "<",
        "&&",
        "||",
        "!",
        "?",
        ":",
        " in ",
        "1",
        "0",
        "1e308",
        "-9223372036854775808",
        "'да'",
        "\"",
        "null",
        "true",
        "{",
        "}",
        "b'x'",
        "1u",
        ".",
        "has(",
    ];
    prop_oneof![
        6 => prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..14)
            .prop_map(|pieces| pieces.concat()),
        1 => "\\PC{0,60}",
        1 => any::<String>(),
    ]
}

fn try_formula(text: &str, scope: &Scope, answers: &Values) {
    if let Ok(formula) = Formula::parse(text) {
        formula.names();
        let yields = formula.evaluate(answers);
        formula.holds(answers).ok();
        // What types does not fail on answers that were validated.
        if formula.check(scope).is_ok() {
            assert!(yields.is_ok(), "{text} types, and yet: {yields:?}");
        }
    }
}

/// So many towns, texts, answers; PROPTEST_CASES asks for another number.
fn config(usual: u32) -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|number| number.parse().ok());
    ProptestConfig {
        cases: asked.unwrap_or(usual),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config(1500))]

    #[test]
    fn an_answer_that_was_checked_is_right_and_what_is_wrong_is_named_in_order(raw in answers()) {
        let form = form_once();
        match validate(form, &raw, &Values::new()) {
            Ok(answers) => {
                prop_assert_eq!(validate(form, &answers, &Values::new()), Ok(answers.clone()));
                for field in &form.fields {
                    if let Some(value) = answers.get(&field.id) {
                        prop_assert!(!display(field, value).is_empty());
                    }
                }
            }
            Err(errors) => {
                prop_assert!(!errors.is_empty());
                let place = |path: &str| {
                    let id = path.split(['[', '.']).next().unwrap();
                    form.fields.iter().position(|f| f.id == id).unwrap_or(usize::MAX)
                };
                let places: Vec<usize> = errors.iter().map(|e| place(&e.field)).collect();
                prop_assert!(places.is_sorted());
                prop_assert!(errors.iter().all(|e| !e.message.is_empty()));
            }
        }
    }

    #[test]
    fn no_text_makes_a_formula_panic_and_what_types_computes(text in formula(), raw in answers()) {
        let form = form_once();
        let answers = validate(form, &raw, &Values::new()).or_else(|_| validate(form, &right(), &Values::new())).unwrap();
        try_formula(&text, &form_scope(form), &answers);
    }
}

/// Read once: the properties look at thousands of answers.
fn form_once() -> &'static Form {
    static FORM: std::sync::OnceLock<Form> = std::sync::OnceLock::new();
    FORM.get_or_init(form)
}

#[test]
fn a_formula_as_long_and_deep_as_may_be_is_computed_or_refused() {
    let scope = form_scope(form_once());
    for text in [
        format!("1{}", "+1".repeat(990)),
        format!("pupils{}", ".x".repeat(990)),
        format!("{}1", "-".repeat(1900)),
        format!("{}true", "!".repeat(1900)),
        format!("{}1{}", "(".repeat(990), ")".repeat(990)),
        format!("{}{}", "[".repeat(990), "]".repeat(990)),
        format!("true{}", "&&true".repeat(300)),
        format!("1{}", "?1:1".repeat(490)),
        format!("subjects{}", ".filter(p,p)".repeat(160)),
        format!("size({}", "size(".repeat(390)),
        "1".repeat(2001),
    ] {
        try_formula(&text, &scope, &right());
    }
    let product = format!("{}1{}", "topics.map(x,".repeat(8), ")".repeat(8));
    let many = values(json!({ "topics": vec!["a"; 100] }));
    assert!(Formula::parse(&product).unwrap().evaluate(&many).is_err(), "it would take for ever");
}

fn wrong(answers: &Values) -> Vec<String> {
    match validate(form_once(), answers, &Values::new()) {
        Ok(_) => vec![],
        Err(errors) => errors.into_iter().map(|e| format!("{}: {}", e.field, e.message)).collect(),
    }
}

#[test]
fn answers_are_brought_into_their_typed_form() {
    let mut raw = right();
    raw.extend(values(json!({
        "held": "15.09.2027", "special": true, "topics": ["b", "a", "b"], "story": " а\r\nб ",
        "ratio": "−0,5", "events": [{ "what": "" }, { "what": " Слёт ", "tags": [] }],
        "subjects": [{ "took": "20", "marks_2": 3.0 }, { "took": 0 }],
    })));
    let typed = json!({
        "pupils": 1200, "ratio": -0.5, "low": 12.5, "name": "Имя", "story": "а\nб",
        "held": "2027-09-15", "level": "base", "topics": ["b", "a"], "special": "yes",
        "subjects": [
            { "row": "Русский", "took": 20, "marks_2": 3 }, { "row": "Математика", "took": 0 },
        ],
        "events": [{ "what": "Слёт" }],
    });
    assert_eq!(validate(form_once(), &raw, &Values::new()).map(Value::Object), Ok(typed));
}

#[test]
fn what_is_asked_only_on_a_condition_is_asked_only_then() {
    assert_eq!(wrong(&right()), [""; 0]);
    assert_eq!(wrong(&with("low", "".into())), ["low: заполните"]);
    let mut few = with("low", Value::Null);
    few.insert("pupils".into(), 90.into());
    assert_eq!(wrong(&few), [""; 0]);
    assert_eq!(wrong(&with("special", "да".into())), ["subjects: заполните"]);
    let mut half = with("special", "да".into());
    half.insert("subjects".into(), json!([{ "took": 5 }, { "took": "" }]));
    assert_eq!(wrong(&half), ["subjects[0].marks_2: заполните", "subjects[1].took: заполните"]);
    half.insert("special".into(), "нет".into());
    assert_eq!(wrong(&half), ["subjects[0].marks_2: заполните"]);
}

#[test]
fn a_mistake_is_shown_in_the_row_in_which_it_was_made() {
    let events = json!([{ "what": " " }, { "what": "Слёт" }, {}, { "what": "ничего" }]);
    assert_eq!(wrong(&with("events", events)), ["events[3].what: Что-нибудь да было"]);
    let events = json!([{}, { "tags": ["x"], "waht": 1 }]);
    assert_eq!(
        wrong(&with("events", events)),
        ["events[1].what: заполните", "events[1].waht: такого столбца нет; может быть, «what»?",]
    );
}

fn asked(answers: &Values, earlier: Value) -> Vec<String> {
    let earlier = values(earlier);
    let errors = validate(form_once(), answers, &earlier).err().unwrap_or_default();
    errors
        .into_iter()
        .map(|e| format!("{}: {}", questioned(&e.field).expect("a question"), e.message))
        .collect()
}

#[test]
fn what_is_unlikely_is_asked_about_and_the_explanation_is_kept_with_the_answer() {
    let nothing = json!({});
    assert_eq!(
        asked(&with("pupils", 4500.into()), nothing.clone()),
        ["pupils: Таких больших школ мало. Если так и есть, поясните"]
    );
    // One explanation answers all that is asked about a field.
    let mut large = with("pupils", 4500.into());
    assert_eq!(
        asked(&large, json!({ "pupils": 3000 })),
        ["pupils: Таких больших школ мало. Если так и есть, поясните"],
        "half as many again is not more than half as many again"
    );
    assert!(asked(&large, json!({ "pupils": 2999 }))[0].contains("больше на 50 %"));
    assert!(
        asked(&with("pupils", 100.into()), json!({ "pupils": 300 }))[0].contains("меньше на 67 %")
    );
    assert_eq!(asked(&with("pupils", 100.into()), json!({ "pupils": 0 })), [""; 0]);
    large.insert("explanations".into(), json!({ "pupils": " Слияние школ ", "low": "просто так" }));
    let kept = validate(form_once(), &large, &values(json!({ "pupils": 100 }))).unwrap();
    assert_eq!(kept["explanations"], json!({ "pupils": "Слияние школ" }));
    assert_eq!(validate(form_once(), &kept, &values(json!({ "pupils": 100 }))), Ok(kept));
    large.insert("explanations".into(), json!({ "pupils": "а".repeat(1001) }));
    assert_eq!(asked(&large, nothing.clone()), ["pupils: не длиннее 1000 знаков"]);
    for nonsense in [json!([]), json!("да"), json!({ "pupils": 5 }), Value::Null] {
        large.insert("explanations".into(), nonsense);
        assert_eq!(asked(&large, nothing.clone()).len(), 1);
    }
}

#[test]
fn questions_about_rows_follow_the_rows_that_are_kept() {
    let mut answers = with("events", json!([{}, { "what": "Слёт" }, { "what": "Субботник" }]));
    answers.insert("special".into(), "да".into());
    answers.insert(
        "subjects".into(),
        json!([{ "took": 20, "marks_2": 1 }, { "took": 30, "marks_2": 0 }]),
    );
    let earlier = json!({ "subjects": [{ "row": "Математика", "took": 20 }, { "row": "Русский", "took": 20 }] });
    assert_eq!(
        asked(&answers, earlier.clone()),
        [
            "subjects[1].took: Прошлый раз было 20, теперь 30: больше на 50 %. Если так и есть, поясните, почему",
            "events[2].what: Почему это здесь?",
        ]
    );
    let why = json!({ "events[2].what": "Провели весной", "subjects[1].took": "Открыт класс" });
    answers.insert("explanations".into(), why);
    let kept = validate(form_once(), &answers, &values(earlier)).unwrap();
    let expected =
        json!({ "events[1].what": "Провели весной", "subjects[1].took": "Открыт класс" });
    assert_eq!(kept["explanations"], expected);
    assert_eq!(kept["events"].as_array().unwrap().len(), 2);
}

#[test]
fn two_versions_of_an_answer_are_compared_field_by_field() {
    let typed = |raw: Values| validate(form_once(), &raw, &Values::new()).unwrap();
    let before = typed(right());
    assert_eq!(compare(form_once(), &before, &before), []);
    let mut raw = with("events", json!([{ "what": "Слёт" }]));
    raw.insert("low".into(), "13".into());
    raw.remove("name");
    raw.insert("name".into(), "Другое".into());
    let after = typed(raw);
    let told: Vec<String> = compare(form_once(), &before, &after)
        .into_iter()
        .map(|d| format!("{} | {} | {} | {}", d.field, d.label, d.before, d.after))
        .collect();
    assert_eq!(
        told,
        [
            "low | Доля низких | 12,5 % | 13 %",
            "name | Название | Имя | Другое",
            "events[0].what | События, строка 1, Что |  | Слёт",
        ]
    );
}

#[test]
fn what_a_draft_leaves_open_is_shown_as_nothing_whatever_is_asked() {
    for field in &form_once().fields {
        assert_eq!(display(field, &json!("")), "", "{}", field.id);
    }
}

#[test]
fn a_histogram_holds_a_count_for_every_score() {
    let counts = |given: Value| validate(form_once(), &with("scores", given), &Values::new());
    let kept = counts(json!(["", "2", null, 7])).unwrap();
    assert_eq!(kept["scores"], json!([0, 2, 0, 7, 0]));
    assert_eq!(validate(form_once(), &kept, &Values::new()), Ok(kept.clone()));
    let field = form_once().fields.iter().find(|f| f.id == "scores").unwrap();
    assert_eq!(display(field, &kept["scores"]), "балл — сколько: 2 — 2; 4 — 7");
    assert_eq!(counts(json!(["", " ", null])).unwrap().get("scores"), None, "nothing is nothing");
    assert_eq!(
        wrong(&with("scores", json!([1, "x", -1, 1.5]))),
        [
            "scores[1]: нужно целое число",
            "scores[2]: от 0 до 1\u{a0}000\u{a0}000",
            "scores[3]: нужно целое число",
        ]
    );
    assert_eq!(wrong(&with("scores", json!(vec![0; 6]))), ["scores: баллов должно быть 5"]);
    assert_eq!(
        wrong(&with("scores", json!(5))),
        ["scores: нужен список: сколько получили каждый балл"]
    );
    let before = validate(form_once(), &right(), &Values::new()).unwrap();
    assert_eq!(compare(form_once(), &before, &kept).len(), 1);
}

/// What becomes of an answer to one field: its typed form, or what is wrong with it.
fn typed(field: &str, raw: Value) -> Result<Value, String> {
    match validate(form_once(), &with(field, raw), &Values::new()) {
        Ok(answers) => Ok(answers.get(field).cloned().unwrap_or(Value::Null)),
        Err(errors) => Err(errors.into_iter().map(|e| e.message).collect::<Vec<_>>().join("; ")),
    }
}

#[test]
fn what_people_type_is_what_they_mean_or_is_refused_in_words() {
    let range = "от 0 до 5000";
    let number = "нужно число, например 12,5";
    let day = "нужна дата, например 15.09.2027";
    for (field, raw, expected) in [
        ("pupils", json!("0"), Err("Так не бывает".into())),
        ("pupils", json!(" 1\u{a0}2\u{202f}00 "), Ok(json!(1200))),
        ("pupils", json!("1200.0"), Ok(json!(1200))),
        ("pupils", json!("-1"), Err(range.to_owned())),
        ("pupils", json!("5001"), Err(range.to_owned())),
        ("pupils", json!("12,5"), Err("нужно целое число".into())),
        ("pupils", json!(true), Err("нужно целое число".into())),
        ("ratio", json!("−12,5"), Ok(json!(-12.5))),
        ("ratio", json!("-0.5"), Ok(json!(-0.5))),
        ("ratio", json!("1e5"), Err(number.into())),
        ("ratio", json!("+5"), Err(number.into())),
        ("ratio", json!("inf"), Err(number.into())),
        ("ratio", json!("1,2,3"), Err(number.into())),
        ("ratio", json!("0".repeat(64)), Ok(json!(0))),
        ("ratio", json!("0".repeat(65)), Err(number.into())),
        ("ratio", json!(999_999_999_999_999i64), Ok(json!(999_999_999_999_999i64))),
        ("ratio", json!(1_000_000_000_000_000i64), Err(number.into())),
        ("ratio", json!(-1_000_000_000_000_000i64), Err(number.into())),
        ("low", json!("100"), Ok(json!(100))),
        ("name", json!(" а\tб "), Ok(json!("а б"))),
        ("name", json!("я".repeat(20)), Ok(json!("я".repeat(20)))),
        ("name", json!("я".repeat(21)), Err("не длиннее 20 знаков".into())),
        ("name", json!(5), Err("нужен текст".into())),
        ("held", json!("15.09.2027"), Ok(json!("2027-09-15"))),
        ("held", json!(" 1.2.2027 "), Ok(json!("2027-02-01"))),
        ("held", json!("2027-09-15"), Ok(json!("2027-09-15"))),
        ("held", json!("1900-01-01"), Ok(json!("1900-01-01"))),
        ("held", json!("2200-12-31"), Ok(json!("2200-12-31"))),
        ("held", json!("1899-12-31"), Err(day.into())),
        ("held", json!("2201-01-01"), Err(day.into())),
        ("held", json!("20270915"), Err(day.into())),
        ("held", json!("15.09"), Err(day.into())),
        ("held", json!("15.09.2027.1"), Err(day.into())),
        ("held", json!("31.02.2027"), Err(day.into())),
        ("held", json!("15.13.2027"), Err(day.into())),
        ("special", json!(" ДА "), Err("заполните".into())),
        ("special", json!("no"), Ok(json!("no"))),
        ("special", json!(false), Ok(json!("no"))),
        ("special", json!("возможно"), Err("выберите «да» или «нет»".into())),
        ("special", json!(1), Err("выберите «да» или «нет»".into())),
        ("level", json!("full"), Ok(json!("full"))),
        ("level", json!("Полный"), Err("выберите один из вариантов".into())),
        ("level", json!(["full"]), Err("выберите один из вариантов".into())),
        ("topics", json!("a"), Ok(json!(["a"]))),
        ("topics", json!(["a", "z"]), Err("выберите из предложенных вариантов".into())),
        ("topics", json!([]), Ok(Value::Null)),
        (
            "events",
            json!([{ "what": "а" }, {}, { "what": "б" }, { "what": "в" }]),
            Ok(json!([{ "what": "а" }, { "what": "б" }, { "what": "в" }])),
        ),
        (
            "events",
            json!(vec![json!({ "what": "а" }); 4]),
            Err("строк больше, чем можно: 3".into()),
        ),
        ("events", json!([]), Ok(Value::Null)),
        ("events", json!(5), Err("нужен список строк".into())),
        ("events", json!([5]), Err("нужна строка таблицы".into())),
        ("subjects", json!([{}, {}, {}]), Err("строк должно быть 2".into())),
        (
            "subjects",
            json!([{ "took": 1, "marks_2": 2 }, { "took": 0 }]),
            Err("Двоек не больше, чем писавших".into()),
        ),
        ("events", json!(vec![json!({}); 5000]), Ok(Value::Null)),
        ("events", json!(vec![json!({}); 5001]), Err("больше 5000 строк".into())),
        ("nothing_like_it", json!(1), Err("такого поля в форме нет".into())),
        ("pupls", json!(1), Err("такого поля в форме нет; может быть, «pupils»?".into())),
    ] {
        assert_eq!(typed(field, raw.clone()), expected, "{field}: {raw}");
    }
}

#[test]
fn answers_are_shown_as_people_write_them() {
    let field = |id: &str| form_once().field(id).unwrap();
    let file = Field { kind: FieldKind::File(FileRule::default()), ..field("name").clone() };
    for (field, value, expected) in [
        (field("pupils"), json!(1200), "1200 чел."),
        (field("pupils"), json!(12000), "12\u{a0}000 чел."),
        (field("ratio"), json!(12.5), "12,50"),
        (field("ratio"), json!(12), "12"),
        (field("low"), json!(12.5), "12,5 %"),
        (field("low"), json!(13), "13 %"),
        (field("name"), json!("Имя"), "Имя"),
        (field("held"), json!("2027-09-15"), "15 сентября 2027 года"),
        (field("held"), json!("давно"), "давно"),
        (field("special"), json!("yes"), "да"),
        (field("special"), json!("no"), "нет"),
        (field("level"), json!("full"), "Полный"),
        (field("level"), json!("base"), "base"),
        (field("level"), json!("gone"), "gone"),
        (field("topics"), json!(["a", "c"]), "a, c"),
        (field("scores"), json!([0, 2, 0, 0, 1]), "балл — сколько: 2 — 2; 5 — 1"),
        (field("scores"), json!([0, 0, 0, 0, 0]), "никто"),
        (field("events"), json!([{}]), "1 строка"),
        (field("events"), json!([{}, {}]), "2 строки"),
        (field("events"), json!([{}, {}, {}, {}, {}]), "5 строк"),
        (&file, json!({ "name": "акт.pdf", "size": 1024 }), "акт.pdf (1 КБ)"),
        (&file, json!({ "name": "акт.pdf", "size": 1025 }), "акт.pdf (2 КБ)"),
        (field("name"), json!(true), "true"),
    ] {
        assert_eq!(display(field, &value), expected, "{}: {value}", field.id);
    }
}

#[test]
fn a_path_is_told_in_the_words_of_the_form_and_a_wrong_one_is_nowhere() {
    for (path, expected) in [
        ("pupils", Some("Учеников")),
        ("subjects", Some("Предметы")),
        ("subjects[1].took", Some("Предметы, Математика, Писали")),
        ("subjects[2].took", None),
        ("subjects[1].taken", None),
        ("subjects[x].took", None),
        ("subjects[1]", Some("Предметы")),
        ("events[1].what", Some("События, строка 2, Что")),
        ("scores[0]", Some("Баллы, балл 1")),
        ("scores[4]", Some("Баллы, балл 5")),
        ("scores[5]", None),
        ("scores[0", None),
        ("pupils[0]", Some("Учеников")),
        ("nothing", None),
    ] {
        assert_eq!(whereabouts(form_once(), path).as_deref(), expected, "{path}");
    }
    let said = json!({ "explanations": { "subjects[0].took": "Слияние", "gone": "Раньше" } });
    let said = values(said);
    let told: Vec<(String, &str)> = explained(form_once(), &said);
    let owned = |label: &str, text| (label.to_owned(), text);
    assert_eq!(told, [owned("Предметы, Русский, Писали", "Слияние"), owned("gone", "Раньше")]);
    assert_eq!(explained(form_once(), &right()), []);
}

#[test]
fn explanations_that_differ_are_compared_too() {
    let said = |text: Value| with("explanations", text);
    let told = |before: Value, after: Value| {
        let all = compare(form_once(), &said(before), &said(after)).into_iter();
        all.map(|d| format!("{} | {} | {} | {}", d.field, d.label, d.before, d.after))
            .collect::<Vec<_>>()
    };
    let (one, other) = (json!({ "pupils": "Слияние" }), json!({ "subjects[0].took": "Класс" }));
    assert_eq!(told(one.clone(), one.clone()), [""; 0]);
    assert_eq!(
        told(one, other),
        [
            "explanations.subjects[0].took | Предметы, Русский, Писали: пояснение |  | Класс",
            "explanations.pupils | Учеников: пояснение | Слияние | ",
        ]
    );
}

#[test]
fn a_file_is_taken_by_its_name_size_and_digits() {
    let rule = FileRule::default();
    let told = |name: &str, size: u64| check_file(name, size, &rule).err();
    assert_eq!(told("план.pdf", 1), None);
    assert_eq!(told("план.PDF", rule.max_bytes), None);
    assert!(told("план.pdf", rule.max_bytes + 1).unwrap().starts_with("файл больше "));
    assert_eq!(told("план.pdf", 0).unwrap(), "файл пуст");
    assert!(told("план.exe", 1).unwrap().starts_with("нужен файл ."));
    assert!(told("план", 1).unwrap().starts_with("нужен файл ."));
    let long = |signs: usize| format!("{}.pdf", "ы".repeat(signs - 4));
    assert_eq!(told(&long(200), 1), None);
    assert_eq!(told(&long(201), 1).unwrap(), "имя файла — до 200 знаков");
    let kept = |hash: String| {
        named_file(&json!({ "name": "план.pdf", "size": 7, "sha256": hash, "more": 1 }), &rule)
    };
    let hash = "09af".repeat(16);
    let expected = json!({ "name": "план.pdf", "size": 7, "sha256": hash });
    assert_eq!(kept(hash), Ok(expected));
    for hash in ["a".repeat(63), "a".repeat(65), "g".repeat(64), "A".repeat(64), ":".repeat(64)] {
        assert_eq!(kept(hash.clone()), Err("выберите файл ещё раз".into()), "{hash}");
    }
}

#[test]
fn signs_that_nobody_sees_are_known_up_to_the_last_of_them() {
    let all = |seen: fn(char) -> bool| {
        let mut runs: Vec<(u32, u32)> = Vec::new();
        for c in (0..0x11_0000).filter_map(char::from_u32).filter(|c| seen(*c)) {
            let c = u32::from(c);
            match runs.last_mut() {
                Some((_, last)) if *last + 1 == c => *last = c,
                _ => runs.push((c, c)),
            }
        }
        runs
    };
    let turning = [(0x61c, 0x61c), (0x200e, 0x200f), (0x202a, 0x202e), (0x2066, 0x2069)];
    assert_eq!(all(turns), turning);
    let hiding =
        [(0x200b, 0x200d), (0x2028, 0x2029), (0x2060, 0x2065), (0x206a, 0x206f), (0xfeff, 0xfeff)];
    assert_eq!(all(hides), hiding);
    assert_eq!(all(|c| !is_printable(c)), [(0, 0x1f), (0x7f, 0x9f), (0xfffe, 0xffff)]);
    let long = "слово за словом и ещё одно слово\u{7}";
    assert_eq!(
        check_text(long, false).unwrap_err(),
        "уберите непечатный знак U+0007 после «вом и ещё одно слово» (знак 33)"
    );
}

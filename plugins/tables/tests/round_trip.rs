//! Whatever the form and whatever the answers: what went into a template comes out of it.

#![allow(clippy::unwrap_used)]

mod common;

use common::{heading, round_trip};
use proptest::prelude::*;
use proptest::sample::subsequence;
use serde_json::Value;
use vekha_plugin_tables::{Limits, Values, read, template, template_csv};
use vekha_proto::v1::{Choice, FieldType, Form, FormField, Required};

const SINGLE: [FieldType; 9] = [
    FieldType::Integer,
    FieldType::Decimal,
    FieldType::Percent,
    FieldType::Text,
    FieldType::LongText,
    FieldType::Date,
    FieldType::Choice,
    FieldType::Choices,
    FieldType::YesNo,
];

/// A label that people might write, and some that they should not.
fn label() -> impl Strategy<Value = String> {
    prop_oneof![
        "[А-Яа-яЁё]{1,8}( [а-яё0-9«»,;:.*?/()-]{1,8}){0,3}",
        Just("Участников".to_owned()),
        Just("«2»".to_owned()),
        Just("=1+1".to_owned()),
        Just("Ответ".to_owned()),
        Just(" ".to_owned()),
        "\\PC{1,40}",
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[а-яА-Я0-9 .,;\"'«»-]{1,40}",
        "[=+@'-][a-zа-я0-9()!\"]{0,20}",
        "\\PC{1,30}",
        "0[0-9]{1,6}",
        Just("да".to_owned()),
        Just("_x000D_".to_owned()),
        Just("15.09.2027".to_owned()),
        Just("&lt;b&gt;".to_owned()),
    ]
    .prop_map(|text| text.trim().to_owned())
    .prop_filter("blank text is no answer", |text| !text.trim_matches('\u{feff}').trim().is_empty())
}

fn field(id: String, kind: FieldType) -> impl Strategy<Value = FormField> {
    let options = prop::collection::vec(label(), 1..5).prop_map(|labels| {
        let options = labels.into_iter().enumerate();
        options.map(|(at, label)| Choice { value: format!("v{at}"), label }).collect::<Vec<_>>()
    });
    (label(), label(), "[а-я]{0,6}", options, any::<bool>()).prop_map(
        move |(label, help, section, options, unit)| {
            let chosen = matches!(kind, FieldType::Choice | FieldType::Choices);
            let texts = matches!(kind, FieldType::Text | FieldType::LongText);
            FormField {
                id: id.clone(),
                label,
                help: format!("Подсказка: {help}"),
                section,
                unit: if unit { "чел.".into() } else { String::new() },
                r#type: kind.into(),
                required: Required::Optional.into(),
                options: if chosen { options } else { Vec::new() },
                max_length: if texts { 4000 } else { 0 },
                ..FormField::default()
            }
        },
    )
}

fn single(id: String) -> impl Strategy<Value = FormField> {
    prop::sample::select(&SINGLE[..]).prop_flat_map(move |kind| field(id.clone(), kind))
}

fn singles(prefix: &'static str, most: usize) -> impl Strategy<Value = Vec<FormField>> {
    (1..=most).prop_flat_map(move |count| {
        (0..count).map(|at| single(format!("{prefix}{at}"))).collect::<Vec<_>>()
    })
}

fn table(id: String) -> impl Strategy<Value = FormField> {
    let rows = prop::collection::vec(label(), 0..4);
    (field(id, FieldType::Table), singles("c", 5), rows).prop_map(|(field, columns, rows)| {
        let max_rows = if rows.is_empty() { 30 } else { 0 };
        FormField { columns, max_rows, rows, section: String::new(), ..field }
    })
}

fn answer(field: &FormField) -> BoxedStrategy<Value> {
    let values: Vec<String> = field.options.iter().map(|option| option.value.clone()).collect();
    let decimals = |range: std::ops::Range<i64>| {
        range.prop_map(|n| {
            if n % 1000 == 0 { Value::from(n / 1000) } else { Value::from(n as f64 / 1000.0) }
        })
    };
    match field.r#type() {
        FieldType::Integer => (-1_000_000_i64..1_000_000_000).prop_map(Value::from).boxed(),
        FieldType::Decimal => decimals(-10_000_000..10_000_000).boxed(),
        FieldType::Percent => decimals(0..100_000).boxed(),
        FieldType::Text => text().prop_map(Value::from).boxed(),
        FieldType::LongText => prop::collection::vec(text(), 1..4)
            .prop_map(|lines| Value::from(lines.join("\n")))
            .boxed(),
        FieldType::Date => (1900_i32..2200, 1..13, 1..29)
            .prop_map(|(year, month, day)| Value::from(format!("{year}-{month:02}-{day:02}")))
            .boxed(),
        FieldType::Choice => prop::sample::select(values).prop_map(Value::from).boxed(),
        FieldType::Choices => {
            let most = values.len();
            subsequence(values, 1..=most).prop_map(Value::from).boxed()
        }
        FieldType::YesNo => prop::sample::select(vec!["yes", "no"]).prop_map(Value::from).boxed(),
        FieldType::Table => table_answer(field),
        FieldType::Histogram | FieldType::File | FieldType::Unspecified => unreachable!(),
    }
}

fn table_answer(table: &FormField) -> BoxedStrategy<Value> {
    let columns = table.columns.clone();
    let names = table.rows.clone();
    let count = if names.is_empty() { 1..6 } else { names.len()..names.len() + 1 };
    // A row of which nothing is filled is no row.
    let row = (answers(&columns[1..]), answer(&columns[0])).prop_map(move |(mut row, first)| {
        row.insert("c0".into(), first);
        row
    });
    prop::collection::vec(row, count)
        .prop_map(move |mut rows| {
            for (row, name) in rows.iter_mut().zip(&names) {
                row.insert("row".into(), name.as_str().into());
            }
            Value::from(rows.into_iter().map(Value::Object).collect::<Vec<_>>())
        })
        .boxed()
}

fn answers(fields: &[FormField]) -> BoxedStrategy<Values> {
    let given: Vec<_> = fields
        .iter()
        .map(|field| (Just(field.id.clone()), prop::option::weighted(0.8, answer(field))))
        .collect();
    given.prop_map(|given| given.into_iter().filter_map(|(id, a)| Some((id, a?))).collect()).boxed()
}

fn form(tables: std::ops::Range<usize>) -> impl Strategy<Value = (Form, Values)> {
    let tables = tables
        .prop_flat_map(|count| (0..count).map(|at| table(format!("t{at}"))).collect::<Vec<_>>());
    (singles("f", 6), tables, label())
        .prop_map(|(mut fields, tables, title)| {
            for (at, table) in tables.into_iter().enumerate() {
                fields.insert(at, table);
            }
            Form { id: "form".into(), title, fields, ..Form::default() }
        })
        .prop_flat_map(|form| {
            let answers = answers(&form.fields);
            (Just(form), answers)
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_answers_to_any_form_come_back_from_a_workbook((form, answers) in form(0..3)) {
        let sheet = round_trip(&form, &answers).unwrap();
        prop_assert_eq!(&sheet.mistakes, &[]);
        prop_assert_eq!(sheet.answers, answers);
    }

    #[test]
    fn any_answers_to_a_form_without_tables_come_back_from_csv((form, answers) in form(0..1)) {
        let bytes = template_csv(&form, Some(&answers)).unwrap();
        let sheet = read(&form, "a.csv", &bytes, &Limits::default()).unwrap();
        prop_assert_eq!(&sheet.mistakes, &[]);
        prop_assert_eq!(sheet.answers, answers);
    }

    #[test]
    fn any_rows_of_a_single_table_come_back_from_csv((form, answers) in form(1..2)) {
        let bytes = template_csv(&form, Some(&answers)).unwrap();
        let sheet = read(&form, "a.csv", &bytes, &Limits::default()).unwrap();
        prop_assert_eq!(&sheet.mistakes, &[]);
        prop_assert_eq!(sheet.answers.get("t0"), answers.get("t0"));
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let form = Form { fields: vec![FormField::default()], ..Form::default() };
        for name in ["a.xlsx", "a.csv", "a"] {
            let _ = read(&form, name, &bytes, &Limits::default());
        }
    }

    #[test]
    fn no_damage_to_a_workbook_makes_the_reader_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let (form, _) = common_form();
        let mut bytes = template(&form, &heading(), None).unwrap();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let _ = read(&form, "a.xlsx", &bytes, &Limits::default());
    }
}

/// A small form, made once for each case.
fn common_form() -> (Form, Values) {
    let field = FormField {
        id: "n".into(),
        label: "Учителей".into(),
        r#type: FieldType::Integer.into(),
        ..FormField::default()
    };
    (Form { id: "small".into(), fields: vec![field], ..Form::default() }, Values::new())
}

//! What a source is asked for: answers of every kind for two organisations.

use std::collections::BTreeSet;

use vekha_plugin::{FetchRequest, FieldKind, FieldOption, Record, WantedField};

pub fn request() -> FetchRequest {
    let option =
        |value: &str, label: &str| FieldOption { value: value.into(), label: label.into() };
    let options = || vec![option("low", "Базовый"), option("high", "Повышенный, углублённый")];
    let fields = [
        ("pupils", "Учеников", FieldKind::Number),
        ("share", "Доля", FieldKind::Percent),
        ("comment", "Пояснение", FieldKind::Text),
        ("held", "Дата", FieldKind::Date),
        ("order", "Приказ", FieldKind::YesNo),
        ("level", "Уровень", FieldKind::Choice(options())),
        ("levels", "Уровни", FieldKind::Choices(options())),
        ("classes", "Классы", FieldKind::Table),
    ];
    let field = |(id, label, kind): (&str, &str, FieldKind)| WantedField {
        id: id.into(),
        label: label.into(),
        kind,
        ..WantedField::default()
    };
    FetchRequest {
        form: "every".into(),
        period: "2026-27".into(),
        fields: fields.map(field).into(),
        organisations: vec!["school-1".into(), "17".into()],
        key: String::new(),
        municipality: String::new(),
        activity: String::new(),
    }
}

/// Records answer what was asked, once for each organisation.
pub fn assert_records(request: &FetchRequest, records: &[Record]) {
    let mut seen = BTreeSet::new();
    for record in records {
        assert!(request.organisations.contains(&record.organisation), "{}", record.organisation);
        assert!(seen.insert(&record.organisation), "{} twice", record.organisation);
        let asked = |id: &String| request.fields.iter().any(|field| field.id == *id);
        assert!(record.answers.keys().all(asked), "{:?}", record.answers);
    }
}

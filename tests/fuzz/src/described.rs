//! A form as spreadsheets know it, as the daemon describes it: no files, and a histogram is a table.

use vekha_proto::v1::{Choice, FieldType, Form, FormField, Required};
use vekha_roadmap::model::{self, FieldKind, Rows};

pub fn describe(form: &model::Form) -> Form {
    let held = form.fields.iter().filter(|field| !matches!(field.kind, FieldKind::File(_)));
    Form {
        id: form.id.clone(),
        title: form.title.clone(),
        fields: held.map(question).collect(),
        ..Form::default()
    }
}

fn question(field: &model::Field) -> FormField {
    let required = match field.required {
        model::Required::Always => Required::Always,
        model::Required::Optional => Required::Optional,
        model::Required::When(_) => Required::When,
    };
    let mut described = FormField {
        id: field.id.clone(),
        label: field.label.clone(),
        section: field.section.clone(),
        unit: field.unit.clone(),
        required: required.into(),
        ..FormField::default()
    };
    let kind = match &field.kind {
        FieldKind::Integer(_) => FieldType::Integer,
        FieldKind::Decimal(_) => FieldType::Decimal,
        FieldKind::Percent(_) => FieldType::Percent,
        FieldKind::Text { .. } => FieldType::Text,
        FieldKind::LongText { .. } => FieldType::LongText,
        FieldKind::Date => FieldType::Date,
        FieldKind::YesNo => FieldType::YesNo,
        FieldKind::Choice(options) | FieldKind::Choices(options) => {
            let option =
                |o: &model::Choice| Choice { value: o.value.clone(), label: o.label.clone() };
            described.options = options.iter().map(option).collect();
            if matches!(field.kind, FieldKind::Choice(_)) {
                FieldType::Choice
            } else {
                FieldType::Choices
            }
        }
        FieldKind::Histogram(scores) => {
            described.rows = scores.all().map(|score| score.to_string()).collect();
            described.columns = vec![FormField {
                id: "count".into(),
                label: "Сколько получили".into(),
                r#type: FieldType::Integer.into(),
                required: Required::Optional.into(),
                ..FormField::default()
            }];
            FieldType::Table
        }
        FieldKind::Table(table) => {
            described.columns = table.columns.iter().map(question).collect();
            match &table.rows {
                Rows::Fixed(rows) => described.rows.clone_from(rows),
                Rows::Free { max, .. } => described.max_rows = *max as u32,
            }
            FieldType::Table
        }
        FieldKind::File(_) => unreachable!("left out"),
    };
    described.r#type = kind.into();
    described
}

//! What formulas may name: the fields of forms, the indicators of analyses, and what stands beside
//! them.

use super::{Scope, Type};
use crate::model::{Analysis, Field, FieldKind, Form};

/// The type of a field's answer.
pub fn field_type(field: &Field) -> Type {
    match &field.kind {
        FieldKind::Integer(_) | FieldKind::Decimal(_) | FieldKind::Percent(_) => Type::Number,
        FieldKind::Text { .. }
        | FieldKind::LongText { .. }
        | FieldKind::Date
        | FieldKind::Choice(_)
        | FieldKind::YesNo => Type::Text,
        FieldKind::File(_) => Type::Record(
            [("name".to_owned(), Type::Text), ("size".to_owned(), Type::Number)]
                .into_iter()
                .collect(),
        ),
        FieldKind::Histogram(_) => Type::List(Box::new(Type::Number)),
        FieldKind::Choices(_) => Type::List(Box::new(Type::Text)),
        FieldKind::Table(table) => Type::List(Box::new(Type::Record(row(&table.columns)))),
    }
}

fn row(columns: &[Field]) -> Scope {
    let heading = ("row".to_owned(), Type::Text);
    columns.iter().map(|c| (c.id.clone(), field_type(c))).chain([heading]).collect()
}

/// What formulas of a form see.
pub fn form_scope(form: &Form) -> Scope {
    form.fields.iter().map(|f| (f.id.clone(), field_type(f))).collect()
}

/// What a rule over the rows of a table sees: the form's fields, and `row`.
pub fn row_scope(form: &Form, table: &str) -> Scope {
    let mut scope = form_scope(form);
    let columns = form.field(table).and_then(|f| match &f.kind {
        FieldKind::Table(table) => Some(table.columns.as_slice()),
        _ => None,
    });
    scope.insert("row".into(), Type::Record(row(columns.unwrap_or_default())));
    scope
}

fn numbers<'a>(names: impl Iterator<Item = &'a String>) -> Type {
    Type::Record(names.map(|n| (n.clone(), Type::Number)).collect())
}

/// What the formula of the `position`-th indicator sees, given what the datasets offer.
pub fn analysis_scope(analysis: &Analysis, datasets: &Scope, position: usize) -> Scope {
    let mut scope = datasets.clone();
    for indicator in analysis.indicators.iter().take(position) {
        scope.insert(indicator.id.clone(), Type::Number);
    }
    scope.insert("threshold".into(), numbers(analysis.thresholds.keys()));
    scope.insert("earlier".into(), numbers(analysis.indicators.iter().map(|i| &i.id)));
    scope.insert("organisation".into(), Type::Text);
    scope
}

/// What rules see: all indicators, their places and distances, and the municipality's figures.
pub fn rule_scope(analysis: &Analysis, datasets: &Scope) -> Scope {
    let mut scope = analysis_scope(analysis, datasets, analysis.indicators.len());
    let aggregate = [
        "sum",
        "mean",
        "median",
        "min",
        "max",
        "deviation",
        "lower_quartile",
        "upper_quartile",
        "count",
    ]
    .map(|name| (name.to_owned(), Type::Number));
    let aggregate = Type::Record(aggregate.into_iter().collect());
    let ids = || analysis.indicators.iter().map(|i| &i.id);
    scope.insert(
        "municipality".into(),
        Type::Record(ids().map(|id| (id.clone(), aggregate.clone())).collect()),
    );
    scope.insert("rank".into(), numbers(ids()));
    scope.insert("outlier".into(), numbers(ids()));
    scope
}

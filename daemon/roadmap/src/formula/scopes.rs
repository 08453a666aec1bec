//! What formulas may name: the fields of forms, the indicators of analyses, and what stands beside
//! them.

use super::{Scope, Type};
use crate::model::{Analysis, BESIDE, Field, FieldKind, Form, Grouping, ROWS};

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
    let mut scope: Scope = form.fields.iter().map(|f| (f.id.clone(), field_type(f))).collect();
    if !form.thresholds.is_empty() {
        scope.insert("threshold".into(), numbers(form.thresholds.keys()));
    }
    scope
}

/// What formulas see of a group of rows, given the columns of these and of those that stand beside
/// them.
pub fn group_type(columns: &Scope, grouping: &Grouping, beside: Option<&Scope>) -> Scope {
    let common = grouping.by.iter().filter_map(|column| columns.get_key_value(column));
    let mut group: Scope = common.map(|(id, kind)| (id.clone(), kind.clone())).collect();
    let rows = |columns: &Scope| Type::List(Box::new(Type::Record(columns.clone())));
    group.insert(ROWS.into(), rows(columns));
    group.extend(beside.map(|columns| (BESIDE.to_owned(), rows(columns))));
    group
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

/// What formulas that select rows see, given what the datasets offer and the types of the row sets
/// before: no indicators, which are computed later.
pub fn rows_scope(analysis: &Analysis, datasets: &Scope, rows: &Scope) -> Scope {
    let mut scope = datasets.clone();
    scope.extend(rows.clone());
    scope.insert("threshold".into(), numbers(analysis.thresholds.keys()));
    scope.insert("earlier".into(), Type::Record(rows.clone()));
    scope.insert("organisation".into(), Type::Text);
    scope
}

/// The type of a row set whose formula yields this: with a key, each row has what the others have.
pub fn rows_type(yielded: Type, keyed: bool) -> Type {
    let Type::List(row) = yielded else { return Type::Any };
    let mut row = *row;
    if let (Type::Record(columns), true) = (&mut row, keyed) {
        let numbers = columns.iter().filter(|(_, kind)| **kind == Type::Number);
        let mut others: Scope = numbers.map(|(id, kind)| (id.clone(), kind.clone())).collect();
        others.insert("organisations".into(), Type::Number);
        columns.insert("others".into(), Type::Record(others));
    }
    Type::List(Box::new(row))
}

/// What the formula of the `position`-th indicator sees, given what the datasets offer and the types
/// of the row sets.
pub fn analysis_scope(
    analysis: &Analysis,
    datasets: &Scope,
    rows: &Scope,
    position: usize,
) -> Scope {
    let mut scope = rows_scope(analysis, datasets, rows);
    for indicator in analysis.indicators.iter().take(position) {
        scope.insert(indicator.id.clone(), Type::Number);
    }
    if let Some(Type::Record(earlier)) = scope.get_mut("earlier") {
        earlier.extend(analysis.indicators.iter().map(|i| (i.id.clone(), Type::Number)));
    }
    scope
}

/// What rules see: all indicators, their places and distances, and the municipality's figures.
pub fn rule_scope(analysis: &Analysis, datasets: &Scope, rows: &Scope) -> Scope {
    let mut scope = analysis_scope(analysis, datasets, rows, analysis.indicators.len());
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
    let aggregate: Scope = aggregate.into_iter().collect();
    let ids = || analysis.indicators.iter().map(|i| &i.id);
    let municipality = analysis.indicators.iter().map(|indicator| {
        let mut known = aggregate.clone();
        // Of the municipality as a whole only a plugin says a value of its own.
        if indicator.formula.is_none() {
            known.insert("whole".to_owned(), Type::Number);
        }
        (indicator.id.clone(), Type::Record(known))
    });
    scope.insert("municipality".into(), Type::Record(municipality.collect()));
    scope.insert("rank".into(), numbers(ids()));
    scope.insert("outlier".into(), numbers(ids()));
    scope
}

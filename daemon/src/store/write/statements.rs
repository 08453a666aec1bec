//! Many rows into a table by few statements.
//!
//! The same statements come again and again, so that the driver has them prepared. PostgreSQL is told
//! the columns as arrays: one statement for however many rows. SQLite, which knows no arrays and is
//! near, takes portions of a handful of sizes. What of an existing row never changes is not written
//! again; the indexes over it are left alone.

use crate::store::StoreError;
use std::fmt::Write as _;

use sea_orm::{
    ActiveModelTrait, ColumnTrait, ColumnType, ConnectionTrait, DatabaseBackend, EntityTrait,
    IdenStatic, IntoActiveModel, Iterable, PrimaryKeyToColumn, Statement, Value,
};

/// Most rows of one statement: the database waits for the next one in between. A row has less than
/// twenty values, and SQLite takes 32,766.
const PORTION: usize = 512;

/// What becomes of a row whose key exists.
#[derive(Debug, Clone, Copy)]
pub(super) enum Existing<C: 'static> {
    /// That must not be: the statement fails.
    Refuse,
    /// It stays as it is.
    Keep,
    /// These columns take the new values; the others are the same anyway.
    Change(&'static [C]),
}

/// The statements that insert rows, each built when it is asked for. All rows set the same columns.
pub(super) fn insert<E, A, M>(
    backend: DatabaseBackend,
    rows: Vec<M>,
    existing: Existing<E::Column>,
) -> impl Iterator<Item = Statement>
where
    E: EntityTrait,
    A: ActiveModelTrait<Entity = E>,
    M: IntoActiveModel<A>,
{
    insert_after(backend, None, rows, existing)
}

/// The same for rows that PostgreSQL inserts when something else, of a single row, has been found.
pub(super) fn insert_after<E, A, M>(
    backend: DatabaseBackend,
    after: Option<&'static str>,
    rows: Vec<M>,
    existing: Existing<E::Column>,
) -> impl Iterator<Item = Statement>
where
    E: EntityTrait,
    A: ActiveModelTrait<Entity = E>,
    M: IntoActiveModel<A>,
{
    let mut rows = rows.into_iter().map(IntoActiveModel::into_active_model).peekable();
    let columns: Vec<E::Column> = match rows.peek() {
        Some(row) => E::Column::iter().filter(|column| !row.get(*column).is_not_set()).collect(),
        None => vec![],
    };
    std::iter::from_fn(move || {
        let portion = PORTION.min(1 << rows.len().checked_ilog2()?);
        let (source, values) = match backend {
            DatabaseBackend::Postgres => {
                let values = arrays(&columns, rows.by_ref().take(PORTION));
                (unnested::<E>(&columns, after), values)
            }
            _ => {
                let mut values = Vec::with_capacity(portion * columns.len());
                for mut row in rows.by_ref().take(portion) {
                    values.extend(columns.iter().filter_map(|c| row.take(*c).into_value()));
                }
                (placeholders(columns.len(), portion), values)
            }
        };
        let text = text::<E>(&columns, &source, existing);
        Some(Statement::from_sql_and_values(backend, text, values))
    })
}

/// Rows as one array for each column.
fn arrays<A: ActiveModelTrait>(
    columns: &[<A::Entity as EntityTrait>::Column],
    rows: impl Iterator<Item = A>,
) -> Vec<Value> {
    let mut arrays = vec![String::from("{"); columns.len()];
    for mut row in rows {
        for (array, column) in arrays.iter_mut().zip(columns) {
            if array.len() > 1 {
                array.push(',');
            }
            push(array, row.take(*column).into_value());
        }
    }
    arrays.into_iter().map(|array| Value::from(array + "}")).collect()
}

/// Texts as one array.
pub(super) fn array(texts: impl IntoIterator<Item = String>) -> Value {
    let mut array = String::from("{");
    for text in texts {
        if array.len() > 1 {
            array.push(',');
        }
        push(&mut array, Some(text.into()));
    }
    Value::from(array + "}")
}

/// Writes an element as PostgreSQL reads it within an array.
fn push(array: &mut String, value: Option<Value>) {
    // Writing to a string cannot fail.
    let _ = match value {
        Some(Value::String(Some(text))) => {
            array.push('"');
            for part in text.split_inclusive(['"', '\\']) {
                match part.strip_suffix(['"', '\\']) {
                    Some(plain) => array.extend([plain, "\\", &part[plain.len()..]]),
                    None => array.push_str(part),
                }
            }
            write!(array, "\"")
        }
        Some(Value::BigInt(Some(number))) => write!(array, "{number}"),
        Some(Value::Int(Some(number))) => write!(array, "{number}"),
        Some(Value::Bool(Some(is))) => write!(array, "{is}"),
        None => write!(array, "NULL"),
        Some(Value::String(None) | Value::BigInt(None) | Value::Int(None) | Value::Bool(None)) => {
            write!(array, "NULL")
        }
        Some(other) => unreachable!("no table that steps write has a column of {other:?}"),
    };
}

/// Where PostgreSQL takes rows from.
fn unnested<E: EntityTrait>(columns: &[E::Column], after: Option<&str>) -> String {
    let arrays = list(columns.iter().enumerate().map(|(place, column)| {
        let kind = match column.def().get_column_type() {
            ColumnType::BigInteger => "bigint",
            ColumnType::Integer => "integer",
            ColumnType::Boolean => "boolean",
            _ => "text",
        };
        format!("${}::{kind}[]", place + 1)
    }));
    let after = after.map(|after| format!("{after} CROSS JOIN ")).unwrap_or_default();
    format!("SELECT \"new\".* FROM {after}unnest({arrays}) AS \"new\"")
}

/// Where SQLite takes rows from.
fn placeholders(columns: usize, rows: usize) -> String {
    let row = format!("({})", list(std::iter::repeat_n("?".to_owned(), columns)));
    format!("VALUES {row}{}", format!(", {row}").repeat(rows - 1))
}

/// Executes statements one after the other; each is built while the database is busy with the one
/// before it.
///
/// # Errors
/// When the database refuses one of them.
pub(super) async fn execute(
    db: &impl ConnectionTrait,
    mut statements: impl Iterator<Item = Statement>,
) -> Result<(), StoreError> {
    let mut next = statements.next();
    while let Some(statement) = next {
        let (executed, following) =
            tokio::join!(biased; db.execute_raw(statement), async { statements.next() });
        executed?;
        next = following;
    }
    Ok(())
}

fn text<E: EntityTrait>(
    columns: &[E::Column],
    source: &str,
    existing: Existing<E::Column>,
) -> String {
    let names = |columns: &[E::Column]| list(columns.iter().map(|c| format!("\"{}\"", c.as_str())));
    let table = E::default();
    let mut text = format!("INSERT INTO \"{}\" ({}) {source}", table.table_name(), names(columns));
    match existing {
        Existing::Refuse => {}
        Existing::Keep => text.push_str(" ON CONFLICT DO NOTHING"),
        Existing::Change(changing) => {
            let keys: Vec<_> = E::PrimaryKey::iter().map(PrimaryKeyToColumn::into_column).collect();
            let changes = list(changing.iter().map(|column| {
                let name = column.as_str();
                format!("\"{name}\" = \"excluded\".\"{name}\"")
            }));
            let _ = write!(text, " ON CONFLICT ({}) DO UPDATE SET {changes}", names(&keys));
        }
    }
    text
}

fn list(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

//! Many rows into a table by few statements.
//!
//! Rows go in by portions of a handful of sizes: the same statements come again and again, so that
//! the driver has them prepared. What of an existing row never changes is not written again; the
//! indexes over it are left alone.

use std::fmt::Write as _;

use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DatabaseBackend, DbErr, EntityTrait, IdenStatic,
    IntoActiveModel, Iterable, PrimaryKeyToColumn, Statement, Values,
};
use sea_query_sqlx::SqlxValues;
use sqlx::{AssertSqlSafe, SqliteTransaction};

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
    let mut rows = rows.into_iter().map(IntoActiveModel::into_active_model).peekable();
    let columns: Vec<E::Column> = match rows.peek() {
        Some(row) => E::Column::iter().filter(|column| !row.get(*column).is_not_set()).collect(),
        None => vec![],
    };
    std::iter::from_fn(move || {
        let portion = PORTION.min(1 << rows.len().checked_ilog2()?);
        let mut values = Vec::with_capacity(portion * columns.len());
        for mut row in rows.by_ref().take(portion) {
            values.extend(columns.iter().filter_map(|column| row.take(*column).into_value()));
        }
        let text = text::<E>(backend, &columns, portion, existing);
        Some(Statement::from_sql_and_values(backend, text, values))
    })
}

/// Executes statements one after the other; each is built while the database is busy with the one
/// before it.
///
/// # Errors
/// When the database refuses one of them.
pub(super) async fn execute(
    db: &impl ConnectionTrait,
    mut statements: impl Iterator<Item = Statement>,
) -> Result<(), DbErr> {
    let mut next = statements.next();
    while let Some(statement) = next {
        let (executed, following) =
            tokio::join!(biased; db.execute_raw(statement), async { statements.next() });
        executed?;
        next = following;
    }
    Ok(())
}

/// The same for SQLite, past sea-orm, which would copy all values once more.
///
/// # Errors
/// When the database refuses one of them.
pub(super) async fn execute_on_sqlite(
    transaction: &mut SqliteTransaction<'_>,
    mut statements: impl Iterator<Item = Statement>,
) -> Result<(), sqlx::Error> {
    let mut next = statements.next();
    while let Some(Statement { sql, values, .. }) = next {
        let values = SqlxValues(values.unwrap_or(Values(vec![])));
        let query = sqlx::query_with(AssertSqlSafe(sql), values);
        let (executed, following) = tokio::join!(
            biased;
            query.execute(&mut **transaction),
            async { statements.next() }
        );
        executed?;
        next = following;
    }
    Ok(())
}

/// The statement for so many rows; SQLite and PostgreSQL differ in the placeholders alone.
fn text<E: EntityTrait>(
    backend: DatabaseBackend,
    columns: &[E::Column],
    rows: usize,
    existing: Existing<E::Column>,
) -> String {
    let names = |columns: &[E::Column]| list(columns.iter().map(|c| format!("\"{}\"", c.as_str())));
    let mut text =
        format!("INSERT INTO \"{}\" ({}) VALUES ", E::default().table_name(), names(columns));
    for place in 0..rows * columns.len() {
        text.push_str(match (place, place % columns.len()) {
            (0, _) => "(",
            (_, 0) => "), (",
            _ => ", ",
        });
        match backend {
            // Writing to a string cannot fail.
            DatabaseBackend::Postgres => write!(text, "${}", place + 1).unwrap_or_default(),
            _ => text.push('?'),
        }
    }
    text.push(')');
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

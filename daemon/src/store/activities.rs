//! The journal of an activity itself: when its schedule was stopped and resumed, by whom and why. It
//! is a chain of its own beside those of the activity's runs, under the activity's id; the activity's
//! row holds its head.

use jiff::Timestamp;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait as _, ColumnTrait as _, ConnectionTrait, DatabaseBackend, DbErr,
    EntityTrait as _, QueryFilter as _, Set,
};
use vekha_engine::journal::Head;

use super::entities::activity;
use super::entities::journal::ActiveModel;
use super::proof::Evidence;
use super::{Lock, StoreError, instant, micros};

/// What happened to an activity.
#[derive(Debug, Clone)]
pub struct Happened<'a> {
    /// When.
    pub at: Timestamp,
    /// Who did it.
    pub actor: &'a str,
    /// What.
    pub what: vekha_engine::Happened,
    /// Version of the road map in force.
    pub road_map: u32,
}

/// Appends to the journal of an activity, within a transaction. Returns by what its commit is proved.
pub(super) async fn note(
    db: &impl ConnectionTrait,
    id: &str,
    happened: Happened<'_>,
) -> Result<Evidence, StoreError> {
    if db.get_database_backend() == DatabaseBackend::Postgres {
        // As with every entry: who reads from a cursor on never meets a smaller one that came later.
        db.execute_raw(Lock::Journal.statement()).await?;
    }
    let row = activity::Entity::find_by_id(id).one(db).await?;
    let row = row.ok_or_else(|| DbErr::RecordNotFound(id.to_owned()))?;
    let mut head = head(&row);
    let Happened { at, actor, what, road_map } = happened;
    let entry = head.append(instant(micros(at)), actor, &what);
    let evidence =
        Evidence { run: id.to_owned(), sequence: entry.sequence as i64, hash: entry.hash.clone() };
    let row = ActiveModel {
        cursor: sea_orm::NotSet,
        run: Set(id.to_owned()),
        sequence: Set(entry.sequence as i64),
        at: Set(micros(entry.at)),
        actor: Set(entry.actor),
        kind: Set(entry.kind),
        data: Set(entry.data),
        road_map: Set(road_map as i32),
        hash: Set(entry.hash),
    };
    row.insert(db).await?;
    activity::Entity::update_many()
        .col_expr(activity::Column::JournalSequence, Expr::value(evidence.sequence))
        .col_expr(activity::Column::JournalHash, Expr::value(evidence.hash.as_str()))
        .filter(activity::Column::Id.eq(id))
        .exec(db)
        .await?;
    Ok(evidence)
}

/// Where the journal of an activity stands, as its row says.
pub fn head(row: &activity::Model) -> Head {
    match row.journal_sequence {
        0 => Head::of(&row.id),
        sequence => Head { sequence: sequence as u64, hash: row.journal_hash.clone() },
    }
}

//! Activities: how far their schedules have been carried out, whether they are stopped, and their own
//! journal of when that happened, by whom and why. It is a chain beside those of the activity's runs,
//! under the activity's id; the activity's row holds its head.

use jiff::Timestamp;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveModelTrait as _, ColumnTrait as _, Condition, ConnectionTrait, DatabaseBackend, DbErr,
    EntityTrait as _, IntoActiveModel as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    TransactionTrait as _,
};
use vekha_engine::journal::Head;

use super::requests;
use crate::store::entities::journal::ActiveModel;
use crate::store::entities::{activity, request};
use crate::store::proof::Evidence;
use crate::store::read::Filter;
use crate::store::{Lock, Store, StoreError, instant, micros};

/// How a schedule is stopped or resumed.
#[derive(Debug, Clone, Copy)]
pub struct Pause<'a> {
    /// Stopped.
    pub paused: bool,
    /// Why.
    pub reason: &'a str,
    /// By whom.
    pub actor: &'a str,
}

/// What came of stopping or resuming a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paused {
    /// It was done.
    Now,
    /// It was done before, under the same request id.
    Before,
    /// It has changed since the caller saw it.
    Stale,
    /// There is no such schedule.
    Unknown,
}

impl Store {
    /// The schedule rows of a municipality.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn activities(&self, municipality: &str) -> Result<Vec<activity::Model>, StoreError> {
        Ok(activity::Entity::find()
            .filter(activity::Column::Municipality.eq(municipality))
            .all(self.reader())
            .await?)
    }

    /// Ids of activities that a filter holds.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn list_activities(&self, f: &Filter) -> Result<Vec<String>, StoreError> {
        let of = |column: activity::Column, value: &Option<String>| {
            value.as_ref().map(|value| column.eq(value.as_str()))
        };
        let own = Condition::all()
            .add_option(of(activity::Column::Municipality, &f.municipality))
            .add_option(of(activity::Column::Activity, &f.activity));
        let ids = activity::Entity::find().select_only().column(activity::Column::Id);
        Ok(ids
            .filter(own)
            .order_by_asc(activity::Column::Id)
            .into_tuple()
            .all(self.reader())
            .await?)
    }

    /// Writes schedule rows, new or moved on. Whether an existing one is paused is left as it is.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn save_activities(&self, rows: Vec<activity::Model>) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        let rows = rows.into_iter().map(|row| row.into_active_model().reset_all());
        activity::Entity::insert_many(rows)
            .on_conflict(
                OnConflict::column(activity::Column::Id)
                    .update_columns([
                        activity::Column::OpenedThrough,
                        activity::Column::NextOpening,
                    ])
                    .to_owned(),
            )
            .exec_without_returning(self.writer())
            .await?;
        Ok(())
    }

    /// Stops or resumes a schedule, together with the request that asks for it and the entry that
    /// tells of it. Nothing else of the row changes: it may be moved on at the same time.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn pause_activity(
        &self,
        id: &str,
        pause: Pause<'_>,
        seen: Option<&activity::Model>,
        request: Option<request::Model>,
        happened: Happened<'_>,
    ) -> Result<Paused, StoreError> {
        self.sound()?;
        let transaction = self.writer().begin().await?;
        if let Some(request) = request
            && !requests::keep(&transaction, request).await?
        {
            transaction.rollback().await?;
            return Ok(Paused::Before);
        }
        if let Some((municipality, LETTERS)) = id.split_once('/') {
            keep_chain(&transaction, id, municipality, LETTERS).await?;
        }
        let mut update = activity::Entity::update_many()
            .col_expr(activity::Column::Paused, Expr::value(pause.paused))
            .col_expr(activity::Column::Reason, Expr::value(pause.reason))
            .col_expr(activity::Column::Actor, Expr::value(pause.actor))
            .filter(activity::Column::Id.eq(id));
        if let Some(seen) = seen {
            update = update
                .filter(activity::Column::Paused.eq(seen.paused))
                .filter(activity::Column::Reason.eq(seen.reason.as_str()))
                .filter(activity::Column::Actor.eq(seen.actor.as_str()))
                .filter(activity::Column::OpenedThrough.eq(seen.opened_through));
        }
        let paused = update.exec(&transaction).await?.rows_affected == 1;
        if paused {
            let evidence = note(&transaction, id, happened).await?;
            transaction.commit().await?;
            self.prove(&evidence).await?;
            return Ok(Paused::Now);
        }
        transaction.rollback().await?;
        Ok(if seen.is_some() { Paused::Stale } else { Paused::Unknown })
    }
}

/// Stands for a municipality's letters where activities stand: their row says whether they are held,
/// and holds the head of the journal of what is done to them. No activity can be called so.
pub const LETTERS: &str = "@letters";

/// Where the journal of a municipality's letters stands.
pub fn chain_of_letters(municipality: &str) -> String {
    format!("{municipality}/{LETTERS}")
}

/// Sees to it that a chain beside those of runs and activities has a row to hold its head.
pub(super) async fn keep_chain(
    db: &impl ConnectionTrait,
    id: &str,
    municipality: &str,
    activity: &str,
) -> Result<(), StoreError> {
    let row = activity::Model {
        id: id.to_owned(),
        municipality: municipality.to_owned(),
        activity: activity.to_owned(),
        opened_through: 0,
        next_opening: None,
        paused: false,
        reason: String::new(),
        actor: String::new(),
        journal_sequence: 0,
        journal_hash: String::new(),
    };
    let once = OnConflict::column(activity::Column::Id).do_nothing().to_owned();
    let row = row.into_active_model().reset_all();
    activity::Entity::insert(row).on_conflict(once).exec_without_returning(db).await?;
    Ok(())
}

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
    let (sequence, hash) = (entry.sequence as i64, entry.hash.clone());
    let row = ActiveModel::of(id, entry, road_map);
    let evidence = Evidence { run: id.to_owned(), sequence, hash };
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

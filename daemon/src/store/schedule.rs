//! What is due: openings of activities, jobs, versions of the road map.

use jiff::Timestamp;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict, SimpleExpr};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait, TransactionTrait as _,
};

use super::activities::{self, Happened};
use super::entities::{activity, job, request, road_map};
use super::queries::Filter;
use super::{Store, StoreError, micros, requests};

/// Which jobs are meant: those that ask other systems may take their time and must hold up nothing
/// else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jobs {
    /// All that the daemon does by itself.
    Own,
    /// Those that ask sources.
    Fetches,
}

impl Jobs {
    fn condition(self) -> SimpleExpr {
        match self {
            Jobs::Own => job::Column::Kind.ne("fetch"),
            Jobs::Fetches => job::Column::Kind.eq("fetch"),
        }
    }
}

/// Whether a job of our own or an opening is due.
pub(super) fn work_is_due(now: Timestamp) -> SimpleExpr {
    let job = job::Entity::find()
        .select_only()
        .expr(Expr::value(1))
        .filter(Jobs::Own.condition())
        .filter(job::Column::DueAt.lte(micros(now)));
    let opening = activity::Entity::find()
        .select_only()
        .expr(Expr::value(1))
        .filter(activity::Column::Paused.eq(false))
        .filter(activity::Column::NextOpening.lte(micros(now)));
    Expr::exists(job.into_query()).or(Expr::exists(opening.into_query()))
}

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
    /// Jobs that are due, oldest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn due_jobs(
        &self,
        which: Jobs,
        now: Timestamp,
        limit: u64,
    ) -> Result<Vec<job::Model>, StoreError> {
        Ok(job::Entity::find()
            .filter(which.condition())
            .filter(job::Column::DueAt.lte(micros(now)))
            .order_by_asc(job::Column::DueAt)
            .order_by_asc(job::Column::Key)
            .limit(limit)
            .all(self.reader())
            .await?)
    }

    /// Puts a job off after a failed try.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn postpone_job(
        &self,
        key: &str,
        to: Timestamp,
        error: &str,
    ) -> Result<(), StoreError> {
        job::Entity::update_many()
            .col_expr(job::Column::DueAt, Expr::value(micros(to)))
            .col_expr(job::Column::Attempts, Expr::col(job::Column::Attempts).add(1))
            .col_expr(job::Column::Error, Expr::value(error))
            .filter(job::Column::Key.eq(key))
            .exec(self.writer())
            .await?;
        Ok(())
    }

    /// Forgets a job that has nothing to do any more.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn drop_job(&self, key: &str) -> Result<(), StoreError> {
        job::Entity::delete_by_id(key).exec(self.writer()).await?;
        Ok(())
    }

    /// When the next job of these is due.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn next_job_at(&self, which: Jobs) -> Result<Option<i64>, StoreError> {
        Ok(job::Entity::find()
            .select_only()
            .column_as(job::Column::DueAt.min(), "at")
            .filter(which.condition())
            .into_tuple::<Option<i64>>()
            .one(self.reader())
            .await
            .map(Option::flatten)?)
    }

    /// When the next job of our own or opening is due.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn next_due_at(&self) -> Result<Option<i64>, StoreError> {
        let job = self.next_job_at(Jobs::Own).await?;
        let opening = activity::Entity::find()
            .select_only()
            .column_as(activity::Column::NextOpening.min(), "at")
            .filter(activity::Column::Paused.eq(false))
            .into_tuple::<Option<i64>>()
            .one(self.reader())
            .await?
            .flatten();
        Ok(job.into_iter().chain(opening).min())
    }

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
            let evidence = activities::note(&transaction, id, happened).await?;
            transaction.commit().await?;
            self.prove(&evidence).await?;
            return Ok(Paused::Now);
        }
        transaction.rollback().await?;
        Ok(if seen.is_some() { Paused::Stale } else { Paused::Unknown })
    }

    /// Ids of all versions of all road maps.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn road_map_ids(&self) -> Result<Vec<String>, StoreError> {
        Ok(road_map::Entity::find()
            .select_only()
            .column(road_map::Column::Id)
            .into_tuple()
            .all(self.reader())
            .await?)
    }

    /// Versions of road maps by id.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn road_maps(&self, ids: &[String]) -> Result<Vec<road_map::Model>, StoreError> {
        Ok(road_map::Entity::find()
            .filter(road_map::Column::Id.is_in(ids.iter().map(String::as_str)))
            .all(self.reader())
            .await?)
    }

    /// Keeps a new version, together with the request that asks for it. Returns false, and keeps
    /// nothing, if that request has been carried out.
    ///
    /// # Errors
    /// When the database cannot be written, or the version exists.
    pub async fn add_road_map(
        &self,
        row: road_map::Model,
        request: Option<request::Model>,
    ) -> Result<bool, StoreError> {
        let transaction = self.writer().begin().await?;
        if let Some(request) = request
            && !requests::keep(&transaction, request).await?
        {
            transaction.rollback().await?;
            return Ok(false);
        }
        let row = row.into_active_model().reset_all();
        let added = road_map::Entity::insert(row).exec_without_returning(&transaction).await;
        match added {
            Ok(_) => Ok(transaction.commit().await.map(|()| true)?),
            Err(e) => {
                // The connection is to be clear of what failed, whatever becomes of that.
                transaction.rollback().await.ok();
                Err(e.into())
            }
        }
    }
}

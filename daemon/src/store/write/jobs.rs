//! Work to be done, and when.

use jiff::Timestamp;
use sea_orm::sea_query::{Expr, ExprTrait, SimpleExpr};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait};

use crate::store::entities::{activity, job};
use crate::store::{Store, StoreError, micros};

/// Which jobs are meant: those that ask other systems may take their time and must hold up nothing
/// else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jobs {
    /// All that the daemon does by itself.
    Own,
    /// Those that ask sources.
    Fetches,
    /// Those that ask analyzers.
    Consults,
}

impl Jobs {
    fn condition(self) -> SimpleExpr {
        match self {
            Jobs::Own => job::Column::Kind.is_not_in(["fetch", "consult"]),
            Jobs::Fetches => job::Column::Kind.eq("fetch"),
            Jobs::Consults => job::Column::Kind.eq("consult"),
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
}

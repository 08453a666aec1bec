//! The outbox: messages committed with the state that caused them, claimed, sent, settled.
//!
//! A message is claimed (`sending`, with a lease) in a commit of its own before it is handed to a
//! plugin. Whoever finds it still `sending` after the lease cannot know whether it went out: it is
//! tried again under the same Message-ID and marked `uncertain`.

use jiff::{SignedDuration, Timestamp};
use sea_orm::sea_query::{Expr, ExprTrait, LockBehavior, LockType};
use sea_orm::{
    ColumnTrait, Condition, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    TransactionTrait,
};

use super::entities::outbox::{Column, Entity, Model};
use super::{Store, micros};

/// How long a claim holds.
pub const LEASE: SignedDuration = SignedDuration::from_mins(10);

/// How a delivery ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// Accepted.
    Sent,
    /// Try again at this time; `uncertain` if it may have been accepted all the same.
    Retry {
        /// When.
        at: Timestamp,
        /// Whether the result is unknown.
        uncertain: bool,
        /// What went wrong.
        error: String,
    },
    /// Refused for good.
    Failed {
        /// What was said.
        error: String,
    },
    /// No longer of use: the answer came first.
    Obsolete,
}

impl Store {
    /// Claims up to `limit` messages that are due.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn claim_messages(&self, now: Timestamp, limit: u64) -> Result<Vec<Model>, DbErr> {
        let due = Condition::all()
            .add(Column::State.is_in(["pending", "sending"]))
            .add(Column::NextAttemptAt.lte(micros(now)));
        // Most looks find nothing: they must not take the writer.
        if Entity::find().filter(due.clone()).one(self.reader()).await?.is_none() {
            return Ok(vec![]);
        }
        let transaction = self.writer().begin().await?;
        let mut query = Entity::find()
            .filter(due)
            .order_by_asc(Column::NextAttemptAt)
            .order_by_asc(Column::CreatedAt)
            .limit(limit);
        if self.is_shared() {
            query = query.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
        }
        let mut claimed = query.all(&transaction).await?;
        for row in &mut claimed {
            row.uncertain |= row.state == "sending";
            row.attempts += 1;
        }
        for uncertain in [false, true] {
            let keys: Vec<&str> = claimed
                .iter()
                .filter(|row| row.uncertain == uncertain)
                .map(|row| row.key.as_str())
                .collect();
            if keys.is_empty() {
                continue;
            }
            Entity::update_many()
                .col_expr(Column::State, Expr::value("sending"))
                .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
                .col_expr(Column::Uncertain, Expr::value(uncertain))
                .col_expr(Column::NextAttemptAt, Expr::value(micros(now + LEASE)))
                .filter(Column::Key.is_in(keys))
                .exec(&transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(claimed)
    }

    /// Settles claimed messages, all in one commit.
    ///
    /// # Errors
    /// When the database cannot be written; the messages are then tried again after their lease.
    pub async fn settle_messages(
        &self,
        results: &[(String, Delivery)],
        now: Timestamp,
    ) -> Result<(), DbErr> {
        let transaction = self.writer().begin().await?;
        for (key, delivery) in results {
            let update = Entity::update_many().filter(Column::Key.eq(key));
            let update = match delivery {
                Delivery::Sent => update
                    .col_expr(Column::State, Expr::value("sent"))
                    .col_expr(Column::SentAt, Expr::value(micros(now)))
                    .col_expr(Column::Error, Expr::value("")),
                Delivery::Retry { at, uncertain, error } => {
                    let update = update
                        .col_expr(Column::State, Expr::value("pending"))
                        .col_expr(Column::NextAttemptAt, Expr::value(micros(*at)))
                        .col_expr(Column::Error, Expr::value(error.as_str()));
                    if *uncertain {
                        update.col_expr(Column::Uncertain, Expr::value(true))
                    } else {
                        update
                    }
                }
                Delivery::Failed { error } => update
                    .col_expr(Column::State, Expr::value("failed"))
                    .col_expr(Column::NextAttemptAt, Expr::value(micros(now)))
                    .col_expr(Column::Error, Expr::value(error.as_str())),
                Delivery::Obsolete => update.col_expr(Column::State, Expr::value("obsolete")),
            };
            update.exec(&transaction).await?;
        }
        transaction.commit().await
    }

    /// Makes a failed message due again. Returns whether there was one.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn retry_message(&self, key: &str, now: Timestamp) -> Result<bool, DbErr> {
        let result = Entity::update_many()
            .col_expr(Column::State, Expr::value("pending"))
            .col_expr(Column::NextAttemptAt, Expr::value(micros(now)))
            .col_expr(Column::Attempts, Expr::value(0))
            .filter(Column::Key.eq(key))
            .filter(Column::State.is_in(["failed", "pending"]))
            .exec(self.writer())
            .await?;
        Ok(result.rows_affected == 1)
    }

    /// On start of the only daemon: what was being sent when the last one ended has an unknown
    /// result and is due at once. Returns how many there were.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn release_claims(&self, now: Timestamp) -> Result<u64, DbErr> {
        let result = Entity::update_many()
            .col_expr(Column::State, Expr::value("pending"))
            .col_expr(Column::Uncertain, Expr::value(true))
            .col_expr(Column::NextAttemptAt, Expr::value(micros(now)))
            .filter(Column::State.eq("sending"))
            .exec(self.writer())
            .await?;
        Ok(result.rows_affected)
    }

    /// When the next message is due.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn next_message_at(&self) -> Result<Option<i64>, DbErr> {
        Entity::find()
            .select_only()
            .column_as(Column::NextAttemptAt.min(), "at")
            .filter(Column::State.is_in(["pending", "sending"]))
            .into_tuple::<Option<i64>>()
            .one(self.reader())
            .await
            .map(Option::flatten)
    }
}

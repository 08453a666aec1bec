//! The outbox: messages committed with the state that caused them, claimed, sent, settled.
//!
//! A message is claimed (`sending`, with a lease) in a commit of its own before it is handed to a
//! plugin. Whoever finds it still `sending` after the lease cannot know whether it went out: it is
//! tried again under the same Message-ID and marked `uncertain`.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, Condition, DbErr, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    QuerySelect, Set, TransactionTrait,
};
use serde::{Deserialize, Serialize};
use vekha_analysis::Values;
use vekha_engine::{AssignmentKey, Letter};

use super::entities::outbox::{ActiveModel, Column, Entity, Model};
use super::schedule::work_is_due;
use super::{Store, document, json, micros};
use crate::message_id;

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

/// A message that is due, as far as it must be known to choose what goes next.
#[derive(Debug, Clone, PartialEq, Eq, FromQueryResult)]
pub struct Due {
    /// Its key.
    pub key: String,
    /// Municipality id.
    pub municipality: String,
    /// Addressee.
    pub organisation: String,
    /// The letter's kind.
    pub kind: String,
    /// Since when it is due, in microseconds.
    pub next_attempt_at: i64,
    /// A try ended without its result being known.
    pub uncertain: bool,
    /// The digest that it belongs to already.
    pub digest: Option<String>,
    /// Whether there was work due at that moment, which may bring more messages.
    pub work: bool,
}

/// Messages that go together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// Their keys, in the order in which they came to be due.
    pub keys: Vec<String>,
    /// Key of the digest that they make; none for one that goes alone.
    pub digest: Option<String>,
}

/// What the `body` column holds: of a letter what no other column tells.
#[derive(Serialize, Deserialize)]
struct Body {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    assignment: Option<AssignmentKey>,
    /// Letters of older releases have none.
    #[serde(default)]
    revision: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    thread: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    due: Option<Date>,
    not_before: Timestamp,
    facts: Values,
}

/// A new letter as a row.
pub(super) fn row(letter: Letter, road_map: u32, now: Timestamp) -> ActiveModel {
    let Letter { key, kind, to, run, assignment, revision, thread, due, not_before, facts } =
        letter;
    ActiveModel {
        message_id: Set(message_id::of(&key, &run.municipality)),
        key: Set(key),
        run: Set(run.to_string()),
        municipality: Set(run.municipality),
        road_map: Set(road_map as i32),
        kind: Set(kind.as_str().into()),
        organisation: Set(to),
        state: Set("pending".into()),
        created_at: Set(micros(now)),
        next_attempt_at: Set(micros(not_before)),
        attempts: Set(0),
        uncertain: Set(false),
        error: Set(String::new()),
        body: Set(json(&Body { assignment, revision, thread, due, not_before, facts })),
        ..Default::default()
    }
}

/// The letter that a row holds.
///
/// # Errors
/// When it is no such row as Vekha writes.
pub fn letter(row: &Model) -> Result<Letter, DbErr> {
    let Body { assignment, revision, thread, due, not_before, facts } =
        document(&row.key, &row.body)?;
    let kind = serde_json::from_value(row.kind.as_str().into());
    Ok(Letter {
        key: row.key.clone(),
        kind: kind.map_err(|_| DbErr::Custom(format!("letter kind «{}»", row.kind)))?,
        to: row.organisation.clone(),
        run: row.run.parse().map_err(DbErr::Custom)?,
        assignment,
        revision,
        thread,
        due,
        not_before,
        facts,
    })
}

fn is_due(now: Timestamp) -> Condition {
    Condition::all()
        .add(Column::State.is_in(["pending", "sending"]))
        .add(Column::NextAttemptAt.lte(micros(now)))
}

impl Store {
    /// The messages that have been due longest. One statement, thus one moment: seen apart, work
    /// could be done and its messages committed between the look at those and the look at it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn due_messages(&self, now: Timestamp, limit: u64) -> Result<Vec<Due>, DbErr> {
        use Column::{
            CreatedAt, Digest, Key, Kind, Municipality, NextAttemptAt, Organisation, Uncertain,
        };
        Entity::find()
            .select_only()
            .columns([Key, Municipality, Organisation, Kind, NextAttemptAt, Uncertain, Digest])
            .expr_as(work_is_due(now), "work")
            .filter(is_due(now))
            .order_by_asc(NextAttemptAt)
            .order_by_asc(CreatedAt)
            .order_by_asc(Key)
            .limit(limit)
            .into_model::<Due>()
            .all(self.reader())
            .await
    }

    /// Claims parcels, all in one commit. Returns for each those of its messages that were still
    /// due: another daemon may have claimed them in the meantime.
    ///
    /// # Errors
    /// When the database cannot be read or written; then none is claimed.
    pub async fn claim(
        &self,
        parcels: &[Parcel],
        now: Timestamp,
    ) -> Result<Vec<Vec<Model>>, DbErr> {
        if parcels.is_empty() {
            // Most looks find nothing that may go: they must not take the writer.
            return Ok(vec![]);
        }
        let transaction = self.writer().begin().await?;
        let keys = parcels.iter().flat_map(|parcel| &parcel.keys);
        let mut query = Entity::find()
            .filter(is_due(now))
            .filter(Column::Key.is_in(keys.map(String::as_str)))
            .order_by_asc(Column::Key);
        if self.is_shared() {
            // Whoever comes second waits, and then finds none of them due: a parcel stays whole.
            query = query.lock_exclusive();
        }
        let mut due: BTreeMap<String, Model> =
            query.all(&transaction).await?.into_iter().map(|row| (row.key.clone(), row)).collect();
        let mut claimed = Vec::with_capacity(parcels.len());
        for parcel in parcels {
            let mut rows: Vec<Model> =
                parcel.keys.iter().filter_map(|key| due.remove(key)).collect();
            rows.sort_by(|a, b| a.key.cmp(&b.key));
            for row in &mut rows {
                row.uncertain |= row.state == "sending";
                row.attempts += 1;
                row.digest.clone_from(&parcel.digest);
            }
            for uncertain in [false, true] {
                let keys: Vec<&str> = rows
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
                    .col_expr(Column::Digest, Expr::value(parcel.digest.clone()))
                    .col_expr(Column::NextAttemptAt, Expr::value(micros(now + LEASE)))
                    .filter(Column::Key.is_in(keys))
                    .exec(&transaction)
                    .await?;
            }
            claimed.push(rows);
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
            // A person wants this one now: it goes alone, or with what else is due.
            .col_expr(Column::Digest, Expr::value(None::<String>))
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

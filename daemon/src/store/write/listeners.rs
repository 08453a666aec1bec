//! How far listeners have been told. Whoever tells one has a claim to it, which ends unless it is renewed
//! and without which nothing is settled: of several daemons one tells a listener at a time.

use jiff::{SignedDuration, Timestamp};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveModelTrait as _, ColumnTrait as _, Condition, EntityTrait as _, IntoActiveModel as _,
    PaginatorTrait as _, QueryFilter as _, TransactionTrait as _,
};
use uuid::Uuid;

use super::outbox::ends;
use crate::store::entities::listener::{Column, Entity, Model};
use crate::store::entities::undelivered;
use crate::store::{Store, StoreError, micros};

/// What came of telling a listener for a while.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heard {
    /// The last entry that is settled.
    pub cursor: i64,
    /// Whether it took any.
    pub took: bool,
    /// What went wrong then, and when it is tried again; nothing if it took all.
    pub failed: Option<Failed>,
    /// Entries that are given up.
    pub given_up: Vec<undelivered::Model>,
    /// Entries that were given up before and are taken now.
    pub made_up: Vec<i64>,
}

/// A failed try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// Failed tries in a row.
    pub attempts: i32,
    /// What went wrong.
    pub error: String,
    /// Since when.
    pub since: i64,
    /// When it is tried again.
    pub again: i64,
}

/// Rows that are written at a time: a row has six values, and SQLite takes 32,766.
const AT_ONCE: usize = 1000;

impl Store {
    /// Claims a listener. Returns it as it is then, with its claim; none if it was not due any more.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn claim_listener(
        &self,
        id: &str,
        lease: SignedDuration,
        now: Timestamp,
    ) -> Result<Option<Model>, StoreError> {
        let claim = format!("{}/{}", self.name, Uuid::now_v7());
        let is_free = Condition::any()
            .add(Column::Claim.is_null())
            .add(Column::ClaimedUntil.lte(micros(now)));
        // One statement: of two that come at a time the second finds it claimed. A claim of whoever is
        // alone is of no stint that goes on.
        let claimed = Entity::update_many()
            .col_expr(Column::Claim, Expr::value(claim.as_str()))
            .col_expr(Column::ClaimedUntil, Expr::value(ends(now, lease)))
            .filter(Column::Id.eq(id))
            .filter(Column::Disabled.eq(false))
            .filter(Condition::all().add_option(self.is_shared().then_some(is_free)))
            .exec(self.writer())
            .await?;
        if claimed.rows_affected == 0 {
            return Ok(None);
        }
        let row = Entity::find_by_id(id).one(self.writer()).await?;
        Ok(row.filter(|row| row.claim.as_ref() == Some(&claim)))
    }

    /// Renews claims.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn renew_listeners(
        &self,
        claims: &[String],
        lease: SignedDuration,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        Entity::update_many()
            .col_expr(Column::ClaimedUntil, Expr::value(ends(now, lease)))
            .filter(Column::Claim.is_in(claims.iter().map(String::as_str)))
            .exec(self.writer())
            .await?;
        Ok(())
    }

    /// Writes down what came of telling a listener and gives up the claim. Returns whether that still
    /// held: if not, somebody else tells it now, and nothing was changed.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn settle_listener(
        &self,
        row: &Model,
        heard: &Heard,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let transaction = self.writer().begin().await?;
        let mut update = Entity::update_many()
            .col_expr(Column::Claim, Expr::value(None::<String>))
            .col_expr(Column::ClaimedUntil, Expr::value(0_i64))
            .col_expr(Column::Cursor, Expr::value(heard.cursor))
            .filter(Column::Id.eq(row.id.as_str()))
            .filter(Column::Claim.eq(row.claim.clone()));
        if heard.took {
            update = update.col_expr(Column::DeliveredAt, Expr::value(micros(now)));
        }
        let Failed { attempts, error, since, again } = match &heard.failed {
            Some(failed) => failed.clone(),
            None => Failed { attempts: 0, error: String::new(), since: 0, again: 0 },
        };
        update = update
            .col_expr(Column::Attempts, Expr::value(attempts))
            .col_expr(Column::Error, Expr::value(error))
            .col_expr(Column::FailingSince, Expr::value((since > 0).then_some(since)))
            .col_expr(Column::NextAttemptAt, Expr::value(again));
        if update.exec(&transaction).await?.rows_affected == 0 {
            transaction.rollback().await?;
            return Ok(false);
        }
        for rows in heard.given_up.chunks(AT_ONCE) {
            let rows = rows.iter().map(|row| row.clone().into_active_model().reset_all());
            let newest =
                OnConflict::columns([undelivered::Column::Listener, undelivered::Column::Cursor])
                    .update_columns([
                        undelivered::Column::Attempts,
                        undelivered::Column::Error,
                        undelivered::Column::GivenUpAt,
                        undelivered::Column::Wanted,
                    ])
                    .to_owned();
            undelivered::Entity::insert_many(rows)
                .on_conflict(newest)
                .exec_without_returning(&transaction)
                .await?;
        }
        if !heard.made_up.is_empty() {
            undelivered::Entity::delete_many()
                .filter(undelivered::Column::Listener.eq(row.id.as_str()))
                .filter(undelivered::Column::Cursor.is_in(heard.made_up.iter().copied()))
                .exec(&transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Wants entries that were given up tried once more: those at these cursors, or all; and the
    /// listener at once. With `only_count` nothing is changed. Returns how many there are.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn redeliver(
        &self,
        listener: &str,
        cursors: &[i64],
        only_count: bool,
    ) -> Result<u64, StoreError> {
        let mut which = Condition::all().add(undelivered::Column::Listener.eq(listener.to_owned()));
        if !cursors.is_empty() {
            which = which.add(undelivered::Column::Cursor.is_in(cursors.iter().copied()));
        }
        if only_count {
            let found = undelivered::Entity::find().filter(which);
            return Ok(found.count(self.reader()).await?);
        }
        let transaction = self.writer().begin().await?;
        let wanted = undelivered::Entity::update_many()
            .col_expr(undelivered::Column::Wanted, Expr::value(true))
            .filter(which)
            .exec(&transaction)
            .await?;
        Entity::update_many()
            .col_expr(Column::NextAttemptAt, Expr::value(0_i64))
            .filter(Column::Id.eq(listener))
            .exec(&transaction)
            .await?;
        transaction.commit().await?;
        Ok(wanted.rows_affected)
    }

    /// On start: what this daemon was telling when it ended is nobody's. Where it is the only one, all
    /// is its own.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn release_listeners(&self) -> Result<(), StoreError> {
        let own = match (self.is_shared(), &*self.name) {
            (false, _) => None,
            (true, "") => return Ok(()),
            (true, name) => Some(Column::Claim.starts_with(format!("{name}/"))),
        };
        Entity::update_many()
            .col_expr(Column::Claim, Expr::value(None::<String>))
            .filter(Condition::all().add(Column::Claim.is_not_null()).add_option(own))
            .exec(self.writer())
            .await?;
        Ok(())
    }

    /// Makes the listeners that the settings name and that are not there yet; what is known of the
    /// others stays.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn add_listeners(&self, rows: Vec<Model>) -> Result<(), StoreError> {
        for row in rows {
            let once = OnConflict::column(Column::Id).do_nothing().to_owned();
            let row = row.into_active_model().reset_all();
            Entity::insert(row).on_conflict(once).exec_without_returning(self.writer()).await?;
        }
        Ok(())
    }
}

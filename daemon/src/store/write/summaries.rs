//! Who is sent a summary in the morning, and when the next one is due. A summary is nothing that has to
//! be kept: what it tells is read when it is sent.

use jiff::{SignedDuration, Timestamp};
use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict};
use sea_orm::{
    ActiveModelTrait as _, ColumnTrait as _, EntityTrait as _, IntoActiveModel as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _,
};

use super::outbox::ends;
use crate::store::entities::summary::{Column, Entity, Model};
use crate::store::{Store, StoreError, micros};

impl Store {
    /// Has a person be sent summaries, the first one then. Who is sent them already goes on as before.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn begin_summaries(&self, person: &str, first: Timestamp) -> Result<(), StoreError> {
        self.sound()?;
        let (person, next_at) = (person.to_owned(), micros(first));
        let row = Model { person, next_at, attempts: 0, error: String::new() };
        let known = OnConflict::column(Column::Person).do_nothing().to_owned();
        Entity::insert(row.into_active_model().reset_all())
            .on_conflict(known)
            .exec_without_returning(self.writer())
            .await?;
        Ok(())
    }

    /// Has a person be sent no more summaries.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn end_summaries(&self, person: &str) -> Result<(), StoreError> {
        self.sound()?;
        Entity::delete_by_id(person).exec(self.writer()).await?;
        Ok(())
    }

    /// The summaries that a person is sent, if they are.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn summary_of(&self, person: &str) -> Result<Option<Model>, StoreError> {
        Ok(Entity::find_by_id(person).one(self.reader()).await?)
    }

    /// When the next summary is due.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn next_summary_at(&self) -> Result<Option<i64>, StoreError> {
        let first = Entity::find().order_by_asc(Column::NextAt).limit(1);
        Ok(first.one(self.reader()).await?.map(|row| row.next_at))
    }

    /// Claims the summary that has been due for longest: until the lease ends nobody else sends it.
    /// Returns how it stood before; none if none is due.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn claim_summary(
        &self,
        lease: SignedDuration,
        now: Timestamp,
    ) -> Result<Option<Model>, StoreError> {
        loop {
            let due = Entity::find().filter(Column::NextAt.lte(micros(now)));
            let first = due.order_by_asc(Column::NextAt).order_by_asc(Column::Person).limit(1);
            let Some(row) = first.one(self.writer()).await? else { return Ok(None) };
            // Of two that come at a time the second finds it put off, and looks for another.
            let mine = Entity::update_many()
                .col_expr(Column::NextAt, Expr::value(ends(now, lease)))
                .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
                .filter(Column::Person.eq(row.person.as_str()))
                .filter(Column::NextAt.eq(row.next_at))
                .exec(self.writer())
                .await?;
            if mine.rows_affected > 0 {
                return Ok(Some(row));
            }
        }
    }

    /// Writes down what became of a summary, and when the next one is due. Whoever wants none any more
    /// stays without.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn settle_summary(&self, row: &Model) -> Result<(), StoreError> {
        Entity::update_many()
            .col_expr(Column::NextAt, Expr::value(row.next_at))
            .col_expr(Column::Attempts, Expr::value(row.attempts))
            .col_expr(Column::Error, Expr::value(row.error.as_str()))
            .filter(Column::Person.eq(row.person.as_str()))
            .exec(self.writer())
            .await?;
        Ok(())
    }
}

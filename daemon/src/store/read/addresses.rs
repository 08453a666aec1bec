//! How the newest letter of each organisation ended.

use crate::store::StoreError;
use sea_orm::sea_query::{
    Expr, ExprTrait as _, Func, Order, Query, SelectStatement, WindowStatement,
};
use sea_orm::{ColumnTrait as _, FromQueryResult};

use crate::store::Store;
use crate::store::entities::outbox::{Column, Entity};

/// The newest letter of an organisation that was accepted or refused for good.
#[derive(Debug, Clone, PartialEq, Eq, FromQueryResult)]
pub struct NewestLetter {
    /// Its addressee.
    pub organisation: String,
    /// sent or failed.
    pub state: String,
    /// When its end became known, in microseconds since the epoch.
    pub settled_at: i64,
    /// Why it was refused.
    pub error: String,
}

impl Store {
    /// The newest letter of each organisation of a municipality, in one statement.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn newest_letters(
        &self,
        municipality: &str,
    ) -> Result<Vec<NewestLetter>, StoreError> {
        let statement = self.reader().get_database_backend().build(&newest(municipality, None));
        Ok(NewestLetter::find_by_statement(statement).all(self.reader()).await?)
    }

    /// The newest letter of one organisation.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn newest_letter(
        &self,
        municipality: &str,
        organisation: &str,
    ) -> Result<Option<NewestLetter>, StoreError> {
        let backend = self.reader().get_database_backend();
        let statement = backend.build(&newest(municipality, Some(organisation)));
        Ok(NewestLetter::find_by_statement(statement).one(self.reader()).await?)
    }
}

fn newest(municipality: &str, organisation: Option<&str>) -> SelectStatement {
    // A letter that failed keeps its last moment where its next one would stand.
    let settled_at =
        || Func::coalesce([Expr::col(Column::SentAt), Expr::col(Column::NextAttemptAt)]);
    let newest_first = WindowStatement::partition_by(Column::Organisation)
        .order_by_expr(settled_at().into(), Order::Desc)
        .order_by(Column::Key, Order::Desc)
        .take();
    let settled = Query::select()
        .columns([Column::Organisation, Column::State, Column::Error])
        .expr_as(settled_at(), "settled_at")
        .expr_window_as(Func::cust("ROW_NUMBER"), newest_first, "place")
        .from(Entity)
        .and_where(Column::Municipality.eq(municipality))
        .and_where_option(organisation.map(|code| Column::Organisation.eq(code)))
        .and_where(Column::State.is_in(["sent", "failed"]))
        .take();
    Query::select()
        .columns(["organisation", "state", "error", "settled_at"])
        .from_subquery(settled, "settled")
        .and_where(Expr::col("place").eq(1))
        .order_by("organisation", Order::Asc)
        .take()
}

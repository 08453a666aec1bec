//! Who is told of the journal's entries, and what they are to be told next.

use std::collections::BTreeMap;

use sea_orm::sea_query::{Expr, ExprTrait as _, Func};
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, FromQueryResult, PaginatorTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _,
};

use super::Page;
use crate::store::entities::{journal, listener, undelivered};
use crate::store::write::access::ACCESS;
use crate::store::{Store, StoreError};

/// An entry, as far as it must be known to see whether somebody is to be told of it.
#[derive(Debug, Clone, PartialEq, Eq, FromQueryResult)]
pub struct Outline {
    /// Its cursor.
    pub cursor: i64,
    /// The run, or the activity, or what else it is of.
    pub run: String,
    /// What it was.
    pub kind: String,
    /// When it happened.
    pub at: i64,
    /// Characters of its facts.
    pub size: i64,
}

impl Store {
    /// All listeners, by their names.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn listeners(&self) -> Result<Vec<listener::Model>, StoreError> {
        let all = listener::Entity::find().order_by_asc(listener::Column::Id);
        Ok(all.all(self.reader()).await?)
    }

    /// A listener by its name.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn listener(&self, id: &str) -> Result<Option<listener::Model>, StoreError> {
        Ok(listener::Entity::find_by_id(id).one(self.reader()).await?)
    }

    /// The entries after a cursor in outline, so many at most.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn outlines(&self, after: i64, limit: u64) -> Result<Vec<Outline>, StoreError> {
        use journal::Column::{At, Cursor, Data, Kind, Run};
        // PostgreSQL counts in small numbers.
        let size = Func::char_length(Expr::col(Data)).cast_as("bigint");
        Ok(journal::Entity::find()
            .select_only()
            .columns([Cursor, Run, Kind, At])
            .expr_as(size, "size")
            .filter(Cursor.gt(after))
            .order_by_asc(Cursor)
            .limit(limit)
            .into_model::<Outline>()
            .all(self.reader())
            .await?)
    }

    /// Entries by their cursors, in their order.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn entries_at(&self, cursors: &[i64]) -> Result<Vec<journal::Model>, StoreError> {
        if cursors.is_empty() {
            return Ok(vec![]);
        }
        Ok(journal::Entity::find()
            .filter(journal::Column::Cursor.is_in(cursors.iter().copied()))
            .order_by_asc(journal::Column::Cursor)
            .all(self.reader())
            .await?)
    }

    /// How many entries there are after a cursor, those that tell who is let in not counted.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn entries_after(&self, cursor: i64) -> Result<u64, StoreError> {
        let after = journal::Entity::find()
            .filter(journal::Column::Cursor.gt(cursor))
            .filter(journal::Column::Run.ne(ACCESS));
        Ok(after.count(self.reader()).await?)
    }

    /// How many entries were given up, by listener.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn count_undelivered(&self) -> Result<BTreeMap<String, i64>, StoreError> {
        let counts: Vec<(String, i64)> = undelivered::Entity::find()
            .select_only()
            .column(undelivered::Column::Listener)
            .column_as(undelivered::Column::Cursor.count(), "count")
            .group_by(undelivered::Column::Listener)
            .into_tuple()
            .all(self.reader())
            .await?;
        Ok(counts.into_iter().collect())
    }

    /// Which listeners somebody wants to have told once more of what was given up.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn wanted_by(&self) -> Result<Vec<String>, StoreError> {
        Ok(undelivered::Entity::find()
            .select_only()
            .column(undelivered::Column::Listener)
            .distinct()
            .filter(undelivered::Column::Wanted.eq(true))
            .into_tuple()
            .all(self.reader())
            .await?)
    }

    /// Entries that were given up, by their cursors; only those that are to be tried once more, or all.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn undelivered(
        &self,
        listener: &str,
        wanted: bool,
        page: &Page,
    ) -> Result<Vec<undelivered::Model>, StoreError> {
        use undelivered::Column::{Cursor, Listener, Wanted};
        let mut query = undelivered::Entity::find().filter(Listener.eq(listener));
        if wanted {
            query = query.filter(Wanted.eq(true));
        }
        if let Some(after) = page.after.as_ref().and_then(|after| after.parse::<i64>().ok()) {
            query = query.filter(Cursor.gt(after));
        }
        Ok(query.order_by_asc(Cursor).limit(page.limit).all(self.reader()).await?)
    }
}

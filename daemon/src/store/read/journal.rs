//! The journal, entry by entry.

use sea_orm::{
    ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};

use sea_orm::sea_query::{Expr, ExprTrait as _, Func, LikeExpr};

use super::filter::{Filter, equal, nothing, of_activities, of_runs};
use crate::store::entities::journal;
use crate::store::{Store, StoreError};

/// Which of a municipality's entries are looked for; what is empty does not restrict.
#[derive(Debug, Clone, Default)]
pub struct Looked {
    /// Id of the municipality.
    pub municipality: String,
    /// Their kind, as the journal spells it.
    pub kind: String,
    /// Part of the name of who did it.
    pub actor: String,
    /// Part of what they tell, as the journal spells it.
    pub text: String,
}

impl Store {
    /// Entries of a municipality before a cursor, newest first: at most `limit` of those between `from`
    /// and `before`, so that what is seldom found costs no more than what is found at once.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn entries_back(
        &self,
        looked: &Looked,
        (from, before): (i64, i64),
        limit: u64,
    ) -> Result<Vec<journal::Model>, StoreError> {
        use journal::Column;
        // The cursors bound it: an index over all that the municipality ever did would not. And not a
        // range: in PostgreSQL texts have orders of their own.
        let own = format!("{}/", looked.municipality);
        let length = i32::try_from(own.chars().count()).unwrap_or(i32::MAX);
        let begins =
            Func::cust("substr").args([Expr::col(Column::Run), Expr::val(1), Expr::val(length)]);
        let part = |column: Column, text: &String| {
            let plain = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
            let pattern = LikeExpr::new(format!("%{plain}%")).escape('\\');
            (!text.is_empty()).then(|| Expr::col(column).like(pattern))
        };
        let kind = (!looked.kind.is_empty()).then(|| Column::Kind.eq(looked.kind.as_str()));
        let wanted = Condition::all()
            .add(Column::Cursor.gte(from))
            .add(Column::Cursor.lt(before))
            .add(Expr::expr(begins).eq(own))
            .add_option(kind)
            .add_option(part(Column::Actor, &looked.actor))
            .add_option(part(Column::Data, &looked.text));
        Ok(journal::Entity::find()
            .filter(wanted)
            .order_by_desc(Column::Cursor)
            .limit(limit)
            .all(self.reader())
            .await?)
    }

    /// The cursor before which all entries were made before an instant (microseconds since the epoch),
    /// as far as the clock only ever went forward.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn cursor_at(&self, at: i64) -> Result<i64, StoreError> {
        let newest = self.newest_entry().await?.map_or(0, |entry| entry.cursor);
        let (mut low, mut high) = (0, newest + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            let next = journal::Entity::find()
                .filter(journal::Column::Cursor.gte(middle))
                .order_by_asc(journal::Column::Cursor)
                .one(self.reader())
                .await?;
            match next {
                Some(entry) if entry.at < at => low = entry.cursor + 1,
                _ => high = middle,
            }
        }
        Ok(low)
    }

    /// Journal entries after a cursor, of one run or of all.
    pub async fn journal(
        &self,
        run: Option<&str>,
        after: i64,
        limit: u64,
    ) -> Result<Vec<journal::Model>, StoreError> {
        let filter = Filter { run: run.map(str::to_owned), ..Filter::default() };
        self.entries(&filter, after, limit).await
    }

    /// Journal entries after a cursor.
    pub async fn entries(
        &self,
        f: &Filter,
        after: i64,
        limit: u64,
    ) -> Result<Vec<journal::Model>, StoreError> {
        let mut c = Condition::all().add(journal::Column::Cursor.gt(after));
        equal!(c, journal, Run = f.run, Kind = f.kind, Actor = f.actor);
        let places = [&f.municipality, &f.activity];
        let told_apart =
            f.period.is_some() || (f.run.is_none() && places.iter().any(|of| of.is_some()));
        let own = told_apart.then(|| {
            // What is done to an activity itself is of no period.
            let activities = f.period.is_none().then(|| of_activities(f, journal::Column::Run));
            Condition::any().add(of_runs(f, journal::Column::Run)).add_option(activities)
        });
        c = c.add_option(nothing(f)).add_option(own);
        let entries = journal::Entity::find().filter(c).order_by_asc(journal::Column::Cursor);
        Ok(entries.limit(limit).all(self.reader()).await?)
    }

    /// The newest journal entry of all.
    pub async fn newest_entry(&self) -> Result<Option<journal::Model>, StoreError> {
        Ok(journal::Entity::find()
            .order_by_desc(journal::Column::Cursor)
            .one(self.reader())
            .await?)
    }

    /// A run's journal, whole.
    pub async fn journal_of(&self, run: &str) -> Result<Vec<journal::Model>, StoreError> {
        Ok(journal::Entity::find()
            .filter(journal::Column::Run.eq(run))
            .order_by_asc(journal::Column::Sequence)
            .all(self.reader())
            .await?)
    }

    /// The newest entries of a run's journal, newest first.
    pub async fn journal_tail(
        &self,
        run: &str,
        limit: u64,
    ) -> Result<Vec<journal::Model>, StoreError> {
        Ok(journal::Entity::find()
            .filter(journal::Column::Run.eq(run))
            .order_by_desc(journal::Column::Sequence)
            .limit(limit)
            .all(self.reader())
            .await?)
    }

    /// Part of a run's journal, newest first: so many entries after so many. With an organisation, only those that name it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn journal_page(
        &self,
        run: &str,
        organisation: Option<&str>,
        skip: u64,
        limit: u64,
    ) -> Result<Vec<journal::Model>, StoreError> {
        Ok(journal::Entity::find()
            .filter(naming(run, organisation))
            .order_by_desc(journal::Column::Sequence)
            .offset(skip)
            .limit(limit)
            .all(self.reader())
            .await?)
    }

    /// How many entries a run's journal has; with an organisation, how many name it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn journal_length(
        &self,
        run: &str,
        organisation: Option<&str>,
    ) -> Result<u64, StoreError> {
        Ok(journal::Entity::find().filter(naming(run, organisation)).count(self.reader()).await?)
    }
}

/// Entries of a run; with an organisation, those that name it: by itself, or as one who was asked in
/// a stage.
fn naming(run: &str, organisation: Option<&str>) -> Condition {
    let named = organisation.map(|code| {
        let ends = [format!("\"{code}\""), format!(".{code}\"")];
        ends.iter().fold(Condition::any(), |any, end| any.add(journal::Column::Data.contains(end)))
    });
    Condition::all().add(journal::Column::Run.eq(run)).add_option(named)
}

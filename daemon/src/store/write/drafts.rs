//! Drafts of answers: kept for the one who types, no step of a run.

use jiff::Timestamp;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{
    ActiveValue, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect,
    TransactionTrait,
};
use vekha_analysis::Values;
use vekha_engine::run::Assignment;

use crate::store::entities::assignment;
use crate::store::entities::draft::{ActiveModel, Column, Entity, Model};
use crate::store::{Store, StoreError, document, json, micros};

/// What stood in the database when a page was made: whoever writes on the page has seen that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Basis {
    /// The number of the newest answer; 0 if there was none.
    pub answer: u32,
    /// The revision of the draft; 0 if there was none.
    pub draft: i64,
}

/// A draft that somebody wants kept.
#[derive(Debug, Clone, Copy)]
pub struct NewDraft<'a> {
    /// The assignment's id.
    pub assignment: &'a str,
    /// Raw answers.
    pub answers: &'a Values,
    /// What its writer had seen; none keeps it whatever is there.
    pub basis: Option<Basis>,
    /// The mark of the page that it was written on: what the same page wrote before may always be
    /// written over. Empty if there is none.
    pub page: &'a str,
}

/// What became of a draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saved {
    /// It is kept.
    Kept,
    /// It is not: somebody else has written what its writer had not seen.
    Stale,
}

impl Store {
    /// Keeps what was typed, in place of an earlier draft, if its writer had seen all that it
    /// replaces. Compared where nobody can come in between: of two who saw the same only one is
    /// kept.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn save_draft(&self, new: NewDraft<'_>, now: Timestamp) -> Result<Saved, StoreError> {
        let transaction = self.writer().begin().await?;
        let mut at = micros(now);
        if let Some(basis) = new.basis {
            // An answer changes this row: until we are done, none can come.
            // SQLite has one writer, which is locked enough.
            let mut row = assignment::Entity::find_by_id(new.assignment);
            if self.is_shared() {
                row = row.lock_exclusive();
            }
            if let Some(row) = row.one(&transaction).await? {
                let assignment: Assignment = document(&row.id, &row.body)?;
                if assignment.version != basis.answer {
                    transaction.rollback().await?;
                    return Ok(Saved::Stale);
                }
                // A draft upon an answer stands before it, whatever the clocks say.
                at = assignment
                    .answered_at
                    .map_or(at, |answered| Ord::max(at, micros(answered) + 1));
            }
        }
        let row = Model {
            assignment: new.assignment.to_owned(),
            at,
            answers: json(new.answers),
            source: String::new(),
            revision: 1,
            page: new.page.to_owned(),
        };
        let mut newest = OnConflict::column(Column::Assignment)
            .update_columns([Column::At, Column::Answers, Column::Source, Column::Page])
            .value(Column::Revision, next_revision())
            .to_owned();
        if let Some(basis) = new.basis {
            let mut seen = Expr::col((Entity, Column::Revision)).eq(basis.draft);
            if !new.page.is_empty() {
                seen = seen.or(Expr::col((Entity, Column::Page)).eq(new.page));
            }
            newest.action_and_where(seen);
        }
        let row: ActiveModel = row.into_active_model();
        let kept =
            Entity::insert(row).on_conflict(newest).exec_without_returning(&transaction).await?;
        transaction.commit().await?;
        Ok(if kept > 0 { Saved::Kept } else { Saved::Stale })
    }

    /// Makes a draft that came while an answer was on its way stand before that answer, whose
    /// writer had not seen it: nobody's input is hidden by another's. To be called once the answer,
    /// sent from this page, is committed. Returns whether there was one.
    ///
    /// # Errors
    /// When the database fails; the draft is then there, and not shown.
    pub async fn reveal_draft(
        &self,
        assignment: &str,
        basis: Basis,
        page: &str,
    ) -> Result<bool, StoreError> {
        let unseen = |draft: &Model| {
            draft.revision != basis.draft && (page.is_empty() || draft.page != page)
        };
        // Hardly ever is there one.
        let Some(draft) = self.draft(assignment).await?.filter(unseen) else { return Ok(false) };
        let answer = self.newest_submission(assignment).await?;
        let Some(answer) = answer.filter(|answer| draft.at <= answer.at) else { return Ok(false) };
        let shown = ActiveModel { at: ActiveValue::Set(answer.at + 1), ..Default::default() };
        let done = Entity::update_many()
            .set(shown)
            .filter(Column::Assignment.eq(assignment))
            .filter(Column::Revision.eq(draft.revision))
            .exec(self.writer())
            .await?;
        Ok(done.rows_affected > 0)
    }

    /// Keeps what a source knows, unless a person has typed something already, or another source has
    /// filled it; `over` names one that knows less. Returns whether it was kept.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn prefill(
        &self,
        assignment: &str,
        answers: &Values,
        source: &str,
        over: Option<&str>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let row = Model {
            assignment: assignment.to_owned(),
            at: micros(now),
            answers: json(answers),
            source: source.to_owned(),
            revision: 1,
            page: String::new(),
        };
        // A source may be asked again and know better; whoever typed is not written over.
        let newer = OnConflict::column(Column::Assignment)
            .update_columns([Column::At, Column::Answers, Column::Source])
            .value(Column::Revision, next_revision())
            .action_and_where(
                Expr::col((Entity, Column::Source)).is_in(over.into_iter().chain([source])),
            )
            .to_owned();
        let row: ActiveModel = row.into_active_model();
        let kept = Entity::insert(row).on_conflict(newer).exec_without_returning(self.writer());
        Ok(kept.await? > 0)
    }

    /// What was typed last and not sent.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn draft(&self, assignment: &str) -> Result<Option<Model>, StoreError> {
        Ok(Entity::find_by_id(assignment).one(self.reader()).await?)
    }
}

/// One more than the row has.
fn next_revision() -> Expr {
    Expr::col((Entity, Column::Revision)).add(1)
}

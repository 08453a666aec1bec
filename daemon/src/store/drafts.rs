//! Drafts of answers: kept for the one who types, no step of a run.

use jiff::Timestamp;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{DbErr, EntityTrait, IntoActiveModel};
use vekha_analysis::Values;

use super::entities::draft::{ActiveModel, Column, Entity, Model};
use super::{Store, json, micros};

impl Store {
    /// Keeps what was typed, in place of an earlier draft.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn save_draft(
        &self,
        assignment: &str,
        answers: &Values,
        now: Timestamp,
    ) -> Result<(), DbErr> {
        let row = Model {
            assignment: assignment.to_owned(),
            at: micros(now),
            answers: json(answers),
            source: String::new(),
            revision: 1,
            page: String::new(),
        };
        let newest = OnConflict::column(Column::Assignment)
            .update_columns([Column::At, Column::Answers, Column::Source])
            .to_owned();
        let row: ActiveModel = row.into_active_model();
        Entity::insert(row).on_conflict(newest).exec_without_returning(self.writer()).await?;
        Ok(())
    }

    /// Keeps what a source knows, unless a person has typed something already. Returns whether it
    /// was kept.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn prefill(
        &self,
        assignment: &str,
        answers: &Values,
        source: &str,
        now: Timestamp,
    ) -> Result<bool, DbErr> {
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
            .update_columns([Column::At, Column::Answers])
            .action_and_where(Expr::col((Entity, Column::Source)).eq(source))
            .to_owned();
        let row: ActiveModel = row.into_active_model();
        let kept = Entity::insert(row).on_conflict(newer).exec_without_returning(self.writer());
        Ok(kept.await? > 0)
    }

    /// What was typed last and not sent.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn draft(&self, assignment: &str) -> Result<Option<Model>, DbErr> {
        Entity::find_by_id(assignment).one(self.reader()).await
    }
}

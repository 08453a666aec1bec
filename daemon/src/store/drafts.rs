//! Drafts of answers: kept for the one who types, no step of a run.

use jiff::Timestamp;
use sea_orm::sea_query::OnConflict;
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
        let row =
            Model { assignment: assignment.to_owned(), at: micros(now), answers: json(answers) };
        let newest = OnConflict::column(Column::Assignment)
            .update_columns([Column::At, Column::Answers])
            .to_owned();
        let row: ActiveModel = row.into_active_model();
        Entity::insert(row).on_conflict(newest).exec_without_returning(self.writer()).await?;
        Ok(())
    }

    /// What was typed last and not sent.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn draft(&self, assignment: &str) -> Result<Option<Model>, DbErr> {
        Entity::find_by_id(assignment).one(self.reader()).await
    }
}
